"""What a person is asked, in words: what a page shows before a wallet signs."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from registry.core.keccak import keccak256
from registry.core.scalars import checksum

# Each entry of these: what a person reads, and the term itself.
Terms = tuple[tuple[str, str], ...]


class Words(Struct, frozen=True):
    """One thing to be signed or sent, for a person to read. Everything in it is plain text, never markup.

    ``act`` is the statement's type ("Grant", "RevokeAll"), also where a transaction does the same. ``name``,
    ``domain`` and ``account`` are of the brand; ``language`` (BCP 47) is that of ``sentence``, of the labels in
    ``purposes`` and ``data`` and of ``texts``, the notice's further texts by their names. ``until`` is in unix
    seconds. ``handed`` is the size in bytes of what is handed over, 0 for nothing and None where it is no
    question. ``payer`` is the address that pays openly, where it is not a relay that pays. ``whose`` is the account
    for which is signed or sent, where it is another than the wallet's. ``loose`` is what is only signed: nothing is
    sent now, and whoever has the signature may do it.
    """

    act: str
    name: str = ""
    domain: str = ""
    account: str = ""
    language: str = "en"
    sentence: str = ""
    purposes: Terms = ()
    data: Terms = ()
    until: int | None = None
    terms: str = ""
    handed: int | None = None
    texts: tuple[tuple[str, str], ...] = ()
    payer: str = ""
    whose: str = ""
    loose: bool = False


# What the contract's functions do (DESIGN section 3). What another account signed says first whose it is.
_CALLS = {
    "anchor(bytes32,bytes32)": "Anchor",
    "revoke(bytes32,bytes32)": "Opening",
    "revokeOpenly(bytes32,bytes32)": "Revoke",
    "revokeAll()": "RevokeAll",
    "retire()": "Retire",
    "revokeOpenlyFor(address,bytes32,bytes32,bytes)": "Revoke",
    "revokeAllFor(address,uint64,bytes)": "RevokeAll",
    "retireFor(address,bytes)": "Retire",
}


def words_of_call(data: str) -> Words:
    """What a transaction with this 0x data does, for who pays for it."""
    for function, act in _CALLS.items():
        if data[2:10] == keccak256(function.encode())[:4].hex():
            relayed = "For(address," in function
            return Words(act, whose=checksum(bytes.fromhex(data[34:74])) if relayed else "")
    return Words("Transaction")


def words_in(typed_data: dict[str, Any]) -> Words:
    """What the typed data itself says, where nobody put it into better words."""
    message: dict[str, Any] = typed_data.get("message", {})
    return Words(
        act=str(typed_data.get("primaryType", "")),
        # A statement without a subject is the controller's own: nobody asks them.
        account=str(message.get("controller", "")) if "subject" in message else "",
        sentence=str(message.get("statement", "")),
        purposes=_bare(message.get("purposes")),
        data=_bare(message.get("data")),
        until=until if isinstance(until := message.get("expiresAt"), int) else None,
        terms=str(message.get("terms", "")),
    )


def _bare(terms: Any) -> Terms:
    return tuple((str(term), "") for term in terms) if isinstance(terms, list | tuple) else ()
