"""`--notary` on the command line: what it says, keeps and completes, and how a promise is judged."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from registry.client.network_config import open_ledger
from registry.config.network_file import Settings, write_settings
from registry.core.promises import parse_promise_file
from tests.support.consent_world import Consent, no_of
from tests.support.stub_notary import StubNotary, serving

pytestmark = pytest.mark.slow
Notary = Callable[[Consent], StubNotary]


@pytest.fixture
def notary_of() -> Iterator[Notary]:
    """A notary for the network of a world."""
    with ExitStack() as stack:

        def made(world: Consent, name: bytes = b"notary") -> StubNotary:
            ledger = open_ledger(world.folder / "network", Settings())
            return stack.enter_context(serving(StubNotary(ledger, lambda: int(time.time()), name)))

        yield made


def pending_in(world: Consent, who: str = "alice") -> list[Path]:
    return sorted((world.folder / who / "pending").glob("*.json"))


def test_a_whole_story_through_a_notary(asked: Consent, notary_of: Notary) -> None:
    notary = notary_of(asked)
    given = asked("grant", asked.folder / "request.json", "--yes", "--notary", notary.named)
    assert given.code == 0 and f"the notary 127.0.0.1:{notary.port}" in given.out
    assert "A notary can send it for you, free of charge." in given.err
    lines = [line for line in given.err.splitlines() if f"The notary 127.0.0.1:{notary.port}" in line]
    assert ["If it promises, it pays" in lines[0], lines[1].endswith("UTC, and pays.")] == [True, True]
    done = asked.json("accept", asked.grant, "--notary", notary.named, who="aurelle")
    assert set(done["anchor"]) == {"transaction", "block", "time", "gasUsed", "sender", "notary"}
    assert asked("verify", done["file"], "--accepted").code == 0
    ended = asked.json("revoke", asked.grant, "--yes", "--notary", notary.named)
    assert ended["transaction"]["notary"] == f"127.0.0.1:{notary.port}" and ended["transaction"]["gasUsed"] is None
    assert no_of(asked("verify", done["file"])) == (1, "Revoked")


@pytest.mark.parametrize("place", ["environment", "config.toml", "network.toml"])
def test_a_notary_is_named_in_every_place(
    asked: Consent, notary_of: Notary, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    notary = notary_of(asked)
    if place == "environment":
        monkeypatch.setenv("CONSENT_NOTARY", notary.named)
    elif place == "config.toml":
        with (asked.folder / "alice" / "config.toml").open("a") as config:
            config.write(f'\nnotary = ["{notary.named}"]\n')
    else:
        write_settings(asked.folder / "network", notary=[notary.named])
    said = asked.json("grant", asked.folder / "request.json", "--yes")
    assert said["anchor"]["notary"] == f"127.0.0.1:{notary.port}"
    ended = asked.json("revoke", asked.grant, "--yes", "--notary", "none")
    assert "notary" not in ended["transaction"] and ended["transaction"]["gasUsed"] > 0


def test_the_payer_of_a_flag_pays_without_a_notary(asked: Consent, notary_of: Notary) -> None:
    notary = notary_of(asked)
    write_settings(asked.folder / "network", notary=[notary.named])
    said = asked.json("grant", asked.folder / "request.json", "--yes", "--sender", "relay")
    assert "notary" not in said["anchor"] and notary.asked == []


def test_the_doctor_asks_the_notaries(asked: Consent, notary_of: Notary) -> None:
    notary = notary_of(asked)
    write_settings(asked.folder / "network", notary=[notary.named])
    told = asked("doctor")
    assert f"127.0.0.1:{notary.port}, account {notary.account}" in told.out
    notary.dropped = True
    assert asked("doctor").code == 3


def test_an_account_that_nobody_told_is_said(asked: Consent, notary_of: Notary) -> None:
    notary = notary_of(asked)
    said = asked("grant", asked.folder / "request.json", "--yes", "--notary", notary.url)
    assert said.code == 0 and "its promises prove something only to those who know that account" in said.err


@pytest.mark.parametrize("wrong", ["ftp://x", "http://notary.example", "https://u:p@x", "https://x#0x12", "none none"])
def test_what_names_no_notary_is_refused(asked: Consent, wrong: str) -> None:
    names = [part for name in wrong.split() for part in ("--notary", name)]
    said = asked("grant", asked.folder / "request.json", "--yes", *names)
    assert (said.code, said.err.split(":")[0]) == (2, "InvalidInput") and "u:p" not in said.err


def test_no_wait_leaves_and_status_completes_it(asked: Consent, notary_of: Notary) -> None:
    notary = notary_of(asked)
    notary.works = False
    named = ("--notary", notary.named)
    left = asked.json("grant", asked.folder / "request.json", "--yes", "--no-wait", *named)
    assert left["state"] == "pending" and [left["digest"]] == [path.stem for path in pending_in(asked)]
    assert not list((asked.folder / "alice" / "evidence").glob("0x*"))
    assert no_of(asked("verify", pending_in(asked)[0])) == (1, "Malformed")
    told = asked("verify", left["digest"])
    assert "a statement that is not anchored yet" in told.out + told.err
    assert "proves nothing yet" in told.out + told.err
    said = asked.json("status", *named)
    assert [each["state"] for each in said["pending"]] == ["waiting"] and said["evidence"] == []
    assert "is not anchored, and proves nothing yet" in asked("status", *named).out
    notary.work()
    said = asked.json("status", *named)
    assert [each["state"] for each in said["pending"]] == ["anchored"]
    assert [each["state"] for each in said["evidence"]] == ["Valid"] and pending_in(asked) == []
    assert asked.json("status", *named)["pending"] == []


def test_what_waits_is_finished_by_oneself_or_dropped(asked: Consent, notary_of: Notary) -> None:
    notary = notary_of(asked)
    notary.works = False
    grant = ("grant", asked.folder / "request.json", "--yes", "--no-wait", "--notary", notary.named)
    digest = asked.json(*grant)["digest"]
    waits = asked("evidence", "finish", digest[:12], "--notary", "none")
    assert waits.code == 3 and "NotYetAnchored" in waits.err and "is not named" in waits.err
    assert asked("grant", asked.folder / "request.json", "--yes", "--notary", notary.named).code == 2
    notary.works = True
    dropped = asked.json("evidence", "drop", digest[:12], "--yes", "--notary", notary.named)
    assert dropped["dropped"] == digest and dropped["transaction"]["notary"] and pending_in(asked) == []
    again = asked.json(*grant)
    assert again["kind"] == "Grant" and asked("verify", asked.grant).code == 0
    assert asked("evidence", "finish", digest[:12]).code == 2


def test_without_a_notary_that_answers_the_relay_anchors_after_saying_so(asked: Consent, notary_of: Notary) -> None:
    notary = notary_of(asked)
    notary.dropped = True
    said = asked("grant", asked.folder / "request.json", "--yes", "--notary", notary.named)
    assert said.code == 0 and "No notary anchored it, so your own transaction does." in said.err
    # Nothing says that the notary pays, before it has promised or after it did not answer.
    assert " and pays" not in said.err and "is asked. If it promises, it pays" in said.err
    assert "did not answer" in said.err and pending_in(asked) == []


def test_a_promise_is_judged_with_an_exit_code(asked: Consent, notary_of: Notary) -> None:
    notary = notary_of(asked)
    notary.works, notary.span = False, 2
    said = asked("grant", asked.folder / "request.json", "--yes", "--notary", notary.named)
    assert said.code == 0 and "shows no proof" in said.err
    (file,) = (asked.folder / "alice" / "promises").iterdir()
    assert parse_promise_file(file.read_bytes()).notary == notary.account
    judged = asked("notary", "judge", file, "--json")
    assert (judged.code, judged.document["state"]) == (3, "Unshown")
    assert set(judged.document) == {"state", "meaning", "notary", "item", "kind", "receivedAt", "due"}
    # Its own transaction came later than the promise.
    late = asked("notary", "judge", file, "--evidence", asked.grant)
    assert late.code == 1 and "Late: The known anchor is later than promised." in late.out
    assert [each["state"] for each in asked.json("status")["promises"]] == ["Unshown"]
    assert "Unshown" in asked("status").out
    # Exit code 1 would say that the notary broke its promise.
    table = asked.folder / "table.csv"
    table.write_text("a,b\n1,2\n")
    for wrong, words in ((asked.grant, "this is an evidence file"), (table, "this is a table of data")):
        said = asked("notary", "judge", wrong)
        assert said.code == 2 and words in said.err
    forged = asked.folder / "forged.json"
    forged.write_bytes(file.read_bytes().replace(b'"anchorBy":1', b'"anchorBy":2'))
    assert asked("notary", "judge", forged).code == 2


def test_all_accounts_are_ended_over_hours_and_status_goes_on(granted: Consent, notary_of: Notary) -> None:
    notary = notary_of(granted)
    said = granted("revoke", "--brand", "Maison Aurelle", "--spread", 1, "--yes", "--notary", notary.named)
    assert said.code == 0 and no_of(granted("verify", granted.grant)) == (1, "Revoked")
    said = granted("revoke-all", "--spread", 2, "--yes", "--no-wait", "--notary", notary.named)
    assert said.code == 0 and "Ended" in said.out
    assert not list((granted.folder / "alice" / "endings").glob("0x*"))
    assert granted("revoke", granted.grant, "--spread", 1).code == 2


def test_tokens_are_drawn_from_a_named_notary_only(asked: Consent, notary_of: Notary) -> None:
    assert no_of(asked("notary", "draw")) == (2, "InvalidInput")
    said = asked("notary", "draw", "--count", 2, "--notary", notary_of(asked).named)
    assert (said.code, "has a challenge of its own" in said.err) == (3, True)


def test_a_refusal_that_waits_is_not_called_a_consent(asked: Consent, notary_of: Notary) -> None:
    notary = notary_of(asked)
    notary.works = False
    named = ("--notary", notary.named)
    left = asked("refuse", asked.folder / "request.json", "--yes", "--no-wait", *named)
    told = asked("status", *named)
    assert left.code == told.code == 0 and "Refusal is not anchored, and proves nothing yet" in told.out
    assert "nobody's consent" not in left.out + told.out and "until then it proves nothing" in left.out
