"""Imports JSON (an array of objects, or one object) and JSON Lines, as records' bodies or by a column map."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

from registry.core.errors import InvalidInput
from registry.core.sealed.records import MAX_BODY_DEPTH
from registry.vault.draft import Draft
from registry.vault.importers.base import Defaults, Item, Refused, Told
from registry.vault.importers.columns import Column, ColumnMap
from registry.vault.importers.json_text import (
    BrokenJson,
    Digits,
    Piece,
    read_object,
    split_array,
    split_lines,
    utf8,
)
from registry.vault.importers.keys import EqualFacts, fact_key
from registry.vault.importers.members import Reader, readers, split_list

_MAX_UNKNOWN = 1000


class JsonImporter:
    """Reads the objects of an array, or with ``lines`` one of each line.

    Without a map an object is a body as it stands. A map's columns are member names; a dot leads into an object.
    """

    passes = 1

    def __init__(self, defaults: Defaults, columns: ColumnMap | None = None, lines: bool = False) -> None:
        self._defaults, self._lines = defaults, lines
        self._mapping = _Mapping(columns) if columns else None

    def items(self, source: BinaryIO) -> Iterator[Item]:
        """Yield a draft for each object, in order."""
        equal, name, number = EqualFacts(), "line" if self._lines else "element", 0
        try:
            text = utf8(source)
            for number, piece in enumerate(split_lines(text) if self._lines else split_array(text), 1):
                if piece is not None:
                    yield self._item(piece, f"{name} {number}", equal)
        except BrokenJson as error:
            yield Refused(f"{name} {number + 1}", None, str(error))
        except InvalidInput as error:
            yield Refused(f"{name} 1", None, f"{error}. {error.advice}")
        if self._mapping and self._mapping.unknown:
            names = ", ".join(sorted(self._mapping.unknown)[:20])
            yield Told(f"the map does not know these members, which are left out: {names}")

    def _item(self, piece: Piece, at: str, equal: EqualFacts) -> Draft | Refused:
        said = self._defaults
        if piece.depth > MAX_BODY_DEPTH:
            return Refused(at, None, f"it nests more than {MAX_BODY_DEPTH} deep")
        if not piece.raw:
            return Refused(at, None, "it is not an object")
        try:
            value = read_object(piece.raw, self._mapping is not None)
            body = self._mapping.body(value) if self._mapping else value
            key = equal.key(fact_key(said.source, said.schema, body))
        except _WrongMember as error:
            return Refused(at, error.member, error.why)
        except UnicodeError:
            return Refused(at, None, "its text is not valid Unicode (UTF-8)")
        except (ValueError, OverflowError, RecursionError) as error:
            return Refused(at, None, str(error)[:200])
        return Draft(said.category, said.schema, None, said.source, said.tags, body, None, key, at)


class _WrongMember(Exception):
    def __init__(self, member: str, why: str) -> None:
        super().__init__(member, why)
        self.member, self.why = member, why


class _Mapping:
    """Makes bodies from objects by a column map, and notes the members that the map does not know."""

    def __init__(self, columns: ColumnMap) -> None:
        self._readers, self._constants, self.unknown = readers(columns), columns.constants, set[str]()
        self._groups: dict[str, list[Column]] = {}
        for column in columns.columns:
            if column.member:
                self._groups.setdefault(column.member, []).append(column)
        self._known = {part for each in columns.columns for part in (each.column, each.column.partition(".")[0])}

    def body(self, value: dict[str, Any]) -> dict[str, Any]:
        if len(self.unknown) < _MAX_UNKNOWN:
            self.unknown |= value.keys() - self._known
        body: dict[str, Any] = {}
        for member, columns in self._groups.items():
            found = [each for column in columns if (each := _at(value, column.column)) not in (None, "")]
            if found:
                body[member] = self._read(member, found, columns[0])
        return body | self._constants

    def _read(self, member: str, found: list[Any], column: Column) -> Any:
        read = self._readers[column.kind]
        try:
            if column.kind == "list":
                return [plain for each in found for plain in _elements(each)]
            if all(isinstance(each, str) for each in found):
                return _scalar(found, column, read)
            if column.kind != "text":
                raise ValueError("it is not a text or a number")
            return _plain(found[0] if len(found) == 1 else found)
        except ValueError as error:
            raise _WrongMember(member, str(error)) from None


def _scalar(found: list[str], column: Column, read: Reader | None) -> Any:
    text = " ".join(found).strip()
    # JSON has its own spelling of numbers, whatever the country.
    if column.kind in ("amount", "number") and isinstance(found[0], Digits):
        return found[0].plain() if column.kind == "number" else _decimal(found[0])
    return read(text) if read else _plain(found[0]) if len(found) == 1 else text


def _decimal(digits: Digits) -> str:
    if "e" in digits.lower():
        raise ValueError(f"{digits[:40]} is not written with digits alone")
    return str(digits)


def _at(value: Any, path: str) -> Any:
    """Return the member with this name, or the one that a dotted path leads to."""
    if isinstance(value, dict) and path in value:
        return value[path]
    first, dot, rest = path.partition(".")
    return _at(value.get(first), rest) if dot and isinstance(value, dict) else None


def _elements(value: Any) -> Iterable[Any]:
    if isinstance(value, list):
        return (_plain(each) for each in value)
    return split_list(value) if isinstance(value, str) else [_plain(value)]


def _plain(value: Any) -> Any:
    """Return the value with numbers in place of their digits."""
    if isinstance(value, Digits):
        return value.plain()
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list) else value
