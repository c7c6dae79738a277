"""The shared vectors through the Python package; what wrote them is JavaScript and knows nothing of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from registry.core.crypto import keccak, revocation, seeds, signatures
from registry.core.crypto.keccak import keccak256
from registry.core.crypto.signatures import recover_address
from registry.core.eip712 import domain_separator
from registry.core.errors import Malformed, NoticeMismatch
from registry.core.evidence.file import canonical_evidence, parse_evidence, write_evidence
from registry.core.merkle import build_tree, commitment, manifest_digest, root_from
from registry.core.notices.document import languages, notice_digest, parse_notice
from registry.core.notices.rendering import render
from registry.core.scalars import checksum, to_hex, unhex
from registry.core.statements.messages import MESSAGES, TYPES, Grant, Mandate, Refusal
from registry.core.statements.typed_data import digest, parse_typed_data, struct_hash, typed_data
from registry.core.verify.judge import VerifiedGrant, VerifiedStatement
from registry.wallets import derived
from tests.support.nodejs import ROOT, run_node
from tests.support.vectors import FOLDER, FOLDERS, NAMES, SEALED, Case, filled, judge, read_cases

LEAST = {
    "digests": 20,
    "signatures": 20,
    "commitments": 5,
    "merkle": 7,
    "locks": 6,
    "accounts": 10,
    "notices": 150,
    "evidence": 250,
    "uses": 30,
    "vault": 200,
}


def cases_of(folder: str) -> pytest.MarkDecorator:
    """One test for each case of the folder, named after its file."""
    cases = read_cases(folder)
    return pytest.mark.parametrize("case", cases.values(), ids=cases.keys())


def _files(folder: Path) -> dict[str, bytes]:
    found = (path for name in FOLDERS for path in (folder / name).iterdir())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def test_the_generator_writes_these_very_files(tmp_path: Path) -> None:
    run_node(ROOT / "scripts" / "vectors.mjs", tmp_path)
    fresh, stored = _files(tmp_path), _files(FOLDER)
    assert sorted(fresh) == sorted(stored)
    assert [name for name in fresh if fresh[name] != stored[name]] == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_folder_is_full_and_every_expectation_has_a_name(folder: str) -> None:
    cases = read_cases(folder)
    assert len(cases) >= LEAST[folder]
    for name, case in cases.items():
        assert case["desc"].endswith("."), name
        assert {case["error"], case.get("onChain", "Valid")} <= NAMES | SEALED, name
        assert case.get("onChain") != case["error"], name


def test_every_status_has_a_case() -> None:
    assert {case["error"] for case in read_cases("evidence").values()} == NAMES


@cases_of("digests")
def test_digest(case: Case) -> None:
    if case["error"] == "Malformed":
        with pytest.raises(Malformed):
            parse_typed_data(case["typedData"])
        return
    domain, message = parse_typed_data(case["typedData"])
    kind = case["typedData"]["primaryType"]
    assert typed_data(domain, message) == case["typedData"]
    assert to_hex(keccak256(TYPES[kind].encode())) == case["typeHash"]
    assert to_hex(domain_separator(domain)) == case["domainSeparator"]
    assert to_hex(struct_hash(message)) == case["structHash"]
    assert to_hex(digest(domain, message)) == case["digest"]


@cases_of("signatures")
def test_signature(case: Case) -> None:
    signer = recover_address(unhex(case["digest"]), unhex(case["signature"]))
    assert (None if signer is None else checksum(signer)) == case["address"]


@cases_of("signatures")
def test_signature_without_libsecp256k1(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signatures, "_public_key", signatures._with_eth_keys())
    test_signature(case)


def test_keccak_without_safe_pysha3() -> None:
    for case in read_cases("commitments").values():
        portable = keccak._portable()()
        portable.update(unhex(case["signature"]))
        assert to_hex(portable.digest()) == case["signatureHash"]


@cases_of("commitments")
def test_commitment(case: Case) -> None:
    made = commitment(unhex(case["digest"]), unhex(case["signature"]))
    assert to_hex(keccak256(unhex(case["signature"]))) == case["signatureHash"]
    assert to_hex(made) == case["commitment"]
    assert to_hex(keccak256(made)) == case["leaf"]


@cases_of("merkle")
def test_merkle(case: Case) -> None:
    commitments = [keccak256(unhex(digest) + unhex(signature_hash)) for digest, signature_hash in case["values"]]
    tree = build_tree(commitments)
    assert to_hex(tree.root) == case["root"]
    assert to_hex(manifest_digest(commitments)) == case["manifestDigest"]
    assert case["proofs"]
    for proven in case["proofs"]:
        own = commitments[proven["index"]]
        assert to_hex(own) == proven["commitment"]
        assert to_hex(keccak256(own)) == proven["leaf"]
        assert [to_hex(node) for node in tree.proof(own)] == proven["proof"]
        assert root_from(own, map(unhex, proven["proof"])) == tree.root


@cases_of("locks")
def test_lock(case: Case) -> None:
    secret = seeds.revocation_secret(unhex(case["seed"]), case["salt"])
    assert to_hex(secret) == case["secret"]
    assert revocation.lock_of(secret) == case["lock"]
    assert revocation.salt_hash(case["salt"]) == case["saltHash"]
    assert revocation.tag_of(case["subject"], case["salt"]) == case["tag"]
    assert revocation.handle_of(case["lock"], case["tag"]) == case["handle"]
    assert revocation.handle_for(case["subject"], case["lock"], case["salt"]) == case["handle"]


@cases_of("accounts")
def test_account(case: Case) -> None:
    seed, name = unhex(case["seed"]), case.get("controller") or case["salt"]
    assert seeds.account_number(seed, name, case["generation"]) == case["number"]
    assert derived.account_for(seed, name, case["generation"]).address == case["address"]


@cases_of("notices")
def test_notice(case: Case) -> None:
    raw = filled(case, "notice").encode()
    if "primaryType" in case:
        _check_rendering(case, raw)
    elif case["error"] == "Malformed":
        with pytest.raises(Malformed):
            parse_notice(raw)
    else:
        assert languages(parse_notice(raw)) == case["languages"]
        assert notice_digest(raw) == case["digest"]


def _check_rendering(case: Case, raw: bytes) -> None:
    message = msgspec.convert(case["message"], MESSAGES[case["primaryType"]])
    assert isinstance(message, Grant | Refusal | Mandate)
    if case["error"] == "NoticeMismatch":
        with pytest.raises(NoticeMismatch):
            render(parse_notice(raw), case["language"], message)
    else:
        assert render(parse_notice(raw), case["language"], message) == case["statement"]


@cases_of("evidence")
def test_evidence(case: Case) -> None:
    outcome = judge(case)
    if case["error"] != "Valid":
        assert outcome == case["error"]
        return
    assert isinstance(outcome, VerifiedStatement), outcome
    revocable = isinstance(outcome, VerifiedGrant) or outcome.evidence.kind == "Mandate"
    assert revocable == ("handle" in case)
    assert outcome.digest == case["digest"]
    assert outcome.evidence.handle == case.get("handle")
    assert outcome.acceptance.split(":")[0] == case.get("reported", "none")


DEEP = """
import sys
sys.setrecursionlimit(100_000)
from registry.core.errors import Malformed
from registry.core.notices.document import parse_notice
from tests.support.vectors import filled, judge, read_cases
print(judge(read_cases("evidence")["json-deep-nesting"]))
try:
    parse_notice(filled(read_cases("notices")["nested-30000"], "notice").encode())
except Malformed:
    print("Malformed")
"""


def test_deep_nesting_is_refused_whatever_the_recursion_limit() -> None:
    # py-evm's libraries raise the limit for the whole process; decoding 30,000 brackets then ended it (SIGSEGV).
    done = subprocess.run([sys.executable, "-c", DEEP], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "Malformed\nMalformed\n"), done.stderr


@cases_of("evidence")
def test_what_parses_is_written_back_byte_for_byte(case: Case) -> None:
    raw = filled(case, "evidence").encode()
    if case["error"] == "Malformed":
        with pytest.raises(Malformed):
            parse_evidence(raw)
    else:
        assert write_evidence(parse_evidence(raw)) == raw


@cases_of("evidence")
def test_what_was_only_re_formatted_is_restored(case: Case) -> None:
    raw = filled(case, "evidence").encode()
    if case["error"] != "Malformed":
        assert canonical_evidence(raw) == raw
    elif case.get("restores"):
        restored = canonical_evidence(raw).decode()
        assert isinstance(judge({**case, "evidence": restored}), VerifiedGrant)
    else:
        with pytest.raises(Malformed):
            canonical_evidence(raw)
