"""ConsentVerifier.check on an EVM in this process, at any time and over any facts, without a transaction.

The registry is created at the address and on the chain that the vectors name; facts are put straight into its storage
(and read back through ``facts()``), so that one case takes milliseconds and a block's time is whatever the case says.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import IntEnum
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from eth.constants import BLANK_ROOT_HASH, CREATE_CONTRACT_ADDRESS, ZERO_HASH32
from eth.db.atomic import AtomicDB
from eth.vm.execution_context import ExecutionContext
from eth.vm.forks.prague.state import PragueState
from eth.vm.message import Message
from eth_abi.abi import decode, encode
from eth_typing import Address, BlockNumber

from registry.core.crypto.keccak import keccak256

ARTIFACTS = Path(__file__).resolve().parents[2] / "registry" / "artifacts"
CHAIN_ID = 31337
REGISTRY = Address(bytes.fromhex("5FbDB2315678afecb367f032d93F642f64180aa3"))
VERIFIER = Address(keccak256(b"the verifier")[12:])
NOBODY = Address(bytes(20))
GAS = 20_000_000
ZERO = bytes(32)

GRANT = (
    ("statement", "bytes32"),
    ("subject", "address"),
    ("controller", "address"),
    ("request", "bytes32"),
    ("purposes", "bytes32[]"),
    ("data", "bytes32[]"),
    ("terms", "bytes32"),
    ("notice", "bytes32"),
    ("content", "bytes32"),
    ("supersedes", "bytes32"),
    ("issuedAt", "uint64"),
    ("notBefore", "uint64"),
    ("expiresAt", "uint64"),
    ("revocation", "bytes32"),
    ("salt", "bytes32"),
)
_GRANT_TYPE = f"({','.join(kind for _, kind in GRANT)})"
_CHECK = (f"({_GRANT_TYPE},bytes,bytes32,bytes32[])", "address", "bytes32", "bytes32")
_MAPPINGS = ("anchoredAt", "revokedAt", "cutoff")


class Status(IntEnum):
    """Solidity's enum, in its order."""

    Malformed = 0
    Valid = 1
    WrongDomain = 2
    BadSignature = 3
    BadMandate = 4
    NotIncluded = 5
    NotAnchored = 6
    PostDated = 7
    BackDated = 8
    Revoked = 9
    NotYetValid = 10
    Expired = 11
    NoticeMismatch = 12
    WrongController = 13
    PurposeNotGranted = 14
    DataNotGranted = 15
    TermsNotGranted = 16
    NotAccepted = 17


class ChainFacts(NamedTuple):
    """The contract's ``Facts``: uint64 each, zero for never."""

    anchored_at: int
    revoked_at: int
    cutoff: int


class ChainEvidence(NamedTuple):
    """A grant's message as its EIP-712 JSON has it, and what proves it."""

    message: Mapping[str, Any]
    signature: bytes
    root: bytes
    proof: Sequence[bytes]


def answering(yes: bool) -> bytes:
    """Code of a contract that answers every call with ERC-1271's magic value, or with zero."""
    # PUSH4 magic, PUSH1 0xe0, SHL, PUSH0, MSTORE, PUSH1 32, PUSH0, RETURN
    return bytes.fromhex(f"63{'1626ba7e' if yes else '00000000'}60e01b5f5260205ff3")


def call_data(function: str, types: Sequence[str], values: Sequence[Any]) -> bytes:
    """Selector and arguments."""
    return keccak256(f"{function}({','.join(types)})".encode())[:4] + encode(types, values)


def handle_of(message: Mapping[str, Any]) -> bytes:
    """The handle, from docs/formats.md, "Statements", and not from the package."""
    tag = keccak256(bytes(12) + _raw(message["subject"]) + keccak256(_raw(message["salt"])))
    return keccak256(_raw(message["revocation"]) + tag)


def _raw(value: str) -> bytes:
    return bytes.fromhex(value[2:])


def _solidity(kind: str, value: Any) -> Any:
    return _raw(value) if kind in ("bytes32", "address") else value


def grant_tuple(message: Mapping[str, Any]) -> tuple[Any, ...]:
    """The Grant as Solidity takes it: strings as their keccak256."""
    hashed = dict(message)
    for name in ("statement", "terms"):
        hashed[name] = "0x" + keccak256(message[name].encode()).hex()
    for name in ("purposes", "data"):
        hashed[name] = [keccak256(term.encode()) for term in message[name]]
    return tuple(_solidity(kind, hashed[name]) for name, kind in GRANT)


class Contracts:
    """The registry and the verifier, created once; every `check` starts from the same state."""

    def __init__(self) -> None:
        self._state = PragueState(AtomicDB(), _block(1), BLANK_ROOT_HASH)
        self._create(REGISTRY, "ConsentRegistry", b"")
        self._create(VERIFIER, "ConsentVerifier", bytes(12) + REGISTRY)

    def _create(self, address: Address, name: str, arguments: bytes) -> None:
        artifact = json.loads((ARTIFACTS / f"{name}.json").read_text())
        code = _raw(artifact["bytecode"]) + arguments
        message = Message(GAS, CREATE_CONTRACT_ADDRESS, NOBODY, 0, b"", code, create_address=address)
        self._state.computation_class.apply_create_message(self._state, message, _transaction()).raise_if_error()

    def call(self, data: bytes, to: Address = REGISTRY, sender: Address = NOBODY) -> bytes:
        """What the contract returns; use it inside `undone` where it writes."""
        message = Message(GAS, to, sender, 0, data, self._state.get_code(to))
        computation = self._state.computation_class.apply_message(self._state, message, _transaction(sender))
        computation.raise_if_error()
        return computation.output

    def facts(self, root: bytes, handle: bytes, subject: bytes) -> ChainFacts:
        """The contract's own answer."""
        types = ("bytes32", "bytes32", "address")
        return ChainFacts(*decode(("uint64",) * 3, self.call(call_data("facts", types, (root, handle, subject)))))

    def check(
        self,
        evidence: ChainEvidence,
        facts: ChainFacts,
        now: int,
        asked: tuple[str, str, str],
        code: Mapping[str, bytes] | None = None,
    ) -> Status:
        """The verifier's status in a block at ``now``; ``asked`` is controller, purpose, datum; ``code`` by address."""
        with self.undone(at=now):
            for address, runtime in (code or {}).items():
                self._state.set_code(Address(_raw(address)), runtime)
            self._put(evidence, facts)
            return Status(decode(("uint8",), self.call(check_data(evidence, asked), VERIFIER))[0])

    @contextmanager
    def undone(self, at: int) -> Iterator[None]:
        """A block at the time ``at``; what is written inside is undone afterwards."""
        snapshot = self._state.snapshot()
        self._state.execution_context = _block(at)
        try:
            yield
        finally:
            self._state.revert(snapshot)

    def _put(self, evidence: ChainEvidence, facts: ChainFacts) -> None:
        subject = _raw(evidence.message["subject"])
        keys = (evidence.root, handle_of(evidence.message), bytes(12) + subject)
        for slot, (key, value) in enumerate(zip(keys, facts, strict=True)):
            place = keccak256(key + slot.to_bytes(32, "big"))
            self._state.set_storage(REGISTRY, int.from_bytes(place, "big"), value)
        assert self.facts(evidence.root, keys[1], subject) == facts, "the contract's storage has another layout"


def check_data(evidence: ChainEvidence, asked: tuple[str, str, str]) -> bytes:
    """Call data of ``check``."""
    controller, purpose, datum = asked
    carried = (grant_tuple(evidence.message), evidence.signature, evidence.root, list(evidence.proof))
    values = (carried, _raw(controller), keccak256(purpose.encode()), keccak256(datum.encode()))
    return call_data("check", _CHECK, values)


def _block(time: int) -> ExecutionContext:
    return ExecutionContext(
        coinbase=NOBODY,
        timestamp=time,
        block_number=BlockNumber(1),
        difficulty=0,
        mix_hash=ZERO_HASH32,
        gas_limit=GAS,
        prev_hashes=(),
        chain_id=CHAIN_ID,
        base_fee_per_gas=0,
        excess_blob_gas=0,
    )


def _transaction(sender: Address = NOBODY) -> Any:
    return PragueState.transaction_context_class(gas_price=0, origin=sender)


@cache
def contracts() -> Contracts:
    """One pair of contracts for the whole run."""
    return Contracts()
