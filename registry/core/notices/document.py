"""Notices: what a person is shown, and the sentence their wallet shows (DESIGN section 2, ``consent-notice/1``).

The renderer is frozen with its schema version: whoever verifies in twenty years must find the same sentence.
Later versions are added beside it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from hashlib import sha256
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from registry.core import codec
from registry.core.errors import Malformed
from registry.core.scalars import Address, check_address, check_term, check_terms, to_hex

MAX_NOTICE = 64 * 1024
# As a string within JSON: its quotes and backslashes take two bytes each, and it holds no control characters.
MAX_QUOTED = 2 * MAX_NOTICE + 2

PLACEHOLDERS = {
    "Grant": ("{controller}", "{data}", "{purposes}", "{expires}"),
    "Refusal": ("{controller}", "{purposes}"),
    "Mandate": ("{delegate}", "{powers}", "{purposes}", "{data}", "{controllers}", "{expires}"),
}

_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*")
_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+")
_BRACED = re.compile(r"(\{[a-z]*\})")

Filled = Annotated[str, Meta(min_length=1)]


class Controller(Struct, frozen=True, forbid_unknown_fields=True):
    """Who asks: ``account`` signs, ``recipient`` (an age recipient) opens what is handed over."""

    name: Filled
    account: Address
    recipient: Annotated[str, Meta(pattern=r"\Aage1[a-z0-9]+\Z")]
    domain: str
    contact: Filled


class Scope(Struct, frozen=True, forbid_unknown_fields=True):
    """Every purpose here may be pursued with every datum here."""

    purposes: tuple[str, ...]
    data: tuple[str, ...]

    def __post_init__(self) -> None:
        check_terms(self.purposes, "a scope's purposes")
        check_terms(self.data, "a scope's data")


class Text(Struct, frozen=True, forbid_unknown_fields=True):
    """One language: a sentence for each primary type, a label for each term, and what the law wants said."""

    labels: dict[str, Filled]
    and_: Filled = msgspec.field(name="and")
    retention: Filled
    recipients: Filled
    transfers: Filled
    rights: Filled
    withdrawal: Filled
    trace: Filled
    Grant: Filled | UnsetType = UNSET
    Refusal: Filled | UnsetType = UNSET
    Mandate: Filled | UnsetType = UNSET


class Notice(Struct, frozen=True, forbid_unknown_fields=True, rename="camel", eq=False):
    """A parsed notice. Make one with `parse_notice` only: that alone checks what spans several members.

    Equal only to itself, so that what follows from it can be kept by it.
    """

    schema: Literal["consent-notice/1"]
    controller: Controller
    scopes: Annotated[tuple[Scope, ...], Meta(min_length=1)]
    terms: str
    max_days: Annotated[int, Meta(ge=1, le=3650)]
    more: dict[str, Any]
    text: Annotated[dict[str, Text], Meta(min_length=1)]


_decoder = msgspec.json.Decoder(Notice)
_string = msgspec.json.Decoder(str)


def notice_digest(raw: bytes) -> str:
    """SHA-256 of the stored bytes: what statements carry, and what the notice's CID is made of."""
    return to_hex(sha256(raw).digest())


def read_notice(quoted: Raw, named: str) -> tuple[Notice, str]:
    """The notice that lies in an evidence file as this JSON string, and its digest: kept, as a brand's are all alike.

    ``Malformed`` unless the string is in its one encoding, and what it says is a notice. ``named`` is the digest that
    the statement gives: under it the notice is looked for, because hashing the string takes longer than to compare it.
    """
    for known, found in _kept_as(named):
        if known == quoted:
            return found
    raw = codec.decode(bytes(quoted), _string, MAX_QUOTED).encode()
    found = parse_notice(raw), notice_digest(raw)
    if found[1] == named:  # so what a stranger names falsely takes nobody's place
        _kept_as(named)[:] = [(quoted.copy(), found)]
    return found


@lru_cache(maxsize=128)
def _kept_as(digest: str) -> list[tuple[Raw, tuple[Notice, str]]]:
    """The place of the notice with this digest; empty until it is read."""
    return []


def parse_notice(raw: bytes) -> Notice:
    """The notice that these RFC 8785 bytes (64 KiB at most) say; everything else is ``Malformed``."""
    notice = codec.loads(raw, _decoder, MAX_NOTICE)
    if codec.canonical(raw, MAX_NOTICE) != raw:
        raise Malformed("the notice is not in its one canonical form (RFC 8785: sorted keys, no white space)")
    check_address(notice.controller.account)
    check_term(notice.terms, "terms")
    _check_controller(notice.controller)
    for language, text in notice.text.items():
        _check_text(notice, language, text)
    return notice


def languages(notice: Notice) -> list[str]:
    """The languages it is written in, sorted."""
    return sorted(notice.text)


def terms_of(notice: Notice) -> list[str]:
    """Every purpose and datum of every scope, sorted."""
    return sorted({term for scope in notice.scopes for term in (*scope.purposes, *scope.data)})


def sentences(text: Text) -> dict[str, str]:
    """The sentence templates of one language, by primary type."""
    found = ((kind, getattr(text, kind)) for kind in PLACEHOLDERS)
    return {kind: sentence for kind, sentence in found if sentence is not UNSET}


def _check_controller(controller: Controller) -> None:
    if _HOST.fullmatch(controller.domain) is None:
        raise Malformed(f"controller.domain {controller.domain[:80]!r} is not a lower-case host name")
    for name in ("name", "contact"):
        _check_plain(getattr(controller, name), f"controller.{name}")
    if "{" in controller.name or "}" in controller.name:
        raise Malformed("controller.name holds a brace")


def _check_text(notice: Notice, language: str, text: Text) -> None:
    if _LANGUAGE.fullmatch(language) is None:
        raise Malformed(f"{language[:40]!r} is not a language tag (BCP 47)")
    for name, value in _strings(text):
        _check_plain(value, f"text.{language}.{name}")
    missing = [term for term in terms_of(notice) if term not in text.labels]
    if missing:
        raise Malformed(f"text.{language}.labels has no label for {missing[0]}")
    if any("{" in label or "}" in label for label in (*text.labels.values(), text.and_)):
        raise Malformed(f"text.{language} has a label with a brace")
    if sentences(text).keys() != sentences(next(iter(notice.text.values()))).keys():
        raise Malformed(f"text.{language} has other sentences than the first language")
    if not sentences(text):
        raise Malformed(f"text.{language} has no sentence for a Grant, a Refusal or a Mandate")
    for kind, sentence in sentences(text).items():
        _check_sentence(sentence, kind, f"text.{language}.{kind}")


def _strings(text: Text) -> Iterator[tuple[str, str]]:
    for name, value in msgspec.to_builtins(text).items():
        if name == "labels":
            yield from ((f"labels.{term}", label) for term, label in value.items())
        else:
            yield name, value


def _check_plain(value: str, name: str) -> None:
    if not unicodedata.is_normalized("NFC", value):
        raise Malformed(f"{name[:120]} is not in Unicode NFC")
    if any(unicodedata.category(c) == "Cc" or c in _BIDI for c in value):
        raise Malformed(f"{name[:120]} holds a control or bidirectional character")


def _check_sentence(sentence: str, kind: str, name: str) -> None:
    pieces = _BRACED.split(sentence)
    if sorted(pieces[1::2]) != sorted(PLACEHOLDERS[kind]):
        raise Malformed(f"{name} must hold each of {', '.join(PLACEHOLDERS[kind])} exactly once, and no other")
    if any("{" in piece or "}" in piece for piece in pieces[::2]):
        raise Malformed(f"{name} holds a stray brace")
