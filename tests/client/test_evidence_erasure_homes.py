"""Two homes of one seed: no merge brings back what one of them erased, and the other one erases it too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from registry.client.revoke import revoke
from registry.core.evidence.file import Evidence
from registry.core.scalars import to_hex
from tests.support.erasing_home import ErasingHome, capsule_of
from tests.support.stage import Stage


@pytest.fixture
def alice(stage: Stage, tmp_path: Path) -> ErasingHome:
    made = ErasingHome(stage, tmp_path / "alice")
    made.bought("coat", "hat")
    return made


@pytest.fixture
def phone(alice: ErasingHome, tmp_path: Path) -> ErasingHome:
    made = ErasingHome(alice.stage, tmp_path / "phone", alice)
    made.person.vault.merge()
    return made


def name(one: Evidence) -> str:
    return to_hex(one.digest)


def locks(home: ErasingHome) -> set[str]:
    return {lock for bundle in home.person.vault.shares.all() for lock in bundle.locks}


def lock_of(one: Evidence) -> str:
    message: Any = one.statement.message
    return str(message.revocation)


def test_a_merge_brings_nothing_back(alice: ErasingHome, phone: ErasingHome) -> None:
    one = alice.ended()
    phone.person.vault.merge()
    assert lock_of(one) in locks(phone)
    blocks = alice.bundle_blocks(one)
    made = alice.erasure.shred([name(one)]).certificate
    # The phone's book still names the bundle, so its blocks wait, and the certificate says so.
    assert not made.is_complete and made.places[0].there > 0 and not alice.stage.store.has(capsule_of(one))
    for home in (alice, phone, alice, phone, alice):
        home.person.vault.merge()
        assert lock_of(one) not in locks(alice)
    assert locks(phone) == set() and alice.left_of(one) == []
    alice.bought("scarf")
    assert not any(map(alice.stage.store.has, blocks))


def test_a_home_that_knew_nothing_gets_nothing(alice: ErasingHome, tmp_path: Path) -> None:
    one = alice.ended()
    alice.erasure.shred([name(one)])
    late = ErasingHome(alice.stage, tmp_path / "late", alice)
    late.person.vault.merge()
    assert locks(late) == set() and late.person.vault.marks.is_shredded()(name(one))


def test_the_other_home_erases_its_own_copy(alice: ErasingHome, phone: ErasingHome) -> None:
    one = alice.ended()
    phone.home.evidence.keep(one)
    phone.leave_everything(one)
    alice.erasure.shred([name(one)])
    assert phone.erasure.go_on() is None, "it has not read the other home's book yet"
    phone.person.vault.merge()
    done = phone.erasure.go_on()
    assert done is not None and done.certificate.grants == 1 and not done.found
    assert not [line for line in phone.left_of(one) if not line.startswith("store")]
    assert phone.erasure.go_on() is None and not phone.home.evidence.digests()


def test_a_bundle_that_the_other_home_continued_stays(alice: ErasingHome, phone: ErasingHome) -> None:
    asked = alice.request()
    old = alice.granted(asked)
    phone.person.vault.merge()
    phone.home.evidence.keep(old)
    live = phone.granted(asked, supersedes=old)
    alice.stage.store.names_down = True  # the phone's book is not seen
    alice.erasure.shred([name(old)])
    alice.stage.store.names_down = False
    for home in (phone, alice, phone):
        home.person.vault.merge()
        assert lock_of(live) in locks(home) and lock_of(old) not in locks(home)
    assert phone.person.vault.shares.bring_up_to_date(lock_of(live))
    assert all(map(alice.stage.store.has, phone.bundle_blocks(live)))


def test_a_hold_of_the_other_home_counts(alice: ErasingHome, phone: ErasingHome) -> None:
    one = alice.ended()
    phone.home.evidence.keep(one)
    phone.erasure.withdraw([name(one)], "2099-01-01", "a dispute")
    alice.person.vault.merge()
    assert alice.erasure.plan([name(one)]).on_hold[name(one)].reason == "a dispute"
    assert alice.erasure.go_on() is None and alice.home.evidence.restricted() == {name(one)}
    phone.erasure.release([name(one)])
    alice.person.vault.merge()
    alice.erasure.go_on()
    assert alice.home.evidence.digests() == {name(one)}
    alice.erasure.shred([name(one)])
    phone.person.vault.merge()
    assert not phone.person.vault.marks.restrictions() and phone.erasure.go_on() is not None


def test_a_restored_home_erases_again(alice: ErasingHome) -> None:
    """A backup of before has the evidence. It goes once the home reads the book of the newest state."""
    one, live = alice.ended(), alice.granted()
    before = alice.home.find(name(one))
    alice.erasure.shred([name(one)])
    (alice.home.path / "evidence" / f"{name(one)}.json").write_bytes(before)
    done = alice.erasure.go_on()
    assert done is not None and alice.left_of(one) == [] and alice.home.evidence.digests() == {name(live)}
    revoke(alice.person, live)
