"""The command line and Chromium together: each command as a process of its own, its page in the browser."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from registry.client.homes import Home
from registry.client.networks import write_settings
from registry.ledger._jsonrpc import Call, Node
from registry.ledger.base import Deployment, write_deployment
from registry.ledger.relay import relay_key
from registry.wallets.keywallet import KeyWallet
from tests.wallets.browser.stage import ALICE, BOB, Browser, Stub, WalletError, is_refused

ROOT = Path(__file__).resolve().parents[3]
SECONDS = 60
PURPOSE, DATUM = "dpv:Personalisation", "pd:Purchase"
Browse = Callable[..., Browser]


class Command:
    """``consent ... --json`` as a process whose page somebody opens."""

    def __init__(self, folder: Path, who: str, *arguments: object, **settings: str) -> None:
        line = [sys.executable, "-m", "registry", *map(str, arguments), "--json"]
        own = {"CONSENT_NETWORK": str(folder / "network"), "CONSENT_HOME": str(folder / who), "BROWSER": "true"}
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CONSENT_")}
        self._process = subprocess.Popen(
            line,
            env=kept | own | {f"CONSENT_{name.upper()}": value for name, value in settings.items()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.said = ""
        self._urls: list[str] = []

    @property
    def url(self) -> str:
        """Where its next page is, as it says itself."""
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.said += line
            if found := re.search(r"http://127\.0\.0\.1:\d+/#\S+", line):
                self._urls.append(found[0])
                return found[0]
        raise AssertionError(self.said)

    def ends(self, code: int = 0) -> dict[str, Any]:
        """Its JSON, once it has ended with this exit code; by then nobody serves its pages."""
        try:
            out, err = self._process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise
        self.said += err
        assert self._process.returncode == code, out + self.said
        assert "Traceback" not in self.said
        assert all(is_refused(url) for url in self._urls)
        (line,) = out.splitlines()
        document: dict[str, Any] = json.loads(line)
        return document


class World:
    """Alice's key and her brand's are in their browsers; here they have a seed each, and a network that they share."""

    def __init__(self, folder: Path, url: str, deployment: Deployment) -> None:
        self.folder = folder
        network = folder / "network"
        network.mkdir()
        write_deployment(network / "deployment.json", deployment)
        relay = KeyWallet(relay_key(network / "relay.json"))
        Node(url, 10).ask(Call("anvil_setBalance", (relay.address, hex(10**20))))
        write_settings(network, rpc_url=url)
        for name in ("alice", "shop"):
            Home(folder / name).create("", None)

    def start(self, who: str, *arguments: object, **settings: str) -> Command:
        return Command(self.folder, who, *arguments, **settings)

    def run(self, who: str, *arguments: object, code: int = 0) -> dict[str, Any]:
        return self.start(who, *arguments).ends(code)

    def notice(self) -> Path:
        draft, notice = ROOT / "registry" / "data" / "demo_notice.json", self.folder / "notice.json"
        self.run("shop", "notice", "new", draft, "--out", notice, "--account", BOB)
        return notice


@pytest.fixture
def world(tmp_path: Path, anvil: tuple[str, Deployment]) -> World:
    return World(tmp_path, *anvil)


def at_page(browser: Browser, command: Command, *buttons: str, end: str) -> None:
    """Open its page, press these, see how it ends."""
    page = browser.open(command.url)
    for button in buttons:
        page.get_by_role("button", name=button).click()
    page.get_by_role("heading", name=end, exact=True).wait_for()


SIGN, SEND = ("Marmot", "Sign with"), ("Marmot", "Send with")


@pytest.fixture
def people(browse: Browse, stub: Stub) -> tuple[Browser, Browser]:
    """Alice's browser, and that of her brand."""
    return browse(stub), browse(Stub(stub.node, accounts=[BOB]))


def ask(world: World, shop: Browser) -> Path:
    notice, asked = world.notice(), world.folder / "request.json"
    options = ("--data", DATUM, "--purpose", PURPOSE, "--wallet", "browser")
    command = world.start("shop", "request", "--notice", notice, "--out", asked, *options)
    at_page(shop, command, *SIGN, end="Signed")
    assert command.ends()["data"] == [DATUM]
    return asked


def give(world: World, alice: Browser, asked: Path) -> Path:
    command = world.start("alice", "grant", asked, "--days", "90", "--wallet", "browser")
    at_page(alice, command, *SIGN, end="Signed")
    granted = command.ends()
    assert granted["kind"] == "Grant"
    assert f"You sign as {ALICE}, a wallet that you named: all brands to which it signs see this same" in command.said
    return Path(granted["file"])


def test_the_whole_story(world: World, people: tuple[Browser, Browser]) -> None:
    alice, shop = people
    (world.folder / "orders.csv").write_text("a,b\n1,2\n")
    world.run("alice", "vault", "add", world.folder / "orders.csv", "--category", DATUM)
    asked = ask(world, shop)
    given = give(world, alice, asked)

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
    assert Path(opened["files"][0]["path"]).read_text() == "a,b\n1,2\n"
    question = ("--purpose", PURPOSE, "--data", DATUM, "--controller", BOB, "--accepted")
    assert world.run("shop", "verify", done, *question)["author"] == ALICE

    command = world.start("alice", "revoke", given, "--open", "--wallet", "browser", "--sender", "self")
    at_page(alice, command, *SEND, end="Sent")
    assert command.ends()["transaction"]["sender"] == ALICE
    assert world.run("shop", "verify", done, code=1)["error"] == "Revoked"


def test_somebody_else_pays(world: World, people: tuple[Browser, Browser]) -> None:
    """Alice signs in one wallet and another account pays: its page is about the hash, not about her consent."""
    payer = people[1]
    asked = ask(world, payer)
    command = world.start("alice", "grant", asked, "--wallet", f"rpc:#{ALICE}", "--sender", f"browser:{BOB}", "--yes")
    page = payer.open(command.url)
    page.get_by_role("button", name="Marmot").click()
    page.get_by_role("heading", name="Put a hash on the chain").wait_for()
    assert "Maison Aurelle" not in page.locator("#view").inner_text()
    page.get_by_role("button", name="Send with").click()
    page.get_by_role("heading", name="Sent", exact=True).wait_for()
    assert command.ends()["anchor"]["sender"] == BOB


def test_an_ending_in_private_asks_no_wallet(world: World, people: tuple[Browser, Browser]) -> None:
    given = give(world, people[0], ask(world, people[1]))
    asked_before = len(next(iter(people[0].stubs.values())).asked)
    assert world.run("alice", "revoke", given)["transaction"]["sender"] != ALICE
    assert world.run("shop", "verify", given, code=1)["error"] == "Revoked"
    assert len(next(iter(people[0].stubs.values())).asked) == asked_before


def test_a_refusal_and_the_relayed_endings(world: World, people: tuple[Browser, Browser]) -> None:
    alice, shop = people
    asked = ask(world, shop)
    command = world.start("alice", "refuse", asked, "--wallet", "browser")
    at_page(alice, command, *SIGN, end="Signed")
    assert command.ends()["kind"] == "Refusal"

    given = give(world, alice, asked)
    command = world.start("alice", "revoke", given, "--open", wallet="browser")
    at_page(alice, command, *SIGN, end="Signed")
    assert command.ends()["transaction"]["sender"] != ALICE
    assert world.run("shop", "verify", given, code=1)["error"] == "Revoked"

    given = give(world, alice, asked)
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
    command = world.start("alice", "grant", ask(world, browse(Stub(stub.node, accounts=[BOB]))), "--wallet", "browser")
    at_page(browser, command, "Marmot", end="Nothing was signed")
    ended = command.ends(2)
    assert ended["error"] == "InvalidInput" and "retired for ever" in ended["message"]


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
            ({}, ("Marmot", "Do not sign"), "Nothing was signed", 1, "Rejected", "you said no"),
        ],
    )
    def test_a_no(
        self,
        world: World,
        people: tuple[Browser, Browser],
        answers: dict[str, Any],
        presses: tuple[str, ...],
        heading: str,
        code: int,
        error: str,
        message: str,
    ) -> None:
        alice, shop = people
        asked = ask(world, shop)
        next(iter(alice.stubs.values())).answers = {name: _answer(value) for name, value in answers.items()}
        command = world.start("alice", "grant", asked, "--wallet", "browser")
        at_page(alice, command, *presses, end=heading)
        ended = command.ends(code)
        assert ended["error"] == error and message in ended["message"] and ended["advice"]
        assert not list((world.folder / "alice").glob("evidence/*"))

    def test_nobody_comes(self, world: World, people: tuple[Browser, Browser]) -> None:
        asked = ask(world, people[1])
        command = world.start("alice", "grant", asked, "--wallet", "browser", page_seconds="3")
        page = people[0].open(command.url)
        page.get_by_role("button", name="Marmot").click()
        page.get_by_text("The time is over.").wait_for()
        assert command.ends(3)["error"] == "CouldNotCheck"

    def test_the_page_is_closed(self, world: World, people: tuple[Browser, Browser]) -> None:
        command = world.start("alice", "grant", ask(world, people[1]), "--wallet", "browser")
        page = people[0].open(command.url)
        page.get_by_role("button", name="Marmot").wait_for()
        page.close(run_before_unload=True)
        ended = command.ends(3)
        assert ended["error"] == "CouldNotCheck" and "closed" in ended["message"]

    def test_the_page_hears_what_stopped_the_command(self, world: World, people: tuple[Browser, Browser]) -> None:
        """A purpose that was not asked for: found when the account is known, and said in both places."""
        asked = ask(world, people[1])
        command = world.start("alice", "grant", asked, "--purpose", "dpv:DirectMarketing", "--wallet", "browser")
        page = people[0].open(command.url)
        page.get_by_role("button", name="Marmot").click()
        page.locator("#view", has_text="was not asked for").wait_for()
        assert command.ends(2)["error"] == "InvalidInput"


def _answer(value: Any) -> Any:
    if isinstance(value, WalletError):

        def refuse(_params: Any) -> Any:
            raise value

        return refuse
    return value
