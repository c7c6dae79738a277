"""Bring what grants handed over up to date: while the chain says that they are live, and never otherwise."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from typing import Literal, NamedTuple

from registry.client.deliver_update import deliver_update, was_overtaken
from registry.client.deliveries import Delivery
from registry.client.evidence_store import kept_by_digest
from registry.client.handing_over import sweep
from registry.client.party import Person
from registry.client.verify import Answer, verify_many
from registry.core.errors import (
    ConsentError,
    Expired,
    InvalidInput,
    LedgerUnavailable,
    NotConsented,
    Revoked,
    StorageUnavailable,
)
from registry.core.evidence.file import Evidence
from registry.core.scalars import to_hex
from registry.core.sealed.bundles import BundleKey
from registry.core.sealed.capsule import StreamUpdate
from registry.core.sealed.documents import seal_document, signed
from registry.core.statements.messages import Grant
from registry.core.verify.judge import VerifiedStatement

State = Literal["live", "ended", "unchecked"]


class Synced(NamedTuple):
    """What became of one grant's bundles. ``brand`` is its name with its domain.

    ``changed`` says whether something was added, and ``update`` is the sealed `StreamUpdate` for the brand, with its
    ``number``. ``why`` tells why a grant is not live, or could not be checked; then nothing was written. ``delivery``
    says what the brand has of it, where this home delivers it, and ``undelivered`` what kept it from that.
    """

    digest: str
    brand: str
    state: State
    changed: bool = False
    number: int = 0
    update: bytes = b""
    why: ConsentError | None = None
    delivery: Delivery | None = None
    undelivered: ConsentError | None = None


def sync(person: Person, digests: Collection[str] = ()) -> Iterator[Synced]:
    """Go through the grants that handed over something, or those with these digests, and yield what became of each.

    A live grant's bundles get what is new, changed or gone. One that ended is marked, for ever. Where the chain cannot
    be read, ``LedgerUnavailable`` stands in its place and nothing is written. First it takes over what the person's
    other devices have, and erases what a killed process left. ``person`` may sign with any account of the vault.
    """
    _merge(person)
    sweep(person)
    found = _grants(person, digests)
    for evidence, answer in zip(found, _answers(person, found), strict=True):
        synced = _synced(person, evidence, answer)
        try:
            synced = _delivered(person, evidence, answer, synced)
        except ConsentError as error:
            # A file or a block that is missing here must not keep the other brands from what is theirs.
            synced = synced._replace(undelivered=error)
        yield synced


def _merge(person: Person) -> None:
    """Take over what other devices handed over: its bundles are continued too. Tell what could not be read."""
    if person.vault.index or person.evidence.digests():
        for home, why in person.vault.merge().unread.items():
            device = f"the device {home}" if home else "other devices"
            person.tell(f"What {device} handed over may be missing here, and comes with a later sync: {why}")


def _grants(person: Person, digests: Collection[str]) -> list[Evidence]:
    """Return the kept grants with bundles that are not known to have ended, oldest first."""
    shared = {lock for bundle in person.vault.shares.all() if not bundle.ended for lock in bundle.locks}
    kept = person.evidence
    wanted = list(digests) or [name for name, entry in kept.entries().items() if entry.kind == "Grant"]
    found = [evidence for name in wanted if (evidence := kept_by_digest(kept, name)) is not None]
    some = [one for one in found if isinstance(grant := one.statement.message, Grant) and grant.revocation in shared]
    if digests and len(some) < len(digests):
        raise InvalidInput("a named grant handed over nothing that goes on", "Name others, or none for all.")
    return some


def _answers(person: Person, grants: Sequence[Evidence]) -> list[Answer]:
    try:
        return verify_many(person.network, grants)
    except LedgerUnavailable as error:
        return [error for _ in grants]


def _synced(person: Person, evidence: Evidence, answer: Answer) -> Synced:
    grant, notice = evidence.statement.message, evidence.parsed_notice
    assert isinstance(grant, Grant) and notice is not None
    told = Synced(to_hex(evidence.digest), notice.controller.full_name, "unchecked")
    try:
        if isinstance(answer, VerifiedStatement):
            return _updated(person, grant, notice.controller.recipient, told)
        if isinstance(answer, Revoked | Expired):
            # A clock of ours that is wrong must not end it for ever: the chain's time decides.
            if isinstance(answer, Revoked) or person.network.ledger.head().time >= grant.expires_at:
                person.vault.shares.end(grant.revocation)
            return told._replace(state="ended", why=answer)
    except ConsentError as error:
        return told._replace(why=error)
    # Not anchored, for instance: a reorganisation may bring it back, so this is no end.
    return told._replace(why=answer)


def _updated(person: Person, grant: Grant, recipient: str, told: Synced) -> Synced:
    shares = person.vault.shares
    before = {one.name: one.number for one in shares.of(grant.revocation)}
    keys = shares.bring_up_to_date(grant.revocation)
    numbers = {one.name: one.number for one in shares.of(grant.revocation)}
    number = sum(numbers.values())
    update = _sealed(person, grant, told.digest, number, keys, recipient)
    return told._replace(state="live", changed=numbers != before, number=number, update=update)


def _sealed(
    person: Person, grant: Grant, digest: str, number: int, keys: tuple[BundleKey, ...], recipient: str
) -> bytes:
    key = person.vault.shares.key_for(grant.subject, grant.controller)
    return seal_document(signed(StreamUpdate(grant=digest, number=number, streams=keys), key), recipient)


def _delivered(person: Person, evidence: Evidence, answer: Answer, synced: Synced) -> Synced:
    """Send the brand what it lacks. Where another home of the person sent more, merge with that one, then once more."""
    delivery = deliver_update(person, evidence, synced.number, synced.update)
    if delivery is None or not was_overtaken(delivery):
        return synced._replace(delivery=delivery)
    with suppress(StorageUnavailable):
        person.vault.merge()
    synced = _synced(person, evidence, answer)
    return synced._replace(delivery=deliver_update(person, evidence, synced.number, synced.update, merged=True))


def could_not_check(synced: Synced) -> bool:
    """Whether nothing is known of this grant now, neither that it is live nor that it ended."""
    return synced.state == "unchecked" and not isinstance(synced.why, NotConsented)
