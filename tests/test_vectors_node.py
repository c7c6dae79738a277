"""The shared vectors through JavaScript, and what each side makes is read by the other (ethers 6)."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from registry.core.recovery import recover
from registry.core.scalars import MAX_DURATION, MAX_SAFE_INTEGER, checksum, to_hex, unhex
from registry.core.statements import MESSAGES, TYPES, Domain, Message, fields_of
from registry.core.typeddata import digest, parse_typed_data, typed_data
from tests.nodejs import run_node
from tests.vectors.reading import FOLDER, read_cases

COUNT = 300

_words = st.binary(min_size=32, max_size=32).map(to_hex)
_addresses = st.binary(min_size=20, max_size=20).map(checksum)
_times = st.integers(0, MAX_SAFE_INTEGER - MAX_DURATION)
_names = st.from_regex(r"[a-z][a-z0-9-]{0,8}:[A-Za-z0-9][A-Za-z0-9._~-]{0,20}", fullmatch=True)
_terms = st.lists(_names, min_size=1, max_size=8, unique=True).map(sorted).map(tuple)
_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)
_KINDS: dict[str, st.SearchStrategy[Any]] = {
    "bytes32": _words,
    "address": _addresses,
    "uint64": _times,
    "string": _texts,
    "string[]": _terms,
}
_domains = st.builds(Domain, _texts, _texts, st.integers(0, MAX_SAFE_INTEGER), _addresses)


@st.composite
def messages(draw: st.DrawFn) -> Message:
    """Any message of any type."""
    kind = draw(st.sampled_from(sorted(MESSAGES)))
    values = {name: draw(_KINDS[solidity]) for name, solidity in fields_of(kind)}
    if "terms" in values:
        values["terms"] = draw(_names)
    if "expiresAt" in values:
        values["expiresAt"] = values["issuedAt"] + draw(st.integers(1, MAX_DURATION))
        values["notBefore"] = min(values.get("notBefore", 0), values["expiresAt"] - 1)
    snake = {
        "issuedAt": "issued_at",
        "notBefore": "not_before",
        "expiresAt": "expires_at",
        "issuedUntil": "issued_until",
    }
    names = [name for name, _ in fields_of(kind)]
    return MESSAGES[kind](**{snake.get(name, name): values[name] for name in names})


def test_javascript_reads_the_vectors() -> None:
    counts = json.loads(run_node("read_vectors.mjs", FOLDER))
    assert counts == {folder: len(read_cases(folder)) for folder in counts}
    assert set(counts) == {"digests", "signatures", "commitments", "merkle", "locks"}


def test_javascript_hashes_what_python_writes() -> None:
    made: list[tuple[Domain, Message]] = []

    @settings(
        max_examples=COUNT,
        derandomize=True,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(_domains, messages())
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
        signer = recover(hashed, unhex(statement["signature"]))
        assert to_hex(hashed) == statement["digest"]
        assert signer is not None and checksum(signer) == statement["signer"]
        assert typed_data(domain, message) == statement["typedData"]
