"""The 24 words at a real terminal: shown apart, asked back, taken in without echo, and left nowhere."""

from __future__ import annotations

import re

import pytest

from registry.client.home import Home
from registry.wallets.mnemonic import words_of
from tests.cli.test_cli_process import Screen, plain
from tests.support.consent_world import Consent

pytestmark = pytest.mark.slow
PHRASE = "sesame lantern orbit"
ASIDE, BACK = "\x1b[?1049h", "\x1b[?1049l"


def answer(screen: Screen, prompt: str, text: str) -> str:
    """Type this once the prompt is there; everything that was shown until then."""
    shown = screen.until(prompt)
    screen.shown = ""
    screen.type(text + "\n")
    return shown


def new_passphrase(screen: Screen) -> None:
    for prompt in ("best of a few words: ", "The same again: "):
        answer(screen, prompt, PHRASE)


def words_in(shown: str) -> list[str]:
    places = {int(n): word for n, word in re.findall(r"(\d+) ([a-z]+)", "\n".join(plain(shown.split(ASIDE)[1])))}
    return [places[n] for n in range(1, 25)]


def check_back(screen: Screen, words: list[str]) -> None:
    for _ in range(3):
        screen.until("Word ")
        place = re.search(r"Word (\d+): ", screen.until(": "))
        assert place is not None
        answer(screen, place[0], words[int(place[1]) - 1].upper())


def test_init_shows_the_words_once_and_asks_for_some(asked: Consent) -> None:
    screen = Screen(asked, "init", "--home", asked.folder / "bob")
    new_passphrase(screen)
    shown = answer(screen, "are asked back: ", "")
    assert "Back up this folder" in shown.split(ASIDE)[0] and BACK not in shown
    words = words_in(shown)
    assert words == list(words_of(Home(asked.folder / "bob").seed(PHRASE)))
    assert max(map(len, plain(shown.split(ASIDE)[1]))) <= 80
    # Wrong answers show them again.
    for _ in range(3):
        assert words[0] not in answer(screen, "Word ", "zzz").split(BACK)[-1]
    assert words_in(answer(screen, "are asked back: ", "")) == words
    check_back(screen, words)
    screen.until("That is right.")
    assert screen.ends() == 0
    # Our own sentence may have a word of the list, such as "paper".
    left = screen.shown.split(BACK)[-1].replace("That is right. Keep the paper where nobody else can read it.", "")
    assert not set(words) & set(re.findall("[a-z]+", left))


def test_the_words_can_be_had_later(asked: Consent) -> None:
    screen = Screen(asked, "init", "--later", "--home", asked.folder / "bob")
    new_passphrase(screen)
    assert screen.ends() == 0 and ASIDE not in screen.shown
    screen = Screen(asked, "keys", "words", "--home", asked.folder / "bob")
    answer(screen, "Passphrase: ", PHRASE)
    words = words_in(answer(screen, "are asked back: ", ""))
    check_back(screen, words)
    screen.until("That is right.")
    assert screen.ends() == 0


@pytest.mark.parametrize("key", ["\x03", "\x04"])
def test_leaving_while_they_are_shown_takes_them_off_the_screen(asked: Consent, key: str) -> None:
    screen = Screen(asked, "keys", "words")
    screen.until("are asked back: ")
    screen.type(key)
    assert screen.ends() == 130 and BACK in screen.shown and "Traceback" not in screen.shown


def test_a_terminal_that_has_no_other_screen(asked: Consent) -> None:
    screen = Screen(asked, "keys", "words", TERM="dumb")
    screen.until("are asked back: ")
    assert "\x1b" not in screen.shown
    screen.type("\x03")
    assert screen.ends() == 130


def test_recovering_at_a_terminal(asked: Consent) -> None:
    words = list(words_of(Home(asked.folder / "alice").seed("")))
    screen = Screen(asked, "recover", "--home", asked.folder / "new")
    answer(screen, "with spaces between: ", " ".join(words[:-1]))
    assert "there are 23" in answer(screen, "with spaces between: ", " ".join(words[:-2] + words[:-3:-1]))
    shown = screen.until("with spaces between: ")
    assert "checksum" in shown and not set(words) & set(re.findall("[a-z]+", shown.split("fit")[0]))
    # The fourth letter tells, so what follows it may be wrong.
    typed = ["  ".join(words[:6]), f"{words[6][:4]}qqqq", " ".join(words[7:])]
    shown = answer(screen, "with spaces between: ", " ".join(typed).upper())
    assert "qqqq" not in shown
    shown = answer(screen, f"Enter for {words[6]}): ", "")
    assert "Word 7 is not in the list." in shown and words[7] not in shown
    new_passphrase(screen)
    assert screen.ends() == 0
    assert Home(asked.folder / "new").seed(PHRASE) == Home(asked.folder / "alice").seed("")
