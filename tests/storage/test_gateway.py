"""Gateways: the real one of a Kubo node, and ones that lie, stall, redirect or say no."""

from __future__ import annotations

import http.client
import io
import random
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from registry.core.errors import (
    BlockMismatch,
    InvalidInput,
    StorageCut,
    StorageDown,
    StorageLimited,
    StorageSlow,
    StorageUnavailable,
)
from registry.core.ipld.cid import MAX_BLOCK_BYTES, Block, cid_of_block
from registry.core.ipld.unixfs import file_blocks, read_file
from registry.storage.addresses import Address
from registry.storage.gateway import MAX_REDIRECTS, GatewayBlocks, LayeredBlocks
from registry.storage.kubo import KuboBlocks
from tests.support.fake_storage import MemoryBlocks
from tests.support.http_answers import Answer, Asked, answering
from tests.support.kubo_calls import refused
from tests.support.kubo_node import Node
from tests.support.tcp_proxy import Proxy

pytestmark = pytest.mark.slow

DATA = b"the one block of these tests"
ONE = Block(cid_of_block(DATA), DATA)
GOOD = Answer(body=DATA)


@pytest.fixture
def proxy(kubo: Node) -> Iterator[Proxy]:
    """Before the gateway of the node, which holds ONE."""
    with KuboBlocks(kubo.address) as store:
        store.put([ONE])
    with Proxy(kubo.gateway) as made:
        yield made


def test_the_gateway_of_a_real_node(kubo: Node) -> None:
    data = random.Random(5).randbytes(600_000)
    blocks = [*file_blocks(io.BytesIO(data))]
    largest = Block(cid_of_block(bytes(MAX_BLOCK_BYTES)), bytes(MAX_BLOCK_BYTES))
    with KuboBlocks(kubo.address) as store:
        store.put([*blocks, largest, Block(cid_of_block(b""), b"")])
    gateway = GatewayBlocks(f"http://127.0.0.1:{kubo.gateway}")
    assert b"".join(read_file(blocks[-1].cid, gateway.get)) == data
    assert gateway.get(largest.cid) == largest.data
    assert gateway.get(cid_of_block(b"")) == b""


def test_the_gateway_of_a_real_node_at_localhost(kubo: Node, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    # There it gives each root an origin of its own.
    there = http.client.HTTPConnection("127.0.0.1", kubo.gateway, timeout=10)
    there.request("GET", f"/ipfs/{ONE.cid}?format=raw", headers={"Host": f"localhost:{kubo.gateway}"})
    subdomain = f"{ONE.cid}.ipfs.localhost:{kubo.gateway}"
    assert there.getresponse().getheader("Location", "").startswith(f"http://{subdomain}/")
    there.close()
    known = socket.getaddrinfo

    def resolver(host: str, *more: Any, **options: Any) -> Any:
        # As on machines whose resolver does not know RFC 6761.
        if host.endswith(".localhost"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return known(host, *more, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    gateway = GatewayBlocks(f"http://localhost:{kubo.gateway}")
    gateway.check()
    assert gateway.get(ONE.cid) == DATA
    proxy.alter = lambda piece: piece.replace(b"the one block", b"the two block")
    with pytest.raises(BlockMismatch):
        GatewayBlocks(f"http://localhost:{proxy.port}").get(ONE.cid)


def test_a_block_that_is_not_to_be_had(kubo: Node) -> None:
    gateway = GatewayBlocks(f"http://127.0.0.1:{kubo.gateway}")
    absent = cid_of_block(b"never put anywhere")
    assert absent in str(refused(lambda: gateway.get(absent)))
    with pytest.raises(InvalidInput):
        gateway.get("nonsense")


def test_the_request_is_that_of_the_specification() -> None:
    with answering(lambda asked: GOOD) as served:
        assert GatewayBlocks(f"{served.url}/some/where/").get(ONE.cid) == DATA
    assert served.asked[0].path == f"/some/where/ipfs/{ONE.cid}?format=raw"
    assert served.asked[0].headers["Accept"] == "application/vnd.ipld.raw"


def test_a_gateway_that_lies(proxy: Proxy) -> None:
    gateway = GatewayBlocks(proxy.url)
    assert gateway.get(ONE.cid) == DATA
    proxy.alter = lambda piece: piece.replace(b"the one block", b"the two block")
    with pytest.raises(BlockMismatch):
        gateway.get(ONE.cid)


@pytest.mark.parametrize("at", [0, 9, 100, 400])
def test_an_answer_that_is_cut(proxy: Proxy, at: int) -> None:
    proxy.cut = at
    error = refused(lambda: GatewayBlocks(proxy.url, seconds=5).get(ONE.cid), StorageCut)
    assert "broke off" in str(error)
    assert proxy.connections == 3


@pytest.mark.parametrize("answer", [Answer(body=DATA[:-1], length=len(DATA)), Answer(body=DATA[:-1], length=-1)])
def test_a_body_that_is_cut(answer: Answer) -> None:
    with answering(lambda asked: answer) as served:
        assert "broke off" in str(refused(lambda: GatewayBlocks(served.url).get(ONE.cid), StorageCut))


def test_a_body_that_ends_with_its_connection() -> None:
    """Its identifier decides whether it is whole (item 23); no more than a block is read of an endless one."""
    with answering(lambda asked: Answer(body=DATA, length=-1)) as served:
        assert GatewayBlocks(served.url).get(ONE.cid) == DATA
    with answering(lambda asked: Answer(length=-1)) as served:
        GatewayBlocks(served.url).check()
    endless = Answer(body=bytes(1 << 16), repeat=100, length=-1)
    with answering(lambda asked: endless) as served, pytest.raises(BlockMismatch, match="more than a block"):
        GatewayBlocks(served.url).get(ONE.cid)


def test_a_slow_gateway(proxy: Proxy) -> None:
    proxy.delay = 0.2
    assert GatewayBlocks(proxy.url, seconds=5).get(ONE.cid) == DATA
    assert "within 0.1 seconds" in str(refused(lambda: GatewayBlocks(proxy.url, seconds=0.1).get(ONE.cid), StorageSlow))


def test_bytes_that_drip(proxy: Proxy) -> None:
    # Each arrives well within the limit: headers alone would take 8 seconds.
    proxy.drip = 0.02
    started = time.monotonic()
    assert "within 0.5 seconds" in str(refused(lambda: GatewayBlocks(proxy.url, seconds=0.5).get(ONE.cid), StorageSlow))
    assert time.monotonic() - started < 6


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert "cannot be reached" in str(
        refused(lambda: GatewayBlocks(f"http://127.0.0.1:{port}").get(ONE.cid), StorageDown)
    )


def test_plain_text_where_tls_is_wanted(proxy: Proxy) -> None:
    error = refused(lambda: GatewayBlocks(proxy.url.replace("http:", "https:"), seconds=5).get(ONE.cid))
    assert "TLS" in str(error)


def test_more_than_a_block() -> None:
    endless = Answer(body=bytes(1 << 16), repeat=10_000, length=10_000 << 16)
    with answering(lambda asked: endless) as served, pytest.raises(BlockMismatch):
        GatewayBlocks(served.url).get(ONE.cid)


@pytest.mark.parametrize(
    ("status", "kind", "words", "times"),
    [
        (404, StorageUnavailable, "does not have", 1),
        (410, StorageUnavailable, "does not have", 1),
        (403, StorageUnavailable, "refuses", 1),
        (429, StorageLimited, "over its limit", 3),
        (500, StorageUnavailable, "status 500", 3),
        (502, StorageDown, "is down", 3),
        (503, StorageLimited, "overloaded", 3),
        (504, StorageSlow, "in time", 1),
        (204, StorageUnavailable, "status 204", 1),
    ],
)
def test_statuses(status: int, kind: type[StorageUnavailable], words: str, times: int) -> None:
    with answering(lambda asked: Answer(status)) as served:
        assert words in str(refused(lambda: GatewayBlocks(served.url).get(ONE.cid), kind))
    assert len(served.asked) == times


def redirect(to: str, status: int = 302) -> Answer:
    return Answer(status, headers=(("Location", to),))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_on_the_same_host(status: int) -> None:
    def respond(asked: Asked) -> Answer:
        return GOOD if asked.path == "/there?format=raw" else redirect("/there?format=raw", status)

    with answering(respond) as served:
        assert GatewayBlocks(served.url).get(ONE.cid) == DATA


def test_redirects_to_others_only_where_allowed() -> None:
    with answering(lambda asked: GOOD) as other:
        elsewhere = f"http://localhost:{other.port}/ipfs/{ONE.cid}"
        with answering(lambda asked: redirect(elsewhere)) as served:
            error = refused(lambda: GatewayBlocks(served.url).get(ONE.cid))
            assert "redirects to localhost" in str(error)
            assert "as a gateway itself" in error.advice
            assert other.asked == []
            refused(lambda: GatewayBlocks(served.url, allowed_hosts=[".localhost", "host"]).get(ONE.cid))
            assert other.asked == []
            assert GatewayBlocks(served.url, allowed_hosts=["LOCALHOST"]).get(ONE.cid) == DATA


def test_another_port_is_another_host() -> None:
    with answering(lambda asked: GOOD) as other, answering(lambda asked: redirect(f"{other.url}/x")) as served:
        refused(lambda: GatewayBlocks(served.url).get(ONE.cid))
    assert other.asked == []


@pytest.mark.parametrize(
    ("allowed", "host", "secure", "may"),
    [
        (".example.net", "a.example.net", True, True),
        (".example.net", "example.net", True, False),
        (".example.net", "badexample.net", True, False),
        ("example.net", "example.net", True, True),
        ("example.net", "a.example.net", True, False),
        ("example.net", "example.net", False, False),
        ("", "other.example", True, False),
        ("", f"{ONE.cid}.ipfs.gateway.example", True, True),
        ("", f"{ONE.cid}.ipfs.gateway.example", False, False),
        ("", f"{ONE.cid}.ipns.gateway.example", True, False),
        ("", f"{ONE.cid}.ipfs.other.example", True, False),
        ("", f"x.{ONE.cid}.ipfs.gateway.example", True, False),
        ("", f"{cid_of_block(b'another')}.ipfs.gateway.example", True, False),
    ],
)
def test_hosts_that_are_allowed(allowed: str, host: str, secure: bool, may: bool) -> None:
    gateway = GatewayBlocks("https://gateway.example", allowed_hosts=[allowed])
    assert gateway._may_go(Address(host, 443 if secure else 80, secure), ONE.cid) is may


def test_the_block_below_the_gateway_is_at_the_same_port() -> None:
    gateway = GatewayBlocks("https://gateway.example:8443")
    below = f"{ONE.cid}.ipfs.gateway.example"
    assert gateway._may_go(Address(below, 8443, True), ONE.cid)
    assert not gateway._may_go(Address(below, 443, True), ONE.cid)


@pytest.mark.parametrize(
    "to", ["", "ftp://x/", "http://", "http://[", "//user:hunter2@127.0.0.1/", "file:///etc/passwd"]
)
def test_redirects_to_nowhere(to: str) -> None:
    with answering(lambda asked: redirect(to)) as served:
        error = refused(lambda: GatewayBlocks(served.url, seconds=5).get(ONE.cid))
    assert "hunter2" not in f"{error} {error.advice}"


@pytest.mark.parametrize("to", ["/caf\xe9", "?\xe9", "http://\xe9/"])
def test_after_a_redirect_that_is_not_ascii_the_next_gateway_is_asked(to: str) -> None:
    """Such a redirect once raised Python's own UnicodeError, and no other gateway was asked."""
    with answering(lambda asked: redirect(to)) as hostile, answering(lambda asked: GOOD) as honest:
        error = refused(lambda: GatewayBlocks(hostile.url, seconds=5).get(ONE.cid))
        assert "redirects to no address" in str(error)
        gateways = [GatewayBlocks(each.url, seconds=5) for each in (hostile, honest)]
        assert LayeredBlocks(MemoryBlocks, gateways).get(ONE.cid) == DATA


def test_redirects_without_an_end() -> None:
    with answering(lambda asked: redirect("/again")) as served:
        assert "redirects more than" in str(refused(lambda: GatewayBlocks(served.url).get(ONE.cid)))
    assert len(served.asked) == MAX_REDIRECTS + 1


def test_many_threads_share_one(proxy: Proxy) -> None:
    gateway, answers = GatewayBlocks(proxy.url), list[bytes]()
    threads = [threading.Thread(target=lambda: answers.append(gateway.get(ONE.cid))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert answers == [DATA] * 8


@pytest.mark.parametrize(
    "address",
    [
        *("", "gateway.example", "https://user:hunter2@gateway.example"),
        *("http://a..b", f"http://{'x' * 64}.example", "/dns/a..b/tcp/80", "http://a/\xe9"),
    ],
)
def test_addresses_that_are_none(address: str) -> None:
    """A host with an empty label once raised Python's own UnicodeError."""
    with pytest.raises(InvalidInput, match="neither a multiaddr nor") as caught:
        GatewayBlocks(address)
    assert "hunter2" not in f"{caught.value} {caught.value.advice}"
