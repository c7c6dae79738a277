"""Statements and verdicts in plain words of our own, shown beside the brand's sentence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import UNSET

from registry.core.evidence.file import Evidence
from registry.core.evidence.proofs import proofs
from registry.core.notices.document import TEXTS, Notice
from registry.core.notices.processing import processing_of
from registry.core.scalars import format_utc, to_hex
from registry.core.statements.messages import Grant, Request
from registry.core.verify.judge import VerifiedStatement
from registry.present.summary import Records, Risk, SigningSummary, training_of
from registry.present.text import NO, YES, Line, Row, table
from registry.present.vocabulary import Term, described
from registry.present.words import say


def terms(values: Iterable[str], labels: Mapping[str, str] | None = None) -> str:
    """Terms in the vocabulary's words, each with its marks and the brand's label."""
    return "; ".join(map(in_our_words, described(values, labels)))


def in_our_words(term: Term) -> str:
    """Say a term in the vocabulary's words, then the brand's; mark special categories, and terms not defined here."""
    named = f"{term.words} [{term.term}]" if term.words else term.term
    notes = [say("special")] * term.special + [say("undefined")] * (not term.words)
    notes += [say("called", label=term.label)] if term.label else []
    return f"{named} ({'; '.join(notes)})" if notes else named


def in_words(name: str, value: Any) -> str:
    """A member of a statement: terms in our words, a time in UTC, a text as it is."""
    if isinstance(value, list | tuple) or name == "terms":
        return terms([value] if isinstance(value, str) else value)
    return format_utc(value) if isinstance(value, int) else value


def unconfirmed(name: str, domain: str, account: str) -> str:
    """Say who asks: an account that calls itself so, which nobody has confirmed."""
    return say("unconfirmed", name=name, domain=domain, account=account)


def who_asks(summary: SigningSummary) -> str:
    """Say who asks, and whether the domain confirms it."""
    key = summary.standing if summary.standing in ("confirmed", "changed") else "unconfirmed"
    return say(key, name=summary.name, domain=summary.domain, account=summary.account)


def answer_lines(summary: SigningSummary) -> Iterator[str | Line]:
    """The lines that a person reads before they sign a grant or refusal."""
    yield Line(who_asks(summary), 0, YES if summary.standing == "confirmed" else NO)
    yield from ("", f"What {summary.name} says:")
    yield from table(_text_rows(summary.texts), indent=2)
    # The signed sentence comes last, so that it is still in sight at the prompt.
    yield from ("", "What it comes to:")
    yield from table(_answer_rows(summary), indent=2)
    yield from ("", f"{say('you.sign')}:", Line(f"  {summary.sentence}", 2))
    for risk in summary.risks:
        yield from ("", Line(risk_text(risk, summary.payer), 0, NO))


def risk_text(risk: Risk, payer: str) -> str:
    """Say what a person risks; ``payer`` is the address that pays."""
    return say(f"risk.{risk.name}", payer=payer, brands=", ".join(risk.brands))


def _answer_rows(summary: SigningSummary) -> Iterator[Row]:
    yield say("who"), who_asks(summary)
    yield from _listed("purposes", map(in_our_words, summary.purposes))
    if summary.act != "Grant":
        return
    yield from _listed("data", map(in_our_words, summary.data))
    yield from usage_rows(summary.processing)
    if summary.until is not None:
        yield say("until"), format_utc(summary.until)
    if summary.terms is not None:
        yield say("terms"), in_our_words(summary.terms)
    yield from _listed("handed", _handed_over(summary))
    yield say("stop"), f"{say('stop.how', command='`consent revoke`')} {say(payment_of(summary))}"


def usage_rows(processing: Sequence[Term]) -> Iterator[Row]:
    """How data is used, and whether for the training of AI models."""
    yield from _listed("processing", map(in_our_words, processing))
    yield say("training"), say(f"training.{training_of(processing)}")


def payment_of(summary: SigningSummary) -> str:
    """The key of our words for who pays: a notary, the network's relay, or the person."""
    if summary.notary:
        return "stop.notary"
    return "stop.payer" if summary.payer else "stop.relay"


def _handed_over(summary: SigningSummary) -> Iterator[str]:
    for each in summary.records or ():
        yield handed_over(each)
    yield say("handed.keys" if summary.records else "handed.nothing")


def handed_over(records: Records) -> str:
    """Say what a grant hands over of one kind of data."""
    count = say("handed.one") if records.count == 1 else say("handed.many", count=f"{records.count:,}")
    parts = [say("handed.source")] * ("source" in records.extras) + [say("handed.tags")] * ("tags" in records.extras)
    parts += [say(f"handed.file.{records.file}")] if records.file else []
    members = ", ".join([*records.members, *parts])
    said = say("handed.records", category=in_our_words(records.category), count=count, members=members)
    return " ".join([f"{said}.", *_period(records), say("handed.later" if records.continuing else "handed.once")])


def _period(records: Records) -> Iterator[str]:
    bounds = [name for name in ("from", "until") if getattr(records, name if name == "until" else "from_")]
    if bounds:
        yield say(f"handed.period.{'-'.join(bounds)}", **{"from": records.from_, "until": records.until})


def _listed(key: str, values: Iterable[str]) -> Iterator[Row]:
    """One row for each value; only the first has the name."""
    for number, value in enumerate(values):
        yield "" if number else say(key), value


def notice_lines(notice: Notice, language: str, cid: str) -> list[Line]:
    """A notice in one of its languages."""
    text = notice.text[language]
    brand = notice.controller
    rows: list[Row] = [
        (say("who"), unconfirmed(brand.name, brand.domain, brand.account)),
        ("Contact", brand.contact),
        ("Notice", cid),
        ("Languages", ", ".join(sorted(notice.text))),
        ("Terms", f"{terms([notice.terms])}, {notice.max_days} days at most"),
    ]
    for number, scope in enumerate(notice.scopes, 1):
        rows.append(("Scope", f"{number} of {len(notice.scopes)}"))
        rows += _listed("purposes", map(in_our_words, described(scope.purposes, text.labels)))
        rows += _listed("data", map(in_our_words, described(scope.data, text.labels)))
        rows += usage_rows(described(scope.processing))
    return table([*rows, *_text_rows((name, getattr(text, name)) for name in TEXTS)])


def _text_rows(texts: Iterable[tuple[str, str]]) -> Iterator[Row]:
    """The texts of a notice, which may have several lines each."""
    for name, text in texts:
        first, *others = text.split("\n")
        yield say(name), first
        yield from (("", line) for line in others)


_SHOWN = ("statement", "subject", "controller", "grant", "purposes", "data", "terms", "issued_at", "expires_at")


def open_lines(evidence: Evidence) -> Iterator[Line]:
    """What the file itself contradicts or leaves open, for a person to read before its contents."""
    checked = proofs(evidence)
    if any(proof.holds is False for proof in checked):
        yield Line(say("broken", page="evidence"), 0, NO)
    for proof in checked:
        if not proof.holds:
            key = f"{proof.name}.{'chain' if proof.holds is None else 'no'}"
            yield Line(_said_of(evidence, key, proof.why), 0, NO)


def _said_of(evidence: Evidence, key: str, why: str) -> str:
    if key == "signature.chain" and evidence.mandate is not UNSET:
        key = "signature.mandate.chain"
    root = evidence.anchor.root if evidence.anchor else ""
    controller = evidence.statement.message.controller
    return say(
        key, page="evidence", author=evidence.author, signer=evidence.signer, controller=controller, why=why, root=root
    )


def evidence_rows(evidence: Evidence) -> list[Row]:
    """The contents of an evidence file, unverified."""
    message, domain = evidence.statement.message, evidence.statement.domain
    members = [(name, getattr(message, name)) for name in _SHOWN if hasattr(message, name)]
    notice, rows = evidence.parsed_notice, list[Row]()
    if notice is not None:
        brand = notice.controller
        rows.append((say("who"), unconfirmed(brand.name, brand.domain, message.controller)))
    rows += [("Kind", evidence.kind), ("Digest", to_hex(evidence.digest))]
    rows += [(name.removesuffix("_at").capitalize(), in_words(name, value)) for name, value in members]
    if notice is not None and isinstance(message, Grant | Request):
        rows += usage_rows(described(processing_of(notice, message.purposes, message.data)))
    rows.append(("Registry", f"{domain.verifying_contract} on chain {domain.chain_id}"))
    if evidence.acceptance:
        rows.append(("Accepted", f"says so, at {format_utc(evidence.acceptance.statement.message.issued_at)}"))
    return rows


def verified_lines(verified: VerifiedStatement) -> list[Line]:
    """The proved facts, and the conditions that the policy did not ask."""
    message = verified.evidence.statement.message
    rows: list[Row] = [
        ("Signed by", _signed_by(verified)),
        ("Anchored", format_utc(verified.anchored_at) if verified.anchored_at else "not anchored: requests are not"),
        ("Judged at", f"{format_utc(verified.now)}, block {verified.block} of chain {verified.policy.chain_id}"),
    ]
    if hasattr(message, "expires_at"):
        rows.append(("In force until", format_utc(message.expires_at)))
    rows += [(_QUESTIONS[name], answer) for name, answer in verified.policy.asked.items()]
    rows.append(("Counter-signed", verified.acceptance))
    return [Line(f"Yes: this {verified.evidence.kind} holds.", 0, YES), *table(rows)]


def _signed_by(verified: VerifiedStatement) -> str:
    if verified.signer == verified.author:
        return verified.author
    return f"{verified.signer}, under a mandate of {verified.author}"


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
    """A verdict as JSON values; conditions that were left out say "not asked", members that its kind lacks are None."""
    message, asked = verified.evidence.statement.message, dict(verified.policy.asked)
    return {
        "verified": True,
        "kind": verified.evidence.kind,
        "digest": verified.digest,
        "author": verified.author,
        "signer": verified.signer,
        "controller": getattr(message, "controller", None),
        "purposes": getattr(message, "purposes", None),
        "data": getattr(message, "data", None),
        "expiresAt": getattr(message, "expires_at", None),
        "anchoredAt": verified.anchored_at,
        "now": verified.now,
        "chainId": verified.policy.chain_id,
        "registry": verified.policy.registry,
        "block": verified.block,
        "asked": asked | {"maxBackdate": asked.pop("max_backdate")},
        "acceptance": verified.acceptance,
    }


def holds(verified: VerifiedStatement) -> str:
    """A verdict in a few words: that it holds, until when, and whether it is accepted."""
    message = verified.evidence.statement.message
    until = f", until {format_utc(message.expires_at)}" if hasattr(message, "expires_at") else ""
    return f"holds{until}{', accepted' if verified.acceptance == 'verified' else ''}"
