"""Work that many callers share: in groups, with each result for its caller, and none lost at the end."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from registry.core.errors import DatabaseUnavailable
from registry.http.groups import Groups


def test_what_comes_meanwhile_is_done_together() -> None:
    started, goes_on, sizes = threading.Event(), threading.Event(), list[int]()

    def work(bodies: Sequence[bytes]) -> list[int]:
        started.set()
        goes_on.wait(10)
        sizes.append(len(bodies))
        return [len(body) for body in bodies]

    groups = Groups(work, 3, 1_000, len)
    first = groups.submit(b"a")
    started.wait(10)
    others = [groups.submit(b"b" * size) for size in range(2, 6)]
    goes_on.set()
    assert [each.result(10) for each in (first, *others)] == [1, 2, 3, 4, 5]
    assert sizes == [1, 3, 1]
    groups.close()


def test_an_error_goes_to_each_caller_and_the_next_group_works() -> None:
    fails = [True]

    def work(bodies: Sequence[bytes]) -> list[bytes]:
        if fails[0]:
            raise DatabaseUnavailable("away")
        return list(bodies)

    groups = Groups(work, 10, 1_000, len)
    with pytest.raises(DatabaseUnavailable):
        groups.submit(b"a").result(10)
    fails[0] = False
    assert groups.submit(b"b").result(10) == b"b"
    groups.close()


def test_too_much_waits_and_after_the_end() -> None:
    goes_on = threading.Event()

    def work(bodies: Sequence[bytes]) -> list[bytes]:
        goes_on.wait(10)
        return list(bodies)

    groups = Groups(work, 1, 10, len)
    kept = [groups.submit(b"x" * 11)]
    with pytest.raises(DatabaseUnavailable, match="too many"):
        groups.submit(b"y")
    goes_on.set()
    groups.close()
    groups.close()
    assert kept[0].result(1) == b"x" * 11
    with pytest.raises(DatabaseUnavailable, match="stopping"):
        groups.submit(b"z")
