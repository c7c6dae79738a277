"""Files that the brand's own systems put beside messages: each sealed to a key pair of its own, in the brand's store.

The message that names a file is sealed to the person's mailbox, and holds what opens it. So the store, the database and
the public listener, which gives the sealed bytes, can open none.
"""

from __future__ import annotations

import hmac
import io
from collections.abc import Collection, Iterable, Iterator
from hashlib import sha256
from typing import NamedTuple

import msgspec

from registry.brand.custody import required
from registry.brand.desk import Desk
from registry.brand.holding import Arrival, Brought, Kind
from registry.brand.records import Answer, MailedFile
from registry.brand.sql.holdings import BeingErased
from registry.core import codec
from registry.core.age.stream import open_bytes, seal_bytes
from registry.core.errors import ConsentError, InvalidInput, StorageUnavailable
from registry.core.ipld.cid import Block, binary_cid, digest_of_cid, text_of_cid
from registry.core.ipld.unixfs import read_file
from registry.core.scalars import to_hex, unhex
from registry.core.sealed.mail import MAX_FILE, MAX_SEALED_FILE
from registry.core.sealed.records import FileRef
from registry.vault.draft import FileSource
from registry.vault.large_files import seal_file

_NAME, _TYPE = "file", "application/octet-stream"
_refs = msgspec.json.Decoder(FileRef)


class UnknownFile(ConsentError):
    """A message names a file that is not here."""

    advice = "Send the file again (`POST /v1/files`), then the message."


class Attached(NamedTuple):
    """A file that messages of one ``grant`` (its digest) may name by ``file``, both 0x hex; ``sha256`` is in hex."""

    file: str
    bytes: int
    sha256: str
    grant: str


def attach(desk: Desk, grant: Answer, raw: bytes) -> Attached:
    """Seal a file for messages to a live grant, and keep it durably; the same bytes again are the same file.

    ``InvalidInput`` for an empty or too large one, ``StorageUnavailable`` where the store is away. `DataFull`.
    """
    if not 0 < len(raw) <= MAX_FILE:
        raise InvalidInput(f"a file has 1 to {MAX_FILE:,} bytes", "Divide it.")
    digest = sha256(raw)
    tag = _tag(desk, grant, digest.digest())
    told = Attached(to_hex(tag), len(raw), digest.hexdigest(), to_hex(grant.digest))
    if tag in desk.store.files_of(grant.id, [tag]):
        return told
    blocks = list[Block]()
    source = FileSource(_NAME, _TYPE, len(raw), digest.hexdigest(), lambda: io.BytesIO(raw))
    ref = seal_file(source, blocks.extend)
    sealed = seal_bytes(codec.encode(ref), [desk.settings.recipients[0]])
    size, now = sum(len(each.data) for each in blocks), desk.network.clock()
    _keep(desk, MailedFile(grant.id, tag, binary_cid(str(ref.cid)), sealed, size, now), blocks)
    return told


def _keep(desk: Desk, new: MailedFile, blocks: Collection[Block]) -> None:
    custody, again = required(desk.custody), StorageUnavailable("the store is too slow now", "Send it again soon.")
    # The note comes first: what a killed process put into the store is found by it, and erased.
    brought = tuple(Brought(binary_cid(each.cid), len(each.data)) for each in blocks)
    note = desk.store.arrive(Arrival(Kind.FETCHED, brought, new.at))
    try:
        custody.blocks.put(blocks)
        if not desk.store.keep_file(new, {digest_of_cid(each.cid) for each in blocks}, note, desk.settings.data_bytes):
            raise again
    except BeingErased:
        raise again from None
    finally:
        # Where it was kept the note is gone. Else the worker erases what there is.
        desk.store.abandon(note)


def opened_files(desk: Desk, grant: Answer, files: Iterable[str]) -> dict[str, FileRef]:
    """Return what opens these files of a grant; `UnknownFile` where one is not here."""
    wanted = {file: unhex(file) for file in files}
    found = desk.store.files_of(grant.id, set(wanted.values())) if wanted else {}
    if lacking := [file for file, tag in wanted.items() if tag not in found]:
        raise UnknownFile(f"the file {lacking[0]} is not here")
    identity = required(desk.custody).identity
    return {file: _refs.decode(open_bytes(found[tag].ref, [identity])) for file, tag in wanted.items()}


def sealed_file(desk: Desk, grant: Answer, cid: bytes) -> Iterator[bytes] | None:
    """Return the sealed bytes of a file that a message to this grant has, in pieces; None where there is none.

    ``StorageUnavailable`` where the store is away.
    """
    if not desk.store.has_file(grant.id, cid):
        return None
    pieces = read_file(text_of_cid(cid), required(desk.custody).blocks.get, MAX_SEALED_FILE)
    first = next(pieces, b"")  # what the store lacks is told before an answer begins
    return _chained(first, pieces)


def _chained(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _tag(desk: Desk, grant: Answer, digest: bytes) -> bytes:
    """Recognise the same file without keeping its hash, which would tell who reads the database what was sent."""
    key = required(desk.custody).identity.encode()
    return hmac.digest(key, b"ConsentRegistry/1/mail file" + grant.digest + digest, "sha256")
