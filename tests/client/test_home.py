"""A party's folder: made whole, found by the beginning of a digest, and telling no secrets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from registry.client.grant import grant, refuse
from registry.client.home import Home
from registry.config.network_file import MAX_TOML_BYTES, read_toml
from registry.core.errors import InvalidInput, Malformed, NotARecipient, WrongPassphrase
from registry.core.evidence.file import Evidence, parse_evidence, write_evidence
from registry.core.scalars import to_hex
from registry.fs.files import read_bounded
from registry.wallets import keyfiles, keystore
from tests.support.builders import evidence_of, grant_message, word
from tests.support.stage import Stage, files_in


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    # The work that a passphrase costs is tested with the keystore; here it would only be waited for.
    monkeypatch.setattr(keystore, "STANDARD", keystore.LIGHT)
    return Home(tmp_path / "home")


class TestCreating:
    @pytest.mark.parametrize("passphrase", ["", "correct horse"])
    def test_a_key_and_a_seed(self, home: Home, passphrase: str) -> None:
        assert not home.exists
        address = home.create(passphrase)
        assert home.exists
        assert address is not None
        assert files_in(home.path) == ["keys", "keys/main.json", "seed.json"]
        assert home.account("main").address == home.account(address).address == address
        assert len(home.seed(passphrase)) == 32

    def test_a_key_of_another_name_is_the_one_that_signs(self, home: Home) -> None:
        home.create("", "shop")
        assert read_toml(home.path / "config.toml") == {"key": "shop"} and home.account("shop").path.exists()

    def test_a_persons_home_needs_no_key_file(self, home: Home, stage: Stage) -> None:
        assert home.create("", None) is None
        assert files_in(home.path) == ["seed.json"]
        party = home.person(stage.network, stage.brand.address, "")
        assert stage.holds(grant(party, stage.request()).evidence) == "VerifiedGrant"
        other = home.person(stage.network, stage.person("other").address, "")
        assert other.address != party.address == home.person(stage.network, stage.brand.address, "").address

    def test_nobody_else_may_read_it(self, home: Home) -> None:
        home.create("")
        modes = {path: path.stat().st_mode & 0o077 for path in (home.path, *home.path.rglob("*"))}
        assert set(modes.values()) == {0}

    def test_no_two_are_the_same(self, home: Home, tmp_path: Path) -> None:
        other = Home(tmp_path / "other")
        assert home.create("") != other.create("")
        assert home.seed("") != other.seed("")

    def test_never_over_another(self, home: Home) -> None:
        address = home.create("")
        seed = home.seed("")
        with pytest.raises(InvalidInput, match="a home already"):
            home.create("")
        assert (home.account("main").address, home.seed("")) == (address, seed)

    def test_the_seed_is_not_in_its_file(self, home: Home) -> None:
        home.create("secret", guessable=True)
        assert home.seed("secret").hex() not in (home.path / "seed.json").read_text()
        assert "address" not in json.loads((home.path / "seed.json").read_text())


class TestRecovering:
    def test_the_same_seed_under_a_new_passphrase(self, home: Home, tmp_path: Path) -> None:
        home.create("old", guessable=True)
        seed = home.seed("old")
        again = Home(tmp_path / "again")
        again.recover(seed, "new", guessable=True)
        assert again.seed("new") == seed and files_in(again.path) == ["seed.json"]

    def test_the_same_accounts_with_and_without_the_index(self, home: Home, stage: Stage, tmp_path: Path) -> None:
        home.create("", None)
        person = home.person(stage.network, stage.brand.address, "")
        grant(person, stage.request())
        index = person.vault.index
        for number, more in enumerate((None, (index, stage.store))):
            again = Home(tmp_path / str(number))
            again.recover(home.seed(""), "", more)
            for brand in (stage.brand.address, stage.person("new").address):
                addresses = {each.person(stage.network, brand, "").address for each in (home, again)}
                assert len(addresses) == 1
            assert len(again.open_vault(stage.network, "").accounts()) == number

    def test_another_seeds_index_makes_nothing(self, home: Home, stage: Stage, tmp_path: Path) -> None:
        stage.keep(b"hers")
        again = Home(tmp_path / "again")
        with pytest.raises(NotARecipient):
            again.recover(bytes(32), "", (stage.alice.vault.index, stage.store))
        assert not again.path.exists()

    def test_never_over_another(self, home: Home) -> None:
        home.create("")
        seed = home.seed("")
        with pytest.raises(InvalidInput, match="a home already"):
            home.recover(bytes(32), "")
        assert home.seed("") == seed


class TestReading:
    def test_the_wrong_passphrase(self, home: Home, stage: Stage) -> None:
        home.create("right", guessable=True)
        for act in (lambda: home.seed("wrong"), lambda: home.brand(stage.network, "wrong", "main")):
            with pytest.raises(WrongPassphrase) as caught:
                act()
            assert "right" not in str(caught.value)

    def test_no_home(self, home: Home) -> None:
        with pytest.raises(InvalidInput, match="no home") as caught:
            home.seed("")
        assert "consent init" in caught.value.advice
        assert read_toml(home.path / "config.toml") == {}
        assert list(home.evidence.all()) == []
        with pytest.raises(InvalidInput, match="no account"):
            home.account("main")

    @pytest.mark.parametrize("raw", [b"", b"{", b"\xff\xfe", b"[" * 10_000, b'{"version":3}', b"null", b"{}"])
    def test_a_damaged_seed(self, home: Home, raw: bytes) -> None:
        home.create("")
        (home.path / "seed.json").write_bytes(raw)
        with pytest.raises(InvalidInput) as caught:
            home.seed("")
        assert "backup" in caught.value.advice

    @pytest.mark.parametrize("raw", [b"key = ", b"\xff", b"a" * (MAX_TOML_BYTES + 1)])
    def test_a_damaged_configuration(self, home: Home, raw: bytes) -> None:
        home.create("")
        (home.path / "config.toml").write_bytes(raw)
        with pytest.raises(InvalidInput, match=r"config\.toml"):
            read_toml(home.path / "config.toml")

    def test_a_party_acts_with_it(self, home: Home, stage: Stage) -> None:
        address = home.create("")
        party = stage.person_of(home)
        assert party.address == address
        assert stage.holds(grant(party, stage.request()).evidence) == "VerifiedGrant"
        assert home.brand(stage.network, "", address).recipient == party.vault.recipient

    def test_a_party_shows_no_secret(self, home: Home, stage: Stage) -> None:
        home.create("")
        party = stage.person_of(home)
        shown = repr(party)
        assert party.address in shown
        seed = home.seed("")
        assert seed.hex() not in shown
        assert repr(seed) not in shown
        assert "AGE-SECRET-KEY" not in shown

    def test_other_accounts(self, home: Home, stage: Stage) -> None:
        home.create("")
        second = keyfiles.new_key(home.keys, "second", "", cost=keystore.LIGHT)
        assert home.brand(stage.network, "", "second").address == second
        with pytest.raises(InvalidInput, match="no key"):
            home.brand(stage.network, "", "third")


class TestKeeping:
    def test_each_kind_in_its_folder(self, home: Home, stage: Stage) -> None:
        asked = parse_evidence(stage.request())
        for evidence, folder in ((asked, "requests"), (stage.granted().evidence, "evidence")):
            path = Path(home.evidence.keep(evidence))
            assert path == home.path / folder / f"{to_hex(evidence.digest)}.json"
            assert path.read_bytes() == write_evidence(evidence)
        assert len(files_in(home.path)) == 6  # three folders, two files and the cache

    def test_the_oldest_first(self, home: Home, stage: Stage) -> None:
        made = []
        for _ in range(4):
            made.append(stage.granted().evidence)
            stage.pass_time(10)
        made.append(refuse(stage.alice, stage.request()).evidence)
        for evidence in (made[2], made[0], made[4], made[3], made[1]):
            home.evidence.keep(evidence)
        assert list(home.evidence.all()) == made

    def test_a_completed_file_replaces_the_other(self, home: Home, stage: Stage) -> None:
        from registry.client.accept import accept

        done = stage.granted().evidence
        home.evidence.keep(done)
        completed = accept(stage.brand, write_evidence(done)).evidence
        home.evidence.keep(completed)
        assert list(home.evidence.all()) == [completed]

    def test_other_files_are_left_alone(self, home: Home, stage: Stage) -> None:
        path = Path(home.evidence.keep(stage.granted().evidence))
        (path.parent / "notes.txt").write_text("mine")
        (path.parent / f".{path.name}.part").write_text("{")
        assert len(list(home.evidence.all())) == 1

    @pytest.mark.parametrize("raw", [b"", b"{}", b"\n"])
    def test_a_damaged_file_is_named_and_nobodys_consent_is_denied(self, home: Home, stage: Stage, raw: bytes) -> None:
        path = Path(home.evidence.keep(stage.granted().evidence))
        path.write_bytes(raw)
        with pytest.raises(InvalidInput, match=path.name) as caught:
            list(home.evidence.all())
        assert not isinstance(caught.value, Malformed)
        assert "backup" in caught.value.advice

    def test_a_folder_that_cannot_be_written(self, home: Home, stage: Stage) -> None:
        home.path.mkdir()
        (home.path / "evidence").write_text("a file in the way")
        with pytest.raises(InvalidInput, match="cannot be written"):
            home.evidence.keep(stage.granted().evidence)


class TestFinding:
    def named(self, home: Home, *names: str) -> None:
        for name in names:
            (home.path / "evidence").mkdir(parents=True, exist_ok=True)
            (home.path / "evidence" / f"{name}.json").write_text(name)

    def kept(self, home: Home) -> tuple[str, bytes]:
        evidence: Evidence = evidence_of(grant_message())
        home.evidence.keep(evidence)
        return to_hex(evidence.digest), write_evidence(evidence)

    @pytest.mark.parametrize("length", [8, 20, 66])
    def test_by_the_beginning_of_its_digest(self, home: Home, length: int) -> None:
        digest, raw = self.kept(home)
        assert home.find(digest[:length]) == raw

    def test_by_its_file(self, home: Home) -> None:
        digest, raw = self.kept(home)
        assert home.find(str(home.path / "evidence" / f"{digest}.json")) == raw

    def test_a_file_goes_before_a_digest(self, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        digest, raw = self.kept(home)
        monkeypatch.chdir(tmp_path)
        Path(digest[:10]).write_text("a file of that name")
        assert home.find(digest[:10]) == b"a file of that name"
        assert home.find(digest[:11]) == raw

    def test_one_beginning_of_two(self, home: Home) -> None:
        self.named(home, "0xabcdef01", "0xabcdef02", "0xabcdee00")
        with pytest.raises(InvalidInput, match="2 digests begin") as caught:
            home.find("0xabcdef")
        assert "0xabcdef01 (damaged), 0xabcdef02 (damaged)" in caught.value.advice
        assert home.find("0xabcdef02") == b"0xabcdef02"

    @pytest.mark.parametrize("reference", ["0xabcdef99", word(1)])
    def test_nothing_of_that_name(self, home: Home, reference: str) -> None:
        self.named(home, "0xabcdef01")
        with pytest.raises(InvalidInput, match="no evidence") as caught:
            home.find(reference)
        assert "consent status" in caught.value.advice

    @pytest.mark.parametrize(
        "reference", ["0xabc", "0xABCDEF01", "abcdef01", "*", "0xabcdef*", "../evidence", "", "x" * 5000]
    )
    def test_what_is_neither(self, home: Home, reference: str) -> None:
        self.named(home, "0xabcdef01")
        with pytest.raises(InvalidInput, match="cannot be read"):
            home.find(reference)

    def test_no_more_is_read_than_the_parser_would_take(self, tmp_path: Path) -> None:
        file = tmp_path / "large"
        file.write_bytes(b"x" * 100)
        assert read_bounded(file, 10) == b"x" * 11
        assert read_bounded(file, 100) == b"x" * 100


def test_two_homes_tell_the_whole_story(tmp_path: Path, stage: Stage) -> None:
    from registry.client.accept import accept, open_data
    from registry.client.revoke import revoke

    homes: dict[str, Any] = {name: Home(tmp_path / name) for name in ("person", "shop")}
    for one in homes.values():
        one.create("")
    stage.alice, stage.brand = stage.person_of(homes["person"]), homes["shop"].brand(stage.network, "")
    stage.bought("coat")
    asked = stage.request()
    done = grant(stage.alice, asked, days=30)
    accept(stage.brand, Path(done.kept).read_bytes())
    opened = open_data(stage.brand, homes["shop"].find(to_hex(done.evidence.digest)[:10]), tmp_path / "out")
    assert [json.loads(one.path.read_bytes())["body"]["name"] for one in opened] == ["coat"]
    assert revoke(stage.alice, done.evidence) is not None
    (kept,) = homes["shop"].evidence.all()
    assert kept.acceptance is not msgspec.UNSET
    assert stage.holds(kept) == "Revoked"
