"""What a brand tells of an answer: how it stands there, its counter-signature, and its acknowledgement of an end."""

from __future__ import annotations

from typing import NamedTuple

from msgspec import UNSET

from registry.client.brand_client import BrandClient, parse_state
from registry.client.deliver import Courier
from registry.client.deliveries import Delivery
from registry.client.evidence_store import controller_of, kept_by_digest
from registry.client.verify import verify
from registry.core.errors import BrandUnavailable, ConsentError, InvalidInput, Malformed, NotConsented
from registry.core.evidence.file import Evidence, parse_evidence
from registry.core.facts import FactQuery
from registry.core.scalars import ZERO_WORD, to_hex
from registry.core.statements.messages import Acknowledgement, Grant

ALL = "all"
_WORDS = ("waiting", "accepting", "complete", "unsure", "ended", "expired")


class BrandView(NamedTuple):
    """How one answer stands with its brand. ``state`` is the brand's word, empty where it told none.

    ``accepted`` says whether its counter-signature is kept here. ``acknowledged`` is its verified acknowledgement of
    the end, and ``took`` the seconds from the end to that one's anchor; None where everything of the account was ended.
    ``why`` tells what could not be learned.
    """

    delivery: Delivery
    state: str = ""
    accepted: bool = False
    acknowledged: Evidence | None = None
    took: int | None = None
    why: ConsentError | None = None


def deliveries_to(courier: Courier, brand: str) -> list[Delivery]:
    """Return the deliveries to a brand: by its name, domain, account, or a statement's digest; "all" for every one.

    ``InvalidInput`` where there is none.
    """
    every = courier.deliveries.all()
    named = brand.casefold()
    found = [one for one in every if named in (ALL, one.brand.casefold(), one.domain) or _is_digest(one, named)]
    if not found and named != ALL:
        account = controller_of(courier.store, brand)
        found = [one for one in every if _controller(courier, one) == account]
    if not found:
        advice = "Answer a link with `consent grant LINK`: what is handed over by hand is not known there."
        raise InvalidInput(f"nothing was delivered to {brand[:80]!r}", advice)
    return found


def look(courier: Courier, one: Delivery) -> BrandView:
    """Ask the brand how an answer stands, and take its counter-signature and its acknowledgement, verified.

    What could not be asked stands in ``why``; nothing of it is a no.
    """
    view = BrandView(one)
    if one.url is None:
        return view._replace(why=InvalidInput("the brand has not taken it yet", "See `consent status`."))
    kept = kept_by_digest(courier.store, one.digest)
    try:
        client, capability = BrandClient(courier.deliveries.web, one.inbox), str(one.capability)
        view = view._replace(state=_word(client.state(capability)))
        if kept is None or not isinstance(kept.statement.message, Grant):
            return view
        view = view._replace(accepted=_accepted(courier, client, capability, kept))
        return _acknowledged(courier, client, capability, kept, view)
    except ConsentError as error:
        return view._replace(why=error)


def _accepted(courier: Courier, client: BrandClient, capability: str, kept: Evidence) -> bool:
    if kept.acceptance is not UNSET:
        return True
    raw = client.file(capability, "evidence")
    return raw is not None and courier.take_acceptance(kept, raw) is not None


def _acknowledged(courier: Courier, client: BrandClient, capability: str, kept: Evidence, view: BrandView) -> BrandView:
    grant = kept.statement.message
    assert isinstance(grant, Grant)
    query = FactQuery(ZERO_WORD, grant.subject, grant.revocation, grant.salt)
    facts = courier.network.ledger.facts([query]).anchors[query]
    if (
        not (facts.revoked_at or grant.issued_at <= facts.cutoff)
        or (raw := client.file(capability, "acknowledgement")) is None
    ):
        return view
    told, anchored_at = _verified(courier, kept, raw)
    courier.store.keep(told)
    took = max(0, anchored_at - facts.revoked_at) if facts.revoked_at else None
    return view._replace(acknowledged=told, took=took)


def _verified(courier: Courier, kept: Evidence, raw: bytes) -> tuple[Evidence, int]:
    """Return an acknowledgement of this grant's end and its anchor's time; ``BrandUnavailable`` for anything else."""
    grant = kept.statement.message
    assert isinstance(grant, Grant)
    try:
        told = parse_evidence(raw)
    except Malformed as error:
        raise BrandUnavailable(f"the brand's acknowledgement cannot be read: {error}") from None
    message = told.statement.message
    if not isinstance(message, Acknowledgement) or message.grant != to_hex(kept.digest):
        raise BrandUnavailable("the brand sent another statement than the acknowledgement of this end")
    policy = courier.network.policy(controllers={grant.controller})
    try:
        verified = verify(courier.network, told, policy, grant=kept)
    except NotConsented as no:
        raise BrandUnavailable(f"the brand's acknowledgement does not hold: {no}") from None
    return told, verified.anchored_at or 0


def _word(raw: bytes) -> str:
    """Return the brand's word for how it stands; ``BrandUnavailable`` for one that we do not know."""
    word = parse_state(raw).get("state")
    if not isinstance(word, str) or word not in _WORDS:
        raise BrandUnavailable("the brand's answer does not say how it stands")
    return word


def _is_digest(one: Delivery, named: str) -> bool:
    return named.startswith("0x") and len(named) >= 6 and one.digest.startswith(named)


def _controller(courier: Courier, one: Delivery) -> str:
    kept = kept_by_digest(courier.store, one.digest)
    return "" if kept is None else kept.statement.message.controller
