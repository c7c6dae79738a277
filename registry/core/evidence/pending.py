"""A statement that is signed and not yet anchored: it proves nothing, until its anchor makes evidence of it.

The file (docs/formats.md, "Pending file") is RFC 8785, at most 2 MiB. A brand gets the same object over HTTP.
"""

from __future__ import annotations

from functools import cached_property
from typing import Literal

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from registry.core import codec
from registry.core.anchor import Anchor
from registry.core.errors import Malformed
from registry.core.evidence.file import BY_SUBJECT, WITH_NOTICE, Evidence, SignedMandate, Statement
from registry.core.merkle import commitment
from registry.core.promises import Promise, SignedPromise
from registry.core.scalars import ZERO_WORD, Signature, read_hex, to_hex, unhex
from registry.core.statements.messages import Request
from registry.core.statements.typed_data import digest as digest_of

_NO_ANCHOR = Anchor(ZERO_WORD, (), ZERO_WORD, 0)
MAX_PENDING = 2 * 1024 * 1024


class Unanchored(Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """An evidence file without its ``anchor``."""

    statement: Statement
    signature: Signature
    quoted_notice: Raw | UnsetType = msgspec.field(default=UNSET, name="notice")
    mandate: SignedMandate | UnsetType = UNSET
    type: Literal["ConsentEvidence"] = "ConsentEvidence"
    version: Literal[1] = 1

    def __post_init__(self) -> None:
        read_hex(self.signature, "signature")
        if isinstance(self.statement.message, Request):
            raise Malformed("a Request is not anchored")
        if (self.quoted_notice is UNSET) == isinstance(self.statement.message, WITH_NOTICE):
            raise Malformed(f"evidence of what a person signs has its notice, and of {self.kind} has none")
        _ = self.as_if_anchored  # refuses a mandate where none belongs, or of another domain

    @property
    def kind(self) -> str:
        """The primary type: Grant, Refusal, Acceptance, Acknowledgement, UseLog or Mandate."""
        return type(self.statement.message).__name__

    @property
    def author(self) -> str:
        """The address whose statement it is: the subject of grants, refusals and mandates, else the controller."""
        message = self.statement.message
        return message.subject if isinstance(message, BY_SUBJECT) else message.controller

    @property
    def signer(self) -> str:
        """The address that signed: the author, or the delegate of the mandate beside it."""
        return self.author if self.mandate is UNSET else self.mandate.statement.message.delegate

    @cached_property
    def digest(self) -> str:
        """The statement's EIP-712 signing hash, 0x hex."""
        return to_hex(digest_of(self.statement.domain, self.statement.message))

    @cached_property
    def commitment(self) -> bytes:
        """What is anchored: 32 bytes."""
        return commitment(unhex(self.digest), unhex(self.signature))

    @property
    def as_if_anchored(self) -> Evidence:
        """The evidence with an anchor that nobody made, for what does not look at the anchor."""
        return self.anchored(_NO_ANCHOR)

    def anchored(self, anchor: Anchor) -> Evidence:
        """Return the evidence that this anchor makes of it."""
        return Evidence(self.statement, self.signature, anchor, self.quoted_notice, self.mandate)


class PendingFile(Struct, frozen=True, forbid_unknown_fields=True):
    """A signed statement, and the promise of a notary that is to anchor it, once there is one."""

    evidence: Unanchored
    promise: SignedPromise | UnsetType = UNSET

    def __post_init__(self) -> None:
        if self.promise is UNSET:
            return
        if not isinstance(self.promise.message, Promise):
            raise Malformed("the promise is not about a commitment")
        if to_hex(self.evidence.commitment) not in self.promise.message.items:
            raise Malformed("the promise does not name this statement's commitment")


_decoder = msgspec.json.Decoder(PendingFile)


def parse_pending(raw: bytes) -> PendingFile:
    """Parse a pending file; ``Malformed`` for anything else, such as a notice that is malformed."""
    file = codec.decode(raw, _decoder, MAX_PENDING)
    whole = file.evidence.as_if_anchored
    _ = whole.notice_and_digest, whole.under
    return file


def write_pending(file: PendingFile) -> bytes:
    """Return the file's bytes."""
    return codec.encode(file)
