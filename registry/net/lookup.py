"""Look up the addresses of a host within a time, and tell whether an address belongs to the public network."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any, Generic, TypeVar

T = TypeVar("T")
# A family, a type, a protocol, a canonical name, and the address as the family has it.
AddressInfo = tuple[Any, Any, int, str, Any]

# Networks whose addresses lead to the IPv4 address inside of them, which begins at these bits from the left: mapped and
# compatible ones (RFC 4291), translated ones (RFC 2765), NAT64 (RFC 6052), 6to4 (RFC 3056).
_CARRIERS = (
    (IPv6Network("::ffff:0:0/96"), 96),
    (IPv6Network("::/96"), 96),
    (IPv6Network("::ffff:0:0:0/96"), 96),
    (IPv6Network("64:ff9b::/96"), 96),
    (IPv6Network("2002::/16"), 16),
)
# Teredo (RFC 4380): the server, and the client with each bit turned over.
_TEREDO = IPv6Network("2001::/32")
# NAT64 of one's own network (RFC 8215). Its operator chooses the prefix's length, which the address does not tell.
_OWN_NAT64, _LENGTHS = IPv6Network("64:ff9b:1::/48"), (48, 56, 64, 96)
_NOWHERE = 24  # an IPv4 address of 0.0.0.0/8 has only so many bits
_ALL_BITS = 2**32 - 1


def find_addresses(host: str, port: int, seconds: float) -> list[AddressInfo]:
    """Return what ``getaddrinfo`` does for a connection. TimeoutError where the resolver does not answer in time.

    ``OSError`` and ``UnicodeError`` as it raises them.
    """
    try:
        # An address needs no resolver, and so no thread.
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return within(seconds, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))


def within(seconds: float, work: Callable[[], T]) -> T:
    """Return what ``work`` does, or raise its exception; TimeoutError once the time is over.

    It works in a thread, because nothing can stop a resolver of the system. Such a thread ends when the resolver does,
    and keeps no process alive.
    """
    run = _Run(work)
    if seconds <= 0:
        raise TimeoutError
    try:
        threading.Thread(target=run, daemon=True).start()
    except RuntimeError as error:  # there are too many threads
        raise OSError(str(error)) from None
    if not run.done.wait(seconds):
        raise TimeoutError
    if run.error is not None:
        raise run.error
    return run.found[0]


class _Run(Generic[T]):
    def __init__(self, work: Callable[[], T]) -> None:
        self.work, self.done = work, threading.Event()
        self.found: list[T] = []
        self.error: BaseException | None = None

    def __call__(self) -> None:
        try:
            self.found.append(self.work())
        except BaseException as error:
            self.error = error
        self.done.set()


def is_public(address: str) -> bool:
    """Tell whether an IP address (without a zone) belongs to the public network.

    One that leads to an IPv4 address is judged by that. ``ValueError`` where it is no address.
    """
    found = ip_address(address)
    if isinstance(found, IPv4Address):
        return _is_public(found)
    if found in _OWN_NAT64:
        # Each length is one that the network here may use. 0.0.0.0/8 leads nowhere: those bits are a prefix or a rest.
        inside = [each for each in map(_reader(found), _LENGTHS) if int(each) >> _NOWHERE]
        return bool(inside) and all(map(_is_public, inside))
    inside = list(_carried(found))
    return all(map(_is_public, inside)) if inside else _is_public(found)


def _carried(address: IPv6Address) -> Iterator[IPv4Address]:
    for network, start in _CARRIERS:
        if address in network:
            yield _inside(address, start)
    if address in _TEREDO:
        yield _inside(address, 32)
        yield IPv4Address(int(_inside(address, 96)) ^ _ALL_BITS)


def _inside(address: IPv6Address, start: int) -> IPv4Address:
    return IPv4Address(int(address) >> (96 - start) & _ALL_BITS)


def _reader(address: IPv6Address) -> Callable[[int], IPv4Address]:
    """Return what reads the IPv4 address after a prefix of so many bits. The bits 64 to 71 stay free (RFC 6052)."""
    raw = address.packed

    def read(length: int) -> IPv4Address:
        octets = [place for place in range(length // 8, 16) if place != 8 or length == 96]
        return IPv4Address(bytes(raw[place] for place in octets[:4]))

    return read


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    is_local = isinstance(address, IPv6Address) and address.is_site_local
    return address.is_global and not (address.is_multicast or is_local)
