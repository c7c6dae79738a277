"""The brand's side of a grant: counter-sign it, and open the data that it hands over."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from itertools import chain, count
from pathlib import Path
from typing import Any, NamedTuple

from registry.client.evidence_store import kept_copy
from registry.client.party import Brand, Party
from registry.client.pending import finish, pending_answer, publish
from registry.client.sign import Anchored, anchor, fresh_salt, keep, sign, unanchored
from registry.client.verify import read, verify
from registry.core.capsules import Capsule, StreamKey, open_capsule, open_head
from registry.core.errors import InvalidInput, NotARecipient
from registry.core.evidence.file import Evidence, with_acceptance
from registry.core.ipld.cid import cid_from_digest
from registry.core.media_types import extension_of
from registry.core.scalars import ZERO_WORD, to_hex, unhex
from registry.core.statements.messages import Acceptance, Grant
from registry.core.verify.judge import VerifiedStatement
from registry.fs.files import making_folder, remove_left, writing
from registry.storage.base import BlockStore
from registry.vault.records import open_record

# Bytes; a file's name has at most 255.
MAX_LOCAL_NAME, MAX_OWN_NAME = 80, 120
# For all that one grant hands over.
MAX_OPENED = 1 << 30
# Counted for each file beside its content: an empty one takes room on a disk too.
FILE_BYTES = 4096


class _Limit:
    """Counts what is fetched and what is written, and raises ``InvalidInput`` before either is over the limit."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._fetched = self._written = 0

    def fetched(self, data: bytes) -> bytes:
        self._fetched = self._checked(self._fetched + len(data))
        return data

    def counted(self, get: Callable[[str], bytes]) -> Callable[[str], bytes]:
        return lambda cid: self.fetched(get(cid))

    def writes(self, count: int) -> None:
        self._written = self._checked(self._written + count)

    def _checked(self, total: int) -> int:
        if total > self._max_bytes:
            advice = "Nothing was written. If you trust the person's software, allow more (`--max-size`)."
            raise InvalidInput(f"this grant hands over more than {self._max_bytes:,} bytes", advice)
        return total


class _LimitedFile(io.FileIO):
    """A new file that takes what its `_Limit` allows."""

    def __init__(self, path: Path, limit: _Limit) -> None:
        super().__init__(path, "x")
        self._limit = limit

    def write(self, data: Any) -> int:
        self._limit.writes(len(data))
        return super().write(data)


class Opened(NamedTuple):
    """One opened file: where it lies, its size in bytes, its category."""

    path: Path
    size: int
    category: str


def accept(party: Party, file: Evidence | bytes) -> Anchored:
    """Verify a grant to this brand, counter-sign it, and keep the completed file: both sides hold the same bytes.

    A grant that this brand accepted before, in this file or in the one that it keeps, is accepted: nothing is sent,
    and the receipt is None. With notaries the signed acceptance stays pending until it is anchored, as for `grant`.
    """
    evidence = read(file)
    for given in (evidence, kept_copy(party.evidence, evidence)):
        if given is not None and _own_grant(party, given).acceptance == "verified":
            return keep(party, Anchored(given, None))
    if (pending := pending_answer(party, "Acceptance", "grant", to_hex(evidence.digest))) is not None:
        return finish(party, pending)
    message = Acceptance(
        grant=to_hex(evidence.digest),
        controller=party.address,
        issued_at=party.network.date_for(party.address),
        salt=fresh_salt(),
    )
    if party.notaries is not None:
        party.evidence.keep(evidence)
        return publish(party, unanchored(party, message, sign(party, message)))
    done = anchor(party, message, sign(party, message))
    return keep(party, done._replace(evidence=with_acceptance(evidence, done.evidence)))


def open_data(brand: Brand, file: Evidence | bytes, directory: Path, *, max_bytes: int = MAX_OPENED) -> list[Opened]:
    """Verify a grant to this brand, and open the data that it hands over into a new ``directory``: all or nothing.

    ``max_bytes`` bounds what is fetched, and what is written with FILE_BYTES more for each file; ``InvalidInput`` if
    there is more. ``Malformed`` if a list of the person's repeats itself.
    """
    # A killed process may have left opened data, and the consent for it may have ended since.
    remove_left(directory)
    grant = _own_grant(brand, file).evidence.statement.message
    assert isinstance(grant, Grant)
    if grant.content == ZERO_WORD:
        raise InvalidInput("this grant hands over no stored data", "There is nothing to open.")
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise InvalidInput(f"{directory} exists and is not an empty folder", "Name a new folder.")
    store, limit = brand.network.store, _Limit(max_bytes)
    sealed = limit.fetched(store.get(cid_from_digest(unhex(grant.content))))
    try:
        capsule = open_capsule(sealed, brand.identity, grant)
    except NotARecipient as error:
        error.advice = "Open it in the home of the brand that asked (CONSENT_HOME): its keys alone open it."
        raise
    with writing(directory), making_folder(directory) as made:
        opened = list(_open_streams(store, capsule, made, limit))
    return [file._replace(path=directory / file.path.name) for file in opened]


def _own_grant(party: Party, file: Evidence | bytes) -> VerifiedStatement:
    evidence = read(file)
    if evidence.kind != "Grant":
        raise InvalidInput(f"this is a {evidence.kind}, not a Grant", "Give the file that the person handed over.")
    return verify(party.network, evidence, party.network.policy(controllers=frozenset({party.address})))


def _open_streams(store: BlockStore, capsule: Capsule, directory: Path, limit: _Limit) -> Iterator[Opened]:
    for key in capsule.streams:
        head = open_head(limit.fetched(store.get(key.head)), key, capsule.vault_key)
        for number, record in enumerate(head.records, 1):
            path = _free(directory / _name(key, number, record.media_type))
            limit.writes(FILE_BYTES)
            get = limit.counted(store.reader(record.cid))
            with io.BufferedWriter(_LimitedFile(path, limit)) as plain:
                open_record(get, record.cid, key.identity, plain)
            yield Opened(path, path.stat().st_size, key.category)


def _free(path: Path) -> Path:
    """Return the path, or a name beside it that is free: two vocabularies may share a local name."""
    names = chain([path], (path.with_stem(f"{path.stem}-{other}") for other in count(2)))
    return next(each for each in names if not each.exists())


def _name(key: StreamKey, number: int, media_type: str) -> str:
    """Return category, epoch and number, then the person's own name if they gave it, else the type's extension.

    A name from another machine may hold anything, so it only ends a name of ours.
    """
    local = _plain(key.category.rsplit("/", 1)[-1].rsplit(":", 1)[-1])[:MAX_LOCAL_NAME]
    own = key.names[number - 1] if number <= len(key.names) else ""
    ending = f"-{_plain(own, '._')}" if own else extension_of(media_type)
    return f"{local}-{key.epoch}-{number}{ending.encode()[-MAX_OWN_NAME:].decode(errors='ignore')}"


def _plain(name: str, also: str = "") -> str:
    return "".join(c if c.isalnum() or c in also else "-" for c in name)
