"""Python's search for cyclic garbage is rarer during bulk work, and as usual behind it."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from registry.vault.bulk import rarely_collecting


@pytest.fixture(autouse=True)
def usual() -> Iterator[tuple[int, int, int]]:
    before = gc.get_threshold()
    yield before
    gc.set_threshold(*before)


def test_it_is_rarer_inside_and_usual_behind(usual: tuple[int, int, int]) -> None:
    with suppress(OSError), rarely_collecting(), rarely_collecting():
        assert gc.get_threshold() == (200_000, *usual[1:])
        raise OSError
    assert gc.get_threshold() == usual


def test_threads_that_overlap_leave_the_usual_one(usual: tuple[int, int, int]) -> None:
    entered, leave = threading.Event(), threading.Event()

    def work() -> None:
        with rarely_collecting():
            entered.set()
            leave.wait(10)

    thread = threading.Thread(target=work)
    with rarely_collecting():
        thread.start()
        assert entered.wait(10)
    assert gc.get_threshold()[0] == 200_000
    leave.set()
    thread.join(10)
    assert gc.get_threshold() == usual


def test_what_was_switched_off_stays_off() -> None:
    gc.set_threshold(0)
    with rarely_collecting():
        assert gc.get_threshold()[0] == 0
    assert gc.get_threshold()[0] == 0
