"""What a person is asked, in words: what a page shows before a wallet signs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from registry.core.crypto.keccak import keccak256
from registry.core.evidence.file import Evidence
from registry.core.notices.document import Notice
from registry.core.notices.rendering import render
from registry.core.scalars import checksum
from registry.core.statements.messages import Grant, Refusal, kind_of
from registry.present.vocabulary import label

# Each entry of these: what a person reads, and the term itself.
Terms = tuple[tuple[str, str], ...]


_PAGE_NAMES = {"shared_bytes": "handed", "signature_only": "loose"}


class SigningSummary(Struct, frozen=True, rename=_PAGE_NAMES):
    """One thing to be signed or sent, for a person to read. Everything in it is plain text, never markup.

    ``act`` is the statement's type ("Grant", "RevokeAll"), also where a transaction does the same. ``name``,
    ``domain`` and ``account`` are of the brand; ``language`` (BCP 47) is that of ``sentence``, of the labels in
    ``purposes`` and ``data`` and of ``texts``, the notice's further texts by their names. ``until`` is in unix
    seconds. ``shared_bytes`` is the size in bytes of what is handed over, 0 for nothing and None where it is no
    question. ``payer`` is the address that pays openly, where it is not a relay that pays. ``whose`` is the account
    for which is signed or sent, where it is another than the wallet's. ``signature_only``: nothing is
    sent now, and whoever has the signature may do it.
    """

    act: str
    name: str = ""
    domain: str = ""
    account: str = ""
    language: str = "en"
    sentence: str = ""
    purposes: Terms = ()
    data: Terms = ()
    until: int | None = None
    terms: str = ""
    shared_bytes: int | None = None
    texts: tuple[tuple[str, str], ...] = ()
    payer: str = ""
    whose: str = ""
    signature_only: bool = False


# What the contract's functions do (DESIGN section 3). What another account signed says first whose it is.
_CALLS = {
    "anchor(bytes32,bytes32)": "Anchor",
    "revoke(bytes32,bytes32)": "Opening",
    "revokeOpenly(bytes32,bytes32)": "Revoke",
    "revokeAll()": "RevokeAll",
    "retire()": "Retire",
    "revokeOpenlyFor(address,bytes32,bytes32,bytes)": "Revoke",
    "revokeAllFor(address,uint64,bytes)": "RevokeAll",
    "retireFor(address,bytes)": "Retire",
}


def summary_of_call(data: str) -> SigningSummary:
    """What a transaction with this 0x data does, for who pays for it."""
    for function, act in _CALLS.items():
        if data[2:10] == keccak256(function.encode())[:4].hex():
            relayed = "For(address," in function
            return SigningSummary(act, whose=checksum(bytes.fromhex(data[34:74])) if relayed else "")
    return SigningSummary("Transaction")


def summary_of_typed_data(typed_data: dict[str, Any]) -> SigningSummary:
    """What the typed data itself says, where nobody put it into better words."""
    message: dict[str, Any] = typed_data.get("message", {})
    return SigningSummary(
        act=str(typed_data.get("primaryType", "")),
        # A statement without a subject is the controller's own: nobody asks them.
        account=str(message.get("controller", "")) if "subject" in message else "",
        sentence=str(message.get("statement", "")),
        purposes=_bare(message.get("purposes")),
        data=_bare(message.get("data")),
        until=until if isinstance(until := message.get("expiresAt"), int) else None,
        terms=str(message.get("terms", "")),
    )


def _bare(terms: Any) -> Terms:
    return tuple((str(term), "") for term in terms) if isinstance(terms, list | tuple) else ()


# The texts of a notice, in the order in which a person reads them.
NOTICE_TEXTS = ("retention", "recipients", "transfers", "rights", "withdrawal", "trace")


def summary_of_answer(
    message: Grant | Refusal, notice: Notice, language: str, capsule: bytes | None, payer: str = ""
) -> SigningSummary:
    """A grant or refusal that is about to be signed; ``payer`` is the paying address, empty for the relay."""
    shared = len(capsule or b"") if isinstance(message, Grant) else None
    return _summary(kind_of(message), message, notice, language, shared, payer)


def summary_of_ending(act: str, grant: Evidence | None = None) -> SigningSummary:
    """ "Revoke" with the grant that it ends, "RevokeAll" or "Retire": what the account's own key does openly."""
    if grant is None or (notice := grant.parsed_notice) is None:
        return SigningSummary(act)
    message = grant.statement.message
    if not isinstance(message, Grant):
        return SigningSummary(act)
    language = next((tag for tag in notice.text if render(notice, tag, message) == message.statement), "en")
    return _summary(act, message, notice, language)


def summary_of_acceptance(grant: Evidence, payer: str = "") -> SigningSummary:
    """What a brand counter-signs: a person's grant, and whose it is."""
    summary = summary_of_ending("Acceptance", grant)
    subject = getattr(grant.statement.message, "subject", "")
    # The brand knows itself, and what it says in its notice.
    return replace(summary, name="", domain="", account=subject, texts=(), payer=payer)


def _summary(
    act: str, message: Grant | Refusal, notice: Notice, language: str, shared: int | None = None, payer: str = ""
) -> SigningSummary:
    text = notice.text.get(language)
    labels = text.labels if text else {}
    granted = message if isinstance(message, Grant) else None
    return SigningSummary(
        act=act,
        name=notice.controller.name,
        domain=notice.controller.domain,
        account=message.controller,
        language=language,
        sentence=message.statement,
        purposes=_labelled(message.purposes, labels),
        data=_labelled(granted.data, labels) if granted else (),
        until=granted.expires_at if granted else None,
        terms=granted.terms if granted else "",
        shared_bytes=shared,
        texts=tuple((name, getattr(text, name)) for name in NOTICE_TEXTS) if text else (),
        payer=payer,
    )


def _labelled(terms: Iterable[str], labels: dict[str, str]) -> Terms:
    """Each term with the brand's label where it has one, else the vocabulary's, which is English."""
    return tuple((term, labels.get(term) or label(term)) for term in terms)
