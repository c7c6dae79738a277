"""Renders the sentence that is signed, and checks that a statement fits its notice."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from functools import lru_cache

from registry.core.errors import NoticeMismatch
from registry.core.notices.document import MAX_NOTICE, Notice, Text, sentences
from registry.core.scalars import TooLargeToKeep
from registry.core.statements.messages import Grant, Refusal, Request

DAY = 86_400
_EPOCH = date(1970, 1, 1).toordinal()

_WITH_TERMS = (Grant, Request)
_WITH_SENTENCE = (Grant, Refusal)
_BRACED = re.compile(r"(\{[a-z]+\})")


def render(notice: Notice, language: str, message: Grant | Refusal) -> str:
    """Render the sentence for this message in this language; ``NoticeMismatch`` if the notice has none."""
    day, kind, purposes, data = _worded(message)
    return day.join(_wording(notice, language, kind, purposes, data))


def fits(notice: Notice, digest: str, message: Grant | Refusal | Request) -> None:
    """Raise ``NoticeMismatch``, naming the difference, unless the notice allows this message."""
    if message.notice != digest:
        raise NoticeMismatch("the notice is not the one that was signed (its SHA-256 differs)")
    if message.controller != notice.controller.account:
        raise NoticeMismatch("the controller is not the account that the notice names")
    if isinstance(message, _WITH_TERMS) and message.terms != notice.terms:
        raise NoticeMismatch("the terms are not the notice's")
    if isinstance(message, _WITH_SENTENCE):
        _check_sentence(notice, message)
    else:
        _check_pairs(notice, message.purposes, message.data)


def label_of(text: Text, term: str) -> str:
    """The brand's label for a term; ``NoticeMismatch`` if it has none."""
    label = text.labels.get(term)
    if label is None:
        raise NoticeMismatch(f"the notice has no label for {term}")
    return label


def _check_sentence(notice: Notice, message: Grant | Refusal) -> None:
    if isinstance(message, Grant) and message.expires_at - message.issued_at > notice.max_days * DAY:
        raise NoticeMismatch(f"it lasts longer than the notice's {notice.max_days} days")
    day, kind, purposes, data = _worded(message)
    try:
        wordings = _cached_wordings(notice, kind, purposes, data)
    except TooLargeToKeep:
        wordings = _make_wordings(notice, kind, purposes, data)
    if message.statement not in map(day.join, wordings):
        raise NoticeMismatch("the statement is not the notice's sentence in any of its languages")


def _check_pairs(notice: Notice, purposes: tuple[str, ...], data: tuple[str, ...]) -> None:
    for purpose in purposes:
        allowed = _data_beside(notice, purpose)
        for datum in data:
            if datum not in allowed:
                raise NoticeMismatch(f"{purpose} with {datum} lies in no scope of the notice")


def _data_beside(notice: Notice, purpose: str) -> frozenset[str]:
    # A set for each purpose: a search for each pair in each scope takes minutes for a hostile notice of 64 KiB.
    return frozenset(datum for scope in notice.scopes if purpose in scope.purposes for datum in scope.data)


def _check_purposes(notice: Notice, purposes: tuple[str, ...]) -> None:
    for purpose in purposes:
        if not any(purpose in scope.purposes for scope in notice.scopes):
            raise NoticeMismatch(f"{purpose} lies in no scope of the notice")


def _worded(message: Grant | Refusal) -> tuple[str, str, tuple[str, ...], tuple[str, ...]]:
    """The parts of a message that its sentence shows: date (empty if it has none), kind, purposes, data."""
    if isinstance(message, Grant):
        return day_of(message.expires_at), "Grant", message.purposes, message.data
    return "", "Refusal", message.purposes, ()


def _make_wordings(
    notice: Notice, kind: str, purposes: tuple[str, ...], data: tuple[str, ...]
) -> tuple[tuple[str, ...], ...]:
    """The wording in each language; ``NoticeMismatch`` unless a scope of the notice allows it."""
    if kind == "Grant":
        _check_pairs(notice, purposes, data)
    else:
        _check_purposes(notice, purposes)
    return tuple(_wording(notice, language, kind, purposes, data) for language in notice.text)


# Grants of one campaign differ only in people and dates, so the rest of their sentences is cached: a verification takes
# 19% longer without. A mismatch raises and is not cached, so no entry is larger than its notice.
@lru_cache(maxsize=128)
def _cached_wordings(
    notice: Notice, kind: str, purposes: tuple[str, ...], data: tuple[str, ...]
) -> tuple[tuple[str, ...], ...]:
    # Each language repeats the controller's name, so a long name makes every wording large.
    if len(notice.controller.name) * len(notice.text) > MAX_NOTICE:
        raise TooLargeToKeep
    return _make_wordings(notice, kind, purposes, data)


def _wording(
    notice: Notice, language: str, kind: str, purposes: tuple[str, ...], data: tuple[str, ...]
) -> tuple[str, ...]:
    """The sentence in two parts, before and after the date; in one part if it has no date."""
    text = notice.text[language]
    template = sentences(text).get(kind)
    if template is None:
        raise NoticeMismatch(f"the notice has no sentence for a {kind}")
    values = {
        "{controller}": f"{notice.controller.name} ({notice.controller.domain})",
        "{purposes}": _join(text, purposes),
        "{data}": _join(text, data),
    }
    # Split first, then substitute, so that values are not searched for placeholders.
    parts = ([values.get(piece, piece) for piece in _BRACED.split(part)] for part in template.split("{expires}"))
    return tuple("".join(part) for part in parts)


def _join(text: Text, terms: Sequence[str]) -> str:
    labels = [label_of(text, term) for term in terms]
    if len(labels) < 2:
        return "".join(labels)
    return f"{', '.join(labels[:-1])} {text.and_} {labels[-1]}"


def day_of(time: int) -> str:
    """The UTC date of a unix time, YYYY-MM-DD; ``NoticeMismatch`` past the year 9999, which no notice allows."""
    try:
        return date.fromordinal(_EPOCH + time // DAY).isoformat()
    except (OverflowError, ValueError):
        raise NoticeMismatch("a date lies after the year 9999") from None
