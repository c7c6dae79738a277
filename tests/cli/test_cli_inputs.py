"""Input as editors, shells and other wallets give it: pipes, byte order marks, odd names and signatures."""

from __future__ import annotations

import json
import os
import shutil
from codecs import BOM_UTF8
from pathlib import Path

import pytest
from eth_account import Account

from registry.config.configuration import read_credentials
from registry.config.network_file import read_settings, read_toml
from registry.core.errors import Malformed
from registry.core.evidence.file import parse_evidence
from registry.core.statements.typed_data import digest, parse_typed_data
from registry.ledger.base import parse_deployment
from tests.support.consent_world import DATUM, Consent
from tests.support.pipes import piped

INPUTS = Path(__file__).resolve().parents[1] / "data" / "inputs"
STATEMENT = INPUTS / "signer-statement.json"
PHRASE = "correct horse battery staple"
BYTES = os.fsdecode(b"caf\xe9.csv")  # Latin-1, as an old archive has it


# The words of a command in which FILE is a pipe, who runs it, and the file that goes through it.
PIPED = {
    "verify": (["verify", "FILE"], "alice", "grant"),
    "verify --grant": (["verify", "GRANT", "--grant", "FILE"], "alice", "grant"),
    "evidence show": (["evidence", "show", "FILE"], "alice", "grant"),
    "evidence canonical": (["evidence", "canonical", "FILE"], "alice", "grant"),
    "signer": (["signer", "FILE"], "alice", "grant"),
    "accept": (["accept", "FILE"], "aurelle", "grant"),
    "open": (["open", "FILE", "--out", "OUT"], "aurelle", "grant"),
    "revoke": (["revoke", "FILE"], "alice", "grant"),
    "grant": (["grant", "FILE", "--again", "--yes"], "alice", "request.json"),
    "grant --supersedes": (["grant", "REQUEST", "--supersedes", "FILE", "--yes"], "alice", "grant"),
    "refuse": (["refuse", "FILE", "--yes"], "alice", "request.json"),
    "notice new": (["notice", "new", "FILE", "--out", "OUT"], "aurelle", "notice.json"),
    "notice check": (["notice", "check", "FILE"], "aurelle", "notice.json"),
    "notice show": (["notice", "show", "FILE"], "aurelle", "notice.json"),
    "notice publish": (["notice", "publish", "FILE"], "aurelle", "notice.json"),
    "request": (["request", "--notice", "FILE", "--out", "OUT"], "aurelle", "notice.json"),
    "vault add": (["vault", "add", "FILE", "--category", DATUM], "alice", "purchases.csv"),
}


@pytest.mark.parametrize("name", PIPED)
def test_a_file_may_be_a_pipe(granted: Consent, tmp_path: Path, name: str) -> None:
    """`vault add` and `restore` could not read a pipe (item 23). The other commands are here to stay so."""
    words, who, source = PIPED[name]
    content = (granted.grant if source == "grant" else granted.folder / source).read_bytes()
    with piped(content) as pipe:
        places = {"FILE": pipe, "OUT": tmp_path / "out", "GRANT": granted.grant}
        places["REQUEST"] = granted.folder / "request.json"
        answer = granted(*(places.get(word, word) for word in words), who=who)
    assert answer.code == 0, answer.err


def test_a_record_from_a_pipe_is_whole(granted: Consent, tmp_path: Path) -> None:
    """A record's size came from the file's length, which a pipe does not have (item 23)."""
    body = bytes(range(256)) * 6000
    with piped(body) as pipe:
        added = granted.json("vault", "add", pipe, "--category", DATUM)
    assert added["file"]["bytes"] == len(body)
    granted.json("vault", "get", added["id"], "--out", tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == body


def test_settings_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    """Windows editors write EF BB BF first, and config.toml and network.toml were refused (item 23)."""
    for name in ("config.toml", "network.toml"):
        shutil.copy(INPUTS / "config-with-byte-order-mark.toml", tmp_path / name)
    assert (tmp_path / "config.toml").read_bytes().startswith(BOM_UTF8)
    assert read_toml(tmp_path / "config.toml") == read_settings(tmp_path) == {"max_facts_age": 300}
    secret = tmp_path / "credentials"
    secret.write_bytes(BOM_UTF8 + b"bearer abc\n")
    secret.chmod(0o600)
    assert read_credentials(secret) == {"bearer": "abc"}


def test_drafts_and_statements_may_too(granted: Consent, tmp_path: Path) -> None:
    """A draft, a statement and deployment.json are edited by people (item 23)."""
    file = tmp_path / "file.json"
    file.write_bytes(BOM_UTF8 + (granted.folder / "notice.json").read_bytes())
    granted.json("notice", "new", file, "--out", tmp_path / "notice.json", who="aurelle")
    assert (tmp_path / "notice.json").read_bytes() == (granted.folder / "notice.json").read_bytes()
    raw = (granted.folder / "network" / "deployment.json").read_bytes()
    assert parse_deployment(BOM_UTF8 + raw) == parse_deployment(raw)
    file.write_bytes(BOM_UTF8 + STATEMENT.read_bytes())
    assert granted("signer", file, "--signature", "11" * 65).code == 3


def test_evidence_may_not_but_can_be_put_right(granted: Consent, tmp_path: Path) -> None:
    """The bytes of evidence are fixed. The error did not tell what was wrong with them (item 23)."""
    file = tmp_path / "grant.json"
    file.write_bytes(BOM_UTF8 + granted.grant.read_bytes())
    with pytest.raises(Malformed, match="byte order mark"):
        parse_evidence(file.read_bytes())
    answer = granted("verify", file)
    assert answer.code == 1 and "byte order mark" in answer.err and "`consent evidence canonical`" in answer.err
    granted.json("evidence", "canonical", file, "--out", tmp_path / "right.json")
    assert (tmp_path / "right.json").read_bytes() == granted.grant.read_bytes()


@pytest.mark.parametrize("zero", ["0x", ""])
@pytest.mark.parametrize("less", [27, 0])
def test_a_signature_as_other_wallets_write_it(granted: Consent, zero: str, less: int, tmp_path: Path) -> None:
    """A v of 0 or 1 and a missing 0x were "no plain signature" (item 23). The printed one is as evidence has it."""
    domain, message = parse_typed_data(json.loads(STATEMENT.read_bytes()))
    for number in range(1, 9):
        account = Account.from_key(number.to_bytes(32, "big"))
        usual = bytes(account.unsafe_sign_hash(digest(domain, message)).signature)
        given = zero + (usual[:64] + bytes([usual[64] - less])).hex()
        answer = granted("signer", STATEMENT, "--signature", given, "--json")
        assert answer.code == 3 and answer.document["signer"] == account.address  # the statement names another author
        assert answer.document["signature"] == "0x" + usual.hex()


def test_names_that_are_not_utf_8(granted: Consent, tmp_path: Path) -> None:
    """A file whose name is not UTF-8 could not go into the vault: it ended as "unexpected" (item 22)."""
    file = tmp_path / BYTES
    file.write_bytes(b"bought")
    added = granted.json("vault", "add", file, "--category", DATUM)
    assert added["file"]["bytes"] == 6 and added["file"]["name"] == "caf_.csv"
    missing = granted("verify", tmp_path / os.fsdecode(b"\xff"))
    assert missing.code == 2 and "\\udcff cannot be read: No such file" in missing.err
    out = granted.json("evidence", "canonical", granted.grant, "--out", tmp_path / os.fsdecode(b"\xe9.json"))
    assert os.fsencode(out["file"]) == bytes(tmp_path) + b"/\xe9.json"
    assert granted("evidence", "show", granted.grant, "--html", tmp_path / os.fsdecode(b"\xe9.html")).code == 0
    assert granted("open", granted.grant, "--out", tmp_path / os.fsdecode(b"\xe9"), who="aurelle").code == 0


def test_a_home_and_a_network_of_such_a_name(tmp_path: Path, granted: Consent) -> None:
    """Folders may have such names as well (item 22)."""
    moved = tmp_path / os.fsdecode(b"world\xff")
    granted.folder.rename(moved)
    granted.folder = moved
    assert granted("vault", "list").code == granted("status").code == granted("revoke", granted.grant).code == 0
    granted.json("backup", moved / "b.age", phrase=PHRASE)
    assert granted("restore", moved / "b.age", "--home", moved / "again", phrase=PHRASE).code == 0
    assert granted("init", "--later", "--home", tmp_path / "apart", phrase=PHRASE).code == 0
    assert (
        granted("vault", "move").code == granted("vault", "move", "--from", moved / "network/blocks.sqlite").code == 0
    )
    assert json.loads(granted("doctor", "--json").out.splitlines()[0])


@pytest.mark.parametrize(
    ("size", "code"), [("10kB", 2), ("9KiB", 2), ("1MB", 0), ("1GiB", 0), ("3 bytes", 2), ("-1", 2)]
)
def test_opening_takes_a_limit(granted: Consent, tmp_path: Path, size: str, code: int) -> None:
    """`--max-size` bounds all that one grant may put on the disk; nothing stays of what is larger (item 14)."""
    answer = granted("open", granted.grant, "--out", tmp_path / "out", "--max-size", size, who="aurelle")
    assert answer.code == code
    assert (tmp_path / "out").exists() is (code == 0)
    if code and "B" in size:
        assert "holds more than" in answer.err and "--max-size" in answer.err
