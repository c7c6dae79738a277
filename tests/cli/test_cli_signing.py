"""``sign`` and ``signer``: the same signatures as a key file's and as cast's, over the same files."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from registry.core.eip712 import domain_of
from registry.core.evidence.file import parse_evidence, with_acceptance, write_evidence
from registry.core.scalars import to_hex
from registry.core.statements.messages import Retire, Revoke, RevokeAll
from registry.core.statements.typed_data import typed_data
from registry.wallets import keyfiles, keystore
from tests.support.builders import (
    CHAIN_ID,
    CONTROLLER,
    DOMAIN,
    REGISTRY,
    SUBJECT,
    acceptance_message,
    account,
    evidence_of,
    grant_message,
    refusal_message,
    request_message,
    sign,
    word,
)
from tests.support.consent_world import Consent
from tests.support.tools import tool

GRANT = evidence_of(grant_message())
MESSAGES = [
    request_message(),
    grant_message(),
    refusal_message(),
    acceptance_message(GRANT),
    Revoke(SUBJECT, word(4)),
    RevokeAll(SUBJECT, 1_790_000_000),
    Retire(SUBJECT),
]
KINDS = [type(message).__name__ for message in MESSAGES]


def name_of(message: Any) -> str:
    return "aurelle" if getattr(message, "subject", CONTROLLER) == CONTROLLER else "alice"


def written(folder: Path, message: Any, **changes: Any) -> Path:
    file = folder / "statement.json"
    file.write_text(json.dumps(typed_data(DOMAIN, message) | changes))
    return file


@pytest.fixture
def consent(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Consent:
    """A home with the builders' two accounts; no network is there, and none is made."""
    for name in ("alice", "aurelle"):
        keyfiles.import_key(tmp_path / "alice" / "keys", name, bytes(account(name).key), "", cost=keystore.LIGHT)
    return Consent(tmp_path, capsys, monkeypatch)


@pytest.mark.parametrize("message", MESSAGES, ids=KINDS)
def test_every_kind_is_signed_as_its_own_key_signs_it(consent: Consent, tmp_path: Path, message: Any) -> None:
    file, name = written(tmp_path, message), name_of(message)
    signature = to_hex(sign(message, account(name)))
    answer = consent("sign", file, "--key", name, typed="y\n")
    assert (answer.code, answer.out) == (0, signature + "\n")
    assert type(message).__name__ in answer.err and REGISTRY in answer.err and f"chain {CHAIN_ID}" in answer.err
    said = consent.json("sign", file, "--key", name, "--yes")
    assert said["signature"] == signature and said["signer"] == account(name).address
    asked = consent.json("signer", file, "--signature", signature)
    assert asked["isAuthor"] is True and asked["signer"] == said["signer"] and asked["digest"] == said["digest"]
    assert not (tmp_path / "network").exists()


def test_it_is_shown_in_words_before_it_is_signed(consent: Consent, tmp_path: Path) -> None:
    message = grant_message()
    answer = consent("sign", written(tmp_path, message), "--key", "alice", typed="n\n")
    assert answer.code == 1 and answer.out == "" and "Rejected: you said no" in answer.err
    for words in (
        message.statement,
        "Personalisation [dpv:Personalisation]",
        "[pd:Purchase]",
        "2026-10-21 14:13:20 UTC",
    ):
        assert words in answer.err
    assert "supersedes" in answer.err and "0x" + "00" * 32 not in answer.err
    assert "nothing here checks that the sentence fits it" in answer.err


@pytest.mark.parametrize(
    ("message", "warning"),
    [(MESSAGES[4], "that one grant"), (MESSAGES[5], "everything issued until then"), (MESSAGES[6], "no way back")],
)
def test_what_cannot_be_undone_says_so(consent: Consent, tmp_path: Path, message: Any, warning: str) -> None:
    assert warning in consent("sign", written(tmp_path, message), "--key", "alice", typed="n\n").err


def test_somebody_elses_statement_says_so(consent: Consent, tmp_path: Path) -> None:
    file = written(tmp_path, Retire(SUBJECT))
    answer = consent("sign", file, "--key", "aurelle", "--yes")
    assert answer.code == 0 and "only if that is a contract of yours" in answer.err
    who = consent("signer", file, "--signature", answer.out.strip())
    assert (who.code, who.out) == (3, f"Signed by {CONTROLLER}; the Retire is of {SUBJECT}.\n")
    assert "only the chain can tell" in who.err


@pytest.mark.parametrize(
    "message",
    [
        grant_message(purposes=("dpv:Nonsense",), statement="x"),
        grant_message(data=("pd:Nonsense",), statement="x"),
        grant_message(terms="ieee-7012:NONSENSE", statement="x"),
        grant_message(issued_at=4_000_000_000, not_before=4_000_000_000, expires_at=4_000_086_400, statement="x"),
        RevokeAll(SUBJECT, 4_000_000_000),
    ],
    ids=["purpose", "data", "terms", "dated-ahead", "until-ahead"],
)
def test_what_no_wallet_of_ours_signs(consent: Consent, tmp_path: Path, message: Any) -> None:
    answer = consent("sign", written(tmp_path, message), "--key", "alice", "--yes")
    assert answer.code == 2 and answer.out == ""


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"a":1,"a":1}',
        "[" * 5000,
        json.dumps(typed_data(DOMAIN, Retire(SUBJECT)) | {"primaryType": "Permit"}),
        json.dumps(typed_data(domain_of(1, REGISTRY), Retire(SUBJECT))).replace("ConsentRegistry", "Other"),
        write_evidence(GRANT).decode(),
    ],
    ids=["empty", "array", "twice", "deep", "other-type", "other-domain", "evidence"],
)
def test_what_is_no_statement_is_not_signed(consent: Consent, tmp_path: Path, content: str) -> None:
    file = tmp_path / "statement.json"
    file.write_text(content)
    for line in (["sign", file, "--key", "alice", "--yes"], ["signer", file, "--signature", "0x"]):
        answer = consent(*line)
        assert answer.code == 2 and answer.out == "" and "Traceback" not in answer.err


def test_files_and_accounts_that_are_not_there(consent: Consent, tmp_path: Path) -> None:
    assert consent("sign", tmp_path / "none.json", "--key", "alice", "--yes").code == 2
    answer = consent("sign", written(tmp_path, Retire(SUBJECT)), "--key", "nobody", "--yes")
    assert answer.code == 2 and "no key" in answer.err


@pytest.mark.parametrize("evidence", [GRANT, with_acceptance(GRANT, evidence_of(acceptance_message(GRANT)))])
def test_evidence_says_who_signed_it(consent: Consent, tmp_path: Path, evidence: Any) -> None:
    file = tmp_path / "grant.json"
    file.write_bytes(write_evidence(evidence))
    answer = consent("signer", file)
    assert answer.code == 0 and answer.out == f"Signed by {SUBJECT}, its author.\n"
    assert consent("signer", file, "--signature", "0x00").code == 2


def test_kept_evidence_is_found_at_its_digest(granted: Consent) -> None:
    said = granted.json("signer", granted.grant.stem[:12])
    evidence = parse_evidence(granted.grant.read_bytes())
    assert said == {
        "signer": evidence.author,
        "author": evidence.author,
        "isAuthor": True,
        "digest": granted.grant.stem,
        "kind": "Grant",
        "signature": evidence.signature,
    }


@pytest.mark.parametrize("signature", ["0x" + "11" * 64, "0x" + "ff" * 65, "0x" + "11" * 200, "11" * 65])
def test_a_contracts_signature_is_for_the_chain(consent: Consent, tmp_path: Path, signature: str) -> None:
    answer = consent("signer", written(tmp_path, Retire(SUBJECT)), "--signature", signature)
    assert answer.code == 3 and answer.out == "" and "only the chain" in answer.err


@pytest.mark.parametrize("signature", [None, "", "0x", "0x1", "0x" + "zz" * 65, "0x" + "11" * 8193])
def test_what_is_no_signature(consent: Consent, tmp_path: Path, signature: str | None) -> None:
    options = [] if signature is None else ["--signature", signature]
    assert consent("signer", written(tmp_path, Retire(SUBJECT)), *options).code == 2


@pytest.mark.slow
@pytest.mark.parametrize("message", MESSAGES, ids=KINDS)
def test_cast_signs_the_same_and_accepts_ours(consent: Consent, tmp_path: Path, message: Any) -> None:
    file, name = written(tmp_path, message), name_of(message)
    ours = consent("sign", file, "--key", name, "--yes").out.strip()
    data = ["--data", "--from-file", str(file)]
    assert cast("sign", "--private-key", to_hex(bytes(account(name).key)), *data) == ours
    assert "Validation succeeded" in cast("verify", "--address", account(name).address, *data, ours)


def cast(*arguments: str) -> str:
    ran = subprocess.run([tool("cast"), "wallet", *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()
