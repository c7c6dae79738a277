"""CAR archives: written as others write them, and read in one encoding."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.errors import Malformed
from registry.core.ipld.car import car_parts, parse_car
from registry.core.ipld.cid import DAG_CBOR, DAG_PB, RAW, Block, sha256_of, text_of_cid, varint

# The vector that the JavaScript and Go libraries share (carv1-basic), its beginning: two DAG-CBOR roots, three blocks.
ROOTS = [
    DAG_CBOR + bytes.fromhex(each)
    for each in (
        "f88bc853804cf294fe417e4fa83028689fcdb1b1592c5102e1474dbc200fab8b",
        "69ea0740f9807a28f4d932c62e7c1c83be055e55072c90266ab3e79df63a365b",
    )
]
VECTOR = bytes.fromhex(
    "63a265726f6f747382d82a58250001711220f88bc853804cf294fe417e4fa83028689fcdb1b1592c5102e1474dbc200fab8b"
    "d82a5825000171122069ea0740f9807a28f4d932c62e7c1c83be055e55072c90266ab3e79df63a365b6776657273696f6e01"
    "280155122061be55a8e2f6b4e172338bddf184d6dbee29c98853e0a0485ecee7f27b9af0b461616161"
    "280155122081cc5b17018674b401b42f35ba07bb79e211239c23bffe658da1577e3e64687762626262"
    "2801551220b6fbd675f98e2abd22d4ed29fdc83150fedc48597e92dd1a7a24381d44a2745163636363"
)


def named(data: bytes, kind: bytes = RAW) -> bytes:
    return kind + sha256_of(data)


def car(*blocks: tuple[bytes, bytes], roots: list[bytes] | None = None) -> bytes:
    return b"".join(car_parts([named(b"root")] if roots is None else roots, blocks))


def test_the_published_vector() -> None:
    assert car(*((named(data), data) for data in (b"aaaa", b"bbbb", b"cccc")), roots=ROOTS) == VECTOR


blocks = st.lists(st.tuples(st.sampled_from([RAW, DAG_PB]), st.binary(max_size=200)), max_size=8)


@given(blocks, st.lists(st.binary(max_size=9), max_size=3))
def test_what_was_written_is_read(made: list[tuple[bytes, bytes]], roots: list[bytes]) -> None:
    pairs = [(named(data, kind), data) for kind, data in made]
    found = parse_car(car(*pairs, roots=[named(root) for root in roots]), 8, 3)
    assert found.roots == tuple(text_of_cid(named(root)) for root in roots)
    assert found.blocks == tuple(Block(text_of_cid(cid), data) for cid, data in pairs)


@given(blocks, st.data())
def test_nothing_cut_or_longer_is_read_as_the_same(made: list[tuple[bytes, bytes]], data: st.DataObject) -> None:
    raw = car(*((named(each, kind), each) for kind, each in made))
    whole = parse_car(raw, 8)
    cut = data.draw(st.integers(0, len(raw) - 1))
    with suppress(Malformed):
        assert len(parse_car(raw[:cut], 8).blocks) < len(whole.blocks)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "no length"),
        (b"\xff" * 20, "no length"),
        (car(roots=[]) + b"\xa7\x00" + named(b"abc") + b"abc", "no length"),  # 39 in two bytes
        (VECTOR, "header of a CAR"),
        (car(roots=[named(b"a"), named(b"b")]), "header of a CAR"),
        (car().replace(b"version\x01", b"version\x02"), "header of a CAR"),
        (car() + varint(36 + 3) + named(b"abc") + b"ab", "ends in the middle"),
        (car() + varint(35) + named(b"abc")[:35], "35 bytes"),
        (car() + varint(37 + (1 << 20)) + named(b"abc"), "bytes with its CID"),
        (car() + varint(36 + 3) + named(b"abc") + b"abd", "do not match"),
        (car((named(b"abc", DAG_CBOR), b"abc")), "another kind of CID"),
        (car((b"\x12" + bytes(35), b"abc")), "another kind of CID"),
        (car(*((named(bytes([n])), bytes([n])) for n in range(9))), "more than 8"),
    ],
)
def test_what_is_refused(raw: bytes, why: str) -> None:
    with pytest.raises(Malformed, match=why):
        parse_car(raw, 8)
