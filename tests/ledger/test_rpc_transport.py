"""Nodes that are down, slow or cut off, and servers that are not nodes: no wrong answer, no leaked key."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from registry.core.errors import InvalidInput, LedgerUnavailable
from registry.ledger.rpc import RpcLedger, name_of
from registry.net.json_rpc import MAX_ANSWER_BYTES
from tests.support.fake_node import (
    DEPLOYMENT,
    QUESTION,
    FakeNode,
    Refused,
    but,
    ledger_at,
)

pytestmark = pytest.mark.slow


def test_a_node_that_is_down() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with pytest.raises(LedgerUnavailable, match="not reachable"):
        ledger_at(f"http://127.0.0.1:{port}").facts([QUESTION])


def _silent(_: BaseHTTPRequestHandler) -> None:
    time.sleep(5)


def _dripping(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    try:
        for _ in range(100):
            handler.wfile.write(b" ")
            handler.wfile.flush()
            time.sleep(0.05)
    except OSError:
        return


def _dripping_headers(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    try:
        for i in range(90):
            handler.wfile.write(f"X-{i}: 1\r\n".encode())
            handler.wfile.flush()
            time.sleep(0.05)
    except OSError:
        return


@pytest.mark.parametrize("raw", [_silent, _dripping, _dripping_headers])
def test_a_node_that_is_slow_costs_no_more_than_the_time_limit(serve: Callable[..., FakeNode], raw: Any) -> None:
    ledger = ledger_at(serve(raw=raw).url, timeout=0.4)
    began = time.monotonic()
    with pytest.raises(LedgerUnavailable, match=r"within 0\.4 s"):
        ledger.facts([QUESTION])
    assert time.monotonic() - began < 4


def _writing(text: bytes) -> Callable[[BaseHTTPRequestHandler], None]:
    return lambda handler: void(handler.wfile.write(text))


def void(_: object) -> None:
    return None


def _huge(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n[")
    try:
        for _ in range(MAX_ANSWER_BYTES // 65_536 + 2):
            handler.wfile.write(b" " * 65_536)
    except OSError:
        return


_OK = b"HTTP/1.0 200 OK\r\n\r\n"


@pytest.mark.parametrize(
    "raw",
    [
        _writing(b""),
        _writing(b"SSH-2.0-OpenSSH_9.6\r\n"),
        _writing(_OK),
        _writing(_OK + b"<html>login</html>"),
        _writing(_OK + b"\xff\xfe"),
        _writing(_OK + b"[]"),
        _writing(_OK + b"{}"),
        _writing(_OK + b"null"),
        _writing(_OK + b"[" * 100_000),
        _writing(_OK + b'[{"id":0,"result":"0x7a69"}]'),
        _writing(_OK + b'[{"id":0,"result":"0x7a69"},{"id":0,"result":{}},{"id":2,"result":"0x60"}]'),
        _writing(_OK + b'[{"id":0,"result":"0x7a69"},{"id":1,"result":{"num'),
        _writing(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n[{"),
        _writing(b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy"),
        _writing(b"HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"),
        _huge,
    ],
)
def test_garbage_is_no_answer(serve: Callable[..., FakeNode], raw: Any) -> None:
    with pytest.raises(LedgerUnavailable) as caught:
        ledger_at(serve(raw=raw).url, timeout=5.0).facts([QUESTION])
    assert str(caught.value).startswith("http://127.0.0.1:") and caught.value.advice


@pytest.mark.parametrize(
    "url",
    [
        *("", "127.0.0.1:8545", "ftp://host/", "file:///etc/passwd", "http://", "http://host:99999/", "http://a b/"),
        *("ipc", "ipc:", "ipc:/a\nb.ipc", "ipc:/" + "x" * 120, "/" + "x" * 120 + ".ipc"),
    ],
)
def test_only_urls_and_sockets_are_nodes(url: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        RpcLedger(url, DEPLOYMENT)
    assert "passwd" not in str(caught.value)


def test_keys_in_the_url_reach_the_node_and_no_message(serve: Callable[..., FakeNode]) -> None:
    node = serve(but(eth_chainId="0x1"))
    url = node.url.replace("http://", "http://user:pa%40ss@") + "/v3/key-in-path?apikey=key-in-query"
    ledger = ledger_at(url)
    with pytest.raises(LedgerUnavailable) as caught:
        ledger.head()
    assert node.headers[0]["path"] == "/v3/key-in-path?apikey=key-in-query"
    assert node.headers[0]["Authorization"] == "Basic dXNlcjpwYUBzcw=="
    shown = f"{caught.value!r} {caught.value} {ledger._node!r}"
    assert not any(secret in shown for secret in ("user", "pa%40ss", "pa@ss", "key-in"))


@pytest.mark.parametrize("url", ["http://[::1]:8545", "https://rpc.example.org", "ipc:/tmp/geth.ipc"])
def test_an_address_without_secrets_is_named_as_it_was_given(url: str) -> None:
    assert name_of(url) == url


def test_a_nodes_message_is_shortened_and_plain(serve: Callable[..., FakeNode]) -> None:
    with pytest.raises(LedgerUnavailable) as caught:
        ledger_at(serve(but(eth_call=Refused(-32000, "\x1b[31m" + "x" * 5_000))).url).facts([QUESTION])
    assert "\x1b" not in str(caught.value) and len(str(caught.value)) < 500


_NESTED = """
import eth.chains.base  # raises the recursion limit
from registry.core.errors import LedgerUnavailable
from tests.support.fake_node import FakeNode, ledger_at

def raw(handler):
    body = b'{"jsonrpc":"2.0","id":0,"result":' + b"[" * 1_000_000
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)

node = FakeNode(raw=raw)
try:
    ledger_at(node.url, timeout=30.0).head()
except LedgerUnavailable as error:
    print(error)
finally:
    node.close()
"""


def test_deeply_nested_json_does_not_end_the_process() -> None:
    """A node that answered with a hundred thousand brackets once crashed the process.

    py-evm and web3 raise the recursion limit past what the C stack holds, so the depth is checked before decoding.
    A child process runs this, because a failure would end the test run too.
    """
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", _NESTED], cwd=root, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert "is not JSON-RPC" in done.stdout
