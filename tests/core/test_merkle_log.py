"""Merkle logs: the published vectors of Certificate Transparency, and a naive oracle from the RFC's recursive text."""

from __future__ import annotations

import json
from base64 import b64decode
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.errors import NotIncluded
from registry.core.merkle_log import (
    EMPTY_ROOT,
    MAX_LOG_PROOF,
    Node,
    appended,
    check_consistency,
    check_inclusion,
    consistency_ranges,
    hashes_of,
    inclusion_ranges,
    inner_hash,
    leaf_hash,
    nodes_of,
    root_of,
    subtrees,
)
from tests.support.paths import DATA

VECTORS: dict[str, dict[str, Any]] = json.loads((DATA / "merkle_logs" / "vectors.json").read_bytes())
SIZES = st.integers(1, 70)


def entry(number: int) -> bytes:
    return b"entry %d" % number


def grown(size: int) -> dict[Node, bytes]:
    """The nodes of a log to which entries were appended one by one."""
    nodes: dict[Node, bytes] = {}
    for number in range(size):
        nodes |= appended(number, nodes, [leaf_hash(entry(number))])
    return nodes


# RFC 9162, sections 2.1.1, 2.1.3.1 and 2.1.4.1, word for word.
def split(count: int) -> int:
    k = 1
    while k * 2 < count:
        k *= 2
    return k


def mth(entries: list[bytes]) -> bytes:
    if not entries:
        return sha256(b"").digest()
    if len(entries) == 1:
        return sha256(b"\x00" + entries[0]).digest()
    k = split(len(entries))
    return sha256(b"\x01" + mth(entries[:k]) + mth(entries[k:])).digest()


def path(m: int, entries: list[bytes]) -> list[bytes]:
    if len(entries) == 1:
        return []
    k = split(len(entries))
    if m < k:
        return [*path(m, entries[:k]), mth(entries[k:])]
    return [*path(m - k, entries[k:]), mth(entries[:k])]


def subproof(m: int, entries: list[bytes], known: bool) -> list[bytes]:
    if m == len(entries):
        return [] if known else [mth(entries)]
    k = split(len(entries))
    if m <= k:
        return [*subproof(m, entries[:k], known), mth(entries[k:])]
    return [*subproof(m - k, entries[k:], False), mth(entries[:k])]


LOG = grown(70)


class TestPublishedVectors:
    def test_hashes(self) -> None:
        # rfc6962_test.go of transparency-dev/merkle.
        assert leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
        assert leaf_hash(b"L123456").hex() == "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56"
        node = inner_hash(b"N123", b"N456")
        assert node.hex() == "aa217fe888e47007fa15edab33c2b492a722cb106c64667fc2b044444de66bbb"
        assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

    def test_roots(self) -> None:
        # constants.go of the same: the roots of the first 1 to 8 of these leaves.
        texts = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
        roots = ["6e340b9c", "fac54203", "aeb6bcfe", "d37ee418", "4e3bbb1f", "76e67dad", "ddb89be4", "5dc9da79"]
        nodes = appended(0, {}, [leaf_hash(bytes.fromhex(text)) for text in texts])
        assert [root_of(size, nodes).hex()[:8] for size in range(1, 9)] == roots
        assert root_of(0, nodes) == EMPTY_ROOT

    @pytest.mark.parametrize("name", [name for name in VECTORS if name.startswith("inclusion/")])
    def test_inclusion(self, name: str) -> None:
        told = VECTORS[name]
        proof = [b64decode(each) for each in told["proof"] or ()]
        leaf, root = b64decode(told["leafHash"] or ""), b64decode(told["root"] or "")
        assert refused(check_inclusion, told["leafIdx"], told["treeSize"], leaf, proof, root) is told["wantErr"]

    @pytest.mark.parametrize("name", [name for name in VECTORS if name.startswith("consistency/")])
    def test_consistency(self, name: str) -> None:
        told = VECTORS[name]
        proof = [b64decode(each) for each in told["proof"] or ()]
        old, new = b64decode(told["root1"] or ""), b64decode(told["root2"] or "")
        assert refused(check_consistency, told["size1"], told["size2"], proof, old, new) is told["wantErr"]


def refused(check: Any, *arguments: Any) -> bool:
    try:
        check(*arguments)
    except NotIncluded:
        return True
    return False


class TestAgainstTheOracle:
    @given(SIZES, st.data())
    def test_inclusion(self, size: int, data: st.DataObject) -> None:
        index = data.draw(st.integers(0, size - 1))
        entries = [entry(number) for number in range(size)]
        ranges = inclusion_ranges(index, size)
        proof = hashes_of(ranges, LOG)
        assert proof == path(index, entries) and root_of(size, LOG) == mth(entries)
        check_inclusion(index, size, leaf_hash(entry(index)), proof, mth(entries))
        other = data.draw(st.integers(0, 70).filter(lambda number: number != index))
        assert refused(check_inclusion, index, size, leaf_hash(entry(other)), proof, mth(entries))
        assert refused(check_inclusion, other, size, leaf_hash(entry(index)), proof, mth(entries))

    @given(SIZES, st.data())
    def test_consistency(self, second: int, data: st.DataObject) -> None:
        first = data.draw(st.integers(1, second))
        old, new = ([entry(number) for number in range(size)] for size in (first, second))
        proof = hashes_of(consistency_ranges(first, second), LOG)
        assert proof == ([] if first == second else subproof(first, new, True))
        check_consistency(first, second, proof, mth(old), mth(new))
        changed = data.draw(st.integers(0, first - 1))
        forged = [b"forged" if number == changed else each for number, each in enumerate(old)]
        assert refused(check_consistency, first, second, proof, mth(forged), mth(new))
        for place in range(len(proof)):
            wrong = [*proof[:place], bytes(32), *proof[place + 1 :]]
            assert refused(check_consistency, first, second, wrong, mth(old), mth(new))

    @given(st.lists(st.integers(1, 20), min_size=1, max_size=5))
    def test_appending_many_at_once_makes_the_same_log(self, parts: list[int]) -> None:
        size, nodes = 0, dict[Node, bytes]()
        for part in parts:
            edge = {node: nodes[node] for node in nodes_of([(0, size)])}
            new = appended(size, edge, [leaf_hash(entry(number)) for number in range(size, size + part)])
            assert not new.keys() & nodes.keys()
            size, nodes = size + part, nodes | new
        assert nodes == grown(size)

    @given(st.integers(1, 2**53), st.data())
    def test_a_proof_of_any_log_needs_few_hashes(self, size: int, data: st.DataObject) -> None:
        index, first = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
        assert len(subtrees(0, size)) <= 53
        for ranges in (inclusion_ranges(index, size), consistency_ranges(first, size)):
            assert len(ranges) <= MAX_LOG_PROOF and len(nodes_of(ranges)) <= 2 * MAX_LOG_PROOF
