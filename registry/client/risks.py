"""What a person must accept by itself before they sign: a yes to the brand's question is no yes to this."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from registry.client.accounts import brand_names
from registry.client.confirm import Confirmation
from registry.client.party import Party
from registry.core.age.recipients import is_post_quantum
from registry.core.errors import InvalidInput
from registry.core.notices.document import Controller
from registry.present.summary import Risk
from registry.present.wording import risk_text

NOT_POST_QUANTUM = "not-post-quantum"
LINKS_BRANDS = "links-brands"
CHANGED_ACCOUNT = "changed-account"
RISKS = (NOT_POST_QUANTUM, LINKS_BRANDS, CHANGED_ACCOUNT)


def risks_of(
    party: Party, brand: Controller, hands_over: bool = False, confirmation: Confirmation | None = None
) -> tuple[Risk, ...]:
    """Return the risks of an answer to this brand that ``hands_over`` data, sealed to its recipient, or none."""
    risks = []
    if confirmation is not None and confirmation.before:
        risks.append(Risk(CHANGED_ACCOUNT, (confirmation.before,)))
    if hands_over and not is_post_quantum(brand.recipient):
        risks.append(Risk(NOT_POST_QUANTUM))
    if brands := linked_brands(party, {brand.account: brand.name}):
        risks.append(Risk(LINKS_BRANDS, tuple(brands)))
    return tuple(risks)


def check_accepted(risks: Iterable[Risk], accepted: Collection[str], payer: str) -> None:
    """``InvalidInput`` for a risk that the person has not accepted."""
    for risk in risks:
        if risk.name not in accepted:
            advice = f"Accept it with --accept-risk {risk.name}, or do not sign."
            raise InvalidInput(f"{risk.name} is not accepted: {risk_text(risk, payer)}".removesuffix("."), advice)


def linked_brands(party: Party, told: Mapping[str, str]) -> list[str]:
    """Return the names of all brands that can recognise the account that pays, once it has paid for ``told``.

    ``told`` maps the controllers of what is paid for to their names. Empty where the payment links no two brands. A
    brand knows the account as a payer, or as an author. Only what is kept here is known.
    """
    if not party.payer:
        return []
    authored = {entry.controller for entry in party.evidence.entries().values() if entry.author == party.payer}
    paid = party.evidence.paid_for(party.payer)
    # An account that signs for a brand and also pays tells that brand nothing more.
    known = paid - authored if party.pays_itself else paid | authored
    linked = known | set(told)
    several = len(told) > 1 and not party.pays_itself
    return sorted((names_of(party, linked) | dict(told)).values()) if known - set(told) or several else []


def note_payment(party: Party, controller: str) -> None:
    """Remember durably, before anything is sent, that the account that pays is seen with this controller."""
    if party.payer:
        party.evidence.keep_payment(party.payer, controller)


def names_of(party: Party, controllers: Iterable[str]) -> dict[str, str]:
    """Return what these controllers call themselves in kept notices, or their addresses."""
    names = brand_names(party.evidence)
    return {each: names.get(each, each) for each in controllers}


def check_paid(party: Party) -> None:
    """``InvalidInput`` where nobody pays, before the person reads and signs for nothing."""
    if not party.asks_notaries and party.sender is None and not party.network.ledger.has_relay:
        raise InvalidInput("no account pays for the transaction", "Name the account that pays with --sender.")
