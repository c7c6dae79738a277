"""The app and a browser that runs out of room, loses its data, or may keep none: clear words, and nothing half kept."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.support.app_faults import Line
from tests.support.app_speed import longest_task
from tests.support.app_stage import App
from tests.support.devnet_runs import Run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="what is left running is looked up in /proc"),
]
PHRASE = "five words are long enough"
# Of processor time, as a phone that is four times slower may take 200 ms.
LONG_TASK_MS = 50
_FAILS = """() => {
  const put = IDBObjectStore.prototype.put;
  IDBObjectStore.prototype.put = function (value) {
    const request = put.call(this, value);
    if (globalThis.failing) this.transaction.abort();
    return request;
  };
}"""
_NO_ROOM = "() => { navigator.storage.estimate = async () => ({ quota: 100000, usage: 90000 }) }"
_BUSY = "(milliseconds) => { const end = performance.now() + milliseconds; while (performance.now() < end); }"


@pytest.fixture
def app(run: Run, chromium: Any) -> Iterator[App]:
    made = App(chromium, f"{run.ready['app']}/")
    yield made
    made.context.unroute_all(behavior="ignoreErrors")
    made.close()
    assert made.troubles == []


def at_sign(run: Run, app: App) -> None:
    app.page.evaluate("hash => (location.hash = hash)", f"#request={quote(run.ready['request'], safe='')}")
    app.heading("asks you")
    for box in app.page.get_by_role("checkbox").all():
        box.check()
    app.press("Allow what I chose")
    app.heading("You allow this")


def saved(run: Run, app: App, folder: Path) -> Path:
    """Grant what is asked, and save the receipt."""
    at_sign(run, app)
    app.press("Sign")
    app.heading("Done")
    app.link("See the receipt")
    with app.page.expect_download() as download:
        app.press("Save the file")
    path = folder / "consent.json"
    download.value.save_as(path)
    return path


def test_without_room_nothing_is_signed_or_sent(run: Run, app: App) -> None:
    app.page.add_init_script(f"({_FAILS})()")
    app.page.goto(app.url)
    app.begin_with(PHRASE)
    app.heading("Your consents")
    line, before = Line(app), app.rows()
    at_sign(run, app)
    # Chromium's own override of the quota does nothing in a context like this one.
    app.page.evaluate(_NO_ROOM)
    app.press("Sign")
    app.heading("This browser has no room left")
    app.page.evaluate("() => { delete navigator.storage.estimate }")
    assert line.counts["promise"] == 0 and app.rows() == before
    app.press("Try again")
    at_sign(run, app)
    app.page.evaluate("globalThis.failing = true")
    app.press("Sign")
    app.page.get_by_text("this browser could not keep it").wait_for()
    assert line.counts["promise"] == 0 and app.rows() == before
    app.page.evaluate("globalThis.failing = false")
    app.press("Sign")
    app.heading("Done")
    assert len(line.bodies["promise"]) == 1


def test_words_and_a_saved_file_bring_a_consent_back(run: Run, app: App, tmp_path: Path) -> None:
    app.page.goto(app.url)
    words = app.begin_with(PHRASE)
    app.heading("Your consents")
    file = saved(run, app, tmp_path)
    # Cleared while the page is open: the page still knows it, and keeps it again.
    app.page.evaluate("new Promise((done) => (indexedDB.deleteDatabase('consent').onsuccess = () => done()))")
    app.heading("This browser’s data was cleared")
    app.press("Keep all of it here again")
    app.page.get_by_role("heading", name="This browser’s data was cleared").wait_for(state="detached")
    app.page.reload()
    app.unlock(PHRASE)
    app.page.evaluate("location.hash = '#list'")
    app.page.get_by_role("link", name="Allowed").wait_for()
    # Cleared between two visits: only words and files are left.
    app.page.goto("about:blank")
    session = app.context.new_cdp_session(app.page)
    session.send("Storage.clearDataForOrigin", {"origin": app.url.rstrip("/"), "storageTypes": "all"})
    app.page.goto(app.url)
    app.page.get_by_role("button", name="I have 24 words").click()
    app.page.get_by_label("Your 24 words").fill(" ".join(words))
    app.press("Continue")
    app.begin_with(PHRASE, restored=True)
    app.page.get_by_text("No brand has an answer of yours yet").wait_for()
    other = tmp_path / "other.json"
    other.write_text("{}")
    app.page.locator("input[type=file]").set_input_files([file, other])
    app.page.get_by_text("1 consent is kept here now").first.wait_for()
    assert app.page.get_by_role("alert").filter(has_text="other.json").is_visible()
    app.page.get_by_role("link", name="Allowed").click()
    app.link("End this")
    app.press("End it now")
    app.heading("Ended. The chain shows it.")


def test_a_browser_that_keeps_nothing_says_so(run: Run, app: App) -> None:
    app.page.add_init_script("IDBFactory.prototype.open = () => { throw new DOMException('no', 'SecurityError'); }")
    app.page.add_init_script(
        "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError'); } })"
    )
    app.page.goto(app.url)
    app.page.get_by_text("This browser lets no page keep anything").wait_for()


def test_unlocking_never_freezes_the_page(run: Run, chromium: Any, app: App) -> None:
    app.page.goto(app.url)
    app.begin_with(PHRASE)
    app.heading("Your consents")
    app.page.reload()
    app.heading("Open your consents")
    # What freezes the page is found, also where other programs take most of the processor.
    assert longest_task(chromium, app.page, lambda: app.page.evaluate(_BUSY, 10 * LONG_TASK_MS)) > LONG_TASK_MS

    def unlock() -> None:
        app.unlock(PHRASE)
        app.heading("Your consents")

    assert 0 < longest_task(chromium, app.page, unlock) < LONG_TASK_MS
