"""The contract's calls, answers and refusals as bytes (Solidity ABI, "Formal Specification of the Encoding").

This is written by hand: the few types that occur (contracts/IConsentRegistry.sol) need one page, and a general ABI
library takes a second to load.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from registry.core.crypto.keccak import keccak256
from registry.core.errors import InvalidInput, LedgerUnavailable
from registry.core.facts import AnchorFacts, FactQuery, HandleQuery, SignatureQuery
from registry.core.scalars import MAX_SIGNATURE, checksum
from registry.ledger.base import CallRefused

# EIP-7825 allows a transaction 16,777,216 gas. An opening takes 25,300 gas by Prague's prices, and 113,300 by those of
# the fork after Osaka, where new state costs more. With the margin over the estimate, 100 fit both.
MAX_OPENINGS = 100
MAX_REVERT = 4_096
# The gas of one `signature_probe`. With each node's own limit, a contract could accept on one node and refuse on
# another. A Safe of ten owners needs a hundredth of it.
PROBE_GAS = 10_000_000
ERC1271_YES = keccak256(b"isValidSignature(bytes32,bytes)")[:4] + bytes(28)

ANCHORED = "0x" + keccak256(b"Anchored(bytes32,bytes32)").hex()
REVOKED = "0x" + keccak256(b"Revoked(bytes32)").hex()
REVOKED_ALL = "0x" + keccak256(b"RevokedAll(address,uint64)").hex()

_OPENINGS = "(bytes32,bytes32)[]"
_FUNCTIONS: dict[str, tuple[str, ...]] = {
    "anchor": ("bytes32", "bytes32"),
    "revoke": ("bytes32", "bytes32"),
    "revokeBatch": (_OPENINGS,),
    "revokeOpenly": ("bytes32", "bytes32"),
    "revokeOpenlyFor": ("address", "bytes32", "bytes32", "bytes"),
    "revokeAll": (),
    "revokeAllFor": ("address", "uint64", "bytes"),
    "retire": (),
    "retireFor": ("address", "bytes"),
}
_SIZES = {"bytes32": 32, "address": 20}


def arguments(function: str, args: Sequence[Any]) -> tuple[Any, ...]:
    """Return the arguments as plain values: bytes for words, addresses and signatures, int, a tuple of word pairs.

    ``InvalidInput`` if the contract has no such function, or a value does not fit its type.
    """
    if (kinds := _FUNCTIONS.get(function)) is None:
        raise InvalidInput(f"the registry has no function {function!r}", f"Use one of {', '.join(_FUNCTIONS)}.")
    if len(args) != len(kinds):
        raise InvalidInput(f"{function} takes {len(kinds)} arguments, not {len(args)}", f"They are {kinds}.")
    return tuple(_value(kind, value, function) for kind, value in zip(kinds, args, strict=True))


def encode(function: str, args: Sequence[Any]) -> bytes:
    """Return the call data: the selector, then the arguments."""
    values = arguments(function, args)
    kinds = _FUNCTIONS[function]
    return selector(f"{function}({','.join(kinds)})") + _tuple(kinds, values)


def selector(signature: str) -> bytes:
    """Return the first four bytes of the hash of a function's or an error's signature."""
    return keccak256(signature.encode())[:4]


def encode_facts(question: FactQuery | HandleQuery) -> bytes:
    """Return the call data of ``facts(root, handle, subject)``."""
    kinds = ("bytes32", "bytes32", "address")
    asked = question.root, question.handle, question.subject
    return _FACTS + b"".join(_word(_value(kind, value, "facts")) for kind, value in zip(kinds, asked, strict=True))


def decode_facts(answer: bytes) -> AnchorFacts:
    """Decode three uint64; ``LedgerUnavailable`` if the answer is anything else."""
    words = tuple(int.from_bytes(answer[at : at + 32], "big") for at in (0, 32, 64))
    if len(answer) != 96 or max(words) >= 2**64:
        what = f"is not a ConsentRegistry ({len(answer)} bytes)"
        raise LedgerUnavailable(f"the contract at the registry's address {what}")
    return AnchorFacts(*words)


def signature_probe(question: SignatureQuery) -> bytes:
    """Return creation code that calls the signer's ``isValidSignature`` (ERC-1271), and returns 1 for yes, else 0.

    Run it by an ``eth_call`` without ``to``. The answer is then the same whether the signer refuses, fails or burns all
    its gas; clients report the failure of a direct call each in their own words. Yes means what it means to
    OpenZeppelin's SignatureChecker: STATICCALL succeeds, and returns at least a word, which is the magic value.
    """
    values = (_value("bytes32", question.digest, "isValidSignature"), question.signature)
    data = ERC1271_YES[:4] + _tuple(("bytes32", "bytes"), values)
    signer: bytes = _value("address", question.signer, "isValidSignature")
    return _PROBE[0] + signer + _PROBE[1] + data


def decode_probe(answer: bytes) -> bool:
    """Decode the answer of `signature_probe`; ``LedgerUnavailable`` if it is neither 0 nor 1."""
    if len(answer) != 32 or int.from_bytes(answer, "big") > 1:
        raise LedgerUnavailable(f"the node did not run the code that it was given ({len(answer)} bytes)")
    return answer[-1] == 1


def refusal(data: bytes) -> CallRefused:
    """Return the error that describes a revert, from its data."""
    kind, rest = data[:4], data[4:MAX_REVERT]
    if kind == _INVALID_SIGNATURE and len(rest) == 32:
        problem = f"the signature is not one of {checksum(rest[12:])}"
        return CallRefused(problem, "Sign again with the subject's own wallet.")
    if kind == _IN_THE_FUTURE and len(rest) == 32:
        problem = f"issuedUntil {int.from_bytes(rest, 'big')} is more than 15 minutes ahead of the chain's clock"
        return CallRefused(problem, "Sign again with the present time. To give the address up for ever, retire it.")
    if kind == _ZERO_ROOT:
        return CallRefused("a root of zero cannot be anchored", "Anchor the root of a batch.")
    problem = f"the contract refused the call ({_reason(kind, rest)})"
    return CallRefused(problem, "Check the arguments. Nothing changed.")


def _reason(kind: bytes, rest: bytes) -> str:
    if kind == _ERROR and len(rest) >= 64:
        text = rest[64 : 64 + int.from_bytes(rest[32:64], "big")].decode("utf-8", "replace")
        return re.sub(r"[^ -~]", "?", text)[:200]
    return f"0x{(kind + rest[:32]).hex()}" if kind else "it gave no reason"


def _value(kind: str, value: Any, function: str) -> Any:
    if kind == _OPENINGS:
        return _openings(value, function)
    if kind == "uint64":
        _check(type(value) is int and 0 <= value < 2**64, f"{function}: an integer of 64 bits is needed")
        return value
    raw = _bytes(value, function)
    if kind == "bytes":
        _check(1 <= len(raw) <= MAX_SIGNATURE, f"{function}: a signature has 1 to {MAX_SIGNATURE:,} bytes")
    else:
        _check(len(raw) == _SIZES[kind], f"{function}: {kind} has {_SIZES[kind]} bytes, not {len(raw)}")
    return raw


def _openings(value: Any, function: str) -> tuple[tuple[bytes, bytes], ...]:
    is_list = isinstance(value, list | tuple) and all(isinstance(pair, list | tuple) for pair in value)
    _check(is_list, f"{function}: a list of openings is needed")
    pairs = tuple(tuple(_value("bytes32", word, function) for word in pair) for pair in value)
    _check(1 <= len(pairs) <= MAX_OPENINGS, f"{function}: 1 to {MAX_OPENINGS} openings fit one transaction")
    _check(all(len(pair) == 2 for pair in pairs), f"{function}: an opening is a secret and a tag")
    return pairs


def _bytes(value: Any, function: str) -> bytes:
    if isinstance(value, bytes):
        return value
    fits = isinstance(value, str) and re.fullmatch(r"0x(?:[0-9a-fA-F]{2})*", value) is not None
    # The message does not name the value, which may be a secret.
    _check(fits, f"{function}: bytes or a 0x string is needed")
    return bytes.fromhex(value[2:])


def _check(fits: bool, message: str) -> None:
    if not fits:
        raise InvalidInput(message, "Correct the arguments. Nothing was sent.")


def _tuple(kinds: Sequence[str], values: Sequence[Any]) -> bytes:
    """Encode heads, then tails. A dynamic value's head is the offset of its tail."""
    head, tail = b"", b""
    for kind, value in zip(kinds, values, strict=True):
        if kind in ("bytes", _OPENINGS):
            head += _word(32 * len(kinds) + len(tail))
            tail += _tail(value)
        else:
            head += _word(value)
    return head + tail


def _tail(value: bytes | tuple[tuple[bytes, bytes], ...]) -> bytes:
    if isinstance(value, bytes):
        return _word(len(value)) + value + bytes(-len(value) % 32)
    return _word(len(value)) + b"".join(secret + tag for secret, tag in value)


def _word(value: bytes | int) -> bytes:
    return value.to_bytes(32, "big") if isinstance(value, int) else value.rjust(32, b"\0")


# 0x5a is the length of both halves with the signer's 20 bytes between them. The call data begins there.
_PROBE = (
    bytes.fromhex(
        "60206020"  # PUSH1 32, PUSH1 32: up to a word of the answer goes to memory from 32 on
        "605a380380605a604039"  # copies the call data, which follows this code, to memory from 64 on
        "604073"  # PUSH1 64, PUSH20 signer
    ),
    bytes.fromhex("5afa")  # GAS, STATICCALL
    + bytes.fromhex("601f3d1116")  # and RETURNDATASIZE > 31
    + bytes.fromhex("6020517f")
    + ERC1271_YES
    + bytes.fromhex("1416")  # and the word is the magic value
    + bytes.fromhex("60005260206000f3"),  # returned as a word
)
_FACTS = selector("facts(bytes32,bytes32,address)")
_INVALID_SIGNATURE = selector("InvalidSignature(address)")
_IN_THE_FUTURE = selector("InTheFuture(uint64)")
_ZERO_ROOT = selector("ZeroRoot()")
_ERROR = selector("Error(string)")
