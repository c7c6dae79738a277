"""What live grants hand over: blocks and updates are taken, read while the grant lives, and erased with its end."""

from __future__ import annotations

import io
import os
import threading
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from registry.brand import keeper
from registry.brand.holding import Arrival, Brought, Held, Holding, Kind, Verdict
from registry.brand.keeper import LEFT_SECONDS
from registry.brand.quarantine import MAX_CAR
from registry.client.revoke import revoke
from registry.core.age.stream import seal_bytes
from registry.core.crypto.seeds import relationship_key
from registry.core.errors import DatabaseUnavailable
from registry.core.evidence.file import Evidence
from registry.core.ipld.cid import Block, binary_cid, cid_from_digest, cid_of_block, sha256_of
from registry.core.scalars import to_hex
from registry.core.sealed.bundles import View
from registry.core.sealed.capsule import StreamUpdate
from registry.vault.draft import Draft, FileSource
from tests.support.brand_api import LOCAL
from tests.support.brand_data import DataApi, archive, data_api, lines_of, root_of
from tests.support.bundle_grants import purchase
from tests.support.fake_storage import MemoryBlocks
from tests.support.sealed_builders import recipient


@pytest.fixture
def data(tmp_path: Path) -> Iterator[DataApi]:
    with data_api(tmp_path) as made:
        yield made


def kept(data: DataApi) -> set[bytes]:
    """The SHA-256 of every block in the brand's store."""
    assert isinstance(data.own, MemoryBlocks)
    return set(data.own.kept)


def refused(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["title"]


class TestBlocks:
    def test_what_a_grant_hands_over_is_taken_whole(self, data: DataApi) -> None:
        evidence = data.granted()
        answer = data.send(evidence)
        size = sum(len(each.data) for each in data.blocks(evidence))
        assert answer.status_code == 201, answer.text
        assert answer.json() == {"blocks": len(data.blocks(evidence)), "bytes": size, "complete": True}
        assert data.names(evidence) == ["grapes", "mushrooms"]

    def test_it_may_come_in_several_archives(self, data: DataApi) -> None:
        evidence = data.granted()
        blocks = data.blocks(evidence)
        heads = [each for each in blocks if each.cid == data.hands.keys[0].head]
        first = data.send(evidence, [blocks[0], *heads])
        assert (first.status_code, first.json()["complete"]) == (201, False)
        assert refused(data.read(evidence)) == (503, "StorageUnavailable")
        rest = [each for each in blocks[1:] if each not in heads]
        assert data.send(evidence, rest).json()["complete"] is True
        assert data.names(evidence) == ["grapes", "mushrooms"]

    def test_the_same_again_changes_nothing(self, data: DataApi) -> None:
        evidence = data.granted()
        first = data.send(evidence)
        assert data.send(evidence).json() == first.json()
        assert data.send(evidence, data.blocks(evidence)[2:]).json() == first.json()

    def test_the_same_archive_twice_at_once(self, data: DataApi) -> None:
        evidence = data.granted()
        raw, answers = archive(root_of(evidence), data.blocks(evidence)), list[Any]()
        threads = [threading.Thread(target=lambda: answers.append(data.send(evidence, raw=raw))) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert [each.status_code for each in answers] == [201, 201]
        assert data.names(evidence) == ["grapes", "mushrooms"]

    def test_a_foreign_block_refuses_all(self, data: DataApi) -> None:
        evidence = data.granted()
        foreign = Block(cid_of_block(b"foreign"), b"foreign")
        answer = data.send(evidence, [*data.blocks(evidence), foreign])
        assert refused(answer) == (422, "ForeignBlock")
        assert answer.json()["cid"] == foreign.cid and foreign.cid in answer.json()["detail"]
        assert kept(data) == set()
        assert refused(data.read(evidence)) == (404, "NothingHeld")

    def test_a_refusal_keeps_what_was_taken_before(self, data: DataApi) -> None:
        evidence = data.granted()
        data.send(evidence)
        before = kept(data)
        foreign = Block(cid_of_block(b"foreign"), b"foreign")
        assert refused(data.send(evidence, [*data.blocks(evidence), foreign])) == (422, "ForeignBlock")
        assert kept(data) == before and data.names(evidence) == ["grapes", "mushrooms"]

    def test_children_before_their_parents_are_foreign(self, data: DataApi) -> None:
        evidence = data.granted()
        assert refused(data.send(evidence, data.blocks(evidence)[1:])) == (422, "ForeignBlock")
        assert kept(data) == set()

    def test_another_grants_blocks_are_foreign(self, data: DataApi) -> None:
        evidence = data.granted()
        others = data.blocks(evidence)
        other = data.granted("bread")
        answer = data.send(other, [*data.blocks(other), others[1]])
        assert refused(answer) == (422, "ForeignBlock")

    @pytest.mark.parametrize("cut", [1, 40, 1_000])
    def test_a_truncated_archive_is_refused(self, data: DataApi, cut: int) -> None:
        evidence = data.granted()
        raw = archive(root_of(evidence), data.blocks(evidence))
        assert refused(data.send(evidence, raw=raw[:-cut])) == (422, "Malformed")
        assert kept(data) == set()

    def test_other_bytes_than_a_cid_names_are_refused(self, data: DataApi) -> None:
        evidence = data.granted()
        first, *rest = data.blocks(evidence)
        wrong = Block(rest[0].cid, rest[0].data[:-1] + bytes([rest[0].data[-1] ^ 1]))
        answer = data.send(evidence, [first, wrong])
        assert refused(answer) == (422, "Malformed") and wrong.cid in answer.json()["detail"]

    def test_an_archive_over_the_limit_is_refused(self, data: DataApi) -> None:
        evidence = data.granted()
        assert refused(data.send(evidence, raw=bytes(MAX_CAR + 1))) == (413, "TooLarge")

    def test_a_root_that_no_grant_has(self, data: DataApi) -> None:
        evidence = data.granted()
        raw = archive(cid_of_block(b"nobody's"), data.blocks(evidence))
        assert refused(data.send(evidence, raw=raw)) == (404, "UnknownGrant")

    def test_a_grant_has_its_limit(self, tmp_path: Path) -> None:
        with data_api(tmp_path, grant_bytes=10_000) as data:
            evidence = data.granted()
            assert refused(data.send(evidence)) == (413, "GrantFull")
            assert kept(data) == set()

    def test_the_brand_has_a_limit_for_all_grants_together(self, tmp_path: Path) -> None:
        with data_api(tmp_path) as data:
            evidence, size = data.granted(), data.brand.store.data_bytes
            assert data.send(evidence).status_code == 201
            (holding,) = data.brand.store.held_grants(0, 10)
            assert size() == holding.holding.bytes > 0
            here = TestClient(data.internal_app, LOCAL, client=("127.0.0.1", 4711))
            assert f"brand_data_bytes {float(size())}" in here.get("/metrics").text
        (tmp_path / "other").mkdir()
        with data_api(tmp_path / "other") as data:
            evidence = data.granted()
            data.keeper._most_of_all = 1_000
            answer = data.send(evidence)
            assert refused(answer) == (507, "BrandFull") and int(answer.headers["retry-after"]) == 3_600
            assert kept(data) == set() and data.brand.store.data_bytes() == 0
            data.keeper._most_of_all = 1_000_000
            assert data.send(evidence).status_code == 201 and data.brand.store.data_bytes() > 1_000

    def test_a_full_brand_takes_no_archive_and_has_room_again_after_an_end(self, tmp_path: Path) -> None:
        with data_api(tmp_path, data_bytes=1 << 20) as data:
            evidence, store = data.granted(), data.brand.store
            other = store.answers_before(2**40, 1)[0]
            full = Holding(other.id, blocks=1, bytes=1 << 20)
            assert store.admit(0, full, [Held(b"\x07" * 32, 1 << 20)], (), Verdict(201))
            assert refused(data.send(evidence)) == (507, "BrandFull")
            assert kept(data) == set()
            store.gone(other.id)
            store.gone(other.id)
            assert store.data_bytes() == 0
            assert data.send(evidence).status_code == 201

    def test_a_full_store_decides_nothing_and_keeps_nothing(self, data: DataApi) -> None:
        evidence = data.granted()
        assert isinstance(data.own, MemoryBlocks)
        data.own.capacity = 1_000
        assert refused(data.send(evidence)) == (503, "StorageFull")
        data.own.capacity = None
        assert data.send(evidence).status_code == 201

    def test_a_store_that_is_away(self, data: DataApi) -> None:
        evidence = data.granted()
        assert isinstance(data.own, MemoryBlocks)
        data.own.down = True
        assert refused(data.send(evidence)) == (503, "StorageDown")
        data.own.down = False
        assert data.send(evidence).status_code == 201

    def test_what_the_networks_store_has_need_not_be_sent(self, data: DataApi) -> None:
        evidence = data.granted()
        data.network_store.put(data.blocks(evidence))
        assert data.names(evidence) == ["grapes", "mushrooms"]
        assert len(kept(data)) == len(data.blocks(evidence))

    def test_an_archive_without_blocks_tells_what_is_there(self, data: DataApi) -> None:
        evidence = data.granted()
        assert refused(data.send(evidence, [])) == (422, "BlocksMissing")
        data.network_store.put(data.blocks(evidence))
        assert data.send(evidence, []).json()["complete"] is True

    def test_an_old_view_of_the_chain_takes_nothing(self, data: DataApi) -> None:
        evidence = data.granted()
        data.stage.clock.now += 1_000
        assert refused(data.send(evidence)) == (503, "LedgerUnavailable")
        assert kept(data) == set()

    def test_a_grant_that_ended_takes_nothing(self, data: DataApi) -> None:
        evidence = data.granted()
        revoke(data.stage.alice, evidence)
        data.follow()
        assert refused(data.send(evidence)) == (410, "Revoked")
        assert kept(data) == set()


class Hooked(MemoryBlocks):
    """A store that does something after it has put blocks."""

    after: Any = None

    def put(self, blocks: Any, *, public: bool = False) -> None:
        super().put(blocks, public=public)
        if self.after is not None:
            self.after()


class TestOtherProcesses:
    def test_a_block_that_is_erased_while_it_comes_again(self, tmp_path: Path) -> None:
        own = Hooked()
        with data_api(tmp_path, own) as data:
            evidence = data.granted()
            digest = sha256_of(data.blocks(evidence)[1].data)

            def erased() -> None:  # by a worker that looked before the archive was there
                own.delete([cid_from_digest(digest)])
                data.brand.store.lose_arrivals(data.brand.store.bringing([digest]))

            own.after = erased
            assert refused(data.send(evidence)) == (503, "StorageUnavailable")
            assert kept(data) == set()
            own.after = None
            assert data.send(evidence).status_code == 201

    def test_a_listener_whose_note_is_gone_leaves_another(self, tmp_path: Path) -> None:
        own = Hooked()
        with data_api(tmp_path, own) as data:
            evidence, store = data.granted(), data.brand.store
            own.after = lambda: [store.forget_arrival(each.id) for each in store.left_arrivals(2**40, 10)]
            assert refused(data.send(evidence)) == (503, "Busy")
            own.after = None
            _until(lambda: kept(data) == set())

    def test_a_fault_of_ours_ends_no_worker(
        self, data: DataApi, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def broken(*_: object) -> None:
            raise RuntimeError("a secret in a message")

        evidence = data.granted()
        with monkeypatch.context() as patched:
            patched.setattr(keeper, "capsule_of", broken)
            assert refused(data.send(evidence)) == (500, "InternalError")
        assert kept(data) == set() and "a secret" not in caplog.text and "RuntimeError" in caplog.text
        assert data.send(evidence).status_code == 201

    def test_a_chain_that_is_ahead_hurries_nobody(self, tmp_path: Path) -> None:
        own = Hooked()
        with data_api(tmp_path, own) as data:
            evidence = data.granted()
            data.stage.chain_clock.now += 10 * LEFT_SECONDS
            data.stage.ledger.mine()
            data.follow()
            own.after = data.keeper.tidy
            assert data.send(evidence).status_code == 201

    def test_what_a_killed_listener_left_is_erased(self, data: DataApi) -> None:
        evidence, store = data.granted(), data.brand.store
        blocks = data.blocks(evidence)
        brought = tuple(Brought(binary_cid(each.cid), len(each.data)) for each in blocks)
        store.arrive(Arrival(Kind.BLOCKS, brought, data.stage.clock() - LEFT_SECONDS - 1, b"\1" * 32))
        data.own.put(blocks)
        _until(lambda: kept(data) == set())


class TestUpdates:
    def test_an_update_brings_later_records(self, data: DataApi) -> None:
        evidence = data.granted()
        data.send(evidence)
        data.hands.vault.add([purchase("bread")])
        update = data.hands.update()
        assert (answer := data.update(update)).status_code == 201, answer.text
        assert answer.json() == {"number": 1}
        # Nothing is read before it is there whole: it may take something back.
        assert refused(data.read(evidence)) == (503, "StorageUnavailable")
        assert data.send(evidence).json()["complete"] is True
        assert data.names(evidence) == ["bread", "grapes", "mushrooms"]

    def test_the_same_bytes_again_are_known(self, data: DataApi) -> None:
        data.send(data.granted())
        update = data.hands.update()
        assert data.update(update).status_code == 201
        assert (again := data.update(update)).status_code == 200
        assert again.json() == {"number": 1}

    def test_a_smaller_or_equal_number_is_outdated(self, data: DataApi) -> None:
        data.send(data.granted())
        old, new = data.hands.update(), data.hands.update()
        assert data.update(new).status_code == 201
        for late in (old, data.hands.update(number=2), data.hands.update(number=1)):
            answer = data.update(late)
            assert refused(answer) == (409, "Outdated") and answer.json()["number"] == 2

    def test_an_update_of_another_vault_is_refused(self, data: DataApi) -> None:
        evidence = data.granted()
        data.send(evidence)
        other = relationship_key(b"\x09" * 32, data.stage.alice.address, data.stage.brand.address)
        forged = StreamUpdate(grant=to_hex(evidence.digest), number=9, streams=data.hands.keys)
        assert refused(data.update(data.hands.seal(forged, other))) == (422, "WrongCapsule")

    def test_an_update_for_an_unknown_grant(self, data: DataApi) -> None:
        data.send(data.granted())
        assert refused(data.update(data.hands.update(grant="0x" + "07" * 32))) == (404, "UnknownGrant")

    def test_an_update_replayed_for_another_grant(self, data: DataApi) -> None:
        first = data.granted()
        data.send(first)
        update = data.hands.update()
        other = data.granted("bread")
        data.send(other)
        assert data.update(update).status_code == 201
        assert data.names(other) == ["bread", "grapes", "mushrooms"]

    def test_an_update_before_the_capsule(self, data: DataApi) -> None:
        data.granted()
        assert refused(data.update(data.hands.update())) == (422, "BlocksMissing")

    def test_what_is_sealed_to_nobody_here(self, data: DataApi) -> None:
        data.send(data.granted())
        assert refused(data.update(seal_bytes(b"x", [recipient("somebody")]))) == (422, "NotARecipient")
        assert refused(data.update(b"no age file at all")) == (422, "DamagedSeal")

    def test_a_grant_that_ended_between_blocks_and_update(self, data: DataApi) -> None:
        evidence = data.granted()
        data.send(evidence)
        update = data.hands.update()
        revoke(data.stage.alice, evidence)
        data.follow()
        assert refused(data.update(update)) == (410, "Revoked")

    def test_the_update_before_goes(self, data: DataApi) -> None:
        data.send(data.granted())
        first = data.hands.update()
        data.update(first)
        data.update(data.hands.update())
        assert sha256_of(first) not in kept(data)


class TestTheEnd:
    def test_every_block_goes_and_nothing_is_read(self, data: DataApi) -> None:
        evidence = data.granted()
        data.send(evidence)
        assert kept(data)
        revoke(data.stage.alice, evidence)
        data.follow()
        answer = data.read(evidence)
        assert refused(answer) == (410, "Revoked") and answer.json()["state"] == "ended"
        _until(lambda: not data.brand.store.has_data(1))
        assert kept(data) == set()
        assert data.internal.get("/v1/data/held").json()["grants"][0]["blocks"] == 0

    def test_an_expired_grant_too(self, data: DataApi) -> None:
        evidence = data.granted()
        data.send(evidence)
        data.stage.pass_time(400 * 86_400)
        data.stage.ledger.mine()
        data.follow()
        assert refused(data.read(evidence)) == (410, "Expired")
        _until(lambda: not kept(data))

    def test_a_grant_that_replaces_it_keeps_the_blocks_of_both(self, data: DataApi) -> None:
        store = data.brand.store
        first = data.granted()
        data.send(first)
        shared = {each.digest for each in store.held(1)}
        second = data.granted("bread")
        data.send(second)
        one = next(iter(shared))
        holding = store.holding(2)
        assert holding is not None and store.admit(0, holding, [Held(one, 1)], (), Verdict(201))
        revoke(data.stage.alice, first)
        data.follow()
        _until(lambda: not store.held(1))
        assert one in kept(data)

    def test_a_reorganisation_that_takes_the_end_back(self, data: DataApi) -> None:
        evidence = data.granted()
        blocks = data.blocks(evidence)
        data.send(evidence)
        update = data.hands.update()
        data.update(update)
        revoke(data.stage.alice, evidence)
        data.follow()
        _until(lambda: not data.brand.store.has_data(1))
        data.stage.ledger.reorg(1)
        data.follow()
        assert refused(data.read(evidence)) == (404, "NothingHeld")
        # What was the newest stays the newest: an older state never comes back.
        assert data.send(evidence, blocks).json()["complete"] is False
        assert data.update(update).status_code == 201
        assert data.names(evidence) == ["grapes", "mushrooms"]


class TestReading:
    def test_each_reading_is_noted_first(self, data: DataApi) -> None:
        evidence = data.granted()
        data.send(evidence)
        store = data.brand.store
        assert store.uses_of(evidence.digest, 0, 10) == []
        data.read(evidence, system="shop")
        (use,) = store.uses_of(evidence.digest, 0, 10)
        assert b'"count":2' in use.entry and b"shop" in use.entry

    def test_what_cannot_be_noted_is_not_read(self, data: DataApi, monkeypatch: pytest.MonkeyPatch) -> None:
        evidence = data.granted()
        data.send(evidence)

        def away(*_: object) -> int:
            raise DatabaseUnavailable("away")

        monkeypatch.setattr(data.brand.store, "add_uses", away)
        answer = data.read(evidence)
        assert refused(answer) == (503, "DatabaseUnavailable") and b"grapes" not in answer.content

    def test_an_end_while_the_data_is_opened(self, data: DataApi, monkeypatch: pytest.MonkeyPatch) -> None:
        evidence = data.granted()
        data.send(evidence)
        noted = data.brand.store.add_uses

        def ending(entries: Any) -> int:
            revoke(data.stage.alice, evidence)
            data.follow()
            return noted(entries)

        monkeypatch.setattr(data.brand.store, "add_uses", ending)
        answer = data.read(evidence)
        assert refused(answer) == (410, "Revoked") and b"grapes" not in answer.content

    def test_a_line_tells_of_one_record(self, data: DataApi) -> None:
        evidence = data.granted("grapes")
        data.send(evidence)
        (line,) = lines_of(data.read(evidence))
        assert line.pop("id") and line == {
            "grant": to_hex(evidence.digest),
            "category": "pd:Purchase",
            "version": 1,
            "schema": "purchase/1",
            "time": "2026-01-15",
            "body": {"name": "grapes", "price": "12.50"},
        }

    def test_by_subject(self, data: DataApi) -> None:
        evidence = data.granted()
        data.send(evidence)
        alice = data.stage.alice.address
        assert len(lines_of(data.read(subject=alice))) == 2
        assert len(lines_of(data.read(subject=alice, data=["pd:Purchase"]))) == 2
        assert refused(data.read(subject=alice, purpose="dpv:Advertising")) == (403, "PurposeNotGranted")
        assert refused(data.read(subject=alice, data=["pd:Income"])) == (403, "DataNotGranted")
        assert refused(data.read(subject=data.stage.brand.address)) == (403, "PurposeNotGranted")

    def test_another_purpose_or_datum(self, data: DataApi) -> None:
        evidence = data.granted()
        data.send(evidence)
        answer = data.read(evidence, purpose="dpv:Advertising")
        assert refused(answer) == (403, "PurposeNotGranted") and answer.json()["state"] == "live"
        assert refused(data.read(evidence, data=["pd:Income"])) == (403, "DataNotGranted")
        assert refused(data.internal.post("/v1/data", json={"purpose": "dpv:Personalisation"})) == (422, "Malformed")

    def test_an_unsure_grant_or_an_old_view_is_neither_yes_nor_no(self, data: DataApi) -> None:
        evidence = data.granted()
        data.send(evidence)
        store = data.brand.store
        store.take_back(store.view(), 0)
        assert refused(data.read(evidence)) == (503, "LedgerUnavailable")
        data.follow()
        data.stage.clock.now += 1_000
        assert refused(data.read(evidence)) == (503, "LedgerUnavailable")

    def test_what_was_taken_back_is_not_read(self, data: DataApi) -> None:
        evidence = data.granted()
        data.send(evidence)
        for each in list(data.hands.vault.shares.records("pd:Purchase")):
            if each.body and each.body["name"] == "grapes":
                data.hands.vault.remove([each.id])
        data.update(data.hands.update())
        data.send(evidence)
        assert data.names(evidence) == ["mushrooms"]

    def test_the_list(self, data: DataApi) -> None:
        evidence = data.granted()
        data.send(evidence)
        (told,) = data.internal.get("/v1/data/held").json()["grants"]
        assert told["grant"] == to_hex(evidence.digest) and told["complete"] is True
        assert told["categories"] == [{"category": "pd:Purchase", "versions": 2}]
        assert data.brand.store.uses_of(evidence.digest, 0, 10) == []

    def test_files(self, data: DataApi) -> None:
        small, large = b"a receipt", os.urandom(3 << 20)
        for body in (small, large):
            _keep(data, body)
        evidence = data.granted("grapes", views=(View("pd:Purchase", ("$file", "name"), continuing=True),))
        assert data.send(evidence).json()["complete"] is True
        lines = [line for line in lines_of(data.read(evidence)) if "file" in line]
        found = {line["file"]["bytes"]: line["id"] for line in lines}
        for body in (small, large):
            answer = _file(data, evidence, found[len(body)])
            assert (answer.status_code, answer.content) == (200, body)
            assert answer.headers["content-disposition"] == "attachment"
        assert _file(data, evidence, "00" * 16).status_code == 404


def _file(data: DataApi, evidence: Evidence, record: str) -> Any:
    asked = {"purpose": "dpv:Personalisation", "grant": to_hex(evidence.digest), "record": record}
    return data.internal.post("/v1/data/file", json=asked)


def _keep(data: DataApi, body: bytes) -> None:
    source = FileSource("receipt", "text/plain", len(body), sha256(body).hexdigest(), lambda: io.BytesIO(body))
    data.hands.vault.add([Draft("pd:Purchase", "file/1", file=source)])


def _until(done: Any) -> None:
    ends = time.monotonic() + 20
    while not done():
        assert time.monotonic() < ends, "it never came"
        time.sleep(0.02)
