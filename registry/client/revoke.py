"""How a person ends consent: one grant in private or openly, everything at once, or an address for ever.

A notary sends it, where the person has one; without one their own transaction does. Nobody can stop these, and no brand
or notary has to help. All but the private way show the address on chain, and the caller tells the person so first.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from registry.client.delivering import tell_ended
from registry.client.ended import note_all_ended, note_ended, tell_all_ended
from registry.client.party import Party, Person
from registry.client.relay import Ending, deliver, signed_ending
from registry.client.risks import note_payment
from registry.client.sign import is_signed_by, sign
from registry.core.crypto.revocation import handle_for, lock_of, salt_hash, tag_of
from registry.core.endings import Opening, SignedEnding
from registry.core.errors import ConsentError, CouldNotCheck, InvalidInput, LedgerUnavailable
from registry.core.evidence.file import Evidence
from registry.core.facts import FactQuery
from registry.core.scalars import CLOCK_SKEW, ZERO_WORD, to_hex
from registry.core.statements.messages import REVOCABLE, Grant, Mandate, Retire, Revoke, RevokeAll
from registry.ledger.base import Receipt


class Endings(NamedTuple):
    """What became of several endings, each by its name: what ended with which receipt, what failed and why."""

    ended: list[tuple[str, Receipt | None]]
    failed: list[tuple[str, ConsentError]]


Working = Callable[[str], AbstractContextManager[None]]


def revoke(person: Person, evidence: Evidence) -> Receipt | None:
    """End one grant in private, by revealing its secret. None if it had ended before: nothing is sent then."""
    opening = opening_of(person, evidence)
    if has_ended(person, evidence):
        note_ended(person, _told(evidence))
        return None
    return _ended(person, evidence, _end(person, [_grant(evidence).controller], Opening(*opening)))


def opening_of(person: Person, evidence: Evidence) -> tuple[str, str]:
    """Return the secret and the tag that `revoke` reveals; ``InvalidInput`` where they would not end this grant."""
    grant = _grant(evidence)
    secret = person.vault.revocation_secret(grant.salt)
    if lock_of(secret) != grant.revocation:
        advice = "If the grant names your address, end it openly: `consent revoke --open`."
        raise InvalidInput("this vault's seed did not make the lock of that grant", advice)
    check_subject(person, evidence)
    return to_hex(secret), tag_of(grant.subject, grant.salt)


def revoke_openly(person: Person, evidence: Evidence) -> Receipt | None:
    """End one grant with the subject's own key, whoever made its lock. The chain shows the address.

    None if it had ended before: nothing is sent then.
    """
    check_subject(person, evidence)
    if has_ended(person, evidence):
        note_ended(person, _told(evidence))
        return None
    grant = _grant(evidence)
    lock = (grant.revocation, salt_hash(grant.salt))
    if person.pays_itself:
        receipt = _transact(person, [grant.controller], "revokeOpenly", *lock)
    else:
        message = Revoke(person.address, handle_for(grant.subject, grant.revocation, grant.salt))
        receipt = _end(person, [grant.controller], signed_ending(message, sign(person, message), lock))
    return _ended(person, evidence, receipt)


def has_ended(party: Party, evidence: Evidence) -> bool:
    """Tell whether the chain shows that this grant was revoked, alone or with everything of its account."""
    grant, query = _grant(evidence), _query(evidence)
    facts = party.network.ledger.facts([query]).anchors[query]
    return bool(facts.revoked_at) or grant.issued_at <= facts.cutoff


def revoke_all(party: Party) -> Receipt:
    """Use the kill-switch: end everything that this address issued until now. The chain shows the address."""
    receipt = _revoked_all(party)
    note_all_ended(party)
    return receipt


def _revoked_all(party: Party) -> Receipt:
    told = controllers_of(party)
    if party.pays_itself:
        return _transact(party, told, "revokeAll")
    head = party.network.ledger.head().time
    # Sign for no later than now: until then anybody could send it again, and end what was granted since.
    until = max(party.network.clock(), head)
    if until > head + CLOCK_SKEW:
        # The chain may have made no block for long, or this machine's clock may be wrong. In the second case the
        # contract refuses, and the latest time that it takes must do: a wrong clock stops nobody.
        signed = signed_until(party, until)
        with suppress(InvalidInput):
            return _end(party, told, signed)
        until = head + CLOCK_SKEW
    return _end(party, told, signed_until(party, until))


def revoke_all_of(people: Sequence[Person], working: Working = lambda _: nullcontext()) -> Endings:
    """Use the kill-switch for several accounts of one person, each named by its address; see `end_each`.

    The brands are told last: none of them keeps a person from the next ending.
    """
    endings = end_each([(person.address, partial(revoke_all, _silent(person))) for person in people], working)
    ended = {name for name, _ in endings.ended}
    tell_all_ended(person for person in people if person.address in ended)
    return endings


def revoke_each(
    grants: Sequence[tuple[Person, Evidence]],
    end: Callable[[Person, Evidence], Receipt | None],
    working: Working = lambda _: nullcontext(),
) -> Endings:
    """End several grants by `revoke` or `revoke_openly`, each named by its digest, and tell the brands; see `end_each`.

    The brands are told last: none of them keeps a person from the next ending.
    """
    tasks = [(to_hex(e.digest), partial(end, _silent(person), e)) for person, e in grants]
    endings = end_each(tasks, working)
    ended = {name for name, _ in endings.ended}
    told = [each for _, evidence in grants if to_hex(evidence.digest) in ended for each in _told(evidence)]
    if told:
        tell_ended(grants[0][0], told)
    return endings


def _silent(person: Person) -> Person:
    return person if person.deliveries is None else replace(person, deliveries=None)


def end_each(
    tasks: Sequence[tuple[str, Callable[[], Receipt | None]]], working: Working = lambda _: nullcontext()
) -> Endings:
    """Do several endings, each with a name and inside ``working``; a failure stops no other.

    An interruption tells what has ended by then.
    """
    endings = Endings([], [])
    for name, end in tasks:
        try:
            with working(name):
                endings.ended.append((name, end()))
        except ConsentError as error:
            endings.failed.append((name, error))
        except BaseException as error:
            for ended, _ in endings.ended:
                error.add_note(f"Ended: {ended}")
            for failed, why in endings.failed:
                error.add_note(failure_of(failed, why))
            error.add_note(f"Not known to have ended: {name}. Run it again for this one and the rest.")
            raise
    return endings


def failure_of(name: str, error: ConsentError) -> str:
    """Say why something has not ended; a transaction that could not be checked may have been sent."""
    what = "Not known to have ended" if isinstance(error, CouldNotCheck) else "Not ended"
    return f"{what}: {name}: {error}"


def retire(party: Party) -> Receipt:
    """For a stolen key: end everything of this address for ever. The chain shows the address; there is no way back."""
    told = controllers_of(party)
    if party.pays_itself:
        receipt = _transact(party, told, "retire")
    else:
        message = Retire(party.address)
        receipt = _end(party, told, signed_ending(message, sign(party, message)))
    note_all_ended(party)
    return receipt


def controllers_of(party: Party) -> set[str]:
    """Return the controllers that know this account, by the evidence that is kept; none where that cannot be read."""
    # A damaged file must not keep anybody from ending everything.
    with suppress(InvalidInput):
        return {entry.controller for entry in party.evidence.entries().values() if entry.author == party.address}
    return set()


def _note_payment(party: Party, controllers: Iterable[str]) -> None:
    # An ending is never refused for what it tells: the caller asks the person first (`registry.client.risks`).
    with suppress(InvalidInput):
        for controller in controllers:
            note_payment(party, controller)


def signed_until(party: Party, until: int) -> SignedEnding:
    """Return the signed end of everything that this account issued until then (unix seconds)."""
    party.evidence.keep_cutoff(party.address, until)  # before the signature exists: see `sign`
    message = RevokeAll(party.address, until)
    return signed_ending(message, sign(party, message))


def _grant(evidence: Evidence) -> Grant | Mandate:
    message = evidence.statement.message
    if not isinstance(message, REVOCABLE):
        raise InvalidInput(f"this is a {evidence.kind}, not a Grant", "Only grants and mandates are revoked.")
    return message


def _told(evidence: Evidence) -> list[Grant]:
    """The grants of which brands hear that they ended: a mandate hands nothing over."""
    message = evidence.statement.message
    return [message] if isinstance(message, Grant) else []


def _query(evidence: Evidence) -> FactQuery:
    grant = _grant(evidence)
    return FactQuery(ZERO_WORD, grant.subject, grant.revocation, grant.salt)


def check_subject(party: Party, evidence: Evidence) -> None:
    """``InvalidInput`` unless this account, or a delegate of it, signed this very grant on this network.

    If the file were altered, the chain would mark another handle, and the grant would live on. But a contract account
    with new owners may not accept what it once signed, which looks the same. So a grant that the party keeps counts as
    signed: its digest covers the whole statement. Without a copy of one's own, `revoke_all` still ends the grant.
    """
    grant = _grant(evidence)
    if grant.subject != party.address:
        advice = "Choose the account that granted it."
        raise InvalidInput(f"the grant is of {grant.subject}, not of {party.address}", advice)
    if evidence.statement.domain != party.network.domain:
        # The secret, revealed on another chain, would end nothing there and let anyone end the grant where it lives.
        advice = "Revoke it with that network's configuration."
        raise InvalidInput("the grant belongs to another chain or registry than the configured one", advice)
    kept = to_hex(evidence.digest) in party.evidence.digests()
    if not kept and not is_signed_by(party.network, evidence.signer, evidence.digest, evidence.signature_bytes):
        raise InvalidInput(
            "the file was altered, or the owners of a contract account changed since it signed: ending it might end "
            "nothing",
            "Name your own copy by its digest (`consent status` lists them), or end everything: `consent revoke-all`.",
        )


def _ended(party: Party, evidence: Evidence, receipt: Receipt) -> Receipt:
    """Return the receipt once the chain shows the grant as ended. A receipt alone is only a node's word."""
    query = _query(evidence)
    if not party.network.ledger.facts([query]).anchors[query].revoked_at:
        what = f"{receipt.transaction} was sent, but the chain does not show the grant as ended"
        raise LedgerUnavailable(what, "Verify the grant, and revoke it again if it still holds; that does no harm.")
    note_ended(party, _told(evidence))
    return receipt


def _end(party: Party, told: Collection[str], ending: Ending) -> Receipt:
    """End it through the party's notaries, else in its own transaction. ``told`` are the controllers that see it."""
    pay = partial(_note_payment, party.by_itself, told)
    return deliver(party.network, party.notaries, party.sender, ending, pay)


def _transact(party: Party, told: Collection[str], function: str, *args: str | int) -> Receipt:
    _note_payment(party, told)
    return party.network.ledger.transact(function, *args, sender=party.sender)
