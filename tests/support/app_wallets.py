"""Wallets in the browser of the person's app, and how a test plays with them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from registry.core.scalars import to_hex
from registry.net.json_rpc import Call, Node
from registry.wallets.keywallet import KeyWallet
from tests.support.app_stage import App
from tests.support.browser_stage import Stub, WalletError, emit

ACCOUNT = re.compile(r"0x[0-9a-fA-F]{40}")
HERE = Path(__file__).parent


def key_stub(rpc_url: str, key: KeyWallet, name: str = "Marmot", **more: Any) -> Stub:
    """A wallet of one key, which has money on the node, and whose transactions the node sends."""
    node = Node(rpc_url, 10.0)
    for method, *params in (("anvil_setBalance", hex(10**20)), ("anvil_impersonateAccount",)):
        node.ask(Call(method, (key.address, *params)))
    stub = Stub(node, name=name, rdns=f"example.{name.lower()}", **more)
    stub.hold(key)
    return stub


def put_wallets(app: App, *stubs: Stub) -> None:
    """Put these wallets into the browser: they are there from the next page on."""
    by_id = {stub.rdns: stub for stub in stubs}

    def asked(rdns: str, method: str, params: str) -> str:
        try:
            answer = by_id[rdns].ask(method, json.loads(params))
        except WalletError as error:
            return json.dumps({"error": error.error})
        return json.dumps({"later": answer.name} if isinstance(answer, Later) else {"result": answer})

    app.context.expose_function("askStub", asked)
    source = (HERE / "stub_wallet.js").read_text("utf-8")
    app.context.add_init_script(source.replace("WALLETS", json.dumps([stub.info for stub in stubs])))


class Later:
    """An answer that the wallet gives when the test says so, or never."""

    def __init__(self, name: str = "never") -> None:
        self.name = name

    def give(self, app: App, value: Any) -> None:
        """Answer now."""
        app.page.evaluate("([name, value]) => window.giveLater(name, value)", [self.name, value])


class Signing:
    """The app at the step where a person signs, with one person for all tests."""

    def __init__(self, app: App, link: str) -> None:
        self.app, self.link = app, link
        self.page = app.page

    def begin(self) -> None:
        """Make the person's key."""
        self.app.follow(self.link)
        self.app.press("Refuse")
        self.app.press_starting("Begin with a passkey")
        self.app.write_down()
        self.app.heading("You refuse this")

    def to_sign(self, answer: str = "Allow what I chose") -> None:
        """Go to the request anew, and to its last step."""
        self.page.goto(f"{self.app.url}#list")
        self.app.heading("Your consents")
        self.app.follow(self.link)
        if answer != "Refuse":
            for box in self.page.get_by_role("checkbox").all():
                box.check()
        self.app.press(answer)
        self.page.get_by_role("heading", level=1, name="You ").wait_for()

    def choose(self, name: str = "Marmot") -> None:
        """Choose this wallet, and have it show its account."""
        self.page.get_by_role("radio", name=f"{name}: the address").check()
        self.app.press(f"Show my account in {name}")

    def connect(self, name: str = "Marmot") -> str:
        """Choose this wallet, and return the account that the app shows then."""
        self.choose(name)
        shown = self.page.get_by_text("This account signs:")
        shown.wait_for()
        found = ACCOUNT.search(shown.inner_text())
        assert found is not None
        return found[0]

    def trouble(self, text: str) -> None:
        """Wait for what the app says went wrong."""
        self.page.get_by_role("alert").get_by_text(text).wait_for()

    def emit(self, stub: Stub, event: str, value: Any) -> None:
        """The wallet tells the page that something changed."""
        emit(self.page, stub, event, value)

    def nothing_happened(self) -> None:
        """Nothing was signed or sent, and the person can still answer."""
        assert not [each for each in self.app.sent if "/v1/commitments" in each or "/v1/evidence" in each]
        self.page.goto(f"{self.app.url}#list")
        self.page.get_by_text("No brand has an answer of yours yet.").wait_for()


def signature_of(key: KeyWallet, params: Any) -> bytes:
    """What this key's wallet would sign."""
    return bytes(key.sign_typed_data(json.loads(params[1])))


def other_message(key: KeyWallet, params: Any) -> str:
    """The key's signature of a statement that differs in one second."""
    typed = json.loads(params[1])
    typed["message"]["expiresAt"] += 1
    return to_hex(key.sign_typed_data(typed))
