"""Bad input on the command line: the right name, one sentence of advice, the right code, nothing left behind."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from registry.cli.main import run
from registry.core.codec import MAX_NESTING
from registry.core.evidence.file import MAX_EVIDENCE
from registry.core.notices.document import MAX_NOTICE
from tests.support.consent_world import ERROR, Consent, files_in

pytestmark = pytest.mark.slow

Spoil = Callable[[bytes], bytes]


def changed(**members: Any) -> Spoil:
    def spoil(raw: bytes) -> bytes:
        document = json.loads(raw) | members
        return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

    return spoil


def padded(raw: bytes) -> bytes:
    return raw[:-1] + b" " * (max(MAX_EVIDENCE, MAX_NOTICE) + 1) + raw[-1:]


SPOILT: dict[str, Spoil] = {
    "empty": lambda raw: b"",
    "truncated": lambda raw: raw[: len(raw) // 2],
    "one byte short": lambda raw: raw[:-1],
    "one byte more": lambda raw: raw + b"\n",
    "oversized": padded,
    "binary": lambda raw: bytes(range(256)) * 8,
    "zeros": lambda raw: bytes(4096),
    "not valid UTF-8": lambda raw: raw.replace(b"Maison", b"Mais\xff\xfe", 1),
    "a byte order mark": lambda raw: b"\xef\xbb\xbf" + raw,
    "UTF-16": lambda raw: raw.decode().encode("utf-16"),
    "a duplicate member": lambda raw: raw[:-1] + b"," + raw[1:],
    "deeply nested": lambda raw: b"[" * (100 * MAX_NESTING) + b"]" * (100 * MAX_NESTING),
    "an array": lambda raw: b"[" + raw + b"]",
    "null": lambda raw: b"null",
    "a number": lambda raw: b"1e400",
    "an unknown member": changed(surplus=1),
}
RELAID: dict[str, Spoil] = {
    "indented": lambda raw: json.dumps(json.loads(raw), indent=2).encode(),
    "unsorted": lambda raw: json.dumps(dict(reversed(json.loads(raw).items())), separators=(",", ":")).encode(),
    "escaped": lambda raw: raw.replace(b"Maison", b"M\\u0061ison"),
}
OTHER_VERSIONS = {"another version": changed(version=2), "another type": changed(type="ConsentReceipt")}
EVIDENCE = SPOILT | OTHER_VERSIONS
NOTICES = SPOILT | {"another schema": changed(schema="consent-notice/2"), "no texts": changed(text={})}
# A brand's draft may be in any layout; what stands in it is checked all the same.
DRAFTS = {name: spoil for name, spoil in NOTICES.items() if name not in ("one byte more", "a byte order mark")}

READERS = {
    "verify": ["verify", "BAD"],
    "verify --grant": ["verify", "GRANT", "--grant", "BAD"],
    "evidence show": ["evidence", "show", "BAD"],
    "accept": ["accept", "BAD"],
    "open": ["open", "BAD", "--out", "OUT"],
    "revoke": ["revoke", "BAD"],
    "grant": ["grant", "BAD", "--yes"],
    "grant --supersedes": ["grant", "REQUEST", "--supersedes", "BAD", "--yes"],
    "refuse": ["refuse", "BAD", "--yes"],
}
NOTICE_READERS = {
    "notice check": ["notice", "check", "BAD"],
    "notice show": ["notice", "show", "BAD"],
    "notice publish": ["notice", "publish", "BAD"],
    "request": ["request", "--notice", "BAD", "--out", "OUT"],
}
DAMAGED = [b"", b"{}", b"[" * 15_000, b"\xff" * 100, b"{" + b" " * 20_000 + b"}"]
CANONICAL = ["evidence", "canonical", "BAD", "--out", "OUT"]
DRAFTING = ["notice", "new", "BAD", "--out", "OUT"]
RESTORE = ["restore", "BAD", "--home", "OUT"]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bad") / "world"
    assert run(["demo", "--until", "granted", "--dir", str(folder), "--json"]) == 0
    return folder


@pytest.fixture
def world(story: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Consent]:
    """Shared by all tests here: that none of them changes it is what they test."""
    for name in [name for name in os.environ if name.startswith("CONSENT_")]:
        monkeypatch.delenv(name)
    before = files_in(story)
    capsys.readouterr()
    yield Consent(story, capsys, monkeypatch)
    assert files_in(story) == before


def refused(world: Consent, line: list[str], bad: Path, code: int, name: str) -> str:
    """Say it in words and in JSON; the message."""
    places = {"BAD": bad, "OUT": bad.parent / "out", "GRANT": world.grant, "REQUEST": world.folder / "request.json"}
    words = [places.get(word, word) for word in line]
    before = set(bad.parent.rglob("*"))
    who = "aurelle" if line[0] == "notice" else "alice"
    answer = world(*words, who=who)
    said, advice, *more = answer.err.splitlines()
    assert (answer.code, answer.out, more) == (code, "", [])
    assert said.startswith(f"{name}: ") and advice.endswith(".") and len(advice) > 10
    document = world(*words, "--json", who=who).document
    assert (document["error"], document["exit"]) == (name, code) and document["advice"] == advice
    assert set(document) - {"verified"} == ERROR and f"{name}: {document['message']}" == said
    assert len(said) < 1000 and "\x1b" not in said
    assert set(bad.parent.rglob("*")) == before
    return str(document["message"])


def parameters(spoilt: dict[str, Spoil]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("spoil", spoilt.values(), ids=spoilt.keys())


@pytest.mark.parametrize("line", READERS.values(), ids=READERS.keys())
@parameters(EVIDENCE | RELAID)
def test_bad_evidence(world: Consent, tmp_path: Path, line: list[str], spoil: Spoil) -> None:
    bad = tmp_path / "bad.json"
    original = world.folder / "request.json" if line[0] in ("grant", "refuse") and line[1] == "BAD" else world.grant
    bad.write_bytes(spoil(original.read_bytes()))
    refused(world, line, bad, 1, "Malformed")


@parameters(EVIDENCE)
def test_what_canonical_cannot_put_right(world: Consent, tmp_path: Path, spoil: Spoil) -> None:
    bad = tmp_path / "bad.json"
    raw = spoil(world.grant.read_bytes())
    if world.grant.read_bytes() in raw:
        return  # white space at the end, or a byte order mark: that it does put right
    bad.write_bytes(raw)
    refused(world, CANONICAL, bad, 1, "Malformed")


@pytest.mark.parametrize("line", NOTICE_READERS.values(), ids=NOTICE_READERS.keys())
@parameters(NOTICES | RELAID)
def test_bad_notices(world: Consent, tmp_path: Path, line: list[str], spoil: Spoil) -> None:
    bad = tmp_path / "bad.json"
    bad.write_bytes(spoil((world.folder / "notice.json").read_bytes()))
    refused(world, line, bad, 1, "Malformed")


@parameters(DRAFTS)
def test_bad_drafts(world: Consent, tmp_path: Path, spoil: Spoil) -> None:
    bad = tmp_path / "bad.json"
    bad.write_bytes(spoil((world.folder / "notice.json").read_bytes()))
    refused(world, DRAFTING, bad, 1, "Malformed")


@pytest.mark.parametrize(
    "line", [*READERS.values(), *NOTICE_READERS.values(), CANONICAL, DRAFTING, RESTORE], ids=" ".join
)
def test_a_path_that_cannot_be_read(world: Consent, tmp_path: Path, line: list[str]) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for bad in (tmp_path / "missing.json", folder, tmp_path / ("long" * 100), folder / "a" / "b"):
        assert str(bad) in refused(world, line, bad, 2, "InvalidInput")


@pytest.mark.parametrize("reference", ["0x1234567", "0x" + "0" * 64])
@pytest.mark.parametrize("line", [r for r in READERS.values() if r[0] not in ("grant", "refuse")], ids=" ".join)
def test_a_digest_that_is_not_kept_here(world: Consent, line: list[str], reference: str) -> None:
    words = [{"BAD": reference, "GRANT": world.grant, "OUT": "out"}.get(word, word) for word in line]
    answer = world(*words)
    assert answer.code == 2 and answer.out == "" and "consent status" in answer.err


@pytest.mark.parametrize(
    "content", [b"", b"age-encryption.org/v1\n", b"\x00" * 5000, b"-----BEGIN AGE ENCRYPTED FILE-----\n"]
)
def test_what_is_no_backup(world: Consent, tmp_path: Path, content: bytes) -> None:
    bad = tmp_path / "bad.age"
    bad.write_bytes(content)
    answer = world("restore", bad, "--home", tmp_path / "out", phrase="whatever")
    assert answer.code == 1 and answer.out == "" and answer.err.startswith("DamagedSeal: ")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.age"]


@pytest.mark.parametrize(
    "line",
    [
        ["init", "--home", "NO/x", "--passphrase-fd", "FD"],
        ["keys", "new", "shop", "--home", "NO/x", "--passphrase-fd", "FD"],
        ["vault", "list", "--network", "NO"],
        ["vault", "list", "--network", "NO/x"],
        ["verify", "GRANT", "--network", "NO/x"],
        ["open", "GRANT", "--out", "NO/x"],
        ["evidence", "canonical", "GRANT", "--out", "NO/x"],
        ["notice", "new", "NOTICE", "--out", "NO/x"],
        ["backup", "NO/x", "--passphrase-fd", "FD"],
        ["demo", "--dir", "NO/x"],
        ["demo", "--dir", "NO"],
    ],
    ids=" ".join,
)
def test_a_path_that_cannot_be_written(world: Consent, tmp_path: Path, line: list[str]) -> None:
    no = tmp_path / "file"
    no.write_bytes(b"not a folder")
    places = {"GRANT": str(world.grant), "NOTICE": str(world.folder / "notice.json")}
    words = [places.get(word, word).replace("NO", str(no)) for word in line]
    phrase = "open sesame" if "FD" in words else None
    if phrase:
        words = words[: words.index("--passphrase-fd")]
    answer = world(*words, who="aurelle" if line[0] in ("open", "notice") else "alice", phrase=phrase)
    assert answer.code == 2 and answer.out == "" and (str(no) in answer.err or line[0] == "keys")
    said, advice = answer.err.splitlines()
    assert said.startswith("InvalidInput: ") and advice.endswith(".")
    assert no.read_bytes() == b"not a folder" and list(tmp_path.iterdir()) == [no]


@pytest.mark.parametrize("file", ["seed.json", "keys/main.json", "vault/index"])
@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[" * 15_000, b"\xff" * 100, b"{" + b" " * 20_000 + b"}"], ids=range(5)
)
def test_a_damaged_home(
    story: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    file: str,
    content: bytes,
) -> None:
    shutil.copytree(story, tmp_path / "world")
    mine = Consent(tmp_path / "world", capsys, monkeypatch)
    who, line = (
        ("aurelle", ("accept", mine.grant))
        if "keys" in file
        else ("alice", ("grant", mine.folder / "request.json", "--yes"))
    )
    kept = list((mine.folder / who).glob("evidence/*"))
    (mine.folder / who / file).write_bytes(content)
    capsys.readouterr()
    answer = mine(*line, who=who)
    said, advice = answer.err.splitlines()[-2:]
    assert answer.code == 2 and answer.out == "" and said.startswith("InvalidInput: ") and advice.endswith(".")
    assert list((mine.folder / who).glob("evidence/*")) == kept
