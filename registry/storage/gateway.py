"""Reads single blocks from trustless HTTP gateways (specs.ipfs.tech, "Trustless Gateway Specification", raw blocks).

A gateway can withhold, never alter: every block is held to its identifier. It does learn who asks for what.
"""

from __future__ import annotations

import http.client
import ssl
import time
from collections.abc import Collection
from contextlib import closing
from urllib.parse import urljoin, urlsplit

from registry.core.errors import BlockMismatch, InvalidInput, StorageUnavailable
from registry.core.ipld.cid import MAX_BLOCK_BYTES, digest_of_cid
from registry.net.deadline import Deadline
from registry.storage import errors
from registry.storage.addresses import Address, parse_address
from registry.storage.base import checked
from registry.storage.errors import Trouble

SECONDS = 30.0
MAX_REDIRECTS = 3
# Before the second and the third attempt, when a gateway is away or breaks off.
PAUSES = (0.1, 0.5)
MAX_LOCATION = 2048

_SHORTEST = 0.001
# The block of no bytes, whose identifier holds them: every gateway has it ("Trustless Gateway", dedicated probe paths).
_EMPTY = "bafkqaaa"
_HEADERS = {"Accept": "application/vnd.ipld.raw", "User-Agent": "consent-registry"}
_REDIRECTS = {301, 302, 303, 307, 308}
_ABSENT = {404, 410}


class GatewayBlocks:
    """A source of blocks for reading only: ``get`` of a BlockStore, from the gateway at an http(s) URL.

    ``seconds`` bounds each attempt from its start to its end, redirects included. Redirects stay on the gateway's own
    origin or that of the block below it (CID.ipfs.HOST), or go to ``allowed_hosts``, each a host name, or
    ".example.net" for every name below example.net; never from https to http. Many threads may use one instance.
    InvalidInput for an address that is none.
    """

    def __init__(self, address: str, *, seconds: float = SECONDS, allowed_hosts: Collection[str] = ()) -> None:
        self._address = parse_address(address)
        self._name = f"The gateway at {self._address.text}"
        self._seconds = seconds
        self._allowed = tuple(host.lower() for host in allowed_hosts)

    def get(self, cid: str) -> bytes:
        """The block's bytes, checked. StorageUnavailable where it is not to be had, BlockMismatch where others came."""
        digest_of_cid(cid)
        for pause in (*PAUSES, None):
            try:
                return checked(cid, self._follow(cid))
            except _Failed as failed:
                if pause is None or not failed.trouble.passing:
                    raise failed.trouble.error from None
            time.sleep(pause)
        raise AssertionError

    def check(self) -> None:
        """StorageUnavailable unless a gateway answers at the address; whether it holds anything is not asked."""
        try:
            if self._follow(_EMPTY):
                raise _Failed(errors.strange(self._name, "answers as no gateway does"))
        except _Failed as failed:
            raise failed.trouble.error from None

    def __repr__(self) -> str:
        return f"<GatewayBlocks: {self._name}>"

    def _follow(self, cid: str) -> bytes:
        deadline = time.monotonic() + self._seconds
        here, target = self._address, f"{self._address.path and '/' + self._address.path}/ipfs/{cid}?format=raw"
        for _ in range(MAX_REDIRECTS + 1):
            answer = self._ask(here, target, cid, deadline)
            if isinstance(answer, bytes):
                return answer
            here, target = self._next(here, target, answer, cid)
        raise _Failed(errors.strange(self._name, f"redirects more than {MAX_REDIRECTS} times"))

    def _ask(self, here: Address, target: str, cid: str, deadline: float) -> bytes | str:
        """The body, or where it is said to be."""
        seconds = max(deadline - time.monotonic(), _SHORTEST)
        host, headers = self._way(here)
        with closing(_connection(host, here, seconds)) as connection, Deadline(seconds) as watch:
            try:
                connection.connect()
                watch.over(connection.sock)
                connection.request("GET", target, headers=headers)
                return self._read(connection.getresponse(), cid)
            except (OSError, http.client.HTTPException) as error:
                raise _Failed(self._diagnose(error, watch)) from None

    def _read(self, response: http.client.HTTPResponse, cid: str) -> bytes | str:
        if response.status in _REDIRECTS:
            return (response.getheader("Location") or "")[:MAX_LOCATION]
        if response.status in _ABSENT:
            raise _Failed(Trouble(StorageUnavailable(f"{self._name} does not have {cid}."), False))
        if response.status != http.HTTPStatus.OK:
            raise _Failed(errors.status(self._name, response.status))
        # http.client takes headers that end too early for all of them, and then no body for an empty one.
        if response.length is None and not response.chunked:
            raise http.client.IncompleteRead(b"")
        data = response.read(MAX_BLOCK_BYTES + 1)
        if len(data) > MAX_BLOCK_BYTES:
            raise BlockMismatch(f"{self._name} returned more than a block for {cid}.")
        if response.length:
            raise http.client.IncompleteRead(data)
        return data

    def _next(self, here: Address, target: str, location: str, cid: str) -> tuple[Address, str]:
        try:
            location.encode("ascii")  # as RFC 9110 has it; nothing else can be asked for
            parts = urlsplit(urljoin(here.text + target, location))
            there = parse_address(f"{parts.scheme}://{parts.netloc}")
        except (ValueError, InvalidInput):
            raise _Failed(errors.strange(self._name, "redirects to no address")) from None
        if not self._may_go(there, cid):
            text = f"{self._name} redirects to {errors.quoted(there.host)}, which is not allowed."
            advice = "Name that host as a gateway itself, if you trust it to know what you read."
            raise _Failed(Trouble(StorageUnavailable(text, advice), False))
        return there, parts.path + (f"?{parts.query}" if parts.query else "")

    def _may_go(self, there: Address, cid: str) -> bool:
        own = self._address
        if own.secure and not there.secure:
            return False
        # Subdomain gateways give each root an origin of its own.
        names = (own.host, f"{cid}.ipfs.{own.host}")
        if there.host in names and (there.port, there.secure) == (own.port, own.secure):
            return True
        return any(there.host.endswith(each) if each[:1] == "." else there.host == each for each in self._allowed)

    def _way(self, here: Address) -> tuple[str, dict[str, str]]:
        """The host to connect to, and the headers to send there."""
        if self._address.host == "localhost" and here.host.endswith(".localhost"):
            # This machine too (RFC 6761, section 6.3), but not every resolver knows such a name.
            return "localhost", _HEADERS | {"Host": f"{here.host}:{here.port}"}
        return here.host, _HEADERS

    def _diagnose(self, error: Exception, watch: Deadline) -> Trouble:
        if isinstance(error, TimeoutError) or watch.struck:
            return errors.slow(self._name, self._seconds)
        if isinstance(error, ssl.SSLError):
            return errors.strange(self._name, "has no certificate that can be trusted, or does not speak TLS")
        return errors.cut(self._name) if watch.is_set else errors.away(self._name)


class _Failed(Exception):
    def __init__(self, trouble: Trouble) -> None:
        self.trouble = trouble


def _connection(host: str, here: Address, seconds: float) -> http.client.HTTPConnection:
    kind = http.client.HTTPSConnection if here.secure else http.client.HTTPConnection
    return kind(host, here.port, timeout=seconds)
