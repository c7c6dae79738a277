"""The shared vectors of statements, notices and evidence through js/core: the same values and the same error names."""

from __future__ import annotations

from typing import Any

import pytest

from registry.core import errors
from registry.core.crypto.keccak import keccak256
from registry.core.evidence.file import canonical_evidence
from registry.core.scalars import to_hex, unhex
from tests.support.nodejs import b64, js_core
from tests.support.vectors import FOLDERS, Case, filled, read_cases

# Those of keys, uses and sealed files are other files' work.
OTHERS = {"accounts", "uses", "vault"}


def _raw(text: str) -> str:
    return b64(text.encode())


def _digest(case: Case) -> None:
    found = js_core().ask("statement", case["typedData"])
    names = ("typedData", "typeHash", "domainSeparator", "structHash", "digest")
    assert found == (case["error"] if case["error"] != "Valid" else {name: case[name] for name in names})


def _signature(case: Case) -> None:
    assert js_core().ask("signature", case["digest"], case["signature"]) == case["address"]


def _commitment(case: Case) -> None:
    found = js_core().ask("commitment", case["digest"], case["signature"])
    assert found == {name: case[name] for name in ("signatureHash", "commitment", "leaf")}


def _merkle(case: Case) -> None:
    commitments = [to_hex(keccak256(unhex(digest) + unhex(signature))) for digest, signature in case["values"]]
    found = js_core().ask("tree", commitments, [one["index"] for one in case["proofs"]])
    assert (found["root"], found["manifestDigest"]) == (case["root"], case["manifestDigest"])
    assert found["proofs"] == [one["proof"] for one in case["proofs"]]
    assert set(found["roots"]) == {case["root"]}


def _lock(case: Case) -> None:
    found = js_core().ask("lock", case["seed"], case["salt"], case["subject"])
    names = ("secret", "lock", "saltHash", "tag", "handle")
    assert found == {name: case[name] for name in names} | {"same": case["handle"]}


def _notice(case: Case) -> None:
    raw = _raw(filled(case, "notice"))
    if "primaryType" in case:
        found = js_core().ask("render", raw, case["language"], case["message"])
        assert found == (case["statement"] if case["error"] == "Valid" else case["error"])
        return
    valid = {name: case.get(name) for name in ("digest", "languages")}
    assert js_core().ask("notice", raw) == (valid if case["error"] == "Valid" else case["error"])


def _evidence(case: Case) -> None:
    text = filled(case, "evidence")
    _check_judged(case, js_core().answer("judged", *_as_asked(case, text)))
    _check_written(case, text)
    _check_restored(case, text)


def _as_asked(case: Case, text: str) -> tuple[Any, ...]:
    return text, case["facts"], case["policy"], case["now"], case.get("grant")


def _check_judged(case: Case, answer: dict[str, Any]) -> None:
    if case["error"] != "Valid":
        assert answer["error"] == case["error"]
        assert answer["advice"] and answer["message"]
        return
    found = answer["ok"]
    assert found["digest"] == case["digest"]
    is_grant = "handle" in case and '"primaryType":"Mandate"},"type"' not in case["evidence"]
    assert (found["isGrant"], found["handle"]) == (is_grant, case.get("handle"))
    assert found["acceptance"].split(":")[0] == case.get("reported", "none")


def _check_written(case: Case, text: str) -> None:
    found = js_core().ask("evidence", _raw(text))
    assert found == "Malformed" if case["error"] == "Malformed" else found["written"] == _raw(text)


def _check_restored(case: Case, text: str) -> None:
    found = js_core().ask("canonicalEvidence", _raw(text))
    if case["error"] != "Malformed" or case.get("restores"):
        assert found == b64(canonical_evidence(text.encode()))
    else:
        assert found == "Malformed"


CHECKS = {
    "digests": _digest,
    "signatures": _signature,
    "commitments": _commitment,
    "merkle": _merkle,
    "locks": _lock,
    "notices": _notice,
    "evidence": _evidence,
}
CASES = {folder: read_cases(folder) for folder in CHECKS}


def test_every_folder_of_these_formats_is_read() -> None:
    assert set(CHECKS) | OTHERS == set(FOLDERS)
    assert sum(map(len, CASES.values())) >= 790


@pytest.mark.parametrize(
    ("folder", "name"), [(folder, name) for folder, cases in CASES.items() for name in cases], ids="-".join
)
def test_vector(folder: str, name: str) -> None:
    CHECKS[folder](CASES[folder][name])


def test_an_error_gives_the_same_advice_in_both_languages() -> None:
    """But for the names of commands, which a page has not."""
    cases = [(one, filled(one, "evidence")) for one in CASES["evidence"].values()]
    answers = [js_core().answer("judged", *_as_asked(*case)) for case in cases]
    given = {answer["error"]: answer["advice"] for answer in answers if "error" in answer}
    same = {name: advice for name in given if "`" not in (advice := getattr(errors, name).advice)}
    assert len(same) >= 14
    # Some cases have advice of their own; those of an expired or withdrawn request come last.
    differing = {name for name, advice in same.items() if given[name] != advice}
    assert differing <= {"Expired", "Revoked", "BadSignature"}
