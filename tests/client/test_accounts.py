"""An account for each brand: given at the first signature, found again by what it signed, replaced once retired."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from registry.client.accounts import account_for, author_of, chosen_accounts, known_accounts
from registry.client.grant import grant, refuse
from registry.client.party import Person
from registry.client.revoke import retire, revoke
from registry.core.errors import InvalidInput, LedgerUnavailable, Rejected, StorageUnavailable
from registry.core.evidence.file import Evidence
from registry.core.statements.messages import Grant
from registry.vault.vault import Vault
from registry.wallets import derived
from registry.wallets.base import Wallet
from tests.support.builders import NOW
from tests.support.stage import Stage

SEED = bytes(range(32))


@pytest.fixture
def vault(tmp_path: Path, stage: Stage) -> Vault:
    return Vault(tmp_path / "vault", SEED, stage.store)


def person(stage: Stage, vault: Vault, controller: str | None = None) -> Person:
    wallet = account_for(stage.network, SEED, vault, controller or stage.brand.address)
    return stage.person_with(wallet, vault)


def another_brand(stage: Stage, name: str = "bazaar") -> bytes:
    """A request of some other brand, which is the stage's from now on."""
    stage.brand = stage.another_brand(name)
    return stage.request()


def granted(stage: Stage, vault: Vault) -> Evidence:
    """A grant to the stage's brand by the account for it."""
    return grant(person(stage, vault), stage.request()).evidence


def subject(evidence: Evidence) -> str:
    message = evidence.statement.message
    assert isinstance(message, Grant)
    return message.subject


def test_two_brands_cannot_compare_addresses(stage: Stage, vault: Vault) -> None:
    first, second = granted(stage, vault), granted(stage, vault)
    another_brand(stage)
    other = granted(stage, vault)
    assert subject(first) == subject(second) != subject(other)
    assert {stage.holds(evidence) for evidence in (first, second, other)} == {"VerifiedGrant"}
    assert [known.number for known in known_accounts(SEED, vault)] == [0, 1]
    assert [known.address for known in known_accounts(SEED, vault)] == [subject(first), subject(other)]


def test_a_refusal_gives_an_account_too(stage: Stage, vault: Vault) -> None:
    done = refuse(person(stage, vault), stage.request()).evidence
    assert [known.address for known in known_accounts(SEED, vault)] == [done.author]


def test_who_says_no_gives_nothing_away(stage: Stage, vault: Vault) -> None:
    with pytest.raises(Rejected):
        grant(person(stage, vault), stage.request(), confirm=lambda _: False)
    assert known_accounts(SEED, vault) == [] and vault.roots() == []


def test_what_fails_after_signing_keeps_the_account_for_the_same_brand(stage: Stage, vault: Vault) -> None:
    stage.ledger.refuses_writing = LedgerUnavailable("gone")
    with pytest.raises(LedgerUnavailable):
        grant(person(stage, vault), stage.request())
    stage.ledger.refuses_writing = None
    (known,) = known_accounts(SEED, vault)
    assert subject(granted(stage, vault)) == known.address
    assert known_accounts(SEED, vault) == [known]


def test_of_two_at_once_one_signs_and_the_other_is_told(stage: Stage, vault: Vault) -> None:
    first, asked = person(stage, vault), stage.request()
    other_request = another_brand(stage)
    second = person(stage, vault)
    assert first.address == second.address  # both would take number 0
    grant(second, other_request)
    with pytest.raises(StorageUnavailable, match="another controller"):
        grant(first, asked)
    assert len([call for call in stage.ledger.calls if call[0] == "anchor"]) == 1


def test_the_account_for_one_brand_answers_no_other(stage: Stage, vault: Vault) -> None:
    party = person(stage, vault)
    granted(stage, vault)
    for mine in (party, person(stage, vault)):
        with pytest.raises(InvalidInput, match="alone"):
            grant(mine, another_brand(stage))
        stage.brand = stage.another_brand("brand")
    assert len(known_accounts(SEED, vault)) == 1


def test_a_vault_that_cannot_note_it_signs_nothing(stage: Stage, vault: Vault) -> None:
    party, asked = person(stage, vault), stage.request()
    stage.store.down = True
    with pytest.raises(StorageUnavailable):
        grant(party, asked)
    assert stage.ledger.calls == []


def test_both_are_wallets_and_show_no_key(stage: Stage, vault: Vault) -> None:
    fresh = person(stage, vault).wallet
    grant(person(stage, vault), stage.request())
    for wallet in (fresh, person(stage, vault).wallet):
        assert isinstance(wallet, Wallet)
        assert SEED.hex() not in repr(wallet) and "_key" not in repr(wallet)


def test_a_retired_account_is_followed_by_a_new_one(stage: Stage, vault: Vault) -> None:
    old = person(stage, vault)
    grant(old, stage.request())
    retire(replace(old, wallet=derived.account(SEED, 0)))
    stage.pass_time(100)
    new = person(stage, vault)
    assert new.address == derived.account(SEED, 1).address
    evidence = grant(new, stage.request()).evidence
    assert stage.holds(evidence) == "VerifiedGrant"
    assert [known.controller for known in known_accounts(SEED, vault)] == [stage.brand.address] * 2
    assert person(stage, vault).address == new.address


class TestAfterALoss:
    def test_what_a_brand_sends_back_is_enough(self, stage: Stage, vault: Vault, tmp_path: Path) -> None:
        granted(stage, vault)
        another_brand(stage)
        done = granted(stage, vault)
        bare = Vault(tmp_path / "bare", SEED, stage.store)
        wallet = author_of(SEED, bare, done, NOW)
        assert wallet is not None and wallet.address == subject(done) == derived.account(SEED, 1).address
        revoke(stage.person_with(wallet, bare), done)
        assert stage.holds(done) == "Revoked"
        # And it is known again: the same brand gets the same account.
        assert [known.number for known in known_accounts(SEED, bare)] == [1]
        assert person(stage, bare).address == wallet.address

    def test_a_stranger_finds_nothing(self, stage: Stage, vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(derived, "TRIED", 3)
        done = granted(stage, vault)
        theirs = Vault(stage.folder / "theirs", bytes(32), stage.store)
        assert author_of(bytes(32), theirs, done, 0) is None and theirs.roots() == []

    def test_a_file_that_nobody_signed_binds_no_account(self, stage: Stage, vault: Vault, tmp_path: Path) -> None:
        # One brand passes another's copy of the address on: its own grant would then be signed by that account.
        done = granted(stage, vault)
        forger = stage.person("forger").address
        message = msgspec.structs.replace(done.statement.message, controller=forger)
        forged = msgspec.structs.replace(done, statement=msgspec.structs.replace(done.statement, message=message))
        bare = Vault(tmp_path / "bare", SEED, stage.store)
        assert author_of(SEED, bare, forged, NOW) is not None  # `check_subject` refuses it where it matters
        assert bare.roots() == []

    def test_ending_needs_no_store(self, stage: Stage, vault: Vault) -> None:
        done = granted(stage, vault)
        stage.store.down = True
        wallet = author_of(SEED, vault, done, NOW)
        assert wallet is not None
        revoke(stage.person_with(wallet, vault), done)
        assert stage.holds(done) == "Revoked"


class TestChoosing:
    def test_by_its_own_address_or_its_brands(self, stage: Stage, vault: Vault) -> None:
        granted(stage, vault)
        another_brand(stage)
        granted(stage, vault)
        known = known_accounts(SEED, vault)
        assert chosen_accounts(known, None) == known
        for name in (known[1].address, known[1].controller, known[1].address.lower()):
            assert chosen_accounts(known, name) == [known[1]]
        with pytest.raises(InvalidInput, match="neither"):
            chosen_accounts(known, stage.person("nobody").address)
