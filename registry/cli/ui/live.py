"""A devnet's events as they come: in place on a terminal, else as lines, or as JSON lines."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from registry.cli.ui.output import Output
from registry.devnet.watching import Event, Watcher
from registry.present.text import NAME, Line, visible

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

EVENTS = 10
_KIND_WIDTH = 14
# time, kind
_HANG = 10 + _KIND_WIDTH


def details(one: Event) -> str:
    """Return the details of an event on one line."""
    more = one.more
    if one.kind == "blocks":
        return f"{more['first']:,}" if more["first"] == more["last"] else f"{more['first']:,} to {more['last']:,}"
    if one.kind == "pins":
        return f"{more['blocks']:,} blocks, {more['bytes']:,} bytes"
    if one.kind == "reorganised":
        return f"the chain ends at block {more['block']:,} now"
    if "why" in more:
        return str(more["why"])
    return f"{more['subject']}  block {more['block']:,}"


def clock(seconds: int) -> str:
    """Return the local time of day."""
    return time.strftime("%H:%M:%S", time.localtime(seconds))


def counted(watcher: Watcher) -> list[tuple[str, str]]:
    """Return (name, number) of blocks, anchors, revocations and pinned blocks."""
    counts = watcher.counts
    return [
        ("block", f"{watcher.tip.number:,}"),
        ("anchors", f"{counts['anchor']:,}"),
        ("revocations", f"{counts['revocation']:,}"),
        ("revoke-alls", f"{counts['revoke-all']:,}"),
        ("pinned", f"{watcher.pins.blocks:,}"),
    ]


@contextmanager
def viewing(out: Output) -> Iterator[Callable[[Sequence[Event], Watcher], None]]:
    """Yield the function that shows new events, and how much there is by now, as it suits the output."""
    if out.as_json or not sys.stdout.isatty():
        yield partial(_print, out)
    else:
        from rich.console import Console
        from rich.live import Live

        console = Console(highlight=False, emoji=False, markup=False)
        with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
            yield _Screen(live).show


def _print(out: Output, news: Sequence[Event], _watcher: Watcher) -> None:
    for one in news:
        line = Line(f"{clock(one.time)}  {one.kind:<{_KIND_WIDTH}}{details(one)}", _HANG)
        out.result({"event": one.kind, "time": one.time, **one.more}, [line])
    sys.stdout.flush()


class _Screen:
    """Redraws only for new events, so that nothing moves on an idle devnet."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._events: deque[Event] = deque(maxlen=EVENTS)
        self._drawn = False

    def show(self, news: Sequence[Event], watcher: Watcher) -> None:
        if news or not self._drawn:
            self._events.extend(news)
            self._live.update(self._page(watcher), refresh=True)
            self._drawn = True

    def _page(self, watcher: Watcher) -> RenderableType:
        from rich.text import Text

        page = Text(no_wrap=True, overflow="ellipsis")
        for name, number in counted(watcher):
            page.append(f"{name} ").append(number, "bold").append("   ")
        page.append("\n\n" if self._events else "\n\nNothing has happened since it started.\n")
        for one in self._events:
            page.append(f"{clock(one.time)}  ").append(f"{one.kind:<{_KIND_WIDTH}}", NAME)
            page.append(f"{visible(_short(one))}\n")
        return page.append("\nCtrl-C ends it; its data stays.", "dim")


def _short(one: Event) -> str:
    """Do as `details` does, with only the two ends of a long hash."""
    text = details(one)
    subject = str(one.more.get("subject", ""))
    return text.replace(subject, f"{subject[:12]}...{subject[-8:]}") if len(subject) > 42 else text
