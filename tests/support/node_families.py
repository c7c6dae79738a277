"""Families of nodes, each played in front of a real chain by rewriting a few answers, as public threads report them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from eth_account.typed_transactions.typed_transaction import TypedTransaction
from hexbytes import HexBytes

from registry.net.json_rpc import Call, Node, NodeError
from tests.support.fake_node import FakeNode, Refused

GWEI = 10**9
Ask = Callable[..., Any]
Rewrite = Callable[[list[Any], Ask], Any]
Whole = Callable[[Any, int], bytes | None]


class Family(NamedTuple):
    """A family and the ``thread`` that tells what is odd about it.

    ``methods``: rewritten answers, each a function of the parameters and of a function that asks the real chain.
    ``whole``: the HTTP response to a whole request, from the request and its number; None lets the chain answer.
    """

    name: str
    thread: str
    methods: dict[str, Rewrite] | None = None
    whole: Whole = lambda *_: None


class Playing:
    """A node of this family in front of the chain at ``url``."""

    def __init__(self, family: Family, url: str) -> None:
        self._chain, self._family, self._count = Node(url, 10), family, 0
        self.node = FakeNode(self._answer, whole=self._whole)
        self.url = self.node.url

    def _whole(self, asked: Any) -> bytes | None:
        self._count += 1
        return self._family.whole(asked, self._count)

    def _answer(self, method: str, params: list[Any]) -> Any:
        rewrite = (self._family.methods or {}).get(method)
        return self._ask(method, *params) if rewrite is None else rewrite(params, lambda *p: self._ask(method, *p))

    def _ask(self, method: str, *params: Any) -> Any:
        answer = self._chain.ask(Call(method, params))
        if isinstance(answer, NodeError):
            raise Refused(answer.code, answer.message, "0x" + answer.data.hex() if answer.data else None)
        return answer


def refusing(code: Any, message: str, data: Any = None) -> Rewrite:
    """Refuse always."""

    def refuse(_: list[Any], __: Ask) -> Any:
        raise Refused(code, message, data)

    return refuse


def members(**changes: Any) -> Rewrite:
    """Change members of an answer; Ellipsis leaves one out."""

    def rewrite(params: list[Any], ask: Ask) -> Any:
        if not isinstance(answer := ask(*params), dict):
            return answer
        return {name: value for name, value in (answer | changes).items() if value is not ...}

    return rewrite


def taken_but(code: int, message: str) -> Rewrite:
    """Take the transaction, and answer with an error all the same."""

    def send(params: list[Any], ask: Ask) -> Any:
        ask(*params)
        raise Refused(code, message)

    return send


def no_hashes(answer: Rewrite) -> Rewrite:
    """Let ``answer`` stand wherever a block is named by its hash (EIP-1898)."""

    def call(params: list[Any], ask: Ask) -> Any:
        return answer(params, ask) if isinstance(params[-1], dict) and "blockHash" in params[-1] else ask(*params)

    return call


def no_pending(answer: Rewrite) -> Rewrite:
    """Let ``answer`` stand for the count of transactions at the pending block."""
    return lambda params, ask: answer(params, ask) if params[1] == "pending" else ask(*params)


def at_first(answer: Rewrite, times: int = 1) -> Rewrite:
    """Let ``answer`` stand the first times."""
    left = [times]

    def rewrite(params: list[Any], ask: Ask) -> Any:
        left[0] -= 1
        return answer(params, ask) if left[0] >= 0 else ask(*params)

    return rewrite


def dear(least: int) -> Rewrite:
    """Refuse a transaction of type 2 whose tip is below ``least`` wei."""

    def send(params: list[Any], ask: Ask) -> Any:
        tip = int(TypedTransaction.from_bytes(HexBytes(params[0])).as_dict()["maxPriorityFeePerGas"])
        if tip < least:
            raise Refused(-32000, f"transaction underpriced: tip needed {least}, tip permitted {tip}")
        return ask(*params)

    return send


def only_legacy(params: list[Any], ask: Ask) -> Any:
    """Refuse transactions of EIP-2718."""
    if params[0].startswith(("0x01", "0x02")):
        raise Refused(-32000, "transaction type not supported")
    return ask(*params)


def response(body: Any, status: str = "200 OK", *headers: str) -> bytes:
    """Return an HTTP response; ``body`` is text, or written as JSON."""
    raw = (body if isinstance(body, str) else json.dumps(body)).encode()
    head = "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status}", f"Content-Length: {len(raw)}", *headers))
    return head.encode() + b"\r\n" + raw


def batches(answer: Any, most: int = 1, status: str = "200 OK") -> Whole:
    """Answer so to a batch of more than ``most`` calls; None hangs up."""
    refused = b"" if answer is None else response(answer, status)
    return lambda asked, _: refused if isinstance(asked, list) and len(asked) > most else None


def every_second(written: bytes) -> Whole:
    """Answer so to every second request."""
    return lambda _, number: written if number % 2 == 0 else None


def _error(code: Any, message: str, **more: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": message, **more}}


_HERE = "https://github.com/"
_NO_METHOD = refusing(-32601, "the method does not exist/is not available")
_POA = "0x" + "d6" * 97
FAMILIES = (
    Family(
        "geth: already known",
        _HERE + "ethereum/go-ethereum/issues/22093",
        {"eth_sendRawTransaction": taken_but(-32000, "already known")},
    ),
    Family(
        "Erigon: one error for a batch",
        _HERE + "erigontech/erigon/issues/17245",
        whole=batches(_error(-32000, "batch limit 2 exceeded (can increase by --rpc.batch.limit)"), 2),
    ),
    Family("Erigon: hangs up on a batch", _HERE + "erigontech/erigon/issues/18074", whole=batches(None, 3)),
    Family(
        "Nethermind: AlreadyKnown",
        _HERE + "NethermindEth/nethermind/issues/4148",
        {"eth_sendRawTransaction": taken_but(-32010, "AlreadyKnown")},
    ),
    Family(
        "Besu: no tip",
        _HERE + "besu-eth/besu/issues/5658",
        {"eth_maxPriorityFeePerGas": refusing(-32601, "Method not found")},
    ),
    Family(
        "Polygon: long extraData",
        _HERE + "oceanprotocol/ocean.py/issues/920",
        {"eth_getBlockByNumber": members(extraData=_POA, uncles=None, totalDifficulty=None, nonce=7, size=None)},
    ),
    Family(
        "BNB Chain: no base fee, and tips below the least",
        _HERE + "bnb-chain/bsc/issues/2387",
        {
            "eth_getBlockByNumber": members(baseFeePerGas="0x0", extraData=_POA),
            "eth_maxPriorityFeePerGas": lambda *_: hex(GWEI),
            "eth_gasPrice": lambda *_: hex(3 * GWEI),
            "eth_sendRawTransaction": dear(3 * GWEI),
        },
    ),
    Family(
        "Avalanche: other blocks, and nothing pending",
        _HERE + "ConsenSys-archive/ganache/issues/3667",
        {
            "eth_getBlockByNumber": members(blockExtraData="0x", extDataHash=5, extDataGasUsed=None, blockGasCost=[]),
            "eth_getTransactionCount": no_pending(refusing(-32000, "cannot query unfinalized data")),
        },
    ),
    Family(
        "Optimism: fees of the other layer",
        _HERE + "NomicFoundation/edr/issues/735",
        {"eth_getTransactionReceipt": members(l1Fee=None, l1FeeScalar="0.684", l1GasUsed=None, contractAddress="")},
    ),
    Family(
        "Arbitrum: other receipts, and no tips",
        _HERE + "blockscout/blockscout/pull/9061",
        {
            "eth_getTransactionReceipt": members(gasUsedForL1="0x0", l1BlockNumber="0x1", logsBloom=None, type="0x78"),
            "eth_getBlockByNumber": members(sendCount="0x5", sendRoot=None, l1BlockNumber=7, mixHash=None),
            "eth_maxPriorityFeePerGas": lambda *_: "0x0",
        },
    ),
    Family(
        "ethermint: null base fee, and hashes of blocks answered with nothing",
        _HERE + "evmos/ethermint/issues/460",
        {
            "eth_getBlockByNumber": members(baseFeePerGas=None),  # evmos/ethermint/issues/853
            "eth_call": no_hashes(lambda *_: "0x"),
        },
    ),
    Family(
        "evmos: a receipt without gas",
        _HERE + "evmos/evmos/issues/1462",
        {"eth_getTransactionReceipt": members(gasUsed=..., effectiveGasPrice=..., contractAddress="0x")},
    ),
    Family(
        "Flow: five in a batch, and no tip",
        _HERE + "onflow/flow-evm-gateway/issues/315",
        {"eth_maxPriorityFeePerGas": _NO_METHOD, "eth_feeHistory": _NO_METHOD},
        batches(_error(-32600, "batch too large"), 5),  # onflow/flow-evm-gateway/pull/277
    ),
    Family(
        "Elastos: before London",
        _HERE + "elastos/Elastos.ELA.SideChain.ESC/pull/635",
        {
            "eth_getBlockByNumber": members(baseFeePerGas=..., extraData=_POA),
            "eth_maxPriorityFeePerGas": _NO_METHOD,
            "eth_feeHistory": _NO_METHOD,
            "eth_sendRawTransaction": only_legacy,
        },
    ),
    Family(
        "a base fee, and no type 2",
        _HERE + "blocksense-network/blocksense/pull/1704",
        {"eth_sendRawTransaction": only_legacy},
    ),
    Family(
        "Hardhat: the data of errors is an object",
        _HERE + "NomicFoundation/hardhat/issues/8043",
        {
            "eth_getTransactionReceipt": at_first(
                refusing(-32603, "Internal error", {"message": "Internal error", "data": {"message": "x"}})
            ),
            "eth_maxPriorityFeePerGas": refusing(-32004, "Method not supported", {"message": "no"}),
        },
    ),
    Family(
        "Ganache: no base fee, no block by its hash",
        _HERE + "ConsenSys-archive/ganache/issues/973",
        {
            "eth_getBlockByNumber": members(baseFeePerGas=...),
            "eth_call": no_hashes(refusing(-32700, 'Cannot wrap a "object" as a json-rpc type')),
            "eth_sendRawTransaction": only_legacy,
        },
    ),
    Family(
        "Polygon zkEVM: batches refused in plain text",
        _HERE + "0xPolygon/cdk-validium-node/issues/50",
        {"eth_call": no_hashes(refusing(-32602, "invalid argument 1"))},  # 0xPolygon/zkevm-node/issues/1886
        batches("batch requests are disabled", status="400 Bad Request"),
    ),
    Family(
        "steemd's gateway: the code of the error is in words",
        _HERE + "steemit/jussi/issues/191",
        whole=batches({"jsonrpc": "2.0", "error": {"code": "BATCH_NOT_ALLOWED", "message": None, "data": []}}),
    ),
    Family(
        "wasp: the words of a refused hash",
        _HERE + "iotaledger/wasp-legacy/issues/486",
        {"eth_call": no_hashes(refusing(-32000, "invalid argument 1: hex string without 0x prefix"))},
    ),
    Family(
        "Frontier: nothing is pending",
        _HERE + "polkadot-evm/frontier/issues/171",
        {"eth_getTransactionCount": no_pending(lambda *_: "0x0")},
    ),
    Family(
        "Lotus: a receipt that is not there is an error",
        _HERE + "filecoin-project/ref-fvm/issues/996",
        {
            "eth_getTransactionReceipt": at_first(refusing(-32000, "transaction not found")),
            "eth_maxPriorityFeePerGas": refusing(-32000, "busy"),
            "eth_feeHistory": lambda *_: {"oldestBlock": "0x0", "baseFeePerGas": None, "reward": None},
        },
    ),
    Family(
        "Infura: 429 and a pause in the body",
        _HERE + "status-im/status-go/pull/4807",
        whole=every_second(
            response(_error(-32005, "exceeded project rate limit", data={"rate": {"backoff_seconds": 0.05}}), "429 No")
        ),
    ),
    Family(
        "maticvigil: 429 and Retry-After",
        _HERE + "mysteriumnetwork/payments/pull/129",
        whole=every_second(response("<html>", "429 Too Many Requests", "Retry-After: 0")),
    ),
    Family(
        "godwoken: asked too often, in a 200",
        _HERE + "godwokenrises/godwoken-web3/pull/452",
        whole=every_second(response(_error(-32005, "Too Many Requests, please wait 0.05s and retry."))),
    ),
)
