"""A stream is read as its vault signed it: head, lists and segments, none of them twice, and no more than allowed."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from registry.core import codec
from registry.core.age.stream import open_bytes
from registry.core.errors import BlockMismatch, DamagedSeal, InvalidInput, Malformed, NotARecipient, WrongCapsule
from registry.core.ipld.cid import cid_of_block
from registry.core.sealed import heads
from registry.core.sealed.documents import seal_document, signed
from registry.core.sealed.files import Budget
from registry.core.sealed.frame import unpack
from registry.core.sealed.heads import MAX_SEGMENTS, SegmentList, SegmentRef, StreamHead, StreamReader
from registry.core.sealed.records import Record
from tests.support.sealed_builders import (
    OTHER_VAULT,
    SIGNER,
    STREAM,
    VAULT,
    Blocks,
    head,
    identity,
    recipient,
    record,
    resealed,
    sealed,
)


def reader(store: Blocks, **changes: Any) -> StreamReader:
    members: dict[str, Any] = {"stream": STREAM, "identity": identity("stream"), "signer": SIGNER}
    return StreamReader(**members | changes, get=store.__getitem__)


def ref(number: int) -> SegmentRef:
    return SegmentRef(cid_of_block(b"segment %d" % number), 1 + number % 100)


def older(*segments: SegmentRef, **changes: Any) -> SegmentList:
    return SegmentList(**{"stream": STREAM, "segments": segments} | changes)


def plain(document: Any) -> dict[str, Any]:
    members: dict[str, Any] = msgspec.to_builtins(document)
    return members


def test_a_whole_stream() -> None:
    store = Blocks()
    first, second, third = (store.put_records(map(record, part)) for part in (range(5), range(5, 9), range(9, 10)))
    oldest = store.put(sealed(older(*first)))
    middle = store.put(sealed(older(*second, older=oldest)))
    newest = store.put(sealed(head(*third, older=middle, number=7)))
    ours = reader(store)
    found = ours.head(newest)
    assert found.number == 7
    segments = list(ours.segments(found))
    assert segments == [*third, *second, *first]
    ids = {version.id for one in segments for version in ours.records(one)}
    assert ids == {record(number).id for number in range(10)}


def test_an_empty_stream() -> None:
    store = Blocks()
    ours = reader(store)
    assert list(ours.segments(ours.head(store.put(sealed(head()))))) == []


def test_the_json_of_both() -> None:
    made = signed(head(ref(1)), VAULT)
    raw = unpack(open_bytes(seal_document(made, recipient("stream")), [identity("stream")]), 10_000)
    assert raw.decode() == (
        f'{{"number":1,"older":null,"segments":[{{"cid":"{ref(1).cid}","records":2}}],'
        f'"signature":"{made.signature}","stream":"{STREAM}","type":"StreamHead","version":1}}'
    )
    listed = codec.encode(signed(older(ref(2), older=ref(1).cid), VAULT))
    assert listed.startswith(f'{{"older":"{ref(1).cid}","segments":[{{"cid":"{ref(2).cid}","records":3}}],'.encode())
    assert listed.endswith(f',"stream":"{STREAM}","type":"SegmentList","version":1}}'.encode())


def test_a_full_head_is_one_raw_block() -> None:
    store, full = Blocks(), head(*map(ref, range(MAX_SEGMENTS)), older=cid_of_block(b"older"), number=2**53 - 1)
    cid = store.put(sealed(full))
    assert cid.startswith("bafkrei") and len(store) == 1
    assert len(store[cid]) < 12_000
    assert reader(store).head(cid).segments == full.segments


def test_65_segments_are_too_many() -> None:
    with pytest.raises(Malformed, match="more than 64"):
        head(*map(ref, range(65)))
    store = Blocks()
    cid = store.put(resealed(plain(head()) | {"segments": [plain(ref(number)) for number in range(65)]}))
    with pytest.raises(DamagedSeal, match="more than 64"):
        reader(store).head(cid)


def test_a_list_is_not_empty() -> None:
    with pytest.raises(Malformed, match="empty"):
        older()


def test_signed_by_another_vault() -> None:
    store = Blocks()
    lists = store.put(sealed(older(ref(1)), by=OTHER_VAULT))
    with pytest.raises(WrongCapsule, match="not signed by the vault"):
        reader(store).head(store.put(sealed(head(), by=OTHER_VAULT)))
    ours = reader(store)
    with pytest.raises(WrongCapsule, match="not signed by the vault"):
        list(ours.segments(ours.head(store.put(sealed(head(older=lists))))))


@pytest.mark.parametrize(
    "changes", [{"number": 2}, {"older": ref(9).cid}, {"segments": (ref(2),)}, {"segments": ()}, {"stream": "ab" * 16}]
)
def test_changed_after_it_was_signed(changes: dict[str, Any]) -> None:
    store = Blocks()
    changed = msgspec.structs.replace(signed(head(ref(1)), VAULT), **changes)
    with pytest.raises(WrongCapsule, match="not signed"):
        reader(store).head(store.put(seal_document(changed, recipient("stream"))))


def test_of_another_stream() -> None:
    store = Blocks()
    other = store.put(sealed(head(stream="ab" * 16)))
    lists = store.put(sealed(older(ref(1), stream="ab" * 16)))
    ours = reader(store)
    with pytest.raises(WrongCapsule, match="another stream"):
        ours.head(other)
    with pytest.raises(WrongCapsule, match="another stream"):
        list(ours.segments(ours.head(store.put(sealed(head(older=lists))))))
    with pytest.raises(NotARecipient):
        ours.head(store.put(sealed(head(), to="stranger")))


def test_a_list_is_no_head_and_a_head_no_list() -> None:
    store = Blocks()
    one, other = store.put(sealed(head(ref(1)))), store.put(sealed(older(ref(2))))
    ours = reader(store)
    with pytest.raises(DamagedSeal, match="not what it should be"):
        ours.head(other)
    with pytest.raises(DamagedSeal, match="not what it should be"):
        list(ours.segments(ours.head(store.put(sealed(head(older=one))))))


def test_a_cid_that_stands_twice_in_one() -> None:
    for made in (head(ref(1), ref(2), ref(1)), head(ref(1), older=ref(1).cid), older(ref(1), ref(1))):
        with pytest.raises(Malformed, match="repeats a CID"):
            sealed(made)
        store = Blocks()
        cid = store.put(resealed(plain(made)))
        ours = reader(store)
        with pytest.raises(Malformed, match="repeats a CID") as caught:
            ours.head(cid) if isinstance(made, StreamHead) else list(ours.segments(head(older=cid)))
        assert "canonical" not in caught.value.advice


def test_a_cid_that_stands_twice_in_the_chain() -> None:
    store = Blocks()
    oldest = store.put(sealed(older(ref(3), ref(1))))
    middle = store.put(sealed(older(ref(2), older=oldest)))
    ours = reader(store)
    assert len(list(ours.segments(ours.head(store.put(sealed(head(ref(4), older=middle))))))) == 4
    with pytest.raises(Malformed, match="repeat a CID"):
        list(ours.segments(ours.head(store.put(sealed(head(ref(1), older=middle))))))
    twice = store.put(sealed(older(SegmentRef(middle, 1), older=oldest)))
    with pytest.raises(Malformed, match="repeat a CID"):
        list(ours.segments(head(SegmentRef(middle, 2), older=twice)))


def test_a_chain_has_at_most_1024_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    assert heads.MAX_LISTS == 1_024
    monkeypatch.setattr(heads, "MAX_LISTS", 5)
    store, last = Blocks(), None
    for number in range(5):
        last = store.put(sealed(older(ref(number), older=last)))
    ours = reader(store)
    assert len(list(ours.segments(head(older=last)))) == 5
    last = store.put(sealed(older(ref(5), older=last)))
    with pytest.raises(Malformed, match="more than 5 lists"):
        list(ours.segments(head(older=last)))


def test_a_segment_that_holds_another_number_of_records() -> None:
    store = Blocks()
    (one,) = store.put_records(map(record, range(3)))
    for records in (2, 4, 16_384):
        with pytest.raises(DamagedSeal, match="holds 3 records"):
            list(reader(store).records(SegmentRef(one.cid, records)))


@pytest.mark.parametrize("records", [0, -1, 16_385, 1.0, "1", None])
def test_a_reference_counts_1_to_16384(records: Any) -> None:
    store = Blocks()
    cid = store.put(resealed(plain(head()) | {"segments": [{"cid": ref(1).cid, "records": records}]}))
    with pytest.raises(DamagedSeal):
        reader(store).head(cid)


@pytest.mark.parametrize(
    "changes",
    [
        {"more": 1},
        {"type": "Head"},
        {"version": 2},
        {"number": 0},
        {"number": 2**53},
        {"number": None},
        {"stream": "0f" * 15},
        {"stream": "0F" * 16},
        {"stream": "0x" + "0f" * 15},
        {"older": ""},
        {"older": "bafkrei"},
        {"segments": None},
        {"segments": [ref(1).cid]},
        {"segments": [{"cid": "x", "records": 1}]},
        {"segments": [{"cid": ref(1).cid, "records": 1, "more": 1}]},
    ],
)
def test_a_head_of_another_shape(changes: dict[str, Any]) -> None:
    store = Blocks()
    with pytest.raises(DamagedSeal, match="not what it should be"):
        reader(store).head(store.put(resealed(plain(head()) | changes)))


@pytest.mark.parametrize("name", ["type", "version", "older", "segments", "stream", "number"])
def test_a_head_without_a_member(name: str) -> None:
    store = Blocks()
    members = {key: value for key, value in plain(head()).items() if key != name}
    with pytest.raises(DamagedSeal, match="not what it should be"):
        reader(store).head(store.put(resealed(members)))


class TestStores:
    """A store that lies, loses or is too large."""

    def test_swapped_blocks(self) -> None:
        store = Blocks()
        one, other = store.put_records([record(1)])[0], store.put_records([record(2)])[0]
        store[one.cid] = store[other.cid]
        with pytest.raises(BlockMismatch):
            list(reader(store).records(one))

    def test_lost_blocks(self) -> None:
        with pytest.raises(KeyError):
            reader(Blocks()).head(ref(1).cid)

    def test_segments_of_many_blocks(self) -> None:
        versions = [record(n, body={"noise": f"{n**90_00:x}"}) for n in range(2, 60)]
        store = Blocks()
        (one,) = store.put_records(versions)
        assert one.cid.startswith("bafybei") and len(store) > 2
        assert list(reader(store).records(one)) == versions

    def test_files_that_are_too_long(self) -> None:
        store = Blocks()
        cid = store.put(bytes(70_000))
        with pytest.raises(DamagedSeal, match="more than 65536"):
            reader(store).head(cid)
        with pytest.raises(DamagedSeal, match="more than 4210688"):
            list(reader(store).records(SegmentRef(store.put(bytes(5_000_000)), 1)))

    def test_what_is_no_file(self) -> None:
        store = Blocks()
        node = store.put(bytes(600_000))
        store[ref(1).cid.replace("bafkrei", "bafybei")] = b"no node"
        assert node.startswith("bafybei")
        with pytest.raises((DamagedSeal, BlockMismatch)):
            reader(store).head(ref(1).cid.replace("bafkrei", "bafybei"))

    def test_a_budget(self) -> None:
        store = Blocks()
        (one,) = store.put_records(map(record, range(1000)))
        assert len(list(reader(store, budget=Budget(1 << 20)).records(one))) == 1000
        with pytest.raises(InvalidInput, match="more than 100,000 bytes"):
            list(reader(store, budget=Budget(100_000)).records(one))
        with pytest.raises(InvalidInput, match="more than 1,000 bytes"):
            list(reader(store, budget=Budget(1_000)).records(one))
        ours = reader(store, budget=Budget(600_000))
        assert len(list(ours.records(one))) == 1000
        with pytest.raises(InvalidInput, match="more than 600,000"):
            list(ours.records(one))


def test_newest_versions_win_whatever_the_order() -> None:
    store = Blocks()
    old, new = store.put_records([record(1)]), store.put_records([record(1, counter=2, body={"name": "edited"})])
    ours = reader(store)
    newest: dict[str, Record] = {}
    for one in (*new, *old):
        for version in ours.records(one):
            if version.id not in newest or newest[version.id].version < version.version:
                newest[version.id] = version
    assert newest[record(1).id].body == {"name": "edited"}
