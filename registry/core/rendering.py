"""From a notice and a message to the sentence that is signed, and back: does the statement fit its notice?"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache

from registry.core.errors import NoticeMismatch
from registry.core.notices import Notice, Text, sentences
from registry.core.statements import Grant, Refusal, Request

DAY = 86_400

_BRACED = re.compile(r"(\{[a-z]+\})")


def render(notice: Notice, language: str, message: Grant | Refusal) -> str:
    """The sentence for this message in this language; ``NoticeMismatch`` where the notice has none."""
    text = notice.text[language]
    kind = type(message).__name__
    template = sentences(text).get(kind)
    if template is None:
        raise NoticeMismatch(f"the notice has no sentence for a {kind}")
    return _fill(template, _values(notice, text, message))


def fits(notice: Notice, digest: str, message: Grant | Refusal | Request) -> None:
    """``NoticeMismatch``, naming what differs, unless the message says what this notice allows it to say."""
    if message.notice != digest:
        raise NoticeMismatch("the notice is not the one that was signed (its SHA-256 differs)")
    if message.controller != notice.controller.account:
        raise NoticeMismatch("the controller is not the account that the notice names")
    if isinstance(message, Refusal):
        _check_refused(notice, message)
    else:
        _check_asked(notice, message)
    if not isinstance(message, Request):
        _check_statement(notice, message)


def label_of(text: Text, term: str) -> str:
    """The brand's word for a term; ``NoticeMismatch`` where it has none."""
    label = text.labels.get(term)
    if label is None:
        raise NoticeMismatch(f"the notice has no label for {term}")
    return label


def _check_asked(notice: Notice, message: Grant | Request) -> None:
    if message.terms != notice.terms:
        raise NoticeMismatch("the terms are not the notice's")
    for purpose in message.purposes:
        allowed = _data_beside(notice, purpose)
        for datum in message.data:
            if datum not in allowed:
                raise NoticeMismatch(f"{purpose} with {datum} lies in no scope of the notice")
    if isinstance(message, Grant) and message.expires_at - message.issued_at > notice.max_days * DAY:
        raise NoticeMismatch(f"it lasts longer than the notice's {notice.max_days} days")


def _data_beside(notice: Notice, purpose: str) -> frozenset[str]:
    # A set for each purpose: looking for each pair in each scope takes minutes over a hostile notice of 64 KiB.
    return frozenset(datum for scope in notice.scopes if purpose in scope.purposes for datum in scope.data)


def _check_refused(notice: Notice, message: Refusal) -> None:
    for purpose in message.purposes:
        if not any(purpose in scope.purposes for scope in notice.scopes):
            raise NoticeMismatch(f"{purpose} lies in no scope of the notice")


def _check_statement(notice: Notice, message: Grant | Refusal) -> None:
    if not any(render(notice, language, message) == message.statement for language in notice.text):
        raise NoticeMismatch("the statement is not the notice's sentence in any of its languages")


def _values(notice: Notice, text: Text, message: Grant | Refusal) -> dict[str, str]:
    values = {
        "{controller}": f"{notice.controller.name} ({notice.controller.domain})",
        "{purposes}": _join(text, message.purposes),
    }
    if isinstance(message, Grant):
        values["{data}"] = _join(text, message.data)
        values["{expires}"] = day_of(message.expires_at)
    return values


def _join(text: Text, terms: Sequence[str]) -> str:
    labels = [label_of(text, term) for term in terms]
    if len(labels) == 1:
        return labels[0]
    return f"{', '.join(labels[:-1])} {text.and_} {labels[-1]}"


def day_of(time: int) -> str:
    """The UTC date of a unix time, YYYY-MM-DD; ``NoticeMismatch`` past the year 9999, which no notice allows."""
    try:
        return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d")
    except (OverflowError, ValueError, OSError):
        raise NoticeMismatch("a date lies after the year 9999") from None


@lru_cache(maxsize=512)
def _pieces(template: str) -> tuple[str, ...]:
    return tuple(_BRACED.split(template))


def _fill(template: str, values: Mapping[str, str]) -> str:
    # Split first, then substitute: what a value holds is never looked at again.
    return "".join(values.get(piece, piece) for piece in _pieces(template))
