"""The app's server: only the name localhost, only the files that were built, and a strict policy on each answer."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from registry.config.network_file import Settings
from registry.core.errors import InvalidInput
from registry.ledger.base import Deployment
from registry.web.app_config import app_config
from registry.web.app_server import AppServer, app_files

DEPLOYMENT = Deployment(chain_id=31337, registry="0x" + "11" * 20, verifier="0x" + "22" * 20, block=7)
CONFIG = app_config(DEPLOYMENT, Settings(rpc_url="http://127.0.0.1:8545"), {"shop.example": "http://127.0.0.1:8700"})
Answer = tuple[int, http.client.HTTPMessage, bytes]


@pytest.fixture(scope="module")
def served() -> Iterator[AppServer]:
    with AppServer(CONFIG, 0) as server:
        yield server


def ask(served: AppServer, path: str = "/", method: str = "GET", host: str | None = None) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", served.server_address[1], timeout=10)
    try:
        connection.putrequest(method, path, skip_host=True)
        connection.putheader("Host", served.host if host is None else host)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize("path", ["/", "/config.json", *app_files()])
def test_every_answer_has_the_policy(served: AppServer, path: str) -> None:
    status, headers, _ = ask(served, path)
    assert status == 200
    policy = dict((part.strip() + " ").split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
    assert {name: value.strip() for name, value in policy.items()} == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "font-src": "'self'",
        "connect-src": "'self' https: http://127.0.0.1:8545 http://127.0.0.1:8700",
        "worker-src": "'self'",
        "manifest-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "svelte-trusted-html consent-worker",
    }
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Opener-Policy"] == headers["Cross-Origin-Resource-Policy"] == "same-origin"
    is_hashed = path.startswith("/assets/")
    assert headers["Cache-Control"] == ("public, max-age=31536000, immutable" if is_hashed else "no-store")


def test_it_gives_the_page_its_files_and_the_network(served: AppServer) -> None:
    status, headers, page = ask(served)
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8") and page.startswith(
        b"<!doctype html>"
    )
    assert json.loads(ask(served, "/config.json")[2])["chainId"] == 31337
    scripts = [path for path in app_files() if path.endswith(".js")]
    assert scripts and ask(served, scripts[0])[1]["Content-Type"] == "text/javascript; charset=utf-8"
    assert ask(served, "/?request=1")[2] == page
    status, headers, body = ask(served, "/", "HEAD")
    assert (status, headers["Content-Length"], body) == (200, str(len(page)), b"")


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:{port}", "[::1]:{port}", "localhost", "localhost:1", "evil.example:{port}", "a.localhost:{port}", ""],
)
def test_another_name_gets_nothing(served: AppServer, host: str) -> None:
    """A page elsewhere can make its own name resolve to this machine."""
    status, _, body = ask(served, "/config.json", host=host.format(port=served.server_address[1]))
    assert (status, body) == (403, b"")


@pytest.mark.parametrize(
    "path",
    ["/../config.json", "/assets/../../words.json", "/%2e%2e/pyproject.toml", "//etc/passwd", "/assets", "/x", "*"],
)
def test_there_is_nothing_but_what_was_built(served: AppServer, path: str) -> None:
    status, headers, body = ask(served, path)
    assert (status, body) == (404, b"") and "Python" not in headers["Server"]


@pytest.mark.parametrize("method", ["POST", "PUT", "OPTIONS", "DELETE"])
def test_it_only_gives(served: AppServer, method: str) -> None:
    assert ask(served, "/", method)[0] == 501


def test_a_taken_port_is_named_and_the_way_out(served: AppServer) -> None:
    port = served.server_address[1]
    with pytest.raises(InvalidInput, match=f"port {port}") as taken:
        AppServer(CONFIG, port)
    assert "--port" in taken.value.advice


def test_a_port_that_another_program_has_under_the_same_name_is_refused() -> None:
    """A browser may look for localhost at ::1 first, and would give that program the app's storage."""
    with socket.socket(socket.AF_INET6) as other:
        try:
            other.bind(("::1", 0))
        except OSError:
            pytest.skip("there is no IPv6")
        other.listen()
        with pytest.raises(InvalidInput):
            AppServer(CONFIG, other.getsockname()[1])


def test_the_next_run_gets_the_port_at_once() -> None:
    with AppServer(CONFIG, 0) as first:
        port = first.server_address[1]
        ask(first)
    with AppServer(CONFIG, port) as second:
        assert ask(second)[0] == 200


def test_many_browsers_at_once(served: AppServer) -> None:
    with ThreadPoolExecutor(16) as pool:
        assert {each[0] for each in pool.map(lambda _: ask(served), range(64))} == {200}


def test_it_needs_no_part_for_services() -> None:
    """The app comes with the plain package, whose people run no service."""
    missing = "import sys; sys.modules |= dict.fromkeys(('fastapi', 'starlette', 'uvicorn', 'sqlalchemy'))"
    used = "from registry.cli.commands import app; print(app.AppServer.__name__)"
    done = subprocess.run([sys.executable, "-c", f"{missing}; {used}"], capture_output=True, text=True, timeout=60)
    assert done.stdout == "AppServer\n", done.stderr
