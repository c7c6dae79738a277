"""Which waiting requests make a batch, and the batch's tree: no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Any, NamedTuple

from registry.core.merkle import MAX_BATCH, build_tree, manifest
from registry.notary.records import BatchState

WORD = 32


class Rule(NamedTuple):
    """When a batch closes; see `ChainBook.close_batch`."""

    now: int
    items: int
    seconds: int
    at_once: bool

    def allows(self, waiting: int, oldest: int) -> bool:
        """Tell whether these commitments make a batch. A clock that was set back must not make them wait longer."""
        return waiting > 0 and (self.at_once or waiting >= self.items or abs(self.now - oldest) >= self.seconds)


class Picked(NamedTuple):
    """The oldest requests, as many as fit into a batch; ``is_full`` if another one did not."""

    ids: list[int]
    commitments: list[bytes]
    oldest: int
    due: int
    is_full: bool


class Built(NamedTuple):
    """A batch's row in ``batches``, its commitments in ascending order, its nodes, and the place of each commitment."""

    batch: dict[str, Any]
    commitments: bytes
    nodes: bytes
    places: list[tuple[bytes, int]]


def pick(rows: Iterable[Any]) -> Picked:
    """Pick requests from rows of ``requests``, the oldest first; stop reading when the batch is full.

    A commitment that stands in two requests is picked once.
    """
    ids, found, oldest, due, is_full = list[int](), dict[bytes, None](), 0, 0, False
    for row in rows:
        if len(found) + len(row.commitments) // WORD > MAX_BATCH:
            is_full = True
            break
        ids.append(row.id)
        if row.commitments:
            found.update(dict.fromkeys(words(row.commitments)))
            oldest, due = min(oldest or row.received_at, row.received_at), min(due or row.due, row.due)
    return Picked(ids, list(found), oldest, due, is_full)


def build(commitments: list[bytes], closed_at: int, due: int) -> Built:
    """Build the tree over 1 to 32,768 different commitments."""
    tree, block = build_tree(commitments), manifest(commitments)
    batch = {"root": tree.root, "manifest": sha256(block).digest(), "size": len(commitments), "closed_at": closed_at}
    state = {"due": due, "state": BatchState.CLOSED, "transaction": "", "block": 0, "time": 0}
    return Built(batch | state, block, b"".join(tree.nodes), sorted(tree.places.items()))


def siblings(place: int) -> list[int]:
    """Return the places of a proof's nodes, from the leaf up."""
    found = []
    while place:
        found.append(place + 1 if place % 2 else place - 1)
        place = (place - 1) // 2
    return found


def words(items: bytes) -> Iterator[bytes]:
    """Yield the 32-byte words of ``items``."""
    return (items[start : start + WORD] for start in range(0, len(items), WORD))
