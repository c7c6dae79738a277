"""How a person ends consent: one grant in private or openly, everything at once, or an address for ever.

Nobody can stop these, and no brand or notary has to help. All but the private way show the address on chain, and
the caller tells the person so first.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import NamedTuple

from registry.client.party import Party, Person
from registry.client.sign import is_signed_by, noting, sign
from registry.core.crypto.revocation import handle_for, lock_of, salt_hash, tag_of
from registry.core.errors import ConsentError, CouldNotCheck, InvalidInput, LedgerUnavailable
from registry.core.evidence.file import Evidence
from registry.core.facts import FactQuery
from registry.core.scalars import CLOCK_SKEW, ZERO_WORD, to_hex
from registry.core.statements.messages import Grant, Retire, Revoke, RevokeAll
from registry.ledger.base import Receipt


class Ending(NamedTuple):
    """An ending on chain, and the categories with new stream keys, or the error that kept the vault from renewing."""

    receipt: Receipt
    renewed: tuple[str, ...] = ()
    not_renewed: ConsentError | None = None


class Endings(NamedTuple):
    """What became of `revoke_all_of`: who ended with which receipt, who failed and why, and the renewed categories."""

    ended: list[tuple[Person, Receipt]]
    failed: list[tuple[Person, ConsentError]]
    renewed: tuple[str, ...] = ()
    not_renewed: ConsentError | None = None


def revoke(person: Person, evidence: Evidence) -> Ending:
    """End one grant in private, by revealing its secret, and renew the stream keys that it handed out."""
    return _renewed(person, end_in_private(person, evidence), _grant(evidence).data)


def end_in_private(person: Person, evidence: Evidence) -> Receipt:
    """Do as `revoke` does, but leave the stream keys as they are: another grant to the same brand uses them."""
    return _ended(person, evidence, _transact(person, "revoke", *opening_of(person, evidence)))


def opening_of(person: Person, evidence: Evidence) -> tuple[str, str]:
    """Return the secret and the tag that `revoke` reveals; ``InvalidInput`` where they would not end this grant."""
    grant = _grant(evidence)
    secret = person.vault.revocation_secret(grant.salt)
    if lock_of(secret) != grant.revocation:
        advice = "If the grant names your address, end it openly: `consent revoke --open`."
        raise InvalidInput("this vault's seed did not make the lock of that grant", advice)
    check_subject(person, evidence)
    return to_hex(secret), tag_of(grant.subject, grant.salt)


def revoke_openly(person: Person, evidence: Evidence) -> Ending:
    """End one grant with the subject's own key, whoever made its lock. The chain shows the address."""
    check_subject(person, evidence)
    grant = _grant(evidence)
    lock = (grant.revocation, salt_hash(grant.salt))
    if person.pays_itself:
        receipt = _transact(person, "revokeOpenly", *lock)
    else:
        message = Revoke(person.address, handle_for(grant.subject, grant.revocation, grant.salt))
        receipt = _transact(person, "revokeOpenlyFor", person.address, *lock, to_hex(sign(person, message)))
    return _renewed(person, _ended(person, evidence, receipt), grant.data)


def revoke_all(party: Party) -> Ending:
    """Use the kill-switch: end everything that this address issued until now. The chain shows the address."""
    return _renewed(party, _revoke_all(party), None)


def revoke_all_of(
    people: Sequence[Person], working: Callable[[Person], AbstractContextManager[None]] = lambda _: nullcontext()
) -> Endings:
    """Use the kill-switch for several accounts of one person, each inside ``working``; a failure stops no other."""
    endings = Endings([], [])
    begun: Person | None = None
    try:
        for begun in people:
            try:
                with working(begun):
                    endings.ended.append((begun, _revoke_all(begun)))
            except ConsentError as error:
                endings.failed.append((begun, error))
        begun = None
        last = _renewed(*endings.ended[0], None) if endings.ended else endings
    except BaseException as error:
        for person, _ in endings.ended:
            error.add_note(f"All revoked: {person.address}")
        for person, why in endings.failed:
            error.add_note(failure_of(person, why))
        if begun is not None:
            error.add_note(f"Not known to have ended: {begun.address}. Run it again for this account and the rest.")
        raise
    return endings._replace(renewed=last.renewed, not_renewed=last.not_renewed)


def failure_of(person: Person, error: ConsentError) -> str:
    """Say why an account has not ended; a transaction that could not be checked may have been sent."""
    what = "Not known to have ended" if isinstance(error, CouldNotCheck) else "Not ended"
    return f"{what}: {person.address}: {error}"


def retire(party: Party) -> Ending:
    """For a stolen key: end everything of this address for ever. The chain shows the address; there is no way back."""
    if party.pays_itself:
        receipt = _transact(party, "retire")
    else:
        receipt = _transact(party, "retireFor", party.address, to_hex(sign(party, Retire(party.address))))
    return _renewed(party, receipt, None)


def renew_streams(person: Person, categories: Collection[str] | None = None) -> list[str]:
    """Renew the stream keys of these categories (None for all); see `Vault.renew`."""
    if categories is None:
        categories = {stream.category for stream in person.vault.index().streams}
    return person.vault.renew(categories)


def _revoke_all(party: Party) -> Receipt:
    if party.pays_itself:
        return _transact(party, "revokeAll")
    head = party.network.ledger.head().time
    # Sign for no later than now: until then anybody could send it again, and end what was granted since.
    until = max(party.network.clock(), head)
    if until > head + CLOCK_SKEW:
        # The chain may have made no block for long, or this machine's clock may be wrong. In the second case the
        # contract refuses, and the latest time that it takes must do: a wrong clock stops nobody.
        signed = _signed_until(party, until)
        with suppress(InvalidInput):
            return _transact(party, "revokeAllFor", *signed)
        until = head + CLOCK_SKEW
    return _transact(party, "revokeAllFor", *_signed_until(party, until))


def _signed_until(party: Party, until: int) -> tuple[str, int, str]:
    return party.address, until, to_hex(sign(party, RevokeAll(party.address, until)))


def _renewed(party: Party, receipt: Receipt, categories: Collection[str] | None) -> Ending:
    """Renew a person's stream keys after an ending, which holds even where that fails."""
    if not isinstance(party, Person):
        return Ending(receipt)
    try:
        with noting("The consent has ended, but the vault's keys may not be renewed."):
            return Ending(receipt, tuple(renew_streams(party, categories)))
    except ConsentError as error:
        return Ending(receipt, not_renewed=error)


def _grant(evidence: Evidence) -> Grant:
    message = evidence.statement.message
    if not isinstance(message, Grant):
        raise InvalidInput(f"this is a {evidence.kind}, not a Grant", "Only grants are revoked.")
    return message


def check_subject(party: Party, evidence: Evidence) -> None:
    """``InvalidInput`` unless this account signed this very grant on this network.

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
    if not kept and not is_signed_by(party.network, grant.subject, evidence.digest, evidence.signature_bytes):
        raise InvalidInput(
            "the file was altered, or the owners of a contract account changed since it signed: ending it might end "
            "nothing",
            "Name your own copy by its digest (`consent status` lists them), or end everything: `consent revoke-all`.",
        )


def _ended(party: Party, evidence: Evidence, receipt: Receipt) -> Receipt:
    """Return the receipt once the chain shows the grant as ended. A receipt alone is only a node's word."""
    grant = _grant(evidence)
    query = FactQuery(ZERO_WORD, grant.subject, grant.revocation, grant.salt)
    if not party.network.ledger.facts([query]).anchors[query].revoked_at:
        what = f"{receipt.transaction} was sent, but the chain does not show the grant as ended"
        raise LedgerUnavailable(what, "Verify the grant, and revoke it again if it still holds; that does no harm.")
    return receipt


def _transact(party: Party, function: str, *args: str | int) -> Receipt:
    return party.network.ledger.transact(function, *args, sender=party.sender)
