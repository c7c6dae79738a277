"""A small notary over HTTP: it signs real promises and anchors on the test's ledger, and misbehaves when told to."""

from __future__ import annotations

import json
import threading
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from eth_account import Account

from registry.client.relay import Ending, call_of
from registry.core import codec
from registry.core.crypto.keccak import keccak256
from registry.core.crypto.privacy_pass import CHALLENGE_DIGEST
from registry.core.eip712 import Domain, domain_of
from registry.core.endings import SignedRevoke, parse_endings
from registry.core.merkle import Tree, build_tree, manifest_digest
from registry.core.promises import Promise, RelayPromise, promise_digest, sign_statement
from registry.core.scalars import to_hex, unhex
from registry.ledger.base import Ledger, Receipt

TOKEN_KEY = to_hex(keccak256(b"a key for tokens"))
OTHER_WORD = to_hex(keccak256(b"somebody else's"))


def token_of(key: str = TOKEN_KEY, mark: int = 1) -> str:
    """A token in base64url that names this key; the stub knows by its list what is signed."""
    return urlsafe_b64encode(bytes([0, 2]) + bytes([mark]) * 32 + CHALLENGE_DIGEST + unhex(key) + bytes(256)).decode()


@dataclass
class StubNotary:
    """The switches are attributes. ``works`` says whether it anchors and relays at once; `work` does it later.

    ``refuses`` is a status that answers every request but for /v1/info, ``busy`` so many times if it is set, with the
    ``retry_after`` that is set. ``dropped`` breaks connections. ``lies`` names an
    anchor that is on no chain. ``bare`` gives no promise, ``swaps`` one of the other kind. ``tokens`` are the only ones
    that pay, None takes all. ``heard`` has every request as it came, ``connections`` the client's port of each.
    """

    ledger: Ledger
    clock: Callable[[], int]
    name: bytes = b"notary"
    span: int = 900
    dated: int = 0
    works: bool = True
    lies: bool = False
    dropped: bool = False
    bare: bool = False
    names_more: bool = False
    swaps: bool = False
    refuses: int = 0
    busy: int | None = None
    retry_after: str = ""
    signs_as: bytes | None = None
    chain_id: int | None = None
    max_seconds: int = 900
    refused_endings: str = ""
    tokens: set[str] | None = None
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    waiting: list[bytes] = field(default_factory=list)
    endings: list[Ending] = field(default_factory=list)
    batches: list[tuple[Tree, Receipt]] = field(default_factory=list)
    times: dict[str, int] = field(default_factory=dict)
    heard: list[bytes] = field(default_factory=list)
    connections: list[int] = field(default_factory=list)
    on_request: Callable[[str], None] = lambda _: None
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def named(self) -> str:
        """URL#ACCOUNT."""
        return f"{self.url}#{self.account}"

    @property
    def account(self) -> str:
        return str(Account.from_key(self._key(self.name)).address)

    @property
    def domain(self) -> Domain:
        deployment = self.ledger.deployment
        return domain_of(self.chain_id or deployment.chain_id, deployment.registry)

    def answer(self, method: str, path: str, body: bytes, token: str) -> tuple[int, bytes]:
        """Answer one request."""
        self.asked.append((method, path, token))
        self.on_request(path)
        if path == "/v1/info":
            return 200, codec.dump(self._info())
        if self.refuses and self.busy != 0:
            self.busy = None if self.busy is None else self.busy - 1
            return self.refuses, codec.dump({"title": "Refused", "detail": "the stub refuses", "advice": "Go on."})
        if method == "POST" and self.tokens is not None:
            if token not in self.tokens:
                return 401, codec.dump({"title": "AllowanceSpent", "detail": "it takes a token"})
            self.tokens.discard(token)
        if path == "/v1/commitments":
            return self._take(json.loads(body)["commitments"])
        if path == "/v1/revocations":
            return self._end(body)
        if path.startswith("/v1/revocations/"):
            return self._ending_state()
        return self._state(unhex(path.rsplit("/", 1)[1]))

    def work(self) -> None:
        """Anchor what waits, in one batch with others, and relay the endings."""
        if self.waiting:
            others = [keccak256(bytes([n])) for n in range(3)]
            batch = [*dict.fromkeys([*self.waiting, *others])]
            self.waiting.clear()
            tree = build_tree(batch)
            receipt = self.ledger.transact("anchor", to_hex(tree.root), to_hex(manifest_digest(batch)))
            self.batches.append((tree, receipt))
        while self.endings and not self.refused_endings:
            function, arguments = call_of(self.endings.pop(0))
            self.ledger.transact(function, *arguments)

    def _take(self, items: list[str]) -> tuple[int, bytes]:
        self.waiting += [unhex(item) for item in items if self._found(unhex(item)) is None]
        return 202, self._promised(tuple(items), relay=False)

    def _end(self, body: bytes) -> tuple[int, bytes]:
        endings = parse_endings(body)
        self.endings += [*endings.openings, *endings.signed]
        handles = [each.handle for each in endings.openings]
        handles += [each.message.handle for each in endings.signed if isinstance(each, SignedRevoke)]
        promise = self._promised(tuple(handles), relay=True) if handles and not self.bare else None
        if self.works:
            self.work()
        return 202, b"{}" if promise is None else b'{"promise":' + promise + b"}"

    def _promised(self, items: tuple[str, ...], *, relay: bool) -> bytes:
        received = self.times.setdefault(items[0], self.clock() + self.dated)
        named = (*items, OTHER_WORD) if self.names_more else items
        message = (RelayPromise if relay != self.swaps else Promise)(named, received, received + self.span)
        signed = Account.unsafe_sign_hash(promise_digest(self.domain, message), self._key(self.signs_as or self.name))
        if self.works:
            self.work()
        return codec.encode(sign_statement(self.domain, message, to_hex(bytes(signed.signature))))

    def _state(self, commitment: bytes) -> tuple[int, bytes]:
        if self.lies:
            false = {"root": OTHER_WORD, "proof": [], "transaction": OTHER_WORD, "block": 1}
            return 200, codec.dump({"state": "anchored", "anchor": false})
        if (found := self._found(commitment)) is None:
            waits = commitment in self.waiting
            return (200, b'{"state":"waiting"}') if waits else (404, codec.dump({"title": "UnknownCommitment"}))
        tree, receipt = found
        proof = [to_hex(word) for word in tree.proof(commitment)]
        anchor = {"root": to_hex(tree.root), "proof": proof}
        anchor |= {"transaction": receipt.transaction, "block": receipt.block}
        return 200, codec.dump({"state": "anchored", "anchor": anchor, "anchoredAt": receipt.time})

    def _ending_state(self) -> tuple[int, bytes]:
        if self.refused_endings:
            return 200, codec.dump({"state": "refused", "why": self.refused_endings})
        return 200, codec.dump({"state": "waiting"} if self.endings else {"state": "ended", "block": 7})

    def _found(self, commitment: bytes) -> tuple[Tree, Receipt] | None:
        return next((batch for batch in self.batches if commitment in batch[0].places), None)

    def _info(self) -> dict[str, Any]:
        told = {"chainId": self.domain.chain_id, "registry": self.domain.verifying_contract, "account": self.account}
        return told | {"maxSeconds": self.max_seconds, "relaySeconds": 300, "tokenKeys": [{"id": TOKEN_KEY}]}

    @staticmethod
    def _key(name: bytes) -> bytes:
        return name.rjust(32, b"\x07")


@contextmanager
def serving(notary: StubNotary) -> Iterator[StubNotary]:
    """Run it on loopback for as long as the block lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._do(b"")

        def do_POST(self) -> None:
            self._do(self.rfile.read(int(self.headers.get("Content-Length", "0"))))

        def _do(self, body: bytes) -> None:
            notary.connections.append(self.client_address[1])
            notary.heard.append(
                b"%s %s\n%s\n%s" % (self.command.encode(), self.path.encode(), bytes(self.headers), body)
            )
            if notary.dropped:
                notary.asked.append((str(self.command), self.path, "dropped"))
                self.close_connection = True
                return
            token = self.headers.get("Authorization", "").removeprefix('PrivateToken token="').removesuffix('"')
            status, answer = notary.answer(str(self.command), self.path, body, token)
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            if status == notary.refuses and notary.retry_after:
                self.send_header("Retry-After", notary.retry_after)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    notary.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield notary
    finally:
        server.shutdown()
        server.server_close()
