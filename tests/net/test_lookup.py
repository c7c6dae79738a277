"""Which addresses are public, and that a resolver which does not answer holds nobody up."""

from __future__ import annotations

import socket
import threading
import time
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.net.http import fetch
from registry.net.lookup import find_addresses, is_public, within

LOOPBACK, PRIVATE, PUBLIC = "127.0.0.1", "10.1.2.3", "8.8.8.8"


def carried(form: str, inside: str) -> str:
    """Return an IPv6 address of this form that leads to an IPv4 address."""
    high, low = (int(IPv4Address(inside)) >> shift & 0xFFFF for shift in (16, 0))
    a, b, c, d = IPv4Address(inside).packed
    turned = IPv4Address(int(IPv4Address(inside)) ^ 0xFFFFFFFF)
    return {
        "mapped": f"::ffff:{inside}",
        "compatible": f"::{inside}",
        "translated": f"::ffff:0:{inside}",
        "NAT64": f"64:ff9b::{inside}",
        "own NAT64, 96": f"64:ff9b:1::{inside}",
        "own NAT64, 64": f"64:ff9b:1:7:{a:x}:{b:02x}{c:02x}:{d:x}00:0",
        "own NAT64, 56": f"64:ff9b:1:07{a:02x}:{b:x}:{c:02x}{d:02x}::",
        "own NAT64, 48": f"64:ff9b:1:{high:x}:{c:x}:{d:x}00::",
        "6to4": f"2002:{high:x}:{low:x}::1",
        "Teredo client": f"2001:0:808:808:0:0:{int(turned) >> 16:x}:{int(turned) & 0xFFFF:x}",
        "Teredo server": f"2001:0:{high:x}:{low:x}:0:0:f7f7:f7f7",
    }[form]


FORMS = ["mapped", "compatible", "translated", "NAT64", "6to4", "Teredo client", "Teredo server"]
FORMS += [f"own NAT64, {length}" for length in (48, 56, 64, 96)]


@pytest.mark.parametrize("form", FORMS)
class TestWhatLeadsToAnIPv4Address:
    @pytest.mark.parametrize(
        "inside", [LOOPBACK, PRIVATE, "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "224.0.0.1"]
    )
    def test_a_local_one_inside_is_refused(self, form: str, inside: str) -> None:
        assert not is_public(carried(form, inside))

    def test_a_public_one_inside_is_public(self, form: str) -> None:
        assert is_public(carried(form, PUBLIC))


@given(st.sampled_from(FORMS), st.ip_addresses(v=4))
def test_no_form_hides_what_is_not_public(form: str, inside: IPv4Address) -> None:
    leads_nowhere = form.startswith("own") and inside in IPv4Network("0.0.0.0/8")
    if not is_public(str(inside)) and not leads_nowhere:
        assert not is_public(carried(form, str(inside)))


@pytest.mark.parametrize(
    "address",
    ["::1", "::", "fe80::1", "fec0::1", "fd00::1", "ff0e::1", "2001:db8::1", "0.0.0.0", "224.0.0.1", "255.255.255.255"],
)
def test_what_is_local_by_itself_is_refused(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", [PUBLIC, "2606:4700::1111", "2a00:1450:4001::200e"])
def test_what_is_public(address: str) -> None:
    assert is_public(address)


def test_what_is_no_address_is_no_answer() -> None:
    with pytest.raises(ValueError):
        is_public("shop.example")


class TestAResolverThatHangs:
    @pytest.fixture
    def hung(self, monkeypatch: pytest.MonkeyPatch) -> Any:
        known, end = socket.getaddrinfo, threading.Event()

        def hang(host: str, *more: Any, **options: Any) -> Any:
            if host == "hangs.test" and not options.get("flags"):
                end.wait(20)
            return known(host, *more, **options)

        monkeypatch.setattr(socket, "getaddrinfo", hang)
        yield end
        end.set()

    def test_the_time_ends_it(self, hung: threading.Event) -> None:
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            find_addresses("hangs.test", 80, 0.3)
        with pytest.raises(TimeoutError):
            fetch("GET", "http://hangs.test/", seconds=0.3, max_bytes=10)
        assert time.monotonic() - began < 5

    def test_an_address_asks_no_resolver(self, hung: threading.Event) -> None:
        before = threading.active_count()
        assert find_addresses(LOOPBACK, 80, 0.0)[0][4] == (LOOPBACK, 80)
        assert threading.active_count() == before

    def test_no_time_is_left(self) -> None:
        with pytest.raises(TimeoutError):
            within(0, lambda: pytest.fail("it was asked"))


def test_what_the_work_raises_is_raised() -> None:
    def fail() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        within(5, fail)
    assert within(5, lambda: 7) == 7
