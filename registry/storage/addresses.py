"""Parses the addresses and holds the credentials of nodes and gateways."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from registry.core.errors import InvalidInput
from registry.net.http import zone_name

_MULTIADDR = re.compile(
    r"(?:/ip6zone/(?P<zone>[^/\s%]+)(?=/ip6/))?/(?P<kind>ip4|ip6|dns|dns4|dns6)/(?P<host>[^/\s]+)"
    r"/tcp/(?P<port>\d{1,5})(?:/(?P<speaks>http|https|tls/http))?"
)
_RPC_PATH = re.compile(r"(^|/)api/v0$")
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Credentials:
    """A basic pair or a bearer token; neither shows in a repr."""

    def __init__(self, basic: tuple[str, str] | None = None, bearer: str | None = None) -> None:
        if basic is not None and bearer is not None:
            raise InvalidInput("basic and bearer credentials cannot be combined", "Give one of them.")
        # http.client would send a line break as part of the headers, or quote the secret in its error.
        if any(not part.isprintable() for part in (*(basic or ()), bearer or "")):
            raise InvalidInput("credentials cannot contain control characters", "Remove a line break at their end.")
        self.basic = basic
        self.bearer = bearer

    def __repr__(self) -> str:
        return f"Credentials({'basic' if self.basic else 'bearer' if self.bearer else 'none'})"


class Address(NamedTuple):
    """A host, its port, whether it speaks TLS, and the path before "api/v0" without slashes at its ends.

    An IPv6 address has its zone as in a URL: fe80::1%25eth0 (RFC 6874).
    """

    host: str
    port: int
    secure: bool
    path: str = ""

    @property
    def text(self) -> str:
        """The URL for messages, without the path, which may contain a key."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http{'s' * self.secure}://{host}:{self.port}"


def parse_address(text: str) -> Address:
    """Parse a multiaddr (/ip4/127.0.0.1/tcp/5001, optionally with /http, /https or /tls/http) or an http(s) URL.

    A host may be any name that a resolver takes, with underscores too. "api/v0" at the end of a URL is left out.
    InvalidInput for anything else, and for a user, a password, a query or a fragment in it.
    """
    try:
        address = _from_multiaddr(text) if text.startswith("/") else _from_url(urlsplit(text))
        # http.client would raise errors of its own for these.
        address.host.encode("idna")
        address.path.encode("ascii")
    except ValueError:
        # The address is not quoted, because it may contain a password.
        advice = "Give it as /ip4/127.0.0.1/tcp/5001 or as https://host:5001, without a user or a password."
        raise InvalidInput("the address is neither a multiaddr nor an http(s) URL of a host", advice) from None
    return address


def _from_multiaddr(text: str) -> Address:
    found = _MULTIADDR.fullmatch(text)
    if found is None or not 0 < int(found["port"]) < 1 << 16:
        raise ValueError
    host = f"{found['host']}%{found['zone']}" if found["zone"] else found["host"]
    if check := {"ip4": IPv4Address, "ip6": IPv6Address}.get(found["kind"]):
        check(host)
    return Address(_with_zone(host), int(found["port"]), found["speaks"] in ("https", "tls/http"))


def _from_url(parts: SplitResult) -> Address:
    extras = parts.username is not None or parts.password is not None or parts.query or parts.fragment
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or extras or parts.port == 0:
        raise ValueError
    port = parts.port or _DEFAULT_PORTS[parts.scheme]
    return Address(_with_zone(parts.hostname), port, parts.scheme == "https", _RPC_PATH.sub("", parts.path.strip("/")))


def _with_zone(host: str) -> str:
    """Return the host with an IPv6 address's zone as a URL has it; many programs write it with a bare "%"."""
    address, percent, zone = host.partition("%")
    return f"{address}%25{zone_name(zone)}" if percent and ":" in address else host
