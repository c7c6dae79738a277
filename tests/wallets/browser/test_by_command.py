"""The command line and Chromium together: each command as a process of its own, its page in the browser."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from registry.net.json_rpc import Call
from registry.wallets.keywallet import KeyWallet
from tests.support.browser_commands import DATUM, PURPOSE, SEND, SIGN, World, at_page
from tests.support.browser_stage import ALICE, BOB, Browser, Stub

pytestmark = pytest.mark.slow

Browse = Callable[..., Browser]


def give(world: World, alice: Browser) -> Path:
    command = world.start("alice", "grant", world.request, "--days", "90", "--wallet", "browser")
    at_page(alice, command, *SIGN, end="Signed")
    granted = command.ends()
    assert granted["kind"] == "Grant"
    assert f"You sign as {ALICE}, a wallet that you named: all brands to which it signs see this same" in command.said
    return Path(granted["file"])


def test_the_whole_story(world: World, alice: Browser, shop: Browser) -> None:
    world.request.unlink()
    command = world.start("shop", "request", *world.asking, "--wallet", "browser")
    at_page(shop, command, *SIGN, end="Signed")
    assert command.ends()["data"] == [DATUM]
    given = give(world, alice)

    command = world.start("shop", "accept", given, "--wallet", "browser")
    page = shop.open(command.url)
    page.get_by_role("button", name="Marmot").click()
    page.get_by_role("heading", name="Counter-sign a consent").wait_for()
    text = page.locator("#view").inner_text()
    message = json.loads(given.read_bytes())["statement"]["message"]
    for wanted in ("They signed", message["statement"], "Given by", ALICE, PURPOSE, DATUM, "Until"):
        assert wanted in text
    page.get_by_role("button", name="Sign with").click()
    page.get_by_role("heading", name="Signed", exact=True).wait_for()
    done = Path(command.ends()["file"])
    opened = world.run("shop", "open", done, "--out", world.folder / "opened")
    assert [bundle["category"] for bundle in opened["bundles"]] == [DATUM], "empty, and later records follow"
    question = ("--purpose", PURPOSE, "--data", DATUM, "--controller", BOB, "--accepted")
    assert world.run("shop", "verify", done, *question)["author"] == ALICE

    command = world.start("alice", "revoke", given, "--open", "--wallet", "browser", "--sender", "self")
    at_page(alice, command, *SEND, end="Sent")
    assert command.ends()["transaction"]["sender"] == ALICE
    assert world.run("shop", "verify", done, code=1)["error"] == "Revoked"


def test_somebody_else_pays(world: World, shop: Browser) -> None:
    """Alice signs in one wallet and another account pays: its page is about the hash, not about her consent."""
    command = world.start(
        "alice", "grant", world.request, "--wallet", f"rpc:#{ALICE}", "--sender", f"browser:{BOB}", "--yes"
    )
    page = shop.open(command.url)
    page.get_by_role("button", name="Marmot").click()
    page.get_by_role("heading", name="Put a hash on the chain").wait_for()
    assert "Maison Aurelle" not in page.locator("#view").inner_text()
    page.get_by_role("button", name="Send with").click()
    page.get_by_role("heading", name="Sent", exact=True).wait_for()
    assert command.ends()["anchor"]["sender"] == BOB


def test_an_ending_in_private_asks_no_wallet(world: World, alice: Browser) -> None:
    given = give(world, alice)
    asked_before = len(next(iter(alice.stubs.values())).asked)
    assert world.run("alice", "revoke", given)["transaction"]["sender"] != ALICE
    assert world.run("shop", "verify", given, code=1)["error"] == "Revoked"
    assert len(next(iter(alice.stubs.values())).asked) == asked_before


def test_a_refusal_and_the_relayed_endings(world: World, alice: Browser) -> None:
    command = world.start("alice", "refuse", world.request, "--wallet", "browser")
    at_page(alice, command, *SIGN, end="Signed")
    assert command.ends()["kind"] == "Refusal"

    given = give(world, alice)
    command = world.start("alice", "revoke", given, "--open", wallet="browser")
    at_page(alice, command, *SIGN, end="Signed")
    assert command.ends()["transaction"]["sender"] != ALICE
    assert world.run("shop", "verify", given, code=1)["error"] == "Revoked"

    given = give(world, alice)
    command = world.start("alice", "revoke-all", "--wallet", f"browser:{ALICE.lower()}")
    at_page(alice, command, *SIGN, end="Signed")
    assert command.ends()["accounts"][0]["address"] == ALICE
    assert world.run("shop", "verify", given, code=1)["error"] == "Revoked"


def test_an_address_is_retired_for_ever(world: World, browse: Browse, stub: Stub) -> None:
    key = KeyWallet(bytes.fromhex("77" * 32))
    stub.hold(key)
    browser = browse(stub)
    command = world.start("alice", "retire", "--wallet", "browser")
    at_page(browser, command, *SIGN, end="Signed")
    assert command.ends()["ended"] == "Retired"
    command = world.start("alice", "grant", world.request, "--wallet", "browser")
    at_page(browser, command, "Marmot", end="Nothing was signed")
    ended = command.ends(2)
    assert ended["error"] == "InvalidInput" and "retired for ever" in ended["message"]


def test_everything_and_for_ever_paid_by_the_account_itself(world: World, browse: Browse, stub: Stub) -> None:
    """An account of its own, because the others are needed after it; anvil sends for it without its key."""
    own = KeyWallet(bytes.fromhex("88" * 32)).address
    for method, *more in (("anvil_impersonateAccount",), ("anvil_setBalance", hex(10**18))):
        stub.node.ask(Call(method, (own, *more)))
    stub.accounts = [own]
    browser = browse(stub)
    for act, heading in (("revoke-all", "Withdraw everything"), ("retire", "Retire this account")):
        command = world.start("alice", act, "--wallet", "browser", "--sender", "self")
        page = browser.open(command.url)
        page.get_by_role("button", name="Marmot").click()
        page.get_by_role("heading", name=heading, exact=True).wait_for()
        assert f"The address {own}, and what it does here" in page.locator("#view").inner_text()
        page.get_by_role("button", name="Send with").click()
        page.get_by_role("heading", name="Sent", exact=True).wait_for()
        ended = command.ends()
        receipt = ended["accounts"][0]["transaction"] if act == "revoke-all" else ended["transaction"]
        assert receipt["sender"] == own
    assert "eth_signTypedData_v4" not in stub.methods()
