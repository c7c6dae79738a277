"""``brand data``: what people handed over, as the running service tells it, and files that are sent to them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import msgspec
import typer

from registry.brand.data_client import DataClient, HeldData, SentFile
from registry.brand.settings import BrandSettings, internal_key, require_brand
from registry.cli.app import command, open_group
from registry.cli.brand_context import Dir, folder_of
from registry.cli.context import Context
from registry.cli.options import Data
from registry.cli.ui.progress import Rate
from registry.client.bundle_lines import MAX_OWN_NAME, plain
from registry.core.errors import InvalidInput
from registry.core.scalars import format_utc
from registry.fs.files import making_folder
from registry.present.text import Row, table

SYSTEM = "consent brand data"
RECORDS, FILES = "records.jsonl", "files"
_SEND = "consent brand data send 0x... invoice.pdf --category pd:PersonalDocuments --text 'Your invoice.'"
_DIGEST, _ADDRESS = re.compile("0x[0-9a-f]{64}"), re.compile("0x[0-9a-fA-F]{40}")
_SHORT, _BODY = 14, 100
Url = Annotated[
    str | None,
    typer.Option("--url", metavar="URL", help="Where the internal listener is; by default as brand.toml says."),
]


def add_to(brand: typer.Typer) -> None:
    """Add the group of these commands."""
    data = open_group("data", "consent brand data", owner=brand)(held)
    command(data, "show", "consent brand data show 0x... --purpose dpv:Personalisation")(show)
    command(data, "changes", "consent brand data changes 0x... --purpose dpv:Personalisation")(changes)
    command(data, "send", _SEND)(send)


def held(ctx: Context, context: typer.Context, directory: Dir = None, url: Url = None) -> None:
    """Show what the brand holds of people's data, or read it.

    It asks the internal listener of the running service, with the key in internal.key. Without a command it lists
    grants; that reads no data. `show` reads, and each reading stands in the log that people see.
    """
    if context.invoked_subcommand is not None:
        if directory or url or ctx.out.as_json:
            raise InvalidInput("options stand after the command", "Write `consent brand data show ...`.")
        return
    found = list(_client(directory, url).held())
    rows: list[Row] = [(each.grant[:_SHORT], _in_words(each)) for each in found]
    document = {"grants": [msgspec.to_builtins(each) for each in found]}
    ctx.out.result(document, table(rows) or ["nothing was handed over yet"])


def show(
    ctx: Context,
    grant: Annotated[str, typer.Argument(metavar="GRANT", help="A grant's digest, or a person's address.")],
    purpose: Annotated[str, typer.Option("--purpose", metavar="IRI", help="What it is read for.")],
    data: Data = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FOLDER", help="Write records and their files into a new folder.")
    ] = None,
    directory: Dir = None,
    url: Url = None,
) -> None:
    """Read the records of a grant, or all that a person allows for a purpose.

    The service says no unless a live grant allows it now: exit code 1. It notes the reading first, and the person sees
    it.
    """
    if out is not None and out.exists():
        raise InvalidInput(f"{out} exists", "Name a new folder.")
    client = _client(directory, url)
    records = client.records(purpose, **_named(grant), data=data or ())
    if out is not None:
        return _write(ctx, client, purpose, records, out)
    found = list(records)
    rows: list[Row] = [(str(each["time"]), _line(each)) for each in found]
    return ctx.out.result({"records": found}, table(rows) or ["no records"])


def changes(
    ctx: Context,
    grant: Annotated[str, typer.Argument(metavar="GRANT", help="A grant's digest, or a person's address.")],
    purpose: Annotated[str, typer.Option("--purpose", metavar="IRI", help="What it is read for.")],
    data: Data = None,
    directory: Dir = None,
    url: Url = None,
) -> None:
    """Show what people changed of the records that you sent them: your value, then theirs.

    That reads data: the service says no unless a live grant allows it now, and notes the reading first.
    """
    found = list(_client(directory, url).changes(purpose, **_named(grant), data=data or ()))
    rows = [row for each in found for row in _changed(each)]
    ctx.out.result({"changes": found}, table(rows) or ["nothing differs"])


def send(
    ctx: Context,
    grant: Annotated[str, typer.Argument(metavar="GRANT", help="A grant's digest, or a person's address.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What to send, of at most 32 MiB.")],
    category: Annotated[str, typer.Option("--category", metavar="TERM", help="What kind of data it is.")],
    text: Annotated[str, typer.Option("--text", metavar="TEXT", help="What stands in the message beside it.")] = "",
    id: Annotated[
        str, typer.Option("--id", metavar="ID", help="Your own name for it: a later file with it takes its place.")
    ] = "",
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="How the person's file is called.")] = "",
    media_type: Annotated[
        str, typer.Option("--type", metavar="TYPE", help="Its media type; by default that of its name.")
    ] = "",
    directory: Dir = None,
    url: Url = None,
) -> None:
    """Send a file to a person, into the mailbox of a live grant.

    The service seals it, and its worker signs the message within seconds. The same command again sends nothing twice,
    and says whether it was signed.
    """
    client, how = _client(directory, url), {"id": id, "media_type": media_type, "text": text}
    with _opened(file) as source, ctx.working(f"sending {file.name}"):
        told = Rate(ctx.out, "sent", file.stat().st_size)
        done = client.send_file(source, name or file.name, category, **_named(grant), **how, told=told)
    rows = [("File", f"{done.id}, {done.bytes:,} bytes"), ("Grant", done.grant), ("State", _state_of(done))]
    ctx.out.result(msgspec.to_builtins(done), table(rows))


def _opened(file: Path) -> BinaryIO:
    try:
        return file.open("rb")
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read: {error.strerror}", "Name a file.") from None


def _state_of(done: SentFile) -> str:
    return f"sent as message {done.number}" if done.number else "waits for the worker, which signs it"


def _changed(each: dict[str, Any]) -> Iterator[Row]:
    head = f"{each['category']}, sent in message {each['sent']['number']} on {format_utc(each['sent']['at'])}"
    what = "taken back" if each["removed"] else "changed"
    yield each["id"], f"{head}; {what} by {format_utc(each['takenAt'])}"
    for name in () if each["removed"] else sorted({*each["old"], *each["new"]}):
        values = (msgspec.json.encode(side[name]).decode() if name in side else "nothing" for side in _sides(each))
        yield f"  {name}", " -> ".join(values)


def _sides(each: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    return each["old"], each["new"]


def _client(directory: Path | None, url: str | None) -> DataClient:
    folder = folder_of(directory)
    settings = require_brand(folder)
    return DataClient(url or _url_of(settings), internal_key(folder, settings) or None, system=SYSTEM)


def _url_of(settings: BrandSettings) -> str:
    if not settings.internal_port:
        raise InvalidInput("brand.toml names no port of the internal listener", "Add --url URL.")
    host = settings.internal_host
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.internal_port}"


def _named(text: str) -> dict[str, str]:
    if _DIGEST.fullmatch(text):
        return {"grant": text}
    if _ADDRESS.fullmatch(text):
        return {"subject": text}
    raise InvalidInput(f"{text[:80]!r} is neither a digest nor an address", "See `consent brand data`.")


def _write(ctx: Context, client: DataClient, purpose: str, records: Iterator[dict[str, Any]], out: Path) -> None:
    count, files = 0, list[tuple[str, str, str]]()
    with making_folder(out) as made:
        with (made / RECORDS).open("xb") as sink:
            for each in records:
                if (file := each.get("file")) is not None:
                    name = plain(file["name"], "._").encode()[-MAX_OWN_NAME:].decode(errors="ignore")
                    each["path"] = f"{FILES}/{each['id']}-{name}"
                    files.append((each["grant"], each["id"], each["path"]))
                sink.write(msgspec.json.encode(each) + b"\n")
                count += 1
        for grant, record, path in files:
            (made / FILES).mkdir(mode=0o700, exist_ok=True)
            with (made / path).open("xb") as target:
                client.file(purpose, grant, record, target)
    figures = {"folder": str(out), "records": count, "files": len(files)}
    ctx.out.result(figures, table([("Records", f"{count:,}"), ("Files", f"{len(files):,}"), ("Folder", out)]))


def _in_words(each: HeldData) -> str:
    kinds = ", ".join(f"{one.category} {one.versions:,}" for one in each.categories) or ", ".join(each.data)
    update = f"update {each.update}" if each.update else "no update"
    whole = "" if each.complete or not each.blocks else ", not whole yet"
    size = f"{each.blocks:,} blocks, {each.bytes:,} bytes" if each.blocks else "nothing held"
    return f"{each.subject}: {each.state}; {kinds}; {size}{whole}; {update}, {format_utc(each.changed_at)}"


def _line(record: dict[str, Any]) -> str:
    told = msgspec.json.encode(record.get("body") or record.get("file") or {}).decode()
    return f"{record['category']} {record['id']} {told[:_BODY]}"
