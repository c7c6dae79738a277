"""The app shows what a brand read, with its proofs, and says plainly that a log was changed or could not be checked."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest

from registry.brand.store import open_store
from registry.brand.uses import note_use
from registry.core.scalars import unhex
from tests.support.app_stage import App
from tests.support.devnet_runs import Run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="what is left running is looked up in /proc"),
]


def test_what_was_read_is_seen_and_a_changed_log_is_told(run: Run, start: Callable[..., App]) -> None:
    app = start()
    app.follow(run.ready["request"])
    for box in app.page.get_by_role("checkbox").all():
        box.check()
    app.press("Allow what I chose")
    app.page.get_by_role("button", name="Begin with a passkey").click()
    app.write_down()
    app.press("Sign")
    app.heading("Done")
    digest = app.page.url.split("=")[-1]
    store, detail = open_store(run.folder / "brand"), f"{app.url}#one={digest}"
    app.page.goto(detail)
    app.page.get_by_text("The brand has noted no reading of your data.").wait_for()
    at = app.page.evaluate("Math.floor(Date.now() / 1000)")
    of: dict[str, Any] = {"at": at, "data": ["pd:Purchase"], "system": "shop"}
    note_use(store, unhex(digest), purpose="dpv:Personalisation", count=7, **of)
    note_use(store, unhex(digest), purpose="dpv:Marketing", count=2, **of)

    # The brand anchors the log's head, and then each reading is proved.
    def proved() -> bool:
        app.page.goto(f"{app.url}#list")
        app.heading("Your consents")
        app.page.goto(detail)
        app.page.get_by_text("7 records").wait_for()
        return bool(app.page.get_by_text("not anchored yet").count() == 0)

    assert any(proved() for _ in range(20))
    app.page.get_by_text("Not allowed: for a purpose that you did not allow").wait_for()
    for text in ("asked", "You signed it", "Recorded on the chain", "got your answer", "used it last"):
        assert app.page.get_by_text(text).first.is_visible(), text
    assert app.faults() == []
    app.page.goto(f"{app.url}#list")
    app.page.get_by_text("last used").wait_for()

    # The brand's service is away: nothing that was seen is taken back.
    app.page.route("**/uses?*", lambda route: route.abort())
    app.page.goto(detail)
    app.page.get_by_text("The log could not be checked now").wait_for()
    app.page.unroute("**/uses?*")

    # The brand leaves out what it showed before.
    app.page.route("**/uses?*", lambda route: emptied(route, digest))
    app.page.goto(f"{app.url}#list")
    app.page.goto(detail)
    app.page.get_by_text("The log has changed since you saw it").wait_for()
    with app.page.expect_download() as download:
        app.press("Save the file that tells of it")
    assert '"type":"ConsentChangedLog"' in download.value.path().read_text("utf-8")
    assert app.faults() == []
    app.page.goto(f"{app.url}#list")
    app.page.get_by_text("its use log does not hold").wait_for()


def emptied(route: Any, digest: str) -> None:
    body = f'{{"grant":"{digest}","heads":[],"more":false,"type":"ConsentUses","uses":[],"version":1}}'
    headers = {"Access-Control-Allow-Origin": "*", "Content-Type": "application/json"}
    route.fulfill(status=200, body=body, headers=headers)


def test_a_narrower_grant_replaces_the_one_before(run: Run, start: Callable[..., App]) -> None:
    app = start()
    app.page.clock.install()
    app.follow(run.ready["request"])
    for box in app.page.get_by_role("checkbox").all():
        box.check()
    app.press("Allow what I chose")
    app.page.get_by_role("button", name="Begin with a passkey").click()
    app.write_down()
    app.press("Sign")
    app.heading("Done")
    old = app.page.url.split("=")[-1]
    app.page.goto(f"{app.url}#list")
    app.heading("Your consents")
    app.follow(run.ready["request"])
    app.page.get_by_text("What you allowed then still holds").wait_for()
    for fields in app.page.locator("fieldset").all():
        fields.get_by_role("checkbox").first.check()
    app.press("Allow what I chose")
    box = app.page.get_by_role("checkbox", name="Replace what you allowed before")
    assert box.is_checked() and box.is_disabled()
    assert app.faults() == []
    app.press("Sign")
    app.heading("Done")
    app.page.goto(f"{app.url}#one={old}")
    app.page.get_by_text("Ending").first.wait_for()
    # It ends by itself, 20 to 90 seconds after the new one was recorded, and not before.
    app.page.clock.fast_forward(5_000)
    app.page.wait_for_timeout(1500)
    assert app.page.get_by_text("It ended, as the chain shows").count() == 0
    app.page.clock.fast_forward(90_000)
    app.page.get_by_text("It ended, as the chain shows").wait_for()
    app.page.goto(f"{app.url}#list")
    app.page.get_by_role("link", name="Ended").wait_for()
    assert app.page.get_by_role("link", name="Allowed").count() == 1
