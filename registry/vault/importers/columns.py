"""The column map: which column of a file is which member of a record, and how its dates and amounts are spelled.

It is suggested from the header, completed by the person, and saved as JSON beside the source's name, so that next
month's file needs no question. JSON files use it too, with member names (and dotted paths) for columns.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import msgspec
from msgspec import Struct

from registry.core.errors import InvalidInput

MAX_MAP_FILE = 4 * 1024 * 1024
MAX_COLUMNS = 20_000
Kind = Literal["text", "time", "amount", "number", "list"]


class Column(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One column. ``member`` None leaves it out. Columns of one member are joined by a space, as a date and its time.

    The elements of a ``list`` are the cells of its columns, and what stands in one cell between ";" or line feeds.
    """

    column: str
    member: str | None
    kind: Kind = "text"


class ColumnMap(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel"):
    """How to read the lines of one source. ``category`` None means the schema's usual one.

    ``skip`` lines stand before the header. ``constants`` are members that are the same in all records, such as the
    currency. ``zone`` is that of times without an offset.
    """

    schema: str
    columns: tuple[Column, ...]
    category: str | None = None
    source: str | None = None
    tags: tuple[str, ...] = ()
    time_format: str | None = None
    decimal_mark: Literal[".", ","] | None = None
    zone: str | None = None
    encoding: str = "utf-8"
    delimiter: str = ","
    skip: int = 0
    constants: dict[str, str] = {}

    def __post_init__(self) -> None:
        if len({column.column for column in self.columns}) != len(self.columns):
            raise ValueError("a column stands twice in the map")
        if not 0 < len(self.columns) <= MAX_COLUMNS:
            raise ValueError(f"a map has 1 to {MAX_COLUMNS:,} columns")


_decoder = msgspec.json.Decoder(ColumnMap)


def dump_map(columns: ColumnMap) -> bytes:
    """Encode the map as JSON that people can edit."""
    return msgspec.json.format(msgspec.json.encode(columns), indent=2) + b"\n"


def load_map(raw: bytes) -> ColumnMap:
    """Decode a map that was saved; ``InvalidInput`` says what is wrong in it."""
    try:
        if len(raw) > MAX_MAP_FILE:
            raise ValueError("it is too long")
        return _decoder.decode(raw)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"the column map is not valid: {str(error)[:200]}") from None


def unanswered(columns: ColumnMap) -> list[str]:
    """Return the members of the map that only the person can answer: how dates and decimals are spelled."""
    kinds = {column.kind for column in columns.columns if column.member is not None}
    missing = [
        ("timeFormat", columns.time_format, {"time"}),
        ("decimalMark", columns.decimal_mark, {"amount", "number"}),
    ]
    return [name for name, answer, asking in missing if answer is None and kinds & asking]


def named_columns(header: Sequence[str]) -> list[str]:
    """Return the header with a name for each column: the second "Name" is "Name (2)", an empty one "column 3"."""
    seen: dict[str, int] = {}
    names = []
    for place, cell in enumerate(header, 1):
        name = cell.strip() or f"column {place}"
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return names


def suggest_columns(header: Sequence[str], schema: str | None = None) -> tuple[str | None, tuple[Column, ...]]:
    """Return the schema whose members the header names best (None if it names none), and a column for each name.

    A column that no schema's member fits keeps its own name, so that nothing of an export is lost.
    """
    names = named_columns(header)
    schemas = [schema] if schema else list(known_names())
    found = {each: _fit(names, known_names().get(each, {})) for each in schemas}
    best = max(found, key=lambda each: len({member for member, _ in found[each].values()}))
    if not found[best] and schema is None:
        return None, tuple(Column(name, member) for name, member in _own_members(names, set()))
    taken = {member for member, _ in found[best].values()} | known_names().get(best, {}).keys()
    others = dict(_own_members([name for name in names if name not in found[best]], taken))
    return best, tuple(Column(name, *found[best].get(name, (others.get(name), "text"))) for name in names)


def _fit(names: list[str], members: dict[str, Any]) -> dict[str, tuple[str, Kind]]:
    """Find the column of each member: the first of its names that the header has; a list takes all of them."""
    places: dict[str, str] = {}
    for name in names:
        places.setdefault(folded(name), name)
    found: dict[str, tuple[str, Kind]] = {}
    for member, known in members.items():
        hits = [places[name] for name in known["names"] if name in places and places[name] not in found]
        # A date and its time of day often have a column each.
        most = {"list": len(hits), "time": 2 if _is_clock(hits[1:2]) else 1}.get(known["kind"], 1)
        found |= dict.fromkeys(hits[:most], (member, known["kind"]))
    return found


def _is_clock(names: list[str]) -> bool:
    return bool(names) and folded(names[0]) in {"time", "uhrzeit", "heure", "hora", "ora", "tijd"}


def _own_members(names: list[str], taken: set[str]) -> list[tuple[str, str]]:
    members, numbers = [], dict[str, int]()
    for name in names:
        words = re.findall(r"\w+", name) or ["column"]
        rest = "".join(word[:1].upper() + word[1:] for word in words[1:])
        member = wanted = words[0][:1].lower() + words[0][1:] + rest
        while member in taken:
            numbers[wanted] = numbers.get(wanted, 1) + 1
            member = f"{wanted}{numbers[wanted]}"
        taken.add(member)
        members.append((name, member))
    return members


def folded(name: str) -> str:
    """Return a header's name without case, accents and punctuation, for comparison."""
    plain = unicodedata.normalize("NFKD", name.replace("_", " ")).casefold()
    letters = "".join(c for c in plain if not unicodedata.combining(c))
    return " ".join(re.findall(r"[\w]+", letters))


@cache
def known_names() -> dict[str, dict[str, Any]]:
    """Return the names of each schema's members in exports of several languages, folded, with the member's kind."""
    raw = json.loads((files("registry") / "data" / "import_columns.json").read_bytes())
    return {
        schema: {
            member: {"kind": known["kind"], "names": list(dict.fromkeys(map(folded, known["names"])))}
            for member, known in members.items()
        }
        for schema, members in raw.items()
    }
