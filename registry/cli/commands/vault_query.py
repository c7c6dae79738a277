"""``vault query`` and ``vault stats``: SQL over one's own records, and how many there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from registry.cli.app import command
from registry.cli.context import Context
from registry.cli.ui.charts import bars, columns
from registry.present.text import Line
from registry.present.vocabulary import label

_QUERY = "consent vault query 'SELECT seller, sum(price) FROM purchase GROUP BY seller'"
MAX_SHOWN = 30


def add_to(vault: typer.Typer) -> None:
    """Add these commands to the group."""
    command(vault, "query", _QUERY)(query)
    command(vault, "stats", "consent vault stats")(stats)


def query(
    ctx: Context,
    sql: Annotated[str, typer.Argument(metavar="SQL", help="One SELECT. It can read, and nothing else.")],
) -> None:
    """Ask your records in SQL.

    `records` has all of them. Each schema has a view of its own, named after it: a column for each member, and what
    every record has with an underscore in front (`_id`, `_time`, `_tags`). At most 10,000 rows, in 10 seconds.
    """
    with ctx.session.vault() as vault, ctx.working("asking"):
        answer = vault.query(sql)
    rows = [[_json(value) for value in row] for row in answer.rows]
    document = {"columns": list(answer.columns), "rows": rows, "isCut": answer.is_cut}
    ctx.out.result(document, columns(answer.columns, rows))
    if answer.is_cut:
        ctx.out.note("There are more rows than that.")


def _json(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else value


def stats(ctx: Context) -> None:
    """Count your records by category, source and year."""
    with ctx.session.vault() as vault, ctx.working("counting"):
        found = vault.stats()
    document: dict[str, Any] = {"records": found.records, "versions": found.versions}
    document["byCategory"] = [{"category": name, "records": count} for name, count in found.by_category.items()]
    document["bySource"] = [{"source": name or None, "records": count} for name, count in found.by_source.items()]
    document["byYear"] = [{"year": year, "records": count} for year, count in found.by_year.items()]
    lines = [Line(f"{found.records:,} records, {found.versions:,} versions with all edits and removals")]
    lines += _chart("By category", [(f"{label(name)} [{name}]", count) for name, count in found.by_category.items()])
    lines += _chart("By source", [(name or "(none)", count) for name, count in found.by_source.items()])
    lines += _chart("By year", [(str(year), count) for year, count in found.by_year.items()], is_newest_last=True)
    ctx.out.result(document, lines)


def _chart(title: str, counts: Sequence[tuple[str, int]], is_newest_last: bool = False) -> list[Line]:
    if not counts:
        return []
    shown = counts[-MAX_SHOWN:] if is_newest_last else counts[:MAX_SHOWN]
    rest = sum(count for _, count in counts) - sum(count for _, count in shown)
    others = [(f"({len(counts) - len(shown):,} others)", rest)] if rest else []
    return [Line(""), Line(title, 0, "bold"), *bars([*others, *shown] if is_newest_last else [*shown, *others])]
