"""A JSON-RPC node over HTTP that answers as a test needs, correctly or not."""

from __future__ import annotations

import json
import ssl
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from registry.core.facts import FactQuery, SignatureQuery
from registry.core.scalars import to_hex
from registry.ledger.abi import REVOKED_ALL
from registry.ledger.artifacts import deployed_code
from registry.ledger.base import Deployment
from registry.ledger.contract_addresses import domain_call, domain_word
from registry.ledger.rpc import RpcLedger
from registry.wallets.keywallet import KeyWallet
from tests.support.levers import ANVIL_KEY

REGISTRY = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
VERIFIER = "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512"
DEPLOYMENT = Deployment(31_337, REGISTRY, VERIFIER, 2)
ROOT = "0x" + "ab" * 32
ZERO = "0x" + "00" * 32
NOBODY = "0x" + "00" * 20
QUESTION = FactQuery(ROOT, NOBODY)
SIGNED = SignatureQuery(REGISTRY, bytes(32), b"x")
HEAD = 100
CODE = "0x" + deployed_code("ConsentRegistry").hex()
ASKED_DOMAIN = domain_call(REGISTRY).params[0]
DOMAIN = to_hex(domain_word(31_337, REGISTRY))
PAYER = KeyWallet(ANVIL_KEY)
Answers = Callable[[str, list[Any]], Any]


class Refused(Exception):
    """An answer function raises this for the node to answer with an error."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.error = {"code": code, "message": message, **({} if data is None else {"data": data})}


class Status(Exception):
    """An answer function raises this for the node to answer with an HTTP status and no body."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def block(number: int) -> dict[str, str]:
    """Return a block. Blocks are ten seconds apart, the first at 1,000."""
    return {"number": hex(number), "hash": "0x" + f"{number:064x}", "timestamp": hex(1_000 + 10 * number)}


def log(subject: str, until: int) -> dict[str, Any]:
    """Return a RevokedAll event of the subject with this address, or this word."""
    return {"topics": [REVOKED_ALL, "0x" + subject[2:].lower().rjust(64, "0")], "data": "0x" + f"{until:064x}"}


def healthy(method: str, params: list[Any]) -> Any:
    """Answer for a node: roots were anchored at 1,500, subjects revoked all at 1,600, contracts accept signatures."""
    if method == "eth_chainId":
        return "0x7a69"
    if method == "eth_getCode":
        return CODE
    if method == "eth_getBlockByNumber":
        return block(HEAD if params[0] == "latest" else int(params[0], 16))
    if params[:1] == [ASKED_DOMAIN]:
        return DOMAIN
    if method == "eth_call":
        if "to" not in params[0]:
            return "0x" + f"{1:064x}"
        return "0x" + f"{1_500:064x}" + "00" * 32 + f"{1_600:064x}"
    if method == "eth_getLogs":
        first, last = (int(params[0][end], 16) for end in ("fromBlock", "toBlock"))
        return [log(word, 1_600) for word in params[0]["topics"][1] if first <= 60 <= last]
    raise Refused(-32601, f"the method {method} does not exist")


def but(**changes: Any) -> Answers:
    """Return the answers of a healthy node, with changed methods: values, errors or functions of the parameters.

    The registry's domain separator stays correct.
    """

    def answer(method: str, params: list[Any]) -> Any:
        if method not in changes or params[:1] == [ASKED_DOMAIN]:
            return healthy(method, params)
        change = changes[method]
        if isinstance(change, Exception):
            raise change
        return change(params) if callable(change) else change

    return answer


RECEIPT = {
    "blockHash": block(HEAD)["hash"],
    "blockNumber": hex(HEAD),
    "gasUsed": "0xafff",
    "status": "0x1",
    "logs": [{"address": REGISTRY.lower()}],
    "from": PAYER.address.lower(),
}


def sending(**changes: Any) -> Answers:
    """Return the answers of a healthy node that takes transactions and shows RECEIPT for each, with changed methods."""
    return but(
        **{
            "eth_estimateGas": "0xb000",
            "eth_getTransactionCount": "0x1",
            "eth_maxPriorityFeePerGas": "0x1",
            "eth_gasPrice": "0x3",
            "eth_getBlockByNumber": {**block(HEAD), "baseFeePerGas": "0x7"},
            "eth_getBalance": hex(10**18),
            "eth_getTransactionByHash": {},
            "eth_sendRawTransaction": ROOT,
            "eth_getTransactionReceipt": RECEIPT,
            **changes,
        }
    )


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        # The client may have hung up.
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class FakeNode:
    """An HTTP server on a free port. ``raw`` writes the whole response itself; ``tls`` makes the server speak HTTPS.

    ``whole`` is called with each request, a call or a list of calls, and returns the whole HTTP response in place of
    the answers; None lets the node answer.
    """

    def __init__(
        self,
        answers: Answers = healthy,
        *,
        batches: bool = True,
        raw: Any = None,
        whole: Callable[[Any], bytes | None] = lambda _: None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.requests: list[Any] = []
        self.headers: list[dict[str, str]] = []
        node = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                node.requests.append(asked)
                node.headers.append({"path": self.path, **dict(self.headers)})
                if raw is not None:
                    raw(self)
                    return
                if (written := whole(asked)) is not None:
                    self.wfile.write(written)
                    return
                status, body = 200, b""
                try:
                    body = json.dumps(node._answer(answers, asked, batches)).encode()
                except Status as instead:
                    status = instead.code
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = _Server(("127.0.0.1", 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def _answer(self, answers: Answers, asked: Any, batches: bool) -> Any:
        if isinstance(asked, list):
            if not batches:
                return {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "no batches here"}}
            # In reverse, because JSON-RPC promises no order.
            return [self._one(answers, one) for one in reversed(asked)]
        return self._one(answers, asked)

    @staticmethod
    def _one(answers: Answers, asked: dict[str, Any]) -> dict[str, Any]:
        try:
            return {"jsonrpc": "2.0", "id": asked["id"], "result": answers(asked["method"], asked["params"])}
        except Refused as refused:
            return {"jsonrpc": "2.0", "id": asked["id"], "error": refused.error}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def ledger_at(url: str, **options: Any) -> RpcLedger:
    return RpcLedger(url, DEPLOYMENT, **{"timeout": 2.0, **options})
