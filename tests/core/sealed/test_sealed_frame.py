"""One frame has one reading; what is not exactly a frame is a damaged seal, and bombs cost nothing."""

from __future__ import annotations

import gzip
import math
import random
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.errors import DamagedSeal, InvalidInput
from registry.core.sealed.frame import FrameWriter, pack, padme, unpack, unpack_pieces
from tests.support.sealed_builders import bomb, framed

MOST = 1 << 20
PLAIN = b"a record of a life\n" * 400


def of_the_paper(length: int) -> int:
    """Algorithm 1 of Nikitin et al. 2019, word for word."""
    exponent = math.floor(math.log2(length))
    size = math.floor(math.log2(exponent)) + 1
    mask = (1 << exponent - size) - 1
    return length + mask & ~mask


def test_lengths_are_those_of_the_paper() -> None:
    for length in [*range(8, 5000), *(2**power + more for power in range(13, 33) for more in (-1, 0, 1, 99))]:
        assert padme(length) == of_the_paper(length)
        assert length <= padme(length) <= length * 1.12


@given(st.binary(max_size=20_000))
def test_there_and_back(data: bytes) -> None:
    made = pack(data, MOST)
    assert unpack(made, len(data)) == data
    assert len(made) == padme(max(4096, 4 + int.from_bytes(made[:4])))
    assert made[4:14].hex() == "1f8b08000000000000ff"
    assert gzip.decompress(made[4 : 4 + int.from_bytes(made[:4])]) == data
    assert pack(data, MOST) == made


@given(st.lists(st.binary(max_size=100_000), max_size=8))
def test_pieces_make_the_frame_of_the_whole(pieces: list[bytes]) -> None:
    writer = FrameWriter(MOST)
    for piece in pieces:
        writer.add(piece)
    assert writer.size == sum(map(len, pieces))
    assert unpack(writer.finish(), MOST) == b"".join(pieces)


def test_a_short_frame_tells_nothing_of_its_length() -> None:
    assert {len(pack(b"x" * length, MOST)) for length in (0, 1, 1000, 4000)} == {4096}


def test_frames_of_other_compressors_open() -> None:
    for level in range(10):
        deflate = zlib.compressobj(level, zlib.DEFLATED, 31)
        assert unpack(framed(b"", deflate.compress(PLAIN) + deflate.flush()), MOST) == PLAIN
    assert unpack(framed(PLAIN), MOST) == PLAIN


def test_extra_flags_and_system_are_free() -> None:
    made = bytearray(framed(PLAIN))
    made[4 + 8 : 4 + 10] = b"\x04\x0b"
    assert unpack(bytes(made), MOST) == PLAIN


def changed(place: int, value: int) -> bytes:
    made = bytearray(framed(PLAIN))
    made[place] = value
    return bytes(made)


MEMBER = gzip.compress(PLAIN, mtime=0)
GOOD = framed(PLAIN)
WITH_NAME = MEMBER[:3] + b"\x08" + MEMBER[4:10] + b"purchases.csv\0" + MEMBER[10:]


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (b"", "not the length"),
        (GOOD[:3], "not the length"),
        (GOOD[:-1], "not the length"),
        (GOOD + b"\0", "not the length"),
        (GOOD + GOOD, "not the length"),
        (GOOD[:4095], "not the length"),
        (b"\xff\xff\xff\xff" + GOOD[4:], "not the length"),
        (GOOD[:4096].ljust(padme(5000), b"\0"), "not the length"),
        (GOOD[:-1] + b"\1", "zeros"),
        (changed(4 + len(MEMBER), 1), "zeros"),
        (bytes(4096), "no gzip member"),
        (framed(b"", b"\x1f\x8b\x08\0"), "no gzip member"),
        (changed(4, 0x1E), "no gzip member"),
        (changed(6, 7), "no gzip member"),
        (changed(7, 1), "no gzip member"),
        (changed(8, 1), "no gzip member"),
        (framed(b"", WITH_NAME), "no gzip member"),
        (framed(b"", gzip.compress(PLAIN, mtime=1)), "no gzip member"),
        (framed(b"", MEMBER + gzip.compress(b"", mtime=0)), "follows"),
        (framed(b"", MEMBER + b"\0"), "follows"),
        (framed(b"", MEMBER[:-1]), "ends early"),
        (framed(b"", MEMBER[:-8]), "ends early"),
        (framed(b"", MEMBER[:30]), "ends early"),
        (changed(4 + len(MEMBER) - 1, 1), "does not unpack"),
        (changed(4 + len(MEMBER) - 8, MEMBER[-8] ^ 1), "does not unpack"),
        (changed(14, 0xFF), "does not unpack"),
    ],
)
def test_what_is_no_frame(bad: bytes, says: str) -> None:
    with pytest.raises(DamagedSeal, match=says):
        unpack(bad, MOST)


def test_a_named_member_is_good_gzip() -> None:
    assert gzip.decompress(WITH_NAME) == PLAIN


def test_every_cut_and_every_byte_counts() -> None:
    chance = random.Random(1)
    for _ in range(300):
        made = bytearray(GOOD)
        made[chance.randrange(len(made))] ^= chance.randrange(1, 256)
        try:
            assert unpack(bytes(made), MOST) == PLAIN  # only the two free bytes of the header
            assert made[:12] + made[14:] == GOOD[:12] + GOOD[14:]
        except DamagedSeal:
            pass


def test_the_limit_is_exact() -> None:
    assert unpack(GOOD, len(PLAIN)) == PLAIN
    with pytest.raises(DamagedSeal, match="unpacks to more than 7,599"):
        unpack(GOOD, len(PLAIN) - 1)
    with pytest.raises(DamagedSeal, match="unpacks to more than 0"):
        unpack(GOOD, 0)


def test_a_bomb_is_stopped_at_the_limit() -> None:
    made = bomb(512)
    assert len(made) < MOST
    tracemalloc.start()
    with pytest.raises(DamagedSeal, match="unpacks to more"):
        unpack(made, MOST)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * MOST
    pieces = unpack_pieces(made, 64 << 20)
    assert max(len(piece) for _, piece in zip(range(200), pieces, strict=False)) <= 1 << 18


def test_empty_blocks_without_end_are_read_once() -> None:
    # A megabyte of empty stored blocks unpacks to nothing.
    member = MEMBER[:10] + b"\0\0\0\xff\xff" * 200_000 + b"\1\0\0\xff\xff" + bytes(8)
    assert unpack(framed(b"", member), 0) == b""


def test_a_frame_over_its_limit_is_not_made() -> None:
    noise = random.Random(2).randbytes(70_000)
    assert len(pack(noise, 1 << 17)) <= 1 << 17
    with pytest.raises(InvalidInput, match="larger than 65,536 bytes"):
        pack(noise, 1 << 16)


@pytest.mark.parametrize("limit", [1 << 20, 4 << 20, 5_000_000])
def test_what_fits_does_fit(limit: int) -> None:
    chance, writer, count = random.Random(3), FrameWriter(limit), 0
    while writer.fits(50_000):
        writer.add(chance.randbytes(50_000))
        count += 1
    assert limit * 0.6 < len(writer.finish()) <= limit
    assert count > 0
