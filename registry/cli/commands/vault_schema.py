"""``vault schema``: what the bodies of records hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from registry.cli.app import command, group
from registry.cli.context import Context
from registry.fs.files import read_bounded
from registry.present.text import Line, table

MAX_SCHEMA = 64 * 1024
_HELP = "What records may hold: the schemas that are built in, and your own."


def add_to(vault: typer.Typer) -> None:
    """Add these commands to the group."""
    schema = group("schema", "consent vault schema list", owner=vault, help=_HELP)
    command(schema, "list", "consent vault schema list")(list_)
    command(schema, "show", "consent vault schema show purchase/1")(show)
    command(schema, "add", "consent vault schema add running.json --name running/1")(add)


def list_(ctx: Context) -> None:
    """List all schemas: the name, the usual category, and what such a record is."""
    with ctx.session.vault() as vault:
        own = {one.name for one in vault.schemas.own()}
        found = [vault.schemas.get(name) for name in vault.schemas.names()]
    document = {
        "schemas": [
            {"name": one.name, "category": one.category, "title": one.title, "own": one.name in own} for one in found
        ]
    }
    width, wide = max(len(one.name) for one in found), max(len(one.category) for one in found)
    lines = list[Line]()
    for one in found:
        start = f"{one.name:<{width}}  {one.category:<{wide}}  "
        lines.append(Line(f"{start}{one.title}{' (your own)' if one.name in own else ''}", len(start)))
    ctx.out.result(document, lines)


def show(
    ctx: Context, name: Annotated[str, typer.Argument(metavar="NAME", help="Its name and version, as purchase/1.")]
) -> None:
    """Show the members of a schema; with --json, the schema itself."""
    with ctx.session.vault() as vault:
        found = vault.schemas.get(name)
    required = set(found.document.get("required", ()))
    rows = [("Schema", found.name), ("Title", found.title), ("Category", found.category)]
    rows += [("Dated by", ", ".join(found.profile.time) or "when it was recorded")]
    rows += [(member, f"{kind}, needed" if member in required else kind) for member, kind in found.members.items()]
    ctx.out.result({"name": found.name, "schema": json.dumps(found.document)}, table(rows))


def add(
    ctx: Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A JSON Schema 2020-12 whose type is object.")],
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Its name and version, where its x-vault has none.")
    ] = None,
) -> None:
    """Add a schema of your own. It is never replaced: its next version is added beside it."""
    raw = read_bounded(file, MAX_SCHEMA)
    with ctx.session.vault() as vault, ctx.working("adding the schema"):
        made = vault.add_schema(raw, name)
    document = {"name": made.name, "category": made.category, "title": made.title}
    ctx.out.result(document, table([("Added", made.name), ("Category", made.category), ("Title", made.title)]))
