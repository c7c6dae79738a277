"""Bundles exist from before a grant is signed until its evidence is kept: a process may die at any point between."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from registry.client.grant import Proposal, grant, propose, sign_and_anchor
from registry.client.handing_over import sweep
from registry.client.pending import finish_all, give_up, notaries_of
from registry.core.errors import InvalidInput, NotARecipient, NotYetAnchored, StorageUnavailable
from registry.core.evidence.file import Evidence
from registry.core.evidence.pending import PendingFile
from registry.core.ipld.cid import cid_from_digest
from registry.core.scalars import unhex
from registry.core.sealed.capsule import Capsule, open_capsule
from registry.core.statements.messages import Grant
from registry.vault.database import Database
from registry.vault.granting import Note
from tests.support.builders import word
from tests.support.served_stage import ServedStage
from tests.support.stage import PURCHASES, Stage

CONTINUING = [{"category": PURCHASES, "members": ["name"], "continuing": True}]


def message_of(evidence: Evidence) -> Any:
    return evidence.statement.message


def capsule_of(stage: Stage, evidence: Evidence) -> Capsule:
    message = message_of(evidence)
    sealed = stage.store.get(cid_from_digest(unhex(message.content)))
    return open_capsule(sealed, stage.brand.identity, message)


def notes(stage: Stage) -> list[str]:
    folder = stage.folder / "alice" / "granting"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_the_capsule_names_the_bundle_the_relationship_and_a_mailbox(stage: Stage) -> None:
    stage.bought("coat")
    done = grant(stage.alice, stage.request()).evidence
    capsule = capsule_of(stage, done)
    (bundle,) = stage.alice.vault.shares.of(message_of(done).revocation)
    (key,) = capsule.streams
    assert (key.stream, key.head, key.view) == (bundle.name, bundle.head, bundle.view)
    assert (capsule.subject, capsule.controller) == (stage.alice.address, stage.brand.address)
    assert capsule.mailbox == stage.alice.vault.mailbox(stage.alice.address, stage.brand.address)
    assert notes(stage) == []
    with pytest.raises(NotARecipient):
        open_capsule(
            stage.store.get(cid_from_digest(unhex(message_of(done).content))),
            stage.another_brand("other").identity,
            message_of(done),
        )


def test_nothing_is_made_before_the_yes(stage: Stage) -> None:
    stage.bought("coat")
    asked = stage.request()
    seen = list[int]()

    def confirm(_: Proposal) -> bool:
        seen.append(len(stage.alice.vault.shares.all()))
        return True

    grant(stage.alice, asked, confirm=confirm)
    assert seen == [0]


def test_what_was_added_since_the_person_read_is_not_handed_over(stage: Stage) -> None:
    """The person said yes to so many records; an import by another process may have added some since."""
    stage.bought("coat")
    proposal = propose(stage.alice, stage.request())
    stage.bought("secret")
    with pytest.raises(InvalidInput, match="has changed since") as caught:
        sign_and_anchor(stage.alice, proposal)
    assert caught.value.advice and stage.alice.vault.shares.all() == () and notes(stage) == []
    assert stage.ledger.calls == []


def left_by_a_killed_signer(stage: Stage) -> None:
    """The folder as a process leaves it that died after the bundles were made, before the signature."""
    shares = stage.alice.vault.shares
    proposal = propose(stage.alice, stage.request())
    views = [each.view for each in proposal.previews]
    with shares.granting.held(word(7)):
        shares.begin(stage.alice.address, stage.brand.address, views, word(7))


def test_what_a_killed_process_left_goes_with_the_next_grant(stage: Stage) -> None:
    stage.bought("coat")
    left_by_a_killed_signer(stage)
    (left,) = stage.alice.vault.shares.all()
    done = grant(stage.alice, stage.request()).evidence
    (made,) = stage.alice.vault.shares.all()
    assert made.locks == (message_of(done).revocation,) and not stage.store.has(left.head) and notes(stage) == []


def test_a_grant_that_is_being_made_elsewhere_is_left_alone(stage: Stage) -> None:
    """A person may read for minutes in a wallet, while another process grants or syncs."""
    stage.bought("coat")
    inner = list[Evidence]()
    raw, other = stage.request(), stage.another_brand("other brand")

    class Slow(type(stage.alice.wallet)):  # type: ignore[misc]
        def sign_typed_data(self, typed_data: dict[str, Any]) -> bytes:
            if not inner:
                theirs = Database(stage.folder / "alice", Stage.seed("alice"), stage.store, stage.clock)
                mine, stage.brand = stage.brand, other
                inner.append(grant(replace(stage.alice, vault=theirs), stage.request()).evidence)
                stage.brand = mine
            return super().sign_typed_data(typed_data)  # type: ignore[no-any-return]

    slow = Slow(b"alice".rjust(32, b"\x01"))
    done = grant(replace(stage.alice, wallet=slow), raw).evidence
    assert len(stage.alice.vault.shares.all()) == 2 and notes(stage) == []
    assert [stage.holds(one) for one in (done, *inner)] == ["VerifiedGrant"] * 2
    assert capsule_of(stage, done).streams


def test_a_note_of_a_kept_grant_is_forgotten_and_its_bundles_stay(stage: Stage) -> None:
    """The process died after it kept the evidence, before it dropped the note."""
    stage.bought("coat")
    done = grant(stage.alice, stage.request()).evidence
    message, granting = message_of(done), stage.alice.vault.shares.granting
    with granting.held(message.revocation):
        granting.note(Note(message.revocation, f"0x{done.digest.hex()}", message.content))
    sweep(stage.alice)
    assert stage.alice.vault.shares.of(message.revocation) and notes(stage) == []
    assert capsule_of(stage, done)


def test_sweeping_in_a_store_that_is_away_is_told_and_done_later(stage: Stage) -> None:
    stage.bought("coat")
    left_by_a_killed_signer(stage)
    told = list[str]()
    stage.store.down = True
    sweep(replace(stage.alice, tell=told.append))
    assert "does not answer" in told[0]
    stage.store.down = False
    sweep(stage.alice)
    assert stage.alice.vault.shares.all() == () and notes(stage) == []


class TestWithNotaries:
    """What is signed and waits for its anchor keeps its bundles; what is given up loses them."""

    @pytest.fixture
    def waiting(self, served: ServedStage) -> PendingFile:
        served.waits, served.first.works = False, False
        served.stage.bought("coat")
        with pytest.raises(NotYetAnchored):
            grant(served.alice, served.stage.request())
        (pending,) = served.folder.all()
        return pending

    def test_they_stay_while_it_waits_and_once_it_is_anchored(self, served: ServedStage, waiting: PendingFile) -> None:
        shares = served.alice.vault.shares
        sweep(served.alice)
        assert len(shares.all()) == 1 and len(notes(served.stage)) == 2
        served.first.work()
        # `consent status` completes it without the seed.
        (outcome,) = finish_all(served.stage.network, served.alice.evidence, notaries_of(served.alice))
        assert outcome.done is not None and capsule_of(served.stage, outcome.done.evidence).streams
        sweep(served.alice)
        assert len(shares.all()) == 1 and notes(served.stage) == []

    def test_they_go_when_it_is_given_up(self, served: ServedStage, waiting: PendingFile) -> None:
        (bundle,) = served.alice.vault.shares.all()
        served.first.works = True
        assert give_up(served.alice, waiting) is not None
        assert served.alice.vault.shares.all() == () and not served.stage.store.has(bundle.head)
        assert notes(served.stage) == []

    def test_what_was_given_up_without_the_seed_is_swept(self, served: ServedStage, waiting: PendingFile) -> None:
        notaries_of(served.alice).folder.drop(waiting.evidence.digest)
        sweep(served.alice)
        assert served.alice.vault.shares.all() == () and notes(served.stage) == []
        message = waiting.evidence.statement.message
        assert isinstance(message, Grant) and not served.stage.store.has(cid_from_digest(unhex(message.content)))

    def test_a_store_that_dies_before_it_is_sent_leaves_nothing_pending(self, served: ServedStage) -> None:
        """A retry said "you granted this already"."""
        served.stage.bought("coat")
        raw = served.stage.request()
        served.stage.store.down = True
        for _ in range(2):
            with pytest.raises(StorageUnavailable, match="does not answer"):
                grant(served.alice, raw)
        assert served.folder.all() == []
        served.stage.store.down = False
        assert served.stage.holds(grant(served.alice, raw).evidence) == "VerifiedGrant"
