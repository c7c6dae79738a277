"""What a brand asks of each kind of data: the member ``fields`` of a notice's ``more`` (docs/formats.md, "Notice")."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from registry.core.errors import Malformed
from registry.core.notices.document import Notice
from registry.core.scalars import check_term
from registry.core.sealed.bundles import FILE, MAX_MEMBERS
from registry.core.sealed.records import check_schema

MAX_FIELDS = 64
MAX_NOTICE_DAYS = 36_500
_CORRECT = "Ask the brand to correct its notice; docs/formats.md says what `more.fields` may hold."


class Fields(Struct, frozen=True, forbid_unknown_fields=True):
    """What a brand asks for of one kind of data, by the names of members; ``$file`` stands for the record's file.

    Records of the last ``days`` before the grant, or all; later ones too where it is ``continuing``.
    """

    category: str
    members: Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=200)], ...], Meta(min_length=1)]
    schema: str | None = None
    days: Annotated[int, Meta(ge=1, le=MAX_NOTICE_DAYS)] | None = None
    continuing: bool = False
    source: bool = False
    tags: bool = False


def fields_of(notice: Notice) -> tuple[Fields, ...]:
    """Return what a notice asks for; nothing where it says nothing. ``Malformed`` names the place of a fault."""
    asked = notice.more.get("fields", [])
    if not isinstance(asked, list) or len(asked) > MAX_FIELDS:
        raise Malformed(f"more.fields is no list of at most {MAX_FIELDS} entries", _CORRECT)
    data = {term for scope in notice.scopes for term in scope.data}
    found = tuple(_read(entry, f"more.fields[{number}]", data) for number, entry in enumerate(asked))
    seen = set[tuple[str, str | None]]()
    for number, one in enumerate(found):
        if (one.category, one.schema) in seen:
            of = f" of {one.schema}" if one.schema else ""
            raise Malformed(f"more.fields[{number}] asks for {one.category}{of} a second time", _CORRECT)
        seen.add((one.category, one.schema))
    return found


def _read(entry: Any, place: str, data: set[str]) -> Fields:
    if isinstance(entry, dict) and None in entry.values():
        raise Malformed(f"{place} has a member that is null: leave it out", _CORRECT)
    try:
        fields = msgspec.convert(entry, Fields)
        check_term(fields.category, "category")
        if fields.schema is not None:
            check_schema(fields.schema)
    except (msgspec.ValidationError, Malformed) as error:
        raise Malformed(f"{place}: {error}", _CORRECT) from None
    if fields.category not in data:
        raise Malformed(f"{place}.category: {fields.category} is no datum of the notice", _CORRECT)
    _check_members(fields.members, place)
    return fields


def _check_members(members: tuple[str, ...], place: str) -> None:
    if len(members) > MAX_MEMBERS:
        raise Malformed(f"{place}.members has more than {MAX_MEMBERS} members", _CORRECT)
    if list(members) != sorted(set(members)):
        raise Malformed(f"{place}.members must be sorted by their UTF-8 bytes, with no repeats", _CORRECT)
    if foreign := [name for name in members if name.startswith("$") and name != FILE]:
        raise Malformed(f"{place}.members: {foreign[0]!r} is no member; {FILE} stands for the file", _CORRECT)
