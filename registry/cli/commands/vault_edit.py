"""``vault edit``, ``restore`` and ``remove``: a person changes their records. An edit is a version more."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Annotated, Any

import typer

from registry.cli.app import command
from registry.cli.commands.vault_records import RecordName
from registry.cli.context import Context
from registry.cli.ui.bodies import read_body, set_members
from registry.core.errors import InvalidInput
from registry.core.sealed.records import Record
from registry.present.records import record_json, record_lines, record_rows
from registry.present.text import table

Body = Annotated[
    str | None, typer.Option("--body", metavar="JSON", help="The body: JSON, @FILE, or - for standard input.")
]
Time = Annotated[
    str | None, typer.Option("--time", metavar="TIME", help="When it happened: 2026-01-31, or with time and zone.")
]
Source = Annotated[str | None, typer.Option("--source", metavar="NAME", help="Where it is from.")]
Tags = Annotated[list[str] | None, typer.Option("--tag", metavar="TAG", help="A tag; repeat.")]
_SHOWN = 10


def add_to(vault: typer.Typer) -> None:
    """Add these commands to the group."""
    command(vault, "edit", "consent vault edit 9c1e5b7a2f30 --set price=12.50 --tag gift")(edit)
    command(vault, "restore", "consent vault restore 9c1e5b7a2f30 1")(restore)
    example = "consent vault remove 9c1e5b7a2f30\nconsent vault remove --query 'source:test'"
    command(vault, "remove", example, options=("yes",))(remove)


def edit(
    ctx: Context,
    record: RecordName,
    body: Body = None,
    members: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="One member: a text or JSON; empty removes it; repeat."),
    ] = None,
    tags: Tags = None,
    no_tags: Annotated[bool, typer.Option("--no-tags", help="Take all tags away.")] = False,
    time: Time = None,
    source: Source = None,
) -> None:
    """Write a new version of a record. The older ones stay; tags given here take the place of all.

    A text that is JSON is taken as such: 5 is a number. A member whose schema wants a text stays one.
    """
    changes: dict[str, Any] = {} if body is None else {"body": read_body(body)}
    changes |= {} if time is None else {"time": time}
    changes |= {} if source is None else {"source": source or None}
    changes |= {"tags": tuple(tags or ())} if tags or no_tags else {}
    if not changes and not members:
        raise InvalidInput("nothing is to be changed", "Name it with --set, --body, --tag, --time or --source.")
    with ctx.session.vault() as vault, ctx.working("writing a new version"):
        old = vault.get(vault.find(record))
        if members:
            kinds = vault.schemas.get(old.schema or "").members
            changes["body"] = set_members(changes.get("body", old.body or {}), members, kinds)
        made = vault.edit(old.id, **changes)
    _print(ctx, made)


def restore(
    ctx: Context,
    record: RecordName,
    version: Annotated[int, typer.Argument(metavar="VERSION", help="Its number; see `consent vault history`.")],
) -> None:
    """Make an older version of a record its newest one. What was removed comes back so."""
    with ctx.session.vault() as vault, ctx.working("restoring"):
        made = vault.restore(vault.find(record), version)
    _print(ctx, made)


def _print(ctx: Context, record: Record) -> None:
    ctx.out.result(record_json(record), table(record_rows(record)))


def remove(
    ctx: Context,
    records: Annotated[
        list[str] | None, typer.Argument(metavar="RECORD", help="Ids, their ends, or names of files.")
    ] = None,
    query: Annotated[
        str | None, typer.Option("--query", metavar="QUERY", help="Everything that this finds; see search.")
    ] = None,
) -> None:
    """Remove records: no search finds them, and brands that get updates get the removal.

    Asks first. `consent vault restore` brings one back for a while; `consent vault shred` erases for good.
    """
    if bool(records) == (query is not None):
        raise InvalidInput("name records, or all that a query finds with --query", "See `consent vault search`.")
    if query is not None and not query.strip():
        raise InvalidInput("an empty query finds the whole vault", "Write what is to be removed.")
    with ctx.session.vault() as vault:
        if query is None:
            found = iter([vault.get(vault.find(each)) for each in dict.fromkeys(records or ())])
        else:
            found = vault.select(query)
        names = _shown(ctx, found)
        if not names:
            raise InvalidInput("nothing is found, so nothing is removed", "Try the query with `consent vault search`.")
        ctx.agree(question=f"Remove {_counted(len(names))}?", left="Nothing was removed.")
        with ctx.working("removing"):
            vault.remove(names)
    ctx.out.result({"removed": names}, [f"Removed {_counted(len(names))}."])


def _shown(ctx: Context, found: Iterator[Record]) -> list[str]:
    """Show the first records, and return the ids of all: they may be many."""
    first = list(islice(found, _SHOWN))
    for line in record_lines(first):
        ctx.out.note(line)
    names = list(dict.fromkeys([*(one.id for one in first), *(one.id for one in found)]))
    if len(names) > len(first):
        ctx.out.note(f"and {len(names) - len(first):,} more")
    return names


def _counted(count: int) -> str:
    return f"{count:,} record{'' if count == 1 else 's'}"
