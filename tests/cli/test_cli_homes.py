"""Homes, accounts, passphrases, backups: and no secret of theirs on any stream."""

from __future__ import annotations

import getpass
import json
import os
import shutil
import stat
import threading
from pathlib import Path

import pytest

from registry.cli.context import TRIES
from registry.cli.main import run
from registry.client.home import Home
from registry.client.network_config import make_network
from registry.config.configuration import default_home
from registry.core.crypto.seeds import owner_identity, revocation_secret
from registry.wallets import keyfiles
from registry.wallets.mnemonic import words_of
from tests.support.consent_world import DATUM, PURPOSE, Consent, files_in, no_of

PHRASE = "correct horse battery staple"
KEY = "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"  # a published example
ADDRESS = "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23"


@pytest.fixture
def typing(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What will be typed at hidden prompts, in order."""
    answers: list[str] = []
    monkeypatch.setattr(getpass, "getpass", lambda prompt, stream=None: answers.pop(0))
    return answers


def test_init_says_where_everything_is_and_what_to_back_up(asked: Consent) -> None:
    answer = asked("init", who="bob", phrase=PHRASE)
    assert answer.code == 0 and answer.err == ""
    assert "Back up this folder and remember its passphrase" in answer.out and "`consent backup FILE`" in answer.out
    assert str(asked.folder / "bob") in answer.out and PHRASE not in answer.out


def test_the_json_of_init_has_the_whole_recipient(asked: Consent) -> None:
    said = asked.json("init", who="bob", phrase=PHRASE)
    assert set(said) == {"home", "network", "networkMade", "address", "recipient"}
    assert said["address"] is None and said["networkMade"] is False
    assert said["recipient"].startswith("age1pq1") and len(said["recipient"]) > 1000
    assert asked.json("keys", "list", who="bob") == {"accounts": [], "keys": []}


def test_a_brands_home_has_a_key_file(asked: Consent) -> None:
    said = asked.json("init", "--brand", who="bazaar", phrase=PHRASE)
    (key,) = asked.json("keys", "list", who="bazaar")["keys"]
    assert (key["name"], key["address"]) == ("main", said["address"])


def test_a_brand_without_a_key_file_is_told_how_to_make_one(asked: Consent) -> None:
    asked.json("init", who="bazaar", phrase=PHRASE)
    out = asked.folder / "mine.json"
    for line in (
        ["notice", "new", asked.folder / "notice.json", "--out", out],
        ["request", "--notice", asked.folder / "notice.json", "--out", out],
    ):
        answer = asked(*line, who="bazaar", phrase=PHRASE)
        assert answer.code == 2 and "`consent keys new main`" in answer.err and not out.exists()


def test_a_home_is_its_owners_alone(asked: Consent) -> None:
    asked.json("init", who="bob", phrase=PHRASE)
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (asked.folder / "bob").rglob("*") if path.is_file()]
    assert modes and all(mode == 0o600 for mode in modes)
    assert stat.S_IMODE((asked.folder / "bob").stat().st_mode) == 0o700


def test_a_passphrase_is_typed_twice(asked: Consent, typing: list[str]) -> None:
    typing += [PHRASE, PHRASE]
    assert asked("init", who="bob", typed="").code == 0
    typing += [PHRASE, "another"] * 3
    answer = asked("init", who="carol", typed="")
    assert answer.code == 2 and "differ" in answer.err and not (asked.folder / "carol").exists()
    typing += [""] * 3
    assert "protects nothing" in asked("init", who="carol", typed="").err
    assert not typing and not (asked.folder / "carol").exists()


def test_what_is_taken_is_said_before_a_passphrase_is_asked_for(asked: Consent, typing: list[str]) -> None:
    taken = asked.folder / "taken.age"
    taken.write_bytes(b"precious")
    for line in (["init"], ["recover"], ["keys", "new", "main"], ["keys", "import", "main"], ["backup", taken]):
        answer = asked(*line, typed="", who="aurelle")
        assert answer.code == 2 and "already" in answer.err, line
    assert taken.read_bytes() == b"precious" and typing == []


def test_the_empty_passphrase_is_tried_before_anybody_is_asked(asked: Consent, typing: list[str]) -> None:
    assert asked("vault", "list", typed="").code == 0
    asked.json("init", who="bob", phrase=PHRASE)
    typing += [PHRASE]
    assert asked("vault", "list", who="bob", typed="").code == 0 and typing == []
    typing += ["wrong"] * TRIES
    answer = asked("vault", "list", who="bob", typed="")
    assert answer.code == 2 and "\nWrongPassphrase: " in answer.err and typing == []


def test_one_passphrase_opens_seed_and_account_alike(asked: Consent, typing: list[str]) -> None:
    asked.json("init", "--brand", who="bob", phrase=PHRASE)
    for account in ([], ["--key", "main"]):
        typing += [PHRASE]
        assert (
            asked("grant", asked.folder / "request.json", "--yes", "--again", *account, who="bob", typed="").code == 0
        )
        assert typing == []


@pytest.mark.parametrize(
    ("phrase", "said"),
    [
        ("", "protects nothing"),
        ("x" * 5000, "at most 4,096 bytes"),
        ("\udcff", "not valid UTF-8"),
        ("wrong", "is a home"),
    ],
)
def test_a_bad_passphrase_from_a_descriptor(asked: Consent, phrase: str, said: str) -> None:
    reading, writing = os.pipe()
    os.write(writing, phrase.encode(errors="surrogateescape") + b"\n")
    os.close(writing)
    who = "alice" if phrase == "wrong" else "bob"
    answer = asked("init", "--passphrase-fd", reading, who=who)
    os.close(reading)
    assert answer.code == 2 and said in answer.err and not (asked.folder / "bob").exists()


@pytest.mark.parametrize("descriptor", ["-1", "9999", "9" * 30, "three"])
def test_a_descriptor_that_is_none(asked: Consent, descriptor: str) -> None:
    answer = asked("init", "--passphrase-fd", descriptor, who="bob")
    assert answer.code == 2 and answer.err.count("\n") == 2 and not (asked.folder / "bob").exists()


def test_a_passphrase_that_comes_in_pieces(asked: Consent) -> None:
    reading, writing = os.pipe()

    def slowly() -> None:
        for piece in (PHRASE[:5], PHRASE[5:], "\r\nnot this\n"):
            os.write(writing, piece.encode())
            threading.Event().wait(0.05)
        os.close(writing)

    thread = threading.Thread(target=slowly)
    thread.start()
    assert asked("init", "--passphrase-fd", reading, who="bob").code == 0
    thread.join()
    os.close(reading)
    assert asked("vault", "list", who="bob", phrase=PHRASE).code == 0


def test_without_a_terminal_a_passphrase_must_come_from_somewhere(asked: Consent) -> None:
    answer = asked("init", who="bob")
    assert answer.code == 2 and "--passphrase-fd N" in answer.err
    assert no_of(asked("vault", "list", who="nobody")) == (2, "InvalidInput")


def test_accounts_are_made_imported_listed_and_shown(asked: Consent, typing: list[str]) -> None:
    made = asked.json("keys", "new", "shop", phrase=PHRASE)
    assert set(made) == {"name", "address"}
    typing += ["0x" + KEY, PHRASE, PHRASE]
    assert asked.json("keys", "import", "old", typed="") == {"name": "old", "address": ADDRESS}
    listed = asked.json("keys", "list")["keys"]
    assert [key["name"] for key in listed] == ["old", "shop"]
    assert all(set(key) == {"name", "address", "path"} for key in listed)
    shown = asked.json("keys", "show", "old")
    assert set(shown) == {"name", "address", "did", "path"} and shown["did"].endswith(f":{ADDRESS}")
    assert ADDRESS in asked("keys", "list").out and "did:pkh:eip155:" in asked("keys", "show", ADDRESS).out


@pytest.mark.parametrize("raw", ["", "zz", "00" * 32, "ff" * 32, KEY + "00", KEY[:-1], "0x0x" + KEY, KEY[:-2] + " 8"])
def test_what_is_no_private_key(asked: Consent, typing: list[str], raw: str) -> None:
    typing += [raw, PHRASE, PHRASE]
    answer = asked("keys", "import", "old", typed="")
    assert answer.code == 2 and answer.out == ""
    assert not (asked.folder / "alice" / "keys" / "old.json").exists()


@pytest.mark.parametrize("name", ["Bad Name", "../evil", "", "a" * 65, ".hidden", "\x1b[31mred"])
def test_what_is_no_name_for_an_account(asked: Consent, name: str) -> None:
    before = files_in(asked.folder)
    answer = asked("keys", "new", name, phrase=PHRASE)
    assert answer.code == 2 and "\x1b" not in answer.err and files_in(asked.folder) == before


def test_the_account_comes_from_the_flag_the_variable_the_file(asked: Consent, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts = {}
    for name in ("first", "second", "third"):
        accounts[name] = asked.json("keys", "new", name, phrase=PHRASE)["address"]

    def signer(*options: str) -> str:
        said = asked.json("refuse", asked.folder / "request.json", "--yes", *options, phrase=PHRASE)
        return str(json.loads(Path(said["file"]).read_bytes())["statement"]["message"]["subject"])

    assert signer() == asked.json("keys", "list")["accounts"][0]["address"]
    (asked.folder / "alice" / "config.toml").write_text('key = "second"\n')
    assert signer() == accounts["second"]
    monkeypatch.setenv("CONSENT_KEY", "third")
    assert signer() == accounts["third"]
    assert signer("--key", accounts["first"]) == accounts["first"]


def test_the_default_home_is_the_same_on_every_network(
    asked: Consent, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Naming a network says nothing about whose home it is (item 18)."""
    for name in ("network", "other"):
        make_network(asked.folder / name)
        monkeypatch.setenv("CONSENT_NETWORK", str(asked.folder / name))
        assert run(["status", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["home"] == str(default_home())


def test_a_new_home_remembers_the_network_that_was_named(
    asked: Consent, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Then `--home` alone is enough, from any folder (item 18)."""
    assert asked("init", "--later", who="new", phrase=PHRASE).code == 0
    assert (asked.folder / "new" / "config.toml").read_text() == 'network = "../network"\n'
    monkeypatch.delenv("CONSENT_NETWORK")
    monkeypatch.chdir(tmp_path)
    assert run(["status", "--json", "--home", str(asked.folder / "new")]) == 0
    assert json.loads(capsys.readouterr().out)["network"] == str(asked.folder / "network")


def test_a_vault_moves_to_the_network_that_is_used_now(asked: Consent) -> None:
    """Another store is told with both names, the command moves the vault, and nothing is lost (item 18)."""
    other = asked.folder / "other"
    make_network(other)
    assert asked("vault", "add", asked.folder / "request.json", "--category", DATUM).code == 0
    away = asked("vault", "add", asked.folder / "request.json", "--category", DATUM, "--network", other)
    assert (away.code, away.err.splitlines()[0]) == (
        3,
        f"StorageUnavailable: the vault's blocks lie in {asked.folder}/network/blocks.sqlite, "
        f"and {other}/blocks.sqlite is configured",
    )
    assert "`consent vault move`" in away.err
    assert "its blocks were put into" in asked("doctor", "--network", other).out
    held = asked.json("vault", "list")
    moved = asked.json("vault", "move", "--network", other)
    assert set(moved) == {"from", "to", "blocks", "bytes"} and moved["to"] == f"{other}/blocks.sqlite"
    assert asked.json("vault", "list", "--network", other) == held
    assert asked("vault", "move", "--from", asked.folder / "nowhere").code == 2


def test_a_restored_home_names_the_network_that_it_was_restored_on(granted: Consent) -> None:
    """The network of the backup may lie on another machine (item 18)."""
    config = granted.folder / "alice" / "config.toml"
    config.write_text('network = "/gone"\n# mine\n')
    granted.json("backup", granted.folder / "alice.age", phrase=PHRASE)
    other = granted.folder / "elsewhere" / "network"
    granted.json("restore", granted.folder / "alice.age", "--network", other, who="again", phrase=PHRASE)
    assert (granted.folder / "again" / "config.toml").read_text() == f'network = "{other}"\n# mine\n'
    assert str(other) in (granted.folder / "again" / "vault" / "store").read_text()


def test_the_home_may_name_its_network(
    asked: Consent, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (asked.folder / "alice" / "config.toml").write_text(f'network = "{asked.folder}/network"\n')
    monkeypatch.setenv("CONSENT_HOME", str(asked.folder / "alice"))
    assert run(["status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["network"] == str(asked.folder / "network")


# A restored home is another one, with a working copy and a store of its own.
OWN = {"vault/store", "vault/home", "vault/homes"}


def test_a_backup_restores_everything(granted: Consent) -> None:
    file = granted.folder / "alice.age"
    saved = granted.json("backup", file, phrase=PHRASE)
    assert set(saved) == {"file", "files", "blocks", "bytes"} and saved["bytes"] == file.stat().st_size
    assert file.read_bytes().startswith(b"age-encryption.org/v1\n-> scrypt ")
    before = files_in(granted.folder / "alice")
    shutil.rmtree(granted.folder / "alice")
    (granted.folder / "network" / "blocks.sqlite").unlink()
    back = granted.json("restore", file, phrase=PHRASE)
    assert set(back) == {"home", "files", "blocks"} and (back["files"], back["blocks"]) == (
        saved["files"],
        saved["blocks"],
    )
    assert (
        files_in(granted.folder / "alice").items()
        >= {
            k: v
            for k, v in before.items()
            if k not in OWN and "lock" not in k and not k.startswith(("cache", "vault/copy.db"))
        }.items()
    )
    assert granted.json("vault", "list")["records"][0]["category"] == DATUM
    assert granted("revoke", granted.grant).code == 0


def test_a_backup_opens_at_a_prompt(granted: Consent, typing: list[str]) -> None:
    file = granted.folder / "alice.age"
    typing += [PHRASE, PHRASE]
    assert granted("backup", file, typed="").code == 0
    typing += ["wrong"] * TRIES
    answer = granted("restore", file, who="new", typed="")
    assert answer.code == 2 and "\nWrongPassphrase: " in answer.err and typing == []
    assert not (granted.folder / "new").exists()
    typing += [PHRASE]
    assert granted("restore", file, who="new", typed="").code == 0 and typing == []
    assert granted("restore", file, who="new", phrase=PHRASE).code == 2  # never over what is there


def test_a_grant_whose_lock_another_seed_made_is_not_superseded(granted: Consent) -> None:
    twin = granted.folder / "stranger" / "keys" / "twin.json"
    keyfiles.new_key(twin.parent, "twin", "")
    (granted.folder / "alice" / "keys").mkdir()
    shutil.copy(twin, granted.folder / "alice" / "keys")
    granted.json("grant", granted.folder / "request.json", "--key", "twin", "--yes", "--again")
    line = ["grant", granted.folder / "request.json", "--key", "twin", "--supersedes", granted.grant, "--yes"]
    answer = granted(*line, who="stranger")
    assert answer.code == 2 and "seed did not make the lock" in answer.err
    assert not (granted.folder / "stranger" / "evidence").exists()  # refused before anything was signed
    assert granted("revoke", granted.grant, "--open", "--yes", "--key", "twin", who="stranger").code == 0


def test_no_secret_reaches_any_stream(asked: Consent, typing: list[str]) -> None:
    said = ""
    typing += [KEY]

    def do(*line: object, **how: object) -> None:
        nonlocal said
        for form in ([], ["--json"]):
            answer = asked(*line, "-v", *form, **how)  # type: ignore[arg-type]
            said += answer.out + answer.err

    do("init", who="bob", phrase=PHRASE)
    do("keys", "import", "old", typed="", who="bob", phrase=PHRASE)
    do("vault", "add", asked.folder / "purchases.csv", "--category", DATUM, who="bob", phrase=PHRASE)
    do("vault", "list", who="bob", phrase="not " + PHRASE)
    do("grant", asked.folder / "request.json", "--purpose", PURPOSE, "--yes", who="bob", phrase=PHRASE)
    do("backup", asked.folder / "b.age", who="bob", phrase=PHRASE)
    do("restore", asked.folder / "b.age", who="new", phrase="not " + PHRASE)
    do("restore", asked.folder / "b.age", who="new", phrase=PHRASE)
    do("keys", "show", "old", who="bob")
    do("keys", "list", who="bob", phrase=PHRASE)
    do("keys", "words", who="bob", phrase=PHRASE)
    do("keys", "words", who="bob", typed="", phrase=PHRASE)  # its stderr is no terminal
    do("recover", who="carol", typed="", phrase=PHRASE)
    (asked.folder / "bob" / "seed.json").write_text("{}")
    do("vault", "list", who="bob", phrase=PHRASE)
    seed = Home(asked.folder / "new").seed(PHRASE)
    kept = [json.loads(file.read_bytes()) for file in (asked.folder / "new" / "evidence").iterdir()]
    locks = [revocation_secret(seed, evidence["statement"]["message"]["salt"]).hex() for evidence in kept]
    words = words_of(seed)
    secrets = [PHRASE, KEY, seed.hex(), owner_identity(seed), *locks, " ".join(words[:2]), " ".join(words[-2:])]
    assert len(said) > 5000 and "AGE-SECRET-KEY" not in said.upper()
    assert [secret for secret in secrets if secret.lower() in said.lower()] == []


def test_each_party_is_told_when_they_use_the_others_home(granted: Consent) -> None:
    """`accept` as a person said "no key 'main'", and a brand could grant its own request (section E)."""
    answer = granted("accept", granted.grant, who="alice")
    assert no_of(answer) == (2, "InvalidInput") and "alice is a person's home" in answer.err
    answer = granted("open", granted.grant, "--out", granted.folder / "out", who="alice")
    assert no_of(answer) == (1, "NotARecipient") and "home of the brand" in answer.err
    for command in ("grant", "refuse"):
        answer = granted(command, granted.folder / "request.json", "--yes", who="aurelle")
        assert no_of(answer) == (2, "InvalidInput") and "home of the brand that asks" in answer.err
    assert not (granted.folder / "aurelle" / "evidence").exists()
