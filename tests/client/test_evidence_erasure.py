"""Evidence of grants that ended, and of refusals, is restricted or erased; what others need stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from registry.client.accept import accept
from registry.client.deliver import Courier
from registry.client.deliveries import Deliveries
from registry.client.grant import refuse
from registry.client.import_evidence import import_evidence, shredded_by
from registry.client.pending_store import LaterEnding, PendingFolder
from registry.client.revoke import opening_of, revoke
from registry.core import codec
from registry.core.endings import Opening
from registry.core.errors import InvalidInput, LedgerUnavailable, StorageUnavailable
from registry.core.evidence.certificate import parse_evidence_certificate
from registry.core.evidence.file import Evidence, write_evidence
from registry.core.scalars import to_hex
from registry.fs.files import file_lock
from tests.support.erasing_home import ErasingHome, capsule_of
from tests.support.stage import Stage


@pytest.fixture
def alice(stage: Stage, tmp_path: Path) -> ErasingHome:
    made = ErasingHome(stage, tmp_path / "alice")
    made.bought("coat", "hat")
    return made


def name(one: Evidence) -> str:
    return to_hex(one.digest)


def files(alice: ErasingHome) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in alice.home.path.rglob("*") if path.is_file() and path.name != "LOCK"}


def test_nothing_is_left_of_a_grant_that_ended(alice: ErasingHome) -> None:
    one = alice.ended(alice.request(terms="https://aurelle.example/only-here"))
    left = alice.leave_everything(one)
    texts = ("aurelle.example/only-here", "personalising its offers")
    assert all(path.exists() for path in left)
    assert {line.split()[0] for line in alice.left_of(one, *texts)} >= {f"evidence/{name(one)}.json", "store"}
    blocks = alice.bundle_blocks(one)
    assert len(blocks) >= 3 and all(map(alice.stage.store.has, blocks))
    done = alice.erasure.shred(alice.erasure.select([name(one)[:12]]))
    assert alice.left_of(one, *texts) == [] and done.found == ()
    assert not any(path.exists() for path in left) and not any(map(alice.stage.store.has, blocks))
    made = done.certificate
    assert made.is_complete and (made.grants, made.refusals, made.home.book) == (1, 0, 0)
    assert {one.folder: one.files for one in made.removed} == {
        "confirmed": 1, "deliveries": 1, "endings": 2, "evidence": 2, "mail": 1, "promises": 1, "tokens": 1,
        "uses": 3, "vault": 1,
    }  # fmt: skip
    assert made.places[0].absent >= len(blocks) and made.copy.looked_for == made.home.looked_for > 10
    assert alice.person.vault.shares.all() == () and len(list(alice.person.vault.select(""))) == 2


def test_a_certificate_names_nothing_that_is_gone(alice: ErasingHome) -> None:
    one = alice.ended()
    done = alice.erasure.shred([name(one)])
    raw = done.file.read_bytes()
    assert parse_evidence_certificate(raw) == done.certificate and raw == codec.encode(done.certificate)
    message: Any = one.statement.message
    book = alice.person.vault._folder.book()
    for text in (message.controller, message.subject, "Aurelle", "0x", str(alice.home.path), *book.shredded):
        assert text.lower() not in raw.decode().lower()


def test_a_planted_copy_is_found_and_not_named_in_the_certificate(alice: ErasingHome) -> None:
    one = alice.ended()
    by_text, by_name = alice.home.path / "notes" / "copy.txt", alice.home.path / f"{name(one)}.pdf"
    by_text.parent.mkdir()
    by_text.write_bytes(b"x" * (1 << 20) + write_evidence(one))
    by_name.write_bytes(b"a page")
    done = alice.erasure.shred([name(one)])
    assert set(done.found) == {by_text, by_name} and done.certificate.home.found == 2
    assert not done.certificate.is_complete and name(one)[2:] not in done.file.read_text()
    assert by_text.exists() and by_name.exists()


def test_a_trace_in_a_record_of_the_vault_is_found(alice: ErasingHome) -> None:
    one = alice.ended()
    alice.bought(f"my note of {name(one)}")
    made = alice.erasure.shred([name(one)]).certificate
    assert made.copy.found >= 1 and not made.is_complete


def test_a_live_grant_is_not_erased(alice: ErasingHome) -> None:
    one = alice.granted()
    before = files(alice)
    for act in (lambda: alice.erasure.shred([name(one)]), lambda: alice.erasure.withdraw([name(one)], "2099-01-01")):
        with pytest.raises(InvalidInput, match="does not show that"):
            act()
    assert files(alice) == before


def test_could_not_check_erases_nothing(alice: ErasingHome) -> None:
    one = alice.ended()
    before, alice.stage.ledger.down = files(alice), True
    for act in (lambda: alice.erasure.shred([name(one)]), lambda: alice.erasure.withdraw([name(one)], "2099-01-01")):
        with pytest.raises(LedgerUnavailable):
            act()
    alice.stage.ledger.down = False
    alice.stage.store.down = True
    with pytest.raises(StorageUnavailable):
        alice.erasure.shred([name(one)])
    alice.stage.store.down = False
    assert files(alice) == before
    assert alice.erasure.shred([name(one)]).certificate.is_complete


def test_the_chains_time_says_that_it_expired(alice: ErasingHome) -> None:
    one = alice.granted()
    message: Any = one.statement.message
    alice.stage.clock.now = message.expires_at + 1
    with pytest.raises(InvalidInput, match="has ended"):
        alice.erasure.shred([name(one)])
    alice.stage.chain_clock.now = message.expires_at
    alice.stage.ledger.mine()
    assert alice.erasure.shred([name(one)]).certificate.is_complete and alice.left_of(one) == []


def test_a_refusal_never_has_to_end(alice: ErasingHome) -> None:
    one = refuse(alice.person, alice.request()).evidence
    made = alice.erasure.shred([name(one)]).certificate
    assert (made.grants, made.refusals, made.is_complete) == (0, 1, True) and alice.left_of(one) == []


def test_what_a_live_grant_shares_stays(alice: ErasingHome) -> None:
    asked = alice.request()
    old = alice.granted(asked)
    live = alice.granted(asked, supersedes=old)
    requests = alice.home.path / "requests"
    requests.mkdir()
    request = requests / f"{old.statement.message.request}.json"  # type: ignore[union-attr]
    request.write_bytes(asked)
    alice.leave_everything(old)
    shared = alice.bundle_blocks(live) - {capsule_of(live)}
    assert shared and alice.stage.holds(live) == "VerifiedGrant"
    made = alice.erasure.shred([name(old)]).certificate
    assert made.is_complete and request.exists() and not alice.stage.store.has(capsule_of(old))
    assert all(map(alice.stage.store.has, alice.bundle_blocks(live))) and alice.bundle_blocks(live) >= shared
    assert any("newer grants" in one for one in made.remains) and any("requests" in one for one in made.remains)
    assert any((alice.home.path / "confirmed").iterdir())
    # The digest stands in the newer grant, which is signed.
    assert {line.split()[0] for line in alice.left_of(old)} == {f"evidence/{name(live)}.json"}
    assert alice.person.vault.shares.bring_up_to_date(live.statement.message.revocation)  # type: ignore[union-attr]
    alice.person.vault.shares.end(live.statement.message.revocation)  # type: ignore[union-attr]


def test_the_last_answer_takes_the_request_along(alice: ErasingHome) -> None:
    asked = alice.request()
    one, two = alice.ended(asked), alice.ended(asked)
    (alice.home.path / "requests").mkdir()
    request = alice.home.path / "requests" / f"{one.statement.message.request}.json"  # type: ignore[union-attr]
    request.write_bytes(asked)
    alice.erasure.shred([name(one)])
    assert request.exists()
    alice.erasure.shred([name(two)])
    assert not request.exists() and alice.left_of(one) == alice.left_of(two) == []


def test_an_acceptance_goes_with_its_grant(alice: ErasingHome) -> None:
    one = accept(alice.stage.brand, write_evidence(alice.granted())).evidence
    alice.home.evidence.keep(one)
    revoke(alice.person, one)
    assert any("counter" in line for line in alice.left_of(one))
    assert alice.erasure.shred([name(one)]).certificate.is_complete and alice.left_of(one) == []


def test_an_ending_that_waited_for_it_is_still_sent(alice: ErasingHome) -> None:
    older, one = alice.granted(), alice.ended()
    folder = PendingFolder(alice.home.path)
    opening = Opening(*opening_of(alice.person, older))
    folder.keep_later(LaterEnding(name=name(older), due=5, opening=opening, after=name(one)))
    alice.erasure.shred([name(one)])
    (left,) = folder.later()
    assert (left.name, left.due, left.ending) == (name(older), 5, opening) and alice.left_of(one) == []
    assert left.key == name(older)


def test_withdrawn_evidence_is_kept_and_used_by_nothing(alice: ErasingHome) -> None:
    one, stays = alice.ended(), alice.granted()
    assert alice.erasure.withdraw([name(one)], "2099-01-01") == 1
    store = alice.home.evidence
    assert store.digests() == {name(stays)} and store.restricted() == {name(one)} and name(one) not in store.entries()
    assert store.find(name(one)) == write_evidence(one), "a proof for whoever asks for it by name"
    with pytest.raises(InvalidInput, match="kept here already, and not used"):
        import_evidence(alice.stage.network, store, one, lambda _: True)
    assert alice.erasure.release([name(one)]) == 1
    assert store.digests() == {name(one), name(stays)} and not store.restricted()
    alice.erasure.withdraw([name(one)], "2099-01-01")
    assert alice.erasure.shred([name(one)]).certificate.is_complete and alice.left_of(one) == []


def test_what_waits_for_delivery_outlives_a_restriction(alice: ErasingHome) -> None:
    one = alice.ended()
    alice.leave_everything(one)
    alice.erasure.withdraw([name(one)], "2099-01-01")
    deliveries = Deliveries(alice.home.path)
    found = deliveries.find(name(one))
    assert found is not None
    assert not Courier(alice.stage.network, alice.home.evidence, deliveries).is_nothing(found)


def test_a_hold_refuses_to_be_shredded_before_its_day(alice: ErasingHome) -> None:
    one, two = alice.ended(), alice.ended()
    alice.erasure.withdraw([name(one)], "2099-01-01", "a dispute")
    with pytest.raises(InvalidInput, match="on a legal hold"):
        alice.erasure.shred([name(one)])
    plan = alice.erasure.plan([name(one), name(two)])
    assert plan.digests == {name(two)} and plan.on_hold[name(one)].reason == "a dispute"
    alice.erasure.shred([name(one), name(two)])
    assert alice.home.evidence.restricted() == {name(one)} and not alice.home.evidence.digests()
    with pytest.raises(InvalidInput, match="no evidence whose day has come"):
        alice.erasure.select(["DUE"])
    alice.stage.clock.now = alice.stage.chain_clock.now = 4_100_000_000  # 2099-12-04
    assert alice.erasure.select(["DUE"]) == (name(one),)
    assert alice.erasure.shred(alice.erasure.select(["DUE"])).certificate.is_complete


@pytest.mark.parametrize("until", ["2020-01-01", "soon"])
def test_a_day_that_is_none_changes_nothing(alice: ErasingHome, until: str) -> None:
    one = alice.ended()
    with pytest.raises(InvalidInput):
        alice.erasure.withdraw([name(one)], until)
    assert alice.home.evidence.digests() == {name(one)} and not alice.person.vault.marks.restrictions()


def test_only_what_the_person_read_goes(alice: ErasingHome) -> None:
    one, two = alice.ended(), alice.ended()
    with pytest.raises(InvalidInput, match="has changed since"):
        alice.erasure.shred([name(one), name(two)], agreed={name(one)})
    assert alice.home.evidence.digests() == {name(one), name(two)}


def test_a_plan_changes_nothing(alice: ErasingHome) -> None:
    one = alice.ended()
    alice.leave_everything(one)
    before = files(alice)
    plan = alice.erasure.plan(alice.erasure.select([name(one)]))
    assert files(alice) == before and {one.folder for one in plan.files} >= {"evidence", "mail", "uses", "vault"}


def test_erased_evidence_is_not_imported_again(alice: ErasingHome) -> None:
    one = alice.ended()
    alice.erasure.shred([name(one)])
    shredded = shredded_by(alice.home, lambda: alice.person.vault)
    with pytest.raises(InvalidInput, match="you erased this evidence"):
        import_evidence(alice.stage.network, alice.home.evidence, one, lambda _: True, shredded)
    assert not alice.home.evidence.digests()


def test_what_is_no_evidence_of_this_person_is_refused(alice: ErasingHome) -> None:
    one = alice.ended()
    outside, other = alice.stage.folder / "one.json", alice.ended()
    outside.write_bytes(write_evidence(other))
    assert alice.erasure.select([str(outside)]) == (name(other),)
    (alice.home.path / "evidence" / f"{name(other)}.json").unlink()
    with pytest.raises(InvalidInput, match="not kept in this home"):
        alice.erasure.select([str(outside)])
    for bad in ([], ["0x0000"], ["DUE"], [str(alice.home.path / "seed.json")]):
        with pytest.raises(InvalidInput):
            alice.erasure.select(bad)
    assert name(one) in alice.home.evidence.digests()


def test_another_process_that_erases_is_waited_for_by_nobody(alice: ErasingHome) -> None:
    one = alice.ended()
    alice.erasure.release([name(one)])
    with file_lock(alice.home.path / "shredding" / "LOCK", 0), pytest.raises(StorageUnavailable, match="another"):
        alice.erasure.shred([name(one)])
    assert alice.home.evidence.digests() == {name(one)}
