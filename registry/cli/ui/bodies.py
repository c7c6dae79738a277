"""Bodies of records as people write them at a command line."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from registry.core.errors import InvalidInput
from registry.core.sealed.records import MAX_BODY
from registry.fs.files import read_bounded

# Kinds of members (`Schema.members`) whose values are texts, whatever they look like.
_TEXTS = {"text", "amount", "currency", "when"}


def read_body(given: str) -> dict[str, Any]:
    """Return the JSON object of ``--body``: as it stands there, in ``@FILE``, or for ``-`` on standard input."""
    if given == "-":
        raw = sys.stdin.buffer.read(MAX_BODY + 1)
    elif given.startswith("@"):
        raw = read_bounded(Path(given[1:]), MAX_BODY)
    else:
        raw = given.encode("utf-8", "surrogateescape")
    if len(raw) > MAX_BODY:
        raise InvalidInput(f"a body has at most {MAX_BODY:,} bytes", "Add it as a file.")
    try:
        return dict(msgspec.json.decode(raw, type=dict[str, Any]))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        advice = 'Write an object, such as {"name": "coat"}, or the name of its file after an @.'
        raise InvalidInput(f"the body is no JSON object: {str(error)[:200]}", advice) from None


def set_members(body: Mapping[str, Any], members: Sequence[str], kinds: Mapping[str, str]) -> dict[str, Any]:
    """Return the body with members set as ``NAME=VALUE`` says. ``kinds`` are those of the schema's members."""
    made = dict(body)
    for each in members:
        name, is_there, text = each.partition("=")
        if not name or not is_there:
            raise InvalidInput(f"{each[:80]!r} sets nothing", "Write it as --set name=coat.")
        if text:
            made[name] = _value(text, kinds.get(name, "any"))
        else:
            made.pop(name, None)
    return made


def _value(text: str, kind: str) -> Any:
    if kind in _TEXTS:
        return text
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
        return text
