"""An ending that waits for its time is not lost: not to a later one, and not to a grant that replaces its own."""

from __future__ import annotations

import pytest

from registry.client.backup import _FILES
from registry.client.later import send_due, spread_accounts, spread_grants
from registry.client.pending import finish, give_up
from registry.client.pending_store import PendingFolder
from registry.core.errors import NotYetAnchored
from registry.core.evidence.file import Evidence
from registry.core.evidence.pending import PendingFile
from registry.core.scalars import to_hex
from tests.support.served_stage import ServedStage


def replaced_later(served: ServedStage, old: Evidence) -> PendingFile:
    """A new grant that replaces this one; it waits for its anchor."""
    served.waits, served.first.works = False, False
    before = served.folder.all()
    with pytest.raises(NotYetAnchored):
        served.granted(supersedes=old)
    served.waits, served.first.works = True, True
    (pending,) = [each for each in served.folder.all() if each not in before]
    return pending


def spread(served: ServedStage, old: Evidence, hours: float = 1) -> int:
    """Let it end within these hours, and not at once; when that is."""
    first = served.granted(again=True).evidence
    spread_grants([(served.alice, first), (served.alice, old)], served.folder, hours)
    return next(each.due for each in served.folder.later() if each.due > served.stage.clock.now)


def sent_at(served: ServedStage, due: int) -> None:
    served.stage.pass_time(max(0, due - served.stage.clock.now))
    served.stage.ledger.mine()
    send_due(served.stage.network, served.alice.notaries, served.folder, served.alice.evidence)


@pytest.mark.parametrize("gives_up", [False, True])
def test_a_spread_ending_is_sent_in_time_whatever_becomes_of_the_grant_that_replaces_it(
    served: ServedStage, gives_up: bool
) -> None:
    old = served.granted().evidence
    due = spread(served, old)
    pending = replaced_later(served, old)
    if gives_up:
        give_up(served.alice, pending)
    sent_at(served, due)
    assert served.stage.holds(old) == "Revoked"


def test_the_grant_that_replaces_it_ends_it_before_that(served: ServedStage) -> None:
    old = served.granted().evidence
    due = spread(served, old, hours=100)
    served.granted(supersedes=old)
    assert served.stage.holds(old) == "Revoked" and served.stage.clock.now < due
    sent_at(served, due)
    assert served.folder.later() == []


def test_each_of_two_grants_that_replace_one_ends_it(served: ServedStage) -> None:
    old = served.granted().evidence
    first, second = replaced_later(served, old), replaced_later(served, old)
    assert len(served.folder.later()) == 2
    names = [f"endings/{path.name}" for path in (served.folder.path / "endings").iterdir()]
    assert len(names) == 2 and all(_FILES.fullmatch(name) for name in names)
    give_up(served.alice, second)
    finish(served.alice, first)
    assert served.stage.holds(old) == "VerifiedGrant"
    sent_at(served, served.stage.clock.now + 90)
    assert served.stage.holds(old) == "Revoked" and served.folder.later() == []


def test_a_second_spread_postpones_nothing(served: ServedStage) -> None:
    old = served.granted().evidence
    due = spread(served, old)
    for _ in range(20):
        spread(served, old, hours=168)
    assert next(each.due for each in served.folder.later() if each.name == to_hex(old.digest)) <= due
    spread_accounts([served.alice], served.folder, 1)
    (first,) = [each for each in served.folder.later() if each.name == served.alice.address]
    served.stage.pass_time(60)
    spread_accounts([served.alice], served.folder, 1)
    (second,) = [each for each in served.folder.later() if each.name == served.alice.address]
    assert second.due == first.due and second.signed != first.signed


def test_a_newer_end_of_an_account_is_sent_in_place_of_the_one_that_was_read(
    served: ServedStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process keeps it while this one works through what it read before."""
    old = served.granted().evidence
    spread_accounts([served.alice], served.folder, 1)
    read = served.folder.later()
    served.stage.pass_time(5)
    served.stage.ledger.mine()
    new = served.granted(again=True).evidence
    spread_accounts([served.alice], served.folder, 1)
    monkeypatch.setattr(PendingFolder, "later", lambda self: read)
    send_due(served.stage.network, served.alice.notaries, served.folder, served.alice.evidence)
    assert [served.stage.holds(each) for each in (old, new)] == ["Revoked", "Revoked"]


def test_a_newer_ending_is_not_dropped_with_an_older_one(served: ServedStage) -> None:
    served.granted()
    spread_accounts([served.alice], served.folder, 1)
    (older,) = served.folder.later()
    served.stage.pass_time(5)
    served.stage.ledger.mine()
    spread_accounts([served.alice], served.folder, 1)
    served.folder.drop_later(older)
    (newer,) = served.folder.later()
    assert newer != older
    served.folder.drop_later(newer)
    assert served.folder.later() == []


def test_what_another_process_finishes_meanwhile_is_passed_over(
    served: ServedStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    pending = replaced_later(served, served.granted().evidence)
    gone = served.folder.path / "pending" / f"0x{'00' * 32}.json"
    listed = PendingFolder._files
    monkeypatch.setattr(PendingFolder, "_files", lambda self, folder: [gone, *listed(self, folder)])
    assert served.folder.all() == [pending]
