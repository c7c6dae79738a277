"""Blocks on a Kubo node, through its RPC: the same identifiers, and nothing that it says is believed unchecked.

What is put is pinned: thousands of blocks travel as one CAR archive together with a shelf (``_shelves``) that lists
them, and the node pins that shelf before its garbage collection can run. Personal ciphertext must not be announced
to the public network: run the node with ``Provide.Enabled`` false or ``Routing.Type`` "none" (``announces()`` tells);
no request made here asks for an announcement. Reads stay on the node unless ``fetch`` is set, because asking the
network for a block tells it who wants it.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, wait
from functools import partial
from types import TracebackType
from typing import Any, Self

from registry.core.errors import BlockMismatch, InvalidInput, StorageRefused, StorageUnavailable
from registry.core.ipld.car import DAG_CBOR, RAW, car_parts
from registry.core.ipld.cid import Block, cid_from_digest, digest_of_cid
from registry.storage import errors
from registry.storage.addresses import Credentials, parse_address
from registry.storage.base import StoreStat, accepted, checked
from registry.storage.kubo_rpc import Kubo, Usage
from registry.storage.pinsets import MAX_ENTRIES, Shelf, batches, is_shelf, parse_shelf, shelf_of, text_of
from registry.storage.prefetch import PART_BYTES, Ahead
from registry.storage.spawn import begun

SECONDS = 30.0
# More blocks than this are erased by a garbage collection: one by one a node takes up to 30 ms for each.
COLLECT_FROM = 64
# Other writers may move blocks between shelves meanwhile: what has to hold still is looked at this many times.
ATTEMPTS = 5
# Batches on their way at once; more would only take memory.
SENDERS = 2
# So many shelves are put together when something rewrites shelves anyway.
MAX_SHELVES = 64


class KuboBlocks:
    """A BlockStore on the node at ``address``: a multiaddr (/ip4/127.0.0.1/tcp/5001) or the http(s) URL of its RPC.

    ``basic`` (user, password) or ``bearer`` (a token) are for a node that wants them (Kubo: API.Authorizations).
    ``seconds`` bounds each attempt of a call; a node that is away, breaks off or takes no more of what is sent is asked
    three times. ``fetch`` lets ``get`` and ``pin`` have the node search the network. Many threads and processes may
    write at once. What ``put`` returned for survives the node's end; the machine's only if the node syncs (Kubo:
    Datastore.Spec, "sync"). InvalidInput for an address that is none.
    """

    def __init__(
        self,
        address: str,
        *,
        basic: tuple[str, str] | None = None,
        bearer: str | None = None,
        seconds: float = SECONDS,
        fetch: bool = False,
    ) -> None:
        self._node = Kubo(parse_address(address), Credentials(basic, bearer), seconds)
        self._fetch = fetch
        self._known: dict[str, Shelf | None] = {}
        self._damaged: set[bytes] = set()

    def put(self, blocks: Iterable[Block]) -> None:
        # While a node writes one batch it takes the next, and the one after is made here.
        sent: deque[Future[None]] = deque()
        try:
            for batch in batches((accepted(block), block) for block in blocks):
                if len(sent) == SENDERS:
                    sent.popleft().result()
                sent.append(begun(partial(self._send, batch)))
        except Exception:
            # After an error nothing is on its way; after an interruption nobody waits for what is.
            wait(sent)
            raise
        wait(sent)
        for each in sent:
            each.result()

    def get(self, cid: str) -> bytes:
        digest = digest_of_cid(cid)
        try:
            data = self._node.block(cid, offline=not self._fetch)
        except StorageRefused as refusal:
            if not errors.says_absent(refusal):
                raise
            raise StorageUnavailable(f"{self._node.name} does not hold {cid}.") from None
        try:
            return checked(cid, data)
        except BlockMismatch:
            self._damaged.add(digest)
            raise

    def reader(self, root: str) -> Callable[[str], bytes]:
        digest_of_cid(root)
        return Ahead(lambda at: self._node.content(root, at, PART_BYTES, offline=not self._fetch), self.get)

    def has(self, cid: str) -> bool:
        digest_of_cid(cid)
        return self._node.has(cid)

    def delete(self, cids: Iterable[str]) -> None:
        """As the protocol says. Over COLLECT_FROM at once run the node's garbage collection, which deletes whatever
        no pin keeps. StorageUnavailable where somebody else's pin keeps one of them.
        """
        wanted = {digest_of_cid(cid): cid for cid in cids}
        for _ in range(ATTEMPTS):
            if wanted:
                self._release(wanted)
                wanted = self._erase(wanted)
        if wanted:
            cid = next(iter(wanted.values()))
            raise StorageUnavailable(
                f"{self._node.name} keeps {cid}: it is part of something else that is pinned there.",
                f"Unpin that (`ipfs pin ls {cid}` names it), then delete again.",
            )

    def stat(self) -> StoreStat:
        """What was put and not unpinned since; other blocks on the node do not count."""
        sizes = _merged(self._shelves())
        return StoreStat(len(sizes), sum(sizes.values()))

    def pin(self, cid: str) -> None:
        """Keeps the whole file under ``cid`` (what is put here is kept anyway).

        StorageUnavailable where a block of it is missing.
        """
        digest_of_cid(cid)
        self._node.pin(cid, offline=not self._fetch)

    def unpin(self, cids: Iterable[str]) -> None:
        """Leaves these blocks to the node's next garbage collection; those that no pin keeps are no error."""
        if wanted := {digest_of_cid(cid): cid for cid in cids}:
            self._release(wanted)

    def collect(self) -> int:
        """Has the node delete every block that no pin keeps; returns how many those were."""
        return len(self._node.collect())

    def announces(self) -> bool:
        """Whether the node's configuration has it tell the public network what it holds.

        Read from Provide.Enabled and Routing.Type (Kubo, docs/config.md); a daemon started with --offline announces
        nothing whatever they say.
        """
        config = self._node.config()
        return _member(config, "Provide", "Enabled") is not False and _member(config, "Routing", "Type") != "none"

    def about(self) -> tuple[str, Usage]:
        """The node's version, and how many bytes its files take and may take."""
        return self._node.version(), self._node.usage()

    def close(self) -> None:
        """Closes the connections; every later call is StorageUnavailable. May be called twice."""
        self._node.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<KuboBlocks: {self._node.name}>"

    def _send(self, batch: Mapping[bytes, bytes]) -> None:
        sizes = {digest: len(data) for digest, data in batch.items()}
        # A node takes more than its limit and only then begins to warn in its log.
        used, limit = self._node.usage()
        if limit and used + sum(sizes.values()) > limit:
            if not self._holds(batch):
                raise errors.full(self._node.name)
            batch = {}
        self._make_way(batch)
        self._shelve(sizes, batch)

    def _holds(self, batch: Mapping[bytes, bytes]) -> bool:
        return self._damaged.isdisjoint(batch) and all(self._node.has(cid_from_digest(digest)) for digest in batch)

    def _make_way(self, batch: Mapping[bytes, bytes]) -> None:
        # A node does not write a block that it believes to have: one that came back altered has to go first.
        if damaged := self._damaged & batch.keys():
            self.delete(map(cid_from_digest, damaged))
            self._damaged -= damaged

    def _shelve(self, sizes: Mapping[bytes, int], blocks: Mapping[bytes, bytes]) -> str:
        """Pins a shelf of ``sizes``, whose blocks are sent along or there already; returns its CID."""
        shelf = shelf_of(sizes)
        pairs = [(RAW + digest, data) for digest, data in blocks.items()]
        archive = list(car_parts([shelf.cid], [*pairs, (shelf.cid, shelf.data)]))
        self._node.add(archive, len(pairs) + 1)
        return text_of(shelf.cid)

    def _shelves(self) -> list[Shelf]:
        for _ in range(ATTEMPTS - 1):
            try:
                return self._read_shelves()
            except StorageRefused as refusal:
                # Another writer put an emptier shelf in this one's place between the two requests.
                if not errors.says_absent(refusal):
                    raise
        return self._read_shelves()

    def _read_shelves(self) -> list[Shelf]:
        known = self._known
        names = filter(is_shelf, self._node.pins("recursive"))
        self._known = {name: known[name] if name in known else self._read_shelf(name) for name in names}
        return [shelf for shelf in self._known.values() if shelf is not None]

    def _read_shelf(self, name: str) -> Shelf | None:
        data = self._node.block(name, offline=True)
        if text_of(DAG_CBOR + hashlib.sha256(data).digest()) != name:
            raise BlockMismatch(f"{self._node.name} returned other bytes than those of its own list {name}.")
        return parse_shelf(data)

    def _release(self, wanted: Mapping[bytes, str]) -> None:
        shelves = self._shelves()
        old = [shelf for shelf in shelves if not shelf.entries.keys().isdisjoint(wanted)]
        if old and len(shelves) > MAX_SHELVES:
            old = shelves
        kept = {digest: size for digest, size in _merged(old).items() if digest not in wanted}
        new = {name for part in _parts(kept) for name in self._keep(part)}
        gone = [name for name in (text_of(shelf.cid) for shelf in old) if name not in new]
        self._node.unpin([*gone, *self._own_pins(wanted)])
        self._node.remove(gone)

    def _keep(self, sizes: Mapping[bytes, int]) -> list[str]:
        try:
            return [self._shelve(sizes, {})]
        except StorageRefused as refusal:
            if not errors.says_absent(refusal):
                raise
        # Somebody removed blocks behind our back: the others stay pinned all the same.
        there = {digest: size for digest, size in sizes.items() if self._node.has(cid_from_digest(digest))}
        return [self._shelve(there, {})] if there else []

    def _own_pins(self, wanted: Mapping[bytes, str]) -> list[str]:
        pins = [*self._node.pins("recursive"), *self._node.pins("direct")]
        return [pin for pin in pins if _digest(pin) in wanted]

    def _erase(self, wanted: Mapping[bytes, str]) -> dict[bytes, str]:
        """Deletes the blocks; returns those that a pin keeps."""
        left = dict(wanted)
        if len(left) > COLLECT_FROM:
            gone = self._node.collect()
            left = {digest: cid for digest, cid in left.items() if cid_from_digest(digest) not in gone}
            left = {digest: cid for digest, cid in left.items() if self._node.has(cid)}
        # Deleting by the raw CID, the node would not see that a tree's pin keeps the block as a node.
        kept = {digest for digest, cid in left.items() if cid != cid_from_digest(digest) and self._node.pinned(cid)}
        names = {cid_from_digest(digest): digest for digest in left if digest not in kept}
        kept |= {names[name] for name in self._node.remove(list(names)) if name in names}
        return {digest: left[digest] for digest in kept}


def _merged(shelves: Iterable[Shelf]) -> dict[bytes, int]:
    return {digest: size for shelf in shelves for digest, size in shelf.entries.items()}


def _parts(sizes: Mapping[bytes, int]) -> Iterator[dict[bytes, int]]:
    ordered = sorted(sizes.items())
    for at in range(0, len(ordered), MAX_ENTRIES):
        yield dict(ordered[at : at + MAX_ENTRIES])


def _digest(cid: str) -> bytes | None:
    """The SHA-256 that a pin names; None where it is of a kind that is never put here."""
    try:
        return digest_of_cid(cid)
    except InvalidInput:
        return None


def _member(config: Mapping[str, Any], section: str, name: str) -> Any:
    found = config.get(section)
    return found.get(name) if isinstance(found, Mapping) else None
