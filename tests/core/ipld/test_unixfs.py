"""Identifiers against an independent importer's answers, and trees that must not be read."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.errors import BlockMismatch, InvalidInput
from registry.core.ipld import cid as cid_module
from registry.core.ipld.cid import MAX_BLOCK_BYTES, Block, check_block, cid_from_digest, cid_of_block, digest_of_cid
from registry.core.ipld.unixfs import LEAF_BYTES, LINKS_PER_NODE, file_blocks, read_file
from tests.support.paths import VECTORS as VECTORS_FOLDER

pytestmark = pytest.mark.slow

VECTORS = json.loads((VECTORS_FOLDER / "cids" / "files.json").read_text())["cases"]
EMPTY = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
SMALL = 2 * LEAF_BYTES + 5


class Generated(io.RawIOBase):
    """Byte i is byte i mod 32 of SHA-256(uint64 of floor(i / 32)), as scripts/vectors_cids.mjs makes it."""

    def __init__(self, size: int) -> None:
        self._left, self._counter, self.digest = size, 0, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        wanted = min(size, self._left)
        count = -(-wanted // 32)
        numbers = range(self._counter, self._counter + count)
        data = b"".join(hashlib.sha256(number.to_bytes(8, "big")).digest() for number in numbers)[:wanted]
        self._left, self._counter = self._left - wanted, self._counter + count
        self.digest.update(data)
        return data


def blocks_of(data: bytes) -> list[Block]:
    return list(file_blocks(io.BytesIO(data)))


def dag_pb(data: bytes) -> str:
    """A dag-pb CID made independently of the code under test."""
    binary = bytes((1, 0x70, 0x12, 32)) + hashlib.sha256(data).digest()
    return "b" + base64.b32encode(binary).decode().rstrip("=").lower()


@pytest.mark.parametrize("case", VECTORS, ids=lambda case: case["description"])
def test_files_have_the_identifiers_that_ipfs_gives_them(case: dict[str, int | str]) -> None:
    source = Generated(int(case["size"]))
    stored = dict(blocks := list(file_blocks(source)))  # type: ignore[arg-type]
    assert blocks[-1].cid == case["cid"]
    assert (len(stored), sum(map(len, stored.values()))) == (case["blocks"], case["stored"])
    read = hashlib.sha256()
    for part in read_file(str(case["cid"]), stored.__getitem__):
        read.update(part)
    assert read.digest() == source.digest.digest()


def test_known_answers() -> None:
    assert cid_of_block(b"") == EMPTY
    assert blocks_of(b"") == [(EMPTY, b"")]
    # `ipfs add --cid-version=1` of "hello world", without and with the line's end (IPFS documentation).
    assert cid_of_block(b"hello world") == "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"
    assert cid_of_block(b"hello world\n") == "bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4"


@given(st.binary(max_size=200))
def test_identifiers_round_trip(data: bytes) -> None:
    digest, cid = hashlib.sha256(data).digest(), cid_of_block(data)
    assert digest_of_cid(cid) == digest
    assert cid_from_digest(digest) == cid
    binary = bytes((1, 0x55, 0x12, 32)) + digest
    assert cid == "b" + base64.b32encode(binary).decode().rstrip("=").lower()
    assert digest_of_cid(dag_pb(data)) == digest
    check_block(cid, data)


def base32_cid(*start: int, length: int = 32) -> str:
    return "b" + base64.b32encode(bytes(start) + bytes(length)).decode().rstrip("=").lower()


@pytest.mark.parametrize(
    "cid",
    [
        "",
        "b",
        EMPTY.upper(),
        EMPTY[0].upper() + EMPTY[1:],
        EMPTY[:-1] + EMPTY[-1].upper(),
        EMPTY[:-1],
        EMPTY + "a",
        EMPTY + "=",
        EMPTY + "\n",
        " " + EMPTY,
        EMPTY[:-1] + "v",
        EMPTY[:20] + "1" + EMPTY[21:],
        EMPTY[:20] + "_" + EMPTY[21:],
        EMPTY[:20] + "é" + EMPTY[21:],
        "z" + EMPTY[1:],
        "/ipfs/" + EMPTY,
        "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH",
        base32_cid(1, 0x71, 0x12, 32),
        base32_cid(1, 0x55, 0x13, 32),
        base32_cid(1, 0x55, 0x12, 31),
        base32_cid(1, 0x55, 0x12, 31, length=31),
        base32_cid(2, 0x55, 0x12, 32),
        base32_cid(0x81, 0x00, 0x55, 0x12, 32, length=31),
    ],
)
def test_every_other_identifier_is_refused(cid: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        digest_of_cid(cid)
    assert caught.value.advice


@given(st.text(max_size=70))
def test_no_text_breaks_the_parser(text: str) -> None:
    with pytest.raises(InvalidInput):
        digest_of_cid(text)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_digest_has_32_bytes(length: int) -> None:
    with pytest.raises(InvalidInput):
        cid_from_digest(bytes(length))


def test_other_bytes_and_oversize_blocks_are_mismatches() -> None:
    with pytest.raises(BlockMismatch):
        check_block(EMPTY, b"x")
    large = bytes(MAX_BLOCK_BYTES + 1)
    with pytest.raises(BlockMismatch):
        check_block(cid_of_block(large), large)


@pytest.mark.parametrize("victim", range(4))
def test_a_lying_source_is_found_out(victim: int) -> None:
    blocks = blocks_of(bytes(SMALL))
    cid = [*(block.cid for block in blocks), ""][min(victim, 3)]
    stored = dict(blocks)
    stored[cid or blocks[-1].cid] = stored[blocks[0].cid][:-1]
    with pytest.raises(BlockMismatch):
        list(read_file(blocks[-1].cid, stored.__getitem__))


def test_a_source_that_gives_little_at_a_time_changes_nothing() -> None:
    class Dribble(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(min(size or 0, 10_007))

    assert list(file_blocks(Dribble(bytes(SMALL)))) == blocks_of(bytes(SMALL))


def varint(value: int) -> bytes:
    return bytes((value,)) if value < 128 else bytes((value & 127 | 128,)) + varint(value >> 7)


def field(tag: int, data: bytes) -> bytes:
    return bytes((tag,)) + varint(len(data)) + data


def node(links: list[tuple[Block, int, int]], size: int | None = None, kind: int = 2, name: bytes = b"") -> Block:
    """A UnixFS node written from the specification: (child, Tsize, blocksize) of each link."""
    sizes = b"".join(b"\x20" + varint(share) for _, _, share in links)
    total = sum(share for *_, share in links) if size is None else size
    parts = [
        field(0x12, field(0x0A, binary(child.cid)) + field(0x12, name) + b"\x18" + varint(tree))
        for child, tree, _ in links
    ]
    data = b"".join(parts) + field(0x0A, bytes((8, kind)) + b"\x18" + varint(total) + sizes)
    return Block(dag_pb(data), data)


def binary(cid: str) -> bytes:
    return base64.b32decode(cid[1:].upper() + "======")


def leaf(size: int, fill: int = 0) -> Block:
    data = bytes([fill]) * size
    return Block(cid_of_block(data), data)


FULL, REST = leaf(LEAF_BYTES), leaf(5)


def test_the_reference_node_is_the_one_that_is_built() -> None:
    links = [(FULL, LEAF_BYTES, LEAF_BYTES), (FULL, LEAF_BYTES, LEAF_BYTES), (REST, 5, 5)]
    assert blocks_of(bytes(SMALL))[-1] == node(links)


WHOLE = [(FULL, LEAF_BYTES, LEAF_BYTES), (REST, 5, 5)]
INNER = node(WHOLE)
BAD_ROOTS = {
    "a leaf too short for its link": node([(REST, LEAF_BYTES, LEAF_BYTES), (REST, 5, 5)]),
    "a leaf too long for its link": node([(FULL, LEAF_BYTES, LEAF_BYTES), (FULL, 5, 5)]),
    "the short leaf first": node(WHOLE[::-1]),
    "a node for what fits a leaf": node([(REST, 5, 5)]),
    "no links": node([]),
    "175 links": node([WHOLE[0]] * (LINKS_PER_NODE + 1)),
    "links to nothing": node([*WHOLE, (leaf(0), 0, 0)]),
    "a node in a leaf's place": node([WHOLE[0], (INNER, 9, 5)]),
    "filesize is not the sum": node(WHOLE, size=LEAF_BYTES),
    "a directory": node(WHOLE, kind=1),
    "a named link": node(WHOLE, name=b"a"),
    "trailing bytes": Block(dag_pb(node(WHOLE).data + b"\0"), node(WHOLE).data + b"\0"),
    "cut off": Block(dag_pb(node(WHOLE).data[:-1]), node(WHOLE).data[:-1]),
    "empty": Block(dag_pb(b""), b""),
    "noise": Block(dag_pb(b"\x12\xff"), b"\x12\xff"),
    "a longer varint": Block(
        dag_pb(node(WHOLE).data[:-1] + b"\x85\x00"), node(WHOLE).data[:-1] + b"\x85\x00"
    ),
    "a tower of nodes": node([(node([(INNER, 1, 2 * LEAF_BYTES)]), 1, 2 * LEAF_BYTES)]),
}  # fmt: skip


@pytest.mark.parametrize("why", BAD_ROOTS)
def test_other_trees_are_refused(why: str) -> None:
    root = BAD_ROOTS[why]
    stored = dict([FULL, REST, INNER, leaf(0), root])
    with pytest.raises(InvalidInput) as caught:
        list(read_file(root.cid, stored.__getitem__))
    assert caught.value.advice


def test_a_leaf_in_a_nodes_place_is_refused() -> None:
    wide = LINKS_PER_NODE * LEAF_BYTES
    root = node([(FULL, wide, wide), (REST, 5, 5)])
    with pytest.raises(InvalidInput, match="place"):
        list(read_file(root.cid, dict([FULL, REST, root]).__getitem__))


def test_the_readers_limit_is_kept_before_anything_is_fetched() -> None:
    asked: list[str] = []
    root = node([(FULL, 1, LEAF_BYTES * LINKS_PER_NODE**4), (FULL, 1, 1)])

    def get(cid: str) -> bytes:
        asked.append(cid)
        return root.data

    for limit in (0, SMALL, 1 << 40):
        with pytest.raises(InvalidInput, match="more than"):
            list(read_file(root.cid, get, limit))
    assert set(asked) == {root.cid}
    with pytest.raises(InvalidInput, match="more than"):
        list(read_file(REST.cid, dict([REST]).__getitem__, 4))


def test_a_sources_own_error_passes_through() -> None:
    with pytest.raises(KeyError):
        list(read_file(EMPTY, {}.__getitem__))


class TestHashedOnce:
    """The memo of the last hash answers only for the very same bytes object."""

    def test_one_object_twice(self, monkeypatch: pytest.MonkeyPatch) -> None:
        data, hashed = bytes(range(256)), []

        def counted(*given: bytes) -> Any:
            hashed.append(given)
            return sha256(*given)

        monkeypatch.setattr(cid_module.hashlib, "sha256", counted)
        cid = cid_of_block(data)
        assert check_block(cid, data) == check_block(cid, data) == digest_of_cid(cid)
        assert len(hashed) == 1

    def test_other_bytes_under_the_same_name(self) -> None:
        data = bytes(range(256))
        cid = cid_of_block(data)
        for other in (data[:-1], data + b"!", bytes(256)):
            check_block(cid, data)
            with pytest.raises(BlockMismatch):
                check_block(cid, other)
        with pytest.raises(BlockMismatch):
            check_block(cid_of_block(b"another"), data)

    def test_bytes_that_can_change_are_hashed_each_time(self) -> None:
        data = bytearray(range(256))
        cid = cid_of_block(data)
        check_block(cid, data)
        data[0] ^= 1
        with pytest.raises(BlockMismatch):
            check_block(cid, data)

    def test_threads_do_not_take_each_others(self) -> None:
        pieces = [bytes([number]) * 1000 for number in range(64)]
        names = [cid_of_block(piece) for piece in pieces]

        def check(start: int) -> None:
            for turn in range(2000):
                at = (start + turn) % len(pieces)
                check_block(names[at], pieces[at])
                with pytest.raises(BlockMismatch):
                    check_block(names[at], pieces[at - 1])

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(check, range(8)))
