"""What a grant would hand over, before anything is signed: counts, members, and the values of the first records."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from rich.cells import cell_len, set_cell_size

from registry.cli.ui.output import Output
from registry.client.grant import Proposal
from registry.client.views import SHOWN, Preview
from registry.core.errors import InvalidInput
from registry.core.sealed.records import Record
from registry.present.summary import records_of
from registry.present.text import Line
from registry.present.wording import handed_over
from registry.present.words import say

# Characters of one value in the terminal; --json has all of it.
_MAX_VALUE = 40
# Wider than this, columns are no help.
_MAX_WIDTH = 116


def chosen_fields(given: Sequence[str] | None) -> dict[str, list[str]] | None:
    """Read ``--fields pd:Purchase=name,price``, which may be repeated; None where it is absent."""
    if given is None:
        return None
    chosen: dict[str, list[str]] = {}
    for one in given:
        category, is_there, members = one.partition("=")
        if not is_there:
            raise InvalidInput(f"--fields {one[:80]!r} names no members", "Write it as pd:Purchase=name,price.")
        chosen.setdefault(category, []).extend(name for name in members.split(",") if name)
    return chosen


def print_preview(out: Output, proposal: Proposal) -> None:
    """Print what a proposal would hand over."""
    document = {"views": [_view_json(each) for each in proposal.previews]}
    out.result(document, _lines(proposal.previews))


def _view_json(preview: Preview) -> dict[str, Any]:
    view = preview.view
    return {
        "category": view.category,
        "schema": view.schema,
        "members": list(view.members),
        "from": view.from_,
        "until": view.until,
        "continuing": view.continuing,
        "source": view.source,
        "tags": view.tags,
        "count": preview.records,
        "records": [_record_json(record) for record in preview.first],
    }


def _record_json(record: Record) -> dict[str, Any]:
    shown: dict[str, Any] = {"time": record.time, "schema": record.schema, "body": record.body or {}}
    if record.source is not None:
        shown["source"] = record.source
    if record.tags:
        shown["tags"] = list(record.tags)
    if record.file is not None:
        file = record.file
        shown["file"] = {"name": file.name, "mediaType": file.media_type, "bytes": file.bytes}
    return shown


def _lines(previews: Sequence[Preview]) -> Iterator[str | Line]:
    for preview in previews:
        yield handed_over(records_of(preview.view, preview.records))
        yield from _rows([_values(record) for record in preview.first])
        if preview.records > SHOWN:
            yield f"  and {preview.records - SHOWN:,} more"
        yield ""
    yield "Nothing was signed, stored or changed." if previews else say("handed.nothing")


def _values(record: Record) -> dict[str, str]:
    values: dict[str, Any] = {"time": record.time, **(record.body or {})}
    if record.source is not None:
        values["source"] = record.source
    if record.tags:
        values["tags"] = list(record.tags)
    if record.file is not None:
        values["file"] = f"{record.file.name}, {record.file.bytes:,} bytes"
    return {name: _short(value) for name, value in values.items()}


def _rows(records: Sequence[dict[str, str]]) -> Iterator[str | Line]:
    """Lay records out in columns where these fit, else as names with their values."""
    columns = list(dict.fromkeys(name for record in records for name in record))
    widths = [max(cell_len(text) for text in [name, *(each.get(name, "") for each in records)]) for name in columns]
    if sum(widths) + 2 * len(widths) > _MAX_WIDTH:
        for record in records:
            said = [f"{name}: {value}" for name, value in record.items() if name != "time"]
            time = record["time"].ljust(10)
            yield Line(f"  {time}  {'; '.join(said)}", 2 + len(time) + 2)
        return
    for row in [{name: name for name in columns}, *records] if records else []:
        cells = [set_cell_size(row.get(name, ""), width) for name, width in zip(columns, widths, strict=True)]
        yield f"  {'  '.join(cells)}".rstrip()


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MAX_VALUE else f"{text[: _MAX_VALUE - 3]}..."
