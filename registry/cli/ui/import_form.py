"""What is asked before a file is imported: the kind of its records, and the spelling of its dates and amounts."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TypeVar

from registry.cli.ui.output import Output
from registry.cli.ui.prompts import ask_text
from registry.core.errors import InvalidInput
from registry.present.text import table
from registry.vault.importers.columns import ColumnMap
from registry.vault.importers.csv_look import Look
from registry.vault.importers.plan import Question, Wishes, completed, map_of, questions
from registry.vault.importers.times import time_reader
from registry.vault.schemas.schemas import Schemas

_OPTIONS = {"timeFormat": "--dates", "decimalMark": "--decimal", "zone": "--zone"}
_ASKED = {
    "timeFormat": "How are dates written here, as in {sample!r}",
    "decimalMark": "Which mark stands before decimals, as in {sample!r}",
    "zone": "Which zone do times without one belong to, as {sample!r} (Europe/Paris, UTC, +01:00)",
}
_TRIES = 5
_T = TypeVar("_T")
_NO_SCHEMA = "the columns do not say what kind of records these are"


class ImportForm:
    """Completes the column map of a file: by options, and at a terminal by questions. Nothing is guessed."""

    def __init__(self, out: Output, schemas: Schemas) -> None:
        self._out, self._schemas = out, schemas

    def map_for(self, name: str, look: Look, wishes: Wishes, saved: ColumnMap | None) -> ColumnMap:
        """Return the whole map of the file ``name``; ``InvalidInput`` says what is missing where nobody can answer."""
        if saved is None:
            wishes = wishes._replace(schema=wishes.schema or look.schema or self._ask_schema())
            self._schemas.get(wishes.schema or "")
            columns = map_of(look, wishes)
            self._show(name, columns)
            if sys.stdin.isatty() and columns.source is None:
                source = ask_text("Where is it from? The same name for each export of this kind, or nothing")
                columns = completed(columns, Wishes(source=source or None))
        else:
            columns = completed(saved, wishes)
        while asked := questions(columns, look):
            columns = self._answered(columns, look, asked[0])
        return columns

    def _show(self, name: str, columns: ColumnMap) -> None:
        self._out.note(f"{name}: records of {columns.schema}, from these columns:")
        for line in table([(one.column, one.member or "(left out)") for one in columns.columns], 2):
            self._out.note(line)

    def _ask_schema(self) -> str:
        known = ", ".join(self._schemas.names())
        if not sys.stdin.isatty():
            raise InvalidInput(_NO_SCHEMA, f"Name it with --schema: {known}.")
        self._out.note(f"{_NO_SCHEMA[0].upper()}{_NO_SCHEMA[1:]}. Schemas: {known}.")
        return _until_right(lambda: ask_text("Schema"), lambda text: self._schemas.get(text).name, self._out)

    def _answered(self, columns: ColumnMap, look: Look, question: Question) -> ColumnMap:
        if not sys.stdin.isatty():
            raise self._missing(question)
        what = _ASKED[question.member].format(sample=question.sample)
        for number, (choice, means) in enumerate(question.choices, 1):
            self._out.note(f"  {number}  {choice}  ({means})")

        def take(text: str) -> ColumnMap:
            is_number = text.isdecimal() and 1 <= int(text) <= len(question.choices)
            given = _as_wish(question.member, question.choices[int(text) - 1][0] if is_number else text)
            made = completed(columns, given)
            if made.time_format is not None:
                time_reader(made.time_format, made.zone or "UTC")  # refuses what makes no sense
            return made

        count = len(question.choices)
        numbers = f" (1{f' to {count}' if count > 1 else ''}, or write another)" if count else ""
        return _until_right(lambda: ask_text(f"{what}{numbers}"), take, self._out)

    @staticmethod
    def _missing(question: Question) -> InvalidInput:
        option = _OPTIONS[question.member]
        fits = " or ".join(
            f"{option} {choice}" if " " not in choice else f"{option} '{choice}'" for choice, _ in question.choices
        )
        told = f" These fit: {fits}." if fits else ""
        sample = f", as in {question.sample!r}" if question.sample else ""
        what = {"timeFormat": "how its dates are written", "decimalMark": "which mark stands before its decimals"}
        said = what.get(question.member, "which zone its times belong to")
        return InvalidInput(f"nobody said {said}{sample}", f"Name it with {option}.{told}")


def _as_wish(member: str, text: str) -> Wishes:
    if not text:
        raise InvalidInput("it cannot be left out", "Nothing is guessed.")
    if member == "timeFormat":
        return Wishes(dates=text)
    return Wishes(decimal=text) if member == "decimalMark" else Wishes(zone=text)


def _until_right(ask: Callable[[], str], take: Callable[[str], _T], out: Output) -> _T:
    for _ in range(_TRIES - 1):
        try:
            return take(ask())
        except InvalidInput as error:
            out.note(f"{error}. {error.advice}")
    return take(ask())
