"""What a home left unfinished is gone on with, endings first: nothing else that fails or is slow keeps them."""

from __future__ import annotations

import pytest

from registry.client.later import spread_grants
from registry.client.pending import notaries_of
from registry.client.unfinished import go_on
from registry.core.errors import InvalidInput
from tests.support.served_stage import ServedStage


def test_a_damaged_file_of_what_waits_for_its_anchor_keeps_no_ending(served: ServedStage) -> None:
    done = served.granted()
    spread_grants([(served.alice, done.evidence)], served.folder, 1)
    pending = served.folder.path / "pending" / f"0x{'77' * 32}.json"
    pending.parent.mkdir(exist_ok=True)
    pending.write_text("{}")
    with pytest.raises(InvalidInput, match=pending.name):
        go_on(served.stage.network, served.alice.evidence, notaries_of(served.alice))
    assert served.stage.holds(done.evidence) == "Revoked" and served.folder.later() == []


def test_what_is_completed_ends_what_it_replaces_in_the_same_look(served: ServedStage) -> None:
    """Without a notary the older grant ends as soon as the newer one is anchored."""
    old = served.granted().evidence
    served.waits, served.first.works = False, False
    with pytest.raises(Exception, match="will anchor it by"):
        served.granted(supersedes=old)
    served.first.works, served.waits = True, True
    served.stage.pass_time(10)
    served.first.work()
    left = go_on(served.stage.network, served.alice.evidence, notaries_of(served.alice))
    assert [outcome.why for outcome in left.outcomes] == [None] and not left.endings.failed
    (later,) = served.folder.later()
    served.stage.pass_time(later.due - served.stage.clock())
    left = go_on(served.stage.network, served.alice.evidence, notaries_of(served.alice))
    assert len(left.endings.ended) == 1 and served.stage.holds(old) == "Revoked"
