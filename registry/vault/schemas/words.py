"""What a JSON Schema finds wrong with a body, in plain words with the member's path."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from registry.core.errors import Malformed
from registry.core.instants import microseconds
from registry.vault.schemas.bodies import member_path
from registry.vault.schemas.formats import WORDS

if TYPE_CHECKING:
    from jsonschema_rs import ValidationError

_SHOWN = 40
_LISTED = 8
_KINDS = {
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}


class Fault(NamedTuple):
    """What is wrong with one ``member`` of a draft: ``body.price``, ``time``, ``tags[2]``."""

    member: str
    why: str

    def __str__(self) -> str:
        return f"{self.member}: {self.why}"


def fault_of(error: ValidationError, document: dict[str, Any]) -> Fault:
    """Say in words what the validator found. ``document`` is the schema that found it."""
    path = "body"
    for step in error.instance_path:
        path = member_path(path, step)
    details = error.kind.as_dict()
    if "property" in details:
        return Fault(member_path(path, str(details["property"])), "is missing")
    if "unexpected" in details:
        names = [member_path(path, str(name)) for name in details["unexpected"]]
        return Fault(names[0], f"is no member of this schema{_others(len(names) - 1)}")
    words = _BY_KEYWORD.get(error.kind.name, _otherwise)
    return Fault(path, words(error, _parent(document, error.schema_path)))


def _others(count: int) -> str:
    return f" (nor are {count} others)" if count > 1 else " (nor is one other)" if count else ""


def _parent(document: dict[str, Any], path: Iterable[str | int]) -> dict[str, Any]:
    """The subschema whose keyword, the last step of ``path``, found it."""
    here: Any = document
    for step in list(path)[:-1]:
        try:
            here = here[step]
        except (KeyError, IndexError, TypeError):
            return {}
    return here if isinstance(here, dict) else {}


def _title(schema: dict[str, Any]) -> str:
    return str(schema.get("title", ""))[:200]


def _type(error: ValidationError, schema: dict[str, Any]) -> str:
    wanted = schema.get("type", [])
    names = [_KINDS[name] for name in ([wanted] if isinstance(wanted, str) else wanted)]
    return f"{_shown(error.instance)} must be {_title(schema) or ' or '.join(names)}"


def _format(error: ValidationError, schema: dict[str, Any]) -> str:
    name = str(schema.get("format"))
    if name == "when":
        try:
            microseconds(str(error.instance))
        except Malformed as why:
            return str(why)
    return f"{_shown(error.instance)} must be {_title(schema) or WORDS.get(name, name)}"


def _pattern(error: ValidationError, schema: dict[str, Any]) -> str:
    if "pattern" not in schema:  # the validator's pattern stands for a format of ours
        return _format(error, schema)
    pattern = f"text that fits the pattern {str(schema.get('pattern'))[:200]}"
    return f"{_shown(error.instance)} must be {_title(schema) or pattern}"


def _choice(error: ValidationError, schema: dict[str, Any]) -> str:
    options = schema.get("enum", [schema.get("const")])
    shown = ", ".join(_shown(option) for option in options[:_LISTED])
    more = f" or one of {len(options) - _LISTED} others" if len(options) > _LISTED else ""
    return f"{_shown(error.instance)} must be {'one of ' if len(options) > 1 else ''}{shown}{more}"


def _any_of(error: ValidationError, schema: dict[str, Any]) -> str:
    branches = schema.get("anyOf", [])
    if branches and all(isinstance(branch, dict) and branch.keys() == {"required"} for branch in branches):
        return f"needs {', or '.join(' and '.join(branch['required']) for branch in branches)}"
    return f"{_shown(error.instance)} must be {_title(schema) or 'one of the forms that the schema allows'}"


def _limit(words: str) -> Callable[[ValidationError, dict[str, Any]], str]:
    def told(error: ValidationError, schema: dict[str, Any]) -> str:
        return f"{_shown(error.instance)} must {words.format(schema.get(error.kind.name))}"

    return told


def _otherwise(error: ValidationError, schema: dict[str, Any]) -> str:
    if title := _title(schema):
        return f"{_shown(error.instance)} must be {title}"
    return f"{_shown(error.instance)} breaks the schema's rule {error.kind.name}"


_BY_KEYWORD: dict[str, Callable[[ValidationError, dict[str, Any]], str]] = {
    "type": _type,
    "format": _format,
    "pattern": _pattern,
    "enum": _choice,
    "const": _choice,
    "anyOf": _any_of,
    "minimum": _limit("be at least {}"),
    "maximum": _limit("be at most {}"),
    "exclusiveMinimum": _limit("be more than {}"),
    "exclusiveMaximum": _limit("be less than {}"),
    "multipleOf": _limit("be a multiple of {}"),
    "minLength": _limit("have at least {} characters"),
    "maxLength": _limit("have at most {} characters"),
    "minItems": _limit("have at least {} items"),
    "maxItems": _limit("have at most {} items"),
    "minProperties": _limit("have at least {} members"),
    "maxProperties": _limit("have at most {} members"),
}


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 2]}.."
