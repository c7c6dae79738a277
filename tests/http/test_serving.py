"""Services behind a real uvicorn: in a thread, and in a process that a signal ends in order."""

from __future__ import annotations

import datetime
import logging
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from starlette.responses import Response

from registry.core.errors import InvalidInput
from registry.http import bodies, connections
from registry.http.serving import Server
from tests.support.http_service import sample_app
from tests.support.paths import ROOT

PROGRAM = """
import gc
from registry.http import bodies
from registry.http.serving import Server
from tests.support.http_service import sample_app
server = Server(sample_app())
print(server.url, flush=True)
server.run()
print("ended", gc.get_freeze_count() > 10_000, flush=True)
"""


def test_a_server_in_a_thread_answers_and_closes_its_port() -> None:
    with Server(sample_app()) as server:
        assert server.url.startswith("http://127.0.0.1:")
        answer = httpx.get(server.url + "/healthz")
        assert answer.status_code == 200 and "server" not in answer.headers
    with pytest.raises(httpx.ConnectError):
        httpx.get(server.url + "/healthz")


@pytest.mark.parametrize(
    "sent",
    [
        b"Content-Length: 1001\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n3e8\r\n" + b"x" * 1_000 + b"\r\n1\r\nx\r\n",
    ],
)
def test_a_body_that_is_too_long_is_refused_before_it_has_all_arrived(sent: bytes) -> None:
    with Server(sample_app()) as server, socket.create_connection(("127.0.0.1", int(server.url.rsplit(":")[-1]))) as s:
        s.settimeout(10)
        s.sendall(b"POST /v1/echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + sent)
        assert s.recv(65_536).startswith(b"HTTP/1.1 413 ")  # nothing more was sent


def test_bodies_that_arrive_slowly_are_bounded_all_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "MOST_HELD", 700)
    app = sample_app()
    with Server(app) as server:
        body = {"content": b"x" * 600, "headers": {"Content-Type": "application/json"}}
        with socket.create_connection(("127.0.0.1", int(server.url.rsplit(":")[-1]))) as slow:
            slow.sendall(b"POST /v1/echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n")
            slow.sendall(b"Content-Length: 600\r\n\r\n" + b"x" * 200)
            assert _comes(lambda: app.state.held.size == 200)
            answer = httpx.post(server.url + "/v1/echo", **body)
            assert (answer.status_code, answer.json()["title"]) == (503, "Busy")
        assert _comes(lambda: app.state.held.size == 0)
        assert httpx.post(server.url + "/v1/echo", **body).status_code == 200


HEAD = b"POST /v1/echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        HEAD,
        b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /no HTTP/1.1\r\nHost: x\r\nContent-Length: 999\r\n\r\n",
    ],
    ids=["nothing", "half a head", "a request", "a body that nobody reads"],
)
def test_a_connection_that_asks_nothing_is_closed(monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 0.3)
    with Server(sample_app()) as server, socket.create_connection(("127.0.0.1", int(server.url.rsplit(":")[-1]))) as s:
        s.sendall(sent)
        assert _comes(lambda: _is_closed(s, b"x"))


def _is_closed(connection: socket.socket, byte: bytes) -> bool:
    """Send one more byte, which is no head of a request and no end of one."""
    try:
        connection.sendall(byte)
    except OSError:
        return True
    return False


def test_a_caller_that_reads_no_answer_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "SEND_SECONDS", 0.3)
    app = sample_app()

    @app.get("/v1/much")
    async def much() -> Response:
        return Response(b"x" * (16 << 20))

    with Server(app) as server, socket.create_connection(("127.0.0.1", int(server.url.rsplit(":")[-1]))) as s:
        s.sendall(b"GET /v1/much HTTP/1.1\r\nHost: x\r\n\r\n")
        assert _comes(lambda: bool(server._server.server_state.connections))
        assert _comes(lambda: not server._server.server_state.connections)
        assert httpx.get(server.url + "/v1/much").status_code == 200


def test_a_request_that_takes_longer_than_a_head_may_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 0.2)
    with Server(sample_app()) as server, socket.create_connection(("127.0.0.1", int(server.url.rsplit(":")[-1]))) as s:
        s.settimeout(10)
        s.sendall(HEAD + b"Content-Length: 4\r\n\r\n12")
        time.sleep(0.5)
        s.sendall(b"34")
        assert s.recv(65_536).startswith(b"HTTP/1.1 200 ")


def _comes(is_true: Callable[[], bool]) -> bool:
    return any(is_true() or time.sleep(0.02) for _ in range(250))


def test_a_caller_that_leaves_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="registry.http"), Server(sample_app()) as server:
        with socket.create_connection(("127.0.0.1", int(server.url.rsplit(":")[-1]))) as s:
            s.sendall(b"POST /v1/echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n")
            s.sendall(b"Content-Length: 100\r\n\r\nhalf")
            time.sleep(0.2)
        _comes(lambda: bool(caplog.records))
    lines = [one.getMessage() for one in caplog.records if one.name == "registry.http"]
    assert len(lines) == 1 and lines[0].startswith("POST /v1/echo 499 ")


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(how: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            assert _answers(url)
            process.send_signal(how)
            assert process.stdout.read() == "ended True\n" and process.wait(20) == 0
        finally:
            process.kill()


def _answers(url: str) -> bool:
    for _ in range(100):
        try:
            return httpx.get(url + "/healthz").status_code == 200
        except httpx.ConnectError:
            time.sleep(0.05)
    return False


def test_a_port_that_is_taken_is_told() -> None:
    with Server(sample_app()) as server, pytest.raises(InvalidInput, match=r"cannot listen on 127\.0\.0\.1"):
        Server(sample_app(), port=int(server.url.rsplit(":")[-1]))


def test_it_serves_tls(tmp_path: Path) -> None:
    chain, key = certificate_for_localhost(tmp_path)
    with Server(sample_app(), tls=(chain, key)) as server:
        context = ssl.create_default_context(cafile=str(chain))
        answer = httpx.get(server.url.replace("127.0.0.1", "localhost") + "/healthz", verify=context)
    assert answer.status_code == 200 and "strict-transport-security" in answer.headers


def certificate_for_localhost(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    chain, file = folder / "chain.pem", folder / "key.pem"
    chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(key.private_bytes(*form))
    return chain, file
