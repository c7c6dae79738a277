"""Signs with the wallet in a person's browser: a page on this computer asks it, and its answer is checked here.

The page (``js/wallet``) finds the browser's wallets (EIP-6963, else EIP-1193's ``window.ethereum``) and asks one for
its account. It shows the request in words, and hands the wallet exactly the JSON that was made here. Before that it
reads the JSON and the notice again by itself, and refuses where it reads anything else. It never sees a key, and sends
nothing to any other server. Each page takes one answer, then its server closes.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any, NoReturn
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import replace

from registry.core.crypto.signatures import HALF_ORDER, recover_address
from registry.core.errors import ConsentError, CouldNotCheck, InvalidInput, LedgerUnavailable, Rejected
from registry.core.scalars import check_address, checksum, to_hex, unhex
from registry.fs.processes import run
from registry.net.json_rpc import hex_bytes
from registry.present.summary import SigningSummary, summary_of_call, summary_of_typed_data
from registry.wallets.base import checked_safe_message, checked_statement, with_usual_v
from registry.wallets.page_protocol import Page
from registry.wallets.page_server import PageServer

SECONDS = 600.0
_NOTHING = (None, "", "0x")
_AGAIN = "Nothing was signed; run the command again."
_UNUSABLE = "Check in the wallet what happened, and run the command again, perhaps with another wallet."
_CHOOSE = "Choose the right account in the wallet, then run the command again."
_STRANGER = "another user of this computer tried to open the page, and was refused"
_DIFFERS = "Do not sign it; report it with the request that you were sent."
_SEE = "Check in the wallet whether it was sent; sending it again does no harm."
_MAYBE_SENT = f"The wallet may have sent the transaction. {_SEE}"
# How a session can end without a signature: the error, its message and its advice. The page has its own text for each.
_ENDINGS: dict[str, tuple[type[ConsentError], str, str]] = {
    "said-no": (Rejected, "you said no", "Nothing was signed."),
    "rejected": (Rejected, "you said no in the wallet", "Nothing was signed."),
    "nothing": (Rejected, "the wallet returned nothing", _UNUSABLE),
    "garbage": (Rejected, "the wallet's answer makes no sense", _UNUSABLE),
    "length": (Rejected, "the wallet's signature is not the 65 bytes of a plain account's", _UNUSABLE),
    "high-s": (Rejected, "the wallet's signature has a high s, which no chain accepts (EIP-2)", _UNUSABLE),
    "foreign": (Rejected, "the wallet's signature is another account's", _CHOOSE),
    "none": (InvalidInput, "the browser has no wallet", "Open the page in the browser that has yours."),
    "locked": (InvalidInput, "the wallet is locked, or still waits for an answer", "Open it, then try again."),
    "account": (InvalidInput, "the wallet offers another account", "Choose the right account in the wallet."),
    "account-changed": (InvalidInput, "the account was changed in the wallet", "Change it back, or begin again."),
    "chain": (InvalidInput, "the wallet stays on another chain", "Choose the right chain in the wallet."),
    "chain-unknown": (InvalidInput, "the wallet does not know the chain", "Add the chain to the wallet."),
    "chain-changed": (InvalidInput, "the chain was changed in the wallet", "Change it back, or begin again."),
    "disconnected": (InvalidInput, "the wallet has lost its connection", "See what the wallet says, then try again."),
    "unsupported": (InvalidInput, "the wallet cannot do that", "Choose another wallet."),
    "differs": (InvalidInput, "the page reads this in another way than this program", _DIFFERS),
    "wallet": (InvalidInput, "the wallet answered with an error", "See what the wallet says, then try again."),
    "stranger": (InvalidInput, _STRANGER, "If that was you, open it in a browser of the user who runs this."),
    "closed": (CouldNotCheck, "the page was closed before it was answered", _AGAIN),
    "timeout": (CouldNotCheck, "nobody answered on the page in time", _AGAIN),
}


def open_browser(url: str) -> None:
    """Open the URL in the person's browser; do nothing if there is none, because the URL was printed.

    A process of its own opens it: browsers write to the terminal, and text browsers take it over. That process reads
    the URL from its standard input, because other users can read command lines (`user_of` guards the browser's).
    """
    command = [sys.executable, "-I", "-c", "import webbrowser; webbrowser.open(input())"]
    threading.Thread(target=run, args=(command, SECONDS), kwargs={"stdin": url, "capture": False}, daemon=True).start()


class BrowserWallet:
    """The wallet that a person chooses on a page in their browser, for the network with this ``chain_id``.

    ``note`` shows a line on the terminal: the page's URL, and each problem on the page. ``account`` is the checksummed
    address, if it is known already. ``rpc_url`` is offered to a wallet that does not know the chain, unless it looks as
    if it holds a secret. ``seconds`` is the time limit of each page. As a context manager, the wallet tells its page
    when an error ends the work.

    ``Rejected`` if the person says no, or if the answer is not the account's signature. ``InvalidInput`` if the wallet
    cannot be used as it is. ``CouldNotCheck`` if nobody answers, and ``LedgerUnavailable`` if by then a transaction may
    have been sent.
    """

    def __init__(
        self,
        chain_id: int,
        *,
        note: Callable[[str], None],
        account: str | None = None,
        rpc_url: str | None = None,
        seconds: float = SECONDS,
        opener: Callable[[str], object] = open_browser,
    ) -> None:
        self._chain = {"id": chain_id, "rpc": rpc_url if rpc_url and _is_public(rpc_url) else None}
        self._note, self._opener, self._seconds = note, opener, seconds
        self._address = None if account is None else check_address(account)
        self._summary: SigningSummary | None = None
        self._open: tuple[Page, PageServer] | None = None

    @property
    def address(self) -> str:
        """The account that the person chose; the page asks for it once, unless one was named."""
        if self._address is None:
            account = hex_bytes(self._answer())
            if account is None or len(account) != 20:
                self._fail("garbage")
            self._address = checksum(account)
        return self._address

    def show(self, summary: SigningSummary) -> None:
        """Set what the page shows before the next signature, or before this same act is sent."""
        self._summary = summary

    def sign_typed_data(self, typed_data: dict[str, Any]) -> bytes:
        """Have exactly this signed; return 65 bytes r || s || v, checked to be the account's own signature."""
        message: dict[str, Any] = typed_data.get("message", {})
        author = str(message.get("subject") or message.get("author") or message.get("controller") or self.address)
        return self._signed(typed_data, typed_data, checked_statement(typed_data)[1], author)

    def sign_safe_message(self, typed_data: dict[str, Any], safe: str) -> bytes:
        """Have the Safe's message of this statement signed; the page shows the statement. Return 65 bytes."""
        return self._signed(typed_data, *checked_safe_message(typed_data, safe), safe)

    def _signed(self, statement: dict[str, Any], document: dict[str, Any], digest: bytes, whose: str) -> bytes:
        address, exact = self.address, msgspec.json.encode(document).decode()
        shown, self._summary = self._summary or summary_of_typed_data(statement), None
        summary = replace(shown, whose="" if whose == address else whose)
        # The page reads all of it again. A Safe's message holds a hash, so its statement goes along.
        text = "" if document is statement else msgspec.json.encode(statement).decode()
        members = {"digest": to_hex(digest), "statement": text}
        answer = self._ask(summary, "eth_signTypedData_v4", [address, exact], **members)
        raw = with_usual_v(hex_bytes(answer) or b"")
        if problem := _problem(answer, raw):
            self._fail(problem)
        if recover_address(digest, raw) != unhex(address):
            self._fail("foreign")
        self.close("signed")
        return raw

    def send_transaction(self, tx: dict[str, Any]) -> str:
        """Have the wallet send a transaction that the account pays for; return its 0x hash.

        ``tx`` has JSON-RPC's names, with numbers as integers. The wallet sets the nonce and the fees.
        ``LedgerUnavailable`` if the wallet was asked and does not clearly say that it sent nothing.
        """
        summary = summary_of_call(str(tx.get("data", "")))
        # The summary from `show` may be for another signer, whose transaction this account only pays for.
        if self._summary is not None and self._summary.act == summary.act and not summary.whose:
            summary = self._summary
        self._summary = None
        plain = {name: tx[name] for name in ("to", "data", "value", "gas", "chainId") if name in tx}
        call = {name: hex(value) if isinstance(value, int) else value for name, value in plain.items()}
        answer = self._ask(summary, "eth_sendTransaction", [{"from": self.address, **call}])
        sent = hex_bytes(answer) or b""
        if len(sent) != 32:
            self._fail("nothing" if answer in _NOTHING else "garbage", maybe_sent=True)
        self.close("sent", sent=to_hex(sent))
        return to_hex(sent)

    def close(self, code: str = "stopped", detail: str = "", sent: str = "") -> bool:
        """End the page, if one is open, and show how it ended; return whether the wallet may have sent a transaction.

        ``sent`` is the hash of a transaction that it did send. If Ctrl-C interrupts the farewell, either is noted.
        """
        if self._open is None:
            return False
        (page, server), self._open = self._open, None
        maybe_sent = page.end(code, detail)
        try:
            page.farewell()
        except BaseException:
            if sent or maybe_sent:
                self._note(f"The wallet sent transaction {sent}." if sent else _MAYBE_SENT)
            raise
        finally:
            server.close()
        return maybe_sent

    def __enter__(self) -> BrowserWallet:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._close_after(error)

    def _close_after(self, error: BaseException | None) -> None:
        detail = str(error) if isinstance(error, ConsentError) else ""
        if self.close("interrupted" if isinstance(error, KeyboardInterrupt) else "stopped", detail):
            self._note(_MAYBE_SENT)

    def _ask(
        self, summary: SigningSummary, method: str, params: list[Any], digest: str = "", statement: str = ""
    ) -> Any:
        question = {
            "words": msgspec.to_builtins(summary),
            "method": method,
            "params": params,
            "digest": digest,
            "statement": statement,
        }
        return self._answer(stage="question", account=self.address, question=question)

    def _answer(self, **state: Any) -> Any:
        """Show this on the page and return its answer; raise the error of the code with which it stops."""
        try:
            page = self._page(state)
            while (message := page.wait()).event == "problem":
                _, problem, advice = _ENDINGS[_code(message.value)]
                self._note(f"On the page: {problem}. {advice}")
        except BaseException as error:
            self._close_after(error)
            raise
        if message.event == "stop":
            self._fail(_code(message.value))
        return message.value

    def _page(self, state: dict[str, Any]) -> Page:
        """Return the open page, or a new one, with this state."""
        if self._open is not None:
            self._open[0].put(**state)
            return self._open[0]
        page = Page(self._seconds, chain=self._chain, **state)
        server = PageServer(page)
        self._open = page, server
        self._note(f"Go on in your browser, within {self._seconds / 60:.2g} minutes: {server.url}")
        self._opener(server.url)
        return page

    def _fail(self, code: str, maybe_sent: bool = False) -> NoReturn:
        kind, message, advice = _ENDINGS[code]
        if self.close(code) or maybe_sent:
            raise LedgerUnavailable(f"{message}; the wallet may have sent the transaction", _SEE)
        raise kind(message, advice)


def _code(value: Any) -> str:
    return value if isinstance(value, str) and value in _ENDINGS else "wallet"


def _problem(answer: Any, raw: bytes) -> str:
    """Return the code of what is wrong with a plain account's signature; "" if nothing is."""
    if answer in _NOTHING:
        return "nothing"
    if raw and len(raw) != 65:
        return "length"
    if not raw or raw[64] not in (27, 28):
        return "garbage"
    return "high-s" if int.from_bytes(raw[32:64], "big") > HALF_ORDER else ""


def _is_public(url: str) -> bool:
    """Tell whether the URL holds nothing that looks like a password or a provider's key, which a wallet would keep."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    short = all(len(segment) < 16 for segment in parts.path.split("/"))
    return parts.scheme in ("http", "https") and "@" not in parts.netloc and not parts.query + parts.fragment and short
