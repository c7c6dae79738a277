"""Statements that SQLAlchemy writes in another way for each database."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Executable, Table
from sqlalchemy.dialects import postgresql, sqlite


class InsertNew:
    """``INSERT .. ON CONFLICT DO NOTHING RETURNING`` the primary key: None for a row that is there already."""

    def __init__(self, table: Table) -> None:
        key = tuple(table.primary_key)
        self._forms: dict[str, Executable] = {
            "sqlite": sqlite.insert(table).on_conflict_do_nothing().returning(*key),
            "postgresql": postgresql.insert(table).on_conflict_do_nothing().returning(*key),
        }

    def __call__(self, connection: Connection, values: dict[str, Any]) -> Any:
        return connection.execute(self._forms[connection.dialect.name], values).scalar_one_or_none()
