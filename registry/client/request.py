"""How a brand begins: write a notice, publish it, ask for consent."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from registry.client.drafts import KIND_OF, complete_draft, parse_wholly, refuse_faults, unwritten
from registry.client.network import Network
from registry.client.party import Party
from registry.client.sign import fresh_salt, sign_evidence
from registry.core import codec
from registry.core.age.recipients import parse_recipient
from registry.core.errors import InvalidInput
from registry.core.evidence.file import Evidence
from registry.core.ipld.cid import Block, cid_of_block
from registry.core.notices.document import Notice, notice_digest
from registry.core.notices.fields import fields_of
from registry.core.notices.rendering import DAY, fits
from registry.core.statements.messages import Request
from registry.present.vocabulary import fault_of

MAX_DAYS = 3650


def fill_notice(draft: dict[str, Any], account: str, recipient: str) -> bytes:
    """Return the canonical notice of a draft with the brand's account and recipient; see `check_notice` for errors.

    Terms are sorted.
    """
    raw = codec.dump(complete_draft(draft, account, recipient))
    check_notice(raw)
    return raw


def check_notice(raw: bytes) -> Notice:
    """Return the notice if wallets accept it: well formed, with known terms and fields, and a recipient to seal to.

    ``Malformed`` also where a text is still to be written, as ``..``. Several faults are told at once.
    """
    notice = parse_wholly(raw)
    scopes = [(getattr(scope, name), kind) for scope in notice.scopes for name, kind in KIND_OF.items()]
    terms = [(term, kind) for terms, kind in [*scopes, ([notice.terms], "agreement")] for term in terms]
    unknown = [fault for term, kind in terms if (fault := fault_of(term, kind)) is not None]
    if len(unknown) == 1:
        raise unknown[0]
    refuse_faults([f"{fault}. {fault.advice}" for fault in unknown])
    refuse_faults([f"{name} is still to be written" for name in unwritten(notice)])
    parse_recipient(notice.controller.recipient)
    fields_of(notice)
    return notice


def publish_notice(network: Network, raw: bytes) -> str:
    """Check a notice, store it, and return its CID. Notices are public."""
    check_notice(raw)
    cid = cid_of_block(raw)
    network.store.put([Block(cid, raw)], public=True)
    return cid


def request(
    party: Party,
    notice: bytes,
    *,
    purposes: Collection[str] | None = None,
    data: Collection[str] | None = None,
    days: int = 30,
) -> Evidence:
    """Sign and keep a Request for the notice's first scope, or for the named part of it, open for ``days``."""
    parsed = check_notice(notice)
    if parsed.controller.account != party.address:
        raise InvalidInput("the notice names another account as controller", "Sign with the account in the notice.")
    if not 1 <= days <= MAX_DAYS:
        raise InvalidInput(f"a request cannot stay open for {days} days", f"Choose 1 to {MAX_DAYS} days.")
    issued_at = party.network.date_for(party.address)
    message = Request(
        controller=party.address,
        notice=notice_digest(notice),
        purposes=_asked(purposes, parsed.scopes[0].purposes),
        data=_asked(data, parsed.scopes[0].data),
        terms=parsed.terms,
        issued_at=issued_at,
        expires_at=issued_at + days * DAY,
        salt=fresh_salt(),
    )
    fits(parsed, message.notice, message)
    evidence = sign_evidence(party, message, notice)
    party.evidence.keep(evidence)
    return evidence


def _asked(named: Collection[str] | None, every: tuple[str, ...]) -> tuple[str, ...]:
    if named is None:
        return every
    if not named:
        raise InvalidInput("the request asks for nothing", "Name at least one purpose and one datum, or neither.")
    return tuple(sorted(set(named)))
