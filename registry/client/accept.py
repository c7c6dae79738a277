"""The brand's side of the middle: counter-sign a grant, and open what it hands over."""

from __future__ import annotations

import io
import mimetypes
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from registry.client.network import Party
from registry.client.sign import Anchored, anchor, fresh_salt, sign
from registry.client.verify import verify
from registry.core.age.stream import open_sealed
from registry.core.capsules import Capsule, StreamKey, open_capsule, open_head
from registry.core.errors import InvalidInput
from registry.core.evidence.file import Evidence, parse_evidence, with_acceptance
from registry.core.ipld.cid import cid_from_digest
from registry.core.ipld.unixfs import LEAF_BYTES, read_file
from registry.core.scalars import ZERO_WORD, to_hex, unhex
from registry.core.statements.messages import Acceptance, Grant
from registry.fs.files import Pieces, making_folder, remove_left

MAX_LOCAL_NAME = 80


class Opened(NamedTuple):
    """One opened file: where it was put, its size in bytes, its category."""

    path: Path
    size: int
    category: str


def accept(party: Party, file: bytes) -> Anchored:
    """Verify a grant to this brand and counter-sign it: both sides then hold the same bytes."""
    evidence, _ = _own_grant(party, file)
    message = Acceptance(
        grant=to_hex(evidence.digest),
        controller=party.address,
        issued_at=party.network.date_for(party.address),
        salt=fresh_salt(),
    )
    done = anchor(party, message, sign(party, message))
    return Anchored(with_acceptance(evidence, done.evidence), done.receipt)


def open_data(party: Party, file: bytes, directory: Path) -> list[Opened]:
    """Verify a grant to this brand, fetch what it hands over and open it into a new ``directory``.

    All files or none: they are opened beside it and moved into place together.
    """
    # First of all: consent may have ended since a process was killed that had opened half of it.
    remove_left(directory)
    _, grant = _own_grant(party, file)
    if grant.content == ZERO_WORD:
        raise InvalidInput("this grant hands over no stored data", "Nothing is to be opened.")
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise InvalidInput(f"{directory} exists and is not an empty folder", "Name a new folder.")
    sealed = party.network.store.get(cid_from_digest(unhex(grant.content)))
    capsule = open_capsule(sealed, party.vault.identity, grant)
    with making_folder(directory) as made:
        opened = list(_open_streams(party, capsule, made))
    return [one._replace(path=directory / one.path.name) for one in opened]


def _own_grant(party: Party, file: bytes) -> tuple[Evidence, Grant]:
    evidence = parse_evidence(file)
    message = evidence.statement.message
    if not isinstance(message, Grant):
        raise InvalidInput(f"this is a {evidence.kind}, not a Grant", "Give the file that the person handed over.")
    verify(party.network, evidence, party.network.policy(controllers=frozenset({party.address})))
    return evidence, message


def _open_streams(party: Party, capsule: Capsule, directory: Path) -> Iterator[Opened]:
    for place, key in enumerate(capsule.streams, 1):
        head = open_head(party.network.store.get(key.head), key, capsule.vault_key)
        for number, record in enumerate(head.records, 1):
            path = directory / _name(key, number, record.media_type)
            if path.exists():
                path = path.with_stem(f"{path.stem}-{place}")  # another vocabulary's term of the same local name
            _open_record(party, record.cid, key.identity, path)
            yield Opened(path, path.stat().st_size, key.category)


def _open_record(party: Party, cid: str, identity: str, path: Path) -> None:
    # Opened as it is fetched: a tree that names one block a million times fails at its second chunk, not at the
    # end of the disk.
    sealed = io.BufferedReader(Pieces(read_file(cid, party.network.store.reader(cid))), LEAF_BYTES)
    with path.open("wb") as plain:
        open_sealed(sealed, plain, [identity])


def _name(key: StreamKey, number: int, media_type: str) -> str:
    # The person's own file name is not handed over: it may tell more than they agreed to.
    local = "".join(c if c.isalnum() else "-" for c in key.category.rsplit("/", 1)[-1].rsplit(":", 1)[-1])
    return f"{local[:MAX_LOCAL_NAME]}-{key.epoch}-{number}{mimetypes.guess_extension(media_type) or '.bin'}"
