"""What a wallet, a notary and a brand compute off chain, written a second time and independently of the package.

Only eth_abi, eth_account and keccak are used, so that the contracts and the package have one more witness against them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any

from eth_abi import encode
from eth_account import Account
from eth_account.messages import SignableMessage, encode_typed_data
from eth_account.signers.local import LocalAccount
from eth_keys import keys
from eth_keys.constants import SECPK1_N
from eth_utils import keccak

ZERO = bytes(32)
RETIRED = 2**64 - 1
SKEW = 900
MAX_SIGNATURE = 8192

Status = IntEnum(
    "Status",
    "Malformed Valid WrongDomain BadSignature BadMandate NotIncluded NotAnchored PostDated BackDated Revoked "
    "NotYetValid Expired NoticeMismatch WrongController PurposeNotGranted DataNotGranted TermsNotGranted NotAccepted",
    start=0,
)

_TYPES = {
    "EIP712Domain": "string name,string version,uint256 chainId,address verifyingContract",
    "Grant": "string statement,address subject,address controller,bytes32 request,string[] purposes,string[] data,"
    "string terms,bytes32 notice,bytes32 content,bytes32 supersedes,uint64 issuedAt,uint64 notBefore,uint64 expiresAt,"
    "bytes32 revocation,bytes32 salt",
    "Revoke": "address subject,bytes32 handle",
    "RevokeAll": "address subject,uint64 issuedUntil",
    "Retire": "address subject",
}


def _fields(name: str) -> list[dict[str, str]]:
    pairs = (field.split(" ") for field in _TYPES[name].split(","))
    return [{"name": field, "type": kind} for kind, field in pairs]


@dataclasses.dataclass(frozen=True)
class Domain:
    chain_id: int
    registry: str

    def signable(self, primary_type: str, message: Mapping[str, Any]) -> SignableMessage:
        return encode_typed_data(
            full_message={
                "types": {name: _fields(name) for name in ("EIP712Domain", primary_type)},
                "primaryType": primary_type,
                "domain": {
                    "name": "ConsentRegistry",
                    "version": "1",
                    "chainId": self.chain_id,
                    "verifyingContract": self.registry,
                },
                "message": dict(message),
            }
        )

    def digest(self, primary_type: str, message: Mapping[str, Any]) -> bytes:
        signable = self.signable(primary_type, message)
        return keccak(b"\x19" + signable.version + signable.header + signable.body)

    def sign(self, account: LocalAccount, primary_type: str, message: Mapping[str, Any]) -> bytes:
        return bytes(account.sign_message(self.signable(primary_type, message)).signature)

    @property
    def separator(self) -> bytes:
        return bytes(self.signable("Retire", {"subject": self.registry}).header)


def account(name: str) -> LocalAccount:
    return Account.from_key(keccak(text=name))


def lock(secret: bytes) -> bytes:
    return keccak(encode(["bytes32"], [secret]))


def salt_hash(salt: bytes) -> bytes:
    return keccak(encode(["bytes32"], [salt]))


def tag(subject: str, salt: bytes) -> bytes:
    return keccak(encode(["address", "bytes32"], [subject, salt_hash(salt)]))


def handle(lock_: bytes, tag_: bytes) -> bytes:
    return keccak(encode(["bytes32", "bytes32"], [lock_, tag_]))


def grant_handle(grant: Mapping[str, Any]) -> bytes:
    return handle(grant["revocation"], tag(grant["subject"], grant["salt"]))


def make_grant(subject: str, controller: str, issued_at: int, secret: bytes, **changes: Any) -> dict[str, Any]:
    """A Grant message as a wallet signs it; ``changes`` override its members."""
    grant = {
        "statement": "I allow Maison Aurelle (aurelle.example) to use my purchases for personalising its offers.",
        "subject": subject,
        "controller": controller,
        "request": keccak(text="request"),
        "purposes": ["dpv:Marketing", "dpv:Personalisation"],
        "data": ["pd:EmailAddress", "pd:Purchase"],
        "terms": "ieee-7012:SD-BASE",
        "notice": keccak(text="notice"),
        "content": keccak(text="content"),
        "supersedes": ZERO,
        "issuedAt": issued_at,
        "notBefore": issued_at,
        "expiresAt": issued_at + 365 * 86_400,
        "revocation": lock(secret),
        "salt": keccak(b"salt" + secret),
    }
    return {**grant, **changes}


def on_chain(grant: Mapping[str, Any]) -> tuple[Any, ...]:
    """The Grant as Solidity takes it: strings as their keccak256."""
    hashed = dict(grant)
    for name in ("statement", "terms"):
        hashed[name] = keccak(text=grant[name])
    for name in ("purposes", "data"):
        hashed[name] = [keccak(text=term) for term in grant[name]]
    return tuple(hashed[field["name"]] for field in _fields("Grant"))


def leaf(digest: bytes, signature: bytes) -> bytes:
    """A leaf of StandardMerkleTree.of([[digest, keccak256(signature)]], ["bytes32", "bytes32"])."""
    return keccak(keccak(encode(["bytes32", "bytes32"], [digest, keccak(signature)])))


def _pair(a: bytes, b: bytes) -> bytes:
    return keccak(min(a, b) + max(a, b))


def root_of(leaves: Sequence[bytes]) -> bytes:
    return _tree(leaves)[0]


def _tree(leaves: Sequence[bytes]) -> list[bytes]:
    # OpenZeppelin's layout: a heap whose end holds the sorted leaves, the first of them last.
    tree = [ZERO] * (len(leaves) - 1) + sorted(leaves, reverse=True)
    for i in reversed(range(len(leaves) - 1)):
        tree[i] = _pair(tree[2 * i + 1], tree[2 * i + 2])
    return tree


def proof_of(leaves: Sequence[bytes], wanted: bytes) -> list[bytes]:
    tree, proof = _tree(leaves), []
    index = tree.index(wanted, len(leaves) - 1)
    while index > 0:
        proof.append(tree[index + 1 if index % 2 else index - 1])
        index = (index - 1) // 2
    return proof


def filler(count: int) -> list[bytes]:
    """Leaves of other people's statements."""
    return [keccak(keccak(number.to_bytes(8, "big"))) for number in range(count)]


def compact(signature: bytes) -> bytes:
    """The 64-byte form of a signature (EIP-2098)."""
    parity = signature[64] - 27
    return signature[:32] + bytes([signature[32] | parity << 7]) + signature[33:64]


def high_s(signature: bytes) -> bytes:
    """The other signature of the same key and digest, which EIP-2 forbids."""
    s = SECPK1_N - int.from_bytes(signature[32:64], "big")
    return signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])


def recovers(digest: bytes, signature: bytes) -> str:
    """Whom a lenient implementation would recover; to prove that a refused signature was tempting."""
    raw = keys.Signature(signature[:64] + bytes([(signature[64] - 27) % 2]))
    return raw.recover_public_key_from_msg_hash(digest).to_checksum_address()


@dataclasses.dataclass(frozen=True)
class Signed:
    """A grant with its signature, in a batch."""

    grant: dict[str, Any]
    signature: bytes
    root: bytes
    proof: list[bytes]

    @property
    def evidence(self) -> tuple[Any, ...]:
        return (on_chain(self.grant), self.signature, self.root, self.proof)

    def altered(self, **changes: Any) -> Signed:
        return dataclasses.replace(self, **changes)


def put_in_batch(domain: Domain, grant: dict[str, Any], signature: bytes, others: int = 0) -> Signed:
    own = leaf(domain.digest("Grant", grant), signature)
    leaves = [own, *filler(others)]
    return Signed(grant, signature, root_of(leaves), proof_of(leaves, own))


def deepened(signed: Signed) -> Signed:
    """Under one level more, whose root nobody anchored."""
    sibling = keccak(text="a neighbouring tree")
    return signed.altered(root=_pair(signed.root, sibling), proof=[*signed.proof, sibling])
