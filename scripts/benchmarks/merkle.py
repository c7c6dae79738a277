"""The root and all proofs of the largest batch, against its keccak calls alone and against OpenZeppelin's library."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence

from registry.core.crypto.keccak import keccak256
from registry.core.merkle import MAX_BATCH, build_tree
from scripts.benchmarks.figures import Figure, best_of
from scripts.benchmarks.memory import peak_megabytes
from scripts.node_packages import NODE_FOLDER, ensure_node_modules, node_tool

SECONDS = 120

# OpenZeppelin's tree of hashed values equals ours. Their library also checks each proof that it gives.
_THEIRS = """
import { SimpleMerkleTree } from "@openzeppelin/merkle-tree";
import { keccak256 } from "ethers";
let values = "";
for await (const piece of process.stdin) values += piece;
values = JSON.parse(values);
const began = performance.now();
const tree = SimpleMerkleTree.of(values.map((each) => keccak256(each)));
for (const [place] of tree.entries()) tree.getProof(place);
console.log(JSON.stringify({ seconds: (performance.now() - began) / 1000, root: tree.root }));
"""
_WORK = """
from registry.core.crypto.keccak import keccak256
from registry.core.merkle import MAX_BATCH, build_tree
tree = build_tree([keccak256(number.to_bytes(4)) for number in range(MAX_BATCH)])
proofs = tree.proofs()
assert len(proofs) == len(tree.places)
"""


def measure() -> Iterator[Figure]:
    """Measure time as a ratio, and memory as it is."""
    commitments = [keccak256(number.to_bytes(4)) for number in range(MAX_BATCH)]
    nodes = build_tree(commitments).nodes
    pairs = [nodes[at] + nodes[at + 1] for at in range(1, len(nodes), 2)]

    def hashes() -> None:
        for each in commitments:
            keccak256(each)
        for each in pairs:
            keccak256(each)

    best = best_of({"all": lambda: build_tree(commitments).proofs(), "hashes": hashes})
    what = f"{MAX_BATCH:,} commitments: root and all proofs"
    yield Figure(f"{what}, against their keccak calls alone", best["all"] / best["hashes"], "times", "<= 5")
    yield Figure(what, best["all"], "s")
    if (peak := peak_megabytes(_WORK, seconds=SECONDS)) is not None:
        yield Figure(f"{what}, peak of the process", peak, "MB", "<= 64")
    theirs = _theirs(commitments, nodes[0])
    yield Figure(f"{what}, times the speed of @openzeppelin/merkle-tree", theirs / best["all"], "")


def _theirs(commitments: Sequence[bytes], root: bytes) -> float:
    ensure_node_modules()
    command = [str(node_tool("node")), "--input-type=module", "-e", _THEIRS]
    given = json.dumps([f"0x{each.hex()}" for each in commitments])
    done = subprocess.run(
        command, input=given, capture_output=True, text=True, cwd=NODE_FOLDER, timeout=SECONDS, check=True
    )
    answer = json.loads(done.stdout)
    if answer["root"] != f"0x{root.hex()}":
        raise RuntimeError("OpenZeppelin's library gives another root")
    return float(answer["seconds"])
