"""What one page has been told and has said: claimed once, answered once. No HTTP here, only the rules.

The terminal's thread calls `put`, `wait` and `end`; the threads of the page's requests call the rest. Who may speak
is settled with two secrets. The *token* stands in the URL, which other programs may get to see (a browser's command
line does), so it is worth something once: the first page that shows it is given a *key* and owns the session, and
whoever comes later with the same URL is told so. The page keeps its key for its own tab alone (sessionStorage), so
a reload goes on where it was; a person whose wallet lives in another browser asks their page for a new link.
"""

from __future__ import annotations

import hmac
import secrets
import threading
import time
from collections import deque
from typing import Any, NamedTuple

MAX_EXTENSIONS = 10
# How long a page's question for news waits for some, and how long a page that closed may take to come back: a
# reload does, and its questions must come more often than that.
HOLD_SECONDS = 2.0
RELOAD_SECONDS = 5.0
FAREWELL_SECONDS = 3.0
# A page that is there asks for news every few seconds, in the background too: after so long its browser has crashed.
SILENCE_SECONDS = 90.0
# Short, so that Ctrl-C is noticed where waiting cannot be interrupted.
_TICK = 0.2
# The longest that passes between two ticks of a computer that is awake.
_AWAKE = 5 * _TICK

# What a page may say, and in which stage; problems may be said in both.
_STAGES = {"account": ("account",), "answer": ("question",), "stop": ("account", "question")}


class Said(NamedTuple):
    """What the page, or its silence, says: account, answer, problem or stop, and the value that goes with it."""

    event: str
    value: Any


class Page:
    """One session with one page. ``seconds`` is the time limit, which the person may extend on the page."""

    def __init__(self, seconds: float, **state: Any) -> None:
        self.token = secrets.token_urlsafe(32)
        self._key = ""
        self._state: dict[str, Any] = {"number": 1, "stage": "account", **state}
        self._said: deque[Said] = deque()
        self._changed = threading.Condition()
        self._seconds, self._extensions = seconds, 0
        self._deadline = time.monotonic() + seconds
        self._left_at: float | None = None
        self._silent = 0.0
        self._took_leave = False
        self._asked = 0
        self._told_of_strangers = False

    def put(self, **members: Any) -> None:
        """Show the page something else."""
        with self._changed:
            self._put(**members)

    def wait(self) -> Said:
        """The next thing that the page says. The time limit and a page that is gone are ``stop`` too."""
        with self._changed:
            before = time.monotonic()
            while not self._said:
                now = time.monotonic()
                # A computer that slept is no page that was silent.
                self._silent += min(now - before, _AWAKE)
                before = now
                if code := self._gave_up(now):
                    # Whatever the page says from here on comes too late: no wallet is asked any more.
                    self._put(stage="busy")
                    return Said("stop", code)
                self._changed.wait(_TICK)
            return self._said.popleft()

    def _gave_up(self, now: float) -> str:
        if now >= self._deadline:
            return "timeout"
        if self._key and self._left_at is None and self._silent >= SILENCE_SECONDS:
            self._left_at = now - RELOAD_SECONDS
        return "closed" if self._left_at is not None and now >= self._left_at + RELOAD_SECONDS else ""

    def end(self, code: str, detail: str = "") -> bool:
        """How it ended, for the page to hear; nothing is taken from it any more. May its wallet have sent something?"""
        with self._changed:
            self._put(stage="done", outcome={"code": code, "detail": detail}, question=None)
            return self._asked > 0

    def farewell(self) -> None:
        """Wait for the page to hear how it ended, as long as a page that is there takes."""
        with self._changed:
            if self._key and self._left_at is None:
                self._changed.wait_for(lambda: self._took_leave, FAREWELL_SECONDS)

    def claim(self, token: str, stranger: bool = False) -> str | None:
        """The key for the first who shows the token; "" for whoever shows it later, None for a wrong one.

        A ``stranger`` who shows it gets nothing, and the terminal is told, once.
        """
        with self._changed:
            if not _equal(token, self.token):
                return None
            if stranger:
                if not self._told_of_strangers:
                    self._said.append(Said("problem", "stranger"))
                self._told_of_strangers = True
                return None
            if self._key:
                return ""
            self._key, self._silent = secrets.token_urlsafe(32), 0.0
            return self._key

    def owns(self, key: str) -> bool:
        """Is this the owner's key? If so the page is there, whatever it said before."""
        with self._changed:
            if not self._key or not _equal(key, self._key):
                return False
            self._left_at, self._silent = None, 0.0
            return True

    def news(self, seen: int) -> dict[str, Any]:
        """The state, as soon as its number is greater than ``seen``, or after a while as it is."""
        with self._changed:
            self._changed.wait_for(lambda: self._state["number"] > seen, HOLD_SECONDS)
            return self._state | {"left": max(0.0, self._deadline - time.monotonic())}

    def say(self, event: str, value: Any) -> bool:
        """Take what the page says, if it may say that now: one account, one answer."""
        with self._changed:
            if self._state["stage"] not in _STAGES.get(event, ("account", "question")):
                return False
            self._said.append(Said(event, value))
            if event in _STAGES:
                self._put(stage="busy")
            self._changed.notify_all()
            return True

    def ask(self, more: int) -> bool:
        """The page is about to ask the wallet to send (1), or the wallet clearly did not (-1); may it go on?"""
        with self._changed:
            if self._state["stage"] != "question":
                return False
            self._asked = max(0, self._asked + more)
            self._put(asked=self._asked)
            return True

    def leave(self) -> None:
        """The page closes, or is loaded again."""
        with self._changed:
            self._left_at = time.monotonic()

    def take_leave(self) -> None:
        """The page has heard how it ended."""
        with self._changed:
            self._took_leave = True
            self._changed.notify_all()

    def extend(self) -> None:
        """As much time again, from now: ten times, which is what WCAG 2.2.1 asks for."""
        with self._changed:
            if self._extensions < MAX_EXTENSIONS:
                self._extensions += 1
                self._deadline = time.monotonic() + self._seconds
                self._put()

    def hand_on(self) -> str:
        """A new token, for a page in another browser; this page's key is worth nothing from now on."""
        with self._changed:
            self.token, self._key = secrets.token_urlsafe(32), ""
            return self.token

    def _put(self, **members: Any) -> None:
        self._state = {**self._state, **members, "number": self._state["number"] + 1}
        self._changed.notify_all()


def _equal(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())
