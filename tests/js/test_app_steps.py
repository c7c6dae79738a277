"""The app's promise that it can be closed at any moment: each request of a grant, a refusal and an ending fails once.

Whatever fails, the person opens the app again and it comes to the same end: one statement, signed once and delivered
once, and nothing is shown as done that the chain does not show.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from registry.brand.consent_client import ConsentClient
from tests.support.app_faults import FAULTS, Fault, Hand, Line, signatures_in
from tests.support.app_stage import App
from tests.support.devnet_runs import Run
from tests.support.notary_runs import until
from tests.support.soak import SOAK, sampled

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="what is left running is looked up in /proc"),
]
# The requests that each story needs, by kind. What is polled is counted as often as it decides something.
ANSWER = {"config": 1, "request": 1, "profile": 1, "rpc": 14, "info": 1, "promise": 1, "progress": 2, "deliver": 2}
END = {"rpc": 8, "info": 1, "end": 1, "told": 1}
CODE = (2, 7, 14, 21, 28)
OPENING = {
    "Open your consents": "Use my passkey",
    "asks you": "Ask its domain again",
    "could not be read": "Try again",
    "That did not work": "Try again",
}


def faults(steps: dict[str, int]) -> list[Fault]:
    return [Fault(kind, nth, way) for kind, most in steps.items() for nth in range(1, most + 1) for way in FAULTS]


GRANTS = [*faults(ANSWER), *(Fault("code", nth, "before") for nth in CODE)]
STORIES = list(zip(GRANTS, cycle(faults(END)), strict=False))
# Those where the most is at stake, in every run: what arrived and was not answered.
ALWAYS = [
    (Fault("promise", 1, "cut after"), Fault("end", 1, "reload after")),
    (Fault("deliver", 2, "reload after"), Fault("rpc", 3, "garbage")),
]


def name_of(story: tuple[Fault, ...] | Fault) -> str:
    parts = [story] if isinstance(story, Fault) else story
    return ", ".join(f"{each.kind} {each.nth} {each.way}" for each in parts)


@pytest.fixture(scope="module")
def people() -> Iterator[list[App]]:
    """The person who answers the same request again once it has ended. A test that failed leaves nobody."""
    apps: list[App] = []
    yield apps
    for each in apps:
        each.close()


@pytest.fixture
def person(run: Run, chromium: Any, people: list[App], request: pytest.FixtureRequest) -> Iterator[App]:
    app = people.pop() if people else new_person(run, chromium)
    failed = request.session.testsfailed
    yield app
    if request.session.testsfailed == failed:
        people.append(app)
    else:
        app.close()


def new_person(run: Run, chromium: Any) -> App:
    app = App(chromium, f"{run.ready['app']}/")
    app.page.goto(app.url)
    app.page.get_by_role("button", name="Begin with a passkey").click()
    app.write_down()
    app.heading("Your consents")
    return app


@pytest.fixture
def line(person: App) -> Iterator[Line]:
    made = Line(person)
    yield made
    made.app.context.unroute_all(behavior="ignoreErrors")


def answer(run: Run, app: App, line: Line, fault: Fault | None, kind: str = "grant") -> tuple[str, bytes]:
    """Answer the request while this goes wrong, until the app says "Done"; return the digest and the saved receipt."""
    hand = Hand(app, line)
    line.reset(fault)
    app.page.goto("about:blank")
    app.page.goto(f"{app.url}#request={run.ready['request']}")
    presses = {
        # Where the domain can be asked again, that comes first: without its profile the brand's inbox is not known.
        " asks you": "Allow what I chose" if kind == "grant" else "Refuse",
        "You allow": "Sign",
        "You refuse": "Sign",
    }
    hand.until("Done", OPENING | presses)
    check_sent_once(line)
    digest = str(app.page.evaluate("location.hash")).partition("=")[2]
    line.reset()
    app.page.evaluate("digest => (location.hash = `#receipt=${digest}`)", digest)
    app.heading("Receipt")
    with app.page.expect_download() as saved:
        app.press("Save the file")
    return digest, Path(saved.value.path()).read_bytes()


def check_sent_once(line: Line) -> None:
    assert len(line.bodies["promise"]) == 1
    assert len(signatures_in(line.bodies["deliver"])) == 1
    # A statement beside its promise, and the whole file: the same bytes each time.
    assert len(line.bodies["deliver"]) <= 2


def end(app: App, line: Line, digest: str, fault: Fault | None) -> None:
    """End a grant while this goes wrong. It is pressed once; the app goes on by itself from then on."""
    hand = Hand(app, line)
    line.reset(fault)
    app.page.evaluate("digest => (location.hash = `#end=${digest}`)", digest)
    hand.until("Ended. The chain shows it.", OPENING | {"End what": "End it now"})
    assert hand.pressed["End it now"] == 1
    assert len(line.bodies.get("end", ())) == 1


def verdict(shop: ConsentClient, file: bytes) -> tuple[str, str]:
    found = shop.verify([file], fresh=True)[0]
    return found.answer, found.error


def check_story(run: Run, app: App, line: Line, granting: Fault, ending: Fault) -> None:
    shop = ConsentClient(run.ready["brandInternal"])
    digest, file = answer(run, app, line, granting)
    assert verdict(shop, file) == ("yes", "")
    asked = json.loads(file)["statement"]["message"]
    until(lambda: shop.allowed(asked["subject"], asked["purposes"][0], asked["data"][0]).allowed)
    end(app, line, digest, ending)
    assert verdict(shop, file) == ("no", "Revoked")


def test_the_steps_are_those_that_are_tried(run: Run, person: App, line: Line) -> None:
    hand = Hand(person, line)
    person.page.goto("about:blank")
    person.page.goto(f"{person.url}#request={run.ready['request']}")
    hand.until("Done", OPENING | {" asks you": "Allow what I chose", "You allow": "Sign"})
    seen = {kind: count for kind, count in line.counts.items() if kind != "code"}
    assert {kind for kind in seen if kind not in ANSWER} == set()
    assert all(seen[kind] >= (1 if kind in ("progress", "rpc") else most) for kind, most in ANSWER.items()), seen
    assert seen["rpc"] >= ANSWER["rpc"] - 2 and line.counts["code"] >= max(CODE), line.counts
    digest = str(person.page.evaluate("location.hash")).partition("=")[2]
    end(person, line, digest, None)
    # The brand is told once the person has read that it ended.
    person.page.wait_for_timeout(100) if line.counts["told"] else person.page.wait_for_event(
        "request", lambda each: "/ended" in each.url
    )
    assert {kind for kind in line.counts if kind not in {*END, "code"}} == set()
    assert all(line.counts[kind] >= 1 for kind in END), line.counts


@pytest.mark.parametrize("story", STORIES if SOAK else [*ALWAYS, *sampled(STORIES, 1)], ids=name_of)
def test_a_grant_and_its_ending_come_to_the_same_end(
    run: Run, person: App, line: Line, story: tuple[Fault, Fault]
) -> None:
    check_story(run, person, line, *story)
    assert person.troubles == []


@pytest.mark.parametrize("fault", sampled(faults(ANSWER), 1), ids=name_of)
def test_a_refusal_comes_to_the_same_end(run: Run, chromium: Any, fault: Fault) -> None:
    app = new_person(run, chromium)
    try:
        line = Line(app)
        _, file = answer(run, app, line, fault, "refusal")
        assert verdict(ConsentClient(run.ready["brandInternal"]), file) == ("yes", "")
        assert json.loads(file)["statement"]["primaryType"] == "Refusal"
        assert app.troubles == []
    finally:
        app.close()
