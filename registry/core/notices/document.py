"""Notices: the text that a person sees, with the templates of the signed sentence (docs/formats.md, "Notice").

``consent-notice/1`` and its renderer are frozen; later versions come beside it, so an old sentence stays the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from hashlib import sha256
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from registry.core import codec
from registry.core.errors import InvalidInput, Malformed
from registry.core.file_kinds import NOTICE, as_another
from registry.core.notices import plain_text
from registry.core.notices.plain_text import AND, LABEL, NAME, SENTENCE, TEXT, Kind
from registry.core.scalars import Address, check_address, check_term, check_terms, to_hex

MAX_NOTICE = 64 * 1024
# As a JSON string: quotes and backslashes take two bytes each, and a notice holds no control characters.
MAX_QUOTED = 2 * MAX_NOTICE + 2

PLACEHOLDERS = {
    "Grant": ("{controller}", "{data}", "{purposes}", "{expires}"),
    "Refusal": ("{controller}", "{purposes}"),
    "Mandate": ("{delegate}", "{powers}", "{purposes}", "{data}", "{controllers}", "{expires}"),
}

_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*")
_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+")
_BRACED = re.compile(r"(\{[a-z]*\})")

# The texts of a language, in reading order.
TEXTS = ("retention", "recipients", "transfers", "rights", "withdrawal", "trace")
_CORRECT = "Ask the brand to correct its notice; docs/formats.md says what plain text may hold."

Filled = Annotated[str, Meta(min_length=1)]
AgeRecipient = Annotated[str, Meta(pattern=r"\Aage1[a-z0-9]+\Z")]


class Controller(Struct, frozen=True, forbid_unknown_fields=True):
    """The brand: ``account`` signs, and data is sealed to ``recipient`` (an age recipient)."""

    name: Filled
    account: Address
    recipient: AgeRecipient
    domain: str
    contact: Filled

    @property
    def full_name(self) -> str:
        """The name with the domain, as sentences and lists have it: two brands may have one name."""
        return f"{self.name} ({self.domain})"


class Scope(Struct, frozen=True, forbid_unknown_fields=True):
    """Allows every one of its purposes with every one of its data, by the operations in ``processing`` only."""

    purposes: tuple[str, ...]
    data: tuple[str, ...]
    processing: tuple[str, ...]

    def __post_init__(self) -> None:
        check_terms(self.purposes, "a scope's purposes")
        check_terms(self.data, "a scope's data")
        check_terms(self.processing, "a scope's processing")


class Text(Struct, frozen=True, forbid_unknown_fields=True):
    """One language: a sentence for each primary type, a label for each term, and the texts that the law requires."""

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
    """A notice, made only by `parse_notice`, which checks it. It equals only itself, so it is a cheap cache key."""

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
    """SHA-256 of the stored bytes, 0x hex. Statements carry it, and it makes the notice's CID."""
    return to_hex(sha256(raw).digest())


def read_notice(quoted: Raw, named: str) -> tuple[Notice, str]:
    """Parse the notice in an evidence file, a JSON string, and return it with its digest.

    ``Malformed`` unless the string is in its one encoding and holds a notice. The cache key is the digest that the
    statement names, because comparing the string is faster than hashing it.
    """
    for cached, result in _cached_notice(named):
        if cached == quoted:
            return result
    raw = codec.decode(bytes(quoted), _string, MAX_QUOTED).encode()
    result = parse_notice(raw), notice_digest(raw)
    if result[1] == named:  # a wrong digest in a hostile file must not replace another notice
        _cached_notice(named)[:] = [(quoted.copy(), result)]
    return result


@lru_cache(maxsize=128)
def _cached_notice(digest: str) -> list[tuple[Raw, tuple[Notice, str]]]:
    """The cache slot of the notice with this digest; empty until it is read."""
    return []


def parse_notice(raw: bytes) -> Notice:
    """Parse a notice from RFC 8785 bytes, at most 64 KiB; everything else is ``Malformed``, and named if known."""
    try:
        notice = codec.loads(raw, _decoder, MAX_NOTICE)
    except Malformed as error:
        raise as_another(error, raw, NOTICE) from None
    if codec.canonical(raw, MAX_NOTICE) != raw:
        raise Malformed("the notice is not in its one canonical form (RFC 8785: sorted keys, no white space)")
    check_address(notice.controller.account)
    check_term(notice.terms, "terms")
    _check_controller(notice.controller)
    for language, text in notice.text.items():
        _check_text(notice, language, text)
    return notice


def languages(notice: Notice) -> list[str]:
    """The notice's languages, sorted."""
    return sorted(notice.text)


def chosen_language(notice: Notice, wanted: str | None) -> str:
    """The language ``wanted``, by default English or the first; ``InvalidInput`` if the notice is not written in it."""
    if wanted is None:
        return "en" if "en" in notice.text else min(notice.text)
    if wanted not in notice.text:
        raise InvalidInput(f"the notice is not written in {wanted!r}", f"It has: {', '.join(languages(notice))}.")
    return wanted


def terms_of(notice: Notice) -> list[str]:
    """Every purpose and datum of every scope, sorted. Each needs a label; processing is told in our own words."""
    return sorted({term for scope in notice.scopes for term in (*scope.purposes, *scope.data)})


def sentences(text: Text) -> dict[str, str]:
    """The sentence templates of one language, by primary type."""
    templates = ((kind, getattr(text, kind)) for kind in PLACEHOLDERS)
    return {kind: sentence for kind, sentence in templates if sentence is not UNSET}


def check_host(value: str, name: str) -> None:
    """``Malformed`` unless it is a lower-case host name with a dot."""
    if _HOST.fullmatch(value) is None:
        raise Malformed(f"{name} {value[:80]!r} is not a lower-case host name")


def check_plain(value: str, kind: Kind, name: str) -> None:
    """``Malformed`` unless it is plain text of this kind."""
    if fault := plain_text.find_fault(value, kind):
        raise Malformed(f"{name[:120]} {fault}", _CORRECT)


def _check_controller(controller: Controller) -> None:
    check_host(controller.domain, "controller.domain")
    check_plain(controller.name, NAME, "controller.name")
    check_plain(controller.contact, SENTENCE, "controller.contact")


def _check_text(notice: Notice, language: str, text: Text) -> None:
    if _LANGUAGE.fullmatch(language) is None:
        raise Malformed(f"{language[:40]!r} is not a language tag (BCP 47)")
    for name, kind, value in _strings(text):
        check_plain(value, kind, f"text.{language}.{name}")
    _check_labels(notice, text, f"text.{language}")
    if sentences(text).keys() != sentences(next(iter(notice.text.values()))).keys():
        raise Malformed(f"text.{language} has other sentences than the first language")
    if not sentences(text):
        raise Malformed(f"text.{language} has no sentence for a Grant, a Refusal or a Mandate")
    for sort, sentence in sentences(text).items():
        _check_sentence(sentence, sort, f"text.{language}.{sort}")


def _check_labels(notice: Notice, text: Text, name: str) -> None:
    if missing := [term for term in terms_of(notice) if term not in text.labels]:
        raise Malformed(f"{name}.labels has no label for {missing[0]}")
    if "{" in text.and_ or "}" in text.and_:
        raise Malformed(f"{name}.and holds a brace")
    if equal := plain_text.find_equal(text.labels.values()):
        raise Malformed(f"{name} has labels that read the same: {equal[0]!r} and {equal[1]!r}", _CORRECT)


def _strings(text: Text) -> Iterator[tuple[str, Kind, str]]:
    yield from ((f"labels.{term}", LABEL, label) for term, label in text.labels.items())
    yield "and", AND, text.and_
    yield from ((sort, SENTENCE, sentence) for sort, sentence in sentences(text).items())
    yield from ((name, TEXT, getattr(text, name)) for name in TEXTS)


def _check_sentence(sentence: str, kind: str, name: str) -> None:
    pieces = _BRACED.split(sentence)
    if sorted(pieces[1::2]) != sorted(PLACEHOLDERS[kind]):
        raise Malformed(f"{name} must hold each of {', '.join(PLACEHOLDERS[kind])} exactly once, and no other")
    if any("{" in piece or "}" in piece for piece in pieces[::2]):
        raise Malformed(f"{name} holds a stray brace")
