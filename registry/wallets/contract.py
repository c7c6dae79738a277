"""Signs as a contract account (ERC-1271): its owners sign, and the contract judges their signatures on the chain.

Only the chain knows which kind a contract is, so `contract_wallet` asks a node. A wrong answer does no harm: the
contract itself checks every signature before it is used (`registry.client.sign.sign`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from registry.core.crypto.keccak import keccak256
from registry.core.errors import InvalidInput
from registry.core.scalars import checksum, read_address, to_hex
from registry.net.json_rpc import Call, Node, NodeError, hex_bytes
from registry.wallets.base import Owner, Wallet, checked_safe_message, checked_signature

READ_SECONDS = 10.0
MAX_OWNERS = 100
# EIP-7702: the code of an account that has its own key and lets a contract act for it.
_DELEGATED = bytes.fromhex("ef0100")
_QUESTIONS = ("VERSION()", "getThreshold()", "getOwners()")
# The first version whose EIP-712 domain has the chain's id.
_OLDEST = (1, 3, 0)


class ContractWallet:
    """Signs as the contract at a checksummed address, which accepts its ``owner``'s plain signature of a statement."""

    def __init__(self, address: str, owner: Wallet) -> None:
        self.address: Final = address
        self.owners = (owner,)

    def sign_typed_data(self, typed_data: dict[str, Any]) -> bytes:
        """Return the owner's signature of this same statement."""
        return self.owners[0].sign_typed_data(typed_data)


class SafeWallet:
    """Signs as the Safe at a checksummed address with all of these owners, as many as its threshold."""

    def __init__(self, address: str, owners: Sequence[Owner]) -> None:
        self.address: Final = address
        self.owners = tuple(sorted(owners, key=lambda owner: read_address(owner.address)))
        if not owners or len({owner.address for owner in owners}) < len(owners):
            raise InvalidInput("a Safe needs different owners, at least one", "Name each of them once.")

    def sign_typed_data(self, typed_data: dict[str, Any]) -> bytes:
        """Return 65 bytes for each owner, in the order of their addresses; ``Rejected`` if one of them says no."""
        # "Safe.checkNSignatures" (safe-smart-account 1.4.1) asks for this order.
        signed = checked_safe_message(typed_data, self.address)[1]
        return b"".join(
            checked_signature(owner.sign_safe_message(typed_data, self.address), signed, owner.address)
            for owner in self.owners
        )


class _Safe(NamedTuple):
    version: tuple[int, ...]
    threshold: int
    owners: tuple[str, ...]


def contract_wallet(url: str, address: str, owners: Sequence[Owner]) -> Wallet:
    """Return the wallet of the contract at the checksummed ``address``, for which ``owners`` sign.

    The node at ``url`` tells whether it is a Safe. For a Safe, the first owners named sign, as many as its threshold.
    Any other contract has one owner. ``InvalidInput`` if owners are missing or wrong; ``LedgerUnavailable`` if the node
    does not answer.
    """
    node = Node(url, READ_SECONDS)
    code, *answers = node.ask_all([Call("eth_getCode", (address, "latest")), *(_call(address, q) for q in _QUESTIONS)])
    _check_code(node, address, code)
    safe = _safe(*(_returned(node, answer) for answer in answers))
    if safe is not None:
        return SafeWallet(address, _enough(safe, address, owners))
    if len(owners) != 1:
        advice = "Name the one account whose signature the contract accepts."
        raise InvalidInput(f"the contract at {address} is no Safe, and {len(owners)} owners are named", advice)
    return ContractWallet(address, owners[0])


def _call(address: str, function: str) -> Call:
    data = to_hex(keccak256(function.encode())[:4])
    return Call("eth_call", ({"to": address, "data": data}, "latest"))


def _check_code(node: Node, address: str, answer: Any) -> None:
    if (code := hex_bytes(answer)) is None:
        raise node.unavailable(f"it does not say what is at {address}")
    if not code:
        advice = "Deploy the account first, or check the address and the chain."
        raise InvalidInput(f"there is no contract at {address}", advice)
    if code.startswith(_DELEGATED):
        raise InvalidInput(f"{address} has a key of its own (EIP-7702)", "Sign with that key, as any account does.")


def _returned(node: Node, answer: Any) -> bytes:
    """Return the contract's answer, nothing if it reverted. The node's own failure says nothing about the contract."""
    if isinstance(answer, NodeError):
        if answer.reverted:
            return b""
        raise node.unavailable(f"it refused: {answer.message}")
    if (raw := hex_bytes(answer)) is None:
        raise node.unavailable("its answer is not a hex string")
    return raw


def _safe(version: bytes, threshold: bytes, owners: bytes) -> _Safe | None:
    """Return the Safe with these ABI-encoded answers (string, number, array of addresses); None if it is none."""
    text = version[64 : 64 + min(int.from_bytes(version[32:64], "big"), 32)].decode("ascii", "replace")
    numbers = tuple(int(part) for part in text.split(".") if part.isdecimal())
    listed = [owners[at : at + 32] for at in range(64, len(owners), 32)]
    if len(numbers) != 3 or len(threshold) != 32 or not 0 < len(listed) <= MAX_OWNERS:
        return None
    head = (32).to_bytes(32, "big") + len(listed).to_bytes(32, "big")
    if owners[:64] != head or any(word[:12] != bytes(12) or len(word) != 32 for word in listed):
        return None
    return _Safe(numbers, int.from_bytes(threshold, "big"), tuple(checksum(word[12:]) for word in listed))


def _enough(safe: _Safe, address: str, named: Sequence[Owner]) -> Sequence[Owner]:
    """Return as many owners as the Safe's threshold; ``InvalidInput`` if some are missing."""
    if safe.version < _OLDEST:
        have, oldest = (".".join(map(str, version)) for version in (safe.version, _OLDEST))
        raise InvalidInput(f"the Safe at {address} is of version {have}", f"Move it to version {oldest} or newer.")
    strangers = [owner.address for owner in named if owner.address not in safe.owners]
    if strangers:
        advice = f"Its owners are {', '.join(safe.owners)}."
        raise InvalidInput(f"{', '.join(strangers)} does not own the Safe at {address}", advice)
    if len(named) < safe.threshold:
        others = [owner for owner in safe.owners if owner not in {each.address for each in named}]
        raise InvalidInput(
            f"{safe.threshold} owners have to sign for the Safe at {address}, and {len(named)} of them are named",
            f"Name {safe.threshold - len(named)} more of {', '.join(others)}.",
        )
    return named[: safe.threshold]
