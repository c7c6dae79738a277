"""A notary that asks to wait is left alone for as long, or for the next one where that is too long."""

from __future__ import annotations

from email.utils import formatdate

import pytest

from registry.client.pending import finish
from registry.client.revoke import revoke
from registry.core.errors import NotaryUnavailable, NotYetAnchored
from tests.support.served_stage import ServedStage


def asked(served: ServedStage, method: str = "POST") -> int:
    return [each for each, path, _ in served.first.asked if path != "/v1/info"].count(method)


@pytest.mark.parametrize("status", [429, 503])
def test_a_short_pause_is_waited_for(served: ServedStage, status: int) -> None:
    served.first.refuses, served.first.busy, served.first.retry_after = status, 1, "3"
    done = served.granted()
    assert served.slept[0] == 3 and asked(served) == 2
    assert done.receipt is not None and done.receipt.notary.endswith(str(served.first.port))
    assert served.second.asked == []


def test_an_ending_waits_for_a_short_pause_too(served: ServedStage) -> None:
    given = served.granted().evidence
    served.first.refuses, served.first.busy, served.first.retry_after = 429, 1, "2"
    ended = revoke(served.alice, given)
    assert ended is not None and ended.notary.endswith(str(served.first.port)) and 2 in served.slept


@pytest.mark.parametrize("retry_after", ["6", "86400", "999999999", formatdate(4e9, usegmt=True)])
def test_the_next_notary_is_asked_where_a_pause_is_long(served: ServedStage, retry_after: str) -> None:
    served.first.refuses, served.first.retry_after = 503, retry_after
    done = served.granted()
    assert done.receipt is not None and done.receipt.notary.endswith(str(served.second.port))
    assert "the stub refuses (HTTP status 503); it asks to wait for" in served.said
    assert asked(served) == 1 and sum(served.slept) == 0


def test_who_goes_on_asking_to_wait_is_asked_twice(served: ServedStage) -> None:
    served.first.refuses, served.first.retry_after = 429, "5"
    done = served.granted()
    assert done.receipt is not None and done.receipt.notary.endswith(str(served.second.port))
    assert asked(served) == 2 and sum(served.slept) == 5


@pytest.mark.parametrize("retry_after", ["", "soon", "-1", "1e3", "Fri, 99 Foo"])
def test_what_names_no_pause_is_not_waited_for(served: ServedStage, retry_after: str) -> None:
    served.first.refuses, served.first.retry_after = 503, retry_after
    served.granted()
    assert asked(served) == 1 and served.slept == [] and "asks to wait" not in served.said


def test_another_status_is_not_waited_for(served: ServedStage) -> None:
    served.first.refuses, served.first.retry_after = 500, "1"
    served.granted()
    assert asked(served) == 1 and served.slept == []


def test_a_notary_that_asks_to_wait_is_not_asked_before(served: ServedStage) -> None:
    """While an anchor is waited for, the chain is read on, and the notary again once its pause is over."""
    served.waits, served.first.works = False, False
    with pytest.raises(NotYetAnchored):
        served.granted()
    (pending,) = served.folder.all()
    served.waits, before, began = True, asked(served, "GET"), served.stage.clock.now
    served.first.refuses, served.first.busy, served.first.retry_after = 429, 1, "60"
    served.first.on_request = lambda _: served.first.work()
    done = finish(served.alice, pending)
    assert served.stage.holds(done.evidence) == "VerifiedGrant" and 60 <= served.stage.clock.now - began < 70
    assert asked(served, "GET") - before == 2


def test_a_notary_that_promises_nothing_now_still_tells_states(served: ServedStage) -> None:
    served.first.refuses, served.first.busy, served.first.retry_after = 503, 1, "60"
    notary = served.notaries(served.folder.path).clients[0]
    with pytest.raises(NotaryUnavailable, match="it asks to wait for 60 s"):
        notary.promise_to_anchor(bytes(32), served.stage.clock.now)
    with pytest.raises(NotaryUnavailable, match="asks to wait for 60 s more"):
        notary.promise_to_anchor(bytes(32), served.stage.clock.now)
    assert asked(served) == 1 and notary.state_of(bytes(32)) is None
    served.stage.pass_time(58)
    served.first.refuses = 0
    assert notary.promise_to_anchor(bytes(32), served.stage.clock.now) and served.slept == [2]


def test_a_notary_that_takes_no_commitments_now_still_ends_grants(served: ServedStage) -> None:
    given = served.granted().evidence
    notary = served.alice.notaries.clients[0]
    served.first.refuses, served.first.busy, served.first.retry_after = 503, 1, "60"
    with pytest.raises(NotaryUnavailable, match="it asks to wait for 60 s"):
        notary.promise_to_anchor(bytes(32), served.stage.clock.now)
    served.first.refuses = 0
    ended = revoke(served.alice, given)
    assert ended is not None and ended.notary and served.stage.holds(given) == "Revoked"
