"""What grants handed over is brought up to date while the chain says that they are live, and never otherwise."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from registry.client.accept import open_data
from registry.client.grant import grant
from registry.client.revoke import revoke
from registry.client.vault_sync import Synced, could_not_check, sync
from registry.core.errors import InvalidInput, LedgerUnavailable
from registry.core.evidence.file import Evidence, write_evidence
from registry.core.scalars import to_hex
from registry.core.sealed.capsule import open_update
from registry.core.sealed.documents import public_key_of
from registry.wallets.base import AbsentWallet
from tests.support.stage import PURCHASES, Stage

CONTINUING = [{"category": PURCHASES, "members": ["name"], "continuing": True}]


def granted(stage: Stage, **chosen: Any) -> Evidence:
    return grant(stage.alice, stage.asked(CONTINUING), **chosen).evidence


def synced(stage: Stage, *digests: str) -> list[Synced]:
    # It signs nothing: any account will do.
    return list(sync(replace(stage.alice, wallet=AbsentWallet(f"0x{'0' * 40}")), digests))


def names(folder: Path) -> list[str]:
    lines = (folder / "Purchase-1.jsonl").read_text().splitlines()
    return sorted(json.loads(line)["body"]["name"] for line in lines)


def test_a_live_grant_gets_what_is_new_changed_and_gone(stage: Stage, tmp_path: Path) -> None:
    coat, hat = stage.bought("coat", "hat")
    done = granted(stage)
    open_data(stage.brand, write_evidence(done), tmp_path / "out")
    stage.bought("scarf")
    stage.alice.vault.edit(coat, body={"name": "blue coat", "orderDate": "2026-01-15"})
    stage.alice.vault.remove([hat])
    (one,) = synced(stage)
    assert (one.digest, one.state, one.changed, one.number) == (to_hex(done.digest), "live", True, 2)
    open_data(stage.brand, write_evidence(done), tmp_path / "out", update=one.update)
    assert names(tmp_path / "out") == ["blue coat", "scarf"]
    (again,) = synced(stage)
    assert (again.changed, again.number, again.why) == (False, 2, None)


def test_the_update_is_signed_for_the_relationship_and_sealed_to_the_brand(stage: Stage) -> None:
    stage.bought("coat")
    done = granted(stage)
    (one,) = synced(stage)
    grant = done.statement.message
    key = stage.alice.vault.shares.key_for(stage.alice.address, stage.brand.address)
    update = open_update(one.update, stage.brand.identity, one.digest, public_key_of(key))
    (bundle,) = stage.alice.vault.shares.of(grant.revocation)  # type: ignore[union-attr]
    assert [(key.stream, key.head) for key in update.streams] == [(bundle.name, bundle.head)]
    assert update.number == bundle.number == 1


def test_a_view_that_is_not_continuing_gets_nothing(stage: Stage) -> None:
    stage.bought("coat")
    granted(stage, once=True)
    stage.bought("hat")
    (one,) = synced(stage)
    assert (one.state, one.changed, one.number) == ("live", False, 1)


def test_what_was_ended_without_the_vault_is_marked(stage: Stage) -> None:
    stage.bought("coat")
    done = granted(stage)
    stage.store.down = True
    revoke(stage.alice, done)
    stage.store.down = False
    stage.bought("hat")
    blocks = set(stage.store.kept)
    (one,) = synced(stage)
    assert (one.state, type(one.why).__name__, one.update) == ("ended", "Revoked", b"")
    (bundle,) = stage.alice.vault.shares.all()
    assert bundle.ended and bundle.number == 1
    # A new index and book, each in place of the old one.
    assert len(set(stage.store.kept) - blocks) == 2 and synced(stage) == []


def test_one_that_has_expired_is_marked_once_the_chain_says_so(stage: Stage) -> None:
    stage.bought("coat")
    granted(stage, days=1)
    stage.clock.now += 86_400 + 1
    (one,) = synced(stage)
    assert one.state == "ended" and not stage.alice.vault.shares.all()[0].ended, "our clock may be wrong"
    stage.chain_clock.now += 86_400 + 1
    stage.ledger.mine()
    assert synced(stage)[0].state == "ended" and stage.alice.vault.shares.all()[0].ended


def test_could_not_check_writes_nothing(stage: Stage) -> None:
    stage.bought("coat")
    granted(stage)
    stage.bought("hat")
    blocks = dict(stage.store.kept)
    stage.ledger.down = True
    (one,) = synced(stage)
    assert could_not_check(one) and isinstance(one.why, LedgerUnavailable) and one.update == b""
    assert stage.store.kept == blocks
    stage.ledger.down = False
    assert synced(stage)[0].changed


def test_an_anchor_that_is_gone_for_now_is_no_end(stage: Stage) -> None:
    stage.bought("coat")
    granted(stage)
    stage.bought("hat")
    stage.ledger.reorg(1)
    (one,) = synced(stage)
    assert one.state == "unchecked" and one.update == b"" and not could_not_check(one)
    assert not stage.alice.vault.shares.all()[0].ended and stage.alice.vault.shares.all()[0].number == 1


def test_a_store_that_fails_at_one_grant_is_told_there(stage: Stage) -> None:
    stage.bought("coat")
    granted(stage)
    stage.bought("hat")
    stage.store.capacity = stage.store.stat().bytes
    (one,) = synced(stage)
    assert could_not_check(one) and "full" in str(one.why)


def test_only_the_named_grants(stage: Stage) -> None:
    stage.bought("coat")
    first, second = granted(stage), granted(stage)
    assert [one.digest for one in synced(stage, to_hex(second.digest))] == [to_hex(second.digest)]
    assert {one.digest for one in synced(stage)} == {to_hex(first.digest), to_hex(second.digest)}
    bare = grant(stage.alice, stage.request(), data=["pd:EmailAddress"]).evidence
    with pytest.raises(InvalidInput, match="handed over nothing"):
        synced(stage, to_hex(bare.digest))


def test_two_brands_updates_have_nothing_in_common(stage: Stage) -> None:
    stage.bought("coat")
    granted(stage)
    one, stage.brand = stage.brand, stage.another_brand("other brand")
    granted(stage)
    stage.bought("hat")
    first, second = synced(stage)
    assert first.number == second.number == 2 and first.digest != second.digest
    heads = {bundle.head for bundle in stage.alice.vault.shares.all()}
    assert len(heads) == 2 and one.address != stage.brand.address


def test_what_another_device_handed_over_is_continued_too(stage: Stage) -> None:
    stage.bought("coat")
    done = granted(stage)
    phone = stage.device("phone")
    phone.evidence.keep(done)
    stage.bought("hat")
    (one,) = sync(phone)
    assert (one.digest, one.changed, one.number) == (to_hex(done.digest), True, 2)


def test_what_of_another_device_cannot_be_read_is_told(stage: Stage) -> None:
    stage.bought("coat")
    done, told = granted(stage), list[str]()
    phone = replace(stage.device("phone"), tell=told.append)
    phone.evidence.keep(done)
    stage.store.names_down = True
    assert list(sync(phone)) == [] and "other devices" in told[0] and "later sync" in told[0]


def test_a_home_without_anything_is_not_made(stage: Stage) -> None:
    phone = stage.device("phone")
    assert list(sync(phone)) == [] and not (stage.folder / "phone").exists()
