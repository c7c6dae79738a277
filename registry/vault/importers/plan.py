"""How a file will be imported: its kind, its column map, and what only the person can answer about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec

from registry.core.errors import InvalidInput
from registry.vault.importers.amounts import MARKS, amount_reader
from registry.vault.importers.any_file import FileImporter
from registry.vault.importers.base import Defaults, Importer
from registry.vault.importers.columns import ColumnMap, named_columns, unanswered
from registry.vault.importers.csv_lines import CsvImporter
from registry.vault.importers.csv_look import Look, look_at_csv
from registry.vault.importers.export_zip import ExportImporter
from registry.vault.importers.icalendar_files import IcalendarImporter
from registry.vault.importers.json_files import JsonImporter
from registry.vault.importers.json_look import look_at_json
from registry.vault.importers.kinds import FileKind, kind_of
from registry.vault.importers.times import COMMON, time_reader
from registry.vault.importers.vcard_files import VcardImporter
from registry.vault.schemas.schemas import Schemas

_HEAD = 4096
# A format is offered if it fits so much of the first lines: some may be wrong.
_MOST = 0.5
_DAY = len("2026-01-31")
_SCHEMAS: Mapping[str, str] = {"calendar": "calendar-event/1", "contacts": "contact/1", "other": "file/1"}


class Wishes(NamedTuple):
    """What the person says about a file. ``dates`` is a format, ``decimal`` a mark, ``zone`` that of local times."""

    kind: FileKind | None = None
    schema: str | None = None
    category: str | None = None
    source: str | None = None
    tags: tuple[str, ...] = ()
    dates: str | None = None
    decimal: str | None = None
    zone: str | None = None
    encoding: str | None = None


class Question(NamedTuple):
    """Something that is never guessed: a member of the column map, a text of the file, and what it may mean.

    ``choices`` are the answers that fit the first lines of the file, each with how it reads the sample.
    """

    member: str
    sample: str
    choices: tuple[tuple[str, str], ...] = ()


def kind_of_file(path: Path, source: BinaryIO, wished: FileKind | None) -> FileKind:
    """Return the kind of a file, by what the person says, its first bytes, or its name."""
    head = source.read(_HEAD)
    source.seek(0)
    return wished or kind_of(path.name, head)


def needs_map(kind: FileKind, wishes: Wishes, saved: ColumnMap | None = None) -> bool:
    """Tell whether a column map reads the file. JSON whose schema is all that is said is taken as it stands."""
    if kind not in ("json", "json-lines"):
        return kind == "csv"
    return wishes.schema is None or saved is not None or bool(wishes.dates or wishes.decimal)


def look_at(kind: FileKind, source: BinaryIO, encoding: str | None = None) -> Look:
    """Look at the first lines of a file that a column map reads."""
    look = look_at_csv(source, encoding) if kind == "csv" else look_at_json(source, lines=kind == "json-lines")
    source.seek(0)
    return look


def map_of(look: Look, wishes: Wishes) -> ColumnMap:
    """Return the map that the header suggests, with the person's answers; `questions` tells what it lacks.

    ``InvalidInput`` where no column tells what the records are, and no schema is named.
    """
    return completed(look.column_map(wishes.schema), wishes)


def completed(columns: ColumnMap, wishes: Wishes) -> ColumnMap:
    """Return a map with the answers of the person in place of its own."""
    if wishes.decimal not in (None, ".", ","):
        raise InvalidInput(f"{wishes.decimal!r} is no decimal mark", "Write a point or a comma.")
    given = {
        "schema": wishes.schema,
        "category": wishes.category,
        "source": wishes.source,
        "tags": wishes.tags or None,
        "time_format": wishes.dates,
        "decimal_mark": wishes.decimal,
        "zone": wishes.zone,
    }
    return msgspec.structs.replace(columns, **{name: value for name, value in given.items() if value is not None})


def questions(columns: ColumnMap, look: Look) -> list[Question]:
    """Return what the map cannot be used without: the format of dates, the decimal mark, the zone, in this order."""
    asked, missing = list[Question](), unanswered(columns)
    if "timeFormat" in missing:
        sample = _sample(columns, look, {"time"})
        asked.append(Question("timeFormat", sample, _time_choices(_samples(columns, look, {"time"}))))
    if "decimalMark" in missing:
        asked.append(_mark_question(_samples(columns, look, {"amount", "number"})))
    if columns.time_format is not None and columns.zone is None and (sample := _without_zone(columns, look)):
        asked.append(Question("zone", sample))
    return asked


def importer_of(kind: FileKind, path: Path, wishes: Wishes, columns: ColumnMap | None, schemas: Schemas) -> Importer:
    """Return the importer of a file; ``InvalidInput`` where something that it needs is not said, or unknown."""
    if kind == "zip":
        return ExportImporter()
    schema = schemas.get(columns.schema if columns else wishes.schema or _SCHEMAS.get(kind, ""))
    if columns is not None and kind == "csv":
        return CsvImporter(columns, schema.category)
    category = (columns.category if columns else None) or wishes.category or schema.category
    source, tags = (columns.source, columns.tags) if columns else (wishes.source, wishes.tags)
    defaults = Defaults(schema.name, category, source, tags)
    if kind in ("json", "json-lines"):
        return JsonImporter(defaults, columns, lines=kind == "json-lines")
    if kind == "calendar":
        _check_installed("icalendar", "calendars")
        return IcalendarImporter(defaults, wishes.zone)
    if kind == "contacts":
        _check_installed("vobject", "contacts")
        return VcardImporter(defaults)
    return FileImporter(path, defaults)


def _check_installed(library: str, what: str) -> None:
    if find_spec(library) is None:
        advice = "Install it: pip install 'consent-registry[vault]'."
        raise InvalidInput(f"the part for {what} is not installed ({library})", advice)


def _sample(columns: ColumnMap, look: Look, kinds: set[str]) -> str:
    """Return the first text of the file that such a member is read from."""
    return next(iter(_samples(columns, look, kinds)), "")


def _samples(columns: ColumnMap, look: Look, kinds: set[str]) -> list[str]:
    places = {name: place for place, name in enumerate(named_columns(look.header))}
    members: dict[str, list[int]] = {}
    for one in columns.columns:
        if one.member and one.kind in kinds and one.column in places:
            members.setdefault(one.member, []).append(places[one.column])
    texts = (
        " ".join(row[at].strip() for at in group if at < len(row)) for row in look.rows for group in members.values()
    )
    return [text for text in texts if text.strip()]


def _time_choices(samples: list[str]) -> tuple[tuple[str, str], ...]:
    """Return the formats that fit most of the texts, each with how it reads the first one that it fits."""
    found = list[tuple[str, str]]()
    for form in COMMON if samples else ():
        read = time_reader(form, "UTC")
        fitting = [text for text in samples if _reads(read, text)]
        if len(fitting) >= _MOST * len(samples):
            found.append((form, f"{fitting[0]} is {read(fitting[0])[:_DAY]}"))
    return tuple(found)


def _mark_question(samples: list[str]) -> Question:
    """Ask with the text that tells most: one with both marks, or one of them."""
    sample = max(samples, key=lambda text: len({",", "."} & set(text)), default="")
    fitting = [mark for mark in MARKS if _most_read(amount_reader(mark), samples)]
    means = {mark: amount_reader(mark) for mark in fitting}
    choices = tuple((mark, f"{sample} is {means[mark](sample)}") for mark in fitting if _reads(means[mark], sample))
    return Question("decimalMark", sample, choices)


def _most_read(read: Callable[[str], str], samples: list[str]) -> bool:
    return bool(samples) and sum(_reads(read, text) for text in samples) >= _MOST * len(samples)


def _without_zone(columns: ColumnMap, look: Look) -> str:
    """Return a time of the first lines that has no zone of its own, "" if each has one or none is a time of day."""
    samples = _samples(columns, look, {"time"})
    form = columns.time_format or ""
    try:
        read = time_reader(form, None)
    except InvalidInput:
        time_reader(form, "UTC")  # the format itself may be wrong
        return samples[0] if samples else form
    return next((text for text in samples if not _reads(read, text) and _reads(time_reader(form, "UTC"), text)), "")


def _reads(read: Callable[[str], str], text: str) -> bool:
    try:
        read(text)
    except ValueError:
        return False
    return True
