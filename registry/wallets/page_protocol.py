"""The state of one session with a page, and the rules of its protocol, without HTTP.

The terminal's thread calls `put`, `wait` and `end`; the threads of the page's requests call the rest. Two secrets
decide which page may answer. Other programs can see the *token* in the URL, so it is good once: the first page that
shows it gets a *key* and owns the session. The page keeps the key in sessionStorage, so a reload continues the session.
To go on in another browser, the person asks the page for a new link.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import deque
from typing import Any, NamedTuple

MAX_EXTENSIONS = 10
# A request for news is held this long. It must be shorter than RELOAD_SECONDS.
HOLD_SECONDS = 2.0
# A page that reloads comes back within this time. Its file is asked for before the old page says that it closes.
RELOAD_SECONDS = 5.0
FAREWELL_SECONDS = 3.0
# An open page asks for news every few seconds, in the background too. After this long its browser has crashed.
SILENCE_SECONDS = 90.0
# Some systems cannot interrupt a wait, so waits are short enough for Ctrl-C.
_TICK = 0.2
# The longest time between two ticks unless the computer slept.
_MAX_TICK = 5 * _TICK

# The stages in which a page may send each event; a problem may come in both.
_STAGES = {"account": ("account",), "answer": ("question",), "stop": ("account", "question")}


class Message(NamedTuple):
    """A message from the page: "account", "answer", "problem" or "stop", with its value. Silence is a "stop" too."""

    event: str
    value: Any


class Page:
    """One session with one page. ``seconds`` is the time limit, which the person may extend on the page."""

    def __init__(self, seconds: float, **state: Any) -> None:
        self.token = secrets.token_urlsafe(32)
        self._key = ""
        self._state: dict[str, Any] = {"number": 1, "stage": "account", **state}
        self._messages: deque[Message] = deque()
        self._changed = threading.Condition()
        self._seconds, self._extensions = seconds, 0
        self._deadline = time.monotonic() + seconds
        self._closed_at: float | None = None
        self._loaded_at = -RELOAD_SECONDS
        self._silence = 0.0
        # The page has heard how the session ended.
        self.heard_end = threading.Event()
        self._pending_sends = 0
        self._reported_stranger = False

    def put(self, **members: Any) -> None:
        """Change the state that the page shows."""
        with self._changed:
            self._state = {**self._state, **members, "number": self._state["number"] + 1}
            self._changed.notify_all()

    def wait(self) -> Message:
        """Return the page's next message. The time limit and a closed page give a ``stop`` too."""
        with self._changed:
            before = time.monotonic()
            while not self._messages:
                now = time.monotonic()
                # While the computer slept, the page could not ask: count a tick only.
                self._silence += min(now - before, _MAX_TICK)
                before = now
                if code := self._expired(now):
                    # Later messages from the page are refused, and it asks no wallet any more.
                    self.put(stage="busy")
                    return Message("stop", code)
                self._changed.wait(_TICK)
            return self._messages.popleft()

    def _expired(self, now: float) -> str:
        if now >= self._deadline:
            return "timeout"
        if self._key and self._closed_at is None and self._silence >= SILENCE_SECONDS:
            self._closed_at = now - RELOAD_SECONDS
        return "closed" if self._closed_at is not None and now >= self._closed_at + RELOAD_SECONDS else ""

    def end(self, code: str, detail: str = "") -> bool:
        """Tell the page how the session ended, and take no more messages; return whether its wallet may have sent."""
        with self._changed:
            self.put(stage="done", outcome={"code": code, "detail": detail}, question=None)
            return self._pending_sends > 0

    def farewell(self) -> None:
        """Wait until the page has heard how the session ended, if it is open."""
        if self._key and self._closed_at is None:
            self.heard_end.wait(FAREWELL_SECONDS)

    def claim(self, token: str, stranger: bool = False) -> str | None:
        """Return the key to the first page that shows the token, "" to later ones, and None for a wrong token.

        A ``stranger``, another user's page, gets None too, and the terminal reports it once.
        """
        with self._changed:
            if not _equal(token, self.token):
                return None
            if stranger:
                if not self._reported_stranger:
                    self._messages.append(Message("problem", "stranger"))
                self._reported_stranger = True
                return None
            if self._key:
                return ""
            self._key, self._silence = secrets.token_urlsafe(32), 0.0
            self._loaded_at = -RELOAD_SECONDS  # this page has arrived
            return self._key

    def owns(self, key: str) -> bool:
        """Tell whether this is the owner's key. If so, the page is open, even if it has said that it closes."""
        with self._changed:
            if not self._key or not _equal(key, self._key):
                return False
            self._closed_at, self._silence = None, 0.0
            return True

    def news(self, seen: int) -> dict[str, Any]:
        """Return the state as soon as its number is above ``seen``, or unchanged after HOLD_SECONDS."""
        with self._changed:
            self._changed.wait_for(lambda: self._state["number"] > seen, HOLD_SECONDS)
            return self._state | {"left": max(0.0, self._deadline - time.monotonic())}

    def say(self, event: str, value: Any) -> bool:
        """Accept a message, if its event is allowed in this stage: one account, one answer. Return whether it was."""
        with self._changed:
            if self._state["stage"] not in _STAGES.get(event, ("account", "question")):
                return False
            self._messages.append(Message(event, value))
            if event in _STAGES:
                self.put(stage="busy")
            self._changed.notify_all()
            return True

    def ask(self, more: int) -> bool:
        """Note that the page will ask the wallet to send (1), or that the wallet clearly did not (-1); may it go on?"""
        with self._changed:
            if self._state["stage"] != "question":
                return False
            self._pending_sends = max(0, self._pending_sends + more)
            self.put(asked=self._pending_sends)
            return True

    def load(self) -> None:
        """Note that a browser loads the page, for the first time or again."""
        with self._changed:
            self._loaded_at = time.monotonic()

    def leave(self) -> None:
        """Note that the page reloads, if it was loaded just before, or else that it closes, which ends the wait."""
        with self._changed:
            now = time.monotonic()
            reloads = now < self._loaded_at + RELOAD_SECONDS
            self._closed_at = now if reloads else now - RELOAD_SECONDS
            self._changed.notify_all()

    def extend(self) -> None:
        """Restart the time limit, up to ten times, as WCAG 2.2.1 asks."""
        with self._changed:
            if self._extensions < MAX_EXTENSIONS:
                self._extensions += 1
                self._deadline = time.monotonic() + self._seconds
                self.put()

    def hand_on(self) -> str:
        """Return a new token for a page in another browser, and revoke this page's key."""
        with self._changed:
            self.token, self._key = secrets.token_urlsafe(32), ""
            return self.token


def _equal(given: str, wanted: str) -> bool:
    return secrets.compare_digest(given.encode("utf-8", "replace"), wanted.encode())
