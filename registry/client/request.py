"""The brand's side of the beginning: publish a notice, ask for consent."""

from __future__ import annotations

from collections.abc import Collection

from registry.client.network import Network, Party
from registry.client.sign import fresh_salt, sign_evidence
from registry.core.age.recipients import parse_recipient
from registry.core.errors import InvalidInput
from registry.core.evidence.file import Evidence
from registry.core.ipld.cid import Block, cid_of_block
from registry.core.notices.document import Notice, notice_digest, parse_notice
from registry.core.notices.rendering import DAY, fits
from registry.core.statements.messages import Request
from registry.present.vocabulary import check_known


def check_notice(raw: bytes) -> Notice:
    """The notice, if a brand can work with it: well formed, known terms, a recipient that can be sealed to."""
    notice = parse_notice(raw)
    for scope in notice.scopes:
        check_known(scope.purposes, "purpose")
        check_known(scope.data, "data")
    check_known([notice.terms], "agreement")
    parse_recipient(notice.controller.recipient)
    return notice


def publish_notice(network: Network, raw: bytes) -> str:
    """Store a checked notice; its CID. Notices are public."""
    check_notice(raw)
    cid = cid_of_block(raw)
    network.store.put([Block(cid, raw)])
    return cid


def request(
    party: Party,
    notice: bytes,
    *,
    purposes: Collection[str] | None = None,
    data: Collection[str] | None = None,
    days: int = 30,
) -> Evidence:
    """A signed Request for all of the notice's first scope, or for what is named; it can be answered for ``days``."""
    parsed = check_notice(notice)
    if parsed.controller.account != party.address:
        raise InvalidInput("the notice names another account as controller", "Sign with the account in the notice.")
    if not 1 <= days <= 3650:
        raise InvalidInput(f"a request cannot stay open for {days} days", "Choose 1 to 3650 days.")
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
    return sign_evidence(party, message, notice)


def _asked(named: Collection[str] | None, every: tuple[str, ...]) -> tuple[str, ...]:
    if named is None:
        return every
    if not named:
        raise InvalidInput("a request for nothing makes no sense", "Name a purpose and a datum at least, or neither.")
    return tuple(sorted(set(named)))
