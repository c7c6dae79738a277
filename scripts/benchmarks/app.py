"""The person's app in Chromium without a screen: its first visit, and one page with 5,000 consents.

"Usable" is the first moment after a button was painted when the page is free to answer; the browser's processor is
slowed four times, and the server is on this machine. The 5,000 consents are real grants on a chain, sealed as the app
seals them. Frames are those that the page could make (`requestAnimationFrame`, at most 60 a second) under a finger's
gesture; a graphics card and a screen are not part of it.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from scripts.benchmarks.figures import Figure
from tests.support.app_crowd import anvil_with_app, move_in, unlocked
from tests.support.app_files import first_load
from tests.support.app_speed import heap, scrolled, slowed, usable_after
from tests.support.app_stage import App
from tests.support.browsers import launched

STARTS = 7
ROWS = 5000
SLOWER = 4
PIXELS, SPEED = 15_000, 3000


def measure() -> Iterator[Figure]:
    """First the visit without a key, then the list."""
    yield Figure("load before unlocking, gzipped", sum(first_load().values()) / 1000, "KB", "<= 110")
    with anvil_with_app() as (ledger, url), launched() as chromium:
        starts = [usable_after(chromium, url, SLOWER) for _ in range(STARTS)]
        yield Figure(
            "first visit until it is usable, the processor slowed four times (median)", median(starts), "s", "<= 1"
        )
        with _crowded(chromium, ledger, url) as app:
            yield from _list(app)


def _list(app: App) -> Iterator[Figure]:
    began = time.perf_counter()
    unlocked(app)
    yield Figure("unlock until the list of 5,000 consents is shown", time.perf_counter() - began, "s")
    began = time.perf_counter()
    app.page.get_by_text("Checked on the chain").wait_for(timeout=300_000)
    yield Figure("until all 5,000 are checked on the chain", time.perf_counter() - began, "s")
    frames = scrolled(app, PIXELS, SPEED)
    yield Figure("5,000 consents scroll", frames.rate, "frames/s", ">= 55")
    yield Figure("of the time between two frames, the 95th percentile", frames.slow, "ms", "<= 18.2")
    yield Figure("frames with a hole in the list", frames.holes, "", "<= 0")
    slowed(app, SLOWER)
    yield Figure("the same scrolling, the processor slowed four times", scrolled(app, PIXELS, SPEED).rate, "frames/s")
    yield Figure("memory of JavaScript with 5,000 consents", heap(app), "MB")


@contextmanager
def _crowded(chromium: Any, ledger: Any, url: str) -> Iterator[App]:
    app = App(chromium, url, viewport={"width": 412, "height": 915}, has_touch=True)
    try:
        with tempfile.TemporaryDirectory() as folder:
            move_in(app, ledger, ROWS, Path(folder))
        yield app
    finally:
        app.close()
