"""Guardians on the command line: shares in files or at a terminal, and a seed that comes back from enough of them."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest

from registry.cli.commands import keys_guardians
from registry.client.home import Home
from registry.core.crypto.seeds import fingerprint
from registry.wallets import keyfiles
from registry.wallets.shares import WORDS, join_seed, parse_share, split_seed
from tests.cli.test_cli_mnemonic import ASIDE, BACK, answer, new_passphrase
from tests.cli.test_cli_process import Screen, plain
from tests.support.consent_world import Consent, files_in

PHRASE = "sesame lantern orbit"


def seed_of(world: Consent, who: str = "alice", phrase: str = "") -> bytes:
    return Home(world.folder / who).seed(phrase)


def split(world: Consent, *more: object, who: str = "alice") -> list[str]:
    made = world.json(
        "keys", "guardians", "split", "--shares", 3, "--needed", 2, "--out", world.folder / "shares", who=who
    )
    files: list[str] = made["files"]
    assert made == {"shares": 3, "needed": 2, "fingerprint": fingerprint(seed_of(world, who)), "files": files}
    return files


class TestSplitting:
    def test_each_share_has_a_file_of_its_own(self, asked: Consent) -> None:
        files = [Path(name) for name in split(asked)]
        assert [file.name for file in files] == ["share-1.txt", "share-2.txt", "share-3.txt"]
        assert stat.S_IMODE(files[0].parent.stat().st_mode) == 0o700
        assert sorted(files) == sorted(files[0].parent.iterdir())
        for file in files:
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
            assert re.fullmatch(rf"(?:[a-z]+ ){{{WORDS - 1}}}[a-z]+\n", file.read_text())

    def test_no_share_is_printed(self, asked: Consent) -> None:
        line = ["keys", "guardians", "split", "--shares", "3", "--needed", "2", "--out", asked.folder / "shares"]
        answer = asked(*line, "-v")
        text = (asked.folder / "shares" / "share-1.txt").read_text().strip()
        assert answer.code == 0 and text[:20] not in answer.out + answer.err
        assert fingerprint(seed_of(asked)) in answer.out and "any 2 of them" in answer.out

    def test_an_existing_folder_is_left_alone(self, asked: Consent) -> None:
        (first, *_) = split(asked)
        kept = Path(first).read_text()
        again = asked("keys", "guardians", "split", "--shares", 3, "--needed", 2, "--out", asked.folder / "shares")
        assert again.code == 2 and "exists already" in again.err and Path(first).read_text() == kept

    @pytest.mark.parametrize(
        ("line", "said"),
        [
            (["--shares", "3", "--needed", "4"], "4 shares are needed"),
            (["--shares", "3", "--needed", "1"], "greater than or equal to 2"),
            (["--shares", "17", "--needed", "2"], "less than or equal to 16"),
            (["--shares", "3"], "needed"),
            (["--shares", "3", "--needed", "2"], "only at a terminal"),
        ],
    )
    def test_what_makes_no_shares(self, asked: Consent, line: list[str], said: str) -> None:
        answer = asked("keys", "guardians", "split", *line)
        assert answer.code == 2 and said in answer.err

    def test_a_wrong_passphrase_makes_none(self, asked: Consent) -> None:
        asked.json("init", who="bob", phrase=PHRASE)
        line = ["--shares", "3", "--needed", "2", "--out", asked.folder / "shares"]
        assert asked("keys", "guardians", "split", *line, who="bob", phrase="wrong").code == 2
        assert not (asked.folder / "shares").exists()

    def test_shares_that_nobody_checked_are_told(self, asked: Consent, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(keys_guardians, "at_terminal", lambda: True)
        monkeypatch.setattr(keys_guardians, "show_checked", lambda _, words, what, warning: "share 2" not in what)
        answer = asked("keys", "guardians", "split", "--shares", "3", "--needed", "2")
        assert answer.code == 0 and "Not checked: share 2. Split again" in answer.err


class TestJoining:
    def test_a_lost_home_is_made_again(self, granted: Consent) -> None:
        seed, index, files = seed_of(granted), granted.json("vault", "list")["index"], split(granted)
        before = granted.json("vault", "list")
        line = ["keys", "guardians", "join", files[2], files[0], "--index", index]
        answer = granted(*line, who="new", phrase=PHRASE)
        assert answer.code == 0 and seed_of(granted, "new", PHRASE) == seed
        assert answer.err.count(fingerprint(seed)) == answer.out.count(fingerprint(seed)) == 1
        assert granted.json("vault", "list", who="new", phrase=PHRASE) == before

    def test_a_lost_passphrase_is_replaced(self, asked: Consent) -> None:
        asked.json("init", "--brand", who="bob", phrase=PHRASE)
        seed = seed_of(asked, "bob", PHRASE)
        shares = split_seed(seed, 3, 2)
        files = [asked.folder / f"of-{number}" for number in range(2)]
        for file, words in zip(files, shares, strict=False):
            file.write_text(words)
        answer = asked("keys", "guardians", "join", *files, who="bob", phrase="violet anchor thunder")
        assert answer.code == 0, answer
        assert seed_of(asked, "bob", "violet anchor thunder") == seed
        assert "key files keep the passphrases" in answer.err
        assert keyfiles.open_key(asked.folder / "bob" / "keys", "main", PHRASE).address

    def test_another_persons_shares_change_nothing(self, asked: Consent) -> None:
        files, before = split(asked, who="stranger"), files_in(asked.folder / "alice")
        answer = asked("keys", "guardians", "join", *files, phrase=PHRASE)
        assert answer.code == 2 and files_in(asked.folder / "alice") == before
        for who in ("alice", "stranger"):
            assert fingerprint(seed_of(asked, who)) in answer.err

    def test_an_index_belongs_to_a_new_home(self, asked: Consent) -> None:
        answer = asked("keys", "guardians", "join", *split(asked), "--index", "bafk", phrase=PHRASE)
        assert answer.code == 2 and "--index" in answer.err and seed_of(asked, phrase="")

    def test_what_restores_nothing(self, asked: Consent, tmp_path: Path) -> None:
        files, strange = split(asked), tmp_path / "strange"
        words = Path(files[0]).read_text().split()

        def said(*shares: object) -> str:
            answer = asked("keys", "guardians", "join", *shares, who="new", phrase=PHRASE)
            assert answer.code == 2 and not (asked.folder / "new").exists()
            assert not re.search(rf"\b{words[10]} {words[11]}\b", answer.out + answer.err)
            return answer.err

        assert "2 shares are needed, and there are 1" in said(files[0])
        assert "given before" in said(files[0], files[0])
        assert "cannot be read" in said(files[0], tmp_path / "none")
        assert "no terminal to ask at" in said()
        strange.write_text(" ".join([*words[:-1], "hunter2"]))
        assert "number 33" in said(strange, files[1]) and str(strange) in said(strange, files[1])
        strange.write_bytes(b"\xff\xfe")
        assert "holds no words" in said(strange, files[1])
        strange.write_text("acid " * 100_000)
        assert "33 words" in said(strange, files[1])

    def test_a_guessable_passphrase_is_refused(self, asked: Consent) -> None:
        answer = asked("keys", "guardians", "join", *split(asked), who="new", phrase="password1")
        assert answer.code == 2 and "guessable" in answer.err and not (asked.folder / "new").exists()


@pytest.mark.slow
class TestAtATerminal:
    def shown(self, screen: Screen, number: int) -> str:
        """The words of this share, once the person has checked some of them."""
        text = answer(screen, "are asked back: ", "")
        listed = "\n".join(plain(text.split(ASIDE)[1])).split(f"They are share {number} of 3:")[1]
        words = {int(place): word for place, word in re.findall(r"(\d+) ([a-z]+)", listed.split("Write this")[0])}
        for _ in range(3):
            screen.until("Word ")
            place = re.search(r"Word (\d+): ", screen.until(": "))
            assert place is not None
            answer(screen, place[0], words[int(place[1])])
        return " ".join(words[place] for place in range(1, WORDS + 1))

    def test_shares_are_shown_one_at_a_time(self, asked: Consent) -> None:
        screen = Screen(asked, "keys", "guardians", "split", "--shares", "3", "--needed", "2")
        made = [self.shown(screen, number) for number in (1, 2, 3)]
        left = screen.until("Fingerprint").split(BACK)[-1]
        assert screen.ends() == 0 and not any(words[:20] in left for words in made)
        assert join_seed([parse_share(made[2]), parse_share(made[1])]) == seed_of(asked)

    def test_shares_are_typed_in_without_echo(self, asked: Consent) -> None:
        first, second, _ = split_seed(seed_of(asked), 3, 2)
        screen = Screen(asked, "keys", "guardians", "join", "--home", asked.folder / "new")
        answer(screen, "Share 1, its 33 words with spaces between: ", first)
        answer(screen, "Share 2, its 33 words with spaces between: ", first)
        screen.until("share 2 was given before")
        words = second.split()
        typed = [*words[:4], f"{words[4][:4]}qq", *words[5:]]
        shown = answer(screen, "Share 2, its 33 words with spaces between: ", " ".join(typed))
        shown += answer(screen, f"Word 5 again (Enter for {words[4]}): ", "")
        assert "Word 5 is not in the list." in shown and words[7] not in shown and first[:20] not in shown
        screen.until(f"Fingerprint {fingerprint(seed_of(asked))}")
        new_passphrase(screen)
        assert screen.ends() == 0 and seed_of(asked, "new", PHRASE) == seed_of(asked)

    def test_leaving_takes_a_share_off_the_screen(self, asked: Consent) -> None:
        screen = Screen(asked, "keys", "guardians", "split", "--shares", "3", "--needed", "2")
        screen.until("are asked back: ")
        screen.type("\x03")
        assert screen.ends() == 130 and BACK in screen.shown and "Traceback" not in screen.shown
