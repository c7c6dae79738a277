"""A Kubo node's RPC: each call checked, bounded and asked again where that may help, its troubles in our words."""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from typing import Any, NamedTuple, TypeVar

import requests

from registry.core.errors import StorageRefused, StorageUnavailable
from registry.core.ipld.cid import MAX_BLOCK_BYTES
from registry.storage import errors, kubo_transport
from registry.storage.addresses import Address, Credentials
from registry.storage.errors import Trouble

# The first Kubo whose imports can be told not to announce what they bring (`fast-provide-root`).
MIN_VERSION = (0, 39)
COLLECT_SECONDS = 600.0
# The slowest way over which a batch of blocks can be sent: nobody's narrow line makes a node one that hangs.
SEND_BYTES_A_SECOND = 64 << 10
# Before the second and the third attempt. Every call may be made twice: blocks and pins are what they are called.
PAUSES = (0.1, 0.5)
# CIDs in one request's address; a node takes about ten times as many.
MAX_ARGUMENTS = 1000

_QUIET = {"fast-provide-root": "false", "fast-provide-dag": "false"}
_VERSION = re.compile(r"(\d{1,4})\.(\d{1,4})\.")
_T = TypeVar("_T")


class Usage(NamedTuple):
    """How many bytes a node's files take, and how many they may."""

    used: int
    limit: int


class Kubo:
    """One node. Every method raises StorageUnavailable where it cannot be asked, StorageRefused where it says no.

    ``seconds`` bounds each attempt of a call, to the answer's end; blocks that are sent prolong it, as
    SEND_BYTES_A_SECOND has it. May be used by many threads.
    """

    def __init__(self, address: Address, credentials: Credentials, seconds: float) -> None:
        self.name = f"The IPFS node at {address.text}"
        self._seconds = seconds
        self._checked = self._closed = False
        self._client = kubo_transport.Client(address, credentials, seconds)

    def close(self) -> None:
        self._closed = True
        self._client.close()

    def block(self, cid: str, offline: bool) -> bytes:
        """The block's bytes as the node gives them, at most one byte over MAX_BLOCK_BYTES."""
        return self._ask(lambda: _first(self._client.block.get(cid, stream=True, offline=offline), MAX_BLOCK_BYTES + 1))

    def content(self, cid: str, offset: int, length: int, offline: bool) -> bytes:
        """So many bytes of a file from there on, as the node gives them: fewer at its end, where it breaks off, or
        where the time is over and something has come.
        """
        options = {"offset": offset, "length": length, "stream": True, "offline": offline}
        # Asked for one more than there can be, so that the answer is read to its end and the connection kept.
        return self._ask(lambda: _first(self._client.cat(cid, **options), length + 1, is_part_enough=True))

    def has(self, cid: str) -> bool:
        """Whether the node itself holds the block; no other node is asked."""
        try:
            self._ask(lambda: self._client.block.stat(cid, offline=True))
        except StorageRefused as refusal:
            if not errors.says_absent(refusal):
                raise
            return False
        return True

    def add(self, archive: Sequence[bytes], count: int) -> None:
        """Imports a CAR of ``count`` blocks, given in parts, and pins its root, both under the node's one lock against
        collection.
        """
        options = {**_QUIET, "pin-roots": "true", "stats": "true"}
        lines = self._ask(
            lambda: _lines(self._client.dag.take(archive, stream=True, opts=options)),
            sent=sum(map(len, archive)),
        )
        for line in lines:
            if error := _field(_field(line, "Root", {}), "PinErrorMsg", ""):
                raise errors.refused(self.name, error)
        taken = sum(_field(_field(line, "Stats", {}), "BlockCount", 0) for line in lines)
        if taken != count:
            raise StorageUnavailable(f"{self.name} took {taken} of {count} blocks.", "Put them again.")

    def pins(self, kind: str) -> list[str]:
        """The CIDs of all pins of a kind, "recursive" or "direct"."""
        # Not as a stream: there a node tells an error after the last line, where this library does not look.
        answer = self._ask(lambda: self._client.pin.ls(type=kind).as_json())
        return list(_field(answer, "Keys", {}))

    def pinned(self, cid: str) -> bool:
        """Whether a pin keeps the block: its own, or that of something that links to it."""
        try:
            self._ask(lambda: self._client.pin.ls(cid, offline=True))
        except StorageRefused as refusal:
            if not errors.says_not_pinned(refusal):
                raise
            return False
        return True

    def pin(self, cid: str, offline: bool) -> None:
        """Pins the tree under ``cid``; StorageRefused where a block of it is missing."""
        self._ask(lambda: self._client.pin.add(cid, opts=dict(_QUIET), offline=offline))

    def unpin(self, cids: Iterable[str]) -> None:
        """Removes these pins; those that are gone already are no error."""
        for cid in cids:
            try:
                self._ask(lambda cid=cid: self._client.pin.rm(cid, offline=True))  # type: ignore[misc]
            except StorageRefused as refusal:
                if not errors.says_not_pinned(refusal):
                    raise

    def remove(self, cids: Sequence[str]) -> set[str]:
        """Deletes the blocks; returns those that a pin keeps. Absent ones are no error."""
        kept: set[str] = set()
        for at in range(0, len(cids), MAX_ARGUMENTS):
            kept |= self._remove(cids[at : at + MAX_ARGUMENTS])
        return kept

    def collect(self) -> set[str]:
        """Deletes everything that no pin keeps, within COLLECT_SECONDS; returns the raw CIDs of what was deleted."""
        options = {"stream-errors": "true"}
        lines = self._ask(
            lambda: [each.as_json() for each in self._client.repo.gc(opts=options, timeout=COLLECT_SECONDS)],
            seconds=COLLECT_SECONDS,
        )
        for line in lines:
            if error := _field(line, "Error", ""):
                raise errors.refused(self.name, error)
        return {_field(_field(line, "Key", {}), "/", "") for line in lines}

    def version(self) -> str:
        """Kubo's version, as the node says it now."""
        answer = self._repeated(lambda: self._client.version().as_json(), self._seconds)
        self._require(answer)
        return _field(answer, "Version", "")

    def usage(self) -> Usage:
        """What the node's files take and may take, without counting its blocks."""
        answer = self._ask(lambda: self._client.repo.stat(opts={"size-only": "true"}).as_json())
        return Usage(_field(answer, "RepoSize", 0), _field(answer, "StorageMax", 0))

    def config(self) -> dict[str, Any]:
        """Its whole configuration, without its private key."""
        answer: dict[str, Any] = self._ask(lambda: self._client.config.get().as_json())
        return answer

    def _remove(self, cids: Sequence[str]) -> set[str]:
        lines = self._ask(lambda: self._client.block.rm(*cids, opts={"force": "true"}, offline=True))
        refusals = {_field(line, "Hash", ""): _field(line, "Error", "") for line in lines}
        for refusal in filter(None, refusals.values()):
            if "pinned" not in refusal:
                raise errors.refused(self.name, refusal)
        if not refusals.keys() >= set(cids):
            raise errors.cut(self.name).error
        return {cid for cid, refusal in refusals.items() if refusal}

    def _ask(self, call: Callable[[], _T], seconds: float | None = None, sent: int = 0) -> _T:
        if self._closed:
            raise StorageUnavailable(f"{self.name} is not in use: its store was closed.", "Open the store again.")
        if not self._checked:
            self._require(self._repeated(lambda: self._client.version().as_json(), self._seconds))
        return self._repeated(call, seconds or self._seconds, sent)

    def _require(self, answer: dict[str, Any]) -> None:
        version = _field(answer, "Version", "")
        found = _VERSION.match(version)
        if found is None:
            raise errors.strange(self.name, "does not tell its version").error
        if (int(found[1]), int(found[2])) < MIN_VERSION:
            wanted = ".".join(map(str, MIN_VERSION))
            raise errors.too_old(self.name, version, wanted)
        self._checked = True

    def _repeated(self, call: Callable[[], _T], seconds: float, sent: int = 0) -> _T:
        for pause in (*PAUSES, None):
            try:
                with kubo_transport.within(seconds + sent / SEND_BYTES_A_SECOND) as watch:
                    return call()
            except kubo_transport.REFUSED as error:
                raise errors.refused(self.name, str(error)) from None
            except kubo_transport.FAILURES as error:
                late = errors.slow(self.name, watch.seconds) if watch.struck else None
                trouble = late or self._diagnose(error, seconds)
            # Not raised from the library's error: that one holds the request, and with it the credentials.
            if pause is None or not trouble.passing:
                raise trouble.error
            time.sleep(pause)
        raise AssertionError

    def _diagnose(self, error: BaseException, seconds: float) -> Trouble:
        wrapped = list(errors.causes(error))
        if isinstance(error, kubo_transport.STATUS):
            answers = [each.response for each in wrapped if isinstance(each, requests.HTTPError)]
            return errors.status(self.name, answers[0].status_code if answers and answers[0] is not None else 0)
        if stuck := [each.seconds for each in wrapped if isinstance(each, kubo_transport.StuckError)]:
            return errors.stuck(self.name, stuck[0])
        if any(isinstance(each, requests.ConnectTimeout) for each in wrapped):
            return errors.slow(self.name, min(kubo_transport.CONNECT_SECONDS, seconds))
        if any(isinstance(each, TimeoutError | requests.Timeout | kubo_transport.SlowError) for each in wrapped):
            return errors.slow(self.name, seconds)
        if any(isinstance(each, ssl.SSLError) for each in wrapped):
            return errors.strange(self.name, "has no certificate that can be trusted, or does not speak TLS")
        if isinstance(error, requests.TooManyRedirects):
            return errors.strange(self.name, "sends its callers elsewhere")
        return self._broken(error)

    def _broken(self, error: BaseException) -> Trouble:
        if isinstance(error, kubo_transport.UNREACHABLE):
            return errors.away(self.name)
        if isinstance(error, kubo_transport.BROKEN):
            return errors.cut(self.name)
        if isinstance(error, kubo_transport.TooLongError):
            return errors.strange(self.name, "answers at more length than anything that is asked of it")
        return errors.strange(self.name, "answers as no IPFS node does")


def _first(parts: Any, limit: int, *, is_part_enough: bool = False) -> bytes:
    taken, size = [], 0
    with closing(parts):
        try:
            for part in parts:
                taken.append(part)
                size += len(part)
                if size >= limit:
                    break
        except (kubo_transport.SlowError, TimeoutError):
            if not (is_part_enough and size):
                raise
    return b"".join(taken)[:limit]


def _lines(answer: Any) -> list[dict[str, Any]]:
    with closing(answer):
        return list(answer)


def _field(answer: Any, name: str, default: _T) -> _T:
    """A member of a node's answer if it has the type of ``default``, which else stands for it."""
    value = answer.get(name, default) if hasattr(answer, "get") else default
    return value if isinstance(value, type(default)) else default
