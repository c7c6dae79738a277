"""Printing: results to stdout, everything else to stderr; words for people, JSON lines for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

Row = tuple[str, Any]


@dataclass(frozen=True)
class Output:
    """Where a command's words go."""

    as_json: bool = False
    verbosity: int = 0

    @cached_property
    def console(self) -> Console:
        """stdout."""
        from rich.console import Console

        return Console(highlight=False, soft_wrap=True)

    @cached_property
    def errors(self) -> Console:
        """stderr."""
        from rich.console import Console

        return Console(stderr=True, highlight=False, soft_wrap=True)

    def result(self, document: dict[str, Any], lines: Iterable[str]) -> None:
        """One result: the document with ``--json``, the lines without (plain text, no mark-up)."""
        if self.as_json:
            self.json_line(document)
            return
        for line in lines:
            self.line(line)

    def json_line(self, document: dict[str, Any]) -> None:
        """One JSON object on one line of stdout."""
        sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
        sys.stdout.flush()

    def line(self, text: str = "", style: str = "") -> None:
        """One line of a result. What a brand wrote is printed, never obeyed: control characters are shown."""
        self.console.print(visible(text), style=style or None, markup=False)

    def note(self, text: str) -> None:
        """A remark for people, to stderr."""
        self.errors.print(visible(text), markup=False)

    def log(self, text: str) -> None:
        """Shown with ``-v``, to stderr."""
        if self.verbosity:
            self.note(text)

    @contextmanager
    def working(self, what: str) -> Iterator[None]:
        """While something takes its time: a spinner on a terminal, a line with ``-v``."""
        self.log(f"{what} ...")
        if self.as_json or not sys.stderr.isatty():
            yield
            return
        with self.errors.status(visible(what)):
            yield


def visible(text: str) -> str:
    """The text with control and bidirectional characters escaped, so that it cannot repaint a terminal."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def table(rows: Iterable[Row]) -> list[str]:
    """Lines "name   value", aligned."""
    pairs = [(name, str(value)) for name, value in rows]
    width = max((len(name) for name, _ in pairs), default=0)
    return [f"{name:<{width}}  {value}".rstrip() for name, value in pairs]
