"""Prefetching: the file is right whatever the node answers, and takes few requests."""

from __future__ import annotations

import io
import random
from collections.abc import Callable

import pytest

from registry.core.errors import BlockMismatch, StorageUnavailable
from registry.core.ipld.unixfs import LEAF_BYTES, file_blocks, read_file
from registry.fs.streams import PieceReader
from registry.storage.errors import refused
from registry.storage.prefetch import PART_BYTES, PrefetchingReader

pytestmark = pytest.mark.slow

DATA = random.Random(1).randbytes(2 * PART_BYTES + 3 * LEAF_BYTES + 5)
BLOCKS = {block.cid: block.data for block in file_blocks(io.BytesIO(DATA))}
ROOT = list(BLOCKS)[-1]


def refuse(_: bytes) -> bytes:
    raise refused("The node", "no such command")


LIES: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda part: b"",
    "cut": lambda part: part[: len(part) // 2 + 7],
    "altered": lambda part: part[: LEAF_BYTES + 3] + b"!" + part[LEAF_BYTES + 4 :],
    "longer": lambda part: part + b"!",
    "refused": refuse,
}


@pytest.mark.parametrize("length", [0, 1, LEAF_BYTES, LEAF_BYTES + 1, PART_BYTES, PART_BYTES + 1, len(DATA)])
def test_leaves_come_by_the_part(length: int) -> None:
    blocks = {block.cid: block.data for block in file_blocks(io.BytesIO(DATA[:length]))}
    root, asked = list(blocks)[-1], list[str]()

    def get(cid: str) -> bytes:
        asked.append(cid)
        return blocks[cid]

    ahead = PrefetchingReader(lambda at: DATA[:length][at : at + PART_BYTES], get)
    assert b"".join(read_file(root, ahead)) == DATA[:length]
    assert not any(cid.startswith("bafkrei") for cid in asked)


@pytest.mark.parametrize("turn", [0, 1, 2])
@pytest.mark.parametrize("name", LIES)
def test_a_part_that_is_wrong_is_made_good_by_single_blocks(name: str, turn: int) -> None:
    def part(at: int) -> bytes:
        right = DATA[at : at + PART_BYTES]
        return LIES[name](right) if at // PART_BYTES == turn else right

    assert b"".join(read_file(ROOT, PrefetchingReader(part, BLOCKS.__getitem__))) == DATA


def test_what_is_nowhere_right_is_an_error() -> None:
    reader = PrefetchingReader(lambda at: bytes(PART_BYTES), lambda cid: BLOCKS[cid] if cid == ROOT else b"?")
    with pytest.raises(BlockMismatch):
        list(read_file(ROOT, reader))


def test_a_node_that_is_away_is_not_asked_leaf_by_leaf() -> None:
    asked: list[str] = []

    def part(at: int) -> bytes:
        raise StorageUnavailable("away")

    def get(cid: str) -> bytes:
        asked.append(cid)
        return BLOCKS[cid]

    with pytest.raises(StorageUnavailable, match="away"):
        list(read_file(ROOT, PrefetchingReader(part, get)))
    assert asked == [ROOT]


def test_pieces_are_one_source() -> None:
    buffer = bytearray(5)

    def reused() -> list[memoryview]:
        return [memoryview(buffer)[:size] for size in (5, 0, 3)]

    assert PieceReader(iter([b"", b"one", b"", memoryview(b"two")])).read() == b"onetwo"
    assert io.BufferedReader(PieceReader(iter(reused())), 4).read() == bytes(8)
