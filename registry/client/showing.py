"""What a wallet's page shows before somebody signs: proposals and endings, put into `Words`."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from registry.client.granting import Proposal
from registry.client.vocabulary import label
from registry.core.evidence import Evidence
from registry.core.notices import Notice
from registry.core.rendering import render
from registry.core.statements import Grant, Refusal, kind_of
from registry.wallets.words import Terms, Words

# The texts of a notice, in the order in which a person reads them.
NOTICE_TEXTS = ("retention", "recipients", "transfers", "rights", "withdrawal", "trace")


def proposal_words(proposal: Proposal, payer: str = "") -> Words:
    """A proposal as a person reads it; ``payer`` is the address that pays, where it is not the relay's."""
    message = proposal.message
    handed = len(proposal.capsule or b"") if isinstance(message, Grant) else None
    return _words(kind_of(message), message, proposal.notice, proposal.language, handed, payer)


def ending_words(act: str, grant: Evidence | None = None) -> Words:
    """ "Revoke" with the grant that it ends, "RevokeAll" or "Retire": what the account's own key does openly."""
    if grant is None or (notice := grant.parsed_notice) is None:
        return Words(act)
    message = grant.statement.message
    if not isinstance(message, Grant):
        return Words(act)
    language = next((tag for tag in notice.text if render(notice, tag, message) == message.statement), "en")
    return _words(act, message, notice, language)


def acceptance_words(grant: Evidence, payer: str = "") -> Words:
    """What a brand counter-signs: a person's grant, and whose it is."""
    words = ending_words("Acceptance", grant)
    subject = getattr(grant.statement.message, "subject", "")
    # The brand knows itself, and what it says in its notice.
    return replace(words, name="", domain="", account=subject, texts=(), payer=payer)


def _words(
    act: str, message: Grant | Refusal, notice: Notice, language: str, handed: int | None = None, payer: str = ""
) -> Words:
    text = notice.text.get(language)
    labels = text.labels if text else {}
    granted = message if isinstance(message, Grant) else None
    return Words(
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
        handed=handed,
        texts=tuple((name, getattr(text, name)) for name in NOTICE_TEXTS) if text else (),
        payer=payer,
    )


def _labelled(terms: Iterable[str], labels: dict[str, str]) -> Terms:
    """Each term with the brand's label where it has one, else the vocabulary's, which is English."""
    return tuple((term, labels.get(term) or label(term)) for term in terms)
