"""Callers, known by their network prefix only: an IPv4 /24 or an IPv6 /48. It stays in memory."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

from starlette.requests import HTTPConnection

_V4_BITS, _V6_BITS = 24, 48
UNKNOWN = "unknown"
_MAX_TEXT = 64


def caller_of(request: HTTPConnection, proxies: Collection[str] = ()) -> IPv4Address | IPv6Address | None:
    """Return the caller's address, None if it is not known.

    ``X-Forwarded-For`` counts only if it came from one of the ``proxies``: then the last address in it that is none of
    them. Everything left of that one is the caller's own word.
    """
    found = parsed_address("" if request.client is None else request.client.host)
    told = ",".join(request.headers.getlist("x-forwarded-for")).split(",") if proxies else []
    while told and found is not None and str(found) in proxies:
        found = parsed_address(told.pop().strip())
    return found


def parsed_address(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address that a text names, None if it names none."""
    return _parsed(text) if len(text) <= _MAX_TEXT else None


@lru_cache(1_024)
def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    # Parsing takes a tenth of a small request's time, and the callers of one second are few.
    try:
        address = ip_address(text)
    except ValueError:
        return None
    # A socket for both families shows IPv4 as ::ffff:a.b.c.d.
    return (address.ipv4_mapped or address) if address.version == 6 else address


def prefix_of(address: IPv4Address | IPv6Address | None) -> str:
    """Return the network that limits count."""
    if address is None:
        return UNKNOWN
    bits = _V4_BITS if address.version == 4 else _V6_BITS
    rest = address.max_prefixlen - bits
    return f"{type(address)(int(address) >> rest << rest)}/{bits}"


def is_local(request: HTTPConnection) -> bool:
    """Tell whether the caller is on this machine, and no proxy of whatever kind stands before it."""
    forwarded = "x-forwarded-for" in request.headers or "forwarded" in request.headers
    address = caller_of(request)
    return address is not None and address.is_loopback and not forwarded
