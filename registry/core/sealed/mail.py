"""What a brand sends back: words and records, signed by its account and sealed to the grant's mailbox.

The form is in docs/formats.md, "Mail". age does not say who sealed, so the account's signature does.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta, Struct

from registry.core import codec
from registry.core.age.recipients import Identity
from registry.core.age.stream import open_bytes, seal_bytes
from registry.core.eip712 import Domain
from registry.core.errors import DamagedSeal, InvalidInput, Malformed, WrongCapsule
from registry.core.notices.plain_text import TEXT, find_fault
from registry.core.scalars import Signature, check_distinct, check_term, read_hex, to_hex
from registry.core.sealed.frame import pack, unpack
from registry.core.sealed.origin import check_origin_id
from registry.core.sealed.records import FileRef, check_body, check_schema, check_time
from registry.core.statements.messages import MailboxMessage
from registry.core.statements.typed_data import digest

MAX_SEALED = 256 * 1024
MAX_PLAIN = 1024 * 1024
MAX_CONTENT = 512 * 1024
MAX_RECORDS = 1_000
# Files of one message, and the bytes of one before it is sealed, and of all of a message.
MAX_FILES, MAX_FILE, MAX_FILE_BYTES = 16, 32 << 20, 64 << 20
# What a seal adds to a file of that size.
MAX_SEALED_FILE = MAX_FILE + (1 << 20)
MAX_ID = 200
# What the statement, the longest signature and the seal add to a content.
_MARGIN = 32 * 1024


class MailRecord(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A record as the brand holds it. ``id`` is the brand's own name for it: the same id later is its newer value."""

    id: str
    category: str
    schema: str
    body: dict[str, Any]
    time: str | None = None

    def __post_init__(self) -> None:
        check_origin_id(self.id)
        check_term(self.category, "category")
        check_schema(self.schema)
        check_body(self.body)
        if self.time is not None:
            check_time(self.time)


class MailFile(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A file that the brand sends. Its sealed bytes lie at the brand; ``file`` names them, and holds what opens them.

    ``id`` is the brand's own name for it, as for a record. The signed ``file.sha256`` is that of its bytes.
    """

    id: str
    category: str
    file: FileRef
    time: str | None = None

    def __post_init__(self) -> None:
        check_origin_id(self.id)
        check_term(self.category, "category")
        if self.file.data is not None:
            raise Malformed("a file of a message is not in it: it has a CID and an identity")
        if self.file.bytes > MAX_FILE:
            raise Malformed(f"the file {self.file.name!r} has more than {MAX_FILE:,} bytes")
        if self.time is not None:
            check_time(self.time)


class MailContent(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """What is sent: plain text, records or files. ``id`` is the brand's own name for the message, where it has one."""

    id: str = ""
    text: str = ""
    records: Annotated[tuple[MailRecord, ...], Meta(max_length=MAX_RECORDS)] = ()
    files: Annotated[tuple[MailFile, ...], Meta(max_length=MAX_FILES)] = ()
    type: Literal["MailContent"] = "MailContent"
    version: Literal[1] = 1

    def __post_init__(self) -> None:
        if self.id:
            check_origin_id(self.id)
        if not (self.text or self.records or self.files):
            raise Malformed("the message holds neither text nor records nor files")
        if self.text and (fault := find_fault(self.text, TEXT)):
            raise Malformed(f"the text {fault}")
        names = [*(record.id for record in self.records), *(file.id for file in self.files)]
        check_distinct(names, "the id of a record")
        if sum(each.file.bytes for each in self.files) > MAX_FILE_BYTES:
            raise Malformed(f"the files have more than {MAX_FILE_BYTES:,} bytes together")


class MailStatement(Struct, frozen=True, forbid_unknown_fields=True, tag_field="primaryType", tag="MailboxMessage"):
    """What the brand's account signs."""

    domain: Domain
    message: MailboxMessage


class Mail(Struct, frozen=True, forbid_unknown_fields=True):
    """A signed message. ``content`` is the text of the content, exactly as its SHA-256 was signed."""

    statement: MailStatement
    signature: Signature
    content: str
    type: Literal["Mail"] = "Mail"
    version: Literal[1] = 1

    def __post_init__(self) -> None:
        read_hex(self.signature, "signature")

    @property
    def message(self) -> MailboxMessage:
        """What was signed."""
        return self.statement.message

    @property
    def digest(self) -> bytes:
        """The EIP-712 signing hash, 32 bytes."""
        return digest(self.statement.domain, self.message)


class OpenedMail(NamedTuple):
    """A message that fits its grant. Whether the controller signed it is for the caller to check."""

    mail: Mail
    content: MailContent


_contents, _mails = msgspec.json.Decoder(MailContent), msgspec.json.Decoder(Mail)


def write_content(content: MailContent) -> bytes:
    """Return the RFC 8785 bytes of a content; ``InvalidInput`` where no message has room for it."""
    plain = _plain(content)
    as_sent = len(msgspec.json.encode(plain.decode()))
    if max(len(plain), as_sent) > MAX_CONTENT:
        raise InvalidInput(f"the message is longer than {MAX_CONTENT // 1024} KiB", "Divide it.")
    pack(plain, MAX_SEALED - _MARGIN)
    return plain


def parse_content(raw: bytes) -> MailContent:
    """Parse a content, whose bytes are RFC 8785; ``Malformed`` for anything else."""
    content = codec.loads(raw, _contents, MAX_CONTENT)
    if _plain(content) != raw:
        raise Malformed("the content is not in its one canonical form (RFC 8785)")
    return content


def _plain(content: MailContent) -> bytes:
    # Absent members are left out, but never these two.
    return codec.dump(msgspec.to_builtins(content) | {"type": content.type, "version": content.version})


def seal_content(raw: bytes, recipient: str) -> bytes:
    """Seal a content to the brand itself, for the time until its account signs it."""
    return seal_bytes(pack(raw, MAX_SEALED), [recipient])


def open_content(sealed: bytes, identity: str | Identity) -> bytes:
    """Open what `seal_content` sealed. ``NotARecipient`` for another identity, ``DamagedSeal`` for anything else."""
    return unpack(open_bytes(sealed, [identity]), MAX_CONTENT)


def content_hash(raw: bytes) -> str:
    """Return the ``content`` of the message that sends these bytes."""
    return to_hex(sha256(raw).digest())


def seal_mail(mail: Mail, recipient: str) -> bytes:
    """Seal a signed message to a mailbox; ``InvalidInput`` where it is too large."""
    sealed = seal_bytes(pack(codec.encode(mail), MAX_SEALED - 4096), [recipient])
    if len(sealed) > MAX_SEALED:
        raise InvalidInput(f"the message is larger than {MAX_SEALED // 1024} KiB", "Divide it.")
    return sealed


def open_mail(sealed: bytes, identity: str | Identity, domain: Domain, grant: str, controller: str) -> OpenedMail:
    """Open a message of the grant with this digest (0x hex); ``WrongCapsule`` for another grant, brand or registry.

    ``NotARecipient`` for another mailbox, ``DamagedSeal`` for what is no such message.
    """
    if len(sealed) > MAX_SEALED:
        raise DamagedSeal(f"it is longer than {MAX_SEALED:,} bytes")
    plain = unpack(open_bytes(sealed, [identity]), MAX_PLAIN)
    try:
        mail = codec.decode(plain, _mails, MAX_PLAIN)
        raw = mail.content.encode()
        content = parse_content(raw)
    except (Malformed, UnicodeEncodeError) as error:
        raise DamagedSeal(f"what was sealed is not what it should be: {error}") from None
    message = mail.message
    if mail.statement.domain != domain:
        raise WrongCapsule("the message was signed for another chain or registry")
    for name, given, wanted in (("grant", message.grant, grant), ("brand", message.controller, controller)):
        if given != wanted:
            raise WrongCapsule(f"the message was made for another {name}")
    if message.content != content_hash(raw):
        raise DamagedSeal("the message holds another content than was signed")
    return OpenedMail(mail, content)
