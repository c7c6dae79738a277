"""The shared vectors of accounts, locks, blocks and vaults through js/core: the same values and error names."""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode, b64encode
from collections import Counter
from typing import Any

import pytest

from registry.core.age.recipients import recipient_of
from registry.core.age.stream import seal_bytes
from tests.core.age.test_sealing_vectors import NAMES, read
from tests.support.nodejs import js_vault
from tests.support.paths import VECTORS
from tests.support.sealed_builders import framed, identity
from tests.support.vectors import Case, filled, read_cases

VAULT = read_cases("vault")
CIDS = json.loads((VECTORS / "cids" / "files.json").read_text())["cases"]
KEY_MEMBERS = ("owner", "ownerRecipient", "vaultKey", "relationshipKey", "mailbox", "search", "homes", "shreddedMark")
checked = Counter[str]()


def b64(data: bytes) -> str:
    return b64encode(data).decode()


def cases_of(kind: str) -> pytest.MarkDecorator:
    """One test for each case of the kind, named after its file."""
    found = {name: case for name, case in VAULT.items() if case["kind"] == kind}
    assert found
    return pytest.mark.parametrize("case", found.values(), ids=found.keys())


@pytest.mark.parametrize("name", read_cases("accounts"))
def test_js_account(name: str) -> None:
    case = read_cases("accounts")[name]
    scope = case["salt"] if "salt" in case else case["controller"]
    found = js_vault().ask("account", case["seed"], scope, case["generation"])
    assert found == {"number": case["number"], "address": case["address"]}
    checked["accounts"] += 1


@pytest.mark.parametrize("name", read_cases("locks"))
def test_js_secret_of_a_lock(name: str) -> None:
    case = read_cases("locks")[name]
    assert js_vault().ask("secret", case["seed"], case["salt"]) == case["secret"]
    checked["locks"] += 1


@pytest.mark.parametrize("case", CIDS, ids=lambda case: case["description"])
def test_js_content_identifier(case: dict[str, Any]) -> None:
    found = js_vault().ask("cidOfGenerated", case["size"])
    assert found == {name: case[name] for name in ("cid", "blocks", "stored")}
    checked["cids"] += 1


@cases_of("keys")
def test_js_keys(case: Case) -> None:
    found = js_vault().ask("keys", case)
    assert found == {name: case[name] for name in (*KEY_MEMBERS, "idInBundle", "accounts")}
    checked["vault"] += 1


@cases_of("frame")
def test_js_frame(case: Case) -> None:
    found = js_vault().ask("frame", b64(bytes.fromhex(filled(case, "frame"))), case["limit"])
    assert found == (case["plain"] if case["error"] == "Valid" else case["error"])
    checked["vault"] += 1


@cases_of("record")
def test_js_record(case: Case) -> None:
    found = js_vault().ask("line", b64(filled(case, "line").encode()))
    if case["error"] != "Valid":
        assert found == case["error"]
    elif case.get("written", "") is not None:
        assert found == case.get("written", filled(case, "line"))
    else:  # several spellings of numbers are right
        assert json.loads(found) == json.loads(case["line"])
    checked["vault"] += 1


@cases_of("document")
def test_js_document(case: Case) -> None:
    sealed = seal_bytes(framed(case["document"].encode()), [recipient_of(identity("stream"))])
    found = js_vault().ask("document", case["type"], b64(sealed), identity("stream"), case)
    assert found == (case["document"] if case["error"] == "Valid" else case["error"])
    checked["vault"] += 1


@cases_of("mail")
def test_js_mail(case: Case) -> None:
    opener, grant = case.get("identity", identity("stream")), case["grant"]
    sealed = [b64(seal_bytes(framed(case["document"].encode()), [recipient_of(opener)]))]
    for one in [*sealed, *([case["sealed"]] if "sealed" in case else [])]:
        found = js_vault().ask("openMail", one, opener, case["domain"], grant["digest"], grant["controller"])
        if case["error"] != "Valid":
            assert found == case["error"]
            continue
        assert found["mail"] == case["document"]
        assert (found["digest"], found["signer"]) == (case["digest"], case["signer"])
        assert found["isSignedByKey"] == (case["signer"] == grant["controller"])
        assert found["content"] == json.loads(case["document"])["content"]
    checked["vault"] += 1


@cases_of("vault")
def test_js_whole_vault(case: Case) -> None:
    found = js_vault().ask("wholeVault", case["seed"], case["index"], case["blocks"])
    assert found["book"] == case["book"]
    assert found["records"] == [case["records"]]
    checked["vault"] += 1


@cases_of("capsule")
def test_js_whole_capsule(case: Case) -> None:
    found = js_vault().ask("wholeCapsule", case)
    assert json.loads(found["capsule"])["streams"] == json.loads(found["update"])["streams"]
    assert found["records"] == [case["records"]]
    checked["vault"] += 1


@pytest.mark.parametrize("name", NAMES)
def test_js_official_age_vector(name: str) -> None:
    vector = read(name)
    keys = [one if isinstance(one, str) else {"passphrase": one.text} for one in vector.identities]
    for call in ("open", "openStream"):
        found = js_vault().ask(call, b64(vector.sealed), keys)
        if vector.expect == "success":
            assert hashlib.sha256(b64decode(found)).hexdigest() == vector.payload
        else:
            assert (found in {"NotARecipient", "WrongPassphrase"}) == (vector.expect == "no match"), found
            assert found in {"NotARecipient", "WrongPassphrase", "DamagedSeal"}
    checked["age"] += 1


def test_js_every_case_was_run() -> None:
    """Nothing is left out: this file counts what the tests above checked when they ran in this process."""
    whole = {name: len(read_cases(name)) for name in ("accounts", "locks", "vault")}
    whole |= {"cids": len(CIDS), "age": len(NAMES)}
    assert {case["kind"] for case in VAULT.values()} == {
        "keys",
        "frame",
        "record",
        "document",
        "vault",
        "capsule",
        "mail",
    }
    assert sum(whole.values()) > 350
    if set(checked) == set(whole):  # else some were not asked for, or another process ran them
        assert dict(checked) == whole
