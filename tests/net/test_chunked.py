"""HTTP's chunked coding: the body comes back whole, whatever the chunks and the pieces in which they arrive."""

from __future__ import annotations

import http.client
import io
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from registry.net import chunked as module
from registry.net.chunked import MAX_LINE_BYTES, MAX_TRAILER_BYTES, ChunkError, unchunked

END = b"0\r\n\r\n"


def chunked(parts: list[bytes], extension: bytes = b"") -> bytes:
    return b"".join(b"%X%b\r\n%b\r\n" % (len(part), extension, part) for part in parts if part)


def dribbling(data: bytes, at_once: int) -> Callable[[int], bytes]:
    source = io.BytesIO(data)
    return lambda size: source.read(min(size, at_once))


class Sock:
    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self._data)


def by_the_library(data: bytes) -> bytes:
    answer = http.client.HTTPResponse(Sock(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + data))  # type: ignore[arg-type]
    answer.begin()
    return answer.read()


@given(
    st.lists(st.binary(max_size=300), max_size=8),
    st.integers(1, 50),
    st.sampled_from([b"", b";name=value", b" ;x"]),
    st.sampled_from([b"0\r\n\r\n", b"000\r\nX-Stream-Error: none\r\n\r\n"]),
)
def test_the_body_is_that_of_the_library(parts: list[bytes], at_once: int, extension: bytes, end: bytes) -> None:
    sent = chunked(parts, extension) + end
    assert b"".join(unchunked(dribbling(sent, at_once))) == b"".join(parts) == by_the_library(sent)


# Equal chunks whose bytes look like the lines between them.
rows = st.lists(st.tuples(st.integers(1, 20), st.integers(1, 150)), max_size=4)
looks = st.text("\r\n01;A", min_size=20, max_size=20).map(str.encode)


@pytest.fixture(autouse=True)
def _rows_of_small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MIN_SIZE", 1)


@given(rows, st.integers(1, 5000), looks)
@example([(1, 2), (16, 1)], 16, b"A" * 20)
def test_rows_of_chunks_of_one_size(rows: list[tuple[int, int]], at_once: int, look: bytes) -> None:
    parts = [look[:size] for size, count in rows for _ in range(count)]
    sent = chunked(parts) + END
    assert b"".join(unchunked(dribbling(sent, at_once))) == b"".join(parts) == by_the_library(sent)


@given(rows.filter(bool), st.integers(1, 5000), st.data())
def test_one_wrong_line_in_a_row(rows: list[tuple[int, int]], at_once: int, data: st.DataObject) -> None:
    sizes = [size for size, count in rows for _ in range(count)]
    wrong = data.draw(st.integers(0, len(sizes) - 1))
    lines = [b"%X\r\n" % size if number != wrong else b"!\r\n" for number, size in enumerate(sizes)]
    sent = b"".join(line + b"x" * size + b"\r\n" for line, size in zip(lines, sizes, strict=True)) + END
    taken = bytearray()
    with pytest.raises(ChunkError):
        for piece in unchunked(dribbling(sent, at_once)):
            taken += piece
    assert set(taken) <= set(b"x") and len(taken) <= sum(sizes[:wrong])


@given(st.lists(st.binary(min_size=1, max_size=30), max_size=4), st.integers(1, 9), st.data())
def test_no_cut_body_passes_for_a_whole_one(parts: list[bytes], at_once: int, data: st.DataObject) -> None:
    sent = chunked(parts) + END
    cut = sent[: data.draw(st.integers(0, len(sent) - 1))]
    with pytest.raises(ChunkError):
        b"".join(unchunked(dribbling(cut, at_once)))


def test_nothing_is_asked_for_after_the_end() -> None:
    receive = dribbling(chunked([b"one"]) + END + b"HTTP/1.1 200 OK", 1)
    assert b"".join(unchunked(receive)) == b"one"
    assert receive(4) == b"H"


@pytest.mark.parametrize(
    "data",
    [
        b"x" * (MAX_LINE_BYTES + 1),
        b"3;" + b"x" * MAX_LINE_BYTES,
        b"-3\r\none\r\n" + b" " * MAX_LINE_BYTES,
        chunked([b"one"])[:-2] + b"!!" + b" " * MAX_LINE_BYTES,
        b"0\r\n" + b"a: b\r\n" * MAX_TRAILER_BYTES,
    ],
)
def test_what_is_no_chunked_body_is_not_read_on(data: bytes) -> None:
    taken = 0

    def receive(size: int) -> bytes:
        nonlocal taken
        piece = data[taken : taken + 100]
        taken += len(piece)
        return piece or pytest.fail("it asked for more than was bounded")

    with pytest.raises(ChunkError):
        b"".join(unchunked(receive))


def test_a_chunk_is_given_out_as_it_arrives() -> None:
    # The announced length is huge, but the decoder does not wait for all of it.
    pieces = unchunked(dribbling(b"FFFFFFFFFF\r\nabc", 14))
    assert next(pieces) == b"ab"
    assert next(pieces) == b"c"
