"""The app's pictures in the documentation; taken into the folder that CONSENT_PICTURES names, else for nobody."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.make_pictures import APP_RECORD, PICTURES, app_sources
from tests.support.app_crowd import BRANDS, anvil_with_app, move_in, unlocked
from tests.support.app_stage import App
from tests.support.devnet_runs import ANY_PORTS, Run
from tests.support.tools import tool

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="what is left running is looked up in /proc"),
]
SCALE = 1.5
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 760, "height": 560}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 760, "height": 560}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 360, "height": 640}, "color_scheme": "light"},
}
TAKEN = ("welcome", "request", "list", "receipt")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(os.environ.get("CONSENT_PICTURES") or tmp_path)


@pytest.fixture
def app(chromium: Any) -> Iterator[App]:
    made = App(chromium, "", device_scale_factor=SCALE)
    yield made
    made.close()
    assert made.troubles == []


def take(app: App, folder: Path, name: str) -> None:
    """Take one screen in every look."""
    for look, options in LOOKS.items():
        app.page.set_viewport_size(options["viewport"])
        app.page.emulate_media(color_scheme=options["color_scheme"])
        app.page.mouse.move(0, 0)
        path = folder / f"app-{name}-{look}.png"
        assert len(app.page.screenshot(path=path, full_page=True, animations="disabled")) > 10_000


def test_app_pictures(app: App, folder: Path, tmp_path: Path) -> None:
    tool("anvil")
    tool("kubo")
    with Run(tmp_path / "devnet", *ANY_PORTS) as run:
        app.url = f"{run.ready['app']}/"
        app.page.goto(app.url)
        app.heading("You decide")
        take(app, folder, "welcome")
        app.follow(run.ready["request"])
        app.page.get_by_role("checkbox").first.check()
        take(app, folder, "request")
    with anvil_with_app() as (ledger, url):
        app.url = url
        move_in(app, ledger, len(BRANDS), tmp_path)
        unlocked(app)
        app.page.get_by_text("Checked on the chain").wait_for()
        take(app, folder, "list")
        app.page.get_by_role("link", name=BRANDS[0][0]).click()
        app.link("Receipt")
        app.heading("Receipt")
        take(app, folder, "receipt")


def test_the_documentation_shows_the_app_of_today() -> None:
    assert APP_RECORD.read_text() == app_sources(), "the app's pictures are old: make pictures"
    taken = {f"app-{name}-{look}.png" for name in TAKEN for look in LOOKS}
    assert {path.name for path in PICTURES.glob("app-*.png")} == taken
