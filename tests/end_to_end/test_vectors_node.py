"""The shared vectors through JavaScript, and what each side makes is read by the other (ethers 6)."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from registry.core.crypto.signatures import recover_address
from registry.core.eip712 import Domain
from registry.core.scalars import checksum, to_hex, unhex
from registry.core.statements.messages import TYPES, Message, fields_of
from registry.core.statements.typed_data import digest, parse_typed_data, typed_data
from tests.support.nodejs import run_node
from tests.support.strategies import domains, messages
from tests.support.vectors import FOLDER, read_cases

pytestmark = pytest.mark.slow

COUNT = 300


def test_javascript_reads_the_vectors() -> None:
    counts = json.loads(run_node("read_vectors.mjs", FOLDER))
    assert counts == {folder: len(read_cases(folder)) for folder in counts}
    assert set(counts) == {"digests", "signatures", "commitments", "merkle", "locks", "accounts"}


def test_javascript_hashes_what_python_writes() -> None:
    made: list[tuple[Domain, Message]] = []

    @settings(
        max_examples=COUNT,
        derandomize=True,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(domains, messages)
    def make(domain: Domain, message: Message) -> None:
        made.append((domain, message))

    make()
    assert len(made) >= COUNT
    assert {type(message).__name__ for _, message in made} == set(TYPES)
    written = json.dumps([typed_data(domain, message) for domain, message in made])
    hashes = json.loads(run_node("hash_typed_data.mjs", stdin=written))
    assert hashes == [to_hex(digest(domain, message)) for domain, message in made]


def test_python_reads_what_javascript_signs() -> None:
    known = {kind: [{"name": name, "type": solidity} for name, solidity in fields_of(kind)] for kind in TYPES}
    signed = json.loads(run_node("sign_typed_data.mjs", stdin=json.dumps({"count": COUNT, "types": known})))
    assert len(signed) == COUNT
    assert {statement["typedData"]["primaryType"] for statement in signed} == set(TYPES)
    for statement in signed:
        domain, message = parse_typed_data(statement["typedData"])
        hashed = digest(domain, message)
        signer = recover_address(hashed, unhex(statement["signature"]))
        assert to_hex(hashed) == statement["digest"]
        assert signer is not None and checksum(signer) == statement["signer"]
        assert typed_data(domain, message) == statement["typedData"]
