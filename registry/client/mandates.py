"""Mandates: a person gives one to a fiduciary, the fiduciary acts under it, and reports every act with its secret."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, NamedTuple, TypedDict, Unpack

import msgspec
from msgspec import UNSET, UnsetType

from registry.client.choice import chosen_terms, duration
from registry.client.party import Fiduciary, Party, Person
from registry.client.pending import publish
from registry.client.request import request
from registry.client.revoke import revoke_openly
from registry.client.risks import check_paid, note_payment
from registry.client.sign import Anchored, check_counts, fresh_salt, keep, sign, unanchored
from registry.client.verify import Answer, read, verify, verify_many
from registry.core.crypto.revocation import lock_of
from registry.core.errors import InvalidInput
from registry.core.evidence.file import Evidence
from registry.core.evidence.pending import Unanchored
from registry.core.evidence.reports import Act, Breach, Done, MandateFile, Report, breaches
from registry.core.notices.document import Notice, chosen_language, parse_notice
from registry.core.notices.duties import Service, service_of
from registry.core.notices.rendering import fits, render
from registry.core.scalars import ZERO_WORD, to_hex
from registry.core.statements.details import Details, Limits, details_digest, write_details
from registry.core.statements.mandate import ANY_CONTROLLER
from registry.core.statements.messages import Grant, Mandate, Refusal, Request
from registry.core.verify.coverage import check_bounds
from registry.core.verify.queries import fact_query


class Bounds(TypedDict, total=False):
    """What a person gives of an offer: by default all of it, for any brand, for all the ``days`` that it allows.

    ``limits`` and ``instructions`` are the fiduciary's to read, and no brand's.
    """

    powers: Collection[str] | None
    purposes: Collection[str] | None
    data: Collection[str] | None
    controllers: Collection[str] | None
    days: int | None
    language: str | None
    limits: Limits
    instructions: str | UnsetType


class Offered(NamedTuple):
    """A fiduciary's checked offer: its request, its notice, and what it says of duties, fees, payers and conflicts."""

    evidence: Evidence
    message: Request
    notice: Notice
    service: Service


class Reviewed(NamedTuple):
    """A report as its reader judges it: the answer for each act, and the duties that the fiduciary broke."""

    answers: tuple[tuple[Evidence, Answer], ...]
    broken: tuple[Breach, ...]


def offer(party: Party, notice: bytes, *, days: int = 30) -> Evidence:
    """Sign and keep a fiduciary's offer: a Request whose notice says what it owes, what it costs, and who pays it.

    ``InvalidInput`` or ``Malformed`` where the notice does not say that.
    """
    service_of(parse_notice(notice))
    return request(party, notice, days=days)


def read_offer(party: Party, given: Evidence | bytes) -> Offered:
    """Check a fiduciary's offer, for a person to read before they give anything."""
    file = read(given)
    message, notice = file.statement.message, file.parsed_notice
    if not isinstance(message, Request) or notice is None:
        raise InvalidInput(f"this is a {file.kind}, not an offer", "Give the file that the fiduciary sent you.")
    service = service_of(notice)
    verify(party.network, file, party.network.policy(controllers=None))
    return Offered(file, message, notice, service)


def give(person: Person, given: Evidence | bytes, **bounds: Unpack[Bounds]) -> MandateFile:
    """Sign and anchor a mandate of this account for the fiduciary who offers, and keep its evidence.

    The file that is returned is for the fiduciary. Each brand gets a mandate and an account of its own: call it with a
    person for each.
    """
    offered = read_offer(person, given)
    if person.address == offered.message.controller:
        raise InvalidInput("the offer is by the account that would accept it", "Sign with the person's account.")
    check_paid(person)
    details = write_details(_details(bounds))
    message = _mandate(person, offered, details_digest(details), bounds)
    notice = str(offered.evidence.notice).encode()
    own = unanchored(person, message, sign(person, message), notice)
    done = _published(person, own, message.delegate)
    return MandateFile(done.evidence, details.decode())


def _details(bounds: Bounds) -> Details:
    return Details(
        limits=bounds.get("limits", Limits()), salt=fresh_salt(), instructions=bounds.get("instructions", UNSET)
    )


def _mandate(person: Person, offered: Offered, details: str, bounds: Bounds) -> Mandate:
    asked, notice = offered.message, offered.notice
    issued_at, salt = person.network.date_for(person.address), fresh_salt()
    controllers = bounds.get("controllers")
    draft = Mandate(
        statement="",
        subject=person.address,
        delegate=asked.controller,
        powers=chosen_terms("power", bounds.get("powers"), offered.service.powers),
        purposes=chosen_terms("purpose", bounds.get("purposes"), asked.purposes),
        data=chosen_terms("datum", bounds.get("data"), asked.data),
        controllers=ANY_CONTROLLER if controllers is None else tuple(sorted(set(controllers), key=str.lower)),
        notice=asked.notice,
        details=details,
        issued_at=issued_at,
        not_before=issued_at,
        expires_at=issued_at + duration(notice, bounds.get("days")),
        revocation=lock_of(person.vault.revocation_secret(salt)),
        salt=salt,
    )
    language = chosen_language(notice, bounds.get("language"))
    message = msgspec.structs.replace(draft, statement=render(notice, language, draft))
    fits(notice, message.notice, message)
    return message


def act(
    fiduciary: Fiduciary,
    file: MandateFile,
    given: Evidence | bytes,
    *,
    refuses: bool = False,
    purposes: Collection[str] | None = None,
    data: Collection[str] | None = None,
    days: int | None = None,
) -> Anchored:
    """Grant a brand's request, or refuse it, for the person whose mandate this is. The fiduciary signs as itself.

    ``BadMandate`` and the other answers of the judge where the mandate does not cover it, or does not hold now.
    Nothing is handed over: a fiduciary has none of the person's data.
    """
    _check_held(fiduciary, file)
    asked = read(given)
    verify(fiduciary.network, asked, fiduciary.network.policy(controllers=None))
    message = _answer(fiduciary, file.message, asked, refuses, (purposes, data, days))
    terms = getattr(message, "data", ())
    check_bounds(file.message, type(message).__name__, message.purposes, terms, message.controller)
    check_paid(fiduciary)
    notice = str(asked.notice).encode()
    own = unanchored(fiduciary, message, sign(fiduciary, message), notice, file.mandate)
    return _published(fiduciary, own, message.controller)


def _check_held(fiduciary: Fiduciary, file: MandateFile) -> None:
    if file.message.delegate != fiduciary.address:
        raise InvalidInput(f"the mandate is for {file.message.delegate}", "Act as that account.")
    verify(fiduciary.network, file.mandate, fiduciary.network.policy(controllers={fiduciary.address}))


def _answer(
    fiduciary: Fiduciary,
    mandate: Mandate,
    asked: Evidence,
    refuses: bool,
    chosen: tuple[Collection[str] | None, Collection[str] | None, int | None],
) -> Grant | Refusal:
    message, notice = asked.statement.message, asked.parsed_notice
    if not isinstance(message, Request) or notice is None:
        raise InvalidInput(f"this is a {asked.kind}, not a Request", "Give the file that the brand sent.")
    issued_at, salt = fiduciary.network.date_for(fiduciary.address), fresh_salt()
    common: dict[str, Any] = {
        "statement": "",
        "subject": mandate.subject,
        "controller": message.controller,
        "request": to_hex(asked.digest),
        "notice": message.notice,
        "issued_at": issued_at,
        "salt": salt,
    }
    draft: Grant | Refusal
    if refuses:
        draft = Refusal(purposes=message.purposes, **common)
    else:
        purposes, data, days = chosen
        draft = Grant(
            purposes=chosen_terms("purpose", purposes, message.purposes),
            data=chosen_terms("datum", data, message.data),
            terms=message.terms,
            content=ZERO_WORD,
            supersedes=ZERO_WORD,
            not_before=issued_at,
            expires_at=issued_at + duration(notice, days),
            revocation=lock_of(fiduciary.vault.revocation_secret(salt)),
            **common,
        )
    return msgspec.structs.replace(draft, statement=render(notice, chosen_language(notice, None), draft))


def _published(party: Party, own: Unanchored, controller: str) -> Anchored:
    if party.notaries is not None:
        return publish(party, own)
    note_payment(party, controller)
    anchored, receipt = party.anchorer.submit(own.commitment).wait()
    check_counts(party, receipt)
    return keep(party, Anchored(own.anchored(anchored), receipt))


def report(fiduciary: Fiduciary, mandate: Evidence) -> Report:
    """Return every act that this home keeps of one mandate, each grant with the secret that ends it."""
    digest = to_hex(mandate.digest)
    kept = [each for each in fiduciary.evidence.all() if each.under is not None and to_hex(each.under.digest) == digest]
    return Report(digest, tuple(Act(each, _secret(fiduciary, each)) for each in kept))


def _secret(fiduciary: Fiduciary, evidence: Evidence) -> str | UnsetType:
    message = evidence.statement.message
    return to_hex(fiduciary.vault.revocation_secret(message.salt)) if isinstance(message, Grant) else UNSET


def review(party: Party, file: MandateFile, told: Report) -> Reviewed:
    """Judge each act of a report by one reading of the chain, and name the duties that the fiduciary broke."""
    if told.mandate != to_hex(file.mandate.digest):
        raise InvalidInput("the report is about another mandate", "Give the mandate that it names.")
    acts = [each.evidence for each in told.acts]
    answers = verify_many(party.network, acts)
    found = party.network.ledger.facts([fact_query(each) for each in acts]).anchors
    done = [Done(each, found[fact_query(each)].anchored_at) for each in acts]
    broken = breaches(file.terms.limits, [each for each in done if each.anchored_at])
    return Reviewed(tuple(zip(acts, answers, strict=True)), tuple(broken))


def end_acts(person: Person, acts: Iterable[Evidence]) -> list[Evidence]:
    """End the grants among these acts with the person's own key, without their secrets; return those that ended now."""
    grants = [each for each in acts if isinstance(each.statement.message, Grant)]
    return [each for each in grants if revoke_openly(person, each) is not None]
