"""Properties and normal forms of Unicode 17.0.0, from the tables in registry/data/unicode.json.

Python's own tables are of another version in each release, so two readers of one notice could disagree. The file is
read when it is first needed, and only the properties that are asked for are built. scripts/make_unicode.py writes it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import accumulate, groupby
from typing import NamedTuple

import msgspec
from msgspec import Raw

# Hangul syllables are computed (Unicode, section 3.12).
_S, _L, _V, _T = 0xAC00, 0x1100, 0x1161, 0x11A7
_L_COUNT, _V_COUNT, _T_COUNT = 19, 21, 28
_S_COUNT = _L_COUNT * _V_COUNT * _T_COUNT
_VIRAMA = 9


class Points(NamedTuple):
    """A set of code points: where it begins and where it has ended, in turn."""

    bounds: tuple[int, ...]

    def has(self, character: str) -> bool:
        """Whether the set holds this character."""
        return bisect_right(self.bounds, ord(character)) % 2 == 1


class Joining(NamedTuple):
    """The values of Joining_Type that RFC 5892 names, except U."""

    left: Points
    right: Points
    dual: Points
    transparent: Points


@lru_cache(maxsize=32)
def category(name: str) -> Points:
    """The characters of this General_Category; "L" is all letters."""
    return _points(_named("General_Category")[name])


@lru_cache(maxsize=1)
def default_ignorable() -> Points:
    """The characters that programs show as nothing: Default_Ignorable_Code_Point."""
    return _points(_properties()["Default_Ignorable_Code_Point"])


@lru_cache(maxsize=1)
def joining() -> Joining:
    """The characters of each Joining_Type."""
    types = _named("Joining_Type")
    return Joining(*(_points(types[name]) for name in "LRDT"))


def is_virama(character: str) -> bool:
    """Whether the character's Canonical_Combining_Class is Virama."""
    return _combining_classes().get(ord(character)) == _VIRAMA


def nfc(text: str) -> str:
    """Unicode Normalization Form C (UAX 15)."""
    return _composed(_decomposed(map(ord, text), _canonical()))


def nfkc(text: str) -> str:
    """Unicode Normalization Form KC (UAX 15)."""
    return _composed(_decomposed(map(ord, text), _compatible()))


def caseless(text: str) -> str:
    """NFKC(casefold(NFKC(text))), in which texts are equal that differ in case or compatibility forms only."""
    folding = _mapping("Case_Folding")
    folded = (point for c in nfkc(text) for point in folding.get(ord(c), (ord(c),)))
    return nfkc("".join(map(chr, folded)))


@lru_cache(maxsize=1)
def _properties() -> dict[str, Raw]:
    from importlib.resources import files  # slow to import, and few notices need it

    return msgspec.json.decode((files("registry") / "data" / "unicode.json").read_bytes(), type=dict[str, Raw])


def _named(name: str) -> dict[str, Raw]:
    return msgspec.json.decode(_properties()[name], type=dict[str, Raw])


def _points(raw: Raw) -> Points:
    """The file has how many code points to skip and how many to take, in turn."""
    return Points(tuple(accumulate(msgspec.json.decode(raw, type=list[int]))))


@lru_cache(maxsize=3)
def _mapping(name: str) -> dict[int, tuple[int, ...]]:
    """The file has the distance from the entry before, then the code points that this one becomes."""
    entries = msgspec.json.decode(_properties()[name], type=list[list[int]])
    return dict(zip(accumulate(one[0] for one in entries), (tuple(one[1:]) for one in entries), strict=True))


@lru_cache(maxsize=1)
def _combining_classes() -> dict[int, int]:
    classes = dict[int, int]()
    for value, raw in _named("Canonical_Combining_Class").items():
        bounds = _points(raw).bounds
        for first, end in zip(bounds[::2], bounds[1::2], strict=True):
            classes.update(dict.fromkeys(range(first, end), int(value)))
    return classes


def _canonical() -> dict[int, tuple[int, ...]]:
    return _mapping("Canonical_Decomposition")


@lru_cache(maxsize=1)
def _compatible() -> dict[int, tuple[int, ...]]:
    return _canonical() | _mapping("Compatibility_Decomposition")


@lru_cache(maxsize=1)
def _compositions() -> dict[tuple[int, ...], int]:
    excluded = _points(_properties()["Full_Composition_Exclusion"])
    return {parts: whole for whole, parts in _canonical().items() if not excluded.has(chr(whole))}


def _decomposed(points: Iterable[int], becomes: dict[int, tuple[int, ...]]) -> list[int]:
    """Decompose fully, and put marks in canonical order: by class, and marks of one class as they stood."""
    classes = _combining_classes()
    pieces = (piece for point in points for piece in _pieces(point, becomes))
    runs = groupby(pieces, lambda point: classes.get(point, 0) > 0)
    return [point for marks, run in runs for point in (sorted(run, key=classes.__getitem__) if marks else run)]


def _pieces(point: int, becomes: dict[int, tuple[int, ...]]) -> Iterator[int]:
    if point in becomes:
        for piece in becomes[point]:
            yield from _pieces(piece, becomes)
    elif 0 <= (index := point - _S) < _S_COUNT:
        yield _L + index // (_V_COUNT * _T_COUNT)
        yield _V + index // _T_COUNT % _V_COUNT
        if index % _T_COUNT:
            yield _T + index % _T_COUNT
    else:
        yield point


def _composed(points: list[int]) -> str:
    """Join each character with the last starter that nothing separates it from (Unicode, section 3.11, D117)."""
    classes, made, starter, before = _combining_classes(), list[int](), -1, 0
    for point in points:
        its_class = classes.get(point, 0)
        blocked = len(made) - 1 > starter and (before == 0 or before >= its_class)
        whole = None if starter < 0 or blocked else _joined(made[starter], point)
        if whole is not None:
            made[starter] = whole
            continue
        if its_class == 0:
            starter = len(made)
        made.append(point)
        before = its_class
    return "".join(map(chr, made))


def _joined(first: int, second: int) -> int | None:
    if 0 <= (left := first - _L) < _L_COUNT and 0 <= (vowel := second - _V) < _V_COUNT:
        return _S + (left * _V_COUNT + vowel) * _T_COUNT
    if 0 <= (index := first - _S) < _S_COUNT and index % _T_COUNT == 0 and 0 < (tail := second - _T) < _T_COUNT:
        return first + tail
    return _compositions().get((first, second))
