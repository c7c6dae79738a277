"""An account for each brand: derived from the seed, found again by what it signed, replaced once retired."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from registry.client.accounts import (
    MAX_GAP,
    SeedAccount,
    account_for,
    author_of,
    chosen_accounts,
    kept_accounts,
    known_accounts,
)
from registry.client.evidence_store import EvidenceFolder
from registry.client.grant import grant, refuse
from registry.client.party import Person
from registry.client.revoke import retire, revoke
from registry.core.errors import InvalidInput, LedgerUnavailable, Rejected, StorageUnavailable
from registry.core.evidence.file import Evidence
from registry.core.statements.messages import Grant
from registry.vault.database import Database
from registry.wallets import derived
from registry.wallets.base import Wallet
from registry.wallets.keywallet import KeyWallet
from tests.support.stage import Stage

SEED = bytes(range(32))


@pytest.fixture
def vault(tmp_path: Path, stage: Stage) -> Database:
    return Database(tmp_path / "vault", SEED, stage.store)


def person(stage: Stage, vault: Database, controller: str | None = None) -> Person:
    wallet = account_for(stage.network, SEED, vault, controller or stage.brand.address)
    return stage.person_with(wallet, vault)


def another_brand(stage: Stage, name: str = "bazaar") -> bytes:
    """A request of some other brand, which is the stage's from now on."""
    stage.brand = stage.another_brand(name)
    return stage.request()


def granted(stage: Stage, vault: Database) -> Evidence:
    """A grant to the stage's brand by the account for it."""
    return grant(person(stage, vault), stage.request()).evidence


def subject(evidence: Evidence) -> str:
    message = evidence.statement.message
    assert isinstance(message, Grant)
    return message.subject


def noted(vault: Database) -> list[SeedAccount]:
    """What the vault alone knows, without kept evidence."""
    return known_accounts(SEED, vault, EvidenceFolder(Path("/nowhere")))


def test_two_brands_cannot_compare_addresses(stage: Stage, vault: Database) -> None:
    first, second = granted(stage, vault), granted(stage, vault)
    one = stage.brand.address
    another_brand(stage)
    other = granted(stage, vault)
    assert subject(first) == subject(second) != subject(other)
    assert {stage.holds(evidence) for evidence in (first, second, other)} == {"VerifiedGrant"}
    assert noted(vault) == sorted([(one, 0, subject(first)), (stage.brand.address, 0, subject(other))])


def test_every_device_finds_the_same_account(stage: Stage, vault: Database, tmp_path: Path) -> None:
    elsewhere = Database(tmp_path / "elsewhere", SEED, stage.store)
    another_brand(stage)
    granted(stage, elsewhere)
    stage.brand = stage.another_brand("brand")
    assert subject(granted(stage, vault)) == subject(granted(stage, elsewhere))


def test_a_refusal_is_of_an_account_too(stage: Stage, vault: Database) -> None:
    done = refuse(person(stage, vault), stage.request()).evidence
    assert noted(vault) == [(stage.brand.address, 0, done.author)]


def test_who_says_no_leaves_no_trace(stage: Stage, vault: Database) -> None:
    with pytest.raises(Rejected):
        grant(person(stage, vault), stage.request(), confirm=lambda _: False)
    assert noted(vault) == [] and vault.index == ""


def test_what_fails_after_signing_is_noted(stage: Stage, vault: Database) -> None:
    stage.ledger.refuses_writing = LedgerUnavailable("gone")
    with pytest.raises(LedgerUnavailable):
        grant(person(stage, vault), stage.request())
    stage.ledger.refuses_writing = None
    ((_, _, address),) = noted(vault)
    assert subject(granted(stage, vault)) == address and len(noted(vault)) == 1


def test_the_account_for_one_brand_answers_no_other(stage: Stage, vault: Database) -> None:
    party = person(stage, vault)
    granted(stage, vault)
    for mine in (party, person(stage, vault)):
        with pytest.raises(InvalidInput, match="alone"):
            grant(mine, another_brand(stage))
        stage.brand = stage.another_brand("brand")
    assert len(noted(vault)) == 1


def test_a_vault_that_cannot_note_it_signs_nothing(stage: Stage, vault: Database) -> None:
    party, asked = person(stage, vault), stage.request()
    stage.store.down = True
    with pytest.raises(StorageUnavailable):
        grant(party, asked)
    assert [call for call in stage.ledger.calls if call[0] == "anchor"] == []


def test_it_is_a_wallet_and_shows_no_key(stage: Stage, vault: Database) -> None:
    wallet = person(stage, vault).wallet
    assert isinstance(wallet, Wallet)
    assert SEED.hex() not in repr(wallet) and "_key" not in repr(wallet)


def retired(stage: Stage, vault: Database, generation: int) -> None:
    wallet = derived.account_for(SEED, stage.brand.address, generation)
    retire(replace(person(stage, vault), wallet=wallet))
    stage.pass_time(100)


def test_a_retired_account_is_followed_by_the_next(stage: Stage, vault: Database) -> None:
    granted(stage, vault)
    retired(stage, vault, 0)
    new = person(stage, vault)
    assert new.address == derived.account_for(SEED, stage.brand.address, 1).address
    evidence = grant(new, stage.request()).evidence
    assert stage.holds(evidence) == "VerifiedGrant"
    assert [known[:2] for known in noted(vault)] == [(stage.brand.address, 0), (stage.brand.address, 1)]
    assert person(stage, vault).address == new.address


def test_the_next_account_needs_no_memory(stage: Stage, vault: Database, tmp_path: Path) -> None:
    """The chain alone says which accounts were retired, also those that signed nothing here."""
    for generation in range(2):
        retired(stage, vault, generation)
    bare = Database(tmp_path / "bare", SEED, stage.store)
    assert person(stage, bare).address == derived.account_for(SEED, stage.brand.address, 2).address


def test_accounts_come_to_an_end(stage: Stage, vault: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(derived, "GENERATIONS", 2)
    for generation in range(2):
        retired(stage, vault, generation)
    with pytest.raises(InvalidInput, match="all 2 accounts") as caught:
        person(stage, vault)
    assert "--wallet" in caught.value.advice


class TestKeptEvidence:
    def test_it_is_enough_without_the_list(self, stage: Stage, vault: Database, tmp_path: Path) -> None:
        done = granted(stage, vault)
        kept, bare = stage.alice.evidence, Database(tmp_path / "bare", SEED, stage.store)
        (known,) = known_accounts(SEED, bare, kept)
        assert known == (stage.brand.address, 0, subject(done))
        assert known_accounts(SEED, vault, kept) == [known]

    def test_a_later_generation_is_found(self, stage: Stage, vault: Database) -> None:
        for generation in range(3):
            retired(stage, vault, generation)
        done = granted(stage, vault)
        assert kept_accounts(SEED, stage.alice.evidence) == [(stage.brand.address, 3, subject(done))]

    def test_other_wallets_statements_are_not_the_seeds(
        self, stage: Stage, vault: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stage.granted()
        made: list[bytes] = []

        def counted(key: bytes) -> KeyWallet:
            made.append(key)
            return KeyWallet(key)

        monkeypatch.setattr(derived, "KeyWallet", counted)
        assert known_accounts(SEED, vault, stage.alice.evidence) == []
        assert len(made) == MAX_GAP

    def test_a_damaged_file_hides_nothing_that_was_noted(self, stage: Stage, vault: Database) -> None:
        granted(stage, vault)
        folder = stage.folder / "alice" / "kept" / "evidence"
        shutil.rmtree(folder.parent / "cache")
        (folder / f"0x{'ab' * 32}.json").write_bytes(b"{")
        assert len(known_accounts(SEED, vault, stage.alice.evidence)) == 1


class TestAfterALoss:
    def nothing(self, tmp_path: Path) -> EvidenceFolder:
        return EvidenceFolder(tmp_path / "nothing kept")

    def test_what_a_brand_sends_back_is_enough(self, stage: Stage, vault: Database, tmp_path: Path) -> None:
        granted(stage, vault)
        another_brand(stage)
        retired(stage, vault, 0)
        done = granted(stage, vault)
        bare = Database(tmp_path / "bare", SEED, stage.store)
        wallet = author_of(SEED, bare, self.nothing(tmp_path), done)
        assert wallet is not None and wallet.address == subject(done)
        revoke(stage.person_with(wallet, bare), done)
        assert stage.holds(done) == "Revoked"
        # And it is known again.
        assert (stage.brand.address, 1, wallet.address) in noted(bare)

    def test_kept_evidence_is_not_noted_again(self, stage: Stage, vault: Database, tmp_path: Path) -> None:
        done = granted(stage, vault)
        bare = Database(tmp_path / "bare", SEED, stage.store)
        assert author_of(SEED, bare, stage.alice.evidence, done) is not None and bare.index == ""

    def test_a_stranger_finds_nothing(self, stage: Stage, vault: Database, tmp_path: Path) -> None:
        done = granted(stage, vault)
        theirs = Database(stage.folder / "theirs", bytes(32), stage.store)
        assert author_of(bytes(32), theirs, self.nothing(tmp_path), done) is None and theirs.index == ""

    def test_a_file_that_names_another_controller_leads_nowhere(
        self, stage: Stage, vault: Database, tmp_path: Path
    ) -> None:
        # One brand passes another's copy of the address on: its own grant would then be signed by that account.
        done = granted(stage, vault)
        forger = stage.person("forger").address
        message = msgspec.structs.replace(done.statement.message, controller=forger)
        forged = msgspec.structs.replace(done, statement=msgspec.structs.replace(done.statement, message=message))
        bare = Database(tmp_path / "bare", SEED, stage.store)
        assert author_of(SEED, bare, self.nothing(tmp_path), forged) is None and bare.index == ""

    @pytest.mark.parametrize("is_kept", [True, False])
    def test_ending_needs_no_store(self, stage: Stage, vault: Database, tmp_path: Path, is_kept: bool) -> None:
        done = granted(stage, vault)
        stage.store.down = True
        wallet = author_of(SEED, vault, stage.alice.evidence if is_kept else self.nothing(tmp_path), done)
        assert wallet is not None
        revoke(stage.person_with(wallet, vault), done)
        assert stage.holds(done) == "Revoked"


class TestChoosing:
    def test_by_its_own_address_or_its_brands(self, stage: Stage, vault: Database) -> None:
        granted(stage, vault)
        another_brand(stage)
        granted(stage, vault)
        known = known_accounts(SEED, vault, stage.alice.evidence)
        assert chosen_accounts(known, None) == known
        for name in (known[1].address, known[1].controller, known[1].address.lower()):
            assert chosen_accounts(known, name) == [known[1]]
        with pytest.raises(InvalidInput, match="neither"):
            chosen_accounts(known, stage.person("nobody").address)
