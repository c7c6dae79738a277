"""The person's app in real Chromium on the devnet: a new person, and one who comes from the command line."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from registry.brand.consent_client import ConsentClient
from registry.wallets.derived import account_for
from registry.wallets.mnemonic import seed_of, words_of
from tests.support.app_stage import App
from tests.support.devnet_runs import Run
from tests.support.notary_runs import until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="what is left running is looked up in /proc"),
]
WHAT = ("dpv:Personalisation", ["pd:Purchase"])
SEED = bytes(range(100, 132))


def secrets_of(words: list[str]) -> list[str]:
    """What may never leave the browser: the words, the seed as hex, and as Latin-1 text."""
    seed = seed_of(words)
    return [" ".join(words), " ".join(words[:3]), seed.hex(), seed.decode("latin-1")]


def chosen(app: App) -> None:
    boxes = app.page.get_by_role("checkbox").all()
    assert boxes and not any(box.is_checked() for box in boxes)
    for box in boxes:
        box.check()


def test_a_new_person_allows_sees_and_ends(run: Run, start: Callable[..., App]) -> None:
    app, shop = start(), ConsentClient(run.ready["brandInternal"])
    app.follow(run.ready["request"])
    app.page.get_by_text("says that this account speaks for it").wait_for()
    app.press("Allow what I chose")
    app.page.get_by_text("Choose at least one purpose").wait_for()
    assert app.faults() == []
    chosen(app)
    app.press("Allow what I chose")
    app.page.get_by_role("button", name="Begin with a passkey").click()
    words = app.write_down()
    app.heading("You allow this")
    app.press("Sign")
    app.heading("Done")
    assert app.faults() == []
    app.link("See the receipt")
    app.heading("Receipt")
    subject = account_for(seed_of(words), run.ready["accounts"]["brand"]["address"]).address
    assert app.page.get_by_text(subject).is_visible()
    until(lambda: shop.allowed(subject, *WHAT, fresh=True).allowed)
    app.page.goto(f"{app.url}#list")
    app.heading("Your consents")
    app.page.get_by_role("link", name="Allowed").click()
    app.link("End this")
    app.press("End it now")
    app.heading("Ended. The chain shows it.")
    until(lambda: not shop.allowed(subject, *WHAT, fresh=True).allowed)
    told, kept = "\n".join(app.sent), app.kept()
    for secret in secrets_of(words):
        assert secret not in told and secret not in kept
    assert "shop.example" not in kept and subject not in kept
    # An ending reveals its own secret, and that shows that the search finds what is there.
    assert '"secret":"0x' in told


def test_what_leaks_would_be_found(run: Run, start: Callable[..., App]) -> None:
    app = start()
    app.follow(run.ready["request"])
    app.page.evaluate(
        "text => fetch(`/?${encodeURIComponent('a')}`, {method: 'POST', body: text}).catch(() => 0)", SEED.hex()
    )
    app.page.evaluate("text => localStorage.setItem('x', text)", SEED.hex())
    assert SEED.hex() in "\n".join(app.sent) and SEED.hex() in app.kept()


def test_the_command_lines_words_give_the_same_accounts_and_a_refusal_is_as_short(
    run: Run, start: Callable[..., App]
) -> None:
    app = start()
    app.follow(run.ready["request"])
    app.press("Refuse")
    app.page.get_by_role("button", name="I have 24 words").click()
    app.page.get_by_label("Your 24 words").fill(" ".join(words_of(SEED)))
    app.press("Continue")
    app.page.get_by_role("button", name="Begin with a passphrase").click()
    app.page.get_by_label("Passphrase", exact=True).fill("five words are long enough")
    app.page.get_by_label("Passphrase again").fill("five words are long enough")
    app.press("Make my key")
    app.heading("You refuse this")
    app.press("Sign")
    app.heading("Done")
    app.link("See the receipt")
    app.heading("Receipt")
    expected = account_for(SEED, run.ready["accounts"]["brand"]["address"]).address
    assert app.page.get_by_text(expected).is_visible()
    app.page.reload()
    app.heading("Open your consents")
    app.page.get_by_label("Passphrase").fill("another one, quite wrong")
    app.press("Open")
    app.page.get_by_text("That is not the passphrase").wait_for()
    app.page.get_by_label("Passphrase").fill("five words are long enough")
    app.press("Open")
    app.heading("Receipt")


def test_a_phone_in_the_dark_has_no_sideways_scroll(run: Run, start: Callable[..., App], tmp_path: Path) -> None:
    app = start(viewport={"width": 320, "height": 700}, color_scheme="dark")
    app.follow(run.ready["request"])
    assert app.page.evaluate("document.documentElement.scrollWidth") <= 320
    assert app.faults() == []
