"""What goes wrong between the person's app and everybody else: each request can fail, before it arrives or after."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

from tests.support.app_stage import App

PATIENCE = 60.0
BLANK_SECONDS = 4.0
# The app works without answers for so long before the person opens it again.
CUT_SECONDS = 1.5
SLOW_MILLISECONDS = 1500
ONCE = ("before", "after", "500", "garbage", "slow")
FAULTS = (*ONCE, "cut before", "cut after", "reload before", "reload after")
_KINDS = {
    "config": r"GET .*/config\.json$",
    "code": r"GET .*/assets/[^/]+\.js$",
    "request": r"GET .*/r/0x[0-9a-f]{64}$",
    "profile": r"GET .*/\.well-known/consent\.json$",
    "info": r"GET .*/v1/info$",
    "promise": r"POST .*/v1/commitments$",
    "progress": r"GET .*/v1/commitments/0x[0-9a-f]{64}$",
    "deliver": r"POST .*/v1/evidence$",
    "end": r"POST .*/v1/revocations$",
    "told": r"POST .*/v1/grants/[0-9a-f]{32}/ended$",
    "brand": r"GET .*/v1/grants/[0-9a-f]{32}(/\w+)?$",
    "rpc": r"POST http://127\.0\.0\.1:\d+/?$",
}
_LOOK = """() => [document.querySelector("h1")?.innerText ?? "",
  [...document.querySelectorAll("button:not(:disabled)")].map((each) => each.innerText.trim().split("\\n")[0])]"""


class Fault(NamedTuple):
    """The ``nth`` request of a kind (from 1) goes wrong in this way."""

    kind: str
    nth: int
    way: str


def kind_of(request: Any) -> str:
    """Return which step of the app this request is; empty for pictures, styles and the page itself."""
    line = f"{request.method} {request.url}"
    return next((kind for kind, pattern in _KINDS.items() if re.fullmatch(pattern, line)), "")


class Line:
    """The line between one app and the world. ``bodies`` has what was sent by kind, ``counts`` how often."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.fault: Fault | None = None
        self.reset()
        app.context.route("**/*", self._route)

    def reset(self, fault: Fault | None = None) -> None:
        """Count from here on, and let this go wrong."""
        self.fault, self.has_failed, self.is_cut = fault, False, False
        self.counts: Counter[str] = Counter()
        self.bodies: dict[str, set[str]] = {}
        self._failed_at = 0.0

    @property
    def wants_reopening(self) -> bool:
        """Whether the person opens the app again now."""
        if not self.is_cut or self.fault is None:
            return False
        seconds = 0.0 if self.fault.way.startswith("reload") else CUT_SECONDS
        return time.monotonic() > self._failed_at + seconds

    def _route(self, route: Any) -> None:
        kind = kind_of(route.request)
        if kind:
            self.counts[kind] += 1
            self.bodies.setdefault(kind, set()).add(route.request.post_data or "")
        if self.is_cut:
            return self._abort(route)
        fault = self.fault
        if fault is None or self.has_failed or (kind, self.counts[kind]) != (fault.kind, fault.nth):
            return self._quietly(route.continue_)
        self.has_failed, self._failed_at = True, time.monotonic()
        self.is_cut = fault.way.startswith(("cut", "reload"))
        self._fail(route, fault.way)
        return None

    def _fail(self, route: Any, way: str) -> None:
        headers = {"access-control-allow-origin": "*"}
        if way == "500":
            return self._quietly(lambda: route.fulfill(status=500, body="broken", headers=headers))
        if way == "garbage":
            return self._quietly(lambda: route.fulfill(status=200, body="<html>[{", headers=headers))
        if way == "slow":
            self.app.page.wait_for_timeout(SLOW_MILLISECONDS)
            return self._quietly(route.continue_)
        if way.endswith("after"):
            self._quietly(route.fetch)
        return self._abort(route)

    def _abort(self, route: Any) -> None:
        self._quietly(route.abort)

    @staticmethod
    def _quietly(work: Callable[[], Any]) -> None:
        """A page that was closed meanwhile waits for no answer."""
        try:
            work()
        except Exception as error:
            if "closed" not in str(error) and "handled" not in str(error):
                raise


class Hand:
    """A person at the app, who presses what a person would press, and opens the app again when it is dead."""

    def __init__(self, app: App, line: Line) -> None:
        self.app, self.line = app, line
        self.pressed: Counter[str] = Counter()
        self._blank_since = 0.0

    def until(self, goal: str, presses: dict[str, str]) -> None:
        """Go on until this heading is there. ``presses`` maps a heading's part to the button that is pressed there."""
        deadline = time.monotonic() + PATIENCE
        heading, buttons = "", list[str]()
        while time.monotonic() < deadline:
            if self.line.wants_reopening:
                self._reopen()
            heading, buttons = self._look()
            if heading == goal:
                return
            self._act(heading, buttons, presses)
            self.app.page.wait_for_timeout(100)
        text = self.app.page.locator("body").inner_text()
        raise AssertionError(f"{goal!r} did not come, but {heading!r} {buttons} {text!r} {self.line.counts}")

    def _reopen(self) -> None:
        self.line.is_cut = False
        self.app.page.reload()

    def _act(self, heading: str, buttons: list[str], presses: dict[str, str]) -> None:
        if not self._is_alive(heading):
            self._reopen()
            return
        wanted = next((name for part, name in presses.items() if part in heading and name in buttons), None)
        if wanted is None:
            return
        if heading.endswith("asks you"):
            for box in self.app.page.get_by_role("checkbox").all():
                box.check()
        self.pressed[wanted] += 1
        self.app.press(wanted)

    def _is_alive(self, heading: str) -> bool:
        if heading:
            self._blank_since = 0.0
        elif not self._blank_since:
            self._blank_since = time.monotonic()
        return not self._blank_since or time.monotonic() < self._blank_since + BLANK_SECONDS

    def _look(self) -> tuple[str, list[str]]:
        try:
            heading, buttons = self.app.page.evaluate(_LOOK)
        except Exception as error:
            # The page is being loaded.
            if "context" not in str(error) and "navigat" not in str(error):
                raise
            return "", []
        return str(heading), list(buttons)


def signatures_in(bodies: set[str]) -> set[str]:
    """The signatures of the statements in what a brand got."""
    found = [json.loads(body) for body in bodies]
    return {str(each.get("evidence", each)["signature"]) for each in found}
