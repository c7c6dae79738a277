"""What wallets and people do, and what comes of it: a message on the page, an error in Python, no server any more."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from registry.cli.exit_codes import exit_code
from registry.core.crypto.signatures import recover_address
from registry.core.errors import ConsentError, CouldNotCheck, InvalidInput, LedgerUnavailable, Rejected
from registry.core.scalars import to_hex, unhex
from registry.core.statements.typed_data import digest, parse_typed_data
from registry.wallets import page_protocol
from registry.wallets.browser import _ENDINGS, BrowserWallet
from registry.wallets.keystore import CURVE_ORDER
from scripts.node_packages import JS_FOLDER
from tests.support.browser_stage import (
    ALICE,
    BOB,
    NEVER,
    Browser,
    Stub,
    Terminal,
    WalletError,
    demo_grant,
    emit,
    signing,
)

pytestmark = pytest.mark.slow

WORDS, TYPED = demo_grant()
Browse = Callable[..., Browser]
Change = Callable[[Any], Any]


def raising(*error: Any, **data: Any) -> Change:
    def answer(_params: Any) -> Any:
        raise WalletError(*error, **data)

    return answer


def elsewhere(switch: Any) -> dict[str, Any]:
    """The wallet is on another chain, and answers so when it is asked to switch."""
    return {"eth_chainId": "0x1", "wallet_switchEthereumChain": switch}


# The account arrives, but the page never hears of it.
UNHEARD = """{
  const real = window.fetch;
  const never = () => new Promise(() => {});
  window.fetch = (path, options) => path === "/account" ? real(path, options).then(never) : real(path, options);
}"""
# Every state takes its time on the way; each title that was shown is kept.
LATE = """{
  const real = window.fetch;
  const later = (answer) => new Promise((go) => setTimeout(go, 600, answer));
  window.fetch = (path, options) => path === "/state" ? real(path, options).then(later) : real(path, options);
  window.titles = [];
  const watch = () => new MutationObserver(() => titles.push(document.title));
  addEventListener("DOMContentLoaded", () => watch().observe(document.querySelector("title"), { childList: true }));
}"""


class Sitting:
    """Somebody at the page, as far as the first words of a test need them."""

    def __init__(self, browse: Browse, *stubs: Stub, work: Any = None, **options: Any) -> None:
        self.terminal = Terminal(work or signing(WORDS, TYPED), **options)
        self.url = self.terminal.url
        self.page = browse(*stubs).open(self.url)
        self.stub = stubs[0]

    def click(self, name: str) -> None:
        self.page.get_by_role("button", name=name).click()

    def connect(self) -> Sitting:
        self.click(self.stub.name)
        self.page.get_by_role("heading", name="You are asked for your consent").wait_for()
        return self

    def sign(self) -> Sitting:
        self.connect().click("Sign with")
        return self

    def problem(self, text: str) -> Sitting:
        """The page says what is wrong, and that it can be tried again."""
        self.page.locator("#note.problem", has_text=text).wait_for()
        return self

    def told(self) -> str:
        """What the terminal says of it, which it may hear a little later than the person."""
        for _ in range(100):
            if len(self.terminal.notes) > 1:
                return self.terminal.notes[1]
            self.page.wait_for_timeout(50)
        raise AssertionError(self.terminal.notes)

    def hurry(self, seconds: float) -> None:
        """Leave so much time from now, and let the page know at once."""
        assert self.terminal.wallet._open is not None
        page, _ = self.terminal.wallet._open
        page._deadline = time.monotonic() + seconds
        page.put()

    def ends(self, heading: str, text: str) -> ConsentError:
        """The page says that, and the terminal has an error; the server is gone."""
        self.page.get_by_role("heading", name=heading, exact=True).wait_for()
        self.page.locator("#view", has_text=text).wait_for()
        error = self.terminal.error()
        assert isinstance(error, ConsentError)
        assert error.advice
        return error

    def signed(self) -> bytes:
        self.page.get_by_role("heading", name="Signed", exact=True).wait_for()
        self.page.get_by_text("You may close this page.").wait_for()
        signature = self.terminal.result()
        assert isinstance(signature, bytes)
        assert recover_address(digest(*parse_typed_data(TYPED)), signature) == unhex(ALICE)
        return signature


@pytest.fixture(autouse=True)
def a_slow_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page may take long to load again where other tests run beside it."""
    monkeypatch.setattr(page_protocol, "RELOAD_SECONDS", 30.0)


@pytest.fixture
def sit(browse: Browse, stub: Stub) -> Callable[..., Sitting]:
    return lambda *others, **options: Sitting(browse, stub, *others, **options)


Sit = Callable[..., Sitting]


class TestAnswers:
    def high_s(self, stub: Stub, params: Any) -> str:
        raw = unhex(stub.sign(params))
        s = CURVE_ORDER - int.from_bytes(raw[32:64], "big")
        return to_hex(raw[:32] + s.to_bytes(32, "big") + bytes([55 - raw[64]]))

    @pytest.mark.parametrize(
        ("answer", "text", "message"),
        [
            (lambda stub, p: None, "Your wallet returned nothing.", "returned nothing"),
            (lambda stub, p: "", "Your wallet returned nothing.", "returned nothing"),
            (lambda stub, p: "0x", "Your wallet returned nothing.", "returned nothing"),
            (lambda stub, p: "signed!", "makes no sense", "makes no sense"),
            (lambda stub, p: {"signature": "0x00"}, "makes no sense", "makes no sense"),
            (lambda stub, p: stub.sign(p)[:-2] + "1d", "makes no sense", "makes no sense"),
            (lambda stub, p: stub.sign(p)[:-2], "65 bytes", "65 bytes"),
            (lambda stub, p: stub.sign(p) + "00", "65 bytes", "65 bytes"),
            (lambda stub, p: TestAnswers().high_s(stub, p), "high s", "high s"),
            (lambda stub, p: stub.sign([BOB, p[1]]), "another account", "another account's"),
            (lambda stub, p: stub.sign([p[0], p[1].replace("I allow", "I do allow")]), "another account", "another"),
        ],
    )
    def test_an_answer_that_is_no_signature(self, sit: Sit, stub: Stub, answer: Any, text: str, message: str) -> None:
        stub.answers["eth_signTypedData_v4"] = lambda params: answer(stub, params)
        error = sit().sign().ends("That is of no use", text)
        assert isinstance(error, Rejected) and message in str(error) and exit_code(error) == 1

    @pytest.mark.parametrize("spelled", [str.upper, str.lower])
    def test_v_of_0_or_1_is_written_as_27_or_28(self, sit: Sit, stub: Stub, spelled: Callable[[str], str]) -> None:
        def as_hardware_does(params: Any) -> str:
            signature = stub.sign(params)
            return "0x" + spelled(signature[2:-2] + f"{int(signature[-2:], 16) - 27:02x}")

        stub.answers["eth_signTypedData_v4"] = as_hardware_does
        assert sit().sign().signed()[64] in (27, 28)

    def test_no_in_the_wallet(self, sit: Sit, stub: Stub) -> None:
        stub.answers["eth_signTypedData_v4"] = raising(4001)
        error = sit().sign().ends("Nothing was signed", "You said no in your wallet.")
        assert isinstance(error, Rejected) and str(error) == "you said no in the wallet" and exit_code(error) == 1

    def test_no_to_being_connected(self, sit: Sit, stub: Stub) -> None:
        stub.answers["eth_requestAccounts"] = raising(4001)
        sitting = sit()
        sitting.click("Marmot")
        assert isinstance(sitting.ends("Nothing was signed", "You said no in your wallet."), Rejected)

    def test_no_on_the_page(self, sit: Sit) -> None:
        sitting = sit().connect()
        sitting.click("Do not sign")
        error = sitting.ends("Nothing was signed", "You said no.")
        assert isinstance(error, Rejected) and str(error) == "you said no" and exit_code(error) == 1

    def test_no_before_a_wallet_is_chosen(self, sit: Sit, stub: Stub) -> None:
        sitting = sit()
        sitting.click("Stop")
        assert isinstance(sitting.ends("Nothing was signed", "You said no."), Rejected)
        assert stub.asked == []


class TestTroubles:
    """Each is told with its own words, here and there; put right and tried again it signs, or it ends with them."""

    CASES: tuple[tuple[str, dict[str, Any], str, str], ...] = (
        ("locked", {"eth_signTypedData_v4": raising(4100)}, "Your wallet is locked", "is locked"),
        ("waits", {"eth_signTypedData_v4": raising(-32002)}, "still waits for an answer", "waits for an answer"),
        ("no accounts", {"eth_accounts": []}, "Your wallet is locked", "is locked"),
        ("account", {"eth_accounts": [BOB]}, "Your wallet offers 0x7099…79C8; this is for 0xf39F", "offers another"),
        ("disconnected", {"eth_signTypedData_v4": raising(4900)}, "lost its connection", "lost its connection"),
        ("unsupported", {"eth_signTypedData_v4": raising(-32601)}, "cannot do that", "cannot do that"),
        ("error", {"eth_signTypedData_v4": raising(-32000, "<b>bad</b>")}, "an error. <b>bad</b>", "with an error"),
        ("chain", elsewhere(None), "another chain than 31337", "another chain"),
        ("switch", elsewhere(raising(-32601)), "another chain than 31337", "another chain"),
        ("unknown", elsewhere(raising(4902)), "does not know chain 31337", "know the chain"),
        ("garbage", {"eth_chainId": "one"}, "answered with an error", "with an error"),
    )  # fmt: skip

    @pytest.mark.parametrize(
        ("answers", "text", "message"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
    )
    def test_it_ends_so_or_is_put_right(
        self, sit: Sit, stub: Stub, answers: dict[str, Any], text: str, message: str
    ) -> None:
        for puts_right in (True, False):
            stub.answers = {}
            sitting = sit().connect()
            stub.answers = dict(answers)
            sitting.click("Sign with")
            told = sitting.problem(text).told()
            assert told.startswith("On the page: ") and message in told
            if puts_right:
                stub.answers = {}
                sitting.click("Try again")
                sitting.signed()
            else:
                sitting.click("Do not sign")
                error = sitting.ends("Nothing was signed", text)
                assert isinstance(error, InvalidInput) and message in str(error) and exit_code(error) == 2

    def test_locked_from_the_beginning(self, sit: Sit, stub: Stub) -> None:
        stub.answers["eth_requestAccounts"] = raising(-32002)
        sitting = sit()
        sitting.click("Marmot")
        sitting.problem("Your wallet is locked")
        stub.answers = {}
        sitting.connect().click("Sign with")
        sitting.signed()

    def test_a_wallet_that_never_answers_keeps_nobody_from_another(self, sit: Sit, stub: Stub) -> None:
        mute = Stub(stub.node, "Oyster", "example.oyster", answers={"eth_requestAccounts": NEVER})
        sitting = sit(mute)
        sitting.click("Oyster")
        sitting.page.get_by_text("Go on in Oyster.").wait_for()
        sitting.connect().click("Sign with")
        sitting.signed()

    def test_the_chain_is_switched(self, sit: Sit, stub: Stub) -> None:
        stub.chain = 1
        sit().sign().signed()
        assert ("wallet_switchEthereumChain", [{"chainId": "0x7a69"}]) in stub.asked

    def test_the_chain_is_added(self, sit: Sit, stub: Stub) -> None:
        stub.chain, stub.known = 1, {1}
        sit(rpc_url="http://127.0.0.1:8545").sign().signed()
        (added,) = [params for method, params in stub.asked if method == "wallet_addEthereumChain"]
        assert added[0]["chainId"] == "0x7a69" and added[0]["rpcUrls"] == ["http://127.0.0.1:8545"]

    def test_no_password_is_given_to_a_wallet(self, sit: Sit, stub: Stub) -> None:
        stub.chain, stub.known = 1, {1}
        sitting = sit(rpc_url="https://me:secret@rpc.example/")
        sitting.click("Marmot")
        sitting.problem("Your wallet does not know chain 31337.")
        assert "wallet_addEthereumChain" not in stub.methods()
        sitting.click("Stop")
        assert exit_code(sitting.ends("Nothing was signed", "does not know chain")) == 2


class TestInTheMiddle:
    CASES = (
        ("accountsChanged", [BOB], "Your wallet changed to 0x7099…79C8", "account was changed"),
        ("accountsChanged", [], "Your wallet is locked", "is locked"),
        ("chainChanged", "0x1", "Your wallet left chain 31337", "chain was changed"),
        ("disconnect", {"code": 4900}, "lost its connection", "lost its connection"),
    )

    @pytest.mark.parametrize(("event", "value", "text", "message"), CASES)
    @pytest.mark.parametrize("waits", [True, False])
    def test_something_changes(
        self, sit: Sit, stub: Stub, event: str, value: Any, text: str, message: str, waits: bool
    ) -> None:
        stub.answers["eth_signTypedData_v4"] = NEVER
        sitting = sit().connect()
        if waits:
            sitting.click("Sign with")
            sitting.page.get_by_text("Go on in Marmot.").wait_for()
        emit(sitting.page, stub, event, value)
        sitting.problem(text)
        sitting.click("Do not sign")
        error = sitting.ends("Nothing was signed", text)
        assert message in str(error) and exit_code(error) == 2

    def test_and_changes_back(self, sit: Sit, stub: Stub) -> None:
        sitting = sit().connect()
        emit(sitting.page, stub, "accountsChanged", [BOB])
        sitting.problem("Your wallet changed to")
        emit(sitting.page, stub, "accountsChanged", [ALICE, BOB])
        sitting.click("Try again")
        sitting.signed()

    def test_what_was_asked_before_is_not_waited_for(self, sit: Sit, stub: Stub) -> None:
        """The first request is never answered; the second one is."""
        stub.answers["eth_signTypedData_v4"] = NEVER
        sitting = sit().sign()
        sitting.page.get_by_text("Go on in Marmot.").wait_for()
        emit(sitting.page, stub, "chainChanged", "0x1")
        sitting.problem("left chain")
        stub.answers = {}
        sitting.click("Try again")
        sitting.signed()


class TestWhichWallet:
    def test_all_that_announce_themselves(self, sit: Sit, stub: Stub) -> None:
        other = Stub(stub.node, "Harbour", "example.harbour")
        sitting = sit(other)
        buttons = sitting.page.locator("#view button")
        buttons.nth(1).wait_for()
        assert buttons.all_inner_texts() == ["Harbour\nexample.harbour", "Marmot\nexample.marmot"]
        assert buttons.locator("img").count() == 2
        sitting.click("Harbour")
        sitting.click("Sign with Harbour")
        sitting.signed()
        assert stub.asked == []

    def test_the_one_at_window_ethereum(self, browse: Browse, stub: Stub) -> None:
        stub.legacy = True
        sitting = Sitting(browse, stub)
        sitting.click("This browser’s wallet")
        sitting.click("Sign with This browser’s wallet")
        sitting.signed()

    def test_none(self, browse: Browse) -> None:
        terminal = Terminal(signing(WORDS, TYPED))
        page = browse().open(terminal.url)
        page.get_by_role("heading", name="No wallet was found").wait_for()
        page.get_by_role("button", name="Stop").click()
        page.get_by_role("heading", name="Nothing was signed").wait_for()
        error = terminal.error()
        assert isinstance(error, InvalidInput) and str(error) == "the browser has no wallet"

    def test_in_another_browser(self, browse: Browse, stub: Stub) -> None:
        terminal = Terminal(signing(WORDS, TYPED))
        page = browse().open(terminal.url)
        page.get_by_role("button", name="Use another browser").click()
        link = page.get_by_label("Open this link there.").input_value()
        assert link != terminal.opened[0]
        other = browse(stub).open(link)
        other.get_by_role("button", name="Marmot").click()
        other.get_by_role("button", name="Sign with Marmot").click()
        other.get_by_role("heading", name="Signed").wait_for()
        assert terminal.result()
        assert page.get_by_role("heading", name="Go on in the other browser").is_visible()

    @pytest.mark.parametrize("icon", ["https://evil.example/pixel.png", "javascript:alert(1)", "data:text/html,x", ""])
    def test_only_pictures_that_are_here_already(self, sit: Sit, stub: Stub, icon: str) -> None:
        stub.icon = icon
        sitting = sit()
        sitting.page.get_by_role("button", name="Marmot").wait_for()
        assert sitting.page.locator("img").count() == 0
        sitting.connect().click("Do not sign")
        sitting.ends("Nothing was signed", "You said no.")

    def test_several_accounts(self, sit: Sit, stub: Stub) -> None:
        stub.accounts = [BOB, ALICE]
        sitting = sit()
        sitting.click("Marmot")
        sitting.page.get_by_role("heading", name="Choose an account").wait_for()
        sitting.click(ALICE)
        sitting.click("Sign with Marmot")
        sitting.signed()

    @pytest.mark.parametrize("accounts", [[ALICE], [BOB, ALICE]])
    def test_the_question_overtakes_the_receipt(self, browse: Browse, stub: Stub, accounts: list[str]) -> None:
        """The terminal's question may be drawn before the page hears that its account has arrived."""
        stub.accounts = accounts
        terminal = Terminal(signing(WORDS, TYPED))
        browser = browse(stub)
        browser.context.add_init_script(UNHEARD)
        page = browser.open(terminal.url)
        page.get_by_role("button", name="Marmot").click()
        if len(accounts) > 1:
            page.get_by_role("button", name=ALICE).click()
        page.get_by_role("button", name="Sign with Marmot").click()
        page.get_by_role("heading", name="Signed", exact=True).wait_for()
        assert terminal.result()

    def test_news_that_were_on_their_way(self, browse: Browse, stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
        """Told before the account arrived, they come after it was chosen: nothing is offered once more."""
        monkeypatch.setattr(page_protocol, "HOLD_SECONDS", 0.05)
        terminal = Terminal(signing(WORDS, TYPED))
        browser = browse(stub)
        browser.context.add_init_script(LATE)
        page = browser.open(terminal.url)
        page.get_by_role("button", name="Marmot").click()
        page.get_by_role("button", name="Sign with Marmot").click()
        page.get_by_role("heading", name="Signed", exact=True).wait_for()
        titles = page.evaluate("titles")
        assert titles.index("One moment", 1) < titles.index("You are asked for your consent")
        assert titles.count("Choose your wallet") == 1
        assert terminal.result()

    def test_clicked_twice(self, sit: Sit) -> None:
        sitting = sit()
        sitting.page.get_by_role("button", name="Marmot").dblclick()
        sitting.page.get_by_role("button", name="Sign with Marmot").dblclick()
        sitting.signed()
        assert sitting.stub.methods().count("eth_signTypedData_v4") == 1

    def test_an_account_that_is_named_already(self, sit: Sit, stub: Stub) -> None:
        stub.accounts = [BOB]
        sitting = sit(account=ALICE)
        sitting.click("Marmot")
        sitting.problem("Your wallet offers 0x7099…79C8; this is for 0xf39F…2266.")
        stub.accounts = [BOB, ALICE]
        sitting.connect().click("Sign with Marmot")
        sitting.signed()


class TestThePage:
    def test_opened_twice(self, sit: Sit, stub: Stub) -> None:
        sitting = sit().connect()
        second = sitting.page.context.new_page()
        second.goto(sitting.url)
        second.get_by_role("heading", name="This page is open already").wait_for()
        second.close()
        sitting.click("Sign with")
        sitting.signed()

    def test_a_second_tab_without_the_token(self, sit: Sit) -> None:
        sitting = sit().connect()
        second = sitting.page.context.new_page()
        second.goto(sitting.url.split("#")[0])
        second.get_by_role("heading", name="This page needs its link").wait_for()
        assert second.get_by_text("Maison Aurelle").count() == 0
        second.goto(sitting.url.split("#")[0] + "#wrong")
        second.get_by_role("heading", name="This page needs its link").wait_for()
        sitting.click("Sign with")
        sitting.signed()

    def test_reloaded(self, sit: Sit) -> None:
        sitting = sit().connect()
        for _ in range(2):
            sitting.page.reload()
            sitting.connect()
        assert sitting.terminal.wallet._open is not None
        assert sitting.terminal.wallet._open[0]._closed_at is None  # it is known to be there again
        sitting.click("Sign with")
        sitting.signed()

    def test_given_its_link_again(self, sit: Sit) -> None:
        sitting = sit().connect()
        with sitting.page.expect_event("load"):  # the page loads itself again
            sitting.page.goto(sitting.url)
        sitting.connect().click("Sign with")
        sitting.signed()

    def test_closed(self, sit: Sit, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(page_protocol, "RELOAD_SECONDS", 0.5)
        monkeypatch.setattr(page_protocol, "SILENCE_SECONDS", 8.0)  # where a busy browser says no goodbye
        sitting = sit().connect()
        sitting.page.close()
        error = sitting.terminal.error()
        assert isinstance(error, CouldNotCheck) and "closed" in str(error) and exit_code(error) == 3

    def test_a_closed_window_ends_the_wait_at_once(self, sit: Sit) -> None:
        """A reload may take 30 seconds here, and nobody waits for one: no page was loaded again (section E)."""
        sitting = sit().connect()
        closed = time.monotonic()
        sitting.page.close(run_before_unload=True)
        assert "closed" in str(sitting.terminal.error())
        assert time.monotonic() - closed < 5

    def test_the_link_leaves_no_token_behind(self, sit: Sit) -> None:
        sitting = sit().connect()
        token = sitting.url.split("#")[1]
        assert sitting.page.url == sitting.url.split("#")[0]
        assert token not in sitting.page.content()
        kept = sitting.page.evaluate("JSON.stringify([{...sessionStorage}, {...localStorage}, document.cookie])")
        assert token not in kept
        sitting.click("Do not sign")
        sitting.ends("Nothing was signed", "You said no.")
        assert sitting.page.evaluate("sessionStorage.getItem('owner')") is None

    def test_the_countdown_runs_out(self, sit: Sit) -> None:
        sitting = sit(seconds=110.0).connect()
        clock = sitting.page.get_by_role("timer")
        clock.get_by_text(re.compile(r"^1:[0-4]\d left$")).wait_for()
        sitting.hurry(28.0)
        clock.get_by_text(re.compile(r"^0:2\d left$")).wait_for()
        sitting.page.locator("#times").get_by_text(re.compile(r"^0:[0-3]\d left$")).wait_for(state="attached")
        sitting.hurry(1.0)
        error = sitting.ends("Nothing was signed", "The time is over.")
        assert isinstance(error, CouldNotCheck) and "in time" in str(error) and exit_code(error) == 3

    def test_more_time(self, sit: Sit) -> None:
        sitting = sit(seconds=200.0).connect()
        clock = sitting.page.get_by_role("timer")
        assert sitting.page.locator("#more").is_hidden()
        for _ in range(2):
            sitting.hurry(100.0)
            clock.get_by_text(re.compile(r"^1:[0-3]\d left$")).wait_for()
            sitting.click("More time")
            clock.get_by_text(re.compile(r"^[23]:\d\d left$")).wait_for()
        sitting.click("Sign with")
        sitting.signed()

    def test_the_terminal_says_why_it_stops(self, browse: Browse, stub: Stub) -> None:
        def work(wallet: BrowserWallet) -> None:
            raise InvalidInput(f"<b>{wallet.address}</b> was retired for ever")

        sitting = Sitting(browse, stub, work=work)
        sitting.click("Marmot")
        error = sitting.ends("Nothing was signed", f"The terminal stopped. <b>{ALICE}</b> was retired for ever")
        assert isinstance(error, InvalidInput)


class TestTransactions:
    def test_sent_by_the_wallet(self, browse: Browse, stub: Stub) -> None:
        tx = {"to": BOB, "data": "0x", "value": 5, "gas": 21_000, "chainId": 31337, "nonce": 99, "type": 2}
        sitting = Sitting(browse, stub, work=lambda wallet: wallet.send_transaction(tx))
        sitting.click("Marmot")
        sitting.page.get_by_role("heading", name="Send a transaction").wait_for()
        sitting.page.get_by_text(f"The address {ALICE}, and what it does here").wait_for()
        sitting.click("Send with Marmot")
        sitting.page.get_by_role("heading", name="Sent", exact=True).wait_for()
        assert re.fullmatch(r"0x[0-9a-f]{64}", sitting.terminal.result())
        (sent,) = [params for method, params in stub.asked if method == "eth_sendTransaction"]
        assert sent == [{"from": ALICE, "to": BOB, "data": "0x", "value": "0x5", "gas": "0x5208", "chainId": "0x7a69"}]

    def test_the_hash_counts_whatever_changed_meanwhile(self, sends: Sends, stub: Stub) -> None:
        """What was sent is sent: its hash is not lost because the wallet moved on before it answered."""
        asked = threading.Event()

        def slow(_params: Any) -> str:
            emit(sitting.page, stub, "chainChanged", "0x1")
            asked.set()
            return HASH

        stub.answers["eth_sendTransaction"] = slow
        sitting = sends()
        sitting.click("Send with Marmot")
        sitting.page.get_by_role("heading", name="Sent", exact=True).wait_for()
        assert asked.is_set() and sitting.terminal.result() == HASH


HASH = "0x" + "ab" * 32
MAYBE = "the wallet may have sent the transaction"


@pytest.fixture
def sends(browse: Browse, stub: Stub) -> Callable[..., Sitting]:
    """Somebody is about to send a transaction."""

    def start(**options: Any) -> Sitting:
        sitting = Sitting(browse, stub, work=lambda wallet: wallet.send_transaction({"to": BOB}), **options)
        sitting.click("Marmot")
        sitting.page.get_by_role("button", name="Send with Marmot").wait_for()
        return sitting

    return start


Sends = Callable[..., Sitting]


class TestWhatMayHaveBeenSent:
    """Once the wallet was asked, nobody says "nothing was sent" who does not know it (`Submitter`)."""

    def unclear(self, sitting: Sitting, text: str) -> None:
        error = sitting.ends("It may have been sent", text)
        sitting.page.get_by_text("Sending it again does no harm.").wait_for()
        assert isinstance(error, LedgerUnavailable) and MAYBE in str(error) and exit_code(error) == 3
        assert "Check in the wallet" in error.advice

    def waits(self, sitting: Sitting, stub: Stub) -> Sitting:
        stub.answers["eth_sendTransaction"] = NEVER
        sitting.click("Send with Marmot")
        sitting.page.get_by_text("Go on in Marmot.").wait_for()
        for _ in range(100):
            if "eth_sendTransaction" in stub.methods():
                return sitting
            sitting.page.wait_for_timeout(50)
        raise AssertionError(stub.methods())

    @pytest.mark.parametrize(
        ("answer", "text"),
        [
            (None, "returned nothing"),
            ("", "returned nothing"),
            ("0x12", "makes no sense"),
            ("sent!", "makes no sense"),
            ({"hash": HASH}, "makes no sense"),
        ],
    )
    def test_no_hash(self, sends: Sends, stub: Stub, answer: Any, text: str) -> None:
        stub.answers["eth_sendTransaction"] = answer
        sitting = sends()
        sitting.click("Send with Marmot")
        self.unclear(sitting, text)

    def test_the_time_runs_out(self, sends: Sends, stub: Stub) -> None:
        sitting = self.waits(sends(), stub)
        sitting.hurry(0.5)
        self.unclear(sitting, "The time is over.")

    def test_the_page_is_closed(self, sends: Sends, stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(page_protocol, "RELOAD_SECONDS", 0.5)
        monkeypatch.setattr(page_protocol, "SILENCE_SECONDS", 8.0)  # where a busy browser says no goodbye
        sitting = self.waits(sends(), stub)
        sitting.page.close()
        error = sitting.terminal.error()
        assert isinstance(error, LedgerUnavailable) and "closed" in str(error) and MAYBE in str(error)

    def test_the_page_is_loaded_again(self, sends: Sends, stub: Stub) -> None:
        """The new page knows of it."""
        sitting = self.waits(sends(), stub)
        sitting.page.reload()
        sitting.click("Marmot")
        sitting.click("Do not send")
        self.unclear(sitting, "You said no.")

    @pytest.mark.parametrize("code", [-32603, -32000, 4100, -32002, 4900])
    def test_an_error(self, sends: Sends, stub: Stub, code: int) -> None:
        stub.answers["eth_sendTransaction"] = raising(code)
        sitting = sends()
        sitting.click("Send with Marmot")
        sitting.page.locator("#note.problem").wait_for()
        sitting.click("Do not send")
        self.unclear(sitting, "Your wallet")

    def test_something_changes(self, sends: Sends, stub: Stub) -> None:
        sitting = self.waits(sends(), stub)
        emit(sitting.page, stub, "accountsChanged", [BOB])
        sitting.problem("Your wallet changed to")
        sitting.click("Do not send")
        self.unclear(sitting, "Your wallet changed to")

    def test_no_on_the_page_comes_too_late(self, sends: Sends, stub: Stub) -> None:
        sitting = self.waits(sends(), stub)
        sitting.click("Do not send")
        self.unclear(sitting, "You said no.")

    def test_a_no_to_the_second_is_none_to_the_first(self, sends: Sends, stub: Stub) -> None:
        stub.answers["eth_sendTransaction"] = raising(-32603)
        sitting = sends()
        sitting.click("Send with Marmot")
        sitting.page.locator("#note.problem").wait_for()
        stub.answers["eth_sendTransaction"] = raising(4001)
        sitting.click("Try again")
        self.unclear(sitting, "You said no in your wallet.")

    def test_the_terminal_is_killed(self, sends: Sends, stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(page_protocol, "FAREWELL_SECONDS", 0.2)
        sitting = self.waits(sends(), stub)
        assert sitting.terminal.wallet._open is not None
        page, server = sitting.terminal.wallet._open
        server.close()
        sitting.page.get_by_role("heading", name="It may have been sent").wait_for()
        page.say("stop", "said-no")
        assert isinstance(sitting.terminal.error(), LedgerUnavailable)


class TestWhatWasNotSent:
    """Before the wallet was asked, and after its clear no, it stays as it is with signatures."""

    def test_no_on_the_page(self, sends: Sends, stub: Stub) -> None:
        sitting = sends()
        sitting.click("Do not send")
        assert isinstance(sitting.ends("Nothing was signed", "You said no."), Rejected)
        assert "eth_sendTransaction" not in stub.methods()

    def test_the_time_runs_out(self, sends: Sends) -> None:
        sitting = sends()
        sitting.hurry(0.5)
        error = sitting.ends("Nothing was signed", "The time is over.")
        assert isinstance(error, CouldNotCheck) and not isinstance(error, LedgerUnavailable)

    def test_no_in_the_wallet(self, sends: Sends, stub: Stub) -> None:
        stub.answers["eth_sendTransaction"] = raising(4001)
        sitting = sends()
        sitting.click("Send with Marmot")
        assert isinstance(sitting.ends("Nothing was signed", "You said no in your wallet."), Rejected)

    def test_a_wallet_that_cannot(self, sends: Sends, stub: Stub) -> None:
        stub.answers["eth_sendTransaction"] = raising(4200)
        sitting = sends()
        sitting.click("Send with Marmot")
        sitting.problem("cannot do that")
        sitting.click("Do not send")
        assert isinstance(sitting.ends("Nothing was signed", "Your wallet cannot do that."), InvalidInput)


@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_ending_has_words_on_the_page(language: str) -> None:
    """In each language, and other ones for each."""
    texts = json.loads((JS_FOLDER / "wallet" / "words" / f"{language}.json").read_bytes())
    said = [texts[code] for code in _ENDINGS if code not in ("closed", "none", "stranger")]
    assert all(said) and len(set(said)) == len(said)
