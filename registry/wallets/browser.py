"""The wallet in a person's browser: one page on 127.0.0.1 asks it, and its answer is checked here.

The page (``page/``) finds the wallets of the browser (EIP-6963, else EIP-1193's ``window.ethereum``), asks one for
its account, shows in words what is asked, and hands the wallet exactly the JSON that was made here. No key, and no
request to anywhere else, comes into it. Each page takes one answer, then its server is gone.
"""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import replace

from registry.core.crypto.signatures import HALF_ORDER, recover_address
from registry.core.errors import ConsentError, CouldNotCheck, InvalidInput, LedgerUnavailable, Rejected
from registry.core.scalars import check_address, checksum, unhex
from registry.present.summary import SigningSummary, summary_of_call, summary_of_typed_data
from registry.wallets.base import checked_statement
from registry.wallets.page_protocol import Page
from registry.wallets.page_server import PageServer
from registry.wallets.safe import safe_digest, safe_message

SECONDS = 600.0

_NOTHING = "Nothing was signed."
_AGAIN = "Nothing was signed; run the command again."
_UNUSABLE = "See in the wallet what became of it, and run the command again, perhaps with another one."
_MAYBE = "the wallet may have sent the transaction"
_SEE = "See in the wallet whether it was sent; sending it again does no harm."
_MAYBE_SENT = f"{_MAYBE[0].upper()}{_MAYBE[1:]}. {_SEE}"
# How a session can end without a signature. The page has a text of its own for each.
_ENDINGS: dict[str, tuple[type[ConsentError], str, str]] = {
    "said-no": (Rejected, "you said no", _NOTHING),
    "rejected": (Rejected, "you said no in the wallet", _NOTHING),
    "nothing": (Rejected, "the wallet returned nothing", _UNUSABLE),
    "garbage": (Rejected, "the wallet's answer makes no sense", _UNUSABLE),
    "length": (Rejected, "the wallet's signature has not the 65 bytes of a plain account's", _UNUSABLE),
    "high-s": (Rejected, "the wallet's signature has a high s, which no chain accepts (EIP-2)", _UNUSABLE),
    "foreign": (
        Rejected,
        "the wallet's signature is another account's",
        "Choose the right account in the wallet, then run the command again.",
    ),
    "none": (InvalidInput, "the browser has no wallet", "Open the page in the browser that has yours."),
    "locked": (InvalidInput, "the wallet is locked, or still waits for an answer", "Open it, then try again."),
    "account": (InvalidInput, "the wallet offers another account", "Choose the right account in the wallet."),
    "account-changed": (InvalidInput, "the account was changed in the wallet", "Change it back, or begin again."),
    "chain": (InvalidInput, "the wallet stays on another chain", "Choose the right chain in the wallet."),
    "chain-unknown": (InvalidInput, "the wallet does not know the chain", "Add the chain to the wallet."),
    "chain-changed": (InvalidInput, "the chain was changed in the wallet", "Change it back, or begin again."),
    "disconnected": (InvalidInput, "the wallet has lost its connection", "See what the wallet says, then try again."),
    "unsupported": (InvalidInput, "the wallet cannot do that", "Choose another wallet."),
    "wallet": (InvalidInput, "the wallet answered with an error", "See what the wallet says, then try again."),
    "stranger": (
        InvalidInput,
        "another user of this computer tried to open the page, and was refused",
        "If that was you, open it in a browser of the user who runs this.",
    ),
    "closed": (CouldNotCheck, "the page was closed before it was answered", _AGAIN),
    "timeout": (CouldNotCheck, "nobody answered on the page in time", _AGAIN),
}


def open_browser(url: str) -> None:
    """Open it in whatever browser there is, or in none: the URL was printed.

    In a process of its own, because browsers write to the terminal and text browsers take it over. It is told the
    URL where no other user can read it; the browser's own command line is public on Linux (see `_peers`).
    """
    command = [sys.executable, "-I", "-c", "import webbrowser; webbrowser.open(input())"]
    silent: dict[str, Any] = dict.fromkeys(("stdout", "stderr"), subprocess.DEVNULL)

    def run() -> None:
        with suppress(OSError):
            subprocess.run(command, input=url.encode(), **silent, start_new_session=True, check=False)  # noqa: S603

    threading.Thread(target=run, daemon=True).start()


class BrowserWallet:
    """The wallet that a person chooses on a page in their browser; for a network's ``chain_id``.

    ``note`` is told what a terminal should show: the page's URL, and what goes wrong on the page. ``account`` is the
    checksummed address where it is known already. ``rpc_url`` is offered to a wallet that does not know the chain,
    unless it holds what only its owner should know. ``seconds`` is the time limit of each page. Used with ``with``,
    the page is told when something else ends the work.

    ``Rejected`` where the person says no or the wallet's answer is not the account's signature; ``InvalidInput``
    where the wallet cannot be used as it is; ``CouldNotCheck`` where nobody answers, ``LedgerUnavailable`` where by
    then a transaction may have been sent.
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
        self._words: SigningSummary | None = None
        self._open: tuple[Page, PageServer] | None = None

    @property
    def address(self) -> str:
        """The account that the person chose; asks for it, once, where none was named."""
        if self._address is None:
            account = self._said()
            if not isinstance(account, str) or re.fullmatch(r"0x[0-9a-fA-F]{40}", account) is None:
                self._fail("garbage")
            self._address = checksum(unhex(account))
        return self._address

    def show(self, words: SigningSummary) -> None:
        """What the person reads on the page before the next thing is signed, or before the very same is sent."""
        self._words = words

    def sign_typed_data(self, typed_data: dict[str, Any]) -> bytes:
        """Have exactly this signed: 65 bytes r || s || v, which are the account's own (checked here).

        A v of 0 or 1, as some hardware gives it, comes back as 27 or 28: evidence has one spelling for it.
        """
        message: dict[str, Any] = typed_data.get("message", {})
        author = str(message.get("subject") or message.get("controller") or self.address)
        return self._signed(typed_data, typed_data, checked_statement(typed_data)[1], author)

    def sign_safe_message(self, typed_data: dict[str, Any], safe: str) -> bytes:
        """The same over a Safe's message, which is made here from this statement; the page shows the statement."""
        domain, digest = checked_statement(typed_data)
        wrapped = domain.chain_id, safe, digest
        return self._signed(typed_data, safe_message(*wrapped), safe_digest(*wrapped), safe)

    def _signed(self, statement: dict[str, Any], document: dict[str, Any], digest: bytes, whose: str) -> bytes:
        address, exact = self.address, msgspec.json.encode(document).decode()
        shown, self._words = self._words or summary_of_typed_data(statement), None
        words = replace(shown, whose="" if whose == address else whose)
        answer = self._ask(words, "eth_signTypedData_v4", [address, exact])
        raw = _bytes(answer)
        trouble = _trouble(answer, raw) or ("" if recover_address(digest, raw) == unhex(address) else "foreign")
        if trouble:
            self._fail(trouble)
        self.close("signed")
        return raw

    def send_transaction(self, tx: dict[str, Any]) -> str:
        """Have the wallet send what the account pays for itself; the transaction's 0x hash.

        ``tx`` has JSON-RPC's names, numbers as integers. The nonce and the fees are the wallet's own business.
        Once the wallet was asked, it may have sent it, unless it says clearly that it did not: ``LedgerUnavailable``.
        """
        words = summary_of_call(str(tx.get("data", "")))
        # What was to be shown may be what somebody else signs, and this account only pays for.
        if self._words is not None and self._words.act == words.act and not words.whose:
            words = self._words
        self._words = None
        plain = {name: tx[name] for name in ("to", "data", "value", "gas", "chainId") if name in tx}
        call = {name: hex(value) if isinstance(value, int) else value for name, value in plain.items()}
        answer = self._ask(words, "eth_sendTransaction", [{"from": self.address, **call}])
        if not isinstance(answer, str) or re.fullmatch(r"0x[0-9a-fA-F]{64}", answer) is None:
            self._fail("nothing" if answer in (None, "", "0x") else "garbage", maybe_sent=True)
        self.close("sent", sent=answer.lower())
        return answer.lower()

    def close(self, code: str = "stopped", detail: str = "", sent: str = "") -> bool:
        """End the page, if one is open; it says how. May the wallet have sent something that nobody knows of?

        ``sent`` is what it sent for sure. Who interrupts the farewell is told of both all the same.
        """
        if self._open is None:
            return False
        (page, server), self._open = self._open, None
        maybe = page.end(code, detail)
        try:
            page.farewell()
        except BaseException:
            if sent or maybe:
                self._note(f"The wallet sent transaction {sent}." if sent else _MAYBE_SENT)
            raise
        finally:
            server.close()
        return maybe

    def __enter__(self) -> BrowserWallet:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._close_after(error)

    def _close_after(self, error: BaseException | None) -> None:
        detail = str(error) if isinstance(error, ConsentError) else ""
        if self.close("interrupted" if isinstance(error, KeyboardInterrupt) else "stopped", detail):
            self._note(_MAYBE_SENT)

    def _ask(self, words: SigningSummary, method: str, params: list[Any]) -> Any:
        question = {"words": msgspec.to_builtins(words), "method": method, "params": params}
        return self._said(stage="question", account=self.address, question=question)

    def _said(self, **state: Any) -> Any:
        """What the page says after it was shown this; the error that stands for it where it gives up."""
        try:
            page = self._page(state)
            while (said := page.wait()).event == "problem":
                _, message, advice = _ENDINGS[_code(said.value)]
                self._note(f"On the page: {message}. {advice}")
        except BaseException as error:
            self._close_after(error)
            raise
        if said.event == "stop":
            self._fail(_code(said.value))
        return said.value

    def _page(self, state: dict[str, Any]) -> Page:
        """The page that is open, or a new one, with this state."""
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
            raise LedgerUnavailable(f"{message}; {_MAYBE}", _SEE)
        raise kind(message, advice)


def _code(value: Any) -> str:
    return value if isinstance(value, str) and value in _ENDINGS else "wallet"


def _bytes(answer: Any) -> bytes:
    """The bytes of a 0x string in either case, with v as it is written in evidence; b"" for everything else."""
    if not isinstance(answer, str) or re.fullmatch(r"0x(?:[0-9a-fA-F]{2})*", answer) is None:
        return b""
    raw = unhex(answer)
    return raw[:64] + bytes([raw[64] + 27]) if len(raw) == 65 and raw[64] < 2 else raw


def _trouble(answer: Any, raw: bytes) -> str:
    """Why these bytes are no plain signature, if they are none."""
    if answer in (None, "", "0x"):
        return "nothing"
    if not raw:
        return "garbage"
    if len(raw) != 65:
        return "length"
    if raw[64] not in (27, 28):
        return "garbage"
    return "high-s" if int.from_bytes(raw[32:64], "big") > HALF_ORDER else ""


def _is_public(url: str) -> bool:
    """Does the URL hold nothing that looks like a password or a provider's key? A wallet would keep it."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    short = all(len(segment) < 16 for segment in parts.path.split("/"))
    return parts.scheme in ("http", "https") and "@" not in parts.netloc and not parts.query + parts.fragment and short
