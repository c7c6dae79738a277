"""Which blocks a capsule leads to, whatever hostile software put into them."""

from __future__ import annotations

import os
from collections.abc import Iterable

import pytest

from registry.client.bundle_walk import BundleWalk, Ref, heads_of
from registry.core.age.stream import seal_bytes
from registry.core.errors import DamagedSeal, InvalidInput, Malformed, StorageUnavailable, WrongCapsule
from registry.core.ipld.cid import DAG_PB, digest_of_cid, sha256_of, text_of_cid, varint
from registry.core.sealed.bundles import FILE, BundleKey
from registry.core.sealed.files import Budget
from registry.core.sealed.heads import SegmentList, SegmentRef
from tests.support.sealed_builders import (
    OTHER_VAULT,
    SIGNER,
    STREAM,
    Blocks,
    bomb,
    bundle_key,
    file_ref,
    head,
    identity,
    recipient,
    record,
    sealed,
    view,
)


def bundle_record(number: int, **changes: object) -> object:
    return record(number, id=f"{number:032x}", home=None, source=None, body={"name": "x"}, **changes)


def walked(blocks: Blocks, key: BundleKey, without: Iterable[str] = (), budget: Budget | None = None) -> BundleWalk:
    gone = set(without)

    def get(cid: str) -> bytes:
        if cid not in blocks or cid in gone:
            raise StorageUnavailable("absent")
        return blocks[cid]

    walk = BundleWalk({STREAM: key}, SIGNER, get, lambda cid: cid in blocks and cid not in gone, budget=budget)
    walk.go(heads_of([key]))
    return walk


@pytest.fixture
def blocks() -> Blocks:
    return Blocks()


def a_key(blocks: Blocks, *segments: SegmentRef, older: str | None = None, **changes: object) -> BundleKey:
    cid = blocks.put(sealed(head(*segments, older=older)))
    return bundle_key(stream=STREAM, head=cid, view=view(**changes))


def test_every_block_is_met(blocks: Blocks) -> None:
    old = blocks.put_records([bundle_record(1)])  # type: ignore[list-item]
    older = blocks.put(sealed(SegmentList(stream=STREAM, segments=tuple(old))))
    new = blocks.put_records([bundle_record(2), bundle_record(3)])  # type: ignore[list-item]
    key = a_key(blocks, *new, older=older)
    walk = walked(blocks, key)
    assert walk.reached == {digest_of_cid(cid) for cid in blocks} and not walk.pending
    assert walk.tally([key]) == (True, {"pd:Purchase": 3})


def test_it_goes_on_where_blocks_are_missing(blocks: Blocks) -> None:
    (segment,) = blocks.put_records([bundle_record(1)])  # type: ignore[list-item]
    key = a_key(blocks, segment)
    walk = walked(blocks, key, without=[segment.cid])
    assert walk.pending == [Ref("segment", STREAM, segment.cid, 1)]
    assert digest_of_cid(segment.cid) not in walk.reached and not walk.tally([key]).complete
    walk.go(walk.pending)
    assert walk.pending == [Ref("segment", STREAM, segment.cid, 1)]


def test_the_file_of_a_record_is_met_where_the_view_shows_files(blocks: Blocks) -> None:
    body = os.urandom(600_000)
    cid = blocks.put(seal_bytes(body, [recipient("file")]))
    told = file_ref(body, data=None, cid=cid, identity=identity("file"))
    segments = blocks.put_records([bundle_record(1, file=told)])  # type: ignore[list-item]
    shown = walked(blocks, a_key(blocks, *segments, members=(FILE, "name")))
    assert len(shown.reached) == len(blocks) and not shown.pending
    hidden = walked(blocks, a_key(blocks, *segments))
    assert digest_of_cid(cid) not in hidden.reached


def test_a_part_of_a_file_is_met(blocks: Blocks) -> None:
    body = os.urandom(600_000)
    before = set(blocks)
    cid = blocks.put(seal_bytes(body, [recipient("file")]))
    leaves = sorted(set(blocks) - before - {cid})
    told = file_ref(body, data=None, cid=cid, identity=identity("file"))
    key = a_key(blocks, *blocks.put_records([bundle_record(1, file=told)]), members=(FILE, "name"))  # type: ignore[list-item]
    walk = walked(blocks, key, without=leaves[:1])
    assert walk.pending == [Ref("file", STREAM, cid)] and digest_of_cid(leaves[1]) in walk.reached
    assert not walk.tally([key]).complete


def test_a_bomb_is_stopped(blocks: Blocks) -> None:
    cid = blocks.put(seal_bytes(bomb(70), [recipient("stream")]))
    with pytest.raises(DamagedSeal):
        walked(blocks, a_key(blocks, SegmentRef(cid, 1)))


def test_many_segments_that_unpack_to_too_much_are_stopped(blocks: Blocks) -> None:
    segments = [blocks.put_records([bundle_record(n)])[0] for n in range(4)]  # type: ignore[list-item]
    with pytest.raises(InvalidInput):
        walked(blocks, a_key(blocks, *segments), budget=Budget(500))


def test_what_another_vault_signed_is_refused(blocks: Blocks) -> None:
    cid = blocks.put(sealed(head(), OTHER_VAULT))
    with pytest.raises(WrongCapsule):
        walked(blocks, bundle_key(stream=STREAM, head=cid))


def test_another_number_of_records_is_refused(blocks: Blocks) -> None:
    (segment,) = blocks.put_records([bundle_record(1)])  # type: ignore[list-item]
    with pytest.raises(DamagedSeal):
        walked(blocks, a_key(blocks, SegmentRef(segment.cid, 2)))


def test_a_list_that_names_itself_ends(blocks: Blocks) -> None:
    (segment,) = blocks.put_records([bundle_record(1)])  # type: ignore[list-item]
    older = blocks.put(sealed(SegmentList(stream=STREAM, segments=(segment,))))
    key = a_key(blocks, segment, older=older)
    walk = walked(blocks, key)
    with pytest.raises(Malformed):
        walk.tally([key])


def test_a_node_that_names_one_child_many_times_ends(blocks: Blocks) -> None:
    child = blocks.put(b"leaf")
    for _ in range(12):
        child = _node(blocks, child)
    with pytest.raises(DamagedSeal):
        walked(blocks, bundle_key(stream=STREAM, head=child))


def test_a_node_of_another_form_is_refused(blocks: Blocks) -> None:
    data = b"no node"
    cid = text_of_cid(DAG_PB + sha256_of(data))
    blocks[cid] = data
    with pytest.raises(DamagedSeal):
        walked(blocks, bundle_key(stream=STREAM, head=cid))


def _node(blocks: Blocks, child: str) -> str:
    from registry.core.ipld.cid import binary_cid

    body = b"\x0a" + varint(36) + binary_cid(child) + b"\x12\x00\x18" + varint(9)
    link = b"\x12" + varint(len(body)) + body
    unixfs = b"\x08\x02\x18" + varint(174 * 4) + (b"\x20" + varint(4)) * 174
    data = link * 174 + b"\x0a" + varint(len(unixfs)) + unixfs
    cid = text_of_cid(DAG_PB + sha256_of(data))
    blocks[cid] = data
    return cid
