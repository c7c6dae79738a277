"""One schema: its document, and what our own keyword ``x-vault`` says about its members."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta, Struct

from registry.core.errors import InvalidInput
from registry.core.instants import microseconds
from registry.core.sealed.records import Record
from registry.vault.schemas.documents import compiled, resolved
from registry.vault.schemas.formats import is_amount, is_currency

Kind = Literal["text", "number", "integer", "boolean", "when", "amount", "currency", "json", "any"]

NAME = r"\A[a-z0-9-]{1,40}/[1-9][0-9]{0,3}\Z"
_ADVICE = "Correct the schema's x-vault, then add it again."


class Profile(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The value of ``x-vault``. All members that it names stand in the schema's ``properties``.

    ``time`` lists members, of which the first that is there dates the record. A record of an ``undated`` schema without
    one is dated by when it was recorded. ``text`` lists the members that are searched; None: all of them.
    """

    name: Annotated[str, Meta(pattern=NAME)]
    category: str
    time: tuple[str, ...] = ()
    amount: str | None = None
    currency: str | None = None
    text: tuple[str, ...] | None = None
    undated: bool = False


class Facts(NamedTuple):
    """What the working copy orders, compares and searches of a record. ``at_us``: microseconds from 1970 UTC."""

    at_us: int
    amount: Decimal | None
    currency: str | None
    text: str


class Schema:
    """A schema that was checked; ``document`` is never changed."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document, self.profile = document, read_profile(document)
        self.name = self.profile.name
        properties = document.get("properties", {})
        listed = self.profile.text
        self._unsearched = frozenset() if listed is None else frozenset(properties) - frozenset(listed)

    def __repr__(self) -> str:
        return f"Schema({self.name!r})"

    @property
    def title(self) -> str:
        """What people call such a record; its name where the document has no title."""
        return str(self.document.get("title", self.name))

    @property
    def text(self) -> str:
        """The document as the book and an export keep it, in as few characters as JSON needs."""
        return json.dumps(self.document, ensure_ascii=False, separators=(",", ":"))

    @property
    def category(self) -> str:
        """The category of a record for which nobody chose another one."""
        return self.profile.category

    @cached_property
    def members(self) -> Mapping[str, Kind]:
        """The members that the schema knows, in its order, with the kind of each: columns for a table of such records.

        ``any`` is a value of several kinds, ``json`` a list or an object.
        """
        return {name: _kind(inner, self.document) for name, inner in self.document.get("properties", {}).items()}

    @cached_property
    def validator(self) -> Any:
        """The compiled schema. Making it takes a millisecond, and loads the library the first time.

        ``InvalidInput`` if it cannot be compiled: a book may hold a schema that a newer version took.
        """
        try:
            return compiled(self.document)
        except ValueError:
            raise InvalidInput(f"this version cannot check by the schema {self.name}", "Update it.") from None

    def time_in(self, body: Mapping[str, Any]) -> tuple[str, str] | None:
        """The member that dates a record with this body, and its text; None if there is none."""
        for name in self.profile.time:
            value = body.get(name)
            if type(value) is str:
                return name, value
        return None

    def facts(self, record: Record) -> Facts:
        """Read the facts of a record of this schema that is not deleted."""
        body = record.body or {}
        amount = body.get(self.profile.amount) if self.profile.amount else None
        currency = body.get(self.profile.currency) if self.profile.currency else None
        return Facts(
            microseconds(record.time or ""),
            Decimal(amount) if type(amount) is str and is_amount(amount) else None,
            currency if type(currency) is str and is_currency(currency) else None,
            text_of(record, self._unsearched),
        )


def text_of(record: Record, unsearched: Collection[str] = ()) -> str:
    """All text in a record's body and the name of its file, one piece a line, without the members ``unsearched``.

    Members that no schema knows are searched too: a person who has them looks for them.
    """
    pieces: list[str] = []
    for name, value in (record.body or {}).items():
        if name not in unsearched:
            _collect(value, pieces)
    if record.file is not None:
        pieces.append(record.file.name)
    return "\n".join(pieces)


def plain_facts(record: Record) -> Facts:
    """The facts of a record whose schema is not known here: its time and all its text."""
    return Facts(microseconds(record.time or ""), None, None, text_of(record))


def _collect(value: Any, pieces: list[str]) -> None:
    if type(value) is str:
        pieces.append(value)
    elif type(value) is dict:
        for inner in value.values():
            _collect(inner, pieces)
    elif type(value) is list:
        for each in value:
            _collect(each, pieces)


def read_profile(document: dict[str, Any]) -> Profile:
    """Return what ``x-vault`` says; ``InvalidInput`` if it is malformed or names members that do not fit."""
    try:
        profile = msgspec.convert(document.get("x-vault"), Profile)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"the schema's x-vault is malformed: {error}", _ADVICE) from None
    members = document.get("properties", {})
    for name in (*profile.time, profile.amount, profile.currency, *(profile.text or ())):
        if name is not None and name not in members:
            raise InvalidInput(f"x-vault names {name[:80]!r}, which is not among the schema's properties", _ADVICE)
    formats = [*((name, "when") for name in profile.time), (profile.amount, "amount"), (profile.currency, "currency")]
    for name, fitting in formats:
        inner = resolved(members[name], document) if name is not None else None
        if inner is not None and (inner.get("type"), inner.get("format")) != ("string", fitting):
            needed = f'"type": "string" and "format": "{fitting}"'
            raise InvalidInput(f"x-vault names {name!r:.80}, which needs {needed}", _ADVICE)
    return profile


_BY_TYPE: dict[str, Kind] = {"string": "text", "number": "number", "integer": "integer", "boolean": "boolean"}
_BY_FORMAT: dict[str, Kind] = {
    "when": "when", "date": "when", "date-time": "when", "amount": "amount", "currency": "currency",
}  # fmt: skip


def _kind(schema: Any, document: dict[str, Any]) -> Kind:
    inner = resolved(schema, document)
    if (by_format := _BY_FORMAT.get(inner.get("format", ""))) is not None:
        return by_format
    wanted = inner.get("type")
    return _BY_TYPE.get(wanted, "json") if isinstance(wanted, str) else "any"
