"""A sample of what `make bench` measures of the app: its first visit, and a list that is longer than the window."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from registry.ledger.rpc import RpcLedger
from tests.support.app_crowd import anvil_with_app, move_in, unlocked
from tests.support.app_speed import scrolled, usable_after
from tests.support.app_stage import App
from tests.support.tools import tool

pytestmark = pytest.mark.slow
ROWS = 300
# A busy machine may be some times slower than the goals of `make bench` allow.
PATIENCE = 4


@pytest.fixture(scope="module")
def app_on_chain() -> Iterator[tuple[RpcLedger, str]]:
    tool("anvil")
    with anvil_with_app() as made:
        yield made


def test_a_first_visit_is_usable_soon(chromium: Any, app_on_chain: tuple[RpcLedger, str]) -> None:
    assert median(usable_after(chromium, app_on_chain[1], 4) for _ in range(3)) < 1 * PATIENCE


def test_a_long_list_is_light_and_has_no_holes(
    chromium: Any, app_on_chain: tuple[RpcLedger, str], tmp_path: Path
) -> None:
    ledger, url = app_on_chain
    app = App(chromium, url, viewport={"width": 412, "height": 915}, has_touch=True)
    move_in(app, ledger, ROWS, tmp_path)
    unlocked(app)
    app.page.get_by_text("Checked on the chain").wait_for()
    assert app.page.get_by_text(f"{ROWS} brands").is_visible()
    frames = scrolled(app, 3000, 3000)
    assert frames.rate > 55 / PATIENCE and frames.holes == 0
    assert app.page.locator(".rows li").count() < 60
    last = app.page.locator(".rows li").last
    app.page.evaluate("() => scrollTo(0, document.body.scrollHeight)")
    app.page.get_by_text(f" {ROWS - 1}", exact=False).last.wait_for()
    assert last.get_attribute("aria-posinset") == last.get_attribute("aria-setsize") == str(ROWS)
    app.close()
    assert app.troubles == []
