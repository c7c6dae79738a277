"""What all parts of a store share: an engine, and how to read and change rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine, Executable

from registry.db.engine import reading, retrying, writing


class StorePart:
    """Some tables of a store. A store inherits several parts, so no two of them may name a method alike."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def _rows(self, query: Executable) -> Sequence[Any]:
        """Return all rows of a query."""
        return retrying(self._engine, lambda: self._rows_once(query))

    def _rows_once(self, query: Executable) -> Sequence[Any]:
        with reading(self._engine) as connection:
            return connection.execute(query).all()

    def _change(self, statement: Executable) -> None:
        """Run one statement that may be run twice."""
        retrying(self._engine, lambda: self._change_once(statement))

    def _change_once(self, statement: Executable) -> None:
        with writing(self._engine) as connection:
            connection.execute(statement)
