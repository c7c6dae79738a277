"""One person who wants to harm a brand: what they send, end or break stops nobody else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from registry.brand.checking import Checker
from registry.brand.inbox import SETTLED_BLOCKS
from registry.brand.records import Answer, Asked, Change, State, Unasked
from registry.brand.settings import BrandSettings
from registry.brand.sql import unasked
from registry.brand.unasked import NotAsked
from registry.cli.ui.linked import delivery_line
from registry.client.deliveries import Reached, Trouble
from registry.client.grant import grant
from registry.client.request import request
from registry.client.revoke import revoke
from registry.core.errors import LedgerUnavailable
from registry.core.evidence.file import Evidence, write_evidence
from registry.core.scalars import ZERO_WORD, unhex
from tests.brand.test_brand_worker import kinds, not_anchored, now, settle
from tests.support.brand_api import brand_api
from tests.support.brand_stage import BrandStage
from tests.support.builders import account, evidence_of, grant_message, notice_document
from tests.support.served_brand import served_brand
from tests.support.stage import Stage


@pytest.fixture
def brand(tmp_path: Path) -> BrandStage:
    return BrandStage(Stage.of(tmp_path / "parties"), tmp_path / "brand")


class TestPromisedStatements:
    def test_one_that_ended_before_its_anchor_was_found_stops_nobody(self, brand: BrandStage) -> None:
        hostile = not_anchored(brand, "mallory")
        ended = brand.taken(brand.promised(hostile))
        honest = not_anchored(brand, "bob")
        kept = brand.taken(brand.promised(honest))
        worker = brand.worker()
        settle(worker.follow)
        settle(worker.prove)
        brand.anchor(hostile)
        revoke(brand.stage.person("mallory"), hostile)
        for n in range(25):
            brand.stage.ledger.transact("anchor", "0x" + bytes([7, n] * 16).hex(), "0x" + "0d" * 32)
        brand.anchor(honest)
        settle(worker.follow)
        settle(worker.prove)
        settle(worker.follow)
        assert now(brand, kept).state is State.LIVE
        assert now(brand, ended).state is State.ENDED

    def test_one_whose_block_lies_not_deep_enough_is_looked_at_later(self, brand: BrandStage) -> None:
        evidence = not_anchored(brand, "bob")
        kept = brand.taken(brand.promised(evidence))
        object.__setattr__(brand.inbox, "network", replace(brand.stage.network, confirmations=3))
        worker = brand.worker()
        brand.anchor(evidence)
        settle(worker.follow)
        settle(worker.prove)
        assert now(brand, kept).state is State.WAITING
        brand.stage.ledger.mine(count=4)
        settle(worker.follow)
        assert now(brand, kept).state is State.LIVE and kinds(brand) == ["granted"]


class TestManyPairs:
    @pytest.mark.parametrize(("purposes", "is_taken"), [(32, True), (33, False)])
    def test_a_grant_has_a_thousand_at_most(self, brand: BrandStage, purposes: int, is_taken: bool) -> None:
        """Each is a row of the store, and a notice of a stranger's own making has room for a million of them."""
        named = sorted(f"a:{n}" for n in range(purposes)), sorted(f"b:{n}" for n in range(32))
        labels = {term: term.replace(":", "") for terms in named for term in terms}
        text = {"en": {**notice_document()["text"]["en"], "labels": labels}}
        scopes = [{"purposes": named[0], "data": named[1], "processing": ["dpv:Use"]}]
        notice, who = brand.stage.notice(text=text, scopes=scopes), account("mallory")
        about = {"subject": who.address, "controller": brand.stage.brand.address}
        message = grant_message(notice, purposes=tuple(named[0]), data=tuple(named[1]), **about)
        evidence = brand.anchor(evidence_of(message, signer=who, domain=brand.stage.network.domain, notice=notice))
        assert brand.names(evidence) == ["Answer" if is_taken else "Malformed"]


class TestAskedOnly:
    """The brand counter-signs by itself, so it takes nothing with a text that a stranger wrote."""

    @pytest.fixture
    def strict(self, brand: BrandStage) -> BrandStage:
        object.__setattr__(brand.inbox, "asked_only", True)
        return brand

    def publish(self, brand: BrandStage, evidence: Evidence, notice: bytes = b"", digest: bytes = b"") -> None:
        message: Any = evidence.statement.message
        row = Asked(digest or unhex(message.request), b"file", False, 1, 2, notice=notice or unhex(message.notice))
        brand.store.publish(row)

    def test_an_answer_to_no_request_of_its_own_is_refused_and_noted(self, strict: BrandStage) -> None:
        asked, other = strict.granted(), strict.granted("bob")
        self.publish(strict, asked)
        assert strict.names(other, asked, b"{}", strict.promised(other)) == [
            "NotAsked",
            "Answer",
            "Malformed",
            "NotAsked",
        ]
        (noted,) = strict.store.all_unasked(10)
        assert (noted.digest, noted.kind) == (other.digest, "Grant") and "has not published" in noted.why
        assert strict.store.by_digest([other.digest]) == {} and strict.store.counts() == {("Grant", "live"): 1}

    def test_a_published_request_with_a_notice_of_the_strangers_own_is_refused(self, strict: BrandStage) -> None:
        evidence = strict.granted()
        self.publish(strict, evidence, notice=b"\x0b" * 32)
        (why,) = strict.take(evidence)
        assert isinstance(why, NotAsked) and "its notice is not that of the request" in str(why)

    def test_an_answer_to_no_request_is_taken_by_the_brands_own_notice(self, strict: BrandStage) -> None:
        evidence = unrequested(strict)
        assert strict.names(evidence) == ["NotAsked"]
        self.publish(strict, evidence, digest=b"\x0c" * 32)
        assert strict.names(evidence) == ["Answer"]
        # It was noted as refused, and is no longer.
        assert strict.store.all_unasked(10) == [] and strict.store.count_unasked() == 0

    def test_what_was_taken_before_stays(self, brand: BrandStage) -> None:
        kept = brand.taken(evidence := brand.granted())
        object.__setattr__(brand.inbox, "asked_only", True)
        assert brand.taken(evidence).id == kept.id

    def test_what_does_not_hold_is_not_noted(self, strict: BrandStage) -> None:
        """Else anybody could make the brand write: what is noted was signed and anchored."""
        evidence = strict.granted()
        forged = msgspec.structs.replace(evidence, signature="0x" + "11" * 64 + "1b")
        assert strict.names(forged) == ["BadSignature"] and strict.store.all_unasked(10) == []

    def test_the_newest_are_kept(self, brand: BrandStage, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(unasked, "MOST_UNASKED", 3)
        rows = [Unasked(bytes([n]) * 32, "Grant", b"\x01" * 20, "why", n) for n in range(5)]
        for row in (*rows, rows[-1]):
            brand.store.keep_unasked([row])
        assert [each.at for each in brand.store.all_unasked(10)] == [4, 3, 2]

    def test_the_person_reads_the_reason_and_what_to_do(self, tmp_path: Path) -> None:
        with served_brand(tmp_path, asked_only=True) as served:
            stage = served.api.stage
            done = grant(served.alice, request(stage.brand, stage.notice()), deliver=True)
            assert done.delivery is not None and done.delivery.stage is Reached.REFUSED
            said = delivery_line(done.delivery).text
            assert "refused at step 7" in said and "has not published" in said
            assert "aurelle.example advises: Answer one of the brand's links" in said
            trouble = done.delivery.trouble
            assert isinstance(trouble, Trouble) and trouble.step == 7
            assert served.granted(again=True).delivery.stage is Reached.TAKEN  # type: ignore[union-attr]

    def test_it_is_the_default(self, tmp_path: Path) -> None:
        assert BrandSettings().asked_only
        with brand_api(tmp_path, asked_only=True) as api:
            answer = api.send(write_evidence(api.brand.granted()))
            told = answer.json()
            assert (answer.status_code, told["title"], told["step"]) == (422, "NotAsked", 7)
            assert "publish" in told["advice"] and "Location" not in answer.headers


def unrequested(brand: BrandStage) -> Evidence:
    """Return a grant that answers no request, anchored."""
    notice, who = brand.stage.notice(), account("carol")
    message = grant_message(notice, subject=who.address, controller=brand.stage.brand.address, request=ZERO_WORD)
    evidence = evidence_of(message, signer=who, domain=brand.stage.network.domain, notice=notice)
    return brand.anchor(evidence)


def takes_too_long(_digest: bytes, _signature: bytes) -> bool:
    raise LedgerUnavailable("it took too long")


class TestContracts:
    def test_one_that_gives_no_answer_keeps_no_others_unsure(self, brand: BrandStage) -> None:
        theirs, contracts = brand.granted("mallory"), brand.stage.ledger.contracts
        theirs = brand.anchor(msgspec.structs.replace(theirs, signature="0x" + "ab" * 65))
        address = str(theirs.statement.message.subject).lower()  # type: ignore[union-attr]
        contracts[address] = (0, lambda *_: True)
        hostile = brand.taken(theirs)
        honest = brand.taken(brand.granted())
        worker = brand.worker()
        settle(worker.follow)
        contracts[address] = (0, takes_too_long)
        brand.stage.ledger.mine(count=SETTLED_BLOCKS + 1)
        settle(worker.follow)
        assert now(brand, honest).check_at == 0
        assert now(brand, hostile).check_at > brand.stage.ledger.head().number


class TestAnEndThatThePersonTells:
    """The node may show a block that the follower never reads: then no reorganisation is noticed."""

    def test_one_that_nobody_kept_is_restored(self, brand: BrandStage) -> None:
        worker = brand.worker()
        kept = brand.taken(evidence := brand.granted())
        settle(worker.follow)
        revoke(brand.stage.alice, evidence)
        Checker(brand.inbox).look_for_end(kept)
        assert now(brand, kept).state is State.ENDED
        brand.stage.ledger.reorg(1)
        settle(worker.follow)
        brand.stage.ledger.mine(count=SETTLED_BLOCKS)
        settle(worker.follow)
        assert now(brand, kept).state is State.LIVE and now(brand, kept).ended_at == 0
        assert kinds(brand) == ["granted", "ended", "restored"]
        assert brand.store.standing(kept.subject, "dpv:Personalisation", kept.data, brand.stage.clock())

    def test_one_that_stands_is_looked_at_once_more_alone(self, brand: BrandStage) -> None:
        worker = brand.worker()
        kept = brand.taken(evidence := brand.granted())
        revoke(brand.stage.alice, evidence)
        Checker(brand.inbox).look_for_end(kept)
        brand.stage.ledger.mine(count=SETTLED_BLOCKS)
        settle(worker.follow)
        assert (now(brand, kept).state, now(brand, kept).check_at) == (State.ENDED, 0)
        assert kinds(brand) == ["granted", "ended"]


class TestAtTheSameMoment:
    def test_what_became_unsure_while_its_acceptance_was_kept_stays_so(
        self, brand: BrandStage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        worker = brand.worker()
        settle(worker.follow)
        kept = brand.taken(brand.granted())
        settle(worker.follow)
        by_id = brand.store.by_id

        def overtaken(ids: Sequence[int]) -> list[Answer]:
            found = by_id(ids)
            view = brand.store.view()
            brand.store.take_back(view._replace(blocks=view.blocks[:-1]), view.number - 1)
            return found

        monkeypatch.setattr(brand.store, "by_id", overtaken)
        worker.sign()
        assert now(brand, kept).state is State.UNSURE and not now(brand, kept).accepted_at

    def test_a_commit_that_is_repeated_tells_nothing_twice(
        self, brand: BrandStage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A lost connection does not say whether the change was committed."""
        change = brand.store.change

        def twice(changes: Sequence[Change]) -> None:
            change(changes)
            change(changes)

        kept, worker = brand.taken(evidence := brand.granted()), brand.worker()
        other = brand.taken(brand.granted("bob"))
        revoke(brand.stage.alice, evidence)
        settle(worker.follow)
        monkeypatch.setattr(brand.store, "change", twice)
        brand.stage.ledger.reorg(2)
        settle(worker.follow)
        assert [now(brand, each).state for each in (kept, other)] == [State.LIVE, State.WAITING]
        assert sorted(kinds(brand)) == ["ended", "granted", "granted", "removed", "restored"]
