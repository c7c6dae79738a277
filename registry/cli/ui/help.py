"""Help pages: purpose, arguments, options and an example. Plain text in three colours, without loading rich."""

from __future__ import annotations

import os
import shutil
import textwrap
from collections.abc import Iterator
from typing import Any

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup

MAX_WIDTH = 100
_GAP = 2
_MAX_COLUMN = 26
PANELS = ("Start here", "For people", "For brands", "For anybody", "For operators", "Yours")


class Command(TyperCommand):
    """A command with a help page of this module."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Usage, purpose, arguments, options, example."""
        formatter.write("\n".join([*_head(self, ctx), *_parameters(self, ctx), *_example(self)]))


class Group(TyperGroup):
    """A command with commands of its own."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Usage, purpose, commands by panel, options, example."""
        commands = _sections(self.overview(ctx))
        formatter.write("\n".join([*_head(self, ctx), *commands, *_parameters(self, ctx), *_example(self)]))

    def overview(self, ctx: Any) -> dict[str, list[tuple[str, str]]]:
        """Return the names and summaries of the commands by panel."""
        helps = {name: self.commands[name].help or "" for name in self.list_commands(ctx)}
        return {"Commands": [(name, " ".join(text.split("\n\n")[0].split())) for name, text in helps.items()]}


def _head(command: Any, ctx: Any) -> Iterator[str]:
    pieces = " ".join(command.collect_usage_pieces(ctx)).replace("{", "").replace("}", "")
    yield f"{_style('Usage:', bold=True)} {ctx.command_path} {pieces}"
    for paragraph in (command.help or "").split("\n\n"):
        yield ""
        yield from _wrapped(" ".join(paragraph.split()))


def _parameters(command: Any, ctx: Any) -> Iterator[str]:
    panels: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
    for parameter in command.get_params(ctx):
        if getattr(parameter, "hidden", False):
            continue
        is_argument = isinstance(parameter, TyperArgument)
        title = getattr(parameter, "rich_help_panel", None) or ("Arguments" if is_argument else "Options")
        panels.setdefault(title, []).append((_left(parameter), _right(parameter)))
    yield from _sections(panels)


def _left(parameter: Any) -> str:
    if isinstance(parameter, TyperArgument):
        return str(parameter.display_name_raw)
    names = ", ".join(sorted(parameter.opts, key=len))
    return f"{names} {parameter.metavar}" if parameter.metavar else names


def _right(parameter: Any) -> str:
    required = " Required." if parameter.required and parameter.param_type_name == "option" else ""
    return f"{parameter.help or ''}{required}"


def _sections(panels: dict[str, list[tuple[str, str]]]) -> Iterator[str]:
    widest = max((len(left) for rows in panels.values() for left, _ in rows), default=0)
    column = min(widest + 2 * _GAP, _MAX_COLUMN)
    for title, rows in panels.items():
        if rows:
            yield from ("", _style(title, bold=True))
        for left, right in rows:
            yield from _row(left, _wrapped(right, column), column)


def _row(left: str, lines: list[str], column: int) -> Iterator[str]:
    name, room = f"{' ' * _GAP}{_style(left, fg='cyan')}", column - _GAP - len(left)
    if room < _GAP:
        yield from (name, *lines)
    else:
        yield from (f"{name}{' ' * room}{lines[0].lstrip()}", *lines[1:])


def _example(command: Any) -> Iterator[str]:
    if command.epilog:
        yield from ("", _style("Example", bold=True))
        for line in command.epilog.split("\n"):
            yield f"  {line.strip()}"


def _wrapped(text: str, indent: int = 0) -> list[str]:
    width = min(shutil.get_terminal_size().columns, MAX_WIDTH)
    space = " " * indent
    options: dict[str, Any] = {"break_long_words": False, "break_on_hyphens": False}
    return textwrap.wrap(text, width, initial_indent=space, subsequent_indent=space, **options) or [""]


def _style(text: str, **style: Any) -> str:
    # typer removes colours where the output is no terminal, but it does not know NO_COLOR.
    return text if os.environ.get("NO_COLOR") else typer.style(text, **style)
