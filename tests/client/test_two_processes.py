"""Two processes at one home: only one works on a pending statement or an ending, so nothing is paid for twice."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from registry.client.grant import grant
from registry.client.later import send_due, spread_grants
from registry.client.pending import Outcome, finish, finish_all, give_up, notaries_of
from registry.client.pending_store import PendingFolder
from registry.core.errors import InvalidInput, NotYetAnchored
from registry.core.evidence.pending import PendingFile
from registry.fs.files import file_lock
from tests.support.served_stage import ServedStage


def anchors(served: ServedStage) -> int:
    return [name for name, _ in served.stage.ledger.calls].count("anchor")


def promised(served: ServedStage) -> PendingFile:
    """A grant that a notary has promised to anchor, left by a process that does not wait."""
    served.waits, served.first.works = False, False
    with pytest.raises(NotYetAnchored):
        served.granted()
    served.waits = True
    (pending,) = served.folder.all()
    return pending


def locks(served: ServedStage) -> list[str]:
    return [path.name for path in served.folder.path.rglob("*.lock") if path.parent.name in ("pending", "endings")]


class Once(list[str]):
    """Remarks; at the first that holds these words, another process does ``act``."""

    def __init__(self, words: str, act: Callable[[], None]) -> None:
        super().__init__()
        self.words, self.act = words, act

    def append(self, line: str) -> None:
        super().append(line)
        if self.words in line and sum(self.words in each for each in self) == 1:
            self.act()


def test_a_grant_that_is_about_to_be_paid_for_is_not_paid_for_by_another(served: ServedStage) -> None:
    served.first.dropped = served.second.dropped = True
    found = list[Outcome]()

    def another() -> None:
        found.extend(finish_all(served.stage.network, served.stage.alice.evidence, notaries_of(served.alice)))

    served.told = Once("your own transaction does", another)
    done = served.granted()
    ((_, nothing, why),) = found
    assert nothing is None and isinstance(why, NotYetAnchored) and "another process" in str(why)
    assert anchors(served) == 1 and served.stage.holds(done.evidence) == "VerifiedGrant"
    assert locks(served) == []


def test_a_broken_promise_is_taken_over_by_one(served: ServedStage) -> None:
    pending = promised(served)
    served.stage.pass_time(1_000)
    served.stage.ledger.mine()
    served.first.dropped = served.second.dropped = True
    refused = list[str]()

    def another() -> None:
        with pytest.raises(NotYetAnchored, match="another process") as caught:
            finish(served.alice, pending)
        refused.append(caught.value.digest)

    served.told = Once("your own transaction does", another)
    finish(served.alice, pending)
    assert refused == [pending.evidence.digest] and anchors(served) == 1


def test_who_comes_late_finds_it_done(served: ServedStage) -> None:
    pending = promised(served)
    served.first.work()
    done, again = finish(served.alice, pending), finish(served.alice, pending)
    assert again.evidence == done.evidence and again.receipt is None
    assert anchors(served) == 1 and locks(served) == []
    with pytest.raises(NotYetAnchored, match="has gone on with it"):
        give_up(served.alice, pending)
    assert served.stage.holds(done.evidence) == "VerifiedGrant"


def test_who_comes_late_goes_on_with_the_newest_promise(served: ServedStage) -> None:
    """What was read before another process got a promise is not handed over again, nor given up without an ending."""
    pending = promised(served)
    old = PendingFile(pending.evidence)
    with pytest.raises(NotYetAnchored, match="has gone on with it"):
        give_up(served.alice, old)
    served.first.work()
    assert served.stage.holds(finish(served.alice, old).evidence) == "VerifiedGrant"
    posts = [path for method, path, _ in served.first.asked if method == "POST"]
    assert posts == ["/v1/commitments"] and anchors(served) == 1


def test_what_was_given_up_is_not_anchored_any_more(served: ServedStage) -> None:
    pending = promised(served)
    served.first.works = True
    give_up(served.alice, pending)
    before = anchors(served)
    with pytest.raises(InvalidInput, match="was given up"):
        finish(served.alice, pending)
    assert anchors(served) == before and locks(served) == []


def test_nobody_gives_up_what_another_is_at(served: ServedStage) -> None:
    pending = promised(served)
    with served.folder.holding(pending.evidence.digest), pytest.raises(NotYetAnchored, match="another process"):
        give_up(served.alice, pending)
    assert served.folder.all() == [pending]


def test_an_ending_is_sent_by_one(served: ServedStage) -> None:
    given = served.granted().evidence
    spread_grants([(served.alice, given)], served.folder, 1)
    alice, folder = served.alice, served.folder
    asked = (served.stage.network, alice.notaries, folder, alice.evidence)
    seen = list[int]()

    def another(path: str) -> None:
        if path == "/v1/revocations":
            sent, waiting = send_due(*asked)
            seen.extend([len(sent.ended), len(sent.failed), len(waiting)])

    served.first.on_request = another
    assert len(send_due(*asked)[0].ended) == 1 and seen == [0, 0, 1]
    assert served.stage.holds(given) == "Revoked" and folder.later() == [] and locks(served) == []


def test_a_disk_without_locks_stops_nothing(served: ServedStage, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr("registry.client.pending_store.file_lock", refused)
    with PendingFolder(served.folder.path).holding("0x" + "11" * 32):
        pass
    served.first.dropped = served.second.dropped = True
    assert served.stage.holds(grant(served.alice, served.stage.request()).evidence) == "VerifiedGrant"


def test_the_lock_of_a_process_that_ended_holds_nobody_up(served: ServedStage) -> None:
    pending = promised(served)
    lock = served.folder.path / "pending" / f"{pending.evidence.digest}.lock"
    with file_lock(lock, 0), pytest.raises(NotYetAnchored):
        finish(served.alice, pending)
    assert lock.exists()
    served.first.work()
    assert served.stage.holds(finish(served.alice, pending).evidence) == "VerifiedGrant" and locks(served) == []


def test_the_lock_that_a_killed_process_left_goes(served: ServedStage) -> None:
    """Its name is a digest: of a statement that was given up, nothing stays."""
    pending = promised(served)
    folder = served.folder.path / "pending"
    gone, held = (folder / f"0x{byte * 32}.lock" for byte in ("11", "22"))
    waits = folder / f"{pending.evidence.digest}.lock"
    for lock in (gone, waits, held):
        lock.touch()
    with file_lock(held, 0):
        served.folder.sweep()
    assert (gone.exists(), waits.exists(), held.exists()) == (False, True, True)
