"""An answer as long as it likes is read whole, or it is told that it was cut off."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from registry.net.http import CutOff, Unreachable
from registry.net.streamed import Streamed

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


@contextmanager
def saying(answer: bytes, *, waits: bool = False) -> Iterator[str]:
    """A server that says this to one caller, and ends the connection, or holds it open."""
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            caller, _ = listener.accept()
            with caller:
                caller.recv(1 << 16)
                caller.sendall(answer)
                stop.wait(20 if waits else 0)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1/data"
        finally:
            stop.set()
            thread.join(10)


def lines(url: str, silence: float = 10) -> list[bytes]:
    with Streamed(url, b"{}", {}, silence) as answer:
        assert answer.status == 200
        return list(answer.lines())


def test_lines_that_are_split_between_chunks() -> None:
    with saying(CHUNKED + b"3\r\na\nb\r\n4\r\nc\nd\n\r\n0\r\n\r\n") as url:
        assert lines(url) == [b"a\n", b"bc\n", b"d\n"]


@pytest.mark.parametrize(
    "answer",
    [
        CHUNKED + b"3\r\na\nb\r\n",  # without the last chunk
        CHUNKED + b"9\r\na\nb",
        CHUNKED + b"3\r\na\nb\r\n0\r\n\r\n",  # the last line has no end
        HEAD + b"Content-Length: 9\r\n\r\na\nb\n",
        HEAD + b"\r\na\nb\n",  # the end of the connection is no end of an answer
    ],
)
def test_what_is_cut_off_is_told(answer: bytes) -> None:
    with saying(answer) as url, pytest.raises(CutOff):
        lines(url)


def test_a_silent_peer_is_given_up() -> None:
    with saying(CHUNKED + b"2\r\na\n\r\n", waits=True) as url, pytest.raises(CutOff):
        lines(url, silence=0.3)


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(Unreachable):
        lines(f"http://127.0.0.1:{port}/")
