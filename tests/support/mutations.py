"""Random damage to documents, as text or as JSON, so that two readers can be compared on what neither should accept."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import rfc8785
from hypothesis import strategies as st

from registry.core.errors import ConsentError

# What no document of ours, or only another place of one, holds.
STRANGE: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 1.5, 2**53 - 1, [], {}, ["x"], {"x": 1}),
    *(
        "",
        "x",
        " ",
        "0x",
        "0x" + "00" * 32,
        "0X" + "00" * 32,
        "0x" + "AB" * 20,
        "dpv:Marketing",
        "https://example.org/a",
    ),
    *("en", "{data}", "\ud800", "a\u0301", "é", "ʼn", "\u200c", "age1x"),
)
_CHARACTERS = "aZ09é{}'\",\\/ \n\t\u00a0\u2028\ufeff\u0301\u200cß中🦊:.-"
_BYTES = [0x00, 0x20, 0x22, 0x2C, 0x30, 0x5C, 0x65, 0x7D, 0x80, 0xC3, 0xFF]
_Path = tuple[Any, ...]


def _paths(value: Any, path: _Path = ()) -> Iterator[_Path]:
    yield path
    places = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for place, inner in places:
        yield from _paths(inner, (*path, place))


def _at(value: Any, path: _Path) -> Any:
    for place in path:
        value = value[place]
    return value


def _altered(draw: st.DrawFn, value: Any) -> Any:
    """A value of the same type, nearly the same."""
    if isinstance(value, str):
        place = draw(st.integers(0, len(value)))
        new = draw(st.sampled_from(_CHARACTERS))
        return value[:place] + new + value[place + draw(st.integers(0, 1)) :]
    if isinstance(value, int) and not isinstance(value, bool):
        return value + draw(st.sampled_from((-1, 1, 900, -(2**40), 2**53, 2**64)))
    if isinstance(value, list) and value:
        return draw(st.sampled_from((value[::-1], value + value[:1], value[1:], [*value, "dpv:Z"])))
    if isinstance(value, dict) and value:
        name = draw(st.sampled_from(sorted(value)))
        return {(each + "x" if each == name else each): inner for each, inner in value.items()} | {"zz": 1}
    return _strange(draw)


def _strange(draw: st.DrawFn) -> Any:
    return copy.deepcopy(draw(st.sampled_from(STRANGE)))


@st.composite
def mutated(draw: st.DrawFn, document: Any) -> Any:
    """The document with one to three faults, or none; each only *may* break a rule."""
    changed = copy.deepcopy(document)
    for _ in range(draw(st.integers(0, 3))):
        path = draw(st.sampled_from([one for one in _paths(changed) if one]))
        parent, last = _at(changed, path[:-1]), path[-1]
        kind = draw(st.sampled_from(("alter", "alter", "replace", "remove")))
        if kind == "remove":
            del parent[last]
        else:
            parent[last] = _altered(draw, parent[last]) if kind == "alter" else _strange(draw)
        if not changed:
            break
    return changed


def written(document: Any) -> bytes:
    """RFC 8785 bytes, or nearly so where RFC 8785 cannot express the document."""
    try:
        return rfc8785.dumps(document)
    except (rfc8785.CanonicalizationError, UnicodeError):
        return json.dumps(document, separators=(",", ":"), sort_keys=True).encode()


@st.composite
def damaged(draw: st.DrawFn, raw: bytes) -> bytes:
    """The bytes with a few replaced, left out, or put in; or as they were."""
    for _ in range(draw(st.integers(0, 2))):
        place = draw(st.integers(0, len(raw)))
        new = draw(st.sampled_from((b"", bytes([draw(st.sampled_from(_BYTES))]), raw[place : place + 1] * 2)))
        raw = raw[:place] + new + raw[place + draw(st.integers(0, 1)) :]
    return raw


@st.composite
def files(draw: st.DrawFn, document: Any) -> bytes:
    """A file of this document, damaged as JSON or as bytes."""
    if draw(st.integers(0, 3)):
        return written(draw(mutated(document)))
    return draw(damaged(written(document)))


def outcome(call: Callable[[], Any]) -> Any:
    """What the call returns, or the name of the error that it raises on purpose."""
    try:
        return call()
    except ConsentError as error:
        return type(error).__name__
