"""The use log: note each reading of what a grant handed over, before it is read, and show it to its person.

A reading that cannot be noted must not happen: `note_use` raises, and its caller hands nothing out.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Sequence
from itertools import pairwise

from registry.brand.sql.uses import UseEntry, UseHead
from registry.brand.store import Store
from registry.client.sign import fresh_salt
from registry.core.errors import InvalidInput, Malformed
from registry.core.evidence.file import parse_evidence
from registry.core.merkle_log import Range, consistency_ranges, hashes_of, inclusion_ranges, nodes_of
from registry.core.scalars import to_hex
from registry.core.uses import MOST_ON_A_PAGE, LoggedUse, LogHead, Use, UsesPage, parse_use, write_use


def note_use(
    store: Store, grant: bytes, *, at: int, purpose: str, data: Collection[str], count: int, system: str = ""
) -> int:
    """Note a reading durably, before anything is handed out; return its number in the log, from 0.

    ``grant`` is the digest of the grant (32 bytes), ``at`` in unix seconds, ``count`` the number of records that are
    read. ``system`` names who reads, and the person sees that name. ``InvalidInput`` for what no entry can hold,
    ``DatabaseUnavailable`` where it could not be noted: then nothing may be read.
    """
    return note_uses(store, [new_use(grant, at=at, purpose=purpose, data=data, count=count, system=system)])


def new_use(grant: bytes, *, at: int, purpose: str, data: Collection[str], count: int, system: str = "") -> Use:
    """Return an entry with a fresh salt; the arguments are those of `note_use`."""
    try:
        # Only parsing checks the members' types and bounds.
        return parse_use(
            write_use(Use(to_hex(grant), at, purpose, tuple(sorted(set(data))), count, system, fresh_salt()))
        )
    except Malformed as error:
        raise InvalidInput(f"the reading cannot be noted: {error}", "Correct it; nothing was read.") from None


def note_uses(store: Store, uses: Sequence[Use]) -> int:
    """Note several readings at once, in one transaction; return the number of the first."""
    return store.add_uses([UseEntry(bytes.fromhex(each.grant[2:]), write_use(each)) for each in uses])


def page_of(store: Store, grant: bytes, start: int, size: int) -> UsesPage:
    """Return a page: the grant's entries from the number ``start`` on, and the heads of more than ``size`` entries."""
    # A head that comes meanwhile is for the next page: every head of an entry is among those that are shown.
    newest = store.newest_head()
    last = newest.size if newest else 0
    heads = [each for each in store.heads_after(size, MOST_ON_A_PAGE + 1) if each.size <= last]
    entries = store.uses_of(grant, start, MOST_ON_A_PAGE + 1)
    more = max(len(heads), len(entries)) > MOST_ON_A_PAGE
    return UsesPage(
        to_hex(grant),
        _with_consistency(store, heads[:MOST_ON_A_PAGE]),
        _with_inclusion(store, entries[:MOST_ON_A_PAGE], last),
        more,
    )


def _with_consistency(store: Store, heads: Sequence[UseHead]) -> tuple[LogHead, ...]:
    if not heads:
        return ()
    first = store.head_up_to(heads[0].size - 1)
    sizes = [first.size if first else 0, *(each.size for each in heads)]
    proofs = _proofs(store, [consistency_ranges(*pair) for pair in pairwise(sizes)])
    return tuple(
        LogHead(parse_evidence(each.file), before, proof)
        for each, before, proof in zip(heads, sizes, proofs, strict=False)
    )


def _with_inclusion(store: Store, entries: Sequence[UseEntry], last: int) -> tuple[LoggedUse, ...]:
    if not entries:
        return ()
    sizes = [size for size in store.head_sizes(entries[0].position, entries[-1].position) if size <= last]
    places = [bisect_right(sizes, each.position) for each in entries]  # the smallest head that covers it
    covered = [sizes[place] if place < len(sizes) else 0 for place in places]
    ranges = [inclusion_ranges(each.position, head) for each, head in zip(entries, covered, strict=True) if head]
    proofs = iter(_proofs(store, ranges))
    return tuple(
        LoggedUse(each.position, parse_use(each.entry), head, next(proofs))
        if head
        else LoggedUse(each.position, parse_use(each.entry))
        for each, head in zip(entries, covered, strict=True)
    )


def _proofs(store: Store, ranges: Sequence[Sequence[Range]]) -> list[tuple[str, ...]]:
    """Return the hashes of each list of ranges; all their nodes are read at once."""
    nodes = store.use_nodes(nodes_of(each for part in ranges for each in part))
    return [tuple(map(to_hex, hashes_of(part, nodes))) for part in ranges]
