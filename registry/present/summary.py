"""Summaries of what a wallet is about to sign, for a person to read first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from registry.core.crypto.keccak import keccak256
from registry.core.evidence.file import Evidence
from registry.core.notices.document import TEXTS, Notice
from registry.core.notices.processing import allows_training, processing_of
from registry.core.notices.rendering import signed_language
from registry.core.scalars import checksum
from registry.core.statements.messages import Grant, Refusal, kind_of
from registry.present.vocabulary import Term, described

if TYPE_CHECKING:
    from registry.core.sealed.bundles import View


class Records(Struct, frozen=True, rename={"from_": "from"}):
    """Records of one category that a grant hands over: how many, with which members, and whether later ones follow.

    ``members`` are those of their bodies. The period is from ``from_`` until before ``until`` (RFC 3339), each "" for
    no bound. ``file`` says of the records' files: "" if they stay, "kept" if they go without their names, or "given".
    ``extras`` are "source" and "tags", where they go along.
    """

    category: Term
    count: int
    members: tuple[str, ...]
    from_: str = ""
    until: str = ""
    continuing: bool = False
    file: str = ""
    extras: tuple[str, ...] = ()


class Risk(Struct, frozen=True):
    """What a person must accept by itself before they sign. ``name`` is "not-post-quantum", "links-brands" or
    "changed-account".

    ``brands`` are those that can recognise the account that pays; of "changed-account" the domain's account before.
    """

    name: str
    brands: tuple[str, ...] = ()


_PAGE_NAMES = {"signature_only": "loose"}


class SigningSummary(Struct, frozen=True, rename=_PAGE_NAMES):
    """A statement or transaction for a person to read before they sign or send it. All values are plain text.

    ``act`` is the statement's type ("Grant", "RevokeAll"), also for a transaction with the same effect. ``name``,
    ``domain`` and ``account`` are the brand's. ``language`` (BCP 47) is that of ``sentence``, of the brand's labels and
    of ``texts``, the notice's further texts by name. ``processing`` says how data is used, and ``training`` whether for
    AI models: "yes", "no", "unknown", or empty where no notice tells. ``until`` is in unix seconds. ``records`` are
    those that it hands over, and None where the act cannot hand over any. ``payer`` is the address that pays openly,
    empty if a relay pays, or a ``notary``. ``whose`` is the account that the act concerns, if it is not the wallet's.
    With ``signature_only`` nothing is sent now, and anybody with the signature may send it. ``standing`` says whether
    ``domain`` confirmed the account: "confirmed", "not confirmed" or "changed"; empty where nobody asked it. ``notice``
    is the document that the sentence comes from, so that a page can write it again; empty where it is not at hand.
    """

    act: str
    name: str = ""
    domain: str = ""
    account: str = ""
    standing: str = ""
    language: str = "en"
    sentence: str = ""
    purposes: tuple[Term, ...] = ()
    data: tuple[Term, ...] = ()
    processing: tuple[Term, ...] = ()
    training: str = ""
    until: int | None = None
    terms: Term | None = None
    records: tuple[Records, ...] | None = None
    risks: tuple[Risk, ...] = ()
    texts: tuple[tuple[str, str], ...] = ()
    payer: str = ""
    notary: bool = False
    whose: str = ""
    signature_only: bool = False
    notice: str = ""


# The acts of the contract's functions. A function for another account takes its address first.
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
    """Summarise a transaction with this 0x call data, for its payer."""
    for function, act in _CALLS.items():
        if data[2:10] == keccak256(function.encode())[:4].hex():
            relayed = "For(address," in function
            return SigningSummary(act, whose=checksum(bytes.fromhex(data[34:74])) if relayed else "")
    return SigningSummary("Transaction")


def summary_of_typed_data(typed_data: dict[str, Any]) -> SigningSummary:
    """Summarise typed data by its own members, for a request without a better summary."""
    message: dict[str, Any] = typed_data.get("message", {})
    return SigningSummary(
        act=str(typed_data.get("primaryType", "")),
        # The controller signs a statement without a subject itself, so no brand asks for it. A mandate has a fiduciary.
        account=str(message.get("controller", message.get("delegate", ""))) if "subject" in message else "",
        sentence=str(message.get("statement", "")),
        purposes=_bare(message.get("purposes")),
        data=_bare(message.get("data")),
        until=until if isinstance(until := message.get("expiresAt"), int) else None,
        terms=described([terms])[0] if isinstance(terms := message.get("terms"), str) else None,
    )


def _bare(terms: Any) -> tuple[Term, ...]:
    return described(map(str, terms)) if isinstance(terms, list | tuple) else ()


def summary_of_answer(
    message: Grant | Refusal, notice: Notice, language: str, records: tuple[Records, ...] = ()
) -> SigningSummary:
    """Summarise a grant, with the ``records`` that it hands over, or a refusal."""
    shared = records if isinstance(message, Grant) else None
    return replace(_summary(kind_of(message), message, notice, language), records=shared)


def records_of(view: View, count: int) -> Records:
    """Describe what a view shows of so many records."""
    from registry.core.sealed.bundles import FILE, NAME  # slow to load, and verifying does not need it

    members = tuple(name for name in view.members if not name.startswith("$"))
    file = "" if FILE not in view.members else "given" if NAME in view.members else "kept"
    return Records(
        category=described([view.category])[0],
        count=count,
        members=members,
        from_=view.from_ or "",
        until=view.until or "",
        continuing=view.continuing,
        file=file,
        extras=tuple(name for name in ("source", "tags") if getattr(view, name)),
    )


def training_of(processing: Sequence[Term]) -> str:
    """Tell whether these operations train AI models: "yes", "no", or "unknown" if one has no definition of ours."""
    if allows_training(each.term for each in processing):
        return "yes"
    return "no" if all(each.words for each in processing) else "unknown"


def summary_of_ending(act: str, grant: Evidence | None = None) -> SigningSummary:
    """Summarise what an account's own key ends openly: "Revoke" (with its grant), "RevokeAll" or "Retire"."""
    if grant is None or (notice := grant.parsed_notice) is None:
        return SigningSummary(act)
    message = grant.statement.message
    if not isinstance(message, Grant):
        return SigningSummary(act)
    return _summary(act, message, notice, signed_language(notice, message) or "en")


def summary_of_acceptance(grant: Evidence, payer: str = "") -> SigningSummary:
    """Summarise a brand's counter-signature of a person's grant."""
    summary = summary_of_ending("Acceptance", grant)
    subject = getattr(grant.statement.message, "subject", "")
    # The brand knows its own name and notice.
    return replace(summary, name="", domain="", account=subject, texts=(), payer=payer)


def _summary(act: str, message: Grant | Refusal, notice: Notice, language: str) -> SigningSummary:
    text = notice.text.get(language)
    labels = text.labels if text else {}
    summary = SigningSummary(
        act=act,
        name=notice.controller.name,
        domain=notice.controller.domain,
        account=message.controller,
        language=language,
        sentence=message.statement,
        purposes=described(message.purposes, labels),
        texts=tuple((name, getattr(text, name)) for name in TEXTS) if text else (),
    )
    if not isinstance(message, Grant):
        return summary
    processing = described(processing_of(notice, message.purposes, message.data))
    return replace(
        summary,
        data=described(message.data, labels),
        processing=processing,
        training=training_of(processing),
        until=message.expires_at,
        terms=described([message.terms])[0],
    )
