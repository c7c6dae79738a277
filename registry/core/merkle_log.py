"""Merkle trees over a list that only grows: RFC 9162, section 2.1, with SHA-256.

A proof is first a list of ranges of leaves, so that a caller can fetch the few hashes that it needs at once. A `Node`
names a complete subtree: one of level 0 is a leaf, and one of level n has 2**n leaves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple

from registry.core.errors import NotIncluded

EMPTY_ROOT = sha256(b"").digest()
# A log has at most 2**53 leaves, so a proof has at most so many hashes.
MAX_LOG_PROOF = 54
_LEAF, _INNER = b"\x00", b"\x01"
Range = tuple[int, int]


class Node(NamedTuple):
    """The place of a complete subtree: its leaves begin with ``place * 2**level``."""

    level: int
    place: int


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of an entry as a leaf, 32 bytes."""
    return sha256(_LEAF + entry).digest()


def inner_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of a node with these children, 32 bytes."""
    return sha256(_INNER + left + right).digest()


def subtrees(start: int, end: int) -> list[Node]:
    """Return the complete subtrees that make up a range of leaves, from left to right.

    ``start`` must be a multiple of a power of two that is not smaller than the range, as in all ranges of this module.
    """
    nodes, left = [], end - start
    while left:
        level = left.bit_length() - 1
        nodes.append(Node(level, start >> level))
        start, left = start + (1 << level), left - (1 << level)
    return nodes


def nodes_of(ranges: Iterable[Range]) -> set[Node]:
    """Return the nodes that `hashes_of` needs for these ranges: at most 53 for each."""
    return {node for start, end in ranges for node in subtrees(start, end)}


def hashes_of(ranges: Iterable[Range], nodes: Mapping[Node, bytes]) -> list[bytes]:
    """Return the hash of each range, from the hashes of `nodes_of` them."""
    return [_joined([nodes[node] for node in subtrees(start, end)]) for start, end in ranges]


def root_of(size: int, nodes: Mapping[Node, bytes]) -> bytes:
    """Return the root of the first ``size`` leaves, from the hashes of ``subtrees(0, size)``."""
    return hashes_of([(0, size)], nodes)[0] if size else EMPTY_ROOT


def _joined(hashes: Sequence[bytes]) -> bytes:
    *others, joined = hashes
    for each in reversed(others):
        joined = inner_hash(each, joined)
    return joined


def appended(size: int, nodes: Mapping[Node, bytes], leaves: Sequence[bytes]) -> dict[Node, bytes]:
    """Return the nodes that become complete when these leaf hashes follow the first ``size`` leaves.

    ``nodes`` has the hashes of ``subtrees(0, size)``. The new leaves are among the answer.
    """
    known, new = dict(nodes), {}
    for number, leaf in enumerate(leaves, size):
        for node, hash_ in _completed(number, leaf, known):
            known[node] = new[node] = hash_
    return new


def _completed(number: int, leaf: bytes, nodes: Mapping[Node, bytes]) -> Iterator[tuple[Node, bytes]]:
    node, hash_ = Node(0, number), leaf
    yield node, hash_
    while node.place % 2:
        hash_ = inner_hash(nodes[Node(node.level, node.place - 1)], hash_)
        node = Node(node.level + 1, node.place // 2)
        yield node, hash_


def inclusion_ranges(index: int, size: int) -> list[Range]:
    """Return the ranges whose hashes prove that leaf ``index`` is one of the first ``size``, from the leaf up."""
    start, end, found = 0, size, []
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            found.append((middle, end))
            end = middle
        else:
            found.append((start, middle))
            start = middle
    return found[::-1]


def consistency_ranges(first: int, second: int) -> list[Range]:
    """Return the ranges whose hashes prove that the first ``first`` of ``second`` leaves are unchanged.

    None are needed where ``first`` is 0 or equals ``second``.
    """
    if not 0 < first < second:
        return []
    start, end, found = 0, second, []
    while first != end:
        middle = start + _split(end - start)
        if first <= middle:
            found.append((middle, end))
            end = middle
        else:
            found.append((start, middle))
            start = middle
    # A left part of the tree is the old root itself, which the verifier has.
    return [*([(start, end)] if start else []), *reversed(found)]


def _split(count: int) -> int:
    """Return the largest power of two that is smaller than ``count``, which is at least 2."""
    return 1 << ((count - 1).bit_length() - 1)


def check_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """``NotIncluded`` unless the proof leads from this leaf hash to the root (section 2.1.3.2)."""
    if not 0 <= index < size:
        raise NotIncluded(f"the log of {size:,} entries has no entry {index:,}")
    _check_lengths(leaf, root, *proof)
    node, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise NotIncluded("the inclusion proof is too long")
        if node & 1 or node == last:
            found = inner_hash(sibling, found)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            found = inner_hash(found, sibling)
        node, last = node >> 1, last >> 1
    if last != 0 or found != root:
        raise NotIncluded("the inclusion proof does not lead from the entry to the log's root")


def check_consistency(first: int, second: int, proof: Sequence[bytes], old: bytes, new: bytes) -> None:
    """``NotIncluded`` unless the proof shows that the log of the root ``new`` begins with that of ``old``.

    Section 2.1.4.2. The two roots have ``first`` and ``second`` leaves. An empty log proves nothing, so it is refused.
    """
    if not 0 < first <= second:
        raise NotIncluded(f"a log of {second:,} entries is no continuation of one of {first:,}")
    if first == second:
        if proof or old != new:
            raise NotIncluded("two logs of one length have different roots")
        return
    _check_lengths(old, new, *proof)
    if _rebuilt(first, second, [old, *proof] if first & (first - 1) == 0 else list(proof)) != (old, new):
        raise NotIncluded("the consistency proof does not lead from one root to the other")


def _check_lengths(*hashes: bytes) -> None:
    if any(len(each) != 32 for each in hashes):
        raise NotIncluded("a hash of the proof has not 32 bytes")


def _rebuilt(first: int, second: int, proof: Sequence[bytes]) -> tuple[bytes, bytes] | None:
    """Return the two roots to which the proof leads; None for one of the wrong length."""
    if not proof:
        return None
    node, last = first - 1, second - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old = new = proof[0]
    for sibling in proof[1:]:
        if last == 0:
            return None
        if node & 1 or node == last:
            old, new = inner_hash(sibling, old), inner_hash(sibling, new)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new = inner_hash(new, sibling)
        node, last = node >> 1, last >> 1
    return None if last else (old, new)
