"""How fast the person's app is in Chromium: until it can be used, and while a long list scrolls."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

from tests.support.app_stage import App

# The first moment after a control was painted when the page is free to answer.
_WATCH = """
new MutationObserver((_, observer) => {
  if (!document.querySelector("main button")) return;
  observer.disconnect();
  requestAnimationFrame(() => setTimeout(() => (window.usableAt = performance.now())));
}).observe(document, { childList: true, subtree: true });
"""
# Times of frames, and in how many of them the middle of the window shows no row of the list.
_RECORD = """() => {
  const times = [];
  let holes = 0;
  const each = (time) => {
    times.push(time);
    const there = document.elementFromPoint(innerWidth / 2, innerHeight / 2);
    if (!there?.closest(".rows li")) holes += 1;
    if (!window.isOver) requestAnimationFrame(each);
  };
  window.isOver = false;
  window.frames_ = () => ((window.isOver = true), { times, holes });
  requestAnimationFrame(each);
}"""


class Frames(NamedTuple):
    """Frames a second, the 95th percentile of the time between two (ms), and how many showed a hole in the list."""

    rate: float
    slow: float
    holes: int


def slowed(app: App, times: float) -> None:
    """Let the page's processor be so many times slower."""
    app.context.new_cdp_session(app.page).send("Emulation.setCPUThrottlingRate", {"rate": times})


def usable_after(chromium: Any, url: str, slower: float) -> float:
    """Return the seconds from the start of a first visit until the page can be used."""
    app = App(chromium, url)
    try:
        app.page.add_init_script(_WATCH)
        slowed(app, slower)
        app.page.goto(url)
        found = app.page.wait_for_function("() => window.usableAt", timeout=30_000)
        return float(found.json_value()) / 1000
    finally:
        app.close()


def longest_task(browser: Any, page: Any, work: Callable[[], Any]) -> float:
    """Return the processor time (ms) of the longest task of the page's main thread during this work.

    Other programs on the machine make a task take longer by the clock, but not by the thread's own time.
    """
    browser.start_tracing(page=page, categories=["toplevel"])
    try:
        work()
    finally:
        events = json.loads(browser.stop_tracing())["traceEvents"]
    names = [each for each in events if each["name"] == "thread_name" and each["args"]["name"] == "CrRendererMain"]
    threads = {(each["pid"], each["tid"]) for each in names}
    times = [each["tdur"] for each in events if (each["pid"], each["tid"]) in threads and "tdur" in each]
    return float(max(times)) / 1000


def scrolled(app: App, pixels: int, speed: int) -> Frames:
    """Scroll down by a finger's gesture, ``speed`` in pixels a second, and return what the frames were."""
    session = app.context.new_cdp_session(app.page)
    app.page.evaluate("() => scrollTo(0, document.querySelector('.rows').offsetTop + 2000)")
    app.page.wait_for_timeout(300)
    app.page.evaluate(_RECORD)
    gesture = {"x": 200, "y": 400, "yDistance": -pixels, "speed": speed, "preventFling": True}
    session.send("Input.synthesizeScrollGesture", gesture | {"gestureSourceType": "touch"})
    found = app.page.evaluate("() => window.frames_()")
    times = found["times"]
    gaps = sorted(later - time for time, later in pairwise(times))
    rate = len(gaps) * 1000 / (times[-1] - times[0])
    return Frames(rate, gaps[int(len(gaps) * 0.95)], found["holes"])


def heap(app: App) -> float:
    """Return the megabytes of JavaScript that the page holds, after its garbage was collected."""
    session = app.context.new_cdp_session(app.page)
    session.send("HeapProfiler.collectGarbage")
    session.send("Performance.enable")
    found = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
    return float(found["JSHeapUsedSize"]) / 1e6
