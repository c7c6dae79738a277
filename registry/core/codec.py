"""Strict JSON: each value has one encoding, and every other one is ``Malformed``.

A document is decoded into frozen structs, encoded again with sorted keys, and compared. This refuses white space,
duplicate keys, second escapes, ``1e3`` and ``1.0``. Without floats and with ASCII member names, msgspec's sorted
encoding equals RFC 8785. Free-form members (a notice's ``more``) go through the ``rfc8785`` package.
"""

from __future__ import annotations

import json
from typing import Any, TypeVar

import msgspec
import rfc8785

from registry.core.errors import Malformed

T = TypeVar("T")

MAX_NESTING = 128

_REST = bytes(set(range(256)) - set(b'"[]{}'))
_encoder = msgspec.json.Encoder(order="sorted")


def encode(value: Any) -> bytes:
    """Encode one of our structs (ASCII member names, no floats) as RFC 8785 bytes."""
    return _encoder.encode(value)


def decode(raw: bytes, decoder: msgspec.json.Decoder[T], limit: int) -> T:
    """Decode the struct whose one encoding is ``raw``, at most ``limit`` bytes. ``Malformed`` says what is wrong."""
    value = loads(raw, decoder, limit)
    if _encoder.encode(value) != raw:
        raise Malformed("this JSON is not in its one canonical form (RFC 8785: sorted keys, no white space)")
    return value


def loads(raw: bytes, decoder: msgspec.json.Decoder[T], limit: int) -> T:
    """Decode like `decode`, but leave the comparison to the caller."""
    _check_size(raw, limit)
    if raw.startswith(b"\xef\xbb\xbf"):  # what people edit may begin with it; documents of fixed bytes may not
        raise Malformed("it begins with a byte order mark (EF BB BF), which an editor added")
    try:
        return decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(_explain(error)) from None


def canonical(raw: bytes, limit: int) -> bytes:
    """Rewrite JSON as RFC 8785 bytes, without a byte order mark.

    Duplicate keys, NaN and integers that do not fit a double are ``Malformed``.
    """
    _check_size(raw, limit)
    try:
        text = raw.decode("utf-8-sig")
        return dump(json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_int=_number))
    except (ValueError, RecursionError) as error:
        raise Malformed(_explain(error)) from None


def dump(value: Any) -> bytes:
    """Encode plain Python values as RFC 8785 bytes; values that JSON cannot express are ``Malformed``."""
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeError, RecursionError) as error:
        raise Malformed(_explain(error)) from None


def _check_size(raw: bytes, limit: int) -> None:
    if len(raw) > limit:
        raise Malformed(f"it is longer than {limit:,} bytes, the most that it may have")
    # Only many opening brackets can nest too deeply. Replacing them is faster than counting: it jumps from hit to hit.
    many_brackets = b"{" in raw.replace(b"[", b"{", MAX_NESTING + 1).replace(b"{", b" ", MAX_NESTING)
    if many_brackets and _nests_too_deeply(raw):
        raise Malformed(f"it is nested more than {MAX_NESTING} deep")


def _nests_too_deeply(raw: bytes) -> bool:
    # The interpreter's recursion limit is no bound: EVM libraries raise it past what the C stack holds.
    depth = 0
    for character in _brackets(raw):
        depth += 1 if character in b"[{" else -1
        if depth > MAX_NESTING:
            return True
    return False


def _brackets(raw: bytes) -> bytes:
    """Return the brackets outside of strings, in order. Passes over all bytes are faster than a look at each."""
    marks = raw.replace(rb"\\", b"").replace(rb"\"", b"").translate(None, _REST)
    # Whether a bracket is in a string depends on the number of quotes before it being odd: pairs may go.
    return b"".join(marks.replace(b'""', b"").split(b'"')[::2])


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Malformed("a member name appears twice in one object")
    return members


def _number(digits: str) -> int | float:
    # RFC 8785 writes the double 1e20 as 21 digits without a point. Any other spelling stays an integer, which is
    # then refused as too large.
    if len(digits) in range(16, 24) and (double := float(digits)).is_integer() and abs(double) >= 2**53:
        return double if rfc8785.dumps(double) == digits.encode() else int(digits)
    return int(digits)


def _no_constant(name: str) -> Any:
    raise Malformed(f"{name} is not JSON")


def _explain(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return f"not valid: {str(error)[:200]}"
