"""The page's origin is its own: nothing that a browser kept from another program answers there."""

from __future__ import annotations

import errno
import re
import socket
import socketserver
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from registry.core.errors import InvalidInput
from registry.wallets import page_server
from registry.wallets.page_protocol import Page
from registry.wallets.page_server import PageServer, own_host
from tests.support.browser_stage import Browser, Stub, Terminal, demo_grant, signing
from tests.support.http_answers import Answer, Asked, answering

pytestmark = pytest.mark.slow
Browse = Callable[..., Browser]
# It answers in place of whatever server is asked at its origin, as a program that ran here before may have left it.
WORKER = b"""
addEventListener("install", () => skipWaiting());
addEventListener("activate", (event) => event.waitUntil(clients.claim()));
addEventListener("fetch", (event) => event.respondWith(new Response("planted")));
"""
PLANT = b"<script>navigator.serviceWorker.register('/worker.js')</script>"


def planting(asked: Asked) -> Answer:
    script = asked.path == "/worker.js"
    kind = "text/javascript" if script else "text/html"
    return Answer(body=WORKER if script else PLANT, headers=(("Content-Type", kind),))


def plant(browser: Browser) -> int:
    """Leave a service worker for 127.0.0.1 and for localhost at a port, which is free again then; return the port."""
    with answering(planting) as served:
        for host in ("127.0.0.1", "localhost"):
            page = browser.open(f"http://{host}:{served.port}/")
            page.evaluate("navigator.serviceWorker.ready.then(() => null)")
            page.close()
    browser.requests.clear()
    return served.port


@contextmanager
def signs_at(browser: Browser, stub: Stub) -> Iterator[str]:
    """Sign on a page; yield its URL before."""
    terminal = Terminal(signing(*demo_grant()))
    url = terminal.url
    yield url
    page = browser.open(url)
    page.get_by_role("button", name=stub.name).click()
    page.get_by_role("button", name="Sign with").click()
    page.get_by_role("heading", name="Signed", exact=True).wait_for()
    assert len(terminal.result()) == 65


def test_a_service_worker_of_another_program(browse: Browse, stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    """It took the page over where both had one port of 127.0.0.1: the port alone can be met again (item 13)."""
    browser = browse(stub)
    port = plant(browser)
    page = browser.open(f"http://127.0.0.1:{port}/")
    assert page.content().count("planted") == 1  # it answers though no server runs
    page.close()
    bind = PageServer.server_bind

    def same_port(server: PageServer) -> None:
        server.server_address = (server.server_address[0], port)
        bind(server)

    monkeypatch.setattr(PageServer, "server_bind", same_port)
    with signs_at(browser, stub) as url:
        assert urlsplit(url).port == port


def test_a_computer_with_one_address(browse: Browse, stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    """There a random name below localhost is the origin, and the browser finds it by itself (item 13)."""
    monkeypatch.setattr(page_server.platform, "release", lambda: "5.15.153.1-microsoft-standard-WSL2")
    with signs_at(browse(stub), stub) as url:
        assert re.fullmatch(r"[0-9a-f]{32}\.localhost", str(urlsplit(url).hostname))


def test_each_run_has_another_origin(monkeypatch: pytest.MonkeyPatch) -> None:
    """(item 13)"""
    addresses = [own_host() for _ in range(50)]
    assert len(set(addresses)) == 50 and all(address == host for address, host in addresses)

    class OneAddress(socket.socket):
        def bind(self, address: object, /) -> None:
            raise OSError(errno.EADDRNOTAVAIL, "no such address")

    monkeypatch.setattr(page_server.socket, "socket", OneAddress)
    named = [own_host() for _ in range(50)]
    assert len({host for _, host in named}) == 50 and {address for address, _ in named} == {"127.0.0.1"}


def test_nobody_listens_at_the_other_address_of_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A browser may ask [::1] first for a name below localhost, so another program must not get its port (item 13)."""
    monkeypatch.setattr(page_server, "own_host", lambda: ("127.0.0.1", "abc.localhost"))
    server = PageServer(Page(10.0))
    try:
        with socket.socket(socket.AF_INET6) as other, pytest.raises(OSError, match="in use"):
            other.bind(("::1", server.server_address[1]))
    finally:
        server.close()
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as there:
        port = there.getsockname()[1]

        def taken(server: PageServer) -> None:
            server.server_address = (server.server_address[0], port)
            socketserver.TCPServer.server_bind(server)

        monkeypatch.setattr(PageServer, "server_bind", taken)
        with pytest.raises(InvalidInput, match="another program has port"):
            PageServer(Page(10.0))
