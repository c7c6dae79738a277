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
from registry.core.errors import InvalidInput, StorageUnavailable
from registry.core.sealed.bundles import BundleKey, View
from registry.core.sealed.index import Bundle, OwnStream, Writer
from registry.core.sealed.records import Record
from registry.storage.base import BlockStore
from registry.vault.branches import Held, entries_of, held_in, moved_on
from registry.vault.changes import Change
from registry.vault.streams import Grown, NewStream, Streams
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
        writers=(Writer(change.home, head.number),),
    )


def bring_up_to_date(
    change: Change, store: BlockStore, party: Party, bundle: Bundle, records: Iterable[Record]
) -> Bundle:
    """Add what is new, changed or gone since the bundle's last head; the same bundle where nothing is.

    A bundle whose view is not continuing stays as it was handed over. ``records`` are the newest versions of all that
    the vault has of the category. What another home added apart is outdone, so that all brands show the same.
    ``InvalidInput`` for a bundle that has ended: nothing is ever added to it.
    """
    if bundle.ended:
        raise InvalidInput("the bundle has ended", "Grant anew: another bundle is made.")
    if not bundle.view.continuing and not bundle.apart:
        return bundle
    held = held_in_branches(store, party, bundle)
    gone = {name for name, one in held.newest.items() if one.deleted}
    streams = Streams(party.key, store.get, change.put, lambda one: one.deleted or one.id not in gone)
    entry = entry_of(bundle)
    changed = list(_changes(records, bundle, held) if bundle.view.continuing else united(held))
    gone |= {one.id for one in changed if one.deleted}
    segments = list(streams.store(entry, changed))
    if not segments and not bundle.apart:
        return bundle
    grown = streams.grow(entry, segments)
    return replaced(change, store, party, bundle, grown)


def replaced(change: Change, store: BlockStore, party: Party, bundle: Bundle, grown: Grown) -> Bundle:
    """Return the bundle with this head, which takes account of all branches, and let go what the head does without."""
    files = list(grown.replaced)
    if bundle.apart:
        streams = Streams(party.key, store.get, _put_nothing)
        named = set(streams.files(grown.stream))
        files += [one for one in files_left(store, party, bundle) if one not in named]
    change.replace(dict.fromkeys(files), bundle.name, grown.stream.number)
    return moved_on(bundle, change.home, grown.stream)


def united(held: Held) -> Iterator[Record]:
    """Yield versions after which all brands show the same, without telling any of them anything new."""
    for name in sorted(held.doubtful):
        counter = held.newest[name].counter + 1
        known = held.settled.get(name)
        deleted = Record(id=name, counter=counter, deleted=True)
        yield deleted if known is None else msgspec.structs.replace(known, counter=counter)


def held_by_brand(store: BlockStore, party: Party, bundle: Bundle) -> dict[str, Record]:
    """Return the newest version of each record in a bundle, by the bundle's own ids."""
    return held_in_branches(store, party, bundle).newest


def held_in_branches(store: BlockStore, party: Party, bundle: Bundle) -> Held:
    """Read what brands may hold, also of what another home added apart."""
    streams = Streams(party.key, store.get, _put_nothing)
    return held_in([_newest_in(streams, entry) for entry in entries_of(bundle)])


def _newest_in(streams: Streams, entry: OwnStream) -> dict[str, Record]:
    held = dict[str, Record]()
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
    streams = Streams(party.key, store.get, _put_nothing)
    return list(dict.fromkeys(one for entry in entries_of(bundle) for one in streams.files(entry)))


def files_left(store: BlockStore, party: Party, bundle: Bundle) -> list[str]:
    """Return the files of a bundle that the store has: those of an ended one may be gone."""
    streams, files = Streams(party.key, store.get, _put_nothing), dict[str, None]()
    for entry in entries_of(bundle):
        try:
            files |= dict.fromkeys(streams.files(entry))
        except StorageUnavailable:
            if store.has(entry.head):
                raise
    return [one for one in files if store.has(one)]


def _changes(records: Iterable[Record], bundle: Bundle, held: Held) -> Iterator[Record]:
    secret, newest = bytes.fromhex(bundle.secret), held.newest
    left = {name for name, one in newest.items() if not one.deleted} | held.doubtful
    for record in records:
        if (made := shown(record, bundle.view, secret, 1, bundle.controller)) is None:
            continue
        before = newest.get(made.id)
        left.discard(made.id)
        if before is None:
            yield made
        elif made.id in held.doubtful or msgspec.structs.replace(made, counter=before.counter) != before:
            yield msgspec.structs.replace(made, counter=before.counter + 1)
    # What was deleted, and what an edit moved out of the view.
    for name in sorted(left):
        yield Record(id=name, counter=newest[name].counter + 1, deleted=True)


def entry_of(bundle: Bundle) -> OwnStream:
    """Return a bundle as a stream that is read or grown."""
    return entries_of(bundle)[0]


def _put_nothing(blocks: Iterable[object]) -> None:
    raise AssertionError("reading puts nothing")
