"""An evidence file as one page to read and to print: no script, no request, and no markup from a brand.

The page shows a file and does not verify it; it says so. It marks what the file proves by itself. Only the chain can
complete the rest.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from hashlib import sha256
from typing import Any, NamedTuple

from msgspec import UNSET

from registry.core.crypto.revocation import salt_hash
from registry.core.evidence.file import Evidence, acceptance_evidence
from registry.core.evidence.proofs import proofs
from registry.core.ipld.cid import cid_from_digest
from registry.core.notices.document import TEXTS, Notice, languages
from registry.core.notices.processing import processing_of
from registry.core.notices.rendering import signed_language
from registry.core.scalars import ZERO_WORD, to_hex, unhex
from registry.core.statements.messages import Grant, Mandate, Refusal, Request
from registry.core.statements.typed_data import typed_data
from registry.present.html import render_page
from registry.present.summary import training_of
from registry.present.vocabulary import described

_STATES = {True: "yes", False: "no", None: "chain"}
# Puts each member of an EIP-712 type on one line.
_PAIR = re.compile(r'\{\s+("name": "\w+"),\s+("type": "[a-z0-9\[\]]+")\s+\}')


class _Check(NamedTuple):
    """One line of what is proved: its heading, "yes", "no", "chain" or "none", its text, and what does not fit."""

    name: str
    state: str
    text: str
    why: str = ""


def evidence_page(evidence: Evidence, raw: bytes, language: str = "en") -> bytes:
    """Render the page for evidence whose file holds ``raw``: UTF-8 HTML.

    ``language`` is that of our own words, not of the brand's. Raises ``InvalidInput`` for one that we do not have.
    """
    message: Any = evidence.statement.message
    notice, acceptance = evidence.parsed_notice, acceptance_evidence(evidence)
    spoken = _spoken_language(notice, message, language) if notice else None
    values = {
        "evidence": evidence,
        "kind": evidence.kind,
        "message": message,
        "domain": evidence.statement.domain,
        "anchor": evidence.anchor or None,
        "notice": notice,
        "spoken": spoken,
        **_terms(message, notice, spoken),
        "languages": languages(notice) if notice else (),
        "notice_texts": TEXTS,
        "checks": list(_checks(evidence)),
        "related": list(_related(message)),
        "content": _content_cid(message),
        "salt_hash": salt_hash(message.salt),
        "accepted": acceptance and acceptance.statement.message.issued_at,
        "exact": list(_exact(evidence, raw)),
        "typed": _typed_lines(evidence),
        "typed_acceptance": acceptance and _typed_lines(acceptance),
    }
    return render_page("evidence", language, values)


def _terms(message: Any, notice: Notice | None, spoken: str | None) -> dict[str, Any]:
    """Describe the terms that a message names, and how the notice says that the data is used."""
    labels = notice.text[spoken].labels if notice and spoken else {}
    found: dict[str, Any] = {
        name: described(getattr(message, name), labels) for name in ("purposes", "data") if hasattr(message, name)
    }
    if notice and isinstance(message, Grant | Request):
        found["processing"] = described(processing_of(notice, message.purposes, message.data))
        found["training"] = training_of(found["processing"])
    return {"terms": found, "agreement": described([message.terms])[0] if hasattr(message, "terms") else None}


def _spoken_language(notice: Notice, message: Any, preferred: str) -> str:
    """The language of the signed sentence; without one ``preferred``, English or the first that the notice has."""
    if isinstance(message, Grant | Refusal | Mandate) and (signed := signed_language(notice, message)) is not None:
        return signed
    return next((language for language in (preferred, "en") if language in notice.text), languages(notice)[0])


def _checks(evidence: Evidence) -> Iterator[_Check]:
    checks = {proof.name: _Check(proof.name, state := _STATES[proof.holds], f"{proof.name}.{state}", proof.why)
              for proof in proofs(evidence)}  # fmt: skip
    if evidence.mandate is not UNSET:
        key = "signature.mandate" if checks["signature"].state == "yes" else "signature.mandate.chain"
        checks["signature"] = checks["signature"]._replace(text=key)
    acceptance = checks.pop("acceptance", _Check("acceptance", "none", "acceptance.none"))
    yield from checks.values()
    if evidence.anchor is not UNSET:
        yield _Check("anchor", "chain", "anchor.chain")
    if evidence.kind in ("Grant", "Request", "Mandate"):
        yield _Check("ended", "chain", "ended.chain")
    if evidence.kind == "Grant":
        yield acceptance
    if evidence.kind in ("Acceptance", "Acknowledgement"):
        yield _Check("accepts", "chain", "accepts.chain")


def _related(message: Any) -> Iterator[tuple[str, str]]:
    """The digests of other statements that this one names."""
    for key, name in (("replaces", "supersedes"), ("answers", "request"), ("grant", "grant")):
        if getattr(message, name, ZERO_WORD) != ZERO_WORD:
            yield key, getattr(message, name)


def _content_cid(message: Any) -> str | None:
    content = getattr(message, "content", ZERO_WORD)
    return None if content == ZERO_WORD else cid_from_digest(unhex(content))


def _exact(evidence: Evidence, raw: bytes) -> Iterator[tuple[str, str]]:
    yield "digest", to_hex(evidence.digest)
    yield "filehash", to_hex(sha256(raw).digest())
    if evidence.notice is not UNSET:
        hashed = sha256(evidence.notice.encode()).digest()
        yield "noticehash", to_hex(hashed)
        yield "cid", cid_from_digest(hashed)
    yield "signed", evidence.signature


def _typed_lines(evidence: Evidence) -> list[str]:
    document = typed_data(evidence.statement.domain, evidence.statement.message)
    return _PAIR.sub(r"{\1, \2}", json.dumps(document, indent=2, ensure_ascii=False)).split("\n")
