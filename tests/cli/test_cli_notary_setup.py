"""The operator's commands that need no chain: making a notary, its passphrase, its sponsors."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from registry.cli.main import run
from registry.notary.folder import keys_folder, require_folder
from registry.notary.sponsors import sponsor_key_hash
from registry.notary.stores import open_stores
from registry.wallets import keyfiles
from tests.support.consent_world import Answer
from tests.support.pipes import piped

PHRASE = "correct horse battery staple"


class Operator:
    """``consent notary ...`` on one folder in this process."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder / "notary", capsys
        self.phrase = folder / "phrase"
        self.phrase.write_text(f"{PHRASE}\n")
        self.phrase.chmod(0o600)

    def __call__(self, *words: object) -> Answer:
        code = run(["notary", *map(str, words), "--dir", str(self.folder)])
        return Answer(code, *self._capsys.readouterr())

    def init(self, *more: object) -> Answer:
        return self("init", "--passphrase-file", self.phrase, "--json", *more)


@pytest.fixture
def operator(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Operator:
    monkeypatch.setenv("CONSENT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CONSENT_NETWORK", str(tmp_path / "network"))
    return Operator(tmp_path, capsys)


def test_init_makes_all_of_it_and_for_the_owner_alone(operator: Operator) -> None:
    made = operator.init("--database", "postgresql://consent@db.example/notary")
    assert made.code == 0 and made.document["madeAccount"] and made.document["madeSettings"]
    assert require_folder(operator.folder).database == "postgresql://consent@db.example/notary"
    opened = keyfiles.open_signer(keys_folder(operator.folder), "account", PHRASE)
    assert opened.address == made.document["account"]
    files = [path for path in operator.folder.rglob("*") if path.is_file()]
    kept = [path for path in files if path.parent.name == "token_keys"]
    assert kept and len(files) == 2 + len(kept)
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert stat.S_IMODE(operator.folder.stat().st_mode) == 0o700


def test_the_accounts_passphrase_can_be_changed(operator: Operator, capsys: pytest.CaptureFixture[str]) -> None:
    account = operator.init().document["account"]
    with piped(PHRASE.encode()) as old, piped(b"sesame lantern orbit") as new:
        descriptors = [
            "--passphrase-fd",
            old.name.rpartition("/")[2],
            "--new-passphrase-fd",
            new.name.rpartition("/")[2],
        ]
        assert run(["keys", "passphrase", "account", "--home", str(operator.folder), *descriptors]) == 0
    assert capsys.readouterr().out == "New passphrase: account.\n"
    opened = keyfiles.open_signer(keys_folder(operator.folder), "account", "sesame lantern orbit")
    assert opened.address == account


def test_init_overwrites_nothing_and_completes_what_is_missing(operator: Operator) -> None:
    first = operator.init().document
    before = {path: path.read_bytes() for path in operator.folder.rglob("*") if path.is_file()}
    again = operator.init()
    assert again.code == 0 and again.document == first | {"madeAccount": False, "madeSettings": False}
    assert {path: path.read_bytes() for path in operator.folder.rglob("*") if path.is_file()} == before
    (operator.folder / "keys" / "account.json").unlink()
    assert operator.init().document["account"] != first["account"]
    assert (operator.folder / "notary.toml").read_bytes() == before[operator.folder / "notary.toml"]


@pytest.mark.parametrize("mode", [0o604, 0o640 | 0o020, 0o666])
def test_a_passphrase_that_others_may_read_is_refused(operator: Operator, mode: int) -> None:
    operator.phrase.chmod(mode)
    refused = operator.init()
    assert refused.code == 2 and "other users may read the passphrase" in refused.err and PHRASE not in refused.err


def test_a_credential_of_systemd_is_taken_from_the_environment(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator.phrase.chmod(0o440)  # as an access list shows
    monkeypatch.setenv("CONSENT_PASSPHRASE_FILE", str(operator.phrase))
    assert operator("init").code == 0
    keyfiles.open_signer(keys_folder(operator.folder), "account", PHRASE)


def test_a_passphrase_that_is_missing_or_weak(operator: Operator, tmp_path: Path) -> None:
    missing = operator("init", "--passphrase-file", tmp_path / "none")
    assert missing.code == 2 and "cannot be read" in missing.err
    operator.phrase.write_text("password1\n")
    assert "guessable" in operator.init().err and operator.init("--guessable").code == 0


def test_without_a_folder_a_node_or_a_key_each_command_says_so(operator: Operator) -> None:
    for name in ("serve", "status", "flush", "rebuild"):
        assert "there is no notary" in operator(name).err
    operator.init()
    for name in ("serve", "status", "flush", "rebuild"):
        refused = operator(name)
        assert refused.code == 2 and "a notary needs a node" in refused.err
    assert not list(operator.folder.glob("*.sqlite"))
    assert operator("serve", "--only", "both").code == 2


def test_sponsors(operator: Operator, tmp_path: Path) -> None:
    operator.init()
    assert operator("sponsors", "list", "--json").document == {"sponsors": []}
    assert not list(operator.folder.glob("*.sqlite"))  # reading never creates
    added = operator("sponsors", "add", "aurelle", "--budget", "5", "--json").document
    key, file = added["key"], tmp_path / "key"
    assert (added["name"], added["budget"], added["used"]) == ("aurelle", 5, 0) and len(key) >= 43
    assert operator("sponsors", "add", "brand", "--budget", "7", "--out", file).code == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    intake = open_stores(operator.folder, require_folder(operator.folder)).intake
    for shown, name in ((key, "aurelle"), (file.read_text().strip(), "brand")):
        found = intake.sponsor_of(sponsor_key_hash(shown))
        assert found is not None and found.name == name
        assert all(shown.encode() not in path.read_bytes() for path in operator.folder.glob("*.sqlite*"))
    assert operator("sponsors", "add", "brand", "--budget", "1").code == 2
    assert operator("sponsors", "add", "third", "--budget", "1", "--out", file).code == 2
    assert "third" not in operator("sponsors", "list").out
    assert operator("sponsors", "budget", "brand", "--budget", "9", "--json").document["budget"] == 9
    assert "0 of 9 used" in operator("sponsors", "list").out
    assert operator("sponsors", "remove", "brand").code == 0
    assert intake.sponsor_of(sponsor_key_hash(file.read_text().strip())) is None
    assert operator("sponsors", "remove", "brand").code == 2
    listed = operator("sponsors", "list", "--json")
    assert [one["name"] for one in json.loads(listed.out)["sponsors"]] == ["aurelle"]
