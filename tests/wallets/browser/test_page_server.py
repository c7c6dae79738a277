"""The page's server, asked by programs that are no page: only its own page gets anything, and only once."""

from __future__ import annotations

import gzip
import http.client
import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from registry.core.errors import CouldNotCheck, InvalidInput, LedgerUnavailable, Rejected
from registry.wallets import browser, page_protocol, page_server
from registry.wallets.browser import BrowserWallet
from registry.wallets.page_server import MAX_BODY
from tests.support.browser_stage import ALICE, Terminal, demo_grant, is_refused, signing

pytestmark = pytest.mark.slow

JSON = {"Content-Type": "application/json"}


@pytest.fixture(autouse=True)
def news_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody here waits long for news that do not come."""
    monkeypatch.setattr(page_protocol, "HOLD_SECONDS", 0.2)


class Client:
    """Somebody who speaks HTTP to the server: as its own page does, unless a test says otherwise."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.host, self.token = parts.netloc, parts.fragment
        self.key = ""

    def __call__(
        self, method: str, path: str, body: bytes | None = b"null", **headers: str | None
    ) -> tuple[int, bytes]:
        status, _, answer = self.ask(method, path, body, **headers)
        return status, answer

    def ask(
        self, method: str, path: str, body: bytes | None = b"null", **headers: str | None
    ) -> tuple[int, Any, bytes]:
        connection = http.client.HTTPConnection(self.host, timeout=10)
        usual = {"Origin": f"http://{self.host}", "Consent-Token": self.token, "Consent-Key": self.key, **JSON}
        given = usual | {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, path, body, {name: value for name, value in given.items() if value is not None})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def claim(self) -> None:
        status, answer = self("POST", "/claim")
        assert status == 200
        self.key = json.loads(answer)["key"]

    def tell(self, event: str, value: Any = None) -> int:
        return self("POST", f"/{event}", json.dumps(value).encode())[0]

    def state(self, seen: int = 0) -> dict[str, Any]:
        status, answer = self("POST", "/state", json.dumps(seen).encode())
        assert status == 200
        return dict(json.loads(answer))


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    """Somebody waits for an account and a signature."""
    terminal = Terminal(signing(*demo_grant()))
    yield terminal
    end(terminal, monkeypatch)


def end(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a farewell to a page that is not there."""
    monkeypatch.setattr(page_protocol, "FAREWELL_SECONDS", 0.0)
    terminal.wallet.close()


@pytest.fixture
def client(terminal: Terminal) -> Client:
    return Client(terminal.url)


class TestWhoMayAsk:
    def test_the_page_itself(self, client: Client) -> None:
        client.claim()
        assert client.state()["stage"] == "account"

    @pytest.mark.parametrize("path", ["/", "/page.js", "/page.css"])
    def test_its_files_hold_no_secret_and_forbid_everything_else(self, client: Client, path: str) -> None:
        status, headers, body = client.ask("GET", path, None)
        assert status == 200 and client.token.encode() not in body
        policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
        assert policy == {
            "default-src": "'none'",
            "script-src": "'self'",
            "style-src": "'self'",
            "img-src": "data:",
            "connect-src": "'self'",
            "base-uri": "'none'",
            "form-action": "'none'",
            "frame-ancestors": "'none'",
            "require-trusted-types-for": "'script'",
            "trusted-types": "'none'",
        }
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert headers["Cache-Control"] == "no-store"
        assert "Python" not in headers["Server"]

    @pytest.mark.parametrize(
        "host",
        ["127.0.0.1:{port}", "localhost:{port}", "127.0.0.1", "evil.example:{port}", "127.0.0.1:1", "[::1]:{port}"],
    )
    @pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("GET", "/page.js"), ("POST", "/claim")])
    def test_a_foreign_host(self, client: Client, host: str, method: str, path: str) -> None:
        named = host.format(port=client.host.split(":")[1])
        assert client(method, path, Host=named, Origin=f"http://{named}") == (403, b"")
        assert client(method, path, Host=named) == (403, b"")

    def test_two_hosts(self, client: Client) -> None:
        request = f"GET / HTTP/1.1\r\nHost: {client.host}\r\nHost: evil.example\r\n\r\n"
        assert b" 403 " in _raw(client.host, request).split(b"\r\n")[0]

    @pytest.mark.parametrize(
        "origin", ["http://evil.example", "null", None, "https://{host}", "http://{host}.evil.example"]
    )
    @pytest.mark.parametrize("path", ["/claim", "/state", "/answer"])
    def test_a_foreign_origin(self, client: Client, origin: str | None, path: str) -> None:
        client.claim()
        named = origin and origin.format(host=client.host)
        assert client("POST", path, b"0", Origin=named) == (403, b"")

    @pytest.mark.parametrize("site", ["cross-site", "same-site"])
    def test_a_page_of_another_site(self, client: Client, site: str) -> None:
        assert client("POST", "/claim", Sec_Fetch_Site=site)[0] == 403
        assert client("GET", "/page.js", None, Sec_Fetch_Site=site)[0] == 403
        assert client("GET", "/", None, Sec_Fetch_Site=site)[0] == 200  # a link may be followed from anywhere

    @pytest.mark.parametrize("token", ["", "x", "0" * 43, "é", None])
    def test_a_wrong_token(self, client: Client, token: str | None) -> None:
        assert client("POST", "/claim", Consent_Token=token) == (403, b"")
        client.claim()  # and nothing was lost by it

    @pytest.mark.parametrize("path", ["/state", "/account", "/answer", "/stop", "/elsewhere", "/more", "/leave"])
    def test_nobody_without_the_key(self, client: Client, path: str) -> None:
        assert client("POST", path, b"0") == (403, b"")  # before anybody has one: the empty key is nobody's
        client.claim()
        for key in ("", "x", client.token, client.key[:-1], None):
            assert client("POST", path, b"0", Consent_Key=key) == (403, b"")

    def test_the_first_who_claims_owns_it(self, client: Client) -> None:
        client.claim()
        assert client("POST", "/claim") == (409, b"")
        assert client.state()["stage"] == "account"

    def test_another_browser_gets_a_link_of_its_own(self, client: Client) -> None:
        client.claim()
        status, answer = client("POST", "/elsewhere")
        assert status == 200
        other = Client(f"http://{client.host}/#{json.loads(answer)['token']}")
        other.claim()
        assert other.state()["stage"] == "account"
        assert client.tell("stop", "said-no") == 403
        assert client("POST", "/claim")[0] == 403


class TestWhatMayBeAsked:
    @pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "<script>"])
    def test_other_methods(self, client: Client, method: str) -> None:
        status, body = client(method, "/", None)
        assert (status, body) == (501, b"")

    @pytest.mark.parametrize("path", ["/nothing", "/../browser.py", "/page/page.js", "/%2e%2e/", "/index.html"])
    def test_other_paths(self, client: Client, path: str) -> None:
        client.claim()
        assert client("GET", path, None) == (404, b"")
        assert client("POST", path) == (404, b"")

    @pytest.mark.parametrize(
        ("body", "headers"),
        [
            (b"", {}),
            (b"{", {}),
            (b"\xff", {}),
            (b"null", {"Content-Type": "text/plain"}),
            (b"null", {"Content-Type": None}),
            (b"null", {"Content-Length": "-1"}),
            (b"null", {"Content-Length": "1e3"}),
            (b"null", {"Content-Length": str(MAX_BODY + 1)}),
            (b"[" * 60_000, {}),
            (b"[1]", {}),
            (b'{"a":1}', {}),
            (b"1.5", {}),
            (b"true", {}),
        ],
    )
    def test_bodies_that_are_none(self, client: Client, body: bytes, headers: dict[str, str | None]) -> None:
        client.claim()
        named = {name.replace("-", "_"): value for name, value in headers.items()}
        assert client("POST", "/answer", body, **named) == (400, b"")
        assert client.state()["stage"] == "account"

    def test_what_is_no_http(self, client: Client) -> None:
        assert _raw(client.host, "\0\0\0\r\n\r\n") == b"" or b"400" in _raw(client.host, "\0\0\0\r\n\r\n")
        assert b"<" not in _raw(client.host, "<b> <i> <u>\r\n\r\n")

    def test_an_answer_before_the_question(self, client: Client) -> None:
        client.claim()
        assert client.tell("answer", "0x00") == 409

    def test_one_account_and_one_answer(self, terminal: Terminal, client: Client) -> None:
        client.claim()
        assert client.tell("account", ALICE) == 200
        assert client.tell("account", ALICE) == 409
        while (state := client.state())["stage"] != "question":
            assert state["stage"] in ("busy", "account")
        assert client.tell("answer", "0x") == 200
        assert client.tell("answer", "0x") in (409, 403)
        while client.state()["stage"] != "done":
            pass
        assert isinstance(terminal.error(), Rejected)

    @pytest.mark.parametrize("account", [None, 7, "0x", "alice", ALICE + "00", f"0x{ALICE}"])
    def test_an_account_that_is_none(self, terminal: Terminal, client: Client, account: Any) -> None:
        client.claim()
        assert client.tell("account", account) == 200
        client.tell("state", 99)
        assert str(terminal.error()) == "the wallet's answer makes no sense"

    @pytest.mark.parametrize("code", ["unheard-of", None, 7, "\x1b[31m"])
    def test_only_our_own_words_reach_the_terminal(self, terminal: Terminal, client: Client, code: Any) -> None:
        client.claim()
        client.tell("problem", code)
        client.tell("stop", code)
        client.tell("state", 99)
        error = terminal.error()
        assert isinstance(error, InvalidInput) and str(error) == "the wallet answered with an error"
        assert terminal.notes[1:] == [f"On the page: {error}. {error.advice}"]


class TestWhatMayHaveBeenSent:
    @pytest.fixture
    def client(self, terminal: Terminal) -> Client:
        """Its own page, at the question."""
        client = Client(terminal.url)
        client.claim()
        client.tell("account", ALICE)
        while client.state()["stage"] != "question":
            pass
        return client

    @pytest.fixture
    def terminal(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
        terminal = Terminal(lambda wallet: (wallet.address, wallet.send_transaction({"to": ALICE})))
        yield terminal
        end(terminal, monkeypatch)

    def test_the_page_says_so_before_it_asks(self, terminal: Terminal, client: Client) -> None:
        assert client.tell("asked", 1) == 200
        assert client.state()["asked"] == 1
        assert client.tell("stop", "said-no") == 200
        client.state(99)
        assert isinstance(terminal.error(), LedgerUnavailable)

    def test_and_when_it_was_not(self, terminal: Terminal, client: Client) -> None:
        assert [client.tell("asked", told) for told in (1, -1)] == [200, 200]
        client.tell("stop", "rejected")
        client.state(99)
        assert isinstance(terminal.error(), Rejected)

    @pytest.mark.parametrize("told", [0, 2, -2, None, "1"])
    def test_nothing_else_is_counted(self, client: Client, told: Any) -> None:
        assert client.tell("asked", told) == 404

    def test_nobody_asks_a_wallet_once_the_terminal_has_given_up(self) -> None:
        page = page_protocol.Page(0.0)
        page.put(stage="question")
        assert page.ask(1)
        page = page_protocol.Page(0.0)
        page.put(stage="question")
        assert page.wait() == ("stop", "timeout")
        assert not page.ask(1) and not page.end("timeout")

    def test_less_than_nothing_is_not_counted(self) -> None:
        page = page_protocol.Page(10.0)
        page.put(stage="question")
        assert page.ask(-1) and page.ask(1) and page.end("stopped")

    def test_interrupted_in_the_terminal(self) -> None:
        notes: list[str] = []
        wallet = BrowserWallet(1, note=notes.append, account=ALICE, opener=lambda url: None)

        def interrupt() -> Any:
            assert wallet._open is not None
            assert wallet._open[0].ask(1)
            raise KeyboardInterrupt

        with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt), wallet:
            patch.setattr(page_protocol.Page, "wait", lambda page: interrupt())
            wallet.send_transaction({"to": ALICE})
        assert notes[-1].startswith("The wallet may have sent the transaction.")


class TestSilence:
    def test_a_browser_that_crashed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Nothing said goodbye: found long before the time limit."""
        monkeypatch.setattr(page_protocol, "SILENCE_SECONDS", 2.0)
        terminal = Terminal(signing(*demo_grant()))
        client = Client(terminal.url)
        client.claim()
        for _ in range(4):  # a page that asks for news is there
            client.state()
        error = terminal.error()
        assert isinstance(error, CouldNotCheck) and "closed" in str(error)

    def test_a_page_that_asks_is_there(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(page_protocol, "SILENCE_SECONDS", 2.0)
        monkeypatch.setattr(page_protocol, "HOLD_SECONDS", 0.2)
        monkeypatch.setattr(page_protocol, "FAREWELL_SECONDS", 0.2)
        terminal = Terminal(signing(*demo_grant()), seconds=30)
        client = Client(terminal.url)
        client.claim()
        until = time.monotonic() + 3
        while time.monotonic() < until:
            assert client.state(99)["stage"] == "account"
        terminal.wallet.close()
        assert terminal.error()

    def test_before_anybody_came_only_the_time_counts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(page_protocol, "SILENCE_SECONDS", 0.0)
        assert page_protocol.Page(0.5).wait() == ("stop", "timeout")

    def test_a_computer_that_slept(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The clock jumps over an hour; the page has not been silent for it."""
        page = page_protocol.Page(100_000.0)
        assert page.claim(page.token)
        real, jump = time.monotonic, [0.0]
        monkeypatch.setattr(page_protocol.time, "monotonic", lambda: real() + jump[0])
        waiting = ThreadPoolExecutor(1).submit(page.wait)
        jump[0] = 3_600.0
        with pytest.raises(FutureTimeout):
            waiting.result(1.0)
        page.say("account", ALICE)
        assert waiting.result(5.0) == ("account", ALICE)


class TestOtherUsers:
    """The link stands on the browser's command line; who can read it there and is somebody else gets nothing."""

    def test_linux_says_whose_a_connection_is(self, client: Client) -> None:
        host, port = client.host.split(":")
        with socket.create_connection((host, int(port)), timeout=5) as mine:
            assert page_server.user_of(mine.getsockname(), mine.getpeername()) == os.getuid()
        assert page_server.user_of(("127.0.0.1", 1), (host, int(port))) is None

    def test_also_over_ipv6(self, client: Client) -> None:
        host, port = client.host.split(":")
        with socket.socket(socket.AF_INET6) as mine:
            try:
                mine.connect((f"::ffff:{host}", int(port)))
            except OSError:
                pytest.skip("this computer has no IPv6")
            source = mine.getsockname()[0].removeprefix("::ffff:")
            assert page_server.user_of((source, mine.getsockname()[1]), (host, int(port))) == os.getuid()

    def test_where_nothing_says_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(page_server, "TABLES", (Path("/nonexistent"),))
        monkeypatch.setattr(os, "getuid", lambda: 1000)
        assert not page_server.is_strangers(page_server.user_of(("127.0.0.1", 1), ("127.0.0.1", 2)))

    @pytest.mark.parametrize(
        ("ours", "theirs", "refused"),
        [(1000, 1001, True), (1000, None, False), (1000, 1000, False), (1000, 0, False), (0, 1001, False)],
    )
    def test_who_is_a_stranger(
        self, monkeypatch: pytest.MonkeyPatch, ours: int, theirs: int | None, refused: bool
    ) -> None:
        monkeypatch.setattr(os, "getuid", lambda: ours)
        assert page_server.is_strangers(theirs) is refused

    def test_a_connection_that_is_gone_claims_nothing_and_is_nobodys_news(
        self, terminal: Terminal, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(page_server, "user_of", lambda client, server: page_server.GONE)
        assert client("POST", "/claim") == (403, b"")
        monkeypatch.undo()
        client.claim()
        assert terminal.notes[1:] == []

    def test_a_stranger_gets_nothing_and_the_owner_goes_on(
        self, terminal: Terminal, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(page_server, "is_strangers", lambda user: True)
        assert client("POST", "/claim", Consent_Token="0" * 43) == (403, b"")
        for _ in range(3):
            assert client("POST", "/claim") == (403, b"")
        monkeypatch.setattr(page_server, "is_strangers", lambda user: False)
        client.claim()
        assert client.state()["stage"] == "account"
        client.tell("stop", "said-no")
        client.state(99)
        assert isinstance(terminal.error(), Rejected)
        (told,) = terminal.notes[1:]  # once: whoever has not even the link is nobody's news
        assert "another user of this computer tried to open the page" in told


class TestTheEnd:
    def test_nobody_came(self, terminal: Terminal) -> None:
        quick = Terminal(signing(*demo_grant()), seconds=2.0)
        assert not is_refused(quick.url)
        error = quick.error()
        assert isinstance(error, CouldNotCheck) and "in time" in str(error)
        terminal.wallet.close()
        assert is_refused(terminal.url)

    def test_more_time_ten_times(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(page_protocol, "FAREWELL_SECONDS", 0.2)
        terminal = Terminal(signing(*demo_grant()), seconds=2.0)
        client = Client(terminal.url)
        client.claim()
        lefts = []
        for _ in range(page_protocol.MAX_EXTENSIONS + 1):
            assert client.tell("more") == 200
            lefts.append(client.state()["left"])
        assert max(lefts[:-1]) > 1.5
        assert isinstance(terminal.error(), CouldNotCheck)

    def test_what_the_command_stops_for_is_told(self) -> None:
        def work(wallet: BrowserWallet) -> None:
            assert wallet.address == ALICE
            raise InvalidInput("the notice is not written in 'xx'")

        terminal = Terminal(work)
        client = Client(terminal.url)
        client.claim()
        assert client.tell("account", ALICE) == 200
        while (state := client.state())["stage"] != "done":
            assert state["stage"] == "busy"
        assert state["outcome"] == {"code": "stopped", "detail": "the notice is not written in 'xx'"}
        assert isinstance(terminal.error(), InvalidInput)

    def test_nothing_is_logged(self, client: Client, capfd: pytest.CaptureFixture[str]) -> None:
        client.claim()
        client("GET", "/nothing", None)
        client("POST", "/state", b"{")
        with socket.create_connection(client.host.split(":"), timeout=5) as gone:
            gone.sendall(b"POST /state HTTP/1.1\r\n")
        assert client.state()["stage"] == "account"
        assert capfd.readouterr() == ("", "")

    def test_the_token_and_the_key_are_new_each_time(self) -> None:
        pages = [page_protocol.Page(1.0) for _ in range(3)]
        tokens = {page.token for page in pages} | {page.claim(page.token) for page in pages}
        assert len(tokens) == 6 and all(token and len(token) >= 43 for token in tokens)


class TestTheAddressThatIsOffered:
    @pytest.mark.parametrize(
        "url",
        [
            "https://user:secret@rpc.example/",
            "https://rpc.example/?key=secret",
            "https://rpc.example/#secret",
            "https://rpc.example/v3/0123456789abcdef0123456789abcdef",
            "https://secret@rpc.example",
            "file:///etc/passwd",
            "http://[rpc",
        ],
    )
    def test_no_credentials_are_given_to_a_wallet(self, url: str) -> None:
        assert BrowserWallet(1, note=print, rpc_url=url)._chain == {"id": 1, "rpc": None}

    @pytest.mark.parametrize("url", ["http://127.0.0.1:8545", "https://rpc.example/", "https://rpc.example/esc"])
    def test_a_public_address(self, url: str) -> None:
        assert BrowserWallet(1, note=print, rpc_url=url)._chain == {"id": 1, "rpc": url}


def test_the_page_is_small() -> None:
    """It carries the formats and Unicode's tables, because it reads again what is signed."""
    from importlib.resources import files

    page = files("registry") / "data" / "web" / "wallet"
    sizes = {file.name: len(gzip.compress(file.read_bytes(), 9)) for file in page.iterdir()}
    assert set(sizes) == {"index.html", "page.js", "page.css", "LICENSES.md"}
    assert sum(sizes.values()) < 70_000


def test_a_browser_that_fails_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """No browser at all: the URL was printed, and whoever opens it elsewhere goes on."""
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    browser.open_browser("http://127.0.0.1:1/#x")


def test_a_browser_is_opened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With the link, which stands on no command line of ours."""
    opened, helper = tmp_path / "opened", tmp_path / "browser"
    helper.write_text(f'#!/bin/sh\ntr "\\0" " " < /proc/$PPID/cmdline > {opened}.ours\necho "$1" > {opened}\n')
    helper.chmod(0o700)
    monkeypatch.setenv("BROWSER", f"{helper} %s")
    browser.open_browser("http://127.0.0.1:1/#secret")
    until = time.monotonic() + 20
    while not (opened.exists() and opened.read_text()) and time.monotonic() < until:
        time.sleep(0.05)
    assert opened.read_text() == "http://127.0.0.1:1/#secret\n"
    ours = Path(f"{opened}.ours").read_text()
    assert "webbrowser" in ours and "secret" not in ours


def _raw(host: str, request: str) -> bytes:
    address, port = host.split(":")
    answer = b""
    with socket.create_connection((address, int(port)), timeout=5) as client:
        client.sendall(request.encode("latin-1"))
        client.shutdown(socket.SHUT_WR)
        while piece := client.recv(65_536):
            answer += piece
    return answer
