"""The statements that people and brands sign: frozen EIP-712 structures, checked when they are made.

`TYPES` is docs/formats.md, "Statements", word for word; the rest follows from it. Members have their EIP-712 names in
JSON (``issuedAt``) and Python names in code (``issued_at``). A structure that breaks a rule is ``Malformed``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from operator import itemgetter
from typing import Any, NamedTuple, get_args

import msgspec
from msgspec import Struct
from msgspec.structs import astuple, force_setattr

from registry.core.eip712 import fields_in
from registry.core.endings import ENDING_TYPES, RetireMembers, RevokeAllMembers, RevokeMembers
from registry.core.errors import Malformed
from registry.core.scalars import (
    MAX_DURATION,
    Address,
    Bytes32,
    UInt64,
    known_address,
    read_address,
    read_scope,
    read_words,
)
from registry.core.statements.mandate import MANDATE_TYPE, MandateMembers

TYPES = {
    "Request": "Request(address controller,bytes32 notice,string[] purposes,string[] data,string terms,"
    "uint64 issuedAt,uint64 expiresAt,bytes32 salt)",
    "Grant": "Grant(string statement,address subject,address controller,bytes32 request,string[] purposes,"
    "string[] data,string terms,bytes32 notice,bytes32 content,bytes32 supersedes,uint64 issuedAt,"
    "uint64 notBefore,uint64 expiresAt,bytes32 revocation,bytes32 salt)",
    "Refusal": "Refusal(string statement,address subject,address controller,bytes32 request,string[] purposes,"
    "bytes32 notice,uint64 issuedAt,bytes32 salt)",
    "Acceptance": "Acceptance(bytes32 grant,address controller,uint64 issuedAt,bytes32 salt)",
    "Acknowledgement": "Acknowledgement(bytes32 grant,address controller,uint64 issuedAt,bytes32 salt)",
    "UseLog": "UseLog(address controller,bytes32 root,uint64 size,uint64 issuedAt,bytes32 salt)",
    "MailboxMessage": "MailboxMessage(bytes32 grant,address controller,uint64 number,bytes32 content,uint64 issuedAt)",
    "Mandate": MANDATE_TYPE,
    **ENDING_TYPES,
}


def fields_of(primary_type: str) -> tuple[tuple[str, str], ...]:
    """((name, Solidity type), ...) of a statement type, in hashing order."""
    return fields_in(TYPES[primary_type])


def _pick(primary_type: str, wanted: Callable[[str, str], bool]) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    """A function that picks the wanted members, by name and Solidity type, out of all members of a message."""
    places = [place for place, (name, solidity) in enumerate(fields_of(primary_type)) if wanted(name, solidity)]
    # `itemgetter` is several times faster, but returns no tuple for a single place.
    return itemgetter(*places) if len(places) > 1 else lambda members: tuple(members[place] for place in places)


_PICKS = {
    kind: (
        _pick(kind, lambda _, solidity: solidity == "bytes32"),
        _pick(kind, lambda _, solidity: solidity == "address"),
        _pick(kind, lambda name, _: name in ("purposes", "data", "terms")),
    )
    for kind in TYPES
}


class MemberBytes(NamedTuple):
    """A message's bytes32 members, its addresses (the author first), and the hashes of purposes, data and terms."""

    words: tuple[bytes, ...]
    addresses: tuple[bytes, ...]
    scope: tuple[bytes, ...]


class _Message(Struct, frozen=True, forbid_unknown_fields=True, rename="camel", dict=True):
    def __post_init__(self) -> None:
        # Set eagerly: on Python 3.11 each first use of a cached_property takes a lock: 3% of a verification in all.
        # A copy is not made through here; it reads its members again.
        force_setattr(self, "read", self._read())

    def _read(self) -> MemberBytes:
        """The members as bytes, each checked: ``Malformed`` where one is misspelled."""
        words, accounts, scope = _PICKS[type(self).__name__]
        members = astuple(self)
        author, *others = accounts(members)
        addresses = read_address(author), *map(known_address, others)
        return MemberBytes(read_words(words(members)), addresses, read_scope(scope(members)))

    read = cached_property(_read)


class Request(_Message, frozen=True):
    """A controller asks for consent. It is not anchored. Times are unix seconds."""

    controller: Address
    notice: Bytes32
    purposes: tuple[str, ...]
    data: tuple[str, ...]
    terms: str
    issued_at: UInt64
    expires_at: UInt64
    salt: Bytes32

    def __post_init__(self) -> None:
        force_setattr(self, "read", self._read())
        check_window(self.issued_at, self.issued_at, self.expires_at)


class Grant(_Message, frozen=True):
    """A person allows every purpose with every datum, until ``expires_at`` or until they revoke it."""

    statement: str
    subject: Address
    controller: Address
    request: Bytes32
    purposes: tuple[str, ...]
    data: tuple[str, ...]
    terms: str
    notice: Bytes32
    content: Bytes32
    supersedes: Bytes32
    issued_at: UInt64
    not_before: UInt64
    expires_at: UInt64
    revocation: Bytes32
    salt: Bytes32

    def __post_init__(self) -> None:
        force_setattr(self, "read", self._read())
        check_window(self.issued_at, self.not_before, self.expires_at)


class Refusal(_Message, frozen=True):
    """A person refuses, provably."""

    statement: str
    subject: Address
    controller: Address
    request: Bytes32
    purposes: tuple[str, ...]
    notice: Bytes32
    issued_at: UInt64
    salt: Bytes32


class Acceptance(_Message, frozen=True):
    """The controller's counter-signature of a grant; it proves that both sides hold the same bytes."""

    grant: Bytes32
    controller: Address
    issued_at: UInt64
    salt: Bytes32


class Acknowledgement(_Message, frozen=True):
    """The controller has seen that the grant ended, and has stopped."""

    grant: Bytes32
    controller: Address
    issued_at: UInt64
    salt: Bytes32


class UseLog(_Message, frozen=True):
    """The head of the controller's use log: the Merkle root (RFC 9162) of its first ``size`` entries, at least one."""

    controller: Address
    root: Bytes32
    size: UInt64
    issued_at: UInt64
    salt: Bytes32

    def __post_init__(self) -> None:
        force_setattr(self, "read", self._read())
        if not self.size:
            raise Malformed("size is 0, and an empty log has no head")


class MailboxMessage(_Message, frozen=True):
    """The controller sends something into the mailbox of a live grant. It is not anchored.

    ``number`` is 1 for the first of a grant and rises by one. ``content`` is the SHA-256 of what is sent.
    """

    grant: Bytes32
    controller: Address
    number: UInt64
    content: Bytes32
    issued_at: UInt64

    def __post_init__(self) -> None:
        force_setattr(self, "read", self._read())
        if not self.number:
            raise Malformed("number is 0, but the first message has 1")


class Mandate(_Message, MandateMembers, frozen=True):
    """A person lets a fiduciary act for them, within bounds. The fiduciary signs as itself."""

    def __post_init__(self) -> None:
        force_setattr(self, "read", self._read())
        self.check_lists()
        check_window(self.issued_at, self.not_before, self.expires_at)


class Revoke(_Message, RevokeMembers, frozen=True):
    """The subject revokes one grant openly, without its secret. Anybody may send it."""


class RevokeAll(_Message, RevokeAllMembers, frozen=True):
    """The kill switch: the subject revokes everything issued up to ``issued_until``."""


class Retire(_Message, RetireMembers, frozen=True):
    """Retires the address for ever, after its key was stolen."""


Message = (
    Request
    | Grant
    | Refusal
    | Acceptance
    | Acknowledgement
    | UseLog
    | MailboxMessage
    | Mandate
    | Revoke
    | RevokeAll
    | Retire
)
# What the contract itself knows. These end statements and are never anchored.
ENDINGS = (Revoke, RevokeAll, Retire)
# What its subject can end alone, by its lock.
REVOCABLE = (Grant, Mandate)
MESSAGES: dict[str, type[Message]] = {kind.__name__: kind for kind in get_args(Message)}


def check_window(issued_at: int, not_before: int, expires_at: int) -> None:
    """Raise ``Malformed`` unless the window is not empty and ends within ten years of ``issued_at``."""
    if expires_at == 0:
        raise Malformed("expiresAt is 0, but every consent ends")
    if expires_at <= not_before or expires_at <= issued_at:
        raise Malformed("expiresAt is before the beginning")
    if expires_at - issued_at > MAX_DURATION:
        raise Malformed("expiresAt is more than ten years after issuedAt")


def members(message: Message) -> dict[str, Any]:
    """The message as EIP-712 JSON: names and order of the type, integers as numbers, arrays as lists."""
    plain: dict[str, Any] = msgspec.to_builtins(message)
    return {name: list(value) if isinstance(value, tuple) else value for name, value in plain.items()}


def kind_of(message: Message) -> str:
    """The EIP-712 primary type of a message."""
    return type(message).__name__
