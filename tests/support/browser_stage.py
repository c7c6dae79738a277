"""A terminal, a browser and the wallets in it: what each test plays with."""

from __future__ import annotations

import json
import queue
import socket
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import rfc8785

from registry.client.grant import Proposal
from registry.client.views import Preview
from registry.core.notices.document import Notice, notice_digest, parse_notice
from registry.core.notices.rendering import DAY, render
from registry.core.scalars import to_hex
from registry.core.sealed.bundles import View
from registry.core.statements.typed_data import typed_data
from registry.net.json_rpc import Call, Node, NodeError
from registry.present.summary import SigningSummary
from registry.wallets.browser import BrowserWallet
from registry.wallets.keywallet import KeyWallet
from tests.support.builders import CONTROLLER, DOMAIN, NOW, evidence_of, grant_message, request_message
from tests.support.levers import ANVIL_KEY

HERE = Path(__file__).parent
ALICE = KeyWallet(ANVIL_KEY).address
# anvil's second account.
BOB = KeyWallet(bytes.fromhex("59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d")).address
SECONDS = 20.0
RECIPIENT = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 8 8'%3E%3Crect width='8' height='8'"
    " fill='%23{colour}'/%3E%3Cpath d='M1 6l3-4 3 4z' fill='%23fff'/%3E%3C/svg%3E"
)
NEVER = object()
# Chooses the first language again, which draws everything anew, and waits for its layout; the milliseconds it took.
REDRAW = """() => {
  const began = performance.now();
  document.querySelector("#languages button").click();
  document.body.getBoundingClientRect();
  return performance.now() - began;
}"""


class WalletError(Exception):
    """What a wallet rejects its promise with (EIP-1193)."""

    def __init__(self, code: int, message: str = "no", **data: Any) -> None:
        super().__init__(message)
        self.error = {"code": code, "message": message, **data}


@dataclass
class Stub:
    """A browser wallet whose keys are in anvil. ``answers`` takes the place of what a method does by itself."""

    node: Node
    name: str = "Marmot"
    rdns: str = "example.marmot"
    icon: str = ICON.format(colour="b4632d")
    accounts: list[str] = field(default_factory=lambda: [ALICE])
    chain: int = 31337
    known: set[int] = field(default_factory=lambda: {1, 31337})
    legacy: bool = False
    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[str, Any]] = field(default_factory=list)

    @property
    def info(self) -> dict[str, Any]:
        return {"uuid": self.rdns, "name": self.name, "icon": self.icon, "rdns": self.rdns, "legacy": self.legacy}

    def ask(self, method: str, params: Any) -> Any:
        self.asked.append((method, params))
        if method in self.answers:
            answer = self.answers[method]
            return answer(params) if callable(answer) else answer
        return getattr(self, f"_{method}", self._pass_on)(method, params)

    def methods(self) -> list[str]:
        return [method for method, _ in self.asked]

    def _eth_requestAccounts(self, _method: str, _params: Any) -> list[str]:
        return self.accounts

    _eth_accounts = _eth_requestAccounts

    def _eth_chainId(self, _method: str, _params: Any) -> str:
        return hex(self.chain)

    def _wallet_switchEthereumChain(self, _method: str, params: Any) -> None:
        wanted = int(params[0]["chainId"], 16)
        if wanted not in self.known:
            raise WalletError(4902, "unknown chain")
        self.chain = wanted

    def _wallet_addEthereumChain(self, _method: str, params: Any) -> None:
        self.known.add(int(params[0]["chainId"], 16))

    def _pass_on(self, method: str, params: Any) -> Any:
        answer = self.node.ask(Call(method, tuple(params)))
        if isinstance(answer, NodeError):
            raise WalletError(-32603, answer.message)
        return answer

    def hold(self, key: KeyWallet) -> None:
        """Its one account is this one, whose key the node does not have: one that a test may retire."""
        self.accounts = [key.address]
        self.answers["eth_signTypedData_v4"] = lambda params: to_hex(key.sign_typed_data(json.loads(params[1])))

    def sign(self, params: Any) -> str:
        """What it would sign."""
        return str(self._pass_on("eth_signTypedData_v4", params))


class Terminal:
    """Some work with a browser wallet, in a thread, as a command does it."""

    def __init__(self, work: Callable[[BrowserWallet], Any], *, chain_id: int = 31337, **options: Any) -> None:
        self.notes: list[str] = []
        self._urls: queue.Queue[str] = queue.Queue()
        self.wallet = BrowserWallet(
            chain_id, note=self.notes.append, opener=self._urls.put, **{"seconds": 60.0} | options
        )
        self._pool = ThreadPoolExecutor(1)
        self._result: Future[Any] = self._pool.submit(self._run, work)
        self._pool.shutdown(wait=False)
        self.opened: list[str] = []

    def _run(self, work: Callable[[BrowserWallet], Any]) -> Any:
        with self.wallet as wallet:
            return work(wallet)

    @property
    def url(self) -> str:
        """Where the next page is."""
        self.opened.append(self._urls.get(timeout=SECONDS))
        return self.opened[-1]

    def result(self) -> Any:
        """What the work returned (or raised); the page's server is gone by then."""
        try:
            return self._result.result(SECONDS)
        finally:
            assert all(is_refused(url) for url in self.opened)

    def error(self) -> BaseException:
        error = self._result.exception(SECONDS)
        assert error is not None, self._result.result()
        assert all(is_refused(url) for url in self.opened)
        return error


def is_refused(url: str) -> bool:
    """Does nobody listen there any more?"""
    parts = urlsplit(url)
    with socket.socket() as client:
        host = "127.0.0.1" if str(parts.hostname).endswith(".localhost") else parts.hostname
        return client.connect_ex((host or "", parts.port or 0)) != 0


class Browser:
    """One person's browser with these wallets in it."""

    def __init__(self, chromium: Any, *stubs: Stub, **options: Any) -> None:
        self.context = chromium.new_context(**{"locale": "en-GB"} | options)
        self.context.set_default_timeout(SECONDS * 1000)
        self.stubs = {stub.rdns: stub for stub in stubs}
        self.context.expose_function("askStub", self._asked)
        source = (HERE / "stub_wallet.js").read_text("utf-8")
        self.context.add_init_script(source.replace("WALLETS", json.dumps([stub.info for stub in stubs])))
        self.requests: list[str] = []
        self.troubles: list[str] = []
        self.context.on("request", lambda request: self.requests.append(request.url))
        self.context.on("weberror", lambda error: self.troubles.append(str(error.error)))
        self.context.on("console", lambda message: self._said(message))

    def _said(self, message: Any) -> None:
        # The browser itself reports every refused request; what the page does then is looked at.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.troubles.append(message.text)

    def _asked(self, rdns: str, method: str, params: str) -> str:
        try:
            answer = self.stubs[rdns].ask(method, json.loads(params))
        except WalletError as error:
            return json.dumps({"error": error.error})
        return json.dumps({"never": True} if answer is NEVER else {"result": answer})

    def open(self, url: str) -> Any:
        page = self.context.new_page()
        page.goto(url)
        return page

    def close(self) -> None:
        self.context.close()


def emit(page: Any, stub: Stub, event: str, value: Any) -> None:
    """The wallet tells the page that something changed."""
    page.evaluate("([rdns, name, value]) => window.emitStub(rdns, name, value)", [stub.rdns, event, value])


def demo_notice(**changes: Any) -> Notice:
    """The demo's notice, with an account and a recipient, and with some of its controller's members replaced."""
    draft = json.loads((files("registry") / "data" / "demo_notice.json").read_bytes())
    draft["controller"] |= {"account": CONTROLLER, "recipient": RECIPIENT} | changes
    return parse_notice(rfc8785.dumps(draft))


def demo_grant(
    language: str = "en", notice: Notice | None = None, subject: str = ALICE
) -> tuple[SigningSummary, dict[str, Any]]:
    """What a page shows of a grant to the demo's brand, and the typed data."""
    parsed = notice or demo_notice()
    raw = rfc8785.dumps(msgspec.to_builtins(parsed))
    scope = parsed.scopes[0]
    grant = grant_message(
        raw, statement="", subject=subject, purposes=scope.purposes, data=scope.data, expires_at=NOW + 90 * DAY
    )
    grant = msgspec.structs.replace(grant, statement=render(parsed, language, grant))
    view = View("pd:Purchase", ("name", "price"), from_="2026-01-01", continuing=True)
    request = evidence_of(request_message(notice=notice_digest(raw)), notice=raw)
    proposal = Proposal(request, parsed, language, grant, (Preview(view, 207, ()),))
    return proposal.summary(), typed_data(DOMAIN, grant)


def signing(words: SigningSummary | None, typed: dict[str, Any]) -> Callable[[BrowserWallet], bytes]:
    """The work of having this signed."""

    def work(wallet: BrowserWallet) -> bytes:
        assert wallet.address == ALICE
        if words is not None:
            wallet.show(words)
        return wallet.sign_typed_data(typed)

    return work
