"""From notice and message to the sentence, against a naive renderer, and back."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import combinations
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.core import codec
from registry.core.errors import NoticeMismatch
from registry.core.notices.document import Notice, notice_digest, parse_notice
from registry.core.notices.rendering import day_of, fits, label_of, render
from registry.core.statements.messages import Request
from tests.support import strategies
from tests.support.builders import (
    NOW,
    SUBJECT,
    grant_message,
    notice_bytes,
    notice_document,
    refusal_message,
    request_message,
    word,
)
from tests.support.memory import memory_stays_below

TERMS = ("dpv:Marketing", "dpv:Personalisation", "pd:EmailAddress", "pd:Purchase")


def notice_with(labels: Sequence[str], name: str, joiner: str, sentence: str) -> bytes:
    document = notice_document()
    text = document["text"]["en"] | {"labels": dict(zip(TERMS, labels, strict=False)), "and": joiner, "Grant": sentence}
    return notice_bytes(text={"en": text}, controller=document["controller"] | {"name": name})


def naive(sentence: str, name: str, purposes: list[str], data: list[str], joiner: str, expires: int) -> str:
    """A naive renderer: cut each placeholder out once and insert its value."""
    values = {
        "{controller}": f"{name} (aurelle.example)",
        "{purposes}": listed(purposes, joiner),
        "{data}": listed(data, joiner),
        "{expires}": datetime.fromtimestamp(expires, UTC).date().isoformat(),
    }
    places = sorted((sentence.index(placeholder), placeholder) for placeholder in values)
    made, end = "", 0
    for place, placeholder in places:
        made += sentence[end:place] + values[placeholder]
        end = place + len(placeholder)
    return made + sentence[end:]


def listed(labels: list[str], joiner: str) -> str:
    *others, last = labels
    return ", ".join(others) + f" {joiner} {last}" if others else last


@settings(max_examples=100, deadline=None)
@given(
    strategies.labels(4),
    strategies.names,
    strategies.names,
    st.permutations(["{controller}", "{data}", "{purposes}", "{expires}"]),
    st.integers(1, 364),
)
def test_the_sentence(labels: list[str], name: str, joiner: str, order: list[str], days: int) -> None:
    sentence = f"“ {' – '.join(order)} ”."
    raw = notice_with(labels, name, joiner, sentence)
    expires = NOW + days * 86_400
    grant = grant_message(raw, expires_at=expires)
    assert grant.statement == naive(sentence, name, labels[1:2], labels[2:], joiner, expires)
    fits(parse_notice(raw), notice_digest(raw), grant)


def test_what_is_substituted_is_never_substituted_again() -> None:
    # No label may hold a brace, so words that only look like placeholders once the braces are gone.
    raw = notice_with(
        ["purposes", "data", "expires", "controller"], "data", "and", "{controller}{purposes}{data}{expires}"
    )
    assert grant_message(raw).statement.startswith("data (aurelle.example)dataexpires and controller20")


@pytest.mark.parametrize(
    ("count", "words"),
    [(1, "marketing"), (2, "marketing and personalising its offers")],
)
def test_lists_of_a_refusal(count: int, words: str) -> None:
    refusal = refusal_message(purposes=("dpv:Marketing", "dpv:Personalisation")[:count])
    assert refusal.statement == f"I do not allow Maison Aurelle (aurelle.example) to use my data for {words}."


@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_language_fits(language: str) -> None:
    raw = notice_bytes()
    grant = grant_message(language=language)
    fits(parse_notice(raw), notice_digest(raw), grant)
    assert grant.statement == render(parse_notice(raw), language, grant)


class TestMismatches:
    raw = notice_bytes()

    def check(self, message: Any, says: str, digest: str | None = None) -> None:
        with pytest.raises(NoticeMismatch, match=says) as caught:
            fits(parse_notice(self.raw), notice_digest(self.raw) if digest is None else digest, message)
        assert caught.value.advice

    @pytest.mark.parametrize("make", [grant_message, request_message, refusal_message])
    def test_for_every_kind(self, make: Any) -> None:
        fits(parse_notice(self.raw), notice_digest(self.raw), make())
        self.check(make(), "SHA-256", digest=word(5))
        self.check(make(controller=SUBJECT), "not the account that the notice names")

    @pytest.mark.parametrize("make", [grant_message, request_message])
    def test_for_what_grants_and_asks(self, make: Any) -> None:
        self.check(make(terms="ieee-7012:PD-BASE"), "terms")
        # Each is in some scope, yet not both in one.
        both = {"purposes": ("dpv:Marketing",), "data": ("pd:EmailAddress", "pd:Purchase")}
        self.check(make(**both), "dpv:Marketing with pd:Purchase")

    def test_pairs_in_no_single_scope(self) -> None:
        self.check(
            grant_message(purposes=("dpv:Marketing", "dpv:Personalisation"), data=("pd:Purchase",)),
            "dpv:Marketing with pd:Purchase lies in no scope",
        )

    def test_durations(self) -> None:
        longest = NOW - 1000 + 365 * 86_400
        fits(parse_notice(self.raw), notice_digest(self.raw), grant_message(expires_at=longest))
        self.check(grant_message(expires_at=longest + 1), "365 days")

    @pytest.mark.parametrize("change", [lambda s: s + " ", lambda s: s[:-1], lambda s: s.lower(), lambda s: ""])
    def test_statements(self, change: Any) -> None:
        good = grant_message()
        self.check(msgspec.structs.replace(good, statement=change(good.statement)), "any of its languages")

    def test_the_other_kinds_sentence_does_not_serve(self) -> None:
        self.check(msgspec.structs.replace(grant_message(), statement=refusal_message().statement), "languages")

    def test_refused_purposes(self) -> None:
        refusal = refusal_message(purposes=("dpv:Marketing", "dpv:Other"), statement="any")
        self.check(refusal, "dpv:Other lies in no scope")


def without(kind: str) -> Notice:
    texts = {tag: {k: v for k, v in text.items() if k != kind} for tag, text in notice_document()["text"].items()}
    return parse_notice(notice_bytes(text=texts))


def test_a_notice_without_a_sentence_for_the_kind() -> None:
    with pytest.raises(NoticeMismatch, match="no sentence for a Grant"):
        render(without("Grant"), "en", grant_message())
    with pytest.raises(NoticeMismatch, match="no sentence for a Refusal"):
        render(without("Refusal"), "en", refusal_message())


@given(st.integers(0, 253_402_300_799))
def test_days_are_utc(time: int) -> None:
    assert day_of(time) == datetime.fromtimestamp(time, UTC).date().isoformat()


@pytest.mark.parametrize("time", [253_402_300_800, 2**53 - 1])
def test_past_the_year_9999(time: int) -> None:
    with pytest.raises(NoticeMismatch, match="9999"):
        day_of(time)


def test_a_term_without_a_label_does_not_fit() -> None:
    notice = parse_notice(notice_bytes())
    assert label_of(notice.text["en"], "pd:Purchase") == "purchases"
    with pytest.raises(NoticeMismatch, match="pd:Other"):
        label_of(notice.text["en"], "pd:Other")


def test_a_notice_with_1200_purposes_and_data_fits_in_seconds() -> None:
    """Such a notice of 48 KB once took a minute of CPU, because each pair was looked for in each scope."""
    purposes, data = (tuple(f"{kind}:{i:04x}" for i in range(1_200)) for kind in "pd")
    document = notice_document(scopes=[{"purposes": purposes, "data": data, "processing": ["dpv:Use"]}])
    language, text = next(iter(document["text"].items()))
    document["text"] = {language: {**text, "labels": {term: term for term in (*purposes, *data)}}}
    raw = codec.dump(document)
    account, terms = document["controller"]["account"], document["terms"]
    request = Request(account, notice_digest(raw), purposes, data, terms, 1, 2, word(1))
    notice, began = parse_notice(raw), time.process_time()
    fits(notice, request.notice, request)
    assert time.process_time() - began < 10
    stranger = Request(account, notice_digest(raw), purposes, (*data, "e:0"), terms, 1, 2, word(1))
    with pytest.raises(NoticeMismatch, match="p:0000 with e:0"):
        fits(notice, request.notice, stranger)


def test_large_wordings_are_not_cached() -> None:
    """Each wording repeats the brand's name and domain in every language: 128 hostile files took 400 MB."""
    purposes, data = tuple(f"p:{i}" for i in range(4)), ("d:0",)
    small = dict.fromkeys(("and", "retention", "recipients", "transfers", "rights", "withdrawal", "trace"), "x")
    text = small | {"Grant": "{controller}{data}{purposes}{expires}"}
    text |= {"labels": {term: term for term in (*purposes, *data)}}
    document = notice_document(scopes=[{"purposes": purposes, "data": data, "processing": ["dpv:Use"]}])
    document["controller"] |= {"name": "n" * 80, "domain": "d" * 245 + ".example"}
    document["text"] = {f"aa-{number}": text for number in range(200)}
    raw = codec.dump(document)
    notice, digest = parse_notice(raw), notice_digest(raw)
    subsets = [subset for count in (1, 2, 3) for subset in combinations(purposes, count)]
    grants = [grant_message(raw, statement="?", purposes=subset, data=data) for subset in subsets]
    with memory_stays_below(512 * 1024):
        for grant in grants:
            with pytest.raises(NoticeMismatch, match="not the notice's sentence"):
                fits(notice, digest, grant)
