"""js/core and the package give one answer to whatever is damaged at random: the same value, or the same error name."""

from __future__ import annotations

import json
from base64 import b64decode
from collections import Counter
from typing import Any

import msgspec
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.core import codec
from registry.core.eip712 import Domain
from registry.core.evidence.file import (
    Evidence,
    canonical_evidence,
    commitment_of,
    parse_evidence,
    with_acceptance,
    write_evidence,
)
from registry.core.notices import plain_text
from registry.core.notices.document import languages, notice_digest, parse_notice
from registry.core.notices.processing import allows_training, processing_of
from registry.core.notices.rendering import render
from registry.core.notices.unicode import caseless, nfc, nfkc
from registry.core.scalars import to_hex
from registry.core.statements.messages import Grant, Message, Refusal, members
from registry.core.statements.typed_data import digest, parse_typed_data, struct_hash, typed_data
from tests.support import strategies
from tests.support.builders import (
    acceptance_message,
    acknowledgement_message,
    evidence_of,
    grant_message,
    mandate_of,
    notice_bytes,
    notice_document,
    refusal_message,
    request_message,
    under_mandate,
    use_log_message,
)
from tests.support.mutations import damaged, files, mutated, outcome, written
from tests.support.nodejs import b64, js_core
from tests.support.soak import examples

LIMIT = 4 * 1024 * 1024
KINDS = ("NAME", "LABEL", "AND", "SENTENCE", "TEXT")
# Characters that one rule or another is about, some of several scripts.
SPECIAL = (
    "aZé1ßΣς\u0130ﬁŒ \u00a0\u202f\u2003\u3000\n\t'’\",،、()«»“„-–.&\u00ad\u034f\u0301\u0323\u0345\u200b\u200c\u200d"
    "\u2060\u3164\ufe0fمیدخِकष\u094d\u0bcd\u0e01\u0e34각ㄱ\u1100\u1161\u11a8中🦊\u0378\ue000\ufdd0\U0001d15e\U000e0100\ua7d2\u0897"
)


def grant_evidence() -> Evidence:
    grant = evidence_of(grant_message())
    return with_acceptance(grant, evidence_of(acceptance_message(grant)))


GRANT = grant_evidence()
EVIDENCE = [
    GRANT,
    evidence_of(request_message()),
    evidence_of(refusal_message()),
    evidence_of(acceptance_message(GRANT)),
    evidence_of(acknowledgement_message(GRANT)),
    evidence_of(use_log_message()),
    under_mandate(),
    mandate_of(),
]
DOCUMENTS = [json.loads(write_evidence(one)) for one in EVIDENCE]


def both_seen(seen: Counter[bool]) -> bool:
    """Whether enough of the examples were accepted and refused; hardly any test would fail otherwise."""
    return min(seen[True], seen[False]) >= sum(seen.values()) // 20


# Statements ------------------------------------------------------------------------------------------------


@settings(max_examples=examples(150, 10_000))
@given(strategies.domains, strategies.messages)
def test_any_statement_has_one_digest_and_one_typed_data(domain: Domain, message: Message) -> None:
    document = typed_data(domain, message)
    found = js_core().ask("statement", document)
    assert found["typedData"] == document
    assert found["structHash"] == to_hex(struct_hash(message))
    assert found["digest"] == to_hex(digest(domain, message))


def test_changed_typed_data_is_read_or_refused_alike() -> None:
    seen = Counter[bool]()

    @settings(max_examples=examples(200, 10_000))
    @given(st.data(), strategies.domains, strategies.messages)
    def agree(data: st.DataObject, domain: Domain, message: Message) -> None:
        document = data.draw(mutated(typed_data(domain, message)))
        ours = outcome(lambda: to_hex(digest(*parse_typed_data(document))))
        theirs = js_core().ask("statement", document)
        assert (theirs if isinstance(theirs, str) else theirs["digest"]) == ours
        seen[ours == "Malformed"] += 1

    agree()
    assert both_seen(seen), seen


# JSON ------------------------------------------------------------------------------------------------------

texts = st.text(st.characters(codec="utf-8"), max_size=8)
numbers = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=examples(150, 10_000))
@given(values)
def test_any_value_has_one_encoding(value: Any) -> None:
    raw = rfc8785.dumps(value)
    loose = json.dumps(value, indent=1, ensure_ascii=False).encode()
    assert js_core().ask_all([("parseCanonical", b64(raw)), ("restored", b64(loose))]) == [b64(raw), b64(raw)]
    assert (js_core().ask("parseCanonical", b64(loose)) == "Malformed") == (loose != raw)


@settings(max_examples=examples(200, 10_000))
@given(values.map(lambda value: json.dumps(value).encode()).flatmap(damaged))
def test_damaged_json_is_restored_or_refused_alike(raw: bytes) -> None:
    ours = outcome(lambda: b64(codec.canonical(raw, LIMIT)))
    assert js_core().ask("restored", b64(raw)) == ours
    # The one difference: only what is restored may begin with a byte order mark.
    assert js_core().ask("parse", b64(raw)) == ("Malformed" if raw.startswith(b"\xef\xbb\xbf") else ours)


# Notices ---------------------------------------------------------------------------------------------------


def test_a_changed_notice_is_read_or_refused_alike() -> None:
    seen = Counter[bool]()

    @settings(max_examples=examples(250, 20_000))
    @given(files(notice_document()))
    def agree(raw: bytes) -> None:
        ours = outcome(lambda: {"digest": notice_digest(raw), "languages": languages(parse_notice(raw))})
        assert js_core().ask("notice", b64(raw)) == ours
        seen[ours == "Malformed"] += 1

    agree()
    assert both_seen(seen), seen


@settings(max_examples=examples(200, 10_000))
@given(st.text(st.sampled_from(SPECIAL), max_size=9) | strategies.texts, st.sampled_from(KINDS))
def test_plain_text_and_its_forms(text: str, kind: str) -> None:
    ours = plain_text.find_fault(text, getattr(plain_text, kind)) is None
    assert js_core().ask_all([("plainText", text, kind), ("forms", text)]) == [
        ours,
        [nfc(text), nfkc(text), caseless(text)],
    ]


@settings(max_examples=examples(200, 10_000))
@given(strategies.labels(4), strategies.names, strategies.names, st.data())
def test_any_notice_renders_one_sentence(labels: list[str], name: str, joiner: str, data: st.DataObject) -> None:
    document = notice_document()
    terms = ("dpv:Marketing", "dpv:Personalisation", "pd:EmailAddress", "pd:Purchase")
    text = document["text"]["en"] | {"labels": dict(zip(terms, labels, strict=True)), "and": joiner}
    raw = written(document | {"text": {"en": text}, "controller": document["controller"] | {"name": name}})
    message: Grant | Refusal = data.draw(strategies.grants | strategies.refusals)
    chosen = st.lists(st.sampled_from([*terms, "dpv:Unknown"]), min_size=1, max_size=4, unique=True)
    purposes, categories = (tuple(sorted(data.draw(chosen))) for _ in range(2))
    asked = {**members(message), "purposes": purposes} | ({"data": categories} if isinstance(message, Grant) else {})
    message = msgspec.convert(asked, type(message))
    ours = outcome(lambda: render(parse_notice(raw), "en", message))
    assert js_core().ask("render", b64(raw), "en", asked) == ours
    operations = outcome(lambda: processing_of(parse_notice(raw), purposes, categories))
    wanted = operations if isinstance(operations, str) else [list(operations), allows_training(operations)]
    assert js_core().ask("processing", b64(raw), purposes, categories) == wanted


# Evidence --------------------------------------------------------------------------------------------------


def _read(raw: bytes) -> dict[str, str]:
    found = parse_evidence(raw)
    made = {"written": b64(write_evidence(found)), "digest": to_hex(found.digest)}
    return made | {"commitment": to_hex(commitment_of(found))}


def test_changed_evidence_is_read_or_refused_alike() -> None:
    seen = Counter[bool]()

    @settings(max_examples=examples(250, 20_000))
    @given(st.sampled_from(DOCUMENTS).flatmap(files))
    def agree(raw: bytes) -> None:
        ours = outcome(lambda: _read(raw))
        assert js_core().ask("evidence", b64(raw)) == ours
        restored = outcome(lambda: b64(canonical_evidence(raw)))
        assert js_core().ask("canonicalEvidence", b64(raw)) == restored
        seen[ours == "Malformed"] += 1

    agree()
    assert both_seen(seen), seen


@settings(max_examples=examples(200, 10_000))
@given(st.sampled_from(DOCUMENTS[:3]).flatmap(lambda one: mutated(json.loads(one["notice"])).map(lambda n: (one, n))))
def test_evidence_with_a_changed_notice_is_read_or_refused_alike(both: tuple[Any, Any]) -> None:
    document, notice = both
    raw = written(document | {"notice": written(notice).decode()})
    assert js_core().ask("evidence", b64(raw)) == outcome(lambda: _read(raw))


def test_evidence_of_javascript_is_read_by_python() -> None:
    for document in DOCUMENTS:
        raw = b64decode(js_core().ask("evidence", b64(written(document)))["written"])
        assert raw == write_evidence(parse_evidence(raw)) == written(document)


def test_the_notice_of_the_builders_is_what_both_read() -> None:
    assert js_core().ask("notice", b64(notice_bytes()))["languages"] == ["en", "fr"]
