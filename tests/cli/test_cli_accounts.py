"""An account for each brand on the command line: who knows which, ending them, and a home that was lost."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from registry.client.home import Home
from registry.core.errors import ConsentError, LedgerUnavailable, Rejected
from registry.wallets import keyfiles
from registry.wallets.mnemonic import words_of
from tests.support.consent_world import DATUM, Answer, Consent, no_of

PHRASE = "correct horse battery staple"


def words(world: Consent, who: str = "alice", phrase: str = "") -> str:
    return " ".join(words_of(Home(world.folder / who).seed(phrase)))


def accounts(world: Consent, **how: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = world.json("keys", "list", **how)["accounts"]
    return found


def of_brand(world: Consent, name: str, **how: Any) -> dict[str, Any]:
    """The one account that this brand knows."""
    (found,) = (account for account in accounts(world, **how) if account["name"] == name)
    return found


def another_brand(world: Consent, name: str = "bazaar") -> Path:
    """The request of one more brand."""
    Home(world.folder / name).create("")
    notice, out = world.folder / f"{name}.notice", world.folder / f"{name}.json"
    draft = json.loads((world.folder / "notice.json").read_bytes())
    draft["controller"]["name"] = name.capitalize()
    notice.write_text(json.dumps(draft))
    world.json("notice", "new", notice, "--out", notice, "--force", who=name)
    world.json("request", "--notice", notice, "--out", out, "--data", DATUM, who=name)
    return out


def with_words(world: Consent, text: str, *line: object, **how: Any) -> Answer:
    """The words come through a descriptor of their own."""
    reading, writing = os.pipe()
    os.write(writing, text.encode() + b"\n")
    os.close(writing)
    try:
        return world(*line, "--words-fd", reading, **how)
    finally:
        os.close(reading)


def test_two_brands_get_two_accounts_and_the_list_says_which(granted: Consent) -> None:
    granted.json("grant", another_brand(granted), "--yes")
    granted.json("grant", granted.folder / "request.json", "--yes", "--again")
    first, second = of_brand(granted, "Maison Aurelle"), of_brand(granted, "Bazaar")
    assert set(first) == {"generation", "address", "controller", "name"} and first["address"] != second["address"]
    assert (first["generation"], second["generation"]) == (0, 0)
    assert first["controller"] == granted.json("keys", "show", who="aurelle")["address"]
    subjects = {
        json.loads(file.read_bytes())["statement"]["message"]["subject"]
        for file in (granted.folder / "alice" / "evidence").iterdir()
    }
    assert subjects == {first["address"], second["address"]}
    shown = granted("keys", "list").out.splitlines()
    assert len(shown) == 2 and f"{second['address']}  known to Bazaar ({second['controller']})" in shown


def test_who_signs_is_said_before_it_is_asked(granted: Consent) -> None:
    (account,) = accounts(granted)
    answer = granted("grant", granted.folder / "request.json", "--again", typed="n\n")
    assert f"You sign as {account['address']}, an account of yours that only this brand knows." in answer.err


def test_the_list_asks_for_the_passphrase_only_where_there_is_something_to_open(asked: Consent) -> None:
    asked.json("init", "--brand", who="bob", phrase=PHRASE)
    assert len(asked.json("keys", "list", who="bob")["keys"]) == 1
    asked.json("grant", asked.folder / "request.json", "--yes", who="bob", phrase=PHRASE)
    assert asked("keys", "list", who="bob").code == 2
    assert len(accounts(asked, who="bob", phrase=PHRASE)) == 1


def test_a_brand_that_nothing_kept_names_is_still_listed(granted: Consent) -> None:
    shutil.rmtree(granted.folder / "alice" / "evidence")
    (account,) = accounts(granted)
    assert account["name"] is None and account["controller"] in granted("keys", "list").out


class TestEnding:
    def test_everything_at_once(self, granted: Consent) -> None:
        other = granted.json("grant", another_brand(granted), "--yes")["file"]
        listed = [account["address"] for account in accounts(granted)]
        asked = granted("revoke-all", typed="n\n")
        assert asked.code == 1 and all(address in asked.err for address in listed)
        assert "by the time alone" in asked.err and "--account" in asked.err
        assert granted("verify", other).code == 0
        said = granted.json("revoke-all", "--yes")
        assert [one["address"] for one in said["accounts"]] == listed
        assert len({one["transaction"]["transaction"] for one in said["accounts"]}) == 2
        assert {no_of(granted("verify", file)) for file in (granted.grant, other)} == {(1, "Revoked")}

    @pytest.mark.parametrize("by", ["address", "controller"])
    def test_one_of_them(self, granted: Consent, by: str) -> None:
        mine, other = granted.grant, granted.json("grant", another_brand(granted), "--yes")["file"]
        said = granted.json("revoke-all", "--account", of_brand(granted, "Bazaar")[by], "--yes")
        assert len(said["accounts"]) == 1
        assert (granted("verify", mine).code, no_of(granted("verify", other))) == (0, (1, "Revoked"))

    def test_each_pays_for_itself(self, granted: Consent) -> None:
        granted.json("grant", another_brand(granted), "--yes")
        said = granted.json("revoke-all", "--sender", "self", "--yes")
        assert [one["address"] for one in said["accounts"]] == [
            one["transaction"]["sender"] for one in said["accounts"]
        ]

    @pytest.mark.parametrize(
        ("error", "code", "said"),
        [
            (LedgerUnavailable("the node went away"), 3, "Not known to have ended"),
            (Rejected("the wallet said no"), 1, "Not ended"),
        ],
    )
    def test_one_that_fails_does_not_keep_the_others(
        self, granted: Consent, monkeypatch: pytest.MonkeyPatch, error: ConsentError, code: int, said: str
    ) -> None:
        from registry.client import revoke

        other = granted.json("grant", another_brand(granted), "--yes")["file"]
        first = of_brand(granted, "Maison Aurelle")["address"]
        end = revoke.revoke_all

        def failing(party: Any) -> Any:
            if party.address == first:
                raise error
            return end(party)

        monkeypatch.setattr(revoke, "revoke_all", failing)
        answer = granted("revoke-all", "--yes")
        assert answer.code == code and f"{said}: {first}" in answer.err
        assert (granted("verify", granted.grant).code, no_of(granted("verify", other))) == (1, (1, "Revoked"))

    @pytest.mark.parametrize("by", ["address", "controller"])
    def test_the_kill_switch_waits_for_no_store(self, granted: Consent, by: str) -> None:
        (account,) = accounts(granted)
        (granted.folder / "network" / "blocks.sqlite").unlink()
        answer = granted("revoke-all", "--yes")
        assert answer.code == 3 and "--account" in answer.err and granted("verify", granted.grant).code == 0
        stranger = granted("revoke-all", "--account", "0x" + "1" * 40, "--yes")
        assert stranger.code == 3 and granted("verify", granted.grant).code == 0
        said = granted.json("revoke-all", "--account", account[by], "--yes")
        assert said["accounts"][0]["address"] == account["address"]
        assert no_of(granted("verify", granted.grant)) == (1, "Revoked")

    def test_nor_does_a_private_end(self, granted: Consent) -> None:
        (granted.folder / "network" / "blocks.sqlite").unlink()
        assert granted("revoke", granted.grant).code == 0
        assert no_of(granted("verify", granted.grant)) == (1, "Revoked")

    @pytest.mark.parametrize("ending", [("revoke-all",), ("revoke-all", "--sender", "self"), ("retire",), ("revoke",)])
    def test_a_damaged_file_keeps_nothing_from_ending(self, granted: Consent, ending: tuple[str, ...]) -> None:
        """The list of brands that a payment links is for the person to read, and stops nothing."""
        kept, (account,) = granted.grant, accounts(granted)
        (kept.parent / f"0x{'ab' * 32}.json").write_bytes(b"{")
        if ending == ("revoke",):
            ending = ("revoke", str(kept), "--sender", "self")
        elif ending == ("retire",):
            ending = ("retire", "--account", account["address"])
        answer = granted(*ending, "--yes")
        assert answer.code == 0, answer
        assert no_of(granted("verify", kept)) == (1, "Revoked")

    def test_key_files_are_said_to_be_left_out(self, granted: Consent) -> None:
        keyfiles.new_key(granted.folder / "alice" / "keys", "old", "")
        answer = granted("revoke-all", "--yes")
        assert answer.code == 0 and "Not included; name each of these with --wallet: key:old." in answer.err

    def test_the_seeds_accounts_are_said_to_be_left_out(
        self, granted: Consent, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        keyfiles.new_key(granted.folder / "alice" / "keys", "old", "")
        monkeypatch.setenv("CONSENT_WALLET", "key:old")
        answer = granted("revoke-all", "--yes")
        assert answer.code == 0 and "Not included; name each of these with --wallet: seed." in answer.err
        assert granted("verify", granted.grant).code == 0
        assert granted("revoke-all", "--wallet", "seed", "--yes").code == 0
        assert no_of(granted("verify", granted.grant)) == (1, "Revoked")

    @pytest.mark.parametrize("command", ["revoke-all", "retire"])
    @pytest.mark.parametrize("named", [("--wallet", "browser"), ("--key", "main"), ("--as", "0x" + "11" * 20)])
    def test_an_account_of_the_seed_signs_with_no_other_wallet(
        self, granted: Consent, command: str, named: tuple[str, str]
    ) -> None:
        answer = granted(command, "--account", accounts(granted)[0]["address"], *named, "--yes")
        assert answer.code == 2 and "cannot be combined" in answer.err
        assert granted("verify", granted.grant).code == 0

    @pytest.mark.parametrize("command", ["revoke-all", "retire"])
    def test_a_wallet_of_the_settings_gives_way_and_the_terminal_asks(
        self, granted: Consent, command: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """No page opens for an account of the seed, so nobody else would ask before what cannot be undone."""
        monkeypatch.setenv("CONSENT_WALLET", "browser")
        line = (command, "--account", accounts(granted)[0]["address"])
        assert no_of(granted(*line, typed="n\n"))[0] == 1 and granted("verify", granted.grant).code == 0
        assert granted(*line, typed="y\n").code == 0 and granted("verify", granted.grant).code == 1

    @pytest.mark.parametrize("line", [("revoke", "FILE", "--open"), ("revoke-all",), ("retire",)])
    def test_whoever_pays_is_told_before(self, granted: Consent, line: tuple[str, ...]) -> None:
        payer = keyfiles.new_key(granted.folder / "alice" / "keys", "payer", "")
        named = [str(granted.grant) if word == "FILE" else word for word in line]
        answer = granted(*named, "--sender", "key:payer", typed="n\n")
        assert answer.code == 1 and f"The address {payer} pays: the chain will show it" in answer.err
        assert accounts(granted)[0]["address"] in answer.err
        itself = granted(*named, "--sender", "self", typed="n\n")
        assert itself.code == 1 and " pays, " not in itself.err

    def test_one_account_is_retired_at_a_time(self, granted: Consent) -> None:
        granted.json("grant", another_brand(granted), "--yes")
        answer = granted("retire", "--yes")
        assert answer.code == 2 and "--account" in answer.err
        first, second = of_brand(granted, "Maison Aurelle"), of_brand(granted, "Bazaar")
        granted.json("retire", "--account", second["address"], "--yes")
        granted.json("grant", granted.folder / "bazaar.json", "--yes")
        assert granted("verify", granted.grant).code == 0 and of_brand(granted, "Maison Aurelle") == first
        old, new = (account for account in accounts(granted) if account["name"] == "Bazaar")
        assert old == second and (new["generation"], new["controller"]) == (1, second["controller"])
        assert (
            f"{new['address']}  known to Bazaar ({new['controller']}), after 1 retired" in granted("keys", "list").out
        )

    @pytest.mark.parametrize("command", ["revoke-all", "retire"])
    def test_nothing_to_end(self, asked: Consent, command: str) -> None:
        answer = asked(command, "--yes")
        assert answer.code == 2 and "--wallet" in answer.err

    @pytest.mark.parametrize("name", ["0x" + "1" * 40, "0", "", "\x1b[31m"])
    def test_an_account_that_is_none(self, granted: Consent, name: str) -> None:
        answer = granted("revoke-all", "--account", name, "--yes")
        assert answer.code == 2 and "keys list" in answer.err and "\x1b" not in answer.err

    def test_what_a_key_file_granted_is_ended_with_it(self, granted: Consent) -> None:
        keyfiles.new_key(granted.folder / "alice" / "keys", "old", "")
        file = granted.json("grant", granted.folder / "request.json", "--key", "old", "--yes", "--again")["file"]
        for how in ([], ["--open", "--yes"]):
            assert granted("revoke", file, *how).code == 0
        assert no_of(granted("verify", file)) == (1, "Revoked")

    def test_all_of_one_brand(self, granted: Consent) -> None:
        """(item 11) By its address or by what it calls itself; what has ended needs no transaction."""
        mine, other = granted.grant, granted.json("grant", another_brand(granted), "--yes")["file"]
        twin = granted.json("grant", granted.folder / "request.json", "--yes", "--again")["file"]
        said = granted.json("revoke", "--brand", "maison aurelle")
        assert [each["transaction"]["sender"] for each in said["ended"]] and len(said["ended"]) == 2
        assert [no_of(granted("verify", file)) for file in (mine, twin)] == [(1, "Revoked")] * 2
        assert granted("verify", other).code == 0
        again = granted.json("revoke", "--brand", granted.json("keys", "show", who="aurelle")["address"])
        assert [each["transaction"] for each in again["ended"]] == [None, None]
        assert granted("revoke", "--brand", "nobody").code == 2 and granted("revoke").code == 2

    def test_in_a_terminal_it_is_asked_once(self, granted: Consent) -> None:
        """(item 11) By mistake nothing ends; without a terminal nothing waits for an answer."""
        no = granted("revoke", granted.grant, typed="n\n")
        assert no.code == 1 and no.err.count("[y/N]") == 1 and "This ends: I allow Maison" in no.err
        assert granted("verify", granted.grant).code == 0
        yes = granted("revoke", granted.grant, typed="y\n")
        assert yes.code == 0 and yes.err.count("[y/N]") == 1
        again = granted("revoke", granted.grant, "--yes")
        assert again.code == 0 and "it was done before" in again.out

    @pytest.mark.parametrize("how", [[], ["--open", "--yes"]])
    def test_only_grants_are_revoked(self, asked: Consent, how: list[str]) -> None:
        refusal = asked.json("refuse", asked.folder / "request.json", "--yes")["file"]
        for file in (refusal, asked.folder / "request.json"):
            answer = asked("revoke", file, *how)
            assert answer.code == 2 and "not a Grant" in answer.err


class TestRecovering:
    def lost(self, world: Consent) -> str:
        """Alice's words; nothing else of her home is left."""
        kept = words(world)
        shutil.rmtree(world.folder / "alice")
        return kept

    def test_words_and_a_brands_copy_end_a_grant(self, accepted: Consent) -> None:
        copy = next((accepted.folder / "aurelle" / "evidence").iterdir())
        answer = with_words(accepted, self.lost(accepted).upper(), "recover", phrase=PHRASE)
        assert answer.code == 0, answer
        accepted.json("revoke", copy, phrase=PHRASE)
        assert no_of(accepted("verify", copy)) == (1, "Revoked")
        (account,) = accounts(accepted, phrase=PHRASE)
        assert account["address"] == json.loads(copy.read_bytes())["statement"]["message"]["subject"]

    def test_openly_too(self, accepted: Consent) -> None:
        copy = next((accepted.folder / "aurelle" / "evidence").iterdir())
        assert with_words(accepted, self.lost(accepted), "recover", phrase=PHRASE).code == 0
        account = json.loads(copy.read_bytes())["statement"]["message"]["subject"]
        answer = accepted("revoke", copy, "--open", "--yes", phrase=PHRASE)
        assert answer.code == 0 and account in answer.err
        assert no_of(accepted("verify", copy)) == (1, "Revoked")

    def test_each_brand_gets_the_account_of_before(self, granted: Consent) -> None:
        before = of_brand(granted, "Maison Aurelle")
        assert with_words(granted, self.lost(granted), "recover", phrase=PHRASE).code == 0
        assert granted("keys", "list", phrase=PHRASE).out.startswith("no accounts here yet")
        granted.json("grant", another_brand(granted), "--yes", phrase=PHRASE)
        granted.json("grant", granted.folder / "request.json", "--yes", phrase=PHRASE)
        assert of_brand(granted, "Maison Aurelle", phrase=PHRASE) == before
        assert of_brand(granted, "Bazaar", phrase=PHRASE)["address"] != before["address"]

    def test_kept_evidence_lists_an_account_without_the_index(self, granted: Consent) -> None:
        before = accounts(granted)
        shutil.rmtree(granted.folder / "alice" / "vault")
        assert accounts(granted) == before
        assert granted("revoke-all", "--yes").code == 0 and no_of(granted("verify", granted.grant)) == (1, "Revoked")

    def test_superseding_what_a_brand_sent_back(self, granted: Consent) -> None:
        copy = granted.folder / "copy.json"
        shutil.copy(granted.grant, copy)
        assert with_words(granted, self.lost(granted), "recover", phrase=PHRASE).code == 0
        line = ["grant", granted.folder / "request.json", "--supersedes", copy, "--yes"]
        assert "superseded" in granted.json(*line, phrase=PHRASE)
        assert no_of(granted("verify", copy)) == (1, "Revoked") and granted("verify", granted.grant).code == 0

    def test_the_indexs_cid_brings_back_the_vault(self, granted: Consent) -> None:
        index = granted.json("vault", "list")["index"]
        assert index in granted("vault", "list").err
        before = (granted.json("vault", "list"), accounts(granted)[0]["address"])
        answer = with_words(granted, self.lost(granted), "recover", "--index", index, phrase=PHRASE)
        assert answer.code == 0, answer
        after = (granted.json("vault", "list", phrase=PHRASE), accounts(granted, phrase=PHRASE)[0]["address"])
        assert after == before

    @pytest.mark.parametrize("index", ["bafkrei", "bafkrei" + "a" * 52])
    def test_an_index_that_is_not_there_makes_nothing(self, granted: Consent, index: str) -> None:
        answer = with_words(granted, self.lost(granted), "recover", "--index", index, phrase=PHRASE)
        assert answer.code in (2, 3) and not (granted.folder / "alice").exists()

    def test_another_persons_words_open_no_vault(self, granted: Consent) -> None:
        index = granted.json("vault", "list")["index"]
        answer = with_words(granted, words(granted, "stranger"), "recover", "--index", index, who="new", phrase=PHRASE)
        assert no_of(answer) == (1, "NotARecipient") and not (granted.folder / "new").exists()

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("", "there are 0"),
            ("abandon " * 23, "there are 23"),
            ("abandon " * 24, "checksum"),
            ("abandon " * 22 + "hunter2 art", "number 23"),
            ("café " * 24, "plain letters"),
            ("abandon " * 1000, "at most 4,096 bytes"),
        ],
    )
    def test_words_that_are_none(self, asked: Consent, text: str, said: str) -> None:
        answer = with_words(asked, text, "recover", who="new", phrase=PHRASE)
        assert answer.code == 2 and said in answer.err and "abandon" not in answer.err and "hunter2" not in answer.err
        assert not (asked.folder / "new").exists()

    def test_no_terminal_and_no_descriptor(self, asked: Consent) -> None:
        answer = asked("recover", who="new", phrase=PHRASE)
        assert answer.code == 2 and "--words-fd N" in answer.err

    def test_not_over_another_home(self, asked: Consent) -> None:
        answer = asked("recover")
        assert answer.code == 2 and "is a home already" in answer.err


def test_words_come_through_a_descriptor_that_was_named(asked: Consent) -> None:
    reading, writing = os.pipe()
    answer = asked("init", "--words-fd", writing, who="bob", phrase=PHRASE)
    again = asked("keys", "words", "--words-fd", writing, who="bob", phrase=PHRASE)
    os.close(writing)
    with os.fdopen(reading) as file:
        lines = file.read().splitlines()
    assert lines == [words(asked, "bob", PHRASE)] * 2
    assert (answer.code, again.code, again.out) == (0, 0, "") and lines[0][:20] not in answer.out + answer.err


@pytest.mark.parametrize("descriptor", ["9999", "9" * 30])
def test_a_descriptor_that_cannot_be_written(asked: Consent, descriptor: str) -> None:
    answer = asked("keys", "words", "--words-fd", descriptor)
    assert answer.code == 2 and "cannot be written" in answer.err


def test_one_descriptor_gives_one_secret(asked: Consent) -> None:
    answer = asked("recover", "--words-fd", "7", "--passphrase-fd", "7", who="new")
    assert answer.code == 2 and "Use two" in answer.err


@pytest.mark.parametrize("line", [["init", "--later"], ["init"]])
def test_no_words_reach_a_pipe(asked: Consent, line: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    answer = asked(*line, who="bob", typed="", phrase=PHRASE)
    assert answer.code == 0 and "`consent keys words` shows the words" in answer.out and answer.err == ""
    assert not sys.stderr.isatty() and asked("keys", "words", who="bob", typed="", phrase=PHRASE).code == 2
