"""Random statements, domains and notices for Hypothesis: everything that the types allow, nothing else."""

from __future__ import annotations

import unicodedata
from typing import Any

from hypothesis import strategies as st

from registry.core.eip712 import Domain
from registry.core.scalars import MAX_DURATION, MAX_SAFE_INTEGER, checksum, to_hex
from registry.core.statements.mandate import ANY_CONTROLLER, POWERS
from registry.core.statements.messages import (
    Acceptance,
    Acknowledgement,
    Grant,
    MailboxMessage,
    Mandate,
    Message,
    Refusal,
    Request,
    Retire,
    Revoke,
    RevokeAll,
    UseLog,
)

words = st.binary(min_size=32, max_size=32).map(to_hex)
addresses = st.binary(min_size=20, max_size=20).map(checksum)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
terms = st.from_regex(r"[a-z][a-z0-9-]{0,8}:[A-Za-z0-9][A-Za-z0-9._~-]{0,8}", fullmatch=True) | st.from_regex(
    r"https://[a-z]{1,8}\.example/[A-Za-z0-9/#?=&~-]{0,9}", fullmatch=True
)
term_lists = st.lists(terms, min_size=1, max_size=4, unique=True).map(sorted).map(tuple)
times = st.integers(1, MAX_SAFE_INTEGER - MAX_DURATION)
domains = st.builds(Domain, texts, texts, st.integers(0, MAX_SAFE_INTEGER), addresses)


@st.composite
def _windows(draw: st.DrawFn) -> dict[str, int]:
    issued, duration = draw(times), draw(st.integers(1, MAX_DURATION))
    begins = issued - 10 + draw(st.integers(0, duration + 9))
    return {"issued_at": issued, "not_before": max(begins, 0), "expires_at": issued + duration}


@st.composite
def _grants(draw: st.DrawFn) -> Grant:
    members: dict[str, Any] = draw(_windows())
    for name in ("request", "notice", "content", "supersedes", "revocation", "salt"):
        members[name] = draw(words)
    return Grant(
        statement=draw(texts),
        subject=draw(addresses),
        controller=draw(addresses),
        purposes=draw(term_lists),
        data=draw(term_lists),
        terms=draw(terms),
        **members,
    )


@st.composite
def _requests(draw: st.DrawFn) -> Request:
    window = draw(_windows())
    return Request(
        controller=draw(addresses),
        notice=draw(words),
        purposes=draw(term_lists),
        data=draw(term_lists),
        terms=draw(terms),
        issued_at=window["issued_at"],
        expires_at=window["expires_at"],
        salt=draw(words),
    )


power_lists = st.lists(st.sampled_from(POWERS), min_size=1, unique=True).map(sorted).map(tuple)
controller_lists = st.just(ANY_CONTROLLER) | (
    st.lists(addresses, min_size=1, max_size=4, unique=True).map(lambda each: tuple(sorted(each, key=str.lower)))
)


@st.composite
def _mandates(draw: st.DrawFn) -> Mandate:
    members: dict[str, Any] = draw(_windows())
    for name in ("notice", "details", "revocation", "salt"):
        members[name] = draw(words)
    return Mandate(
        statement=draw(texts),
        subject=draw(addresses),
        delegate=draw(addresses),
        powers=draw(power_lists),
        purposes=draw(term_lists),
        data=draw(term_lists),
        controllers=draw(controller_lists),
        **members,
    )


mandates = _mandates()
grants = _grants()
requests = _requests()
refusals = st.builds(Refusal, texts, addresses, addresses, words, term_lists, words, times, words)
acceptances = st.builds(Acceptance, words, addresses, times, words)
acknowledgements = st.builds(Acknowledgement, words, addresses, times, words)
use_logs = st.builds(UseLog, addresses, words, times, times, words)
anchored_or_asked: st.SearchStrategy[Any] = grants | requests | refusals | acceptances | acknowledgements | use_logs
messages: st.SearchStrategy[Message] = (
    anchored_or_asked
    | mandates
    | st.builds(MailboxMessage, words, addresses, st.integers(1, MAX_SAFE_INTEGER), words, times)
    | st.builds(Revoke, addresses, words)
    | st.builds(RevokeAll, addresses, st.integers(0, MAX_SAFE_INTEGER))
    | st.builds(Retire, addresses)
)

# Letters and marks that Unicode calls default-ignorable.
_UNSEEN = "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0" + "".join(
    map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)))
)


def _words(*categories: Any, longest: int) -> st.SearchStrategy[str]:
    """Words with one space between, in NFC."""
    word = st.text(st.characters(categories=categories, exclude_characters=_UNSEEN + "{}"), min_size=1, max_size=5)
    words = st.lists(word, min_size=1, max_size=4).map(lambda all_: unicodedata.normalize("NFC", " ".join(all_)))
    return words.filter(lambda text: len(text) <= longest)


# What a notice may hold: its name, labels and joining words, and what stands between placeholders, without braces.
names = _words("L", "Nd", longest=20)
plain = _words("L", "M", "N", "P", "S", longest=40)


def labels(count: int) -> st.SearchStrategy[list[str]]:
    """Labels that differ for people too."""
    return st.lists(names, min_size=count, max_size=count, unique_by=_caseless)


def _caseless(text: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
