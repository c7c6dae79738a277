"""Read single blocks from trustless HTTP gateways (specs.ipfs.tech, "Trustless Gateway Specification", raw blocks).

A gateway can withhold a block but not alter it: every block is checked against its identifier. The gateway learns
which blocks are read, and from which address.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from http import HTTPStatus
from urllib.parse import urljoin, urlsplit

from registry.core.errors import BlockMismatch, InvalidInput, StorageUnavailable
from registry.core.ipld.cid import MAX_BLOCK_BYTES, digest_of_cid
from registry.net.http import CutOff, Response, TooLarge, Unreachable, Untrusted, fetch
from registry.storage import errors
from registry.storage.addresses import Address, parse_address
from registry.storage.base import checked
from registry.storage.errors import Failure

SECONDS = 30.0
MAX_REDIRECTS = 3
# Seconds before the second and the third attempt, after a failure that may pass.
PAUSES = (0.1, 0.5)
MAX_LOCATION = 2048

_SHORTEST = 0.001
# The empty block. Every gateway has it ("Trustless Gateway", dedicated probe paths).
_EMPTY = "bafkqaaa"
_HEADERS = {"Accept": "application/vnd.ipld.raw", "User-Agent": "consent-registry"}
_REDIRECTS = {301, 302, 303, 307, 308}
_ABSENT = {404, 410}


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
        for pause in (*PAUSES, None):
            try:
                return checked(cid, self._follow(cid))
            except _Failed as failed:
                if pause is None or not failed.failure.retry:
                    raise failed.failure.error from None
            time.sleep(pause)
        raise AssertionError

    def check(self) -> None:
        """Require that a gateway answers at the address, whatever it holds; else StorageUnavailable."""
        try:
            if self._follow(_EMPTY):
                raise _Failed(errors.strange(self._name, "does not answer as a gateway does"))
        except _Failed as failed:
            raise failed.failure.error from None

    def __repr__(self) -> str:
        return f"<GatewayBlocks: {self._name}>"

    def _follow(self, cid: str) -> bytes:
        ends_at = time.monotonic() + self._seconds
        here, target = self._address, f"{self._address.path and '/' + self._address.path}/ipfs/{cid}?format=raw"
        for _ in range(MAX_REDIRECTS + 1):
            response = self._fetch(here, target, cid, max(ends_at - time.monotonic(), _SHORTEST))
            if response.status not in _REDIRECTS:
                return self._body(response, cid)
            here, target = self._next(here, target, (response.headers.get("Location") or "")[:MAX_LOCATION], cid)
        raise _Failed(errors.strange(self._name, f"redirects more than {MAX_REDIRECTS} times"))

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
                resolve_to="localhost" if local else None,
            )
        except TooLarge:
            raise BlockMismatch(f"{self._name} returned more than a block for {cid}") from None
        except (Unreachable, TimeoutError) as error:
            raise _Failed(self._diagnose(error)) from None

    def _body(self, response: Response, cid: str) -> bytes:
        if response.status in _ABSENT:
            raise _Failed(Failure(StorageUnavailable(f"{self._name} does not have {cid}"), False))
        if response.status != HTTPStatus.OK:
            raise _Failed(errors.status(self._name, response.status))
        return response.body

    def _next(self, here: Address, target: str, location: str, cid: str) -> tuple[Address, str]:
        try:
            location.encode("ascii")  # RFC 9110, section 10.2.2; http.client can send nothing else
            parts = urlsplit(urljoin(here.text + target, location))
            there = parse_address(f"{parts.scheme}://{parts.netloc}")
        except (ValueError, InvalidInput):
            raise _Failed(errors.strange(self._name, "redirects to no address")) from None
        if not self._may_go(there, cid):
            text = f"{self._name} redirects to {errors.quoted(there.host)}, which is not allowed"
            advice = "Name that host as a gateway itself, if you trust it to know what you read."
            raise _Failed(Failure(StorageUnavailable(text, advice), False))
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

    def _diagnose(self, error: Exception) -> Failure:
        if isinstance(error, TimeoutError):
            return errors.slow(self._name, self._seconds)
        if isinstance(error, Untrusted):
            return errors.strange(self._name, "has no certificate that can be trusted, or does not speak TLS")
        return errors.cut(self._name) if isinstance(error, CutOff) else errors.away(self._name)


class _Failed(Exception):
    def __init__(self, failure: Failure) -> None:
        self.failure = failure
