"""Follow the registry's log from a block on: what was logged, in order, and what a reorganisation took back.

Each `Follower.step` reads a bounded part and returns a new `Cursor`. The caller keeps the cursor with what it did, and
goes on from it after a restart. Near the head, logs are asked for by block hash, so headers and logs cannot belong to
different chains.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from hashlib import sha256
from itertools import pairwise
from typing import Any, NamedTuple

from registry.core.errors import BlockMismatch, InvalidInput, Malformed
from registry.core.merkle import build_tree
from registry.core.scalars import checksum, to_hex
from registry.ledger.abi import ANCHORED, REVOKED, REVOKED_ALL
from registry.ledger.base import Deployment, Head
from registry.ledger.blocks import block_call, chain_id_in, head_in, is_absent, quantity
from registry.ledger.contract_addresses import block_of
from registry.ledger.history import Logs
from registry.ledger.rpc import DEFAULT_TIMEOUT
from registry.net.json_rpc import Call, Node, NodeError, hex_bytes

# Blocks whose hashes a cursor keeps. A deeper reorganisation is another chain to a follower.
KEPT_BLOCKS = 128
# The newest blocks, which are read one by one.
_NEAR_HEAD = 16
# Older blocks that one step reads at most.
_SPAN = 10_000
_CHANGED = "its chain changed while it was read"


class LogKind(StrEnum):
    """The registry's events."""

    ANCHORED = "Anchored"
    REVOKED = "Revoked"
    REVOKED_ALL = "RevokedAll"


# The topic of each event, and the bytes of its data.
_EVENTS = {
    ANCHORED: (LogKind.ANCHORED, 32),
    REVOKED: (LogKind.REVOKED, 0),
    REVOKED_ALL: (LogKind.REVOKED_ALL, 32),
}


class LogEntry(NamedTuple):
    """One event. ``word`` is its root, handle or padded address (32 bytes); ``data`` a manifest, a uint64, or empty.

    ``time`` is the block's (unix seconds); ``transaction`` a 0x hash.
    """

    kind: LogKind
    word: bytes
    data: bytes
    block: int
    time: int
    transaction: str


class Cursor(NamedTuple):
    """How far a follower has read: number and hash of the last blocks, in rising order. Empty before the first step."""

    blocks: tuple[tuple[int, str], ...] = ()

    @property
    def number(self) -> int:
        """The last block that was read; -1 before the first step."""
        return self.blocks[-1][0] if self.blocks else -1


class Step(NamedTuple):
    """What one step found. Where ``removed_above`` is a number, all that was logged above that block is taken back.

    Then there are no entries: the next step reads the blocks that took their place. ``caught_up`` says whether the
    cursor has reached the node's head.
    """

    cursor: Cursor
    head: Head
    entries: tuple[LogEntry, ...] = ()
    removed_above: int | None = None
    caught_up: bool = False


class _Header(NamedTuple):
    head: Head
    parent: str


class Follower:
    """A reader of one registry's log behind the node at ``url``; ``timeout`` (seconds) bounds each request.

    ``LedgerUnavailable`` where the node is away, is on another chain, or contradicts itself or the cursor.
    """

    def __init__(self, url: str, deployment: Deployment, *, timeout: float = DEFAULT_TIMEOUT) -> None:
        self._node, self._deployment = Node(url, timeout), deployment
        self._begins: int | None = deployment.block or None

    def step(self, cursor: Cursor) -> Step:
        """Read the next part after the cursor, or notice a reorganisation."""
        head, newest = self._look(cursor)
        if newest is not None and newest != cursor.blocks[-1][1]:
            return self._take_back(cursor, head)
        if head.number <= cursor.number:
            return self._behind(cursor, head)
        if not cursor.blocks:
            cursor = self._first()
        first = cursor.number + 1
        if head.number - first >= _NEAR_HEAD:
            return self._read_range(cursor, head, first, min(head.number - _NEAR_HEAD, first + _SPAN - 1))
        return self._read_blocks(cursor, head, range(first, head.number + 1))

    def senders(self, transactions: Sequence[str]) -> list[str]:
        """Return the checksummed account that sent each of these transactions, which are in blocks."""
        shown = self._node.ask_all([Call("eth_getTransactionByHash", (hash_,)) for hash_ in transactions])
        senders = [hex_bytes(tx.get("from")) if isinstance(tx, dict) else None for tx in shown]
        found = [checksum(sender) for sender in senders if sender is not None and len(sender) == 20]
        if len(found) != len(transactions):
            raise self._node.unavailable("it does not show a transaction that is in a block")
        return found

    def _look(self, cursor: Cursor) -> tuple[Head, str | None]:
        """Return the head, and the hash that the cursor's newest block has now; None where the node has none."""
        asked = [Call("eth_chainId"), block_call("latest")]
        if cursor.blocks:
            asked.append(block_call(cursor.number))
        chain, latest, *shown = self._node.ask_all(asked)
        if (found := chain_id_in(self._node, chain)) != self._deployment.chain_id:
            raise self._node.unavailable(f"it is on chain {found}, not on {self._deployment.chain_id}")
        head = head_in(self._node, latest)
        return head, self._hash(cursor.number, shown[0]) if shown else None

    def _hash(self, number: int, answer: Any) -> str | None:
        if is_absent(answer):
            return None
        return self._header(number, answer).head.hash

    def _behind(self, cursor: Cursor, head: Head) -> Step:
        """The node shows no newer block. It may lag; only another block at a known number is a reorganisation."""
        known = dict(cursor.blocks).get(head.number)
        if known is not None and known != head.hash:
            return self._take_back(cursor, head)
        return Step(cursor, head, caught_up=True)

    def _take_back(self, cursor: Cursor, head: Head) -> Step:
        answers = self._node.ask_all([block_call(number) for number, _ in cursor.blocks])
        for place in range(len(answers) - 1, -1, -1):
            number, known = cursor.blocks[place]
            if self._hash(number, answers[place]) == known:
                return Step(Cursor(cursor.blocks[: place + 1]), head, removed_above=number)
        advice = "Check which chain the node is on. If the chain was begun anew, begin with a new cursor."
        raise self._node.unavailable("it shows none of the blocks that were read before", advice)

    def _first(self) -> Cursor:
        """Return the cursor that stands before the registry's first block."""
        if self._begins is None:
            self._begins = block_of(self._node, self._deployment.registry)
        if not self._begins:
            return Cursor()
        (before,) = self._headers([self._begins - 1])
        return Cursor(((before.head.number, before.head.hash),))

    def _read_range(self, cursor: Cursor, head: Head, first: int, last: int) -> Step:
        logs = Logs(self._node, self._deployment.registry, [list(_EVENTS)])
        end, raw = logs.read_part(first, last)
        places = [self._place(entry, first, end) for entry in raw]
        numbers = sorted({number for number, _ in places} | {first, end})
        headers = {header.head.number: header for header in self._headers(numbers)}
        if cursor.blocks and headers[first].parent != cursor.blocks[-1][1]:
            raise self._node.unavailable(_CHANGED)
        entries = self._entries(raw, places, headers)
        return Step(_advanced(cursor, [headers[end].head]), head, entries)

    def _read_blocks(self, cursor: Cursor, head: Head, numbers: Sequence[int]) -> Step:
        headers = self._headers(numbers)
        self._check_links(cursor, headers, head)
        where = {"address": self._deployment.registry, "topics": [list(_EVENTS)]}
        asked = [Call("eth_getLogs", ({**where, "blockHash": header.head.hash},)) for header in headers]
        raw, places = list[Any](), list[tuple[int, int]]()
        for header, answer in zip(headers, self._node.ask_all(asked), strict=True):
            if not isinstance(answer, list):
                why = answer.message if isinstance(answer, NodeError) else "its answer holds no logs"
                raise self._node.unavailable(f"it does not show the logs of block {header.head.number:,}: {why}")
            raw += answer
            places += [self._place(entry, header.head.number, header.head.number) for entry in answer]
        entries = self._entries(raw, places, {header.head.number: header for header in headers})
        return Step(_advanced(cursor, [header.head for header in headers]), head, entries, caught_up=True)

    def _check_links(self, cursor: Cursor, headers: Sequence[_Header], head: Head) -> None:
        """Each block must name the one before as its parent; the chain may have changed since the last request."""
        before = cursor.blocks[-1][1] if cursor.blocks else headers[0].parent
        for header in headers:
            if header.parent != before:
                raise self._node.unavailable(f"block {header.head.number:,} does not follow the one before")
            before = header.head.hash
        if before != head.hash:
            raise self._node.unavailable(_CHANGED)

    def _headers(self, numbers: Iterable[int]) -> list[_Header]:
        wanted = list(numbers)
        answers = self._node.ask_all([block_call(number) for number in wanted])
        return [self._header(number, answer) for number, answer in zip(wanted, answers, strict=True)]

    def _header(self, number: int, answer: Any) -> _Header:
        found = head_in(self._node, answer)
        if found.number != number:
            raise self._node.unavailable(f"it returned block {found.number:,} where {number:,} was asked for")
        return _Header(found, str(answer.get("parentHash")).lower())

    def _place(self, entry: Any, first: int, last: int) -> tuple[int, int]:
        """Return number and log index of an entry; ``LedgerUnavailable`` for one of another block or contract."""
        if not isinstance(entry, dict) or entry.get("removed") is True:
            raise self._node.unavailable("its answer holds no logs")
        number, index = (quantity(self._node, entry.get(name)) for name in ("blockNumber", "logIndex"))
        address = str(entry.get("address")).lower()
        if not first <= number <= last or address != self._deployment.registry.lower():
            raise self._node.unavailable("it returned other logs than were asked for")
        return number, index

    def _entries(
        self, raw: list[Any], places: list[tuple[int, int]], headers: dict[int, _Header]
    ) -> tuple[LogEntry, ...]:
        if any(after <= before for before, after in pairwise(places)):
            raise self._node.unavailable("its logs are not in the chain's order")
        return tuple(self._entry(entry, headers[number].head) for entry, (number, _) in zip(raw, places, strict=True))

    def _entry(self, entry: dict[str, Any], block: Head) -> LogEntry:
        if str(entry.get("blockHash")).lower() != block.hash:
            raise self._node.unavailable(f"its logs of block {block.number:,} are from another chain")
        topics, transaction = entry.get("topics"), str(entry.get("transactionHash")).lower()
        event, word = topics if isinstance(topics, list) and len(topics) == 2 else (None, None)
        kind, size = _EVENTS.get(str(event), (None, 0))
        topic, data = hex_bytes(word), hex_bytes(entry.get("data"))
        if kind is None or topic is None or data is None or (len(topic), len(data)) != (32, size):
            raise self._node.unavailable("its answer holds no logs of a registry")
        if re.fullmatch(r"0x[0-9a-f]{64}", transaction) is None:
            raise self._node.unavailable("its logs name no transaction")
        return LogEntry(kind, topic, data, block.number, block.time, transaction)


def _advanced(cursor: Cursor, blocks: Iterable[Head]) -> Cursor:
    seen = *cursor.blocks, *((block.number, block.hash) for block in blocks)
    return Cursor(seen[-KEPT_BLOCKS:])


def read_manifest(root: bytes, manifest: bytes, fetch: Callable[[bytes], bytes]) -> list[bytes]:
    """Fetch the manifest with this SHA-256, and return its commitments, if it rebuilds the root.

    ``Malformed`` where the event's author anchored something else, ``BlockMismatch`` where ``fetch`` returns other
    bytes.
    """
    raw = fetch(manifest)
    if sha256(raw).digest() != manifest:
        raise BlockMismatch("the bytes given for a manifest do not match it")
    words = [raw[at : at + 32] for at in range(0, len(raw), 32)]
    if not raw or len(raw) % 32 or any(after <= before for before, after in pairwise(words)):
        raise Malformed("a manifest holds different commitments in rising order")
    try:
        found = build_tree(words).root
    except InvalidInput as error:
        raise Malformed(f"a manifest holds too much: {error}") from None
    if found != root:
        raise Malformed(f"the manifest does not rebuild the root {to_hex(root)}")
    return words
