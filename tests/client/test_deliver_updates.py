"""`vault sync` brings the brand what is new; two homes and two processes get in nobody's way."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs

from registry.client.deliver import Courier
from registry.client.deliveries import Delivery, Reached, Trouble
from registry.client.evidence_store import EvidenceFolder
from registry.client.grant import grant
from registry.client.granted_blocks import granted_blocks
from registry.client.party import Person
from registry.client.pending_store import PendingFolder
from registry.client.revoke import revoke
from registry.client.vault_sync import Synced, sync
from registry.core.errors import BrandUnavailable, LedgerUnavailable, StorageUnavailable
from registry.core.evidence.file import Evidence
from registry.core.evidence.pending import parse_pending
from registry.core.scalars import to_hex
from registry.core.sealed.capsule import open_update
from registry.core.sealed.documents import public_key_of
from registry.core.statements.messages import Grant
from registry.wallets.base import AbsentWallet
from tests.support.served_brand import ServedBrand, person_at, served_brand
from tests.support.stage import PURCHASES

CONTINUING = [{"category": PURCHASES, "members": ["name"], "continuing": True}]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[ServedBrand]:
    with served_brand(tmp_path) as made:
        yield made


def granted(served: ServedBrand) -> Evidence:
    served.api.stage.bought("coat")
    return grant(served.alice, served.ask(more={"fields": CONTINUING})[0], deliver=True).evidence


def synced(served: ServedBrand) -> Synced:
    (one,) = sync(replace(served.alice, wallet=AbsentWallet(f"0x{'0' * 40}")))
    return one


def kept(served: ServedBrand) -> Delivery:
    (found,) = served.deliveries.all()
    return found


def paths(served: ServedBrand) -> list[str]:
    return [path for path, _ in served.took]


def number_in(served: ServedBrand, evidence: Evidence, sealed: bytes) -> int:
    alice, brand = served.alice, served.api.stage.brand
    key = alice.vault.shares.key_for(alice.address, brand.address)
    return open_update(sealed, brand.identity, to_hex(evidence.digest), public_key_of(key)).number


class TestUpdates:
    def test_what_is_new_goes_and_nothing_goes_twice(self, served: ServedBrand) -> None:
        evidence = granted(served)
        first = set(kept(served).sent)
        served.api.stage.bought("hat")
        done = synced(served).delivery
        assert done is not None and not done.waits and done.number == 2
        assert paths(served) == ["/v1/blocks", "/v1/updates", "/v1/blocks"]
        assert number_in(served, evidence, served.took[1][1]) == 2
        new = [cid for cid in done.sent if cid not in first]
        assert new and not any(served.api.stage.store.get(cid) in served.took[2][1] for cid in first & set(done.sent))
        assert synced(served).changed is False and len(served.took) == 3

    def test_an_update_waits_for_a_brand_that_is_away(self, served: ServedBrand) -> None:
        evidence = granted(served)
        served.api.stage.bought("hat")
        served.told.append((503, b'{"title":"Busy","detail":"not now"}'))
        found = synced(served).delivery
        assert found is not None and found.waits and found.trouble and found.update
        served.courier.go_on_all()  # needs no seed
        assert not kept(served).waits and number_in(served, evidence, served.took[-2][1]) == 2

    def test_the_capsule_goes_before_the_update_that_it_opens(self, served: ServedBrand) -> None:
        served.told.append((503, b"{}"))
        granted(served)
        assert kept(served).blocks and kept(served).stage is Reached.TAKEN
        served.api.stage.bought("hat")
        done = synced(served).delivery
        assert done is not None and not done.waits
        assert paths(served)[1:] == ["/v1/blocks", "/v1/updates", "/v1/blocks"]

    def test_another_home_was_faster(self, served: ServedBrand) -> None:
        """409: the homes merge, and it is sent once more; the number is larger only if there was something new."""
        granted(served)
        served.api.stage.bought("hat")
        served.told.append((409, b'{"title":"Outdated","detail":"it has 2","number":2}'))
        served.told.append((409, b'{"title":"Outdated","detail":"it has 2","number":2}'))
        done = synced(served).delivery
        assert done is not None and not done.waits and done.number == 2 and not done.trouble
        assert paths(served) == ["/v1/blocks", "/v1/updates", "/v1/updates", "/v1/blocks"]

    def test_a_brand_that_has_more_than_all_homes_is_told(self, served: ServedBrand) -> None:
        granted(served)
        served.api.stage.bought("hat")
        served.told += [(409, b'{"title":"Outdated","number":9}')] * 2
        done = synced(served).delivery
        assert done is not None and done.waits and done.trouble and "vault sync" in done.trouble.advice

    def test_a_brand_that_has_lost_the_grant_gets_all_of_it_again(self, served: ServedBrand) -> None:
        granted(served)
        sent = kept(served).sent
        served.api.stage.bought("hat")
        served.told.append((404, b'{"title":"UnknownGrant","detail":"no grant with this content was taken"}'))
        found = synced(served).delivery
        assert found is not None and found.stage is Reached.WAITING and set(sent[:1]) <= set(found.blocks)
        served.courier.go_on_all()
        done = kept(served)
        assert not done.waits and done.number == 2 and sent[0] in done.sent
        assert paths(served) == ["/v1/blocks", "/v1/updates", "/v1/blocks", "/v1/updates", "/v1/blocks"]


class TestTheChainDecides:
    def test_nothing_leaves_where_the_chain_could_not_be_asked(
        self, served: ServedBrand, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        served.told.append((503, b"{}"))
        evidence = granted(served)
        before = len(served.took)

        def away(*_: object, **__: object) -> None:
            raise LedgerUnavailable("the node is away")

        with monkeypatch.context() as patched:
            patched.setattr(type(served.api.stage.ledger), "facts", away)
            found = served.courier.go_on(to_hex(evidence.digest))
            assert found is not None and found.blocks and found.trouble and found.trouble.name == "LedgerUnavailable"
        assert len(served.took) == before
        served.courier.go_on_all()
        assert not kept(served).waits

    def test_nothing_leaves_after_an_end(self, served: ServedBrand) -> None:
        served.told.append((503, b"{}"))
        evidence = granted(served)
        before = len(served.took)
        revoke(person_at(served.api, "http://127.0.0.1:9"), evidence)
        served.courier.go_on_all()
        assert len(served.took) == before and kept(served).blocks == () and kept(served).told

    def test_an_end_that_a_reorganisation_took_back(self, served: ServedBrand) -> None:
        """The brand has erased what it had, so all of it goes again."""
        evidence = granted(served)
        sent = kept(served).sent
        revoke(served.alice, evidence)
        assert kept(served).told
        served.api.stage.ledger.reorg(1)
        assert served.api.stage.holds(evidence) == "VerifiedGrant"
        served.courier.go_on_all()
        assert (kept(served).told, set(kept(served).sent)) == (False, set(sent))
        assert paths(served) == ["/v1/blocks", "/v1/blocks"]


class TestPromises:
    def test_the_promise_first_and_the_evidence_once_it_is_anchored(self, served: ServedBrand, tmp_path: Path) -> None:
        stage = served.api.stage
        evidence = grant(stage.alice, served.ask()[0]).evidence
        digest, folder = to_hex(evidence.digest), PendingFolder(tmp_path / "apart")
        folder.keep(parse_pending(served.api.brand.promised(evidence)))
        store = EvidenceFolder(tmp_path / "apart")
        courier = Courier(stage.network, store, served.deliveries, folder)
        inbox = "https://aurelle.example/v1/evidence"
        one = Delivery(digest=digest, kind="Grant", brand="Shop", domain="aurelle.example", inbox=inbox, since=1)
        served.deliveries.keep(one)
        found = courier.go_on(digest)
        assert found is not None and found.stage is Reached.PROMISED and found.url
        assert [str(each.state) for each in served.api.brand.store.by_digest({evidence.digest}).values()] == ["waiting"]
        store.keep(evidence)
        folder.drop(digest)
        done = courier.go_on(digest)
        assert done is not None and done.stage is Reached.TAKEN and done.url == found.url

    def test_what_was_never_kept_is_forgotten(self, served: ServedBrand) -> None:
        one = granted(served)
        found = kept(served)
        served.deliveries.keep(Delivery(**{**_members(found), "digest": "0x" + "77" * 32}))
        assert [each.digest for each in served.courier.go_on_all()] == [to_hex(one.digest)]
        assert kept(served) == found


def _members(one: Delivery) -> dict[str, object]:
    return {name: getattr(one, name) for name in one.__struct_fields__} | {"stage": Reached.WAITING}


class TestTwoProcesses:
    def test_one_delivers_and_the_other_says_so(self, served: ServedBrand) -> None:
        served.told.append((503, b"{}"))
        digest = to_hex(granted(served).digest)
        with served.deliveries.holding(digest):
            with pytest.raises(BrandUnavailable, match="another process"):
                served.courier.go_on(digest)
            assert served.courier.go_on_all() == [kept(served)]
        assert len(served.took) == 1

    def test_both_at_once_send_it_once(self, served: ServedBrand) -> None:
        served.told.append((503, b"{}"))
        granted(served)
        threads = [threading.Thread(target=served.courier.go_on_all) for _ in range(4)]
        for each in threads:
            each.start()
        for each in threads:
            each.join(30)
        assert not kept(served).waits and paths(served) == ["/v1/blocks", "/v1/blocks"]


class TestOneThatFails:
    """A file or a block that is missing here keeps no other grant from its update."""

    @pytest.fixture
    def two(self, served: ServedBrand) -> list[Evidence]:
        served.api.stage.bought("coat")
        asks = [served.ask(more={"fields": CONTINUING})[0] for _ in range(2)]
        return [grant(served.alice, asked, deliver=True, again=True).evidence for asked in asks]

    @staticmethod
    def _sync(served: ServedBrand) -> dict[str, tuple[str, bool, bool]]:
        served.api.stage.bought("hat")
        every = list(sync(replace(served.alice, wallet=AbsentWallet(f"0x{'0' * 40}"))))
        return {one.digest: (one.state, one.undelivered is None, one.delivery is None) for one in every}

    def test_a_damaged_delivery(self, served: ServedBrand, two: list[Evidence]) -> None:
        (file,) = (served.api.stage.folder / "home" / "deliveries").glob(f"{to_hex(two[0].digest)}.json")
        file.write_text("{}")
        bad, good = (to_hex(each.digest) for each in two)
        assert self._sync(served) == {bad: ("live", False, True), good: ("live", True, False)}
        found = served.deliveries.find(to_hex(two[1].digest))
        assert found is not None and not found.waits and found.number == 2

    def test_a_block_that_the_store_lost(
        self, served: ServedBrand, two: list[Evidence], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lost = two[0].statement.message

        def blocks(person: Person, message: Grant) -> tuple[str, ...]:
            if message == lost:
                raise StorageUnavailable("a block is missing")
            return granted_blocks(person, message)

        monkeypatch.setattr("registry.client.deliver_update.granted_blocks", blocks)
        bad, good = (to_hex(each.digest) for each in two)
        assert self._sync(served) == {bad: ("live", False, True), good: ("live", True, False)}


def test_a_brand_that_refused_the_grant_is_asked_once_more_by_a_sync(served: ServedBrand) -> None:
    granted(served)
    no = Trouble(name="GrantFull", detail="no", at=1)
    served.deliveries.keep(structs.replace(kept(served), stage=Reached.REFUSED, trouble=no))
    served.courier.go_on_all()
    assert kept(served).stage is Reached.REFUSED
    served.api.stage.bought("hat")
    done = synced(served).delivery
    assert done is not None and done.stage is Reached.TAKEN and not done.waits and not done.trouble
