"""How two homes of one vault become one: which stream, which bundle, which schema of two stays. Nothing here does I/O.

Each rule gives the same in every home, in whatever order homes meet: the larger of two, the union of two sets.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from registry.core.sealed.index import Account, Bundle, OwnSchema, OwnStream, Restricted, Spent, VaultBook
from registry.vault.branches import apart_from
from registry.vault.journal import OWN, Waiting


class State(NamedTuple):
    """What the newest index of a home names."""

    streams: Mapping[str, OwnStream]
    book: VaultBook


def merge_states(home: str, mine: State, theirs: State) -> State:
    """Return all that either home names; ``home`` is the one whose state ``mine`` is."""
    streams = merge_streams(home, mine.streams, theirs.streams.values())
    return State(streams, merge_books(mine.book, theirs.book))


def is_older(home: str, mine: State, theirs: State) -> bool:
    """Whether another home knows more of a stream of this ``home`` than it does itself."""
    own = [one for one in mine.streams.values() if one.stream.startswith(home)]
    return any(theirs.streams[one.stream].number > one.number for one in own if one.stream in theirs.streams)


def merge_streams(home: str, mine: Mapping[str, OwnStream], theirs: Iterable[OwnStream]) -> dict[str, OwnStream]:
    """Return all streams of both, each with its newest head. A home never takes back a stream of its own.

    Only one home writes to a stream, so the one with the larger number has everything that the other has.
    """
    merged = dict(mine)
    for one in theirs:
        known = mine.get(one.stream)
        if known is None or (not one.stream.startswith(home) and _age(known) < _age(one)):
            merged[one.stream] = one
    return merged


def merge_books(mine: VaultBook, theirs: VaultBook) -> VaultBook:
    """Return all that either book knows. What is mine keeps its place, so nothing new means the same book."""
    members = {name: merge(getattr(mine, name), getattr(theirs, name)) for name, merge in MERGES.items()}
    return msgspec.structs.replace(mine, **members)


def has_other_text(mine: VaultBook, merged: VaultBook) -> bool:
    """Whether a name of mine stands for another schema now."""
    known = {one.name: one.schema for one in merged.schemas}
    return any(known[one.name] != one.schema for one in mine.schemas)


def erasable(
    waiting: Iterable[Waiting], mine: State, others: Sequence[State], reached: Callable[[Bundle], set[str] | None]
) -> set[Waiting]:
    """Return those blocks that no home names any more, and that none can take from another one again.

    ``others`` are the states of all other homes. ``reached`` returns the files of a bundle, or None if it cannot tell.
    """
    bundles = [_by_name(state.book.bundles) for state in others]
    own, files = _by_name(mine.book.bundles), dict[str, set[str] | None]()

    def is_free(one: Waiting) -> bool:
        if one.stream == OWN:
            return True
        if one.stream in mine.streams:
            streams = [state.streams.get(one.stream) for state in others]
            return all(each is not None and each.number >= one.number for each in streams)
        if (bundle := own.get(one.stream)) is None:
            return not any(one.stream in each for each in bundles)
        # Two homes may have gone on with a bundle apart. Once all have the same heads, none takes another one.
        if any(one.stream not in each or _heads(each[one.stream]) != _heads(bundle) for each in bundles):
            return False
        if one.stream not in files:
            files[one.stream] = reached(bundle)
        named = files[one.stream]
        return named is not None and one.file not in named

    return {one for one in waiting if is_free(one)}


def _age(one: OwnStream | Bundle) -> tuple[int, str]:
    return one.number, one.head


def _heads(bundle: Bundle) -> list[str]:
    return [one.head for one in bundle.branches]


def _by_name(bundles: Iterable[Bundle]) -> dict[str, Bundle]:
    return {one.name: one for one in bundles}


def _merge_bundles(mine: Sequence[Bundle], theirs: Sequence[Bundle]) -> tuple[Bundle, ...]:
    known, other = _by_name(mine), _by_name(theirs)
    both = [_merge_bundle(one, other[one.name]) if one.name in other else one for one in mine]
    both += sorted((one for one in theirs if one.name not in known), key=lambda one: one.name)
    return tuple(_end_twins(both, known.keys() - other.keys(), other.keys() - known.keys()))


def _merge_bundle(mine: Bundle, theirs: Bundle) -> Bundle:
    newest = max(mine, theirs, key=_age)
    locks = tuple(dict.fromkeys((*mine.locks, *theirs.locks)))
    apart = apart_from(newest, (mine, theirs))
    return msgspec.structs.replace(newest, locks=locks, ended=mine.ended or theirs.ended, apart=apart)


def _end_twins(bundles: Iterable[Bundle], only_mine: set[str], only_theirs: set[str]) -> Iterable[Bundle]:
    """End bundles that two homes made apart for one relationship and view, but the one that sorts first."""
    alike = defaultdict[Any, list[Bundle]](list)
    for one in bundles:
        if not one.ended:
            alike[one.subject, one.controller, one.view].append(one)
    ended = set[str]()
    for group in alike.values():
        for apart, other in ((only_mine, only_theirs), (only_theirs, only_mine)):
            first = min((one.name for one in group if one.name in other), default="")
            ended |= {one.name for one in group if first and one.name in apart and one.name > first}
    return (msgspec.structs.replace(one, ended=one.ended or one.name in ended) for one in bundles)


def _merge_accounts(mine: Sequence[Account], theirs: Sequence[Account]) -> tuple[Account, ...]:
    merged = {(one.controller, one.generation): one for one in mine}
    for one in sorted(theirs, key=lambda each: (each.controller, each.generation)):
        known = merged.setdefault((one.controller, one.generation), one)
        if known.address is None:
            merged[one.controller, one.generation] = one
    return tuple(merged.values())


def _merge_spent(mine: Sequence[Spent], theirs: Sequence[Spent]) -> tuple[Spent, ...]:
    merged = {one.request: one for one in mine}
    for one in sorted(theirs, key=lambda each: each.request):
        # Of two amounts for one study the larger: a study must never count for less than it was given.
        merged[one.request] = max(merged.get(one.request, one), one, key=lambda each: Decimal(each.epsilon))
    return tuple(merged.values())


def _merge_marks(mine: Sequence[str], theirs: Sequence[str]) -> tuple[str, ...]:
    return (*mine, *sorted(set(theirs).difference(mine)))


def _merge_restricted(mine: Sequence[Restricted], theirs: Sequence[Restricted]) -> tuple[Restricted, ...]:
    merged = {one.record: one for one in mine}
    for one in theirs:
        merged[one.record] = max(merged.get(one.record, one), one, key=_strength)
    return tuple(merged[name] for name in sorted(merged))


def _strength(one: Restricted) -> tuple[int, str, str]:
    return one.counter, one.until or "", one.reason or ""


def _merge_schemas(mine: Sequence[OwnSchema], theirs: Sequence[OwnSchema]) -> tuple[OwnSchema, ...]:
    """Keep every schema. Of two that took one name, the one whose text sorts first keeps it.

    The other one becomes the next version, and moves those behind it on in the same way.
    """
    families = defaultdict[str, dict[int, set[str]]](lambda: defaultdict(set))
    for one in (*mine, *theirs):
        family, version = one.name.split("/")
        families[family][int(version)].add(one.schema)
    known = {one.name: one for one in mine}
    laid = {one.name: one for family in sorted(families) for one in _lay(family, families[family])}
    kept = [laid.pop(name) for name in known]
    # The text as it was added stays, as long as it means the same.
    kept = [known[one.name] if _bare(one) == _bare(known[one.name]) else one for one in kept]
    return (*kept, *laid.values())


def _lay(family: str, versions: Mapping[int, set[str]]) -> Iterable[OwnSchema]:
    """Give each different schema one version: in turn the first by its text of those that may have it."""
    placed, waiting, version = set[str](), dict[str, str](), 0
    while waiting or version < max(versions):
        version += 1
        for text in sorted(versions.get(version, ())):
            waiting.setdefault(_bare(OwnSchema(f"{family}/{version}", text)), text)
        if left := sorted(waiting.keys() - placed):
            placed.add(left[0])
            yield _named(f"{family}/{version}", waiting[left[0]])
        waiting = {bare: text for bare, text in waiting.items() if bare not in placed}


def _bare(schema: OwnSchema) -> str:
    """Return the schema's text without its name, in one spelling."""
    document = _document(schema.schema)
    if isinstance(document.get("x-vault"), dict):
        document["x-vault"].pop("name", None)
    return json.dumps(document, sort_keys=True)


def _named(name: str, text: str) -> OwnSchema:
    document = _document(text)
    if not isinstance(document.get("x-vault"), dict) or document["x-vault"].get("name") == name:
        return OwnSchema(name, text)
    document["x-vault"]["name"] = name
    return OwnSchema(name, json.dumps(document))


def _document(text: str) -> dict[str, Any]:
    try:
        read = json.loads(text)
    except ValueError:
        read = None
    return read if isinstance(read, dict) else {"text": text}


# Each member of the book, and how two homes' become one.
MERGES: Mapping[str, Callable[[Any, Any], Any]] = {
    "bundles": _merge_bundles,
    "accounts": _merge_accounts,
    "schemas": _merge_schemas,
    "spent": _merge_spent,
    "shredded": _merge_marks,
    "restricted": _merge_restricted,
}
