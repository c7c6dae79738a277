"""Addresses as people have them: every client reaches the host that they name."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest

from registry.core.errors import StorageUnavailable
from registry.net.endpoint import HttpEndpoint
from registry.storage.gateway import GatewayBlocks
from registry.storage.kubo import KuboBlocks
from tests.support.http_answers import Answer, answering

CLIENTS: dict[str, Callable[[str], object]] = {
    "an RPC node": lambda url: HttpEndpoint(url, 5.0, 1000).exchange(b"{}"),
    "an IPFS node": lambda url: KuboBlocks(url, seconds=5.0).about(),
    "a gateway": lambda url: GatewayBlocks(url, seconds=5.0).check(),
}


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize(
    ("host", "looked_up", "named"),
    [
        ("my_node", "my_node", "my_node"),
        ("[fe80::1%25eth9]", "fe80::1%eth9", "[fe80::1]"),
        ("[fe80::1%eth9]", "fe80::1%eth9", "[fe80::1]"),
        ("[::1]", "::1", "[::1]"),
    ],
)
def test_hosts(monkeypatch: pytest.MonkeyPatch, client: str, host: str, looked_up: str, named: str) -> None:
    """Underscores, as Docker names its hosts, and the zones of IPv6, which no request repeats (item 23)."""
    resolve, asked = socket.getaddrinfo, set[str]()

    def resolved(name: str, port: int, *more: Any, **options: Any) -> Any:
        if name != "127.0.0.1":
            asked.add(name)
        return resolve("127.0.0.1", port, type=socket.SOCK_STREAM)

    with answering(lambda _: Answer(body=b'{"Version":"0.42.0"}')) as served:
        monkeypatch.setattr(socket, "getaddrinfo", resolved)
        try:
            CLIENTS[client](f"http://{host}:{served.port}")
        except StorageUnavailable as error:
            assert "as a gateway does" in str(error)
    assert asked == {looked_up}
    assert {request.headers["Host"] for request in served.asked} == {f"{named}:{served.port}"}


def test_a_url_that_ends_in_the_path_of_the_rpc() -> None:
    """`ipfs config Addresses.API` and providers show it with the path (item 23)."""
    for path in ("", "/", "/api/v0", "/api/v0/", "/key/api/v0"):
        with answering(lambda _: Answer(body=b'{"Version":"0.42.0"}')) as served:
            KuboBlocks(served.url + path).about()
        prefix = "/key/api/v0/" if "key" in path else "/api/v0/"
        assert all(asked.path.startswith(f"{prefix}version") or "repo/stat" in asked.path for asked in served.asked)
