"""Blocks on a Kubo node, through its RPC, under the same CIDs; every byte that it returns is checked.

Blocks are pinned as they are put: thousands travel as one CAR together with a pin set (``pinsets``) that lists them,
and the node pins that set before its garbage collection can run. Personal ciphertext must not be announced to the
public network: run the node with ``Provide.Enabled`` false, with ``Routing.Type`` "none", or offline. Any other node is
refused for blocks that are not public. No request made here asks for an announcement, and reads stay on the node:
asking the network for a block reveals who wants it.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, wait
from functools import partial
from typing import Self

from registry.core.errors import BlockMismatch, InvalidInput, StorageRefused, StorageUnavailable
from registry.core.ipld.car import car_parts
from registry.core.ipld.cid import DAG_CBOR, DAG_PB, RAW, Block, cid_from_digest, digest_of_cid, text_of_cid
from registry.storage import errors
from registry.storage.addresses import Credentials, parse_address
from registry.storage.base import MAX_NAME_BYTES, StoreStat, batches, check_homes, check_name, checked
from registry.storage.kubo_rpc import Kubo, Usage, member
from registry.storage.pinsets import MAX_ENTRIES, TEXT_PREFIX, PinSet, cid_text, make_pinset, parse_pinset
from registry.storage.prefetch import PART_BYTES, PrefetchingReader, spawn

SECONDS = 30.0
# More blocks than this are erased by a garbage collection: erasing them one by one takes a node up to 30 ms each.
COLLECT_FROM = 64
# Other writers may move blocks between pin sets meanwhile: an operation that this disturbs is tried so many times.
ATTEMPTS = 5
# A batch makes one pin set and one request.
MAX_BATCH_BYTES = 16 << 20
# Batches on their way at once; more would only take memory.
SENDERS = 2
_UNKNOWN = "Let its RPC answer config/show and swarm/peers, or accept it with --allow-announcing."
ANNOUNCING = "Set its Provide.Enabled to false and start it again, or accept it with --allow-announcing."
# If there are more pin sets than this, a deletion merges them all.
MAX_PINSETS = 64


class KuboBlocks:
    """A BlockStore on the node at ``address``: a multiaddr (/ip4/127.0.0.1/tcp/5001) or the http(s) URL of its RPC.

    ``basic`` (user, password) or ``bearer`` (a token) are for a node that wants them (Kubo: API.Authorizations).
    ``allow_announcing`` takes a node too that announces what it holds, or that does not say whether it does.
    ``seconds`` bounds each attempt of a call; a call that may succeed on a second attempt is made up to three times.
    Many threads and processes may write at once. What ``put`` has returned for survives a kill of the node; it
    survives a power cut only if the node syncs (Kubo: Datastore.Spec, "sync"). InvalidInput for a malformed address.
    """

    def __init__(
        self,
        address: str,
        *,
        basic: tuple[str, str] | None = None,
        bearer: str | None = None,
        seconds: float = SECONDS,
        allow_announcing: bool = False,
    ) -> None:
        self._allow_announcing = allow_announcing
        self._node = Kubo(parse_address(address), Credentials(basic, bearer), seconds)
        self._known: dict[str, PinSet | None] = {}
        self._damaged: set[bytes] = set()

    def put(self, blocks: Iterable[Block], *, public: bool = False) -> None:
        may_send = public or self._allow_announcing
        # While the node writes one batch it takes the next, and the one after is made here.
        sent: deque[Future[None]] = deque()
        try:
            for batch in batches(blocks, MAX_BATCH_BYTES, MAX_ENTRIES):
                if not may_send:
                    self._refuse_announcing()
                    may_send = True
                if len(sent) == SENDERS:
                    sent.popleft().result()
                sent.append(spawn(partial(self._send, batch)))
            while sent:
                sent.popleft().result()
        except Exception:
            # After an error nothing may be on its way any more. An interruption does not wait.
            wait(sent)
            raise

    def get(self, cid: str) -> bytes:
        digest = digest_of_cid(cid)
        try:
            return checked(cid, self._node.block(cid))
        except BlockMismatch:
            self._damaged.add(digest)
            raise
        except StorageRefused as refusal:
            if not errors.ABSENT.search(refusal.words):
                raise
            raise StorageUnavailable(f"{self._node.name} does not hold {cid}") from None

    def reader(self, root: str) -> Callable[[str], bytes]:
        digest_of_cid(root)
        return PrefetchingReader(lambda offset: self._node.content(root, offset, PART_BYTES), self.get)

    def has(self, cid: str) -> bool:
        digest_of_cid(cid)
        return self._node.has(cid)

    def delete(self, cids: Iterable[str]) -> None:
        """Erase the blocks; more than COLLECT_FROM at once run the node's garbage collection, which deletes whatever
        no pin keeps. StorageUnavailable if another program's pin keeps one of them.
        """
        wanted = {digest_of_cid(cid): cid for cid in cids}
        for _ in range(ATTEMPTS):
            if wanted:
                self._release(wanted)
                wanted = self._erase(wanted)
        if wanted:
            cid = next(iter(wanted.values()))
            raise StorageUnavailable(
                f"{self._node.name} keeps {cid}: it is part of something else that is pinned there",
                f"Unpin that (`ipfs pin ls {cid}` names it), then delete again.",
            )

    def stat(self) -> StoreStat:
        """Count what was put and not unpinned since; other blocks on the node do not count."""
        sizes = _merged(self._pinsets())
        return StoreStat(len(sizes), sum(sizes.values()))

    def unpin(self, cids: Iterable[str]) -> None:
        """Leave these blocks to the node's next garbage collection; those that no pin keeps are no error."""
        if wanted := {digest_of_cid(cid): cid for cid in cids}:
            self._release(wanted)

    def collect(self) -> int:
        """Have the node delete every block that no pin keeps; return their number."""
        return len(self._node.collect())

    def announces(self) -> bool:
        """Whether the node tells the public network what it holds; StorageUnavailable if it does not say.

        Read from Provide.Enabled and Routing.Type (Kubo, docs/config.md). A daemon that runs with --offline announces
        nothing whatever they say.
        """
        try:
            config = self._node.config()
            provides = member(member(config, "Provide", {}), "Enabled", True)
            return provides and member(member(config, "Routing", {}), "Type", "") != "none" and self._node.is_online()
        except StorageUnavailable as error:
            if type(error) is not StorageUnavailable:
                raise  # it is down, slow or broken, which is no refusal to say
            raise StorageUnavailable(f"it is unknown whether blocks would be announced: {error}", _UNKNOWN) from None

    def about(self) -> tuple[str, Usage]:
        """Return the node's version, and how many bytes its files take and may take."""
        return self._node.version(), self._node.usage()

    def names(self, name: str) -> dict[str, bytes]:
        check_name(name)
        homes = [home for home in self._node.listed(_folder(name)) if _is_home(home)]
        check_homes(homes)
        read = {home: self._node.file(f"{_folder(name)}/{home}", MAX_NAME_BYTES + 1) for home in homes}
        return {home: data for home, data in read.items() if data is not None}

    def set_name(self, name: str, home: str, data: bytes | None) -> None:
        check_name(name, home, data)
        if not self._allow_announcing:
            self._refuse_announcing()
        if data is None:
            self._node.remove_file(f"{_folder(name)}/{home}")
        else:
            check_homes([home, *self._node.listed(_folder(name))])
            self._node.write_file(f"{_folder(name)}/{home}", data)

    def close(self) -> None:
        """Close the connections; every later call is StorageUnavailable. May be called twice."""
        self._node.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<KuboBlocks: {self._node.name}>"

    def _send(self, batch: Mapping[bytes, bytes]) -> None:
        sizes = {digest: len(data) for digest, data in batch.items()}
        # A node itself takes more than its limit, and only writes a warning to its log.
        used, limit = self._node.usage()
        if limit and used + sum(sizes.values()) > limit:
            if not (self._damaged.isdisjoint(batch) and all(self._holds(digest) for digest in batch)):
                raise errors.full(self._node.name)
            batch = {}
        # A node does not write a block that it believes to have, so a block that came back altered is deleted first.
        if damaged := self._damaged & batch.keys():
            self.delete(map(cid_from_digest, damaged))
            self._damaged -= damaged
        self._pin(sizes, batch)

    def _refuse_announcing(self) -> None:
        if self.announces():
            raise InvalidInput(f"{self._node.name} announces what it holds to the public network", ANNOUNCING)

    def _holds(self, digest: bytes) -> bool:
        return self._node.has(cid_from_digest(digest))

    def _pin(self, sizes: Mapping[bytes, int], blocks: Mapping[bytes, bytes]) -> str:
        """Pin a set of ``sizes``, whose blocks are sent along or are there already; return its CID."""
        pinset = make_pinset(sizes)
        pairs = [*((RAW + digest, data) for digest, data in blocks.items()), (pinset.cid, pinset.data)]
        self._node.add(list(car_parts([pinset.cid], pairs)), len(pairs))
        return cid_text(pinset.cid)

    def _pinsets(self) -> list[PinSet]:
        known = self._known
        for left in reversed(range(ATTEMPTS)):
            try:
                names = [name for name in self._node.pins("recursive") if name.startswith(TEXT_PREFIX)]
                self._known = {name: known[name] if name in known else self._read_pinset(name) for name in names}
                break
            except StorageRefused as refusal:
                # Another writer replaced a set between the two requests.
                if not left or not errors.ABSENT.search(refusal.words):
                    raise
        return [pinset for pinset in self._known.values() if pinset is not None]

    def _read_pinset(self, name: str) -> PinSet | None:
        data = self._node.block(name)
        if cid_text(DAG_CBOR + hashlib.sha256(data).digest()) != name:
            raise BlockMismatch(f"{self._node.name} returned other bytes than those of the pin set {name}")
        return parse_pinset(data)

    def _release(self, wanted: Mapping[bytes, str]) -> None:
        """Remove all pins of these blocks; the other blocks of their sets are pinned anew first."""
        pinsets = self._pinsets()
        old = [pinset for pinset in pinsets if not pinset.entries.keys().isdisjoint(wanted)]
        if old and len(pinsets) > MAX_PINSETS:
            old = pinsets
        kept = sorted((digest, size) for digest, size in _merged(old).items() if digest not in wanted)
        new = {self._pin_again(dict(kept[at : at + MAX_ENTRIES])) for at in range(0, len(kept), MAX_ENTRIES)}
        gone = [name for name in (cid_text(pinset.cid) for pinset in old) if name not in new]
        pins = [*self._node.pins("recursive"), *self._node.pins("direct")]
        names = {text_of_cid(prefix + digest) for digest in wanted for prefix in (RAW, DAG_PB)}
        self._node.unpin([*gone, *(pin for pin in pins if pin in names)])
        self._node.remove(gone)

    def _pin_again(self, sizes: Mapping[bytes, int]) -> str | None:
        try:
            return self._pin(sizes, {})
        except StorageRefused as refusal:
            if not errors.ABSENT.search(refusal.words):
                raise
        # Another program removed some of these blocks: pin the others.
        there = {digest: size for digest, size in sizes.items() if self._holds(digest)}
        return self._pin(there, {}) if there else None

    def _erase(self, wanted: Mapping[bytes, str]) -> dict[bytes, str]:
        """Delete the blocks; return those that a pin keeps."""
        left = dict(wanted)
        if len(left) > COLLECT_FROM:
            gone = self._node.collect()
            left = {digest: cid for digest, cid in left.items() if cid_from_digest(digest) not in gone}
            left = {digest: cid for digest, cid in left.items() if self._node.has(cid)}
        # A deletion goes by the raw CID, under which the node does not see that a tree's pin keeps the block.
        kept = {digest for digest, cid in left.items() if cid != cid_from_digest(digest) and self._node.pinned(cid)}
        names = {cid_from_digest(digest): digest for digest in left if digest not in kept}
        kept |= {names[name] for name in self._node.remove(list(names)) if name in names}
        return {digest: left[digest] for digest in kept}


def _folder(name: str) -> str:
    """Where the names lie in the node's MFS, which no garbage collection touches."""
    return f"/consent/{name}"


def _is_home(text: str) -> bool:
    try:
        check_name("0" * 32, text)
    except InvalidInput:
        return False
    return True


def _merged(pinsets: Iterable[PinSet]) -> dict[bytes, int]:
    return {digest: size for pinset in pinsets for digest, size in pinset.entries.items()}
