"""Rates and allowances of network prefixes: what they let through, and that they are bounded."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.testclient import TestClient

from registry.http.callers import caller_of, is_local, prefix_of
from registry.http.limits import DAY, Allowance, TokenBuckets
from tests.support.http_service import sample_app


class Clock(SimpleNamespace):
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@given(st.lists(st.floats(0, 5), max_size=60), st.integers(1, 5), st.integers(1, 10))
def test_a_bucket_never_lets_through_more_than_its_rate_and_burst(gaps: list[float], rate: int, burst: int) -> None:
    clock = Clock()
    buckets = TokenBuckets(rate, burst, clock)
    passed = 0
    for gap in gaps:
        clock.now += gap
        passed += buckets.take("a") == 0
        assert passed <= burst + rate * clock.now + 1e-6


def test_a_bucket_tells_when_to_come_back_and_then_opens() -> None:
    clock = Clock()
    buckets = TokenBuckets(2, 1, clock)
    assert buckets.take("a") == 0
    assert buckets.take("a") == pytest.approx(0.5)
    assert buckets.take("b") == 0
    clock.now += 0.5
    assert buckets.take("a") == 0


def test_limits_forget_the_prefix_that_was_away_longest() -> None:
    clock = Clock()
    buckets, allowance = TokenBuckets(1, 1, clock, most=2), Allowance(1, clock, most=2)
    for prefix in ("a", "b", "a", "c"):
        buckets.take(prefix)
        allowance.take(prefix, 1)
    assert [buckets.take(prefix) > 0 for prefix in ("c", "a")] == [True, True]
    assert buckets.take("b") == 0 and len(buckets._levels) == 2
    assert allowance.take("c", 1) is False and len(allowance._used) == 2


def test_an_allowance_is_for_a_day_all_or_nothing_and_can_be_given_back() -> None:
    clock = Clock()
    clock.now = 5 * DAY + 100
    allowance = Allowance(10, clock)
    assert allowance.take("a", 8) and not allowance.take("a", 3) and allowance.take("a", 2)
    assert not allowance.take("a", 1) and allowance.take("b", 1)
    allowance.give_back("a", 1)
    assert allowance.take("a", 1) and not allowance.take("a", 1)
    assert allowance.seconds_left() == DAY - 100
    clock.now += DAY
    assert allowance.take("a", 10)


def connection(host: str | None, **headers: str) -> HTTPConnection:
    raw = Headers({name.replace("_", "-"): value for name, value in headers.items()}).raw
    return HTTPConnection({"type": "http", "client": None if host is None else (host, 1), "headers": raw})


@pytest.mark.parametrize(
    ("host", "forwarded", "proxies", "prefix"),
    [
        ("203.0.113.77", None, (), "203.0.113.0/24"),
        ("2001:db8:1:2:3::4", None, (), "2001:db8:1::/48"),
        ("::ffff:203.0.113.77", None, (), "203.0.113.0/24"),
        ("203.0.113.77", "198.51.100.1", (), "203.0.113.0/24"),  # nobody's word without a proxy
        ("203.0.113.77", "198.51.100.1", ("10.0.0.1",), "203.0.113.0/24"),  # from somebody else than the proxy
        ("10.0.0.1", "192.0.2.9, 198.51.100.1", ("10.0.0.1",), "198.51.100.0/24"),  # the caller forged 192.0.2.9
        ("10.0.0.1", "198.51.100.1, 10.0.0.2", ("10.0.0.1", "10.0.0.2"), "198.51.100.0/24"),
        ("10.0.0.1", "nonsense", ("10.0.0.1",), "unknown"),
        (None, None, (), "unknown"),
        ("testclient", None, (), "unknown"),
    ],
)
def test_who_calls(host: str | None, forwarded: str | None, proxies: tuple[str, ...], prefix: str) -> None:
    headers = {} if forwarded is None else {"x_forwarded_for": forwarded}
    assert prefix_of(caller_of(connection(host, **headers), proxies)) == prefix


def test_a_proxy_on_this_machine_does_not_make_its_callers_local() -> None:
    assert is_local(connection("127.0.0.1")) and is_local(connection("::1"))
    assert not is_local(connection("127.0.0.1", x_forwarded_for="203.0.113.1"))
    assert not is_local(connection("127.0.0.1", forwarded="for=203.0.113.1"))
    assert not is_local(connection("203.0.113.1"))


def test_a_prefix_that_asks_too_often_is_told_when_to_come_back() -> None:
    app = sample_app(rate=1)
    near, far = TestClient(app, client=("203.0.113.1", 1)), TestClient(app, client=("198.51.100.1", 1))
    answers = [near.get("/v1/prefix") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 4 + [429] * 2
    assert answers[-1].json()["title"] == "TooManyRequests" and answers[-1].headers["retry-after"] == "1"
    assert far.get("/v1/prefix").json() == {"prefix": "198.51.100.0/24"}
    assert near.get("/v1/prefix", headers={"X-Apart": "1"}).status_code == 200
