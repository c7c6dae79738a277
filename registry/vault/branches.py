"""Bundles that two homes continued apart: which head knows of which, and what a brand may show that read either.

A bundle's newest head is one branch; its ``apart`` are the others. A brand shows of each record the version with the
largest counter that it read, and of two with one counter the first. So the next head must outdo all branches.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from registry.core.sealed.index import Branch, Bundle, OwnStream, Writer
from registry.core.sealed.records import Record


class Held(NamedTuple):
    """What a brand holds: of each record the newest version in any branch, by the bundle's ids.

    ``doubtful`` are the records of which brands may show different things. ``settled`` is what the newest head says
    of these, if no branch has deleted them.
    """

    newest: dict[str, Record]
    doubtful: frozenset[str] = frozenset()
    settled: Mapping[str, Record] = {}


def entries_of(bundle: Bundle) -> list[OwnStream]:
    """Return the branches of a bundle, the newest head first, each as a stream that can be read."""
    name, category, identity = bundle.name, bundle.view.category, bundle.identity
    return [OwnStream(name, category, identity, one.head, one.number) for one in bundle.branches]


def moved_on(bundle: Bundle, home: str, head: OwnStream) -> Bundle:
    """Return the bundle with a head that ``home`` made of it, and that takes account of all branches."""
    known = dict[str, int]()
    for writer in (one for branch in bundle.branches for one in branch.writers):
        known[writer.home] = max(known.get(writer.home, 0), writer.number)
    known[home] = head.number
    writers = tuple(Writer(*one) for one in sorted(known.items()))
    return msgspec.structs.replace(bundle, number=head.number, head=head.head, writers=writers, apart=())


def apart_from(newest: Bundle, bundles: Iterable[Bundle]) -> tuple[Branch, ...]:
    """Return the branches of these states of one bundle that neither ``newest`` nor another branch takes account of."""
    found = {one.head: one for each in bundles for one in each.branches}
    left = [one for one in found.values() if not any(_outdoes(other, one) for other in found.values())]
    return tuple(sorted((one for one in left if one.head != newest.head), key=lambda one: one.head))


def held_in(branches: Sequence[Mapping[str, Record]]) -> Held:
    """Return what a brand may hold of these branches, given by the newest version of each record; the head's first."""
    head, *others = branches
    newest, doubtful = dict(head), set[str]()
    for name in {name for other in others for name in other}:
        some = [one[name] for one in branches if name in one]
        newest[name] = max(some, key=lambda one: (one.counter, one.deleted))
        if not all(one.deleted for one in some) and not _is_outdone(head.get(name), some):
            doubtful.add(name)
    kept = {name for name in doubtful if not any(one[name].deleted for one in branches if name in one)}
    return Held(newest, frozenset(doubtful), {name: head[name] for name in kept if name in head})


def _is_outdone(mine: Record | None, some: Iterable[Record]) -> bool:
    """Whether who reads this version too shows it, whatever they read before of these."""
    return mine is not None and all(one.counter < mine.counter or one == mine for one in some)


def _outdoes(one: Branch, other: Branch) -> bool:
    """Whether a head takes account of another one."""
    known = {writer.home: writer.number for writer in one.writers}
    # Two heads that say the same of their writers come of a home that was set back: neither knows of the other.
    return set(one.writers) != set(other.writers) and all(
        known.get(writer.home, 0) >= writer.number for writer in other.writers
    )
