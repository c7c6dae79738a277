"""What the brand takes: verified by one reading of the chain, kept once, and refused with the step that failed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from registry.brand.inbox import SETTLED_BLOCKS, step_of
from registry.brand.records import Answer, Asked, State
from registry.brand.sql.changes import AlreadyAnswered
from registry.client.revoke import revoke
from registry.core import errors
from registry.core.errors import CouldNotCheck, LedgerUnavailable, NotConsented
from registry.core.evidence.file import parse_evidence, write_evidence
from registry.core.evidence.pending import PendingFile, write_pending
from registry.core.promises import Promise
from registry.core.scalars import to_hex, unhex
from tests.support.brand_stage import BrandStage, unanchored
from tests.support.brand_stores import a_view, told
from tests.support.builders import account, sign
from tests.support.notary_api import KeySigner
from tests.support.stage import Stage


@pytest.fixture
def brand(tmp_path: Path) -> BrandStage:
    return BrandStage(Stage.of(tmp_path / "parties"), tmp_path / "brand")


class TestWhatIsTaken:
    def test_a_grant(self, brand: BrandStage) -> None:
        evidence = brand.granted()
        kept = brand.taken(evidence)
        message: Any = evidence.statement.message
        head = brand.stage.ledger.head()
        assert (kept.kind, kept.state, kept.file) == ("Grant", State.LIVE, write_evidence(evidence))
        assert (kept.subject, kept.controller) == (unhex(message.subject), unhex(brand.stage.brand.address))
        assert (kept.purposes, kept.data, kept.expires_at) == (message.purposes, message.data, message.expires_at)
        assert to_hex(kept.handle) == evidence.handle and len(kept.capability) == 16
        assert (kept.seen_block, kept.check_at) == (head.number, head.number + SETTLED_BLOCKS)
        assert not kept.is_complete

    def test_a_refusal(self, brand: BrandStage) -> None:
        kept = brand.taken(brand.refused())
        assert (kept.kind, kept.state, kept.handle, kept.is_complete) == ("Refusal", State.LIVE, b"", True)

    def test_a_grant_with_the_acceptance(self, brand: BrandStage) -> None:
        kept = brand.taken(evidence := brand.accepted(brand.granted()))
        assert kept.is_complete and kept.file == write_evidence(evidence)

    def test_an_acceptance_that_does_not_verify_is_left_out(self, brand: BrandStage) -> None:
        good, other = brand.accepted(brand.granted()), brand.accepted(brand.granted("bob"))
        bad = msgspec.structs.replace(good, acceptance=other.acceptance)
        kept = brand.taken(bad)
        assert not kept.is_complete and parse_evidence(kept.file).acceptance is UNSET

    def test_many_with_one_reading_of_the_chain(self, brand: BrandStage, monkeypatch: pytest.MonkeyPatch) -> None:
        good, refusal = [brand.granted(name) for name in ("bob", "carol")], brand.refused()
        asked: list[int] = []
        facts = brand.stage.ledger.facts
        monkeypatch.setattr(brand.stage.ledger, "facts", lambda *a, **k: asked.append(1) or facts(*a, **k))
        found = brand.take(*good, b"{}", refusal)
        assert [type(each).__name__ for each in found] == ["Answer", "Answer", "Malformed", "Answer"]
        assert len(asked) == 1


class TestTwice:
    def test_the_same_file_again(self, brand: BrandStage) -> None:
        first = brand.taken(evidence := brand.granted())
        assert brand.taken(evidence) == first and len(told(brand.store)) == 1

    def test_the_same_file_at_once(self, brand: BrandStage) -> None:
        evidence = brand.granted()
        first, second = brand.take(evidence, evidence)
        assert first == second and len(told(brand.store)) == 1

    def test_a_bad_copy_spoils_nothing(self, brand: BrandStage) -> None:
        evidence = brand.granted()
        bad = msgspec.structs.replace(evidence, anchor=brand.granted("bob").anchor)
        assert brand.names(bad, evidence, bad) == ["NotIncluded", "Answer", "NotIncluded"]

    def test_who_lacks_the_signature_gets_no_capability(self, brand: BrandStage) -> None:
        brand.taken(evidence := brand.granted())
        forged = sign(evidence.statement.message, account("mallory"), brand.stage.network.domain)
        guess = msgspec.structs.replace(evidence, signature=to_hex(forged))
        assert brand.names(guess) == ["BadSignature"]

    def test_one_that_has_ended_is_refused(self, brand: BrandStage) -> None:
        evidence = brand.granted()
        brand.taken(evidence)
        revoke(brand.stage.alice, evidence)
        # The log was not read on, so it still stands here as it was.
        assert brand.names(evidence) == ["Answer"]
        brand.store.change([_ended(brand, evidence.digest)])
        assert brand.names(evidence) == ["Revoked"]

    def test_the_completed_file_replaces_the_first(self, brand: BrandStage) -> None:
        first = brand.taken(evidence := brand.granted())
        kept = brand.taken(complete := brand.accepted(evidence))
        assert kept.is_complete and kept.file == write_evidence(complete) and kept.capability == first.capability


class TestWhatIsRefused:
    def test_each_step(self, brand: BrandStage) -> None:
        evidence = brand.granted()
        message = evidence.statement.message
        replace = msgspec.structs.replace
        never = replace(evidence, anchor=unanchored(evidence).as_if_anchored.anchor)
        cases = [
            (b"", "Malformed", 0),
            (b"[]", "Malformed", 0),
            (write_evidence(evidence) + b"\n", "Malformed", 0),
            (brand.stage.request(), "Malformed", 0),
            (replace(evidence, signature=to_hex(sign(message, account("mallory")))), "BadSignature", 2),
            (never, "NotIncluded", 3),
        ]
        for given, name, step in cases:
            (found,) = brand.take(given)
            assert isinstance(found, NotConsented)
            assert (type(found).__name__, step_of(found)) == (name, step)
        assert brand.store.answers_before(2**40, 10) == []

    def test_the_steps_of_all_errors(self) -> None:
        names = ["Malformed", "WrongDomain", "BadMandate", "NotIncluded", "PostDated", "Revoked", "Expired"]
        names += ["NoticeMismatch"]
        assert [step_of(getattr(errors, name)("")) for name in names] == list(range(8))
        assert {step_of(kind("")) for kind in NotConsented.__subclasses__()} == set(range(8))

    def test_another_brands_grant(self, brand: BrandStage) -> None:
        evidence = brand.granted()
        other = brand.stage.another_brand("other")
        inbox = inbox_of(brand, frozenset({other.address}))
        (found,) = inbox.take([write_evidence(evidence)])
        assert type(found).__name__ == "WrongController"

    def test_another_registry(self, brand: BrandStage) -> None:
        from tests.support.builders import evidence_of, grant_message

        assert brand.names(evidence_of(grant_message())) == ["WrongDomain"]

    def test_one_that_was_ended_before(self, brand: BrandStage) -> None:
        evidence = brand.granted()
        revoke(brand.stage.alice, evidence)
        assert brand.names(evidence) == ["Revoked"]

    def test_one_that_has_expired(self, brand: BrandStage) -> None:
        evidence = brand.granted(days=1)
        brand.stage.pass_time(2 * 86_400)
        brand.stage.ledger.mine()
        assert brand.names(evidence) == ["Expired"]

    def test_a_second_person_on_a_single_request(self, brand: BrandStage) -> None:
        raw = brand.stage.request()
        request = parse_evidence(raw)
        brand.store.publish(Asked(request.digest, raw, True, 0, 2**40))
        from registry.client.grant import grant

        mine, theirs = (grant(each, raw).evidence for each in (brand.stage.alice, brand.stage.person("bob")))
        brand.taken(mine)
        (found,) = brand.take(theirs)
        assert isinstance(found, AlreadyAnswered)


class TestCouldNotCheck:
    def test_a_chain_that_is_away_takes_nothing(self, brand: BrandStage) -> None:
        evidence = brand.granted()
        brand.stage.ledger.down = True
        with pytest.raises(LedgerUnavailable):
            brand.take(evidence)
        brand.stage.ledger.down = False
        brand.taken(evidence)

    @pytest.mark.parametrize("is_promised", [False, True])
    def test_a_contract_that_the_node_cannot_run_stops_nobody_else(self, brand: BrandStage, is_promised: bool) -> None:
        theirs = brand.granted("bob")
        bad = msgspec.structs.replace(theirs, signature="0x" + "ab" * 65)
        asked = list[bytes]()

        def cannot(digest: bytes, _: bytes) -> bool:
            asked.append(digest)
            raise LedgerUnavailable("it took too long")

        address = str(theirs.statement.message.subject)  # type: ignore[union-attr]
        brand.stage.ledger.contracts[address.lower()] = (0, cannot)
        sent = brand.promised(bad) if is_promised else write_evidence(bad)
        assert brand.names(brand.granted(), sent, b"{}") == ["Answer", "LedgerUnavailable", "Malformed"]
        # And nobody makes the brand wait for many of them.
        asked.clear()
        many = [msgspec.structs.replace(bad, signature="0x" + f"{n:02x}" * 65) for n in range(1, 21)]
        assert brand.names(brand.granted("carol"), *many) == ["Answer", *["LedgerUnavailable"] * 20]
        assert len(asked) <= 4

    def test_what_is_kept_is_answered_while_the_chain_is_away(self, brand: BrandStage) -> None:
        brand.taken(evidence := brand.granted())
        brand.stage.ledger.down = True
        assert isinstance(brand.take(evidence)[0], Answer)

    def test_it_is_verified_again_where_the_log_was_read_on_meanwhile(
        self, brand: BrandStage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        evidence, ledger = brand.granted(), brand.stage.ledger
        facts, readings = ledger.facts, [0]

        def overtaken(*asked: Any, **how: Any) -> Any:
            found = facts(*asked, **how)
            readings[0] += 1
            if readings[0] == 1:
                revoke(brand.stage.alice, evidence)
                brand.store.read_on(a_view(ledger.head().number), [], [], 0)
            return found

        monkeypatch.setattr(ledger, "facts", overtaken)
        assert brand.names(evidence) == ["Revoked"]

    def test_a_chain_that_never_rests_is_no_answer(self, brand: BrandStage, monkeypatch: pytest.MonkeyPatch) -> None:
        evidence = brand.granted()
        brand.store.read_on(a_view(10**6), [], [], 0)
        with pytest.raises(CouldNotCheck, match="changed while it was read"):
            brand.take(evidence)


class TestPromises:
    def test_a_promised_grant_waits_for_its_anchor(self, brand: BrandStage) -> None:
        evidence = brand.granted()
        kept = brand.taken(body := brand.promised(evidence))
        assert (kept.state, kept.file, kept.anchored_at) == (State.WAITING, body, 0) and told(brand.store) == []
        assert brand.taken(body) == kept
        done = brand.taken(brand.anchor(evidence))
        assert (done.state, done.capability) == (State.LIVE, kept.capability)
        assert len(told(brand.store)) == 1

    def test_both_at_once(self, brand: BrandStage) -> None:
        evidence = brand.granted()
        first, second = brand.take(brand.promised(evidence), evidence)
        assert isinstance(first, Answer) and first == second and first.state is State.LIVE

    def test_promises_that_do_not_count(self, brand: BrandStage) -> None:
        evidence, now = brand.granted(), brand.stage.clock()
        bodies = [
            brand.promised(evidence, KeySigner(99)),
            brand.promised(evidence, received_at=now - 900, anchor_by=now - 1),
            brand.promised(evidence, received_at=now + 901, anchor_by=now + 902),
            brand.promised(evidence, anchor_by=now + 86_401),
        ]
        found = brand.take(*bodies)
        assert [(type(each).__name__, step_of(each)) for each in found if isinstance(each, NotConsented)] == [
            ("NotAnchored", 4)
        ] * len(bodies)

    def test_a_promise_for_another_statement_is_malformed(self, brand: BrandStage) -> None:
        own, now = unanchored(brand.granted()), brand.stage.clock()
        promise = brand.signed(Promise((to_hex(bytes(31) + b"\1"),), now, now + 900))
        file = PendingFile(own)
        raw = write_pending(file)[:-1] + b',"promise":' + msgspec.json.encode(promise, order="sorted") + b"}"
        assert brand.names(raw) == ["Malformed"]
        assert brand.names(write_pending(file)) == ["Malformed"]

    def test_the_statement_is_judged_in_all_but_its_anchor(self, brand: BrandStage) -> None:
        evidence = brand.granted()
        forged = sign(evidence.statement.message, account("mallory"), brand.stage.network.domain)
        bad = msgspec.structs.replace(evidence, signature=to_hex(forged))
        other = inbox_of(brand, frozenset({brand.stage.another_brand("other").address}))
        assert brand.names(brand.promised(bad)) == ["BadSignature"]
        assert [type(each).__name__ for each in other.take([brand.promised(evidence)])] == ["WrongController"]
        revoke(brand.stage.alice, evidence)
        assert brand.names(brand.promised(evidence)) == ["Revoked"]


def inbox_of(brand: BrandStage, controllers: frozenset[str]) -> Any:
    from dataclasses import replace

    return replace(brand.inbox, controllers=controllers)


def _ended(brand: BrandStage, digest: bytes) -> Any:
    from registry.brand.records import STANDING, Change

    kept = brand.store.by_digest([digest])[digest]
    return Change(kept.id, STANDING, State.ENDED, ended_at=brand.stage.clock(), why="Revoked")
