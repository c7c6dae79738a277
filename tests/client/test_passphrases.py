"""Changing passphrases: each file is old or new at every moment, and what was interrupted is completed later."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from registry.client import home as home_module
from registry.client.home import Home
from registry.client.passphrases import change_key_passphrase, change_passphrase
from registry.core.crypto.seeds import fingerprint
from registry.core.errors import InvalidInput, WrongPassphrase
from registry.wallets import keyfiles, keystore

OLD, NEW, OTHER = "correct horse battery staple", "sesame lantern orbit", "violet anchor thunder"


@pytest.fixture(autouse=True)
def _light(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keystore, "STANDARD", keystore.LIGHT)
    monkeypatch.setattr("registry.client.passphrases.STANDARD", keystore.LIGHT)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A seed and two key files under one passphrase, and a third key file under another."""
    made = Home(tmp_path / "home")
    made.create(OLD)
    made.add_key("shop", None, OLD)
    made.add_key("till", None, OTHER)
    return made


def opens(home: Home, phrase: str) -> list[str]:
    """What this passphrase opens."""
    found = []
    for name in ("seed", "main", "shop", "till"):
        try:
            home.seed(phrase) if name == "seed" else keyfiles.open_key(home.keys, name, phrase)
            found.append(name)
        except WrongPassphrase:
            pass
    return found


def test_the_seed_and_what_has_its_passphrase(home: Home) -> None:
    seed, keys = home.seed(OLD), keyfiles.list_keys(home.keys)
    changed = change_passphrase(home, OLD, NEW)
    assert changed == (["main", "shop"], ["till"])
    assert (opens(home, OLD), opens(home, NEW), opens(home, OTHER)) == ([], ["seed", "main", "shop"], ["till"])
    assert home.seed(NEW) == seed and keyfiles.list_keys(home.keys) == keys
    for file in (home.path / "seed.json", *(key.path for key in keys)):
        assert file.stat().st_mode & 0o777 == 0o600


def test_one_key_file(home: Home) -> None:
    change_key_passphrase(home, keyfiles.list_keys(home.keys)[2].address, OTHER, NEW)
    assert (opens(home, NEW), opens(home, OLD)) == (["till"], ["seed", "main", "shop"])


def test_a_wrong_passphrase_changes_nothing(home: Home) -> None:
    with pytest.raises(WrongPassphrase):
        change_passphrase(home, OTHER, NEW)
    with pytest.raises(WrongPassphrase):
        change_key_passphrase(home, "main", OTHER, NEW)
    assert opens(home, OLD) == ["seed", "main", "shop"] and opens(home, OTHER) == ["till"]


def test_a_guessable_one_is_refused(home: Home) -> None:
    for change in (lambda: change_passphrase(home, OLD, "password1"), lambda: home.reseal(home.seed(OLD), "1")):
        with pytest.raises(InvalidInput, match="guessable"):
            change()
    with pytest.raises(InvalidInput, match="guessable"):
        change_key_passphrase(home, "main", OLD, "password1")
    change_passphrase(home, OLD, "password1", guessable=True)
    assert opens(home, "password1") == ["seed", "main", "shop"]


@pytest.mark.parametrize("interrupted", [0, 1, 2])
def test_an_interruption_loses_nothing_and_is_repeated(
    home: Home, interrupted: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full at the first, second or third file that is written."""
    seed, left, write = home.seed(OLD), interrupted, home_module.replace_file

    def failing(path: Path, content: bytes) -> None:
        nonlocal left
        if left == 0:
            raise InvalidInput(f"{path} cannot be written: No space left on device")
        left -= 1
        write(path, content)

    for module in (home_module, keyfiles):
        monkeypatch.setattr(module, "replace_file", failing)
    with pytest.raises(InvalidInput, match="No space"):
        change_passphrase(home, OLD, NEW)
    assert sorted(opens(home, OLD) + opens(home, NEW)) == ["main", "seed", "shop"]
    assert len(opens(home, NEW)) == interrupted and home.seed(OLD) == seed
    for module in (home_module, keyfiles):
        monkeypatch.setattr(module, "replace_file", write)
    assert change_passphrase(home, OLD, NEW) == (["main", "shop"], ["till"])
    assert opens(home, NEW) == ["seed", "main", "shop"] and home.seed(NEW) == seed


def test_a_file_that_is_a_link(home: Home, tmp_path: Path) -> None:
    """Only the link would be replaced: where it led to, the old passphrase would still open the key."""
    for file in (home.path / "seed.json", home.keys / "main.json"):
        file.rename(tmp_path / file.name)
        file.symlink_to(tmp_path / file.name)
    change_passphrase(home, OLD, NEW)
    assert opens(home, NEW) == ["seed", "main", "shop"]
    for file in (home.path / "seed.json", home.keys / "main.json"):
        assert file.is_symlink()
        with pytest.raises(WrongPassphrase):
            keystore.open_secret(json.loads((tmp_path / file.name).read_bytes()), OLD)


def test_a_home_knows_its_seed_without_a_passphrase(home: Home, tmp_path: Path) -> None:
    seed = home.seed(OLD)
    home.check_seed(seed)
    with pytest.raises(InvalidInput, match=f"{fingerprint(bytes(32))}.*{fingerprint(seed)}") as caught:
        home.reseal(bytes(32), NEW)
    assert "--home" in caught.value.advice and home.seed(OLD) == seed
    home.reseal(seed, NEW)
    assert home.seed(NEW) == seed
    home.check_seed(seed)
    again = Home(tmp_path / "again")
    again.recover(seed, OLD)
    again.check_seed(seed)


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b"1"])
def test_a_damaged_seed_is_not_replaced(home: Home, raw: bytes) -> None:
    (home.path / "seed.json").write_bytes(raw)
    with pytest.raises(InvalidInput, match="damaged"):
        home.reseal(bytes(32), NEW)
    assert (home.path / "seed.json").read_bytes() == raw


def test_a_seed_file_that_names_no_seed_is_not_replaced(home: Home) -> None:
    seed, file = home.seed(OLD), home.path / "seed.json"
    document = json.loads(file.read_bytes())
    del document["fingerprint"]
    file.write_text(json.dumps(document))
    with pytest.raises(InvalidInput, match="has another"):
        home.reseal(seed, NEW)
    assert home.seed(OLD) == seed
