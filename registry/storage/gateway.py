"""Read what a store lacks from trustless HTTP gateways (specs.ipfs.tech, "Trustless Gateway Specification").

A gateway can withhold a block but not alter it: every block is checked against its identifier. The gateway learns
which blocks are read, and from which address.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from http import HTTPStatus
from urllib.parse import urljoin, urlsplit

from registry.core.errors import BlockMismatch, InvalidInput, StorageUnavailable
from registry.core.ipld.cid import MAX_BLOCK_BYTES, Block, digest_of_cid
from registry.net.http import CutOff, Response, TooLarge, Unreachable, Untrusted, fetch
from registry.storage import errors
from registry.storage.addresses import Address, parse_address
from registry.storage.base import BlockStore, Names, StoreStat, checked
from registry.storage.errors import Failed

SECONDS = 30.0
MAX_REDIRECTS = 3
MAX_LOCATION = 2048

_SHORTEST = 0.001
# The empty block. Every gateway has it ("Trustless Gateway", dedicated probe paths).
_EMPTY = "bafkqaaa"
_HEADERS = {"Accept": "application/vnd.ipld.raw", "User-Agent": "consent-registry"}
_REDIRECTS = {301, 302, 303, 307, 308}


class GatewayBlocks:
    """A read-only source of blocks: ``get`` of a BlockStore, from the gateway at an http(s) URL.

    ``seconds`` bounds each attempt, redirects included. A redirect may stay on the gateway's own origin, or go to the
    block's origin below it (CID.ipfs.HOST) or to one of ``allowed_hosts``; it may never go from https to http. An
    allowed host is a name, or ".example.net" for every name below example.net. Safe for threads. InvalidInput for a
    malformed address.
    """

    def __init__(self, address: str, *, seconds: float = SECONDS, allowed_hosts: Collection[str] = ()) -> None:
        self._address = parse_address(address)
        self._name = f"the gateway at {self._address.text}"
        self._seconds = seconds
        self._allowed = tuple(host.lower() for host in allowed_hosts)

    def get(self, cid: str) -> bytes:
        """Return the block's checked bytes. StorageUnavailable, or BlockMismatch if the gateway sent others."""
        digest_of_cid(cid)
        return checked(cid, errors.retried(lambda: self._whole(cid)))

    def check(self) -> None:
        """Require that a gateway answers at the address, whatever it holds; else StorageUnavailable."""
        try:
            if self._follow(_EMPTY).body:
                raise errors.strange(self._name, "does not answer as a gateway does")
        except Failed as failed:
            raise failed.error from None

    def __repr__(self) -> str:
        return f"<GatewayBlocks: {self._name}>"

    def _whole(self, cid: str) -> bytes:
        response = self._follow(cid)
        if response.has_length:
            return response.body
        try:
            return checked(cid, response.body)
        except BlockMismatch:
            raise errors.cut(self._name) from None  # more likely than a wrong block: only its CID shows its end

    def _follow(self, cid: str) -> Response:
        ends_at = time.monotonic() + self._seconds
        here, target = self._address, f"{self._address.path and '/' + self._address.path}/ipfs/{cid}?format=raw"
        for _ in range(MAX_REDIRECTS + 1):
            response = self._fetch(here, target, cid, max(ends_at - time.monotonic(), _SHORTEST))
            if response.status == HTTPStatus.OK:
                return response
            if response.status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
                raise Failed(StorageUnavailable(f"{self._name} does not have {cid}"))
            if response.status not in _REDIRECTS:
                raise errors.status(self._name, response.status)
            here, target = self._next(here, target, (response.headers.get("Location") or "")[:MAX_LOCATION], cid)
        raise errors.strange(self._name, f"redirects more than {MAX_REDIRECTS} times")

    def _fetch(self, here: Address, target: str, cid: str, seconds: float) -> Response:
        # Names below localhost mean this machine (RFC 6761, section 6.3), but not every resolver knows them.
        local = self._address.host == "localhost" and here.host.endswith(".localhost")
        try:
            return fetch(
                "GET",
                here.text + target,
                headers=_HEADERS,
                seconds=seconds,
                max_bytes=MAX_BLOCK_BYTES,
                needs_length=False,
                resolve_to="localhost" if local else None,
            )
        except TooLarge:
            raise BlockMismatch(f"{self._name} returned more than a block for {cid}") from None
        except TimeoutError:
            raise errors.slow(self._name, self._seconds) from None
        except Untrusted:
            why = "has no certificate that can be trusted, or does not speak TLS"
            raise errors.strange(self._name, why) from None
        except CutOff:
            raise errors.cut(self._name) from None
        except Unreachable:
            raise errors.away(self._name) from None

    def _next(self, here: Address, target: str, location: str, cid: str) -> tuple[Address, str]:
        try:
            location.encode("ascii")  # RFC 9110, section 10.2.2; http.client can send nothing else
            parts = urlsplit(urljoin(here.text + target, location))
            there = parse_address(f"{parts.scheme}://{parts.netloc}")
        except (ValueError, InvalidInput):
            raise errors.strange(self._name, "redirects to no address") from None
        if not self._may_go(there, cid):
            text = f"{self._name} redirects to {errors.quoted(there.host)}, which is not allowed"
            advice = "Name that host as a gateway itself, if you trust it to know what you read."
            raise Failed(StorageUnavailable(text, advice))
        return there, parts.path + (f"?{parts.query}" if parts.query else "")

    def _may_go(self, there: Address, cid: str) -> bool:
        gateway = self._address
        if gateway.secure and not there.secure:
            return False
        # Subdomain gateways give each root an origin of its own.
        names = (gateway.host, f"{cid}.ipfs.{gateway.host}")
        if there.host in names and (there.port, there.secure) == (gateway.port, gateway.secure):
            return True
        return any(there.host.endswith(each) if each[:1] == "." else there.host == each for each in self._allowed)


class LayeredBlocks:
    """A BlockStore: the store that ``open_store`` returns on first use, then ``gateways`` in their order for reading.

    A gateway is asked only for a block that the store says it does not hold: asking reveals who wants it. If the store
    cannot be asked, that is an error. Nothing is written to a gateway.
    """

    def __init__(self, open_store: Callable[[], BlockStore], gateways: Sequence[GatewayBlocks] = ()) -> None:
        self._open_store, self._gateways = open_store, tuple(gateways)
        self._lock = threading.Lock()
        self._opened: BlockStore | None = None

    @property
    def store(self) -> BlockStore:
        """The store itself."""
        with self._lock:
            if self._opened is None:
                self._opened = self._open_store()
            return self._opened

    def put(self, blocks: Iterable[Block], *, public: bool = False) -> None:
        self.store.put(blocks, public=public)

    def get(self, cid: str) -> bytes:
        return self._read(self.store.get, cid)

    def reader(self, root: str) -> Callable[[str], bytes]:
        get = self.store.reader(root)
        return lambda cid: self._read(get, cid)

    def has(self, cid: str) -> bool:
        return self.store.has(cid)

    def delete(self, cids: Iterable[str]) -> None:
        self.store.delete(cids)

    def stat(self) -> StoreStat:
        return self.store.stat()

    def names(self, name: str) -> dict[str, bytes]:
        return self.store.names(name) if isinstance(self.store, Names) else {}

    def set_name(self, name: str, home: str, data: bytes | None) -> None:
        if isinstance(self.store, Names):
            self.store.set_name(name, home, data)

    def _read(self, get: Callable[[str], bytes], cid: str) -> bytes:
        try:
            return get(cid)
        except BlockMismatch:
            raise
        except StorageUnavailable as error:
            if not self._gateways or self.store.has(cid):
                raise
            failures = [error]
        for gateway in self._gateways:
            try:
                return gateway.get(cid)
            except StorageUnavailable as error:
                failures.append(error)
        # The last error gives the class and the advice.
        raise type(failures[-1])("; ".join(map(str, failures)), failures[-1].advice)
