"""Statements and verdicts in plain words of our own, shown beside the brand's sentence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from registry.core.evidence.file import Evidence
from registry.core.notices.document import Notice
from registry.core.scalars import format_utc, to_hex
from registry.core.statements.messages import Grant, Refusal
from registry.core.verify.judge import VerifiedStatement
from registry.present.summary import NOTICE_TEXTS
from registry.present.text import YES, Line, Row, table
from registry.present.vocabulary import label


def terms(values: Iterable[str], labels: dict[str, str] | None = None) -> str:
    """Terms with their labels: the brand's if it has one, else the vocabulary's."""
    return ", ".join(f"{(labels or {}).get(value) or label(value)} [{value}]" for value in values)


def in_words(value: Any) -> str:
    """A member of a statement: terms with their labels, a time in UTC, a text as it is."""
    if isinstance(value, list | tuple):
        return terms(value)
    return format_utc(value) if isinstance(value, int) else value


def answer_lines(
    message: Grant | Refusal, notice: Notice, language: str, capsule: bytes | None
) -> Iterator[str | Line]:
    """The lines that a person reads before they sign a grant or refusal."""
    text = notice.text[language]
    said = table([(name.capitalize(), getattr(text, name)) for name in NOTICE_TEXTS], indent=2)
    rows: list[Row] = [
        ("Who asks", f"{notice.controller.name} ({notice.controller.domain}), account {message.controller}"),
        ("What for", terms(message.purposes, text.labels)),
    ]
    if isinstance(message, Grant):
        handed_over = "nothing from your vault yet: it holds none of this data"
        if capsule is not None:
            handed_over = f"the keys to what your vault holds of it, sealed to the brand ({len(capsule):,} bytes)"
        rows += [
            ("Which data", terms(message.data, text.labels)),
            ("Until", format_utc(message.expires_at)),
            ("Terms", message.terms),
            ("Handed over", handed_over),
        ]
    yield f"What {notice.controller.name} says:"
    yield from said
    # The signed sentence comes last, so that it is still in sight at the prompt.
    yield from ("", "What it comes to:")
    yield from table(rows, indent=2)
    yield from ("", "You sign this sentence:", Line(f"  {message.statement}", 2))


def notice_lines(notice: Notice, language: str, cid: str) -> list[Line]:
    """A notice in one of its languages."""
    text = notice.text[language]
    rows: list[Row] = [
        ("Brand", f"{notice.controller.name} ({notice.controller.domain}), {notice.controller.contact}"),
        ("Account", notice.controller.account),
        ("Notice", cid),
        ("Languages", ", ".join(sorted(notice.text))),
        ("Terms", f"{notice.terms}, {notice.max_days} days at most"),
    ]
    for scope in notice.scopes:
        rows.append(("Scope", f"{terms(scope.purposes, text.labels)} with {terms(scope.data, text.labels)}"))
    rows += [(name.capitalize(), getattr(text, name)) for name in NOTICE_TEXTS]
    return table(rows)


_SHOWN = ("statement", "subject", "controller", "grant", "purposes", "data", "terms", "issued_at", "expires_at")


def evidence_rows(evidence: Evidence) -> list[Row]:
    """The contents of an evidence file, unverified."""
    message, domain = evidence.statement.message, evidence.statement.domain
    members = [(name, getattr(message, name)) for name in _SHOWN if hasattr(message, name)]
    rows: list[Row] = [("Kind", evidence.kind), ("Digest", to_hex(evidence.digest))]
    rows += [(name.removesuffix("_at").capitalize(), in_words(value)) for name, value in members]
    rows.append(("Registry", f"{domain.verifying_contract} on chain {domain.chain_id}"))
    if evidence.acceptance:
        rows.append(("Accepted", f"says so, at {format_utc(evidence.acceptance.statement.message.issued_at)}"))
    return rows


def verified_lines(verified: VerifiedStatement) -> list[Line]:
    """The proved facts, and the conditions that the policy did not ask."""
    message = verified.evidence.statement.message
    rows: list[Row] = [
        ("Signed by", verified.author),
        ("Anchored", format_utc(verified.anchored_at) if verified.anchored_at else "not anchored: requests are not"),
        ("Judged at", f"{format_utc(verified.now)}, block {verified.block} of chain {verified.policy.chain_id}"),
    ]
    if hasattr(message, "expires_at"):
        rows.append(("In force until", format_utc(message.expires_at)))
    rows += [(_QUESTIONS[name], answer) for name, answer in verified.policy.asked.items()]
    rows.append(("Counter-signed", verified.acceptance))
    return [Line(f"Yes: this {verified.evidence.kind} holds.", 0, YES), *table(rows)]


_QUESTIONS = {
    "controller": "Controller",
    "purposes": "Purposes",
    "data": "Data",
    "terms": "Terms",
    "acceptance": "Acceptance",
    "confirmations": "Confirmations",
    "max_backdate": "Back-dating",
}


def verified_json(verified: VerifiedStatement) -> dict[str, Any]:
    """A verdict as JSON values; conditions that were left out say "not asked"."""
    return {
        "verified": True,
        "kind": verified.evidence.kind,
        "digest": verified.digest,
        "author": verified.author,
        "anchoredAt": verified.anchored_at,
        "now": verified.now,
        "chainId": verified.policy.chain_id,
        "block": verified.block,
        "asked": dict(verified.policy.asked),
        "acceptance": verified.acceptance,
    }
