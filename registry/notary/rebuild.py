"""Restore every anchored batch and its proofs from the chain and the content store alone.

What was only promised, spent tokens, keys and sponsors' budgets are on no chain: they need the back-up.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple

from registry.core.errors import Malformed, StorageUnavailable
from registry.core.ipld.cid import cid_from_digest
from registry.ledger.follower import Cursor, Follower, LogEntry, LogKind, Step, read_manifest
from registry.notary.stores import Stores
from registry.storage.base import BlockStore

NOT_RESTORED = (
    "commitments that were promised and are in no anchored batch",
    "endings that wait",
    "spent tokens and the keys of tokens",
    "sponsors, their keys and budgets",
    "what transactions cost",
)
"""What `rebuild` cannot restore, because neither the chain nor the content store holds it."""


class Missing(NamedTuple):
    """An anchored batch that was not restored, and why. ``root`` has 32 bytes."""

    root: bytes
    block: int
    why: str


class Rebuilt(NamedTuple):
    """What a run did. ``restored`` and ``known`` are batches; ``missing`` may be restored by a later run."""

    restored: int
    known: int
    commitments: int
    missing: tuple[Missing, ...]


class RebuildProgress(NamedTuple):
    """How far a run is: the block that was read last, the chain's head, and the batches restored so far."""

    block: int
    head: int
    restored: int


def rebuild(
    stores: Stores,
    blocks: BlockStore,
    follower: Follower,
    accounts: Collection[str],
    *,
    confirmations: int,
    progress: Callable[[RebuildProgress], None] = lambda _: None,
) -> Rebuilt:
    """Read the registry's whole log, and restore the batches that one of ``accounts`` (checksummed) anchored.

    A stranger may anchor a batch of ours first; then the notary does not anchor it again. Such a batch is known by its
    manifest in ``blocks``: a notary stores that before it sends, and strangers' manifests are not there.

    Only events with ``confirmations`` blocks above them count. A batch that is kept stays as it is, so a run that was
    cut off can be repeated. ``LedgerUnavailable`` where the chain cannot be read.
    """
    found, done = Rebuilt(0, 0, 0, ()), set[bytes]()
    for step in _steps(follower):
        deep = [one for one in step.entries if one.block <= step.head.number - confirmations]
        anchored = [one for one in deep if one.kind is LogKind.ANCHORED]
        senders = follower.senders([one.transaction for one in anchored])
        for entry, sender in zip(anchored, senders, strict=True):
            if entry.word not in done:
                found = _restore(stores, blocks, entry, found, is_ours=sender in accounts)
                done |= {entry.word} if stores.book.batch(entry.word) else set()
        progress(RebuildProgress(step.cursor.number, step.head.number, found.restored))
    return found


def _steps(follower: Follower) -> Iterator[Step]:
    step = follower.step(Cursor())
    yield step
    while not step.caught_up:
        step = follower.step(step.cursor)
        yield step


def _restore(stores: Stores, blocks: BlockStore, entry: LogEntry, found: Rebuilt, *, is_ours: bool) -> Rebuilt:
    if stores.book.batch(entry.word) is not None:
        return found._replace(known=found.known + 1)
    try:
        if not is_ours and not blocks.has(cid_from_digest(entry.data)):
            return found
        words = read_manifest(entry.word, entry.data, lambda digest: blocks.get(cid_from_digest(digest)))
    except (StorageUnavailable, Malformed) as error:
        if isinstance(error, Malformed) and not is_ours:
            return found  # a stranger's root beside a manifest of ours
        return found._replace(missing=(*found.missing, Missing(entry.word, entry.block, str(error))))
    stores.book.add_rebuilt(words, entry.transaction, entry.block, entry.time)
    return found._replace(restored=found.restored + 1, commitments=found.commitments + len(words))
