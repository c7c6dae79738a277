"""Bundles: what one brand gets, in streams that nobody else has a name, a key, a number or an id of.

A bundle is a copy. What the brand holds already is read from the bundle itself, so nothing else is remembered of it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from registry.core.age.recipients import generate_identity
from registry.core.errors import InvalidInput
from registry.core.sealed.bundles import BundleKey, View
from registry.core.sealed.index import Bundle, OwnStream
from registry.core.sealed.records import Record
from registry.storage.base import BlockStore
from registry.vault.changes import Change
from registry.vault.streams import NewStream, Streams
from registry.vault.views import shown

_SECRET_BYTES = 32


class Party(NamedTuple):
    """A relationship: the accounts of the person and of the brand, and the key that signs all of its bundles."""

    subject: str
    controller: str
    key: Ed25519PrivateKey

    def __repr__(self) -> str:
        return f"Party(subject={self.subject!r}, controller={self.controller!r})"


def begin(
    change: Change, store: BlockStore, party: Party, view: View, lock: str, records: Iterable[Record]
) -> Bundle | None:
    """Make a bundle of the newest versions of these records, for the grant with this lock.

    Nobody gets it before its keys are handed over. None where the view shows nothing and nothing joins later.
    """
    stream = NewStream(secrets.token_hex(16), view.category, generate_identity())
    secret = secrets.token_bytes(_SECRET_BYTES)
    streams = Streams(party.key, store.get, change.put)
    made = (one for record in records if (one := shown(record, view, secret, 1, party.controller)) is not None)
    segments = list(streams.store(stream, made))
    if not segments and not view.continuing:
        return None
    head = streams.grow(stream, segments).stream
    return Bundle(
        name=stream.stream,
        subject=party.subject,
        controller=party.controller,
        view=view,
        secret=secret.hex(),
        identity=stream.identity,
        number=head.number,
        head=head.head,
        locks=(lock,),
        ended=False,
    )


def bring_up_to_date(
    change: Change, store: BlockStore, party: Party, bundle: Bundle, records: Iterable[Record]
) -> Bundle:
    """Add what is new, changed or gone since the bundle's last head; the same bundle where nothing is.

    A bundle whose view is not continuing stays as it was handed over. ``records`` are the newest versions of all that
    the vault has of the category. ``InvalidInput`` for a bundle that has ended: nothing is ever added to it.
    """
    if bundle.ended:
        raise InvalidInput("the bundle has ended", "Grant anew: another bundle is made.")
    if not bundle.view.continuing:
        return bundle
    held = held_by_brand(store, party, bundle)
    gone = {name for name, one in held.items() if one.deleted}
    streams = Streams(party.key, store.get, change.put, lambda one: one.deleted or one.id not in gone)
    entry = entry_of(bundle)
    changed = list(_changes(records, bundle, held))
    gone |= {one.id for one in changed if one.deleted}
    segments = list(streams.store(entry, changed))
    if not segments:
        return bundle
    grown = streams.grow(entry, segments)
    change.replace(grown.replaced, bundle.name, grown.stream.number)
    return msgspec.structs.replace(bundle, number=grown.stream.number, head=grown.stream.head)


def held_by_brand(store: BlockStore, party: Party, bundle: Bundle) -> dict[str, Record]:
    """Return the newest version of each record in a bundle, by the bundle's own ids."""
    streams, entry, held = Streams(party.key, store.get, _put_nothing), entry_of(bundle), dict[str, Record]()
    for segment in streams.segments(entry):
        for record in streams.records(entry, segment):
            if record.id not in held or held[record.id].counter < record.counter:
                held[record.id] = record
    return held


def key_of(bundle: Bundle) -> BundleKey:
    """Return what a capsule or an update hands over of a bundle."""
    return BundleKey(bundle.name, bundle.view.category, bundle.view, bundle.identity, bundle.head)


def files_of(store: BlockStore, party: Party, bundle: Bundle) -> list[str]:
    """Return the CIDs of all files of a bundle, for its end."""
    streams, entry = Streams(party.key, store.get, _put_nothing), entry_of(bundle)
    return [bundle.head, *streams.lists(entry), *(segment.cid for segment in streams.segments(entry))]


def _changes(records: Iterable[Record], bundle: Bundle, held: dict[str, Record]) -> Iterator[Record]:
    secret, left = bytes.fromhex(bundle.secret), {name for name, one in held.items() if not one.deleted}
    for record in records:
        if (made := shown(record, bundle.view, secret, 1, bundle.controller)) is None:
            continue
        before = held.get(made.id)
        left.discard(made.id)
        if before is None:
            yield made
        elif msgspec.structs.replace(made, counter=before.counter) != before:
            yield msgspec.structs.replace(made, counter=before.counter + 1)
    # What was deleted, and what an edit moved out of the view.
    for name in sorted(left):
        yield Record(id=name, counter=held[name].counter + 1, deleted=True)


def entry_of(bundle: Bundle) -> OwnStream:
    """Return a bundle as a stream that is read or grown."""
    return OwnStream(bundle.name, bundle.view.category, bundle.identity, bundle.head, bundle.number)


def _put_nothing(blocks: Iterable[object]) -> None:
    raise AssertionError("reading puts nothing")
