"""Files of messages: fetched, opened and compared with what the brand signed, before anything of a message is taken."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable

from registry.core.errors import SealedDataError
from registry.core.instants import utc_text
from registry.core.sealed.mail import MailFile
from registry.core.sealed.origin import Origin
from registry.core.sealed.records import MAX_INLINE_FILE, FileRef
from registry.core.statements.messages import MailboxMessage
from registry.vault.draft import Draft, FileSource
from registry.vault.importers.any_file import safe_name
from registry.vault.importers.keys import FILE_SCHEMA
from registry.vault.large_files import open_whole
from registry.vault.received import identity_of, order_of

AskFile = Callable[[str], bytes | None]


class NoFile(Exception):
    """Why a file of a message cannot be taken."""


def fetched(ask: AskFile, sent: MailFile) -> FileRef | FileSource:
    """Return a file as a draft of a record has it; `NoFile` where it is not whole, or another than was signed.

    What keeps the brand from being asked passes through. A large file stays sealed in memory until it is used.
    """
    named = sent.file
    assert named.cid is not None  # `MailFile` says so
    sealed = ask(named.cid)
    if sealed is None:
        raise NoFile(f"the brand does not give its file {named.name!r}")
    try:
        plain = _opened(named, sealed)
    except SealedDataError as error:
        raise NoFile(f"its file {named.name!r} is not the one that was signed: {error}") from None
    name, whole = safe_name(named.name), plain.getvalue()
    if len(whole) <= MAX_INLINE_FILE:
        data = base64.b64encode(whole).decode()
        return FileRef(name, named.media_type, named.bytes, named.sha256, data=data)
    return FileSource(name, named.media_type, named.bytes, named.sha256, lambda: _opened(named, sealed))


def file_draft(sent: MailFile, signed: MailboxMessage, brand: str, file: FileRef | FileSource) -> Draft:
    """Return the record that a file becomes; ``brand`` is its source, and ``file`` what `fetched` returned."""
    origin = Origin(signed.controller, sent.id)
    return Draft(
        sent.category,
        FILE_SCHEMA,
        sent.time or utc_text(signed.issued_at * 1_000_000),
        brand,
        body={"name": file.name},
        file=file,
        key=order_of(signed.issued_at, signed.number),
        identity=identity_of(origin),
        origin=origin,
        at=f"message {signed.number}, file {sent.id}",
    )


def _opened(file: FileRef, sealed: bytes) -> io.BytesIO:
    plain = io.BytesIO()
    open_whole(file, io.BytesIO(sealed), plain)
    plain.seek(0)
    return plain
