"""Statements and judgements in words: our own plain summary, beside the brand's sentence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from registry.cli.output import YES, Line, table
from registry.core.times import moment

if TYPE_CHECKING:
    from registry.client.granting import Proposal
    from registry.core.evidence import Evidence
    from registry.core.notices import Notice
    from registry.core.verifier import VerifiedStatement
    from registry.ledger.base import Receipt


def terms(values: Iterable[str], labels: dict[str, str] | None = None) -> str:
    """Terms with their labels: the brand's where it has one, else the vocabulary's."""
    from registry.client.vocabulary import label

    return ", ".join(f"{(labels or {}).get(value) or label(value)} [{value}]" for value in values)


def proposal_lines(proposal: Proposal) -> Iterator[str | Line]:
    """What a person reads before they sign."""
    from registry.client.showing import NOTICE_TEXTS
    from registry.core.statements import Grant

    message, notice = proposal.message, proposal.notice
    text = notice.text[proposal.language]
    said = table([(name.capitalize(), getattr(text, name)) for name in NOTICE_TEXTS], indent=2)
    rows: list[tuple[str, Any]] = [
        ("Who asks", f"{notice.controller.name} ({notice.controller.domain}), account {message.controller}"),
        ("What for", terms(message.purposes, text.labels)),
    ]
    if isinstance(message, Grant):
        rows += [
            ("Which data", terms(message.data, text.labels)),
            ("Until", moment(message.expires_at)),
            ("Terms", message.terms),
            ("Handed over", handed_over(proposal)),
        ]
    yield f"What {notice.controller.name} says:"
    yield from said
    # What is signed comes last, where it is still in sight when the question is asked.
    yield from ("", "What it comes to:")
    yield from table(rows, indent=2)
    yield from ("", "You sign this sentence:", Line(f"  {message.statement}", 2))


def handed_over(proposal: Proposal) -> str:
    """What the brand will be able to open."""
    if proposal.capsule is None:
        return "nothing from your vault yet: it holds none of this data"
    return f"the keys to what your vault holds of it, sealed to the brand ({len(proposal.capsule):,} bytes)"


def notice_lines(notice: Notice, language: str, cid: str) -> list[Line]:
    """A notice in one of its languages."""
    from registry.client.showing import NOTICE_TEXTS

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


def receipt_rows(receipt: Receipt) -> list[tuple[str, Any]]:
    """What a transaction cost, and where it is."""
    return [
        ("Transaction", receipt.transaction),
        ("Block", f"{receipt.block}, {moment(receipt.time)}"),
        ("Gas", f"{receipt.gas_used:,}"),
    ]


def evidence_rows(evidence: Evidence) -> list[tuple[str, Any]]:
    """What an evidence file says. Nothing of it is proved by being shown."""
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
    rows.append(("Issued", moment(message.issued_at)))
    if hasattr(message, "expires_at"):
        rows.append(("Expires", moment(message.expires_at)))
    domain = evidence.statement.domain
    rows.append(("Registry", f"{domain.verifying_contract} on chain {domain.chain_id}"))
    if evidence.acceptance:
        rows.append(("Accepted", f"says so, at {moment(evidence.acceptance.statement.message.issued_at)}"))
    return rows


def verified_lines(verified: VerifiedStatement) -> list[Line]:
    """What was proved, and what was not asked."""
    message = verified.evidence.statement.message
    rows: list[tuple[str, Any]] = [
        ("Signed by", verified.author),
        ("Anchored", moment(verified.anchored_at) if verified.anchored_at else "not anchored: requests are not"),
        ("Judged at", f"{moment(verified.now)}, block {verified.block} of chain {verified.policy.chain_id}"),
    ]
    if hasattr(message, "expires_at"):
        rows.append(("In force until", moment(message.expires_at)))
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


def receipt_json(receipt: Receipt) -> dict[str, Any]:
    """A transaction for programs."""
    return receipt._asdict()


def verified_json(verified: VerifiedStatement) -> dict[str, Any]:
    """A judgement for programs: what was not asked says so."""
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
