"""Commands whose page grants nothing: it says why, the terminal does too, and the exit code tells programs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from registry.core.scalars import to_hex, unhex
from registry.wallets.keystore import CURVE_ORDER
from tests.support.browser_commands import SIGN, World, at_page
from tests.support.browser_stage import ALICE, BOB, Browser, Stub, WalletError, emit

pytestmark = pytest.mark.slow

Browse = Callable[..., Browser]


def _foreign(stub: Stub, params: Any) -> str:
    return stub.sign([BOB, params[1]])


def _high_s(stub: Stub, params: Any) -> str:
    raw = unhex(stub.sign(params))
    s = CURVE_ORDER - int.from_bytes(raw[32:64], "big")
    return to_hex(raw[:32] + s.to_bytes(32, "big") + bytes([55 - raw[64]]))


class TestHowItEnds:
    """Nothing is granted; the page says why, the terminal does too, and the exit code tells programs."""

    @pytest.mark.parametrize(
        ("answers", "presses", "heading", "code", "error", "message"),
        [
            (
                {"eth_signTypedData_v4": WalletError(4001)},
                SIGN,
                "Nothing was signed",
                1,
                "Rejected",
                "no in the wallet",
            ),
            ({"eth_signTypedData_v4": None}, SIGN, "That is of no use", 1, "Rejected", "returned nothing"),
            ({"eth_signTypedData_v4": "0x" + "11" * 64}, SIGN, "That is of no use", 1, "Rejected", "65 bytes"),
            ({"eth_signTypedData_v4": _foreign}, SIGN, "That is of no use", 1, "Rejected", "another account's"),
            ({"eth_signTypedData_v4": _high_s}, SIGN, "That is of no use", 1, "Rejected", "high s"),
            ({}, ("Marmot", "Do not sign"), "Nothing was signed", 1, "Rejected", "you said no"),
        ],
    )
    def test_a_no(
        self,
        world: World,
        alice: Browser,
        answers: dict[str, Any],
        presses: tuple[str, ...],
        heading: str,
        code: int,
        error: str,
        message: str,
    ) -> None:
        wallet = next(iter(alice.stubs.values()))
        wallet.answers = {name: _answer(wallet, value) for name, value in answers.items()}
        command = world.start("alice", "grant", world.request, "--wallet", "browser")
        at_page(alice, command, *presses, end=heading)
        ended = command.ends(code)
        assert ended["error"] == error and message in ended["message"] and ended["advice"]
        assert not list((world.folder / "alice").glob("evidence/*"))

    @pytest.mark.parametrize(
        ("change", "said", "message"),
        [
            ({"answers": {"eth_requestAccounts": []}}, "Your wallet is locked", "the wallet is locked"),
            ({"accounts": [BOB]}, "this is for", "the wallet offers another account"),
            (
                {"chain": 5, "answers": {"wallet_switchEthereumChain": None}},
                "another chain",
                "the wallet stays on another chain",
            ),
        ],
        ids=["locked", "account", "chain"],
    )
    def test_a_wallet_that_cannot_be_used_as_it_is(
        self, world: World, browse: Browse, stub: Stub, change: dict[str, Any], said: str, message: str
    ) -> None:
        browser = browse(replace(stub, **change))
        command = world.start("alice", "grant", world.request, "--wallet", f"browser:{ALICE}")
        page = browser.open(command.url)
        page.get_by_role("button", name="Marmot").click()
        page.locator("#note.problem", has_text=said).wait_for()
        page.get_by_role("button", name="Stop").click()
        page.get_by_role("heading", name="Nothing was signed", exact=True).wait_for()
        ended = command.ends(2)
        assert ended["error"] == "InvalidInput" and message in ended["message"]
        assert f"On the page: {message}" in command.said

    @pytest.mark.parametrize("event", ["accountsChanged", "chainChanged"])
    def test_something_changes_in_the_middle(self, world: World, alice: Browser, event: str) -> None:
        command = world.start("alice", "grant", world.request, "--wallet", "browser")
        page = alice.open(command.url)
        page.get_by_role("button", name="Marmot").click()
        page.get_by_role("button", name="Sign with").wait_for()
        emit(page, next(iter(alice.stubs.values())), event, [BOB] if event == "accountsChanged" else "0x5")
        page.locator("#note.problem").wait_for()
        page.get_by_role("button", name="Do not sign").click()
        page.get_by_role("heading", name="Nothing was signed", exact=True).wait_for()
        ended = command.ends(2)
        assert ended["error"] == "InvalidInput" and "was changed in the wallet" in ended["message"]

    def test_control_c(self, world: World, alice: Browser) -> None:
        command = world.start("alice", "grant", world.request, "--wallet", "browser")
        page = alice.open(command.url)
        page.get_by_role("button", name="Marmot").click()
        page.get_by_role("button", name="Sign with").wait_for()
        command.interrupt()
        page.get_by_text("It was interrupted in the terminal.").wait_for()
        command.is_interrupted()
        assert not list((world.folder / "alice").glob("evidence/*"))

    def test_nobody_comes(self, world: World, alice: Browser) -> None:
        command = world.start("alice", "grant", world.request, "--wallet", "browser", page_seconds="8")
        page = alice.open(command.url)
        page.get_by_role("button", name="Marmot").click()
        page.get_by_text("The time is over.").wait_for()
        assert command.ends(3)["error"] == "CouldNotCheck"

    def test_the_page_is_closed(self, world: World, alice: Browser) -> None:
        command = world.start("alice", "grant", world.request, "--wallet", "browser")
        page = alice.open(command.url)
        page.get_by_role("button", name="Marmot").wait_for()
        page.close(run_before_unload=True)
        ended = command.ends(3)
        assert ended["error"] == "CouldNotCheck" and "closed" in ended["message"]

    def test_the_page_hears_what_stopped_the_command(self, world: World, alice: Browser) -> None:
        """A purpose that was not asked for: found when the account is known, and said in both places."""
        command = world.start(
            "alice", "grant", world.request, "--purpose", "dpv:DirectMarketing", "--wallet", "browser"
        )
        page = alice.open(command.url)
        page.get_by_role("button", name="Marmot").click()
        page.locator("#view", has_text="was not asked for").wait_for()
        assert command.ends(2)["error"] == "InvalidInput"


def _answer(stub: Stub, value: Any) -> Any:
    if callable(value):
        return partial(value, stub)
    if isinstance(value, WalletError):

        def refuse(_params: Any) -> Any:
            raise value

        return refuse
    return value
