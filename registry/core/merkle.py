"""Commitments and the Merkle tree over them: OpenZeppelin's ``StandardMerkleTree`` of (digest, keccak256(signature)).

Leaves are hashed twice, so no inner node passes for one, and pairs in sorted order, so a proof needs no directions.
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
    """keccak256(abi.encode(digest, keccak256(signature))): 32 bytes that reveal neither."""
    return keccak256(digest + keccak256(signature))


def root_from(commitment: bytes, proof: Iterable[bytes]) -> bytes:
    """Compute the root from a commitment (its keccak256 is the leaf) and its proof; all are 32-byte words."""
    node, fresh = keccak256(commitment), fresh_state
    for sibling in proof:
        state = fresh()  # keccak256 inlined: a call for each node would cost 1 to 2% of a verification
        state.update(node + sibling if node < sibling else sibling + node)
        node = state.digest()
    return node


class Tree(NamedTuple):
    """All nodes, root first (node i has children 2i+1 and 2i+2), and the place of each commitment's leaf."""

    nodes: Sequence[bytes]
    places: dict[bytes, int]

    @property
    def root(self) -> bytes:
        return self.nodes[0]

    def proof(self, commitment: bytes) -> list[bytes]:
        """The siblings from the leaf up: 15 at most, none in a batch of one. ``KeyError`` if it is not in the tree."""
        place, siblings = self.places[commitment], []
        while place:
            siblings.append(self.nodes[place + 1 if place % 2 else place - 1])
            place = (place - 1) // 2
        return siblings

    def proofs(self) -> dict[bytes, tuple[str, ...]]:
        """Every commitment's proof in hex, as evidence carries it. Proofs share one string for each node."""
        words = [to_hex(node) for node in self.nodes]
        paths: list[tuple[str, ...]] = [()]
        for place in range(1, len(words), 2):
            above = paths[place // 2]
            paths += (words[place + 1], *above), (words[place], *above)
        return {commitment: paths[place] for commitment, place in self.places.items()}


def build_tree(commitments: Sequence[bytes]) -> Tree:
    """Build the tree over 1 to 32,768 different 32-byte commitments; their order does not matter."""
    if not 1 <= len(commitments) <= MAX_BATCH:
        raise InvalidInput(f"a batch holds 1 to {MAX_BATCH:,} commitments, not {len(commitments):,}")
    leaves = {keccak256(commitment): commitment for commitment in commitments}
    count = len(leaves)
    if count != len(commitments):
        raise InvalidInput("the batch holds a commitment twice")
    nodes = [b""] * (count - 1) + sorted(leaves, reverse=True)
    for place in range(count - 2, -1, -1):
        a, b = nodes[2 * place + 1], nodes[2 * place + 2]
        state = fresh_state()
        state.update(a + b if a < b else b + a)
        nodes[place] = state.digest()
    return Tree(nodes, {leaves[nodes[place]]: place for place in range(count - 1, 2 * count - 1)})


def manifest(commitments: Iterable[bytes]) -> bytes:
    """Concatenate the commitments in ascending order; any proof can be rebuilt from these bytes."""
    return b"".join(sorted(commitments))


def manifest_digest(commitments: Iterable[bytes]) -> bytes:
    """SHA-256 of the manifest: it is anchored beside the root, and the manifest's content identifier holds it."""
    return sha256(manifest(commitments)).digest()
