"""Statements and verdicts in plain words of our own, shown beside the brand's sentence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from registry.core.scalars import format_utc
from registry.present.text import YES, Line, table

if TYPE_CHECKING:
    from registry.core.evidence.file import Evidence
    from registry.core.notices.document import Notice
    from registry.core.statements.messages import Grant, Refusal
    from registry.core.verify.judge import VerifiedStatement


def terms(values: Iterable[str], labels: dict[str, str] | None = None) -> str:
    """Terms with their labels: the brand's if it has one, else the vocabulary's."""
    from registry.present.vocabulary import label

    return ", ".join(f"{(labels or {}).get(value) or label(value)} [{value}]" for value in values)


def answer_lines(
    message: Grant | Refusal, notice: Notice, language: str, capsule: bytes | None
) -> Iterator[str | Line]:
    """The lines that a person reads before they sign a grant or refusal."""
    from registry.core.statements.messages import Grant
    from registry.present.summary import NOTICE_TEXTS

    text = notice.text[language]
    said = table([(name.capitalize(), getattr(text, name)) for name in NOTICE_TEXTS], indent=2)
    rows: list[tuple[str, Any]] = [
        ("Who asks", f"{notice.controller.name} ({notice.controller.domain}), account {message.controller}"),
        ("What for", terms(message.purposes, text.labels)),
    ]
    if isinstance(message, Grant):
        rows += [
            ("Which data", terms(message.data, text.labels)),
            ("Until", format_utc(message.expires_at)),
            ("Terms", message.terms),
            ("Handed over", handed_over(capsule)),
        ]
    yield f"What {notice.controller.name} says:"
    yield from said
    # The signed sentence comes last, so that it is still in sight at the prompt.
    yield from ("", "What it comes to:")
    yield from table(rows, indent=2)
    yield from ("", "You sign this sentence:", Line(f"  {message.statement}", 2))


def handed_over(capsule: bytes | None) -> str:
    """The line about the data that the brand will be able to open."""
    if capsule is None:
        return "nothing from your vault yet: it holds none of this data"
    return f"the keys to what your vault holds of it, sealed to the brand ({len(capsule):,} bytes)"


def notice_lines(notice: Notice, language: str, cid: str) -> list[Line]:
    """A notice in one of its languages."""
    from registry.present.summary import NOTICE_TEXTS

    text = notice.text[language]
    rows: list[tuple[str, Any]] = [
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


def evidence_rows(evidence: Evidence) -> list[tuple[str, Any]]:
    """The contents of an evidence file, unverified."""
    from registry.core.scalars import to_hex

    message = evidence.statement.message
    rows: list[tuple[str, Any]] = [("Kind", evidence.kind), ("Digest", to_hex(evidence.digest))]
    for name in ("statement", "subject", "controller", "grant"):
        if hasattr(message, name):
            rows.append((name.capitalize(), getattr(message, name)))
    for name in ("purposes", "data"):
        if hasattr(message, name):
            rows.append((name.capitalize(), terms(getattr(message, name))))
    if hasattr(message, "terms"):
        rows.append(("Terms", message.terms))
    rows.append(("Issued", format_utc(message.issued_at)))
    if hasattr(message, "expires_at"):
        rows.append(("Expires", format_utc(message.expires_at)))
    domain = evidence.statement.domain
    rows.append(("Registry", f"{domain.verifying_contract} on chain {domain.chain_id}"))
    if evidence.acceptance:
        rows.append(("Accepted", f"says so, at {format_utc(evidence.acceptance.statement.message.issued_at)}"))
    return rows


def verified_lines(verified: VerifiedStatement) -> list[Line]:
    """The proved facts, and the conditions that the policy did not ask."""
    message = verified.evidence.statement.message
    rows: list[tuple[str, Any]] = [
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
