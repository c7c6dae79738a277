"""List the blocks that a grant hands over, in the order in which a brand can follow them from its capsule."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from registry.client.party import Person
from registry.core.ipld.cid import cid_from_digest
from registry.core.ipld.unixfs import blocks_of
from registry.core.scalars import ZERO_WORD, unhex
from registry.core.sealed.index import Bundle
from registry.core.statements.messages import Grant
from registry.vault.bundles import files_of, held_by_brand


def granted_blocks(person: Person, grant: Grant) -> tuple[str, ...]:
    """Return the CIDs of all that this grant hands over now: capsule, heads, lists, segments, and the records' files.

    The capsule itself need not be stored yet. `StorageUnavailable` where a bundle cannot be read.
    """
    if grant.content == ZERO_WORD:
        return ()
    capsule = cid_from_digest(unhex(grant.content))
    return tuple(dict.fromkeys([capsule, *bundle_blocks(person, person.vault.shares.of(grant.revocation))]))


def bundle_blocks(person: Person, bundles: Iterable[Bundle]) -> Iterator[str]:
    """Yield the CIDs of all blocks of these bundles: head, lists and segments, then the files of the records."""
    store, shares = person.network.store, person.vault.shares
    for bundle in bundles:
        party = shares.party(bundle)
        for file in files_of(store, party, bundle):
            yield from (block.cid for block in blocks_of(file, store.get))
        for record in held_by_brand(store, party, bundle).values():
            if record.file is not None and record.file.cid is not None:
                yield from (block.cid for block in blocks_of(record.file.cid, store.get))
