"""Renders the sentence that is signed, and checks that a statement fits its notice."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from registry.core.errors import NoticeMismatch
from registry.core.notices.document import MAX_NOTICE, Notice, Text, languages, sentences
from registry.core.scalars import TooLargeToKeep
from registry.core.statements.mandate import ANY_CONTROLLER
from registry.core.statements.messages import Grant, Mandate, Refusal, Request

DAY = 86_400
_EPOCH = date(1970, 1, 1).toordinal()
_WITH_TERMS, _WITH_SENTENCE, _LASTING = (Grant, Request), (Grant, Refusal, Mandate), (Grant, Mandate)
# The labels of a mandate's sentence: one for each power, and one for the zero address.
POWER, ANY = "power:", "controller:any"
_BRACED = re.compile(r"(\{[a-z]+\})")


class _Content(NamedTuple):
    """What the sentence of a message says besides its date."""

    kind: str
    purposes: tuple[str, ...]
    data: tuple[str, ...]
    powers: tuple[str, ...] = ()
    controllers: tuple[str, ...] = ()


Worded = Grant | Refusal | Mandate


def render(notice: Notice, language: str, message: Worded) -> str:
    """Render the sentence for this message in this language; ``NoticeMismatch`` if the notice has none."""
    day, content = _worded(message)
    return day.join(_wording(notice, language, content))


def fits(notice: Notice, digest: str, message: Worded | Request) -> None:
    """Raise ``NoticeMismatch``, naming the difference, unless the notice allows this message."""
    if message.notice != digest:
        raise NoticeMismatch("the notice is not the one that was signed (its SHA-256 differs)")
    if message.controller != notice.controller.account:
        who = "delegate" if isinstance(message, Mandate) else "controller"
        raise NoticeMismatch(f"the {who} is not the account that the notice names")
    if isinstance(message, _WITH_TERMS) and message.terms != notice.terms:
        raise NoticeMismatch("the terms are not the notice's")
    if isinstance(message, _WITH_SENTENCE):
        _check_sentence(notice, message)
    else:
        _check_scopes(notice, message.purposes, message.data)


def signed_language(notice: Notice, message: Worded) -> str | None:
    """The language of the notice in which the message has its sentence; None if it has the sentence in none."""
    try:
        return next((tag for tag in languages(notice) if render(notice, tag, message) == message.statement), None)
    except NoticeMismatch:
        return None


def label_of(text: Text, term: str) -> str:
    """The brand's label for a term; ``NoticeMismatch`` if it has none."""
    if (label := text.labels.get(term)) is None:
        raise NoticeMismatch(f"the notice has no label for {term}")
    return label


def _check_sentence(notice: Notice, message: Worded) -> None:
    if isinstance(message, _LASTING) and message.expires_at - message.issued_at > notice.max_days * DAY:
        raise NoticeMismatch(f"it lasts longer than the notice's {notice.max_days} days")
    day, content = _worded(message)
    try:
        wordings = _cached_wordings(notice, content)
    except TooLargeToKeep:
        wordings = _make_wordings(notice, content)
    if message.statement not in map(day.join, wordings):
        raise NoticeMismatch("the statement is not the notice's sentence in any of its languages")


def _check_scopes(notice: Notice, purposes: tuple[str, ...], data: tuple[str, ...]) -> None:
    for purpose in purposes:
        # A set for each purpose: a search for each pair in each scope takes minutes for a hostile notice of 64 KiB.
        allowed = {datum for scope in notice.scopes if purpose in scope.purposes for datum in scope.data}
        for datum in data:
            if datum not in allowed:
                raise NoticeMismatch(f"{purpose} with {datum} lies in no scope of the notice")
        if not allowed:
            raise NoticeMismatch(f"{purpose} lies in no scope of the notice")


def _worded(message: Worded) -> tuple[str, _Content]:
    """The date that the sentence of a message shows, empty if it has none, and the rest."""
    if isinstance(message, Mandate):
        lists = message.purposes, message.data, message.powers, message.controllers
        return day_of(message.expires_at), _Content("Mandate", *lists)
    if isinstance(message, Grant):
        return day_of(message.expires_at), _Content("Grant", message.purposes, message.data)
    return "", _Content("Refusal", message.purposes, ())


def _make_wordings(notice: Notice, content: _Content) -> tuple[tuple[str, ...], ...]:
    """The wording in each language; ``NoticeMismatch`` unless a scope of the notice allows it."""
    _check_scopes(notice, content.purposes, content.data)
    return tuple(_wording(notice, language, content) for language in notice.text)


# Grants of one campaign differ only in people and dates, so the rest of their sentences is cached: a verification takes
# 19% longer without. A mismatch raises and is not cached, so no entry is larger than its notice.
@lru_cache(maxsize=128)
def _cached_wordings(notice: Notice, content: _Content) -> tuple[tuple[str, ...], ...]:
    # Each language repeats the controller's name and domain, so long ones in many languages make every wording large.
    # So do the addresses of a mandate.
    repeated = len(notice.controller.name) + len(notice.controller.domain) + sum(map(len, content.controllers))
    if repeated * len(notice.text) > MAX_NOTICE:
        raise TooLargeToKeep
    return _make_wordings(notice, content)


def _wording(notice: Notice, language: str, content: _Content) -> tuple[str, ...]:
    """The sentence in two parts, before and after the date; in one part if it has no date."""
    text = notice.text[language]
    if (template := sentences(text).get(content.kind)) is None:
        raise NoticeMismatch(f"the notice has no sentence for a {content.kind}")
    values = {
        "{controller}": notice.controller.full_name,
        "{delegate}": notice.controller.full_name,
        "{purposes}": _join(text, content.purposes),
        "{data}": _join(text, content.data),
        "{powers}": _join(text, [POWER + power for power in content.powers]),
        "{controllers}": _controllers(text, content.controllers),
    }
    # Split first, then substitute, so that values are not searched for placeholders.
    parts = ([values.get(piece, piece) for piece in _BRACED.split(part)] for part in template.split("{expires}"))
    return tuple("".join(part) for part in parts)


def _controllers(text: Text, controllers: tuple[str, ...]) -> str:
    return label_of(text, ANY) if controllers == ANY_CONTROLLER else _listed(text, controllers)


def _join(text: Text, terms: Sequence[str]) -> str:
    return _listed(text, [label_of(text, term) for term in terms])


def _listed(text: Text, labels: Sequence[str]) -> str:
    if len(labels) < 2:
        return "".join(labels)
    return f"{', '.join(labels[:-1])} {text.and_} {labels[-1]}"


def day_of(time: int) -> str:
    """The UTC date of a unix time, YYYY-MM-DD; ``NoticeMismatch`` past the year 9999, which no notice allows."""
    try:
        return date.fromordinal(_EPOCH + time // DAY).isoformat()
    except (OverflowError, ValueError):
        raise NoticeMismatch("a date lies after the year 9999") from None
