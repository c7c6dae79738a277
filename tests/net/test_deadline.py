"""A deadline shuts down its own connection in time, and no other."""

from __future__ import annotations

import os
import socket
import time

import pytest

from registry.net.deadline import Deadline

PATIENCE = 10


@pytest.fixture
def ends() -> tuple[socket.socket, socket.socket]:
    pair = socket.socketpair()
    for each in pair:
        each.settimeout(PATIENCE)
    return pair


def took(one: socket.socket) -> float:
    """Return the seconds until the connection is shut down."""
    started = time.monotonic()
    assert one.recv(1) == b""
    return time.monotonic() - started


def test_it_ends_the_connection_when_it_is_due(ends: tuple[socket.socket, socket.socket]) -> None:
    with Deadline(0.5) as watch:
        began = time.monotonic()
        assert watch.connection is None
        watch.attach(ends[0])
        assert watch.connection is ends[0]
        assert took(ends[0]) < PATIENCE
        assert watch.expired and time.monotonic() - began > 0.4


def test_a_connection_made_too_late_is_ended_at_once(ends: tuple[socket.socket, socket.socket]) -> None:
    with Deadline(0) as watch:
        deadline = time.monotonic() + PATIENCE
        while not watch.expired and time.monotonic() < deadline:
            time.sleep(0.01)
        watch.attach(ends[0])
        assert took(ends[0]) < PATIENCE


def test_a_shorter_one_does_not_wait_for_a_longer_one(ends: tuple[socket.socket, socket.socket]) -> None:
    with Deadline(1e300) as long, Deadline(60), Deadline(0.1) as short:
        long.attach(ends[1])
        short.attach(ends[0])
        assert took(ends[0]) < PATIENCE
        assert not long.expired


def test_what_is_over_is_left_alone(ends: tuple[socket.socket, socket.socket]) -> None:
    with Deadline(2) as first:
        first.attach(ends[0])
    with Deadline(2.2) as second:
        second.attach(socket.socketpair()[0])
        until = time.monotonic() + PATIENCE
        while not second.expired and time.monotonic() < until:
            time.sleep(0.05)
        assert second.expired and not first.expired
    ends[0].sendall(b"!")
    assert ends[1].recv(1) == b"!"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_it_works_after_a_fork(ends: tuple[socket.socket, socket.socket]) -> None:
    with Deadline(60):
        child = os.fork()
        if child == 0:
            with Deadline(0.1) as watch:
                watch.attach(ends[0])
                os._exit(0 if took(ends[0]) < 2 else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
