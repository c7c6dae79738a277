"""Nodes behind HTTPS: a request goes only to a node with a valid certificate."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from registry.core.errors import LedgerUnavailable
from registry.net import http
from registry.net.endpoint import HttpEndpoint
from registry.net.json_rpc import MAX_ANSWER_BYTES
from tests.support.fake_node import QUESTION, FakeNode, ledger_at

pytestmark = pytest.mark.slow

DAY = datetime.timedelta(days=1)
NOW = datetime.datetime.now(datetime.UTC)


class Authority(NamedTuple):
    name: x509.Name
    key: ec.EllipticCurvePrivateKey


def authority(name: str) -> Authority:
    return Authority(_name(name), ec.generate_private_key(ec.SECP256R1()))


def certificate(issuer: Authority, subject: Authority, ends: datetime.datetime, *more: Any) -> bytes:
    """Return a certificate in PEM; ``more`` are its extensions."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject.name)
        .issuer_name(issuer.name)
        .public_key(subject.key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - 10 * DAY)
        .not_valid_after(ends)
    )
    # Python 3.13 requires the key identifiers.
    keys = (
        x509.SubjectKeyIdentifier.from_public_key(subject.key.public_key()),
        x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()),
    )
    for extension in (*keys, *more):
        builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
    return builder.sign(issuer.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def serving(folder: Path, issuer: Authority, host: x509.GeneralName, ends: datetime.datetime) -> ssl.SSLContext:
    """Return the TLS context of a server with a certificate for this host from this authority."""
    own = authority("a node")
    file = folder / "node.pem"
    form = serialization.PrivateFormat.PKCS8
    file.write_bytes(
        certificate(issuer, own, ends, x509.SubjectAlternativeName([host]))
        + own.key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


HERE: x509.GeneralName = x509.IPAddress(ipaddress.IPv4Address("127.0.0.1"))


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Authority]:
    """The only authority that this machine trusts during the test."""
    made = authority("an authority")
    file = tmp_path / "authorities.pem"
    may = x509.BasicConstraints(ca=True, path_length=None), x509.KeyUsage(*[False] * 5, True, *[False] * 3)
    file.write_bytes(certificate(made, made, NOW + 10 * DAY, *may))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    http._tls.cache_clear()
    yield made
    http._tls.cache_clear()


def test_a_node_that_is_who_it_says(serve: Callable[..., FakeNode], trusted: Authority, tmp_path: Path) -> None:
    node = serve(tls=serving(tmp_path, trusted, HERE, NOW + DAY))
    assert node.url.startswith("https://")
    ledger = ledger_at(node.url.replace("//", "//user:secret@") + "/key", timeout=5.0)
    assert ledger.facts([QUESTION]).anchors[QUESTION] == (1_500, 0, 1_600)
    assert node.headers[0]["path"] == "/key" and node.headers[0]["Authorization"].startswith("Basic ")


@pytest.mark.parametrize("wrong", ["authority", "host", "time", "protocol"])
def test_a_node_that_may_be_anybody_is_told_nothing(
    serve: Callable[..., FakeNode], trusted: Authority, tmp_path: Path, wrong: str
) -> None:
    issuer = authority("an authority") if wrong == "authority" else trusted
    host = x509.DNSName("rpc.example.org") if wrong == "host" else HERE
    context = serving(tmp_path, issuer, host, NOW - DAY if wrong == "time" else NOW + DAY)
    node = serve(tls=None if wrong == "protocol" else context)
    ledger = ledger_at(node.url.replace("http://", "https://") + "/secret", timeout=5.0)
    with pytest.raises(LedgerUnavailable, match="not reachable") as caught:
        ledger.facts([QUESTION])
    assert node.requests == [] and "secret" not in str(caught.value)
    if wrong != "protocol":
        assert "certificate" in str(caught.value).lower()


def dripping(handler: BaseHTTPRequestHandler) -> None:
    """Send an endless answer, a byte at a time."""
    handler.send_response(200)
    handler.end_headers()
    with suppress(OSError):
        while True:
            handler.wfile.write(b" ")
            handler.wfile.flush()
            time.sleep(0.05)


def test_a_node_that_drips_is_slow_not_away(serve: Callable[..., FakeNode], trusted: Authority, tmp_path: Path) -> None:
    """A timeout makes the caller ask for less; a lost connection ends the call."""
    node = serve(raw=dripping, tls=serving(tmp_path, trusted, HERE, NOW + DAY))
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        HttpEndpoint(node.url, 1.0, MAX_ANSWER_BYTES).exchange(b"{}")
    assert time.monotonic() - began < 10


def test_a_handshake_that_drips_ends_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=drip_a_handshake, args=(server,), daemon=True).start()
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            HttpEndpoint(f"https://127.0.0.1:{server.getsockname()[1]}", 1.0, MAX_ANSWER_BYTES).exchange(b"{}")
        assert time.monotonic() - began < 10


def drip_a_handshake(server: socket.socket) -> None:
    """Send the beginning of a handshake record of 16 KiB (RFC 8446, section 5.1), a byte at a time."""
    peer, _ = server.accept()
    with peer, suppress(OSError):
        for byte in b"\x16\x03\x03\x40\x00" + bytes(200):
            peer.sendall(bytes([byte]))
            time.sleep(0.05)
