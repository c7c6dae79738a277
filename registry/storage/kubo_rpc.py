"""A Kubo node's RPC: each call is checked, bounded and retried if that may help; failures become our own errors."""

from __future__ import annotations

import io
import re
import ssl
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from functools import partial
from typing import Any, NamedTuple, TypeVar

import requests

from registry.core.errors import StorageRefused, StorageSlow, StorageTooOld, StorageUnavailable
from registry.core.ipld.cid import MAX_BLOCK_BYTES
from registry.storage import errors, kubo_transport
from registry.storage.addresses import Address, Credentials
from registry.storage.errors import Failed

# The first Kubo that can import blocks without announcing them (`fast-provide-root`).
MIN_VERSION = (0, 39)
COLLECT_SECONDS = 600.0
# The slowest upload that is waited for: a node behind a narrow line must not look like one that hangs.
SEND_BYTES_A_SECOND = 64 << 10
# CIDs in one request's URL; a node accepts about ten times as many.
MAX_ARGUMENTS = 1000

_VERSION = re.compile(r"(\d{1,4})\.(\d{1,4})\.")
_T = TypeVar("_T")


class Usage(NamedTuple):
    """How many bytes a node's files take, and how many they may take."""

    used: int
    limit: int


class Kubo:
    """One node; many threads may use it. No call searches the public network.

    Every method raises StorageUnavailable if the node cannot be asked, and StorageRefused if it refuses. ``seconds``
    bounds each attempt to the end of its answer; an upload adds time at SEND_BYTES_A_SECOND.
    """

    def __init__(self, address: Address, credentials: Credentials, seconds: float) -> None:
        self.name = f"the IPFS node at {address.text}"
        self._seconds = seconds
        self._version_checked = self._closed = False
        self._client = kubo_transport.Client(address, credentials, seconds)

    def close(self) -> None:
        self._closed = True
        self._client.close()

    def block(self, cid: str) -> bytes:
        """Return the block's bytes unchecked, at most one byte over MAX_BLOCK_BYTES."""
        return self._call(lambda: _read(self._client.block.get(cid, stream=True, offline=True), MAX_BLOCK_BYTES + 1))

    def content(self, cid: str, offset: int, length: int) -> bytes:
        """Return up to ``length`` bytes of a file from ``offset`` on, unchecked.

        Fewer come at its end, if the node breaks off, or if the time is over and something has come.
        """
        options = {"offset": offset, "length": length, "stream": True, "offline": True}
        # Reading one byte more than can come reads the answer to its end, which keeps the connection.
        return self._call(lambda: _read(self._client.cat(cid, **options), length + 1, is_part_enough=True))

    def has(self, cid: str) -> bool:
        """Whether the node itself holds the block."""
        return self._succeeds(lambda: self._client.block.stat(cid, offline=True), errors.ABSENT)

    def add(self, archive: Sequence[bytes], count: int) -> None:
        """Import a CAR of ``count`` blocks, given in parts, and pin its root before the node can collect it."""
        options = {"fast-provide-root": "false", "fast-provide-dag": "false", "pin-roots": "true", "stats": "true"}
        lines = self._call(lambda: self._client.import_car(archive, opts=options), sent=sum(map(len, archive)))
        for line in lines:
            if error := member(member(line, "Root", {}), "PinErrorMsg", ""):
                raise errors.refused(self.name, error)
        taken = sum(member(member(line, "Stats", {}), "BlockCount", 0) for line in lines)
        if taken != count:
            raise StorageUnavailable(f"{self.name} took {taken} of {count} blocks", "Put them again.")

    def pins(self, kind: str) -> list[str]:
        """Return the CIDs of all pins of a kind, "recursive" or "direct"."""
        # Not as a stream: there a node reports an error after the last line, where the library does not look.
        answer = self._call(lambda: self._client.pin.ls(type=kind).as_json())
        return list(member(answer, "Keys", {}))

    def pinned(self, cid: str) -> bool:
        """Whether a pin keeps the block: its own, or that of something that links to it."""
        return self._succeeds(lambda: self._client.pin.ls(cid, offline=True), errors.NOT_PINNED)

    def unpin(self, cids: Iterable[str]) -> None:
        """Remove these pins; missing ones are no error."""
        for cid in cids:
            self._succeeds(partial(self._client.pin.rm, cid, offline=True), errors.NOT_PINNED)

    def remove(self, cids: Sequence[str]) -> set[str]:
        """Delete the blocks and return those that a pin keeps; absent ones are no error."""
        parts = (cids[at : at + MAX_ARGUMENTS] for at in range(0, len(cids), MAX_ARGUMENTS))
        return set[str]().union(*map(self._remove, parts))

    def collect(self) -> set[str]:
        """Delete everything that no pin keeps, within COLLECT_SECONDS; return the raw CIDs of what was deleted."""
        collect = partial(self._client.repo.gc, opts={"stream-errors": "true"}, timeout=COLLECT_SECONDS)
        lines = self._call(lambda: [each.as_json() for each in collect()], COLLECT_SECONDS)
        for line in lines:
            if error := member(line, "Error", ""):
                raise errors.refused(self.name, error)
        return {member(member(line, "Key", {}), "/", "") for line in lines}

    def listed(self, folder: str) -> list[str]:
        """Return the names in a folder of its MFS; none for a folder that is not there."""
        lines: list[Any] = []

        def ask() -> None:
            lines[:] = member(self._client.files.ls(folder, offline=True), "Entries", []) or []

        self._succeeds(ask, errors.NO_FILE)
        return [member(line, "Name", "") for line in lines]

    def file(self, path: str, limit: int) -> bytes | None:
        """Return up to ``limit`` bytes of a file in its MFS, or None if it is not there."""
        read: list[bytes] = []

        def ask() -> None:
            read[:] = [_read(self._client.files.read(path, count=limit, stream=True, offline=True), limit)]

        return read[0] if self._succeeds(ask, errors.NO_FILE) else None

    def write_file(self, path: str, data: bytes) -> None:
        """Put a small file into its MFS, in place of the one before; nothing is announced."""
        options = {"parents": "true", "raw-leaves": "true", "cid-version": 1}
        self._call(
            lambda: self._client.files.write(path, io.BytesIO(data), create=True, truncate=True, opts=options),
            sent=len(data),
        )

    def remove_file(self, path: str) -> None:
        """Remove a file from its MFS; a missing one is no error."""
        # Without "force" the node answers 200 and tells of a missing file in the body.
        self._call(lambda: self._client.files.rm(path, offline=True, opts={"force": "true"}))

    def version(self) -> str:
        """Return Kubo's version; StorageTooOld if it is below MIN_VERSION."""
        version = member(self._retry(lambda: self._client.version().as_json(), self._seconds), "Version", "")
        if (found := _VERSION.match(version)) is None:
            raise errors.strange(self.name, "does not tell its version").error
        if (int(found[1]), int(found[2])) < MIN_VERSION:
            advice = f"Update it to {'.'.join(map(str, MIN_VERSION))} or newer."
            raise StorageTooOld(f"{self.name} is too old: Kubo {errors.quoted(version)}", advice)
        self._version_checked = True
        return version

    def usage(self) -> Usage:
        """Return the node's usage, without having it count its blocks."""
        answer = self._call(lambda: self._client.repo.stat(opts={"size-only": "true"}).as_json())
        return Usage(member(answer, "RepoSize", 0), member(answer, "StorageMax", 0))

    def config(self) -> Any:
        """Return its whole configuration, without its private key."""
        return self._call(lambda: self._client.config.get().as_json())

    def is_online(self) -> bool:
        """Whether it takes part in a network: a daemon with --offline does not."""
        return self._succeeds(lambda: self._client.swarm.peers(), errors.OFFLINE)

    def _succeeds(self, call: Callable[[], object], denial: re.Pattern[str]) -> bool:
        """Make a call; return False if the node refuses it in words that match ``denial``."""
        try:
            self._call(call)
        except StorageRefused as refusal:
            if not denial.search(refusal.words):
                raise
            return False
        return True

    def _remove(self, cids: Sequence[str]) -> set[str]:
        lines = self._call(lambda: self._client.remove_blocks(cids, opts={"force": "true"}, offline=True))
        refusals = {member(line, "Hash", ""): member(line, "Error", "") for line in lines}
        for refusal in filter(None, refusals.values()):
            if "pinned" not in refusal:
                raise errors.refused(self.name, refusal)
        if not refusals.keys() >= set(cids):
            raise errors.cut(self.name).error
        return {cid for cid, refusal in refusals.items() if refusal}

    def _call(self, call: Callable[[], _T], seconds: float | None = None, sent: int = 0) -> _T:
        if not self._version_checked:
            self.version()
        return self._retry(call, seconds or self._seconds, sent)

    def _retry(self, call: Callable[[], _T], seconds: float, sent: int = 0) -> _T:
        if self._closed:
            raise StorageUnavailable(f"{self.name} cannot be used: its store was closed", "Open the store again.")
        return errors.retried(lambda: self._attempt(call, seconds, sent))

    def _attempt(self, call: Callable[[], _T], seconds: float, sent: int) -> _T:
        try:
            with kubo_transport.within(seconds + sent / SEND_BYTES_A_SECOND) as watch:
                return call()
        except kubo_transport.REFUSED as error:
            raise errors.refused(self.name, str(error)) from None
        except kubo_transport.FAILURES as error:
            raise errors.slow(self.name, watch.seconds) if watch.expired else self._diagnose(error, seconds) from None

    def _diagnose(self, error: BaseException, seconds: float) -> Failed:
        if isinstance(error, kubo_transport.STATUS):
            return errors.status(self.name, error.original.response.status_code)
        wrapped = list(errors.causes(error))
        if stuck := [each.seconds for each in wrapped if isinstance(each, kubo_transport.StuckError)]:
            # A pause this short may be one of this machine.
            slow = StorageSlow(f"{self.name} took no more of the request within {stuck[0]:g} seconds")
            return Failed(slow, retry=True)
        if any(isinstance(each, requests.ConnectTimeout) for each in wrapped):
            return errors.slow(self.name, min(kubo_transport.CONNECT_SECONDS, seconds))
        if any(isinstance(each, TimeoutError | requests.Timeout) for each in wrapped):
            return errors.slow(self.name, seconds)
        if any(isinstance(each, ssl.SSLError) for each in wrapped):
            return errors.strange(self.name, "has no trusted certificate, or does not speak TLS")
        return self._diagnose_answer(error)

    def _diagnose_answer(self, error: BaseException) -> Failed:
        if isinstance(error, requests.TooManyRedirects):
            return errors.strange(self.name, "redirects to another address")
        if isinstance(error, kubo_transport.UNREACHABLE):
            return errors.away(self.name)
        if isinstance(error, kubo_transport.BROKEN):
            return errors.cut(self.name)
        if isinstance(error, kubo_transport.TooLongError):
            return errors.strange(self.name, "sends a longer answer than any request asks for")
        return errors.strange(self.name, "does not answer like an IPFS node")


def _read(parts: Any, limit: int, *, is_part_enough: bool = False) -> bytes:
    """Read a streamed answer up to ``limit`` bytes; on a timeout, return what has come if a part is enough."""
    pieces, size = [], 0
    with closing(parts):
        try:
            for part in parts:
                pieces.append(part)
                size += len(part)
                if size >= limit:
                    break
        except TimeoutError:
            if not (is_part_enough and size):
                raise
    return b"".join(pieces)[:limit]


def member(answer: Any, name: str, default: _T) -> _T:
    """Return a member of a node's answer, or ``default`` if it is missing or of another type."""
    value = answer.get(name, default) if hasattr(answer, "get") else default
    return value if isinstance(value, type(default)) else default
