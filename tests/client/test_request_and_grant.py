"""From a notice to a grant: what is asked, what is chosen, what is signed, and what is left when it goes wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest

from registry.client.grant import Proposal, grant, propose, refuse, sign_and_anchor
from registry.client.handing_over import sweep
from registry.client.party import Person
from registry.client.request import check_notice, publish_notice, request
from registry.client.revoke import revoke
from registry.client.verify import verify
from registry.core.crypto.keccak import keccak256
from registry.core.crypto.revocation import lock_of
from registry.core.crypto.seeds import revocation_secret
from registry.core.errors import (
    BadSignature,
    Expired,
    InvalidInput,
    LedgerUnavailable,
    Malformed,
    NoticeMismatch,
    Rejected,
    StorageUnavailable,
)
from registry.core.evidence.file import Evidence, parse_evidence, write_evidence
from registry.core.ipld.cid import cid_of_block
from registry.core.notices.document import notice_digest
from registry.core.scalars import ZERO_WORD, to_hex, unhex
from registry.core.sealed.capsule import open_capsule
from registry.core.statements.messages import Grant, Refusal, Request
from registry.core.verify.judge import VerifiedGrant
from registry.ledger.base import Deployment
from registry.wallets.keywallet import KeyWallet
from tests.support.builders import NOW, SUBJECT, notice_document
from tests.support.fake_ledger import RELAY
from tests.support.stage import EMAILS, PURCHASES, Ledger, Stage

DAY = 86_400
LONG_FORM = "https://w3id.org/dpv#Marketing"
BOTH = ("dpv:Personalisation",), (EMAILS, PURCHASES)


def message_of(evidence: Evidence) -> Any:
    return evidence.statement.message


def scope(**changes: list[str]) -> dict[str, Any]:
    """The member of a notice that has one scope, marketing with purchases, with some of its members replaced."""
    usual = {"purposes": ["dpv:Marketing"], "data": [PURCHASES], "processing": ["dpv:Use"]}
    return {"scopes": [usual | changes]}


class TestNotices:
    def test_published_under_the_identifier_that_statements_carry(self, stage: Stage) -> None:
        raw = stage.notice()
        cid = publish_notice(stage.network, raw)
        assert stage.store.get(cid) == raw
        assert (cid, notice_digest(raw)) == (cid_of_block(raw), to_hex(sha256(raw).digest()))

    @pytest.mark.parametrize(
        ("part", "says", "advice"),
        [
            (scope(purposes=["dpv:Marketin"]), "dpv:Marketin is", "dpv:Marketing"),
            (scope(data=["pd:Purchases"]), "pd:Purchases is not a known", "pd:Purchase"),
            (scope(purposes=[PURCHASES]), "not a known purpose of DPV 2.3, but a kind of data", "consent vocabulary"),
            ({"terms": "ieee-7012:SD-BAS"}, "not a known agreement", "ieee-7012:SD-BASE"),
            (scope(purposes=[LONG_FORM]), "compact form", "dpv:Marketing"),
            (scope(processing=["dpv:Collekt"]), "not a known processing operation", "dpv:Collect"),
            (scope(processing=[PURCHASES]), "pd:Purchase is not a known processing operation", "--kind processing"),
            (scope(processing=["https://w3id.org/dpv/ai#ModelTraining"]), "compact form", "ai:ModelTraining"),
        ],
    )
    def test_unknown_vocabulary(self, stage: Stage, part: dict[str, Any], says: str, advice: str) -> None:
        labels = {term: f"x {term}" for one in part.get("scopes", []) for term in (*one["purposes"], *one["data"])}
        texts = notice_document()["text"]
        for text in texts.values():
            text["labels"] |= labels
        with pytest.raises(InvalidInput, match=says) as caught:
            publish_notice(stage.network, stage.notice(text=texts, **part))
        assert advice in caught.value.advice
        assert stage.store.stat().blocks == 0

    def test_somebody_elses_vocabulary_is_allowed(self, stage: Stage) -> None:
        theirs = "https://vocabulary.example/Loyalty"
        texts = notice_document()["text"]
        for text in texts.values():
            text["labels"][theirs] = "loyalty"
        raw = stage.notice(text=texts, **scope(purposes=[theirs], processing=[theirs]))
        assert check_notice(raw).scopes[0].purposes == check_notice(raw).scopes[0].processing == (theirs,)

    @pytest.mark.parametrize("recipient", ["age1test", "age1pq1qqqq", "age1" + "q" * 58])
    def test_a_recipient_that_cannot_be_sealed_to(self, stage: Stage, recipient: str) -> None:
        controller = notice_document()["controller"] | {"account": stage.brand.address, "recipient": recipient}
        with pytest.raises(InvalidInput):
            publish_notice(stage.network, stage.notice(controller=controller))

    def test_what_is_no_notice(self, stage: Stage) -> None:
        for raw in (b"", b"{}", stage.notice() + b"\n"):
            with pytest.raises(Malformed):
                publish_notice(stage.network, raw)


class TestRequests:
    def test_all_of_the_first_scope(self, stage: Stage) -> None:
        asked = request(stage.brand, stage.notice())
        message = message_of(asked)
        assert isinstance(message, Request)
        assert (message.purposes, message.data) == BOTH
        assert (message.controller, message.terms) == (stage.brand.address, "ieee-7012:SD-BASE")
        assert (message.issued_at, message.expires_at) == (NOW, NOW + 30 * DAY)
        assert verify(stage.network, asked, stage.network.policy(controllers=None)).anchored_at is None
        assert stage.ledger.calls == []

    def test_what_is_named_in_any_order_and_twice(self, stage: Stage) -> None:
        asked = request(stage.brand, stage.notice(), data=[PURCHASES, EMAILS, PURCHASES], days=1)
        assert message_of(asked).data == (EMAILS, PURCHASES)
        assert message_of(asked).expires_at == NOW + DAY

    def test_two_requests_are_never_the_same(self, stage: Stage) -> None:
        assert request(stage.brand, stage.notice()).digest != request(stage.brand, stage.notice()).digest

    @pytest.mark.parametrize(
        "chosen", [{"purposes": ["dpv:Marketing"], "data": [PURCHASES]}, {"data": ["pd:Age"]}, {"purposes": ["dpv:X"]}]
    )
    def test_more_than_the_notice_allows(self, stage: Stage, chosen: dict[str, Any]) -> None:
        with pytest.raises(NoticeMismatch, match="no scope"):
            request(stage.brand, stage.notice(), **chosen)

    @pytest.mark.parametrize("days", [0, -1, 3651])
    def test_days(self, stage: Stage, days: int) -> None:
        with pytest.raises(InvalidInput, match=str(days)):
            request(stage.brand, stage.notice(), days=days)

    def test_by_another_account_than_the_notices(self, stage: Stage) -> None:
        with pytest.raises(InvalidInput, match="another account"):
            request(stage.alice, stage.notice())


class TestGrants:
    def test_all_that_is_asked(self, stage: Stage) -> None:
        raw = stage.request()
        done = grant(stage.alice, raw)
        message = message_of(done.evidence)
        assert isinstance(message, Grant)
        assert (message.purposes, message.data) == BOTH
        assert (message.subject, message.controller) == (stage.alice.address, stage.brand.address)
        assert message.request == to_hex(parse_evidence(raw).digest)
        assert (message.issued_at, message.not_before, message.expires_at) == (NOW, NOW, NOW + 365 * DAY)
        assert (message.content, message.supersedes) == (ZERO_WORD, ZERO_WORD)
        assert message.revocation == lock_of(revocation_secret(stage.seed("alice"), message.salt))
        assert message.statement.startswith(
            "I allow Maison Aurelle (aurelle.example) to use my email address and purch"
        )

    def test_its_evidence_is_whole(self, stage: Stage) -> None:
        done = stage.granted()
        again = parse_evidence(write_evidence(done.evidence))
        policy = stage.network.policy(controllers=frozenset({stage.brand.address}), data=frozenset({PURCHASES}))
        verified = verify(stage.network, write_evidence(done.evidence), policy)
        assert isinstance(verified, VerifiedGrant)
        assert verified.anchored_at == done.receipt.time
        assert (again.anchor.transaction, again.anchor.block) == (done.receipt.transaction, done.receipt.block)  # type: ignore[union-attr]

    def test_the_relay_anchors_a_hash_that_tells_nothing(self, stage: Stage) -> None:
        from registry.core.evidence.file import commitment_of

        done = stage.granted()
        commitment = commitment_of(done.evidence)
        assert stage.ledger.calls == [("anchor", RELAY)]
        assert stage.ledger.arguments == [(to_hex(keccak256(commitment)), to_hex(sha256(commitment).digest()))]

    @pytest.mark.parametrize(
        ("chosen", "purposes", "data"),
        [
            ({"data": [PURCHASES]}, BOTH[0], (PURCHASES,)),
            ({"data": {PURCHASES, EMAILS}}, *BOTH),
            ({"data": [EMAILS, EMAILS], "purposes": BOTH[0]}, BOTH[0], (EMAILS,)),
        ],
    )
    def test_less_than_is_asked(
        self, stage: Stage, chosen: dict[str, Any], purposes: tuple[str, ...], data: tuple[str, ...]
    ) -> None:
        message = message_of(stage.granted(**chosen).evidence)
        assert (message.purposes, message.data) == (purposes, data)

    @pytest.mark.parametrize(
        ("chosen", "says"),
        [
            ({"data": ["pd:Age"]}, "the datum pd:Age was not asked for"),
            ({"data": [PURCHASES, "pd:Age"]}, "pd:Age"),
            # In the notice, but not in the request.
            ({"purposes": ["dpv:Marketing"]}, "the purpose dpv:Marketing was not asked for"),
            ({"data": []}, "no datum is chosen"),
            ({"purposes": []}, "no purpose is chosen"),
        ],
    )
    def test_more_than_is_asked_or_nothing(self, stage: Stage, chosen: dict[str, Any], says: str) -> None:
        with pytest.raises(InvalidInput, match=says) as caught:
            stage.granted(**chosen)
        assert caught.value.advice
        assert stage.ledger.calls == []

    @pytest.mark.parametrize(("days", "good"), [(1, True), (365, True), (0, False), (366, False), (-1, False)])
    def test_days(self, stage: Stage, days: int, good: bool) -> None:
        if good:
            message = message_of(stage.granted(days=days).evidence)
            assert message.expires_at - message.issued_at == days * DAY
        else:
            with pytest.raises(InvalidInput, match=f"{days} days") as caught:
                stage.granted(days=days)
            assert "1 to 365" in caught.value.advice

    @pytest.mark.parametrize(("language", "start"), [(None, "I allow"), ("en", "I allow"), ("fr", "J'autorise")])
    def test_languages(self, stage: Stage, language: str | None, start: str) -> None:
        assert message_of(stage.granted(language=language).evidence).statement.startswith(start)

    def test_a_language_that_the_notice_has_not(self, stage: Stage) -> None:
        with pytest.raises(InvalidInput, match="'de'") as caught:
            stage.granted(language="de")
        assert "en, fr" in caught.value.advice

    def test_the_first_language_where_there_is_no_english(self, stage: Stage) -> None:
        texts = notice_document()["text"]
        notice = stage.notice(text={"it": texts["fr"], "fr": texts["fr"]})
        raw = write_evidence(request(stage.brand, notice))
        assert propose(stage.alice, raw).language == "fr"

    def test_two_grants_share_nothing_that_links_them(self, stage: Stage) -> None:
        raw = stage.request()
        one, other = (message_of(grant(stage.alice, raw, again=True).evidence) for _ in range(2))
        assert one.salt != other.salt
        assert one.revocation != other.revocation

    def test_a_second_one_of_the_same_request(self, stage: Stage) -> None:
        """(item 11) A twin would stay in force when the other is revoked."""
        raw = stage.request()
        first = grant(stage.alice, raw).evidence
        with pytest.raises(InvalidInput, match=to_hex(first.digest)[:14]) as caught:
            grant(stage.alice, raw)
        assert "--supersedes" in caught.value.advice
        replaced = grant(stage.alice, raw, supersedes=first)
        assert stage.holds(replaced.evidence) == "VerifiedGrant"
        revoke(stage.alice, replaced.evidence)
        assert stage.holds(grant(stage.alice, raw).evidence) == "VerifiedGrant"


class TestSuperseding:
    def test_an_earlier_grant_to_the_same_brand(self, stage: Stage) -> None:
        """The same call ends the old grant, once the new one is anchored and kept."""
        old = stage.granted().evidence
        done = stage.granted(supersedes=old, data=[PURCHASES])
        assert message_of(done.evidence).supersedes == to_hex(old.digest)
        assert [stage.holds(one) for one in (old, done.evidence)] == ["Revoked", "VerifiedGrant"]
        assert done.superseded is not None and [call for call, _ in stage.ledger.calls[-2:]] == ["anchor", "revoke"]
        assert stage.alice.evidence.find(to_hex(done.evidence.digest)) == write_evidence(done.evidence)

    def test_not_another_persons(self, stage: Stage) -> None:
        old = grant(stage.person("bob"), stage.request()).evidence
        with pytest.raises(InvalidInput, match="superseded"):
            stage.granted(supersedes=old)

    def test_not_one_to_another_brand(self, stage: Stage) -> None:
        old = stage.granted().evidence
        stage.brand = stage.another_brand("other brand")
        with pytest.raises(InvalidInput, match="superseded"):
            stage.granted(supersedes=old)

    def test_not_a_refusal(self, stage: Stage) -> None:
        with pytest.raises(InvalidInput, match="superseded"):
            stage.granted(supersedes=refuse(stage.alice, stage.request()).evidence)


class TestRequestsThatAreNotAnswered:
    def test_what_is_no_request(self, stage: Stage) -> None:
        with pytest.raises(InvalidInput, match="a Grant, not a Request"):
            grant(stage.alice, write_evidence(stage.granted().evidence))
        with pytest.raises(Malformed):
            refuse(stage.alice, stage.request() + b"\n")

    def test_one_that_has_expired(self, stage: Stage) -> None:
        """`verify` advised the person to ask themselves for a new grant (section E)."""
        raw = stage.request(days=1)
        stage.pass_time(DAY)

        def checked(person: Person, file: bytes) -> object:
            return verify(person.network, file, person.network.policy(controllers=None))

        for answer in (grant, refuse, propose, checked):
            with pytest.raises(Expired) as caught:
                answer(stage.alice, raw)
            assert "Ask the brand" in caught.value.advice

    def test_ones_own(self, stage: Stage) -> None:
        """A brand could answer its own request (section E)."""
        itself = stage.person_with(stage.brand.wallet, stage.alice.vault)
        for answer in (grant, refuse):
            with pytest.raises(InvalidInput, match="by the account that would answer"):
                answer(itself, stage.request())

    def test_one_that_the_brand_did_not_sign(self, stage: Stage) -> None:
        forged = msgspec.structs.replace(parse_evidence(stage.request()), signature="0x" + "11" * 65)
        with pytest.raises(BadSignature):
            grant(stage.alice, write_evidence(forged))

    def test_one_for_another_registry(self, stage: Stage, tmp_path: Any) -> None:
        raw = stage.request()
        deployment = Deployment(31_337, SUBJECT, SUBJECT, 1)
        stage.ledger.deployment = deployment
        with pytest.raises(LedgerUnavailable, match="it belongs to registry"):
            grant(stage.alice, raw)

    @pytest.mark.parametrize("part", ["purpose", "processing"])
    def test_one_whose_words_nobody_knows(self, stage: Stage, monkeypatch: pytest.MonkeyPatch, part: str) -> None:
        unknown = "dpv:NotInAnyVersion"
        texts = notice_document()["text"]
        for text in texts.values():
            text["labels"][unknown] = "something"
        changed = {"purposes": [unknown]} if part == "purpose" else {"processing": [unknown]}
        notice = stage.notice(text=texts, **scope(**changed))
        with monkeypatch.context() as patch:
            patch.setattr("registry.client.request.fault_of", lambda term, kind: None)
            patch.setattr("registry.client.sign.check_known", lambda terms, kind: None)
            asked = request(stage.brand, notice)
        # Verifying is not signing: evidence outlives vocabularies.
        assert verify(stage.network, asked, stage.network.policy(controllers=None))
        for answer in (grant, refuse):
            with pytest.raises(InvalidInput, match=f"not a known {part}"):
                answer(stage.alice, write_evidence(asked))


class TestRefusals:
    def test_a_provable_no(self, stage: Stage) -> None:
        raw = stage.request()
        done = refuse(stage.alice, raw, language="fr")
        message = message_of(done.evidence)
        assert isinstance(message, Refusal)
        assert message.statement.startswith("Je n'autorise pas")
        assert message.request == to_hex(parse_evidence(raw).digest)
        assert stage.holds(done.evidence) == "VerifiedStatement"
        assert stage.ledger.calls == [("anchor", RELAY)]

    def test_it_hands_over_nothing(self, stage: Stage) -> None:
        stage.keep(b"bought")
        raw = stage.request()
        blocks = stage.store.stat()
        refuse(stage.alice, raw)
        assert stage.store.stat() == blocks


class TestSayingNo:
    def test_nothing_is_signed_stored_or_anchored(self, stage: Stage) -> None:
        stage.keep(b"bought")
        raw, seen = stage.request(), []
        blocks = stage.store.stat()

        def no(proposal: Proposal) -> bool:
            seen.append(proposal)
            return False

        alice = replace(stage.alice, wallet=Untouched(stage.alice.address))
        for answer in (grant, refuse):
            with pytest.raises(Rejected) as caught:
                answer(alice, raw, confirm=no)
            assert caught.value.advice == "Nothing was signed."
        assert (stage.store.stat(), stage.ledger.calls) == (blocks, [])
        assert [type(one.message) for one in seen] == [Grant, Refusal]
        assert seen[0].notice_bytes == stage.notice()
        assert [each.records for each in seen[0].previews] == [1]

    def test_what_is_confirmed_is_what_is_signed(self, stage: Stage) -> None:
        seen: list[Proposal] = []
        done = grant(stage.alice, stage.request(), confirm=lambda proposal: not seen.append(proposal))
        signed = msgspec.structs.replace(message_of(done.evidence), content=ZERO_WORD)
        assert seen[0].message == signed, "all but what is sealed after the yes"

    def test_a_proposal_touches_nothing(self, stage: Stage) -> None:
        stage.keep(b"bought")
        raw = stage.request()
        blocks = stage.store.stat()
        proposal = propose(replace(stage.alice, wallet=Untouched(stage.alice.address)), raw)
        assert (stage.store.stat(), stage.ledger.calls) == (blocks, [])
        assert sign_and_anchor(stage.alice, proposal).evidence.digest


class Untouched:
    """A wallet that nobody may ask."""

    def __init__(self, address: str) -> None:
        self.address = address

    def sign_typed_data(self, _typed_data: dict[str, Any]) -> bytes:
        raise AssertionError("the wallet was asked")


class SignsAsAnother(Untouched):
    """A wallet in which another account is chosen."""

    def sign_typed_data(self, typed_data: dict[str, Any]) -> bytes:
        return KeyWallet(b"\x07" * 32).sign_typed_data(typed_data)


class SignsRubbish(Untouched):
    def sign_typed_data(self, _typed_data: dict[str, Any]) -> bytes:
        return b"\x11" * 64


@pytest.mark.parametrize("wallet", [SignsAsAnother, SignsRubbish])
def test_another_accounts_signature_goes_nowhere(stage: Stage, wallet: type[Untouched]) -> None:
    stage.keep(b"bought")
    raw = stage.request()
    blocks = stage.store.stat()
    with pytest.raises(Rejected, match=stage.alice.address):
        grant(replace(stage.alice, wallet=wallet(stage.alice.address)), raw)
    assert (stage.store.stat().blocks, stage.ledger.calls) == (blocks.blocks + 1, []), "the index names a book"
    assert stage.alice.vault.shares.all() == ()
    with pytest.raises(Rejected):
        request(replace(stage.brand, wallet=wallet(stage.brand.address)), stage.notice())


class TestCapsules:
    def test_it_is_stored_for_the_brand_alone(self, stage: Stage) -> None:
        stage.keep(b"bought")
        message = message_of(stage.granted().evidence)
        sealed = next(data for data in stage.store.kept.values() if sha256(data).digest() == unhex(message.content))
        capsule = open_capsule(sealed, stage.brand.identity, message)
        assert [key.category for key in capsule.streams] == [PURCHASES]

    def test_only_what_was_granted_is_in_it(self, stage: Stage) -> None:
        stage.keep(b"bought")
        stage.keep(b"mail", EMAILS)
        message = message_of(stage.granted(data=[EMAILS]).evidence)
        sealed = next(data for data in stage.store.kept.values() if sha256(data).digest() == unhex(message.content))
        capsule = open_capsule(sealed, stage.brand.identity, message)
        assert [key.category for key in capsule.streams] == [EMAILS]

    def test_without_stored_data_there_is_none(self, stage: Stage) -> None:
        stage.keep(b"bought")
        assert message_of(stage.granted(data=[EMAILS]).evidence).content == ZERO_WORD


TROUBLES: dict[str, Callable[[], BaseException]] = {
    "refused": lambda: InvalidInput("the contract refuses"),
    "said no": lambda: Rejected("the person said no"),
    "sent": lambda: LedgerUnavailable("transaction 0x12 was sent, but is in no block"),
    "interrupted": KeyboardInterrupt,
    "unexpected": RuntimeError,
}


class TestTrouble:
    def proposed(self, stage: Stage, trouble: BaseException) -> tuple[Proposal, set[bytes]]:
        """What is to be granted while the chain makes this trouble, and what the store holds before."""
        stage.keep(b"bought")
        proposal = propose(stage.alice, stage.request())
        stage.ledger.refuses_writing = trouble
        return proposal, set(stage.store.kept)

    def left(self, stage: Stage, before: set[bytes]) -> tuple[int, int]:
        """How many blocks are gone since, and how many are new."""
        after = set(stage.store.kept)
        return len(before - after), len(after - before)

    @pytest.mark.parametrize("name", TROUBLES)
    def test_what_was_not_anchored_leaves_no_capsule(self, stage: Stage, name: str) -> None:
        trouble = TROUBLES[name]()
        proposal, before = self.proposed(stage, trouble)
        with pytest.raises(type(trouble)) as caught:
            sign_and_anchor(stage.alice, proposal)
        assert caught.value is trouble and self.left(stage, before) == (1, 2), "an index that names an empty book"
        assert stage.alice.vault.shares.all() == () and list(stage.alice.vault.shares.granting.left()) == []
        stage.ledger.refuses_writing = None
        assert stage.holds(sign_and_anchor(stage.alice, proposal).evidence) == "VerifiedGrant"

    @pytest.mark.parametrize("name", TROUBLES)
    def test_a_store_that_is_away_by_then_hides_nothing(
        self, stage: Stage, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        trouble = TROUBLES[name]()
        proposal, _ = self.proposed(stage, trouble)

        def refuse_and_go(*_asked: Any, **_how: Any) -> Any:
            stage.store.down = True
            raise trouble

        monkeypatch.setattr(stage.ledger, "submit", refuse_and_go)
        with pytest.raises(type(trouble)) as caught:
            sign_and_anchor(stage.alice, proposal)
        assert caught.value is trouble
        assert "does not answer" in " ".join(trouble.__notes__)
        stage.store.down = False
        (left,) = stage.alice.vault.shares.all()
        sweep(stage.alice)
        assert stage.alice.vault.shares.all() == () and not stage.store.has(left.head)

    def test_a_retried_grant_whose_store_is_dead_says_so_again(self, stage: Stage) -> None:
        stage.keep(b"bought")
        raw = stage.request()
        stage.store.down = True
        for _ in range(2):
            with pytest.raises(StorageUnavailable, match="does not answer"):
                grant(stage.alice, raw)
        assert stage.ledger.calls == []

    def test_a_chain_that_is_down_before_anything_is_signed(self, stage: Stage) -> None:
        raw = stage.request()
        stage.ledger.down = True
        for act in (
            lambda: grant(stage.alice, raw),
            lambda: refuse(stage.alice, raw),
            lambda: request(stage.brand, stage.notice()),
        ):
            with pytest.raises(LedgerUnavailable):
                act()

    def test_a_store_that_is_down(self, stage: Stage) -> None:
        stage.keep(b"bought")
        raw = stage.request()
        stage.store.down = True
        with pytest.raises(StorageUnavailable):
            grant(stage.alice, raw)
        with pytest.raises(StorageUnavailable):
            publish_notice(stage.network, stage.notice())
        assert stage.ledger.calls == []

    def test_a_store_that_is_full(self, stage: Stage) -> None:
        stage.keep(b"bought")
        raw = stage.request()
        stage.store.capacity = stage.store.stat().bytes
        with pytest.raises(StorageUnavailable, match="full"):
            grant(stage.alice, raw)
        assert stage.ledger.calls == []


class TestDates:
    def dated(self, stage: Stage) -> int:
        return stage.network.date_for(stage.alice.address)

    def test_the_later_of_both_clocks(self, stage: Stage) -> None:
        stage.clock.now = NOW + 300
        assert self.dated(stage) == NOW + 300
        stage.clock.now = NOW - 300
        stage.ledger.mine()
        assert self.dated(stage) == stage.ledger.head().time >= NOW

    def test_a_chain_far_ahead_is_not_believed(self, stage: Stage) -> None:
        stage.chain_clock.now = NOW + 900
        stage.ledger.mine()
        assert self.dated(stage) == NOW + 900
        stage.chain_clock.now += 1
        stage.ledger.mine()
        with pytest.raises(LedgerUnavailable, match="15 minutes"):
            self.dated(stage)
        with pytest.raises(LedgerUnavailable):
            stage.request()

    def test_a_slow_own_clock_still_makes_grants_that_hold(self, stage: Stage) -> None:
        stage.clock.now = NOW - 800
        done = stage.granted()
        assert message_of(done.evidence).issued_at >= NOW - 60
        assert stage.holds(done.evidence) == "VerifiedGrant"

    @pytest.mark.parametrize(("cutoff", "date"), [(NOW - 1000, NOW), (NOW, NOW + 1), (NOW + 500, NOW + 501)])
    def test_after_the_kill_switch(self, stage: Stage, cutoff: int, date: int) -> None:
        from tests.support.fake_ledger import Change

        stage.ledger.mine((Change("cutoff", stage.alice.address.lower(), cutoff),))
        assert max(self.dated(stage), stage.ledger.head().time) == max(date, stage.ledger.head().time)
        assert self.dated(stage) > cutoff

    def test_a_retired_address_signs_no_more(self, stage: Stage) -> None:
        from registry.client.revoke import retire

        raw = stage.request()
        retire(stage.alice)
        for answer in (grant, refuse):
            with pytest.raises(InvalidInput, match="retired for ever") as caught:
                answer(stage.alice, raw)
            assert "another account" in caught.value.advice

    def test_only_the_authors_cutoff_is_asked(self, stage: Stage) -> None:
        from registry.client.revoke import retire

        retire(stage.person("bob"))
        assert self.dated(stage) >= NOW


def test_the_ledger_of_the_stage_is_the_shared_fake(stage: Stage) -> None:
    assert isinstance(stage.ledger, Ledger)
    assert stage.network.read(stage.granted().evidence).anchors.keys() != {ZERO_WORD}


@pytest.mark.parametrize("chosen", [{"purposes": []}, {"data": ()}])
def test_a_request_for_nothing_is_refused(tmp_path: Path, chosen: dict[str, Any]) -> None:
    """A brand that asked for an empty list once signed a request for everything in its notice."""
    stage = Stage.of(tmp_path)
    with pytest.raises(InvalidInput, match="for nothing"):
        stage.request(**chosen)
    assert parse_evidence(stage.request()).kind == "Request"
