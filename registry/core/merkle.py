"""Commitments and the tree over them: OpenZeppelin's ``StandardMerkleTree`` of (digest, keccak256(signature)).

Leaves are hashed twice, so an inner node never passes for a leaf; pairs are hashed in sorted order, so a proof
needs no directions (OpenZeppelin Contracts, MerkleProof.sol).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import NamedTuple

from registry.core.crypto.keccak import fresh_state, keccak256
from registry.core.errors import InvalidInput
from registry.core.scalars import to_hex

MAX_BATCH = 32_768
MAX_PROOF = 15


def commitment(digest: bytes, signature: bytes) -> bytes:
    """keccak256(abi.encode(digest, keccak256(signature))): 32 bytes that say nothing without both."""
    return keccak256(digest + keccak256(signature))


def root_from(commitment: bytes, proof: Iterable[bytes]) -> bytes:
    """The root that this proof leads to from a commitment, whose keccak256 is its leaf; 32-byte words throughout."""
    node, fresh = keccak256(commitment), fresh_state
    for sibling in proof:
        state = fresh()  # keccak256, without a call of our own for each node
        state.update(node + sibling if node < sibling else sibling + node)
        node = state.digest()
    return node


class Tree(NamedTuple):
    """All nodes, root first (node i has children 2i+1 and 2i+2), and where each commitment's leaf lies."""

    nodes: Sequence[bytes]
    places: dict[bytes, int]

    @property
    def root(self) -> bytes:
        return self.nodes[0]

    def proof(self, commitment: bytes) -> list[bytes]:
        """The siblings from the leaf up: at most 15, none for a batch of one. ``KeyError`` for a stranger."""
        place, siblings = self.places[commitment], []
        while place:
            siblings.append(self.nodes[place + 1 if place % 2 else place - 1])
            place = (place - 1) // 2
        return siblings

    def proofs(self) -> dict[bytes, tuple[str, ...]]:
        """Every commitment's proof as evidence carries it, in hex; all proofs share each node's one string."""
        words = [to_hex(node) for node in self.nodes]
        paths: list[tuple[str, ...]] = [()]
        for place in range(1, len(words), 2):
            above = paths[place // 2]
            paths += (words[place + 1], *above), (words[place], *above)
        return {commitment: paths[place] for commitment, place in self.places.items()}


def build_tree(commitments: Sequence[bytes]) -> Tree:
    """The tree over 1 to 32,768 different 32-byte commitments, in whatever order they come."""
    if not 1 <= len(commitments) <= MAX_BATCH:
        raise InvalidInput(f"a batch holds 1 to {MAX_BATCH:,} commitments, not {len(commitments):,}")
    leaves = {keccak256(one): one for one in commitments}
    count = len(leaves)
    if count != len(commitments):
        raise InvalidInput("a commitment stands twice in the batch")
    nodes = [b""] * (count - 1) + sorted(leaves, reverse=True)
    for place in range(count - 2, -1, -1):
        a, b = nodes[2 * place + 1], nodes[2 * place + 2]
        state = fresh_state()
        state.update(a + b if a < b else b + a)
        nodes[place] = state.digest()
    return Tree(nodes, {leaves[nodes[place]]: place for place in range(count - 1, 2 * count - 1)})


def manifest(commitments: Iterable[bytes]) -> bytes:
    """The commitments in ascending order, concatenated: any proof can be rebuilt from these bytes."""
    return b"".join(sorted(commitments))


def manifest_digest(commitments: Iterable[bytes]) -> bytes:
    """SHA-256 of the manifest, which is anchored beside the root and is its content identifier."""
    return sha256(manifest(commitments)).digest()
