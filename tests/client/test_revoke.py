"""How it ends: which function of the contract is called, by whom, and what it shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from registry.client import revoke as endings
from registry.client.grant import grant, refuse
from registry.client.party import Party, Person
from registry.client.revoke import opening_of, retire, revoke, revoke_all, revoke_all_of, revoke_openly
from registry.client.sign import sign
from registry.client.verify import verify, verify_many
from registry.core.crypto.revocation import salt_hash, tag_of
from registry.core.crypto.seeds import revocation_secret
from registry.core.errors import (
    InvalidInput,
    LedgerUnavailable,
    NotAnchored,
    NotConsented,
    NotYetValid,
    Rejected,
    Revoked,
)
from registry.core.evidence.file import Evidence, parse_evidence, write_evidence
from registry.core.scalars import format_utc, to_hex
from registry.core.sealed.bundles import View
from registry.core.statements.messages import RevokeAll
from registry.core.verify.judge import VerifiedGrant, VerifiedStatement
from registry.ledger.base import Deployment
from registry.vault.database import Database
from registry.wallets.keywallet import KeyWallet
from tests.support.builders import CONTROLLER, NOW, SUBJECT, word
from tests.support.fake_ledger import RELAY
from tests.support.stage import PURCHASES, Stage

HOUR = 3600


def message_of(evidence: Evidence) -> Any:
    return evidence.statement.message


def paying(party: Party) -> Party:
    """The same party, paying for its own transactions."""
    assert isinstance(party.wallet, KeyWallet)
    return replace(party, sender=party.wallet)


class TestRevoking:
    def test_in_private(self, stage: Stage) -> None:
        done = stage.granted().evidence
        revoke(stage.alice, done)
        grant = message_of(done)
        assert stage.ledger.calls[1:] == [("revoke", RELAY)]
        secret = to_hex(revocation_secret(stage.seed("alice"), grant.salt))
        assert stage.ledger.arguments[-1] == (secret, tag_of(stage.alice.address, grant.salt))
        assert stage.alice.address.lower()[2:] not in str(stage.ledger.arguments).lower()
        assert stage.holds(done) == "Revoked"

    def test_another_account_of_hers_may_pay_and_send(self, stage: Stage) -> None:
        done = stage.granted().evidence
        other = KeyWallet(b"\x33" * 32)
        revoke(replace(stage.alice, sender=other), done)
        assert stage.ledger.calls[-1] == ("revoke", other.address)
        assert stage.holds(done) == "Revoked"

    def test_only_that_one(self, stage: Stage) -> None:
        one, other = stage.granted().evidence, stage.granted().evidence
        revoke(stage.alice, one)
        assert [stage.holds(each) for each in (one, other)] == ["Revoked", "VerifiedGrant"]

    def test_again_is_no_harm(self, stage: Stage) -> None:
        done = stage.granted().evidence
        first = revoke(stage.alice, done)
        assert first is not None
        stage.pass_time(100)
        revoke(stage.alice, done)
        policy = stage.network.policy(controllers=None)
        with pytest.raises(Revoked, match=format_utc(first.time)):
            verify(stage.network, done, policy)

    def test_with_another_seed(self, stage: Stage) -> None:
        done = stage.granted().evidence
        with pytest.raises(InvalidInput, match="did not make the lock") as caught:
            revoke(
                stage.person_with(stage.alice.wallet, Database(stage.folder / "other", bytes(32), stage.store)), done
            )
        assert "--open" in caught.value.advice
        assert len(stage.ledger.calls) == 1
        assert stage.holds(done) == "VerifiedGrant"

    def test_openly_by_the_relay(self, stage: Stage) -> None:
        done = stage.granted().evidence
        grant = message_of(done)
        # Without the seed: a grant whose lock somebody else made can still be ended.
        revoke_openly(
            stage.person_with(stage.alice.wallet, Database(stage.folder / "other", bytes(32), stage.store)), done
        )
        assert stage.ledger.calls[-1] == ("revokeOpenlyFor", RELAY)
        assert stage.ledger.arguments[-1][:3] == (stage.alice.address, grant.revocation, salt_hash(grant.salt))
        assert stage.holds(done) == "Revoked"

    def test_openly_as_the_sender(self, stage: Stage) -> None:
        done = stage.granted().evidence
        revoke_openly(paying(stage.alice), done)
        assert stage.ledger.calls[-1] == ("revokeOpenly", stage.alice.address)
        assert stage.holds(done) == "Revoked"

    def test_openly_with_another_payer(self, stage: Stage) -> None:
        done, other = stage.granted().evidence, KeyWallet(b"\x33" * 32)
        revoke_openly(replace(stage.alice, sender=other), done)
        assert stage.ledger.calls[-1] == ("revokeOpenlyFor", other.address)
        assert stage.holds(done) == "Revoked"

    def test_openly_only_ones_own(self, stage: Stage) -> None:
        done = stage.granted().evidence
        bob = stage.person("bob")
        with pytest.raises(InvalidInput, match=f"is of {stage.alice.address}"):
            revoke_openly(bob, done)
        with pytest.raises(InvalidInput, match="did not make the lock"):
            revoke(bob, done)
        assert len(stage.ledger.calls) == 1

    @pytest.mark.parametrize("end", [revoke, revoke_openly])
    def test_on_another_registry(self, stage: Stage, end: Callable[[Party, Evidence], Any]) -> None:
        done = stage.granted().evidence
        stage.ledger.deployment = Deployment(31_337, SUBJECT, SUBJECT, 1)
        for party in (stage.alice, paying(stage.alice)):
            with pytest.raises(InvalidInput, match="another chain or registry") as caught:
                end(party, done)
            assert "configuration" in caught.value.advice
        # The secret would have ended nothing there, and let anyone end it here.
        assert len(stage.ledger.calls) == 1

    @pytest.mark.parametrize("end", [revoke, revoke_openly])
    def test_what_is_no_grant(self, stage: Stage, end: Callable[[Party, Evidence], Any]) -> None:
        for evidence in (parse_evidence(stage.request()), refuse(stage.alice, stage.request()).evidence):
            with pytest.raises(InvalidInput, match="not a Grant"):
                end(stage.alice, evidence)

    def test_before_it_was_anchored(self, stage: Stage) -> None:
        done = stage.granted().evidence
        stage.ledger.reorg(1)
        assert stage.holds(done) == "NotAnchored"
        revoke(stage.alice, done)
        assert done.anchor
        stage.ledger.transact("anchor", done.anchor.root, done.anchor.root)
        assert stage.holds(done) == "Revoked"

    @pytest.mark.parametrize("end", [revoke, revoke_openly])
    def test_a_chain_that_is_down(self, stage: Stage, end: Callable[[Party, Evidence], Any]) -> None:
        done = stage.granted().evidence
        stage.ledger.down = True
        with pytest.raises(LedgerUnavailable):
            end(stage.alice, done)

    def test_a_wallet_that_says_no(self, stage: Stage) -> None:
        class Refusing:
            address = stage.alice.address

            def sign_typed_data(self, _typed_data: Any) -> bytes:
                raise Rejected("the person said no")

        done = stage.granted().evidence
        alice = replace(stage.alice, wallet=Refusing())
        for act in (lambda: revoke_openly(alice, done), lambda: revoke_all(alice), lambda: retire(alice)):
            with pytest.raises(Rejected):
                act()
        # In private no wallet is needed at all.
        revoke(alice, done)
        assert stage.holds(done) == "Revoked"


class TestRevokingEverything:
    def test_by_the_relay(self, stage: Stage) -> None:
        grants = [stage.granted().evidence for _ in range(3)]
        revoke_all(stage.alice)
        assert stage.ledger.calls[-1] == ("revokeAllFor", RELAY)
        assert [stage.holds(one) for one in grants] == ["Revoked"] * 3

    def test_as_the_sender(self, stage: Stage) -> None:
        done = stage.granted().evidence
        revoke_all(paying(stage.alice))
        assert stage.ledger.calls[-1] == ("revokeAll", stage.alice.address)
        assert stage.holds(done) == "Revoked"

    def test_nobody_elses(self, stage: Stage) -> None:
        bobs = grant(stage.person("bob"), stage.request()).evidence
        revoke_all(stage.alice)
        assert stage.holds(bobs) == "VerifiedGrant"

    def test_what_comes_after_holds(self, stage: Stage) -> None:
        revoke_all(stage.alice)
        stage.pass_time(2)
        done = stage.granted().evidence
        assert stage.holds(done) == "VerifiedGrant"
        revoke_all(paying(stage.alice))
        assert stage.holds(done) == "Revoked"
        assert stage.holds(stage.granted().evidence) == "VerifiedGrant"

    def test_what_was_dated_ahead_ends_too(self, stage: Stage) -> None:
        stage.clock.now = NOW + 800
        done = stage.granted().evidence
        stage.clock.now = NOW
        revoke_all(stage.alice)
        assert stage.holds(done) == "Revoked"

    @pytest.mark.parametrize(("own", "chain"), [(HOUR, 0), (0, HOUR)])
    def test_with_a_wrong_clock(self, stage: Stage, own: int, chain: int) -> None:
        """With a clock an hour off, the relay once refused: we refused a slow clock, the contract a fast one."""
        grants = [stage.granted().evidence for _ in range(2)]
        stage.clock.now += own
        stage.chain_clock.now += chain
        stage.ledger.mine()
        revoke_all(stage.alice)
        assert [stage.holds(each) for each in grants] == ["Revoked"] * 2

    def test_on_a_chain_without_a_block_for_an_hour(self, stage: Stage) -> None:
        """The cutoff is the present time, although the newest block is an hour old."""
        stage.pass_time(HOUR)
        cutoff = revoke_all(stage.alice).time
        assert stage.network.date_for(stage.alice.address) == cutoff + 1 == stage.clock() + 1

    def test_a_brand_withdraws_its_requests(self, stage: Stage) -> None:
        raw = stage.request()
        revoke_all(stage.brand)
        with pytest.raises(Revoked, match="controller withdrew"):
            grant(stage.alice, raw)

    def test_a_refusal_stays(self, stage: Stage) -> None:
        refusal = refuse(stage.alice, stage.request()).evidence
        revoke_all(stage.alice)
        assert stage.holds(refusal) == "VerifiedStatement"


class TestRetiring:
    @pytest.mark.parametrize("own", [True, False])
    def test_for_ever(self, stage: Stage, own: bool) -> None:
        done, raw = stage.granted().evidence, stage.request()
        retire(paying(stage.alice) if own else stage.alice)
        expected = ("retire", stage.alice.address) if own else ("retireFor", RELAY)
        assert stage.ledger.calls[-1] == expected
        assert stage.holds(done) == "Revoked"
        with pytest.raises(InvalidInput, match="retired"):
            grant(stage.alice, raw)

    @pytest.mark.parametrize("end", [retire, revoke_all])
    def test_with_a_damaged_file_beside_the_grant(self, stage: Stage, end: Callable[[Party], Any]) -> None:
        """What is kept is read only to remember who paid for what, and that is no reason not to end."""
        done = stage.granted()
        Path(str(done.kept)).with_name(f"0x{'ab' * 32}.json").write_bytes(b"{")
        end(stage.alice)
        assert stage.holds(done.evidence) == "Revoked"

    @pytest.mark.parametrize("damaged", [b"", b"x", b"\xff"])
    def test_everything_ends_with_a_damaged_cutoff_too(self, stage: Stage, damaged: bytes) -> None:
        """Nothing more is signed with the account then: what it signed for is not known."""
        done, raw = stage.granted().evidence, stage.request()
        cutoffs = stage.folder / "alice" / "kept" / "cutoffs"
        cutoffs.mkdir()
        (cutoffs / stage.alice.address).write_bytes(damaged)
        revoke_all(stage.alice)
        assert stage.holds(done) == "Revoked"
        stage.pass_time(HOUR)
        with pytest.raises(InvalidInput, match="holds no time"):
            grant(stage.alice, raw)

    def test_with_another_account_life_goes_on(self, stage: Stage) -> None:
        retire(stage.alice)
        alice = replace(stage.alice, wallet=KeyWallet(b"\x44" * 32))
        assert stage.holds(grant(alice, stage.request()).evidence) == "VerifiedGrant"


def continuing(stage: Stage) -> bytes:
    """A request whose notice asks for the names of purchases, later ones too."""
    return stage.asked([{"category": PURCHASES, "members": ["name"], "continuing": True}])


ENDS = [
    revoke,
    revoke_openly,
    lambda alice, _: revoke_all(alice),
    lambda alice, _: retire(alice),
]


class TestKeysThatWereHandedOut:
    """(item 7) Nothing is ever added to what an ended grant handed over."""

    def granted(self, stage: Stage, **chosen: Any) -> Evidence:
        stage.bought("coat")
        return grant(stage.alice, continuing(stage), **chosen).evidence

    @pytest.mark.parametrize("end", ENDS)
    def test_its_bundles_are_marked_as_ended(self, stage: Stage, end: Callable[..., object]) -> None:
        done = self.granted(stage)
        other = stage.alice.vault.shares.begin(SUBJECT, CONTROLLER, [View(PURCHASES, ("name",))], word(9))
        end(stage.alice, done)
        mine, theirs = stage.alice.vault.shares.all()
        assert mine.ended and not theirs.ended and [theirs.name] == [key.stream for key in other]
        with pytest.raises(InvalidInput, match="has ended"):
            stage.alice.vault.shares.bring_up_to_date(message_of(done).revocation)

    def test_also_where_it_had_ended_before(self, stage: Stage) -> None:
        done = self.granted(stage)
        stage.ledger.transact("revoke", *opening_of(stage.alice, done))
        assert revoke(stage.alice, done) is None and stage.alice.vault.shares.all()[0].ended

    def test_all_that_was_issued_until_then_and_no_other_accounts(self, stage: Stage) -> None:
        self.granted(stage)
        bob = replace(stage.alice, wallet=KeyWallet(b"\x45" * 32))
        grant(bob, continuing(stage))
        revoke_all(stage.alice)
        assert [one.ended for one in stage.alice.vault.shares.all()] == [True, False]
        stage.pass_time(60)
        self.granted(stage)
        assert [one.ended for one in stage.alice.vault.shares.all()] == [True, False, False]

    def test_a_grant_that_replaces_it_goes_on_with_the_same_bundle(self, stage: Stage) -> None:
        old = self.granted(stage)
        stage.bought("hat")
        new = grant(stage.alice, continuing(stage), supersedes=old).evidence
        (bundle,) = stage.alice.vault.shares.all()
        assert (bundle.number, bundle.ended, bundle.locks) == (2, False, (message_of(new).revocation,))
        assert stage.holds(old) == "Revoked"

    def test_one_that_ended_before_is_not_gone_on_with(self, stage: Stage) -> None:
        old = self.granted(stage)
        revoke(stage.alice, old)
        new = grant(stage.alice, continuing(stage), supersedes=old).evidence
        assert [one.ended for one in stage.alice.vault.shares.all()] == [True, False]
        assert stage.holds(new) == "VerifiedGrant"

    def test_a_store_that_is_away_stops_no_ending_and_the_person_is_told(self, stage: Stage) -> None:
        told = list[str]()
        done = self.granted(stage)
        stage.store.down = True
        assert revoke(replace(stage.alice, tell=told.append), done) is not None
        assert stage.holds(done) == "Revoked" and "vault sync" in told[0] and "does not answer" in told[0]

    def test_a_grant_that_was_not_signed_shares_nothing(self, stage: Stage) -> None:
        stage.keep(b"before")
        before = set(stage.store.kept)
        with pytest.raises(Rejected):
            grant(stage.alice, stage.request(), confirm=lambda _: False)
        assert len(set(stage.store.kept) - before) == 1, "the notice"
        assert stage.alice.vault.shares.all() == ()


class TestWhatHasEnded:
    """(item 11) What has ended needs no transaction."""

    @pytest.mark.parametrize("end", [revoke, revoke_openly])
    def test_revoked_before(self, stage: Stage, end: Callable[[Person, Evidence], object]) -> None:
        done = stage.granted().evidence
        assert end(stage.alice, done) is not None
        sent = len(stage.ledger.calls)
        assert end(stage.alice, done) is None
        assert len(stage.ledger.calls) == sent

    def test_all_revoked_before(self, stage: Stage) -> None:
        done = stage.granted().evidence
        revoke_all(stage.alice)
        assert revoke(stage.alice, done) is None

    def test_a_chain_that_does_not_answer_is_no_ending(self, stage: Stage) -> None:
        done = stage.granted().evidence
        stage.ledger.down = True
        with pytest.raises(LedgerUnavailable):
            revoke(stage.alice, done)


class TestASignedEndOfEverything:
    """(item 9) Whoever has the signature may send it again: nothing that it could end is signed or counts."""

    def test_nothing_is_signed_in_the_same_second(self, stage: Stage) -> None:
        raw = stage.request()
        revoke_all(stage.alice)
        with pytest.raises(InvalidInput, match="just ended everything") as caught:
            grant(stage.alice, raw)
        assert "Wait" in caught.value.advice
        stage.pass_time(2)
        assert stage.holds(grant(stage.alice, raw).evidence) == "VerifiedGrant"

    def test_what_is_anchored_before_the_chain_is_past_it_does_not_count(self, stage: Stage) -> None:
        stage.clock.now += 600  # this machine's clock runs ten minutes ahead of the chain's
        revoke_all(stage.alice)
        stage.clock.now += 2
        stage.keep(b"bought")
        digests = stage.alice.evidence.digests()
        with pytest.raises(LedgerUnavailable, match="too early") as caught:
            stage.granted()
        assert "again" in caught.value.advice
        assert stage.alice.evidence.digests() == digests
        assert stage.alice.vault.shares.all() == ()
        stage.chain_clock.now += 700
        stage.ledger.mine()
        done = stage.granted().evidence
        until = stage.alice.evidence.cutoff_of(stage.alice.address)
        signature = to_hex(sign(stage.alice, RevokeAll(stage.alice.address, until)))
        stage.ledger.transact("revokeAllFor", stage.alice.address, until, signature)  # somebody sends it again
        assert stage.holds(done) == "VerifiedGrant"

    def test_it_is_remembered_before_it_is_signed(self, stage: Stage) -> None:
        stage.ledger.down = False
        seen = []

        class Asked:
            address = stage.alice.address

            def sign_typed_data(self, typed_data: dict[str, Any]) -> bytes:
                seen.append((typed_data["message"]["issuedUntil"], stage.alice.evidence.cutoff_of(self.address)))
                raise Rejected("no")

        with pytest.raises(Rejected):
            revoke_all(replace(stage.alice, wallet=Asked()))
        assert seen and seen[0][0] == seen[0][1]

    def test_ones_own_transaction_needs_no_waiting(self, stage: Stage) -> None:
        revoke_all(paying(stage.alice))
        assert stage.holds(stage.granted().evidence) == "VerifiedGrant"


class TestChecking:
    def test_bytes_and_evidence_alike(self, stage: Stage) -> None:
        done, policy = stage.granted().evidence, stage.network.policy(controllers=None)
        assert verify(stage.network, write_evidence(done), policy) == verify(stage.network, done, policy)

    def test_at_a_time_in_the_past(self, stage: Stage) -> None:
        stage.pass_time(10)
        done = stage.granted().evidence
        anchored = stage.ledger.head().time
        stage.pass_time(100)
        ended = revoke(stage.alice, done)
        assert ended is not None
        revoked = ended.time
        stage.pass_time(100)
        stage.ledger.mine()
        policy = stage.network.policy(controllers=None)
        for at in (anchored, revoked - 1):
            assert verify(stage.network, done, policy, at=at).now == at
        for at in (revoked, stage.clock(), stage.clock() + 1000):
            with pytest.raises(Revoked):
                verify(stage.network, done, policy, at=at)
        for at, error in ((anchored - 1, NotAnchored), (NOW - 50, NotAnchored)):
            with pytest.raises(error):
                verify(stage.network, done, policy, at=at)

    def test_under_confirmations(self, stage: Stage) -> None:
        done = stage.granted().evidence
        policy = stage.network.policy(controllers=None, confirmations=2)
        with pytest.raises(NotAnchored, match="2 confirmations"):
            verify(stage.network, done, policy)
        stage.ledger.mine(count=2)
        assert verify(stage.network, done, policy)
        stage.ledger.reorg(3)
        with pytest.raises(NotAnchored):
            verify(stage.network, done, policy)

    @pytest.mark.parametrize("trouble", ["down", "slow", "other_chain"])
    def test_what_could_not_be_read_is_no_no(self, stage: Stage, trouble: str) -> None:
        done = stage.granted().evidence
        setattr(stage.ledger, trouble, True)
        with pytest.raises(LedgerUnavailable) as caught:
            verify(stage.network, done, stage.network.policy(controllers=None))
        assert not isinstance(caught.value, NotConsented)
        with pytest.raises(LedgerUnavailable):
            verify_many(stage.network, [done])

    def test_a_chain_that_hides_its_newest_blocks(self, stage: Stage) -> None:
        done = stage.granted().evidence
        stage.pass_time(120)
        revoke(stage.alice, done)
        stage.ledger.stale = 60
        policy = stage.network.policy(controllers=None, max_facts_age=60)
        with pytest.raises(LedgerUnavailable, match="old"):
            verify(stage.network, done, policy)

    def test_a_request_that_is_dated_ahead(self, stage: Stage) -> None:
        stage.clock.now = NOW + 2000
        asked = parse_evidence(stage.request())
        stage.clock.now = NOW
        with pytest.raises(NotYetValid):
            verify(stage.network, asked, stage.network.policy(controllers=None))


class TestSurveys:
    def test_each_has_its_own_answer_by_one_reading(self, stage: Stage) -> None:
        good, ended = stage.granted().evidence, stage.granted().evidence
        revoke(stage.alice, ended)
        refusal, asked = refuse(stage.alice, stage.request()).evidence, parse_evidence(stage.request())
        reads = []
        whole = stage.ledger.facts
        stage.ledger.facts = lambda *args, **how: reads.append(1) or whole(*args, **how)  # type: ignore[method-assign]
        found = verify_many(stage.network, [good, ended, refusal, asked])
        assert [type(one) for one in found] == [VerifiedGrant, Revoked, VerifiedStatement, VerifiedStatement]
        assert reads == [1]

    def test_of_nothing(self, stage: Stage) -> None:
        assert verify_many(stage.network, []) == []

    def test_evidence_of_another_registry_could_not_be_checked(self, stage: Stage) -> None:
        """(item 10) This chain can say nothing about it, neither yes nor no."""
        good = stage.granted().evidence
        stage.ledger.deployment = Deployment(31_337, SUBJECT, SUBJECT, 1)
        (found,) = verify_many(stage.network, [good])
        assert isinstance(found, LedgerUnavailable) and SUBJECT in str(found)


def altered(evidence: Evidence, **changes: Any) -> Evidence:
    message = msgspec.structs.replace(evidence.statement.message, **changes)
    statement = msgspec.structs.replace(evidence.statement, message=message)
    return parse_evidence(write_evidence(msgspec.structs.replace(evidence, statement=statement)))


class TestAlteredFiles:
    """A brand may hand back a grant with another subject, lock or salt.

    Revoking it once marked another handle and reported success, while the grant lived on.
    """

    @pytest.mark.parametrize("end", [revoke, revoke_openly])
    def test_nothing_that_she_did_not_sign_is_ended(
        self, stage: Stage, end: Callable[[Person, Evidence], object]
    ) -> None:
        real, other = stage.granted().evidence, stage.granted().evidence
        lock = {name: getattr(other.statement.message, name) for name in ("salt", "revocation")}
        sent = len(stage.ledger.calls)
        for changes in ({"subject": stage.brand.address}, lock, {"expires_at": 1_900_000_000}):
            with pytest.raises(InvalidInput):
                end(stage.alice, altered(real, **changes))
        assert len(stage.ledger.calls) == sent
        assert [stage.holds(each) for each in (real, other)] == ["VerifiedGrant"] * 2
        end(stage.alice, real)
        assert [stage.holds(each) for each in (real, other)] == ["Revoked", "VerifiedGrant"]

    def test_a_copy_that_somebody_else_signed_is_not_ended(self, stage: Stage) -> None:
        real = stage.granted().evidence
        theirs = altered(real, subject=stage.brand.address)
        theirs = msgspec.structs.replace(theirs, signature=to_hex(sign(stage.brand, theirs.statement.message)))
        with pytest.raises(InvalidInput, match="is of"):
            revoke(stage.alice, theirs)
        assert stage.holds(real) == "VerifiedGrant"

    def test_an_altered_file_supersedes_nothing(self, stage: Stage) -> None:
        real = stage.granted().evidence
        with pytest.raises(InvalidInput, match="altered"):
            grant(stage.alice, stage.request(), supersedes=altered(real, expires_at=1_900_000_000))


def test_a_locked_wallet_is_asked_once_by_the_kill_switch(stage: Stage) -> None:
    """On a chain without recent blocks, the wallet's own error was once taken for the contract's refusal of a time."""
    stage.pass_time(3_600)
    asked = []

    class Locked:
        address = stage.alice.address

        def sign_typed_data(self, typed_data: dict[str, Any]) -> bytes:
            asked.append(typed_data)
            raise InvalidInput("the wallet is locked", "Open it.")

    with pytest.raises(InvalidInput, match="locked"):
        revoke_all(replace(stage.alice, wallet=Locked()))
    assert len(asked) == 1


class TestSeveralAccounts:
    def test_an_interruption_tells_which_ended_and_which_failed(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        failing, ending, last = (stage.person(name) for name in ("bob", "carol", "dora"))

        def one(party: Party) -> object:
            if party is failing:
                raise InvalidInput("no money", "Pay.")
            if party is last:
                raise KeyboardInterrupt
            return revoke_all(party)

        monkeypatch.setattr(endings, "revoke_all", one)
        with pytest.raises(KeyboardInterrupt) as caught:
            revoke_all_of([failing, ending, last])
        notes = caught.value.__notes__
        assert f"Not ended: {failing.address}: no money" in notes and f"Ended: {ending.address}" in notes
        assert any(f"Not known to have ended: {last.address}" in note for note in notes)
