"""The addresses of the two contracts, and the check of the code there."""

from __future__ import annotations

from bisect import bisect_left
from typing import Any, NamedTuple

from registry.core.crypto.keccak import keccak256
from registry.core.eip712 import domain_of, domain_separator
from registry.core.scalars import checksum, to_hex, unhex
from registry.ledger.abi import selector
from registry.ledger.artifacts import EVM_VERSIONS, PRAGUE, creation_code, is_code_of
from registry.ledger.blocks import block_call, chain_id_in, head_in, nonce_calls, nonce_in
from registry.net.json_rpc import Call, Node, hex_bytes

# Arachnid's deterministic deployment proxy. It is on most chains, by a transaction that has no private key; EIP-7997
# makes it part of the protocol.
DEPLOYER = "0x4e59b44847b379578588920cA78FbF26c0B4956C"
DEPLOYER_CODE = bytes.fromhex(
    "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015156039578182fd"
    "5b8082525050506014600cf3"
)
SALT = b"ConsentRegistry/1".ljust(32, b"\0")
# How many of a payer's last transactions may have created our contracts, on a chain without the deployer.
LOOK_BACK = 64
REGISTRY, VERIFIER = "ConsentRegistry", "ConsentVerifier"


class Site(NamedTuple):
    """The address of a contract, or of one to be created next, and whether it ``stands`` there already."""

    address: str
    stands: bool


def addresses(evm: str = PRAGUE) -> tuple[str, str]:
    """Return the checksummed addresses of registry and verifier, the same on every chain with the deployer."""
    registry = _create2(creation_code(REGISTRY, evm=evm))
    return registry, _create2(creation_code(VERIFIER, registry, evm=evm))


def _create2(code: bytes) -> str:
    return checksum(keccak256(b"\xff" + unhex(DEPLOYER) + SALT + keccak256(code))[12:])


def _create(payer: str, nonce: int) -> str:
    """Return the address that an account's CREATE gets: keccak256(rlp([account, nonce]))[12:]."""
    digits = nonce.to_bytes((nonce.bit_length() + 7) // 8, "big")
    item = digits if 0 < nonce < 0x80 else bytes([0x80 + len(digits)]) + digits
    body = b"\x94" + unhex(payer) + item
    return checksum(keccak256(bytes([0xC0 + len(body)]) + body)[12:])


def stands(node: Node, chain_id: int, contract: str, address: str, registry: str, *evm: str) -> bool:
    """Return whether the contract is at ``address``, in one of the builds ``evm`` (any by default).

    ``LedgerUnavailable`` if other code is there, or the node has changed to another chain.
    """
    proofs = [domain_call(address)]
    if contract == VERIFIER:
        # Its constructor makes the same code at every address of this chain.
        codes = [creation_code(VERIFIER, registry, evm=version) for version in evm or EVM_VERSIONS]
        proofs = [Call("eth_call", ({"data": to_hex(code)}, "latest")) for code in codes]
    chain, answer, *shown = node.ask_all([Call("eth_chainId"), code_call(address), *proofs])
    if (found := chain_id_in(node, chain)) != chain_id:
        raise node.unavailable(f"it is on chain {found}, not on {chain_id}")
    code = code_in(node, answer)
    if not code:
        return False
    if contract == VERIFIER:
        ours = code in map(hex_bytes, shown)
    else:
        ours = is_code_of(REGISTRY, code, *evm) and hex_bytes(shown[0]) == domain_word(chain_id, address)
    if not ours:
        advice = f"Try another node. If it shows the same code, do not use this {contract}."
        raise node.unavailable(f"the code at {address} is not our {contract}", advice)
    return True


def domain_call(registry: str) -> Call:
    """Return the call for the registry's domain separator."""
    return Call("eth_call", ({"to": registry, "data": to_hex(selector("domainSeparator()"))}, "latest"))


def domain_word(chain_id: int, registry: str) -> bytes:
    """Return the domain separator that the registry at this address must have."""
    return domain_separator(domain_of(chain_id, registry))


def own_sites(node: Node, chain_id: int, evm: str, payer: str) -> tuple[Site, Site]:
    """Return the contracts that the payer created lately, or its next two addresses, on a chain without deployer."""
    nonce = nonce_in(node, node.ask_all(nonce_calls(payer)))
    places = [_create(payer, n) for n in range(max(0, nonce - LOOK_BACK), nonce + 2)]
    codes = [code_in(node, answer) for answer in node.ask_all([code_call(place) for place in places])]
    at = max((i for i, code in enumerate(codes) if is_code_of(REGISTRY, code, evm)), default=None)
    if at is None:
        return Site(places[-2], False), Site(places[-1], False)
    registry = places[at]
    stands(node, chain_id, REGISTRY, registry, registry)
    for place, code in zip(places[at:], codes[at:], strict=True):
        if is_code_of(VERIFIER, code, evm):
            return Site(registry, True), Site(place, stands(node, chain_id, VERIFIER, place, registry))
    return Site(registry, True), Site(places[-2], False)


def block_of(node: Node, registry: str) -> int:
    """Return the block in which the registry appeared; 0 if the node keeps no states that old.

    Logs are read from this block, so a late one would hide some, and 0 is safe. A node without the old state may
    answer "no code" instead of an error. So believe "no code" only if the node shows the deployer there, which was
    needed to create the registry.
    """
    older = range(head_in(node, node.ask(block_call("latest"))).number)
    first = bisect_left(older, True, key=lambda block: bool(hex_bytes(node.ask(code_call(registry, hex(block))))))
    if first == 0:
        return 0
    before = node.ask_all([code_call(place, hex(first - 1)) for place in (DEPLOYER, registry)])
    return first if [hex_bytes(code) for code in before] == [DEPLOYER_CODE, b""] else 0


def code_call(address: str, block: str = "latest") -> Call:
    """Return the call for the code at an address."""
    return Call("eth_getCode", (address, block))


def code_in(node: Node, answer: Any) -> bytes:
    """Return the code in an answer. ``LedgerUnavailable`` for an error, which is not the same as no code."""
    if (code := hex_bytes(answer)) is None:
        raise node.unavailable("it does not show the code at an address")
    return code
