"""What a grant hands over, from before it is signed until its evidence is kept: bundles, and a capsule with their keys.

A grant that does not come about leaves nothing. What a killed process leaves is removed by `sweep`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from registry.client.party import Party, Person
from registry.client.verify import verify
from registry.core.errors import ConsentError, InvalidInput, NotConsented
from registry.core.evidence.file import Evidence
from registry.core.ipld.cid import Block, cid_from_digest
from registry.core.scalars import ZERO_WORD, to_hex, unhex
from registry.core.sealed.bundles import BundleKey, View
from registry.core.sealed.capsule import Capsule
from registry.core.sealed.documents import public_key_of, seal_document, signed
from registry.core.statements.messages import Grant
from registry.core.statements.typed_data import digest
from registry.vault.granting import Note

if TYPE_CHECKING:
    from registry.vault.shares import State


class Offer(NamedTuple):
    """What is about to be handed over: these views of the vault as it was at ``state``, sealed to the recipient.

    ``old`` is the grant that this one replaces. ``mailbox`` opens a mailbox even where there are no records.
    """

    views: Sequence[View]
    state: State
    recipient: str
    old: Evidence | None = None
    mailbox: bool = False


class Handed(NamedTuple):
    """The grant that hands it over, and its capsule as a block to store; none where the vault has nothing of it."""

    message: Grant
    blocks: tuple[Block, ...] = ()


@contextmanager
def handing_over(person: Person, draft: Grant, offer: Offer) -> Iterator[Handed]:
    """Make the bundles and the capsule of a grant, for what signs and anchors it inside.

    Unless the grant is kept at the end, as evidence or to be anchored later, both are erased: also where it may be
    anchored, because without its evidence nobody can show it.
    """
    shares, lock = person.vault.shares, draft.revocation
    if not (offer.views or offer.mailbox):
        yield Handed(draft)
        return
    sweep(person)
    with shares.granting.held(lock):
        handed = Handed(draft)
        try:
            old = _continued(person, offer.old)
            keys = shares.begin(draft.subject, draft.controller, offer.views, lock, old, offer.state)
            handed = _sealed(person, draft, keys, offer.recipient) if keys or offer.mailbox else handed
            yield handed
        except BaseException as error:
            _take_back(person, _note_of(person, handed), error)
            raise
        shares.granting.drop(lock)


def sweep(person: Person) -> None:
    """Erase what a killed process left of grants that it never signed, or whose evidence is not kept."""
    for note in person.vault.shares.granting.left():
        try:
            _settle(person, note)
        except ConsentError as error:
            person.tell(f"What an interrupted grant left is still stored, sealed to you: {error}")


def _continued(person: Person, old: Evidence | None) -> str | None:
    """Return the lock of the replaced grant, if the chain says that it is live: only then do its bundles go on."""
    if old is None or not isinstance(old.statement.message, Grant):
        return None
    try:
        verify(person.network, old, person.network.policy(controllers=None))
    except NotConsented:
        return None
    return old.statement.message.revocation


def _sealed(person: Person, draft: Grant, keys: tuple[BundleKey, ...], recipient: str) -> Handed:
    vault, ends = person.vault, (draft.subject, draft.controller)
    key = vault.shares.key_for(*ends)
    capsule = Capsule(
        subject=draft.subject,
        controller=draft.controller,
        lock=draft.revocation,
        vault_key=public_key_of(key),
        mailbox=vault.mailbox(*ends),
        streams=keys,
    )
    sealed = seal_document(signed(capsule, key), recipient)
    content = sha256(sealed).digest()
    handed = Handed(msgspec.structs.replace(draft, content=to_hex(content)), (Block(cid_from_digest(content), sealed),))
    vault.shares.granting.note(_note_of(person, handed))
    return handed


def _note_of(person: Person, handed: Handed) -> Note:
    message = handed.message
    return Note(message.revocation, to_hex(digest(person.network.domain, message)), message.content)


def _take_back(person: Person, note: Note, error: BaseException) -> None:
    try:
        _settle(person, note)
    except ConsentError as left:
        # The person needs the reason why nothing was granted, more than the news of a leftover.
        error.add_note(f"What it would have handed over is still stored, sealed; the next grant removes it: {left}")


def _settle(person: Person, note: Note) -> None:
    """Forget the note of a grant whose evidence is kept; leave what waits for its anchor; erase everything else."""
    granting = person.vault.shares.granting
    kept = person.evidence
    if note.digest and (note.digest in kept.digests() or kept.is_restricted(note.digest)):
        granting.drop(note.lock)
    elif not (note.digest and _waits(person, note.digest)):
        discard(person, note.lock, note.content)
        if note.digest and person.notaries is not None:
            person.notaries.folder.sweep()


def discard(person: Person, lock: str, content: str) -> None:
    """Erase the bundles of a grant that came to nothing, and its capsule; the errors are the store's."""
    person.vault.shares.discard(lock)
    if content not in ("", ZERO_WORD):
        person.network.store.delete([cid_from_digest(unhex(content))])
    person.vault.shares.granting.drop(lock)


def _waits(party: Party, named: str) -> bool:
    if party.notaries is not None:
        return party.notaries.folder.waits(named)
    try:
        # A party without notaries has no folder of what waits, but a home's store finds it.
        return bool(party.evidence.find(named))
    except InvalidInput:
        return False
