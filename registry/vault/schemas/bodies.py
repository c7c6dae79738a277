"""The limits of every body, whatever its schema says: JSON values only, of bounded depth, size and precision."""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite
from typing import Any

import msgspec

from registry.core.scalars import MAX_SAFE_INTEGER
from registry.core.sealed.records import MAX_BODY, MAX_BODY_DEPTH

_encoder = msgspec.json.Encoder()
_PATH_SHOWN = 120
_TEXT = {str}


def body_fault(body: dict[str, Any]) -> tuple[str, str] | None:
    """Return the member path and the words of the first fault; None for a body within the limits."""
    if type(body) is not dict:
        return "body", "must be an object"
    if not _fits(body, MAX_BODY_DEPTH):
        return _find(body, "body", MAX_BODY_DEPTH)
    try:
        size = len(_encoder.encode(body))
    except UnicodeEncodeError:
        return "body", "has half a character (a surrogate), which UTF-8 cannot write"
    return ("body", f"has {size:,} bytes; the most is {MAX_BODY:,}") if size > MAX_BODY else None


def member_path(path: str, step: str | int) -> str:
    """Append a member or a place in a list: ``body.email[1]``; names that are no words stand in quotes."""
    if isinstance(step, int):
        return f"{path}[{step}]"
    plain = step.replace("-", "").replace("_", "").isalnum()
    return (f"{path}.{step}" if plain else f"{path}[{step[:40]!r}]")[:_PATH_SHOWN]


def _fits(container: Any, depth: int) -> bool:
    """Whether a dict or list, with all in it, is within the limits."""
    if not depth:
        return False
    if type(container) is list:
        return _values_fit(container, depth)
    # In C: a loop here would cost every record a tenth of its check.
    return set(map(type, container)) <= _TEXT and _values_fit(container.values(), depth)


def _values_fit(values: Iterable[Any], depth: int) -> bool:
    for value in values:
        kind = type(value)
        if kind is str:
            continue
        if kind is dict or kind is list:
            if not _fits(value, depth - 1):
                return False
        elif _scalar_fault(value) is not None:
            return False
    return True


def _scalar_fault(value: Any) -> str | None:
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return None
    if kind is int:
        within = -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER
        return None if within else "is an integer beyond 2^53, which other programs would round: write it as text"
    if kind is float:
        return None if isfinite(value) else "is no number that JSON has"
    return f"is a {kind.__name__}, which JSON does not have"


def _find(value: Any, path: str, depth: int) -> tuple[str, str] | None:
    """The first fault, slowly and with its path."""
    if type(value) not in (dict, list):
        fault = _scalar_fault(value)
        return (path, fault) if fault else None
    if not depth:
        return path, f"is nested more than {MAX_BODY_DEPTH} deep"
    for step, each in value.items() if type(value) is dict else enumerate(value):
        if type(value) is dict and type(step) is not str:
            return path, f"has a member whose name is no text: {str(step)[:40]}"
        if found := _find(each, member_path(path, step), depth - 1):
            return found
    return None
