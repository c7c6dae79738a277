"""Passphrases at a terminal: asked for at once, three times, and refused where they are new and easy to guess."""

from __future__ import annotations

import getpass
import json
from pathlib import Path

import eth_account
import pytest

from registry.client.home import Home
from registry.wallets import keyfiles, keystore
from registry.wallets.keywallet import KeyWallet
from registry.wallets.mnemonic import words_of
from tests.support.consent_world import Answer, Consent, files_in, no_of
from tests.support.pipes import piped

PHRASE, WEAK = "correct horse battery staple", "password1"
INPUTS = Path(__file__).resolve().parents[1] / "data" / "inputs"
STANDARD = 2 * keystore.LIGHT  # more than LIGHT, and quick


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What happens, in order: a question, or a try of a passphrase."""
    heard: list[str] = []
    decrypt = eth_account.Account.decrypt

    def tried(document: object, passphrase: str) -> object:
        heard.append(f"tried {passphrase}")
        return decrypt(document, passphrase)

    monkeypatch.setattr(keystore, "STANDARD", STANDARD)
    monkeypatch.setattr(eth_account.Account, "decrypt", tried)
    return heard


@pytest.fixture
def typing(monkeypatch: pytest.MonkeyPatch, heard: list[str]) -> list[str]:
    """What will be typed at hidden prompts, in order."""
    answers: list[str] = []

    def answer(prompt: str, stream: object = None) -> str:
        heard.append(prompt)
        return answers.pop(0)

    monkeypatch.setattr(getpass, "getpass", answer)
    return answers


def test_the_passphrase_is_asked_for_at_once(asked: Consent, typing: list[str], heard: list[str]) -> None:
    """The empty passphrase was tried first, which took a second on every home (section E)."""
    asked.json("init", "--brand", who="bob", phrase=PHRASE)
    heard.clear()
    typing += [PHRASE]
    assert asked("grant", asked.folder / "request.json", "--yes", "--key", "main", who="bob", typed="").code == 0
    assert heard[:3] == ["Passphrase: ", f"tried {PHRASE}", f"tried {PHRASE}"]  # the key file, then the seed


def test_play_money_is_not_asked_about(asked: Consent, heard: list[str]) -> None:
    """The cost of a keystore shows that its passphrase is empty; a command still asks nobody then."""
    assert asked("vault", "list", typed="").code == 0 and heard == ["tried "]


def test_there_are_three_tries(asked: Consent, typing: list[str]) -> None:
    """One mistyped letter ended the command (section E)."""
    asked.json("init", who="bob", phrase=PHRASE)
    typing += ["wrong", "wronger", PHRASE]
    answer = asked("vault", "list", who="bob", typed="")
    assert answer.code == 0 and answer.err.count("the passphrase does not open it. Try") == 2
    typing += ["wrong", "wronger", "wrongest", PHRASE]
    answer = asked("vault", "list", who="bob", typed="")
    assert answer.code == 2 and "\nWrongPassphrase: " in answer.err and typing == [PHRASE]


def test_a_backup_in_a_pipe_has_three_tries_too(asked: Consent, typing: list[str], tmp_path: Path) -> None:
    """A pipe was opened twice and read once, so that a restore hung or found nothing (item 23)."""
    asked.json("backup", tmp_path / "b.age", phrase=PHRASE)
    with (tmp_path / "b.age").open("rb") as file:
        content = file.read()
    with piped(content) as pipe:
        typing += ["wrong", PHRASE]
        assert asked("restore", pipe, "--home", tmp_path / "again", typed="").code == 0
    assert Home(tmp_path / "again").seed("") == Home(asked.folder / "alice").seed("")


@pytest.mark.parametrize(
    "line",
    [["init"], ["init", "--brand"], ["keys", "new", "shop"], ["backup", "OUT"], ["recover", "--words-fd", "WORDS"]],
    ids=" ".join,
)
def test_a_guessable_passphrase_is_refused(asked: Consent, tmp_path: Path, line: list[str]) -> None:
    """A seed could be sealed with "password1" (section E). ``--guessable`` allows it."""
    who = "alice" if line[0] in ("keys", "backup") else "bob"

    def run(phrase: str, *more: str) -> str:
        with piped(" ".join(words_of(bytes(range(32)))).encode()) as words:
            places = {"OUT": str(tmp_path / "out"), "WORDS": words.name.rpartition("/")[2]}
            answer = asked(*(places.get(word, word) for word in line), *more, who=who, phrase=phrase)
        assert phrase not in answer.err
        return f"{answer.code} {answer.err}"

    before = sorted(asked.folder.rglob("*"))
    said = run(WEAK)
    assert said.startswith("2 InvalidInput: the passphrase is guessable: a thief of the file needs less than a second")
    assert "This is a very common password; choose four words" in said
    assert [path for path in asked.folder.rglob("*") if path not in before and "network" not in path.parts] == []
    assert run(WEAK, "--guessable").startswith("0 ")


def test_a_new_passphrase_has_three_tries(asked: Consent, typing: list[str]) -> None:
    """One that was weak, or typed differently, ended the command. A weak one is refused before it is typed again."""
    typing += [WEAK, PHRASE, "another", WEAK, PHRASE]
    answer = asked("init", who="bob", typed="")
    assert no_of(answer._replace(err=answer.err.splitlines()[-2])) == (2, "InvalidInput") and typing == [PHRASE]
    assert answer.err.count("the passphrase is guessable") == 2 and "the two passphrases differ" in answer.err
    typing[:] = [WEAK, PHRASE, PHRASE]
    asked.json("keys", "new", "shop", typed="")
    assert typing == []


@pytest.mark.parametrize(("sealed", "typed"), [("nfc", "nfd"), ("nfd", "nfc")])
def test_accents_may_be_composed_differently(asked: Consent, sealed: str, typed: str, tmp_path: Path) -> None:
    """A passphrase from a Mac's file did not open what the same words had sealed (item 23)."""
    phrases = {form: (INPUTS / f"passphrase-{form}").read_text("utf-8").rstrip("\n") for form in ("nfc", "nfd")}
    assert phrases["nfc"] != phrases["nfd"]
    asked.json("init", who="bob", phrase=phrases[sealed])
    assert asked("vault", "list", who="bob", phrase=phrases[typed]).code == 0
    asked.json("backup", tmp_path / "b.age", who="bob", phrase=phrases[sealed])
    assert asked("restore", tmp_path / "b.age", "--home", tmp_path / "again", phrase=phrases[typed]).code == 0


def test_a_keystore_that_spells_crypto_with_a_capital(asked: Consent) -> None:
    """An old wallet's key file was called damaged (item 23)."""
    raw = (INPUTS / "keystore-capital-crypto.json").read_bytes()
    keys = asked.folder / "alice" / "keys"
    keys.mkdir()
    (keys / "old.json").write_bytes(b"\xef\xbb\xbf" + raw)
    (listed,) = keyfiles.list_keys(keys)
    assert listed.address.lower() == "0x" + json.loads(raw)["address"]
    assert isinstance(keyfiles.open_key(keys, "old", ""), KeyWallet)
    assert asked("refuse", asked.folder / "request.json", "--yes", "--key", "old", typed="").code == 0


class TestChanging:
    OTHER = "violet anchor thunder"

    def changed(self, asked: Consent, phrase: str, *line: str, who: str = "bob") -> Answer:
        """The new passphrase comes through a descriptor of its own."""
        with piped(self.OTHER.encode()) as new:
            number = new.name.rpartition("/")[2]
            return asked("keys", "passphrase", *line, "--new-passphrase-fd", number, who=who, phrase=phrase)

    def test_the_seed_and_its_key_files(self, asked: Consent) -> None:
        asked.json("init", "--brand", who="bob", phrase=PHRASE)
        asked.json("keys", "new", "shop", who="bob", phrase="sesame lantern orbit")
        seed = Home(asked.folder / "bob").seed(PHRASE)
        answer = self.changed(asked, PHRASE, "--json")
        assert answer.document == {"seed": True, "keys": ["main"], "left": ["shop"]}
        assert "Not changed, for they have another one: shop." in answer.err
        assert Home(asked.folder / "bob").seed(self.OTHER) == seed
        assert no_of(self.changed(asked, PHRASE)) == (2, "WrongPassphrase")
        assert asked("refuse", asked.folder / "request.json", "--yes", who="bob", phrase=self.OTHER).code == 0

    def test_one_key_file(self, asked: Consent) -> None:
        asked.json("init", "--brand", who="bob", phrase=PHRASE)
        answer = self.changed(asked, PHRASE, "main")
        assert answer.code == 0 and answer.out == "New passphrase: main.\n"
        keyfiles.open_key(asked.folder / "bob" / "keys", "main", self.OTHER)
        assert Home(asked.folder / "bob").seed(PHRASE)

    def test_a_seed_of_play_money_gets_one(self, asked: Consent) -> None:
        seed = Home(asked.folder / "alice").seed("")
        with piped(PHRASE.encode()) as new:
            assert asked("keys", "passphrase", "--new-passphrase-fd", new.name.rpartition("/")[2], typed="").code == 0
        assert Home(asked.folder / "alice").seed(PHRASE) == seed

    def test_at_a_terminal(self, asked: Consent, typing: list[str], heard: list[str]) -> None:
        asked.json("init", who="bob", phrase=PHRASE)
        heard.clear()
        typing += [PHRASE, WEAK, self.OTHER, self.OTHER]
        assert asked("keys", "passphrase", who="bob", typed="").code == 0 and typing == []
        assert next(said for said in heard if said.endswith(": ")) == "Passphrase: "
        assert Home(asked.folder / "bob").seed(self.OTHER)

    def test_what_changes_nothing(self, asked: Consent) -> None:
        asked.json("init", "--brand", who="bob", phrase=PHRASE)
        before = files_in(asked.folder / "bob")

        def said(*line: object, **how: str) -> str:
            answer = asked("keys", "passphrase", *line, who="bob", **{"phrase": PHRASE} | how)
            assert answer.code == 2 and files_in(asked.folder / "bob") == before
            return answer.err

        assert "Use --new-passphrase-fd N." in said()
        assert "no key" in said("none")
        with piped(WEAK.encode()) as new:
            assert "guessable" in said("--new-passphrase-fd", new.name.rpartition("/")[2])
        with piped(b"") as new:
            assert "protects nothing" in said("--new-passphrase-fd", new.name.rpartition("/")[2], "--guessable")
        assert asked("keys", "passphrase", "--passphrase-fd", 7, "--new-passphrase-fd", 7, who="bob").code == 2
        assert asked("keys", "passphrase", who="nobody", phrase=PHRASE).code == 2
