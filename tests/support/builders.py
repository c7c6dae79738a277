"""Whole worlds in a few lines: accounts, a notice, signed and anchored evidence, and the facts that fit it.

Everything is deterministic. A test takes what it needs, changes one thing, and looks at the answer.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import msgspec
import rfc8785
from eth_account import Account
from eth_account.signers.local import LocalAccount

from registry.core.anchor import Anchor
from registry.core.crypto.revocation import lock_of
from registry.core.crypto.seeds import revocation_secret
from registry.core.eip712 import domain_of
from registry.core.evidence.file import STATEMENTS, Evidence, commitment_of, quoted, signed_mandate, write_evidence
from registry.core.facts import AnchorFacts, Facts
from registry.core.merkle import build_tree
from registry.core.notices.document import notice_digest, parse_notice
from registry.core.notices.rendering import render
from registry.core.scalars import ZERO_WORD, to_hex
from registry.core.statements.messages import (
    Acceptance,
    Acknowledgement,
    Grant,
    Mandate,
    Message,
    Refusal,
    Request,
    UseLog,
)
from registry.core.statements.typed_data import digest
from registry.core.verify.policy import Policy
from registry.core.verify.queries import fact_queries

REGISTRY = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
CHAIN_ID = 31337
DOMAIN = domain_of(CHAIN_ID, REGISTRY)
NOW = 1_790_000_000
SEED = bytes(range(32))


@lru_cache
def account(name: str) -> LocalAccount:
    """The test account of that name."""
    return Account.from_key(name.encode().rjust(32, b"\x01"))


SUBJECT = account("alice").address
CONTROLLER = account("aurelle").address
DELEGATE = account("steward").address


def word(number: int) -> str:
    return to_hex(number.to_bytes(32, "big"))


def notice_document(**changes: Any) -> dict[str, Any]:
    """A good notice, with some of its members replaced."""
    english = {
        "Grant": "I allow {controller} to use my {data} for {purposes}, until {expires}. I can stop at any time.",
        "Refusal": "I do not allow {controller} to use my data for {purposes}.",
        "labels": {
            "dpv:Marketing": "marketing",
            "dpv:Personalisation": "personalising its offers",
            "pd:EmailAddress": "email address",
            "pd:Purchase": "purchases",
        },
        "and": "and",
        "retention": "Two years.",
        "recipients": "Nobody else.",
        "transfers": "None.",
        "rights": "Access, rectification, erasure.",
        "withdrawal": "At any time, in your wallet.",
        "trace": "A hash stays on the chain.",
    }
    french = english | {
        "Grant": "J'autorise {controller} : {data}, pour {purposes}, jusqu'au {expires}.",
        "Refusal": "Je n'autorise pas {controller} à utiliser mes données pour {purposes}.",
        "and": "et",
    }
    return {
        "schema": "consent-notice/1",
        "controller": {
            "name": "Maison Aurelle",
            "account": CONTROLLER,
            "recipient": "age1test",
            "domain": "aurelle.example",
            "contact": "privacy@aurelle.example",
        },
        "scopes": [
            {
                "purposes": ["dpv:Personalisation"],
                "data": ["pd:EmailAddress", "pd:Purchase"],
                "processing": ["dpv:Collect", "dpv:Use"],
            },
            {"purposes": ["dpv:Marketing"], "data": ["pd:EmailAddress"], "processing": ["dpv:Use"]},
        ],
        "terms": "ieee-7012:SD-BASE",
        "maxDays": 365,
        "more": {},
        "text": {"en": english, "fr": french},
    } | changes


def notice_bytes(**changes: Any) -> bytes:
    return rfc8785.dumps(notice_document(**changes))


def fiduciary_document(**changes: Any) -> dict[str, Any]:
    """A good notice of a fiduciary, with some of its members replaced."""
    document = notice_document()
    brand = {
        "name": "Good Steward",
        "account": DELEGATE,
        "domain": "steward.example",
        "contact": "hello@steward.example",
    }
    sentence = "I let {delegate} sign {powers} for me: {purposes}, with my {data}, for {controllers}, until {expires}."
    labels = {"power:Grant": "permissions", "power:Refusal": "refusals", "controller:any": "any brand"}
    for language in document["text"].values():
        del language["Grant"], language["Refusal"]
        language |= {"Mandate": sentence, "labels": language["labels"] | labels}
    said = {"duties": "Your interest first.", "fees": "None.", "paidBy": "You alone.", "conflicts": "None."}
    more = {"mandate": {"powers": ["Grant", "Refusal"], "text": {"en": said, "fr": said}}}
    return document | {"controller": document["controller"] | brand, "more": more} | changes


def fiduciary_notice(**changes: Any) -> bytes:
    return rfc8785.dumps(fiduciary_document(**changes))


def mandate_message(notice: bytes | None = None, language: str = "en", **changes: Any) -> Mandate:
    """A mandate that covers `grant_message` and fits the notice, with some of its members replaced."""
    raw = fiduciary_notice() if notice is None else notice
    salt = changes.pop("salt", word(17))
    members: dict[str, Any] = {
        "statement": "",
        "subject": SUBJECT,
        "delegate": DELEGATE,
        "powers": ("Grant", "Refusal"),
        "purposes": ("dpv:Personalisation",),
        "data": ("pd:EmailAddress", "pd:Purchase"),
        "controllers": (CONTROLLER,),
        "notice": notice_digest(raw),
        "details": word(18),
        "issued_at": NOW - 9000,
        "not_before": NOW - 9000,
        "expires_at": NOW + 60 * 86_400,
        "revocation": lock_of(revocation_secret(SEED, salt)),
        "salt": salt,
    }
    mandate = Mandate(**members | changes)
    if "statement" in changes:
        return mandate
    return msgspec.structs.replace(mandate, statement=render(parse_notice(raw), language, mandate))


def mandate_of(message: Mandate | None = None, *, signer: str = "alice", notice: bytes | None = None) -> Evidence:
    """The evidence of a mandate."""
    message = mandate_message(notice) if message is None else message
    return evidence_of(message, signer=account(signer), notice=fiduciary_notice() if notice is None else notice)


def under_mandate(act: Any = None, *, mandate: Evidence | None = None, signer: str = "steward") -> Evidence:
    """The evidence of an act that a delegate signed, with the mandate beside it."""
    evidence = evidence_of(grant_message() if act is None else act, signer=account(signer))
    return msgspec.structs.replace(evidence, mandate=signed_mandate(mandate_of() if mandate is None else mandate))


def grant_message(notice: bytes | None = None, language: str = "en", **changes: Any) -> Grant:
    """A grant that fits the notice, with some of its members replaced (and its sentence rendered anew)."""
    raw = notice_bytes() if notice is None else notice
    salt = changes.pop("salt", word(7))
    members: dict[str, Any] = {
        "statement": "",
        "subject": SUBJECT,
        "controller": CONTROLLER,
        "request": ZERO_WORD,
        "purposes": ("dpv:Personalisation",),
        "data": ("pd:EmailAddress", "pd:Purchase"),
        "terms": "ieee-7012:SD-BASE",
        "notice": notice_digest(raw),
        "content": ZERO_WORD,
        "supersedes": ZERO_WORD,
        "issued_at": NOW - 1000,
        "not_before": NOW - 1000,
        "expires_at": NOW + 30 * 86_400,
        "revocation": lock_of(revocation_secret(SEED, salt)),
        "salt": salt,
    }
    grant = Grant(**members | changes)
    if "statement" in changes:
        return grant
    return msgspec.structs.replace(grant, statement=render(parse_notice(raw), language, grant))


def request_message(**changes: Any) -> Request:
    members: dict[str, Any] = {
        "controller": CONTROLLER,
        "notice": notice_digest(notice_bytes()),
        "purposes": ("dpv:Personalisation",),
        "data": ("pd:EmailAddress", "pd:Purchase"),
        "terms": "ieee-7012:SD-BASE",
        "issued_at": NOW - 2000,
        "expires_at": NOW + 86_400,
        "salt": word(8),
    }
    return Request(**members | changes)


def refusal_message(**changes: Any) -> Refusal:
    members: dict[str, Any] = {
        "statement": "",
        "subject": SUBJECT,
        "controller": CONTROLLER,
        "request": ZERO_WORD,
        "purposes": ("dpv:Marketing", "dpv:Personalisation"),
        "notice": notice_digest(notice_bytes()),
        "issued_at": NOW - 1000,
        "salt": word(9),
    }
    refusal = Refusal(**members | changes)
    if "statement" in changes:
        return refusal
    return msgspec.structs.replace(refusal, statement=render(parse_notice(notice_bytes()), "en", refusal))


def acceptance_message(grant: Evidence, **changes: Any) -> Acceptance:
    members: dict[str, Any] = {
        "grant": to_hex(grant.digest),
        "controller": CONTROLLER,
        "issued_at": NOW - 400,
        "salt": word(10),
    }
    return Acceptance(**members | changes)


def acknowledgement_message(grant: Evidence, **changes: Any) -> Acknowledgement:
    """The brand saw that this grant ended."""
    return Acknowledgement(**msgspec.structs.asdict(acceptance_message(grant)) | changes)


def use_log_message(**changes: Any) -> UseLog:
    """The brand's use log has three entries."""
    members = {"controller": CONTROLLER, "root": word(11), "size": 3, "issued_at": NOW - 600, "salt": word(12)}
    return UseLog(**members | changes)


def sign(message: Message, signer: LocalAccount, domain: Any = DOMAIN) -> bytes:
    return bytes(Account.unsafe_sign_hash(digest(domain, message), signer.key).signature)


def evidence_of(
    message: Any,
    *,
    signer: LocalAccount | None = None,
    domain: Any = DOMAIN,
    notice: bytes | None = None,
    others: int = 3,
    signature: bytes | None = None,
) -> Evidence:
    """Signed by its author (unless told otherwise) and included in a batch with ``others`` strangers."""
    if signer is None:
        signer = account("alice") if isinstance(message, Grant | Refusal | Mandate) else account("aurelle")
    signature = sign(message, signer, domain) if signature is None else signature
    members: dict[str, Any] = {
        "statement": STATEMENTS[type(message)](domain=domain, message=message),
        "signature": to_hex(signature),
    }
    if isinstance(message, Grant | Refusal | Request | Mandate):
        members["quoted_notice"] = quoted(notice_bytes() if notice is None else notice)
    if isinstance(message, Request):
        return Evidence(**members)
    placeholder = Anchor(root=ZERO_WORD, proof=(), transaction=word(1), block=1)
    return anchored(Evidence(**members, anchor=placeholder), others)


def anchored(evidence: Evidence, others: int = 3) -> Evidence:
    own = commitment_of(evidence)
    tree = build_tree([own, *((i + 1).to_bytes(32, "big") for i in range(others))])
    proof = tuple(map(to_hex, tree.proof(own)))
    anchor = Anchor(root=to_hex(tree.root), proof=proof, transaction=word(1), block=1)
    return msgspec.structs.replace(evidence, anchor=anchor)


def policy(**changes: Any) -> Policy:
    members: dict[str, Any] = {
        "chain_id": CHAIN_ID,
        "registry": REGISTRY,
        "controllers": frozenset({CONTROLLER}),
        "purposes": frozenset({"dpv:Personalisation"}),
        "data": frozenset({"pd:Purchase"}),
    }
    return Policy(**members | changes)


@dataclass
class World:
    """Facts for whatever is asked: everything anchored 500 seconds ago, nothing revoked, unless set otherwise."""

    anchored_at: int = NOW - 500
    revoked_at: int = 0
    cutoff: int = 0
    chain_id: int = CHAIN_ID
    block_time: int = NOW - 5
    clock: int = NOW
    depth: int = 0
    as_of: int | None = None
    contracts: dict[str, bool] = field(default_factory=dict)

    def facts(self, evidence: Evidence) -> Facts:
        anchors, signatures = fact_queries(evidence)
        answer = AnchorFacts(self.anchored_at, self.revoked_at, self.cutoff)
        return Facts(
            chain_id=self.chain_id,
            block_number=42,
            block_hash=word(42),
            block_time=self.block_time,
            clock=self.clock,
            depth=self.depth,
            as_of=self.as_of,
            anchors=dict.fromkeys(anchors, answer),
            signatures={question: self.contracts.get(question.signer, False) for question in signatures},
        )


def as_json(evidence: Evidence) -> dict[str, Any]:
    return json.loads(write_evidence(evidence))
