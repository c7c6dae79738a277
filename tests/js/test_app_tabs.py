"""Two tabs of one person: what one does the other shows, and nothing is signed, sent or ended twice."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.support.app_faults import Line, signatures_in
from tests.support.app_stage import App
from tests.support.devnet_runs import Run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="what is left running is looked up in /proc"),
]
PHRASE = "five words are long enough"
# What is told between tabs is there within so many milliseconds.
SOON = 5000
_CLICK = """([name, at]) => void setTimeout(
  () => [...document.querySelectorAll("button")].find((each) => each.innerText.trim() === name)?.click(),
  at - Date.now(),
)"""


@pytest.fixture
def app(run: Run, chromium: Any) -> Iterator[App]:
    """A new person with a key that a passphrase opens, at their empty list."""
    made = App(chromium, f"{run.ready['app']}/")
    made.page.goto(made.url)
    made.begin_with(PHRASE)
    made.heading("Your consents")
    yield made
    made.context.unroute_all(behavior="ignoreErrors")
    made.close()
    assert made.troubles == []


def heading(page: Any, text: str, timeout: float = 20_000) -> None:
    page.get_by_role("heading", level=1, name=text).wait_for(timeout=timeout)


def at_sign(run: Run, page: Any) -> None:
    """Bring a tab to the point where one press signs."""
    page.evaluate("hash => (location.hash = hash)", f"#request={quote(run.ready['request'], safe='')}")
    heading(page, "asks you")
    for box in page.get_by_role("checkbox").all():
        box.check()
    page.get_by_role("button", name="Allow what I chose").click()
    heading(page, "You allow this")


def granted(run: Run, app: App) -> str:
    at_sign(run, app.page)
    app.press("Sign")
    app.heading("Done")
    return str(app.page.evaluate("location.hash")).partition("=")[2]


def press_in_both(pages: tuple[Any, Any], name: str) -> None:
    """Press one button in both tabs at the same moment, before either can hear of the other."""
    at = pages[0].evaluate("Date.now()") + 1000
    for page in pages:
        page.evaluate(_CLICK, [name, at])


def held(page: Any, pattern: str) -> Callable[[], None]:
    """Hold this tab's requests to such URLs back; the answer lets them go."""
    waiting: list[Any] = []
    free: list[bool] = []

    def hold(route: Any) -> None:
        if free:
            route.continue_()
        else:
            waiting.append(route)

    page.route(pattern, hold)

    def let_go() -> None:
        free.append(True)
        for each in waiting:
            each.continue_()

    return let_go


def test_both_sign_and_both_end_and_it_is_done_once(run: Run, app: App) -> None:
    line, other = Line(app), app.tab(PHRASE)
    at_sign(run, app.page)
    at_sign(run, other)
    press_in_both((app.page, other), "Sign")
    done = app.page.get_by_role("heading", level=1, name="Done").or_(
        app.page.get_by_text("You have answered this already")
    )
    done.first.wait_for()
    for page in (app.page, other):
        page.evaluate("location.hash = '#list'")
        page.get_by_role("link", name="Allowed").wait_for()
        assert page.locator(".consent").count() == 1
    assert len(line.bodies["promise"]) == 1 and len(signatures_in(line.bodies["deliver"])) == 1
    line.reset()
    for page in (app.page, other):
        page.get_by_role("link", name="Allowed").click()
        page.get_by_role("link", name="End this").click()
        heading(page, "End what")
    press_in_both((app.page, other), "End it now")
    for page in (app.page, other):
        heading(page, "Ended. The chain shows it.")
    assert line.counts["end"] == 1


def test_a_second_tab_never_replaces_the_key_and_a_lock_locks_both(run: Run, chromium: Any) -> None:
    app = App(chromium, f"{run.ready['app']}/")
    app.page.goto(app.url)
    other = app.context.new_page()
    other.goto(app.url)
    heading(other, "You decide")
    app.begin_with(PHRASE)
    heading(other, "Open your consents", SOON)
    line = Line(app)
    at_sign(run, app.page)
    let_go = held(app.page, f"{run.ready['rpcUrl']}/**")
    app.press("Sign")
    app.unlock(PHRASE, other)
    other.get_by_role("button", name="Lock").click()
    heading(app.page, "Open your consents", SOON)
    let_go()
    app.page.wait_for_timeout(1500)
    # A seed that was locked must sign nothing: its lock would be one that nobody can end.
    assert line.counts["promise"] == 0 and line.counts["deliver"] == 0
    assert [name for name in app.rows() if name.startswith("a:")] == []
    app.unlock(PHRASE)
    app.page.evaluate("location.hash = '#list'")
    app.page.get_by_text("No brand has an answer of yours yet").wait_for()
    assert app.troubles == []
    app.close()


def test_what_one_tab_erases_no_other_brings_back(run: Run, app: App) -> None:
    other = app.tab(PHRASE, "#own")
    let_go = held(app.page, "**/v1/commitments/*")
    at_sign(run, app.page)
    app.press("Sign")
    app.page.get_by_text("The notary has promised").wait_for()
    other.get_by_role("button", name="Forget everything in this browser").click()
    other.get_by_role("button", name="Forget it all").click()
    heading(app.page, "You decide", SOON)
    let_go()
    app.page.wait_for_timeout(2000)
    assert app.rows() == []


def test_a_closed_tab_leaves_its_work_to_the_other_and_a_slow_look_takes_nothing_back(run: Run, app: App) -> None:
    busy = app.tab(PHRASE)
    # Nothing of the notary reaches the tab that signs.
    busy.route("**/v1/commitments", lambda route: route.abort())
    at_sign(run, busy)
    busy.get_by_role("button", name="Sign", exact=True).click()
    heading(busy, "On its way")
    busy.close()
    app.page.get_by_role("link", name="Allowed").wait_for()
    slow = app.tab(PHRASE)
    slow.get_by_role("link", name="Allowed").wait_for()
    let_go = held(slow, f"{run.ready['rpcUrl']}/**")
    slow.get_by_role("button", name="Check again").click()
    app.page.get_by_role("link", name="Allowed").click()
    app.link("End this")
    app.press("End it now")
    app.heading("Ended. The chain shows it.")
    slow.get_by_role("link", name="Ended").wait_for(timeout=SOON)
    let_go()
    slow.wait_for_timeout(1500)
    assert slow.get_by_role("link", name="Ended").is_visible()
    slow.reload()
    app.unlock(PHRASE, slow)
    slow.get_by_role("link", name="Ended").wait_for()
