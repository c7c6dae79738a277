"""Printing: results to stdout, everything else to stderr; words for people, JSON lines for programs.

On a terminal lines wrap at spaces, under the column that they belong to. Elsewhere a line stays one line, so that
``grep`` and ``cut`` work.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TextIO

from registry.present.text import Line, visible

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status

MIN_ROOM = 20  # a narrower column is harder to read than a line that runs over


@dataclass(frozen=True)
class Output:
    """Where a command prints."""

    as_json: bool = False
    verbosity: int = 0
    _spinners: list[Status] = field(default_factory=list, repr=False, compare=False)
    _progress: list[str] = field(default_factory=list, repr=False, compare=False)

    @cached_property
    def _errors(self) -> Console:
        from rich.console import Console

        return Console(stderr=True, highlight=False)

    def result(self, document: dict[str, Any], lines: Iterable[str | Line]) -> None:
        """Print one result: the document with ``--json``, else the lines (plain text, no mark-up)."""
        if self.as_json:
            self.json_line(document)
            return
        for line in lines:
            self.line(line)

    def json_line(self, document: dict[str, Any]) -> None:
        """Print one JSON object on one line of stdout."""
        text = json.dumps(document, ensure_ascii=False)
        # JSON escapes only U+0000 to U+001F, but terminals obey more control characters.
        sys.stdout.write(visible(text, escape=lambda c: json.dumps(c)[1:-1]) + "\n")
        sys.stdout.flush()

    def line(self, line: str | Line = "", style: str = "") -> None:
        """Print one line of a result, with control characters spelled out: a terminal must not obey a brand's words."""
        _print(line if isinstance(line, Line) else Line(line, 0, style), sys.stdout)

    def note(self, line: str | Line, style: str = "") -> None:
        """Print a remark for people to stderr."""
        _print(line if isinstance(line, Line) else Line(line, 0, style), sys.stderr)

    def log(self, text: str) -> None:
        """Print to stderr, only with ``-v``."""
        if self.verbosity:
            self.note(text)

    @contextmanager
    def working(self, what: str) -> Iterator[None]:
        """Show a spinner on a terminal while the block runs, or a line with ``-v``."""
        self.log(f"{what} ...")
        if self.as_json or self.verbosity or not sys.stderr.isatty():
            yield
            return
        from rich.text import Text  # a file's name may look like mark-up

        with self._errors.status(Text(visible(what))) as spinner:
            self._spinners.append(spinner)
            try:
                yield
            finally:
                self._spinners.pop()

    def progress(self, text: str) -> None:
        """Show how far the work is, in place of the spinner's words or as a line with ``-v``; never twice the same."""
        if self._progress == [text]:
            return
        self._progress[:] = [text]
        self.log(text)
        if self._spinners:
            from rich.text import Text

            self._spinners[-1].update(Text(visible(text)))

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Stop the spinner while a person reads and answers."""
        for spinner in reversed(self._spinners):
            spinner.stop()
        try:
            yield
        finally:
            for spinner in self._spinners:
                spinner.start()


def wrap(text: str, width: int, hang: int = 0) -> list[str]:
    """Break text at spaces into lines of ``width`` cells; an address or a path stays whole, so it can be copied."""
    from rich.cells import cell_len

    hang = max(hang, len(text) - len(text.lstrip(" ")))
    lines, room = [""], max(width - hang, MIN_ROOM)
    for word in text[hang:].split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if lines[-1] and cell_len(longer) > room:
            lines.append(word)
        else:
            lines[-1] = longer
    return [text[:hang] + lines[0], *(" " * hang + line for line in lines[1:])]


def _print(line: Line, stream: TextIO) -> None:
    text = visible(line.text)
    if not stream.isatty():
        stream.write(text + "\n")
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(file=stream, highlight=False, emoji=False, markup=False)
    styled = "" if os.environ.get("NO_COLOR") else line.style
    for number, piece in enumerate(wrap(text, console.width, line.hang)):
        shown = Text(piece)
        if styled and (number == 0 or not line.hang):
            shown.stylize(styled, 0, line.hang or len(piece))
        console.print(shown, soft_wrap=True)
