"""Ctrl-C while a wallet sends: what was sent, or may have been, is said however often it is pressed."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from registry.wallets import page_protocol
from registry.wallets.browser import BrowserWallet
from tests.support.browser_stage import ALICE
from tests.wallets.browser.test_page_server import Client

pytestmark = pytest.mark.slow

HASH = "0x" + "ab" * 32
TX = {"to": ALICE, "data": "0x", "value": 0}


def interrupted(does: Callable[[Client], object]) -> list[str]:
    """What is noted where a page does this, and both the work and the farewell are interrupted."""
    notes: list[str] = []

    def opened(url: str) -> None:
        client = Client(url)
        client.claim()
        threading.Thread(target=does, args=(client,), daemon=True).start()

    wallet = BrowserWallet(1, note=notes.append, account=ALICE, opener=opened, seconds=30)
    with pytest.raises(KeyboardInterrupt), wallet:
        wallet.send_transaction(TX)
    assert wallet._open is None
    return notes[1:]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    def pressed(_self: page_protocol.Page) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(page_protocol.Page, "farewell", pressed)


def test_the_hash_is_known() -> None:
    def sends(client: Client) -> None:
        client.tell("asked", 1)
        client.tell("answer", HASH)

    assert interrupted(sends) == [f"The wallet sent transaction {HASH}."]


@pytest.mark.parametrize("asked", [True, False])
def test_nothing_is_known(monkeypatch: pytest.MonkeyPatch, asked: bool) -> None:
    came = threading.Event()

    def pressed(_self: page_protocol.Page) -> None:
        assert came.wait(20)
        raise KeyboardInterrupt

    def asks(client: Client) -> None:
        if asked:
            client.tell("asked", 1)
        came.set()

    monkeypatch.setattr(page_protocol.Page, "wait", pressed)
    notes = interrupted(asks)
    assert [note for note in notes if "may have sent" in note] == notes and len(notes) == asked
