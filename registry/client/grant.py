"""The person's answer to a request: read it, decide, sign, anchor."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar, Unpack

import msgspec

from registry.client.choice import Choice, chosen_terms, duration
from registry.client.confirm import Confirmation
from registry.client.delivering import delivering, new_delivery
from registry.client.evidence_store import kept_grants
from registry.client.handing_over import Offer, handing_over
from registry.client.party import Party, Person
from registry.client.pending import pending_answer, publish
from registry.client.revoke import opening_of, revoke
from registry.client.risks import check_accepted, check_paid, note_payment, risks_of
from registry.client.sign import Anchored, anchor, fresh_salt, keep, noting, sign, unanchored
from registry.client.verify import read, verify, verify_many
from registry.client.views import Narrowing, Preview, previews_of, views_of
from registry.core.crypto.revocation import lock_of
from registry.core.errors import InvalidInput, Rejected, StorageUnavailable
from registry.core.evidence.file import Evidence
from registry.core.ipld.cid import Block
from registry.core.notices.document import Notice, chosen_language
from registry.core.notices.processing import processing_of
from registry.core.notices.rendering import fits, render
from registry.core.scalars import ZERO_WORD, to_hex
from registry.core.statements.messages import Grant, Refusal, Request
from registry.core.verify.judge import VerifiedStatement
from registry.present.summary import Risk, SigningSummary, records_of, summary_of_answer
from registry.present.vocabulary import check_known

if TYPE_CHECKING:
    from registry.vault.shares import State


@dataclass(frozen=True)
class Proposal:
    """A checked answer that is about to be signed, in words, with what it hands over of the vault.

    ``message`` names its content once that is sealed, after the person has confirmed. ``state`` is the vault's when
    the ``previews`` were read, and ``supersedes`` the grant that this one replaces. ``delivers`` and ``mailbox`` are as
    for `Choice`.
    """

    request: Evidence
    notice: Notice
    language: str
    message: Grant | Refusal
    previews: tuple[Preview, ...] = ()
    state: State = ()
    supersedes: Evidence | None = None
    risks: tuple[Risk, ...] = ()
    confirmation: Confirmation | None = None
    delivers: bool = False
    mailbox: bool = False

    @property
    def inbox(self) -> str:
        """The URL that the answer is delivered to; empty where it is not, or where no domain confirms who asks."""
        return self.confirmation.inbox if self.delivers and self.confirmation is not None else ""

    @property
    def notice_bytes(self) -> bytes:
        """The notice document, exactly as it came with the request."""
        return str(self.request.notice).encode()

    def summary(self, payer: str = "", notary: bool = False) -> SigningSummary:
        """Return what the person reads; ``payer`` is the paying address, empty for a ``notary`` or the relay."""
        records = tuple(records_of(each.view, each.records) for each in self.previews)
        summary = summary_of_answer(self.message, self.notice, self.language, records)
        standing = "" if self.confirmation is None else str(self.confirmation.standing)
        members = {"payer": payer, "notary": notary, "risks": self.risks, "standing": standing}
        return msgspec.structs.replace(summary, **members, notice=self.notice_bytes.decode())


Confirm = Callable[[Proposal], bool]
_Answer = TypeVar("_Answer", Grant, Refusal)


def grant(
    person: Person, request: Evidence | bytes, *, confirm: Confirm | None = None, **choice: Unpack[Choice]
) -> Anchored:
    """Answer a request with yes, to all that it asks or to less. ``confirm`` sees the proposal before the wallet does.

    What goes is sealed after that, and erased if nothing comes of it. Last, the grant that it ``supersedes`` ends.
    With notaries the signed grant is kept first, with its capsule, and stays pending (`registry.client.pending`) until
    it is anchored: ``NotYetAnchored`` and ``NotaryUnavailable`` leave it so.

    ``InvalidInput`` where a grant of the same request holds: ending one of the two would leave the other in force. The
    same for a risk that is not ``accepted``.
    """
    with suppress(StorageUnavailable):
        # What the person's other devices have added goes along, and is shown to them.
        person.vault.merge()
    proposal = propose(person, request, **choice)
    old = choice.get("supersedes")
    done = sign_and_anchor(person, proposal, confirm, choice.get("accepted", ()))
    if old is None or person.notaries is not None:
        return done
    left = f"The new grant is anchored, but the one before it may stand too: `consent revoke {to_hex(old.digest)}`."
    with noting(left):
        return done._replace(superseded=revoke(person, old))


def refuse(
    party: Party,
    request: Evidence | bytes,
    *,
    language: str | None = None,
    confirm: Confirm | None = None,
    accepted: Collection[str] = (),
    deliver: bool = False,
) -> Anchored:
    """Answer a request with no, provably, and keep the evidence. The other choices are as for `grant`."""
    asked, message, notice, language = _read(party, request, language)
    refusal = Refusal(
        statement="",
        subject=party.address,
        controller=message.controller,
        request=to_hex(asked.digest),
        purposes=message.purposes,
        notice=message.notice,
        issued_at=party.network.date_for(party.address),
        salt=fresh_salt(),
    )
    found = _confirmation(party, asked)
    risks = risks_of(party, notice.controller, confirmation=found)
    worded = _worded(notice, language, refusal)
    proposal = Proposal(asked, notice, language, worded, risks=risks, confirmation=found, delivers=deliver)
    return sign_and_anchor(party, proposal, confirm, accepted)


def propose(person: Person, request: Evidence | bytes, **choice: Unpack[Choice]) -> Proposal:
    """Check the request and the choice, and put the grant into words. Nothing is signed or stored."""
    asked, message, notice, language = _read(person, request, choice.get("language"))
    old = choice.get("supersedes")
    if old is None and not choice.get("again"):
        _refuse_twin(person, asked)
    issued_at, salt = person.network.date_for(person.address), fresh_salt()
    draft = Grant(
        statement="",
        subject=person.address,
        controller=message.controller,
        request=to_hex(asked.digest),
        purposes=chosen_terms("purpose", choice.get("purposes"), message.purposes),
        data=chosen_terms("datum", choice.get("data"), message.data),
        terms=message.terms,
        notice=message.notice,
        content=ZERO_WORD,
        supersedes=ZERO_WORD if old is None else _superseded(old, person, message.controller),
        issued_at=issued_at,
        not_before=issued_at,
        expires_at=issued_at + duration(notice, choice.get("days")),
        revocation=lock_of(person.vault.revocation_secret(salt)),
        salt=salt,
    )
    state = person.vault.shares.state()
    previews = _previews(person, notice, draft, choice)
    found = _confirmation(person, asked)
    risks = risks_of(person, notice.controller, bool(previews), found)
    worded, delivers = _worded(notice, language, draft), choice.get("deliver", False)
    more = {"delivers": delivers, "mailbox": choice.get("mailbox", False)}
    return Proposal(asked, notice, language, worded, previews, state, old, risks, found, **more)


def _confirmation(party: Party, asked: Evidence) -> Confirmation | None:
    if party.confirmations is None:
        return None
    return party.confirmations.check(party.network.domain, asked, party.network.clock())


def sign_and_anchor(
    party: Party, proposal: Proposal, confirm: Confirm | None = None, accepted: Collection[str] = ()
) -> Anchored:
    """Sign a proposal, store what it hands over, anchor it, and keep its evidence. ``accepted`` is as for `grant`."""
    check_paid(party)
    if confirm is not None and not confirm(proposal):
        raise Rejected("you said no")
    check_accepted(proposal.risks, accepted, party.payer)
    if not isinstance(party, Person) or not isinstance(proposal.message, Grant):
        return _anchored(party, proposal, (), accepted)
    views = [each.view for each in proposal.previews]
    recipient = proposal.notice.controller.recipient
    offer = Offer(views, proposal.state, recipient, proposal.supersedes, proposal.mailbox)
    with handing_over(party, proposal.message, offer) as handed:
        return _anchored(party, replace(proposal, message=handed.message), handed.blocks, accepted)


def _anchored(party: Party, proposal: Proposal, blocks: Sequence[Block], accepted: Collection[str]) -> Anchored:
    signature = sign(party, proposal.message)
    if party.confirmations is not None and proposal.confirmation is not None:
        party.confirmations.remember(party.network.domain, proposal.confirmation, party.network.clock())
    with delivering(party, new_delivery(party, proposal.message, proposal.notice, proposal.inbox)) as sent:
        done = _kept(party, proposal, signature, blocks, accepted)
    return done._replace(delivery=sent.delivery)


def _kept(
    party: Party, proposal: Proposal, signature: bytes, blocks: Sequence[Block], accepted: Collection[str]
) -> Anchored:
    message, notice = proposal.message, proposal.notice_bytes
    if party.notaries is not None:
        own = unanchored(party, message, signature, notice)
        return publish(party, own, blocks, accepted, proposal.supersedes)
    note_payment(party, message.controller)
    party.network.store.put(blocks)
    return keep(party, anchor(party, message, signature, notice))


def _previews(person: Person, notice: Notice, draft: Grant, choice: Choice) -> tuple[Preview, ...]:
    names = ("fields", "since", "until", "once", "names")
    narrowing = Narrowing(**{name: choice[name] for name in names if name in choice})  # type: ignore[literal-required]
    views = views_of(person.vault, notice, draft.data, draft.issued_at, narrowing)
    return previews_of(person.vault, views)


def _read(party: Party, file: Evidence | bytes, language: str | None) -> tuple[Evidence, Request, Notice, str]:
    asked = read(file)
    message = asked.statement.message
    if not isinstance(message, Request):
        raise InvalidInput(f"this is a {asked.kind}, not a Request", "Give the file that the brand sent you.")
    if party.address == message.controller:
        advice = "Answer it in the person's home (CONSENT_HOME), or with the person's wallet."
        raise InvalidInput("this request is by the account that would answer it", advice)
    verify(party.network, asked, party.network.policy(controllers=None))
    notice = asked.parsed_notice
    assert notice is not None  # the parser refuses a request without one
    check_known(message.purposes, "purpose")
    check_known(message.data, "data")
    check_known(processing_of(notice, message.purposes, message.data), "processing")
    check_known([message.terms], "agreement")
    return asked, message, notice, chosen_language(notice, language)


def _refuse_twin(person: Person, asked: Evidence) -> None:
    request = to_hex(asked.digest)
    if (pending := pending_answer(person, "Grant", "request", request)) is not None:
        digest = pending.evidence.digest[:14]
        advice = f"Complete it with `consent status`, or give it up: `consent evidence drop {digest}`."
        raise InvalidInput(f"your grant of this request waits for its anchor: {digest}", advice)
    given = kept_grants(person.evidence, controller=asked.author)
    same = [grant for grant in given if isinstance(m := grant.statement.message, Grant) and m.request == request]
    for grant, answer in zip(same, verify_many(person.network, same), strict=True):
        if isinstance(answer, VerifiedStatement):
            raise InvalidInput(
                f"you granted this request already, and that grant holds: {to_hex(grant.digest)[:14]}",
                "Replace it with --supersedes, or ask for a second one beside it with --again.",
            )


def _superseded(old: Evidence, person: Person, controller: str) -> str:
    message = old.statement.message
    if not isinstance(message, Grant) or (message.subject, message.controller) != (person.address, controller):
        what = "only an earlier grant of yours to the same controller can be superseded"
        raise InvalidInput(what, "Revoke the other one with `consent revoke`.")
    opening_of(person, old)  # refuse before signing a grant whose predecessor could not be ended
    return to_hex(old.digest)


def _worded(notice: Notice, language: str, draft: _Answer) -> _Answer:
    message = msgspec.structs.replace(draft, statement=render(notice, language, draft))
    fits(notice, message.notice, message)
    return message
