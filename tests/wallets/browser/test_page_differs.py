"""The page reads again what it shows, and where it reads anything else than the terminal, nothing is signed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from registry.cli.exit_codes import exit_code
from registry.core.errors import InvalidInput
from registry.core.scalars import to_hex
from registry.core.statements.typed_data import digest, parse_typed_data
from registry.present.summary import SigningSummary, summary_of_typed_data
from registry.wallets import browser
from tests.support.browser_stage import BOB, Browser, Stub, Terminal, demo_grant, demo_notice, signing

pytestmark = pytest.mark.slow

Browse = Callable[..., Browser]
WORDS, TYPED = demo_grant()
EXACTLY = "Exactly what your wallet receives"


def opened(browse: Browse, stub: Stub, words: SigningSummary) -> tuple[Terminal, Any]:
    terminal = Terminal(signing(words, TYPED))
    page = browse(stub).open(terminal.url)
    page.get_by_role("button", name="Marmot").click()
    page.get_by_role("button", name="Sign with").wait_for()
    return terminal, page


def refused(terminal: Terminal, page: Any, stub: Stub, part: str) -> None:
    """Nothing can be signed; page and terminal say why."""
    page.locator("#note.problem", has_text=f"do not read this in the same way ({part})").wait_for()
    assert page.get_by_role("button", name="Sign with").is_disabled()
    page.get_by_text(EXACTLY).click()
    assert page.get_by_text("computed here again").count() == 0
    page.get_by_role("button", name="Do not sign").click()
    page.get_by_role("heading", name="Nothing was signed").wait_for()
    error = terminal.error()
    assert isinstance(error, InvalidInput) and "reads this in another way" in str(error) and exit_code(error) == 2
    assert "eth_signTypedData_v4" not in stub.methods()
    assert terminal.notes[1].startswith("On the page: the page reads this in another way")


def test_the_page_says_what_it_computed(browse: Browse, stub: Stub) -> None:
    terminal, page = opened(browse, stub, WORDS)
    page.get_by_text(EXACTLY).click()
    page.get_by_text(f"Its hash, computed here again: {to_hex(digest(*parse_typed_data(TYPED)))}").wait_for()
    assert page.get_by_text("wrote the sentence again from the brand’s notice").is_visible()
    page.get_by_role("button", name="Sign with").click()
    page.get_by_role("heading", name="Signed", exact=True).wait_for()
    assert terminal.result()


def test_without_a_notice_it_does_not_say_that_it_wrote_the_sentence(browse: Browse, stub: Stub) -> None:
    terminal, page = opened(browse, stub, summary_of_typed_data(TYPED))
    page.get_by_text(EXACTLY).click()
    assert page.get_by_text("computed here again").is_visible()
    assert page.get_by_text("wrote the sentence again").count() == 0
    page.get_by_role("button", name="Sign with").click()
    page.get_by_role("heading", name="Signed", exact=True).wait_for()
    assert terminal.result()


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"sentence": "I allow nothing."}, "sentence"),
        ({"data": WORDS.data[:1]}, "scope"),
        ({"until": 1}, "scope"),
        ({"account": BOB}, "account"),
        ({"name": "Maison Bertin"}, "notice"),
        ({"notice": WORDS.notice.replace("Aurelle", "Bertin")}, "notice"),
    ],
)
def test_words_that_are_not_those_of_the_statement(
    browse: Browse, stub: Stub, change: dict[str, Any], part: str
) -> None:
    terminal, page = opened(browse, stub, replace(WORDS, **change))
    refused(terminal, page, stub, part)


def test_a_digest_that_is_another_one(browse: Browse, stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if Python and TypeScript hashed one statement in two ways."""
    monkeypatch.setattr(browser, "checked_statement", lambda typed: (None, bytes(32)))
    refused(*opened(browse, stub, WORDS), stub, "hash")


def test_it_stays_refused_whatever_happens_and_in_french(browse: Browse, stub: Stub) -> None:
    terminal, page = opened(browse, stub, replace(WORDS, until=1))
    page.get_by_role("button", name="Français").click()
    page.locator("#note.problem", has_text="ne lisent pas ceci de la même façon").wait_for()
    page.evaluate("([rdns]) => window.emitStub(rdns, 'chainChanged', '0x1')", [stub.rdns])
    page.wait_for_timeout(200)
    assert page.get_by_role("button", name="Signer avec Marmot").is_disabled()
    page.locator("#actions .main").evaluate("(button) => { button.disabled = false; button.click(); }")
    page.wait_for_timeout(200)
    assert "eth_signTypedData_v4" not in stub.methods()
    page.get_by_role("button", name="Ne pas signer").click()
    page.get_by_role("heading", name="Rien n’a été signé").wait_for()
    terminal.error()


def test_the_notice_travels_as_it_came() -> None:
    assert json.loads(WORDS.notice)["controller"]["name"] == demo_notice().controller.name
