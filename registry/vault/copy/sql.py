"""Answer SQL of a person's own over views of their records: it can read these, and nothing else, for a bounded time.

``records`` has every record that was not deleted. Each schema has a view of its own, named after it without the version
(``calendar-event/1`` is ``calendar_event``): a column for each member, and before them what every record has, with an
underscore (``_id``, ``_time``), so that no member hides it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

from registry.core.errors import InvalidInput
from registry.vault.copy.database import Database

if TYPE_CHECKING:
    from sqlcipher3.dbapi2 import Connection

MAX_ROWS = 10_000
MAX_SECONDS = 10.0
MAX_SQL = 100_000
# Of all rows together: bodies may have a mebibyte each.
MAX_CHARACTERS = 64 << 20
# SQLite asks after so many steps whether it may go on.
_STEPS = 1_000
_ERROR, _TOO_BIG, _INTERRUPT, _MISUSE, _AUTH, _RANGE = 1, 18, 9, 21, 23, 25  # SQLite's codes
_BY_THE_ASKER = {_ERROR, _TOO_BIG, _MISUSE, _AUTH, _RANGE}

_ADVICE = "Write one SELECT over records or a schema's view; nothing else can be read, and nothing written."

_TABLES = {"records", "versions", "facets", "json_each", "json_tree"}
_OF_SQLITE = ("sqlite_", "pragma_", "fts")
_FUNCTIONS = {
    "abs", "avg", "ceil", "ceiling", "coalesce", "concat", "concat_ws", "count", "cume_dist", "date", "datetime",
    "dense_rank", "exp", "first_value", "floor", "glob", "group_concat", "ifnull", "iif", "instr", "json",
    "json_array", "json_array_length", "json_extract", "json_group_array", "json_group_object", "json_object",
    "json_quote", "json_type", "json_valid", "julianday", "lag", "last_value", "lead", "length", "like", "ln",
    "log", "log10", "log2", "lower", "ltrim", "max", "min", "mod", "nth_value", "ntile", "nullif", "percent_rank",
    "pow", "power", "quote", "rank", "replace", "round", "row_number", "rtrim", "sign", "sqrt", "strftime",
    "string_agg", "substr", "substring", "sum", "time", "timediff", "total", "trim", "trunc", "typeof", "unicode",
    "unixepoch", "upper", "->", "->>",
}  # fmt: skip

# Subqueries, unlike joins, cost nothing where nobody asks for their column.
_VALUE = "(SELECT value FROM main.facets WHERE f = r.{0})"
_OF_ALL = ("id", "time", "tags")  # members of a record, which its line has
_COLUMNS = {
    "at": "strftime('%Y-%m-%dT%H:%M:%fZ', r.at / 1000000.0, 'unixepoch')",
    **{name: _VALUE.format(name) for name in ("category", "schema", "source")},
    "amount": "r.amount",
    "currency": "r.currency",
}
_LINE = "(SELECT line FROM main.versions WHERE v = r.v)"
# A view of a schema must not have these names; SQLite keeps the others to itself.
_TAKEN = {"records"}
_RESERVED = "sqlite_"


class Answer(NamedTuple):
    """The rows of an SQL query; ``is_cut`` says that there are more."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    is_cut: bool


def views(schemas: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """Return the statement of each view, for schemas ("purchase/1") with the members of their bodies."""
    members = dict[str, dict[str, None]]()
    for schema, names in schemas.items():
        members.setdefault(schema.split("/")[0], {}).update(dict.fromkeys(names))
    made = {view_name(schema): _view(schema, list(names)) for schema, names in members.items()}
    columns = [*_common(_LINE, ""), f"json_extract({_LINE}, '$.body') AS body"]
    return {"records": f"SELECT {', '.join(columns)} FROM main.records r", **made}  # noqa: S608


def view_name(schema: str) -> str:
    """Return the name of a schema's view."""
    name = schema.split("/")[0].replace("-", "_")
    return f"_{name}" if name in _TAKEN or name.startswith(_RESERVED) else name


def run(
    database: Database, sql: str, made: Mapping[str, str], rows: int = MAX_ROWS, seconds: float = MAX_SECONDS
) -> Answer:
    """Run one SELECT over the views. ``InvalidInput`` if it is none, takes longer, or reads anything else."""
    if len(sql) > MAX_SQL:
        raise InvalidInput(f"the SQL is longer than {MAX_SQL:,} characters")
    from sqlcipher3 import dbapi2

    with database.translated(), closing(database.second_connection()) as db:
        _restrict(db, made, seconds)
        try:
            cursor = db.execute(sql)
            if cursor.description is None:
                raise InvalidInput("this SQL asks for nothing", _ADVICE)
            columns = tuple(column[0] for column in cursor.description)
            found, is_cut = _some(cursor, rows)
        except (dbapi2.Error, dbapi2.Warning, ValueError) as error:
            raise _refusal(error, seconds) from error
    return Answer(columns, found, is_cut)


def _some(cursor: Iterable[tuple[Any, ...]], rows: int) -> tuple[list[tuple[Any, ...]], bool]:
    """Return the first rows, and whether there are more."""
    found, size = list[tuple[Any, ...]](), 0
    for row in cursor:
        size += sum(len(value) for value in row if isinstance(value, str | bytes))
        if len(found) == rows or size > MAX_CHARACTERS:
            return found, True
        found.append(row)
    return found, False


def _restrict(db: Connection, made: Mapping[str, str], seconds: float) -> None:
    for name, statement in made.items():
        db.execute(f"CREATE TEMP VIEW {_quoted(name)} AS {statement}")
    db.execute("PRAGMA query_only = ON")
    deadline = time.monotonic() + seconds
    db.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
    db.set_authorizer(_authorizer(made))


def _authorizer(made: Mapping[str, str]) -> Any:
    from sqlcipher3 import dbapi2

    tables = _TABLES | made.keys()
    allowed = {dbapi2.SQLITE_SELECT, dbapi2.SQLITE_RECURSIVE}

    def is_allowed(action: int, first: str | None, second: str | None, schema: str | None, _: str | None) -> int:
        if action == dbapi2.SQLITE_READ:
            # A name that lies in no database is one that the statement itself gives.
            is_ours = first in tables if schema else not (first or "").startswith(_OF_SQLITE)
        else:
            is_ours = action in allowed or (action == dbapi2.SQLITE_FUNCTION and second in _FUNCTIONS)
        return int(dbapi2.SQLITE_OK if is_ours else dbapi2.SQLITE_DENY)

    return is_allowed


def _refusal(error: Exception, seconds: float) -> Exception:
    code = getattr(error, "sqlite_errorcode", _ERROR) & 0xFF
    if code == _INTERRUPT:
        return InvalidInput(f"the SQL ran for more than {seconds:g} s", "Ask for less, or allow it more time.")
    if code not in _BY_THE_ASKER:
        return error
    return InvalidInput(f"this SQL cannot be answered: {str(error)[:200]}", _ADVICE)


def _common(line: str, start: str) -> list[str]:
    columns = {name: f"json_extract({line}, '$.{name}')" for name in _OF_ALL} | _COLUMNS
    return [f"{expression} AS {start}{name}" for name, expression in columns.items()]


def _view(schema: str, names: Sequence[str]) -> str:
    members = [f"json_extract(v.line, {_text(_path(name))}) AS {_quoted(name)}" for name in names]
    versions = f"kind = 'schema' AND folded BETWEEN {_text(f'{schema}/')} AND {_text(f'{schema}/9999')}"
    return (
        f"SELECT {', '.join(_common('v.line', '_') + members)} FROM main.records r JOIN main.versions v ON v.v = r.v "  # noqa: S608
        f"WHERE r.schema IN (SELECT f FROM main.facets WHERE {versions})"
    )


def _path(name: str) -> str:
    # SQLite has no escape for a quote in a path; "?" finds nothing, so such a column is empty.
    return f'$.body."{name}"' if '"' not in name else "$.body.?"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
