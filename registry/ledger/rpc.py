"""A chain behind a JSON-RPC node: facts in two batches, transactions through web3.py.

The node may be the wrong one. So every head is read with the chain's id, and the registry's code is checked first. The
user who names the node trusts it to tell the truth about its chain.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from registry.core.errors import InvalidInput
from registry.core.facts import FactQuery, Facts, HandleQuery, SignatureQuery
from registry.ledger import abi
from registry.ledger.artifacts import is_code_of
from registry.ledger.base import Deployment, Head, Ledger, Payer, Pending, Receipt, Sender, check_depth
from registry.ledger.blocks import block_call, chain_id_in, head_in
from registry.ledger.contract_addresses import REGISTRY, code_call, domain_call, domain_word
from registry.ledger.fact_reader import Asked, FactReader
from registry.ledger.tx_tracker import REPLACE_SECONDS, Limits, named
from registry.net.json_rpc import Call, Node, NodeError, hex_bytes

if TYPE_CHECKING:
    from registry.ledger.transactions import Sent, Submission

DEFAULT_TIMEOUT = 10.0
RECEIPT_SECONDS = 180.0
DEFAULT_MAX_FEE = 500 * 10**9
_MAX_CLIENT = 60


class _Pending(NamedTuple):
    """A call of the registry that was sent."""

    ledger: RpcLedger
    function: str
    submission: Submission

    @property
    def transaction(self) -> str:
        return self.submission.transaction

    def wait(self) -> Receipt:
        sent = self.submission.wait()
        with named(sent.receipt.transaction):
            self.ledger.check_heard(self.function, sent)
        return sent.receipt


class RpcLedger(Ledger):
    """The registry of ``deployment`` as the node at ``url`` shows it (http, https, or ipc:PATH for its socket).

    ``timeout`` (seconds) bounds each request, ``receipt_seconds`` the wait for a block, ``max_fee`` (wei) the price of
    a unit of gas. ``relay`` pays if a caller names no sender. `transact` returns when ``confirmations`` blocks lie
    above the transaction's own. A transaction that new blocks leave out for ``replace_seconds`` gets higher fees.
    ``progress(transaction, seconds waited)`` is called while waiting.
    """

    def __init__(
        self,
        url: str,
        deployment: Deployment,
        *,
        timeout: float = DEFAULT_TIMEOUT,
        relay: Sender | None = None,
        max_fee: int = DEFAULT_MAX_FEE,
        receipt_seconds: float = RECEIPT_SECONDS,
        confirmations: int = 0,
        replace_seconds: float = REPLACE_SECONDS,
        progress: Callable[[str, float], None] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._node, self.deployment, self._relay = Node(url, timeout), deployment, relay
        self.has_relay = relay is not None
        check_depth(confirmations, None)
        self._limits = Limits(max_fee, receipt_seconds, confirmations, replace_seconds)
        self._progress, self._clock = progress, clock
        self._is_ours = False
        self._sending = threading.Lock()

    def head(self) -> Head:
        return self._head(with_code=not self._is_ours)

    def facts(
        self,
        questions: Iterable[FactQuery | HandleQuery],
        signatures: Iterable[SignatureQuery] = (),
        *,
        depth: int = 0,
        as_of: int | None = None,
    ) -> Facts:
        check_depth(depth, as_of)
        asked = Asked(tuple(dict.fromkeys(questions)), tuple(dict.fromkeys(signatures)), depth, as_of)
        return FactReader(self._node, self.deployment, self._clock).read(asked, self.head)

    def submit(self, function: str, *args: Any, sender: Payer | None = None) -> Pending:
        data = abi.encode(function, args)
        payer = sender or self._relay
        if payer is None:
            advice = "Name the account that pays with --sender: self, or a wallet or key file."
            raise InvalidInput("no account pays for the transaction", advice)
        # Check the code each time: a chain that was reset has none, and would take the fee for nothing.
        self._head(with_code=True)
        from registry import lazy_py_ecc

        lazy_py_ecc.eth_account()  # before web3, which would load all of it
        from registry.ledger.transactions import Submission

        registry, chain_id = self.deployment.registry, self.deployment.chain_id
        sent = Submission(self._node, chain_id, payer, registry, data, self._limits, self._progress, self._sending)
        return _Pending(self, function, sent)

    def check_heard(self, function: str, sent: Sent) -> None:
        """``LedgerUnavailable`` unless the registry ran.

        A call to an address without code succeeds silently, and a chain that was reset while we waited has none there.
        So require the registry's log of an anchor. A repeated revocation logs nothing.
        """
        if self.deployment.registry.lower() in sent.log_addresses:
            return
        if function == "anchor":
            receipt = sent.receipt
            where = f"transaction {receipt.transaction} is in block {receipt.block:,}"
            advice = "Check whether the chain was reset. If the registry exists, send it again."
            raise self._node.unavailable(f"{where}, but the registry did not take it", advice)
        self._head(with_code=True)

    def _head(self, with_code: bool) -> Head:
        head = checked_head(self._node, self.deployment, with_code=with_code)
        self._is_ours |= with_code
        return head


def checked_head(node: Node, deployment: Deployment, *, with_code: bool = True) -> Head:
    """Return the newest block; ``LedgerUnavailable`` if the node is on another chain, or our code is not there."""
    asked = [Call("eth_chainId"), block_call("latest")]
    if with_code:
        asked += [code_call(deployment.registry), domain_call(deployment.registry)]
    chain_id, block, *registry = node.ask_all(asked)
    found, wanted = chain_id_in(node, chain_id), deployment.chain_id
    if found != wanted:
        raise node.unavailable(f"it is on chain {found}, not on {wanted}")
    if registry:
        _check_code(node, deployment, *registry)
    return head_in(node, block)


def _check_code(node: Node, deployment: Deployment, answer: Any, domain: Any) -> None:
    """Require our code, made for this address: with another domain, it would refuse our signed revocations."""
    code, registry = hex_bytes(answer), deployment.registry
    ours = code is not None and is_code_of(REGISTRY, code)
    if code is None or (ours and isinstance(domain, NodeError)):
        raise node.unavailable(f"it does not show the contract at {registry}")
    if not code:
        raise node.unavailable(f"there is no contract at {registry}")
    if not ours or hex_bytes(domain) != domain_word(deployment.chain_id, registry):
        advice = "Compare the deployment file with its origin. Do not trust the contract at that address."
        raise node.unavailable(f"the contract at {registry} is not a ConsentRegistry", advice)


class Probe(NamedTuple):
    """A node: its ``name`` without secrets, the name of its ``client`` software, its chain and newest block."""

    name: str
    client: str
    chain_id: int
    head: Head


def name_of(url: str) -> str:
    """Return the node's name for messages, without access keys. ``InvalidInput`` if the URL is not one of a node."""
    return Node(url, DEFAULT_TIMEOUT).name


def probe(url: str, *, timeout: float = DEFAULT_TIMEOUT) -> Probe:
    """Ask a node for its `Probe`; ``timeout`` (seconds) bounds each request. ``LedgerUnavailable`` if that fails."""
    node = Node(url, timeout)
    client, chain_id, block = node.ask_all([Call("web3_clientVersion"), Call("eth_chainId"), block_call("latest")])
    name = client[:_MAX_CLIENT] if isinstance(client, str) else "unnamed"
    return Probe(node.name, name, chain_id_in(node, chain_id), head_in(node, block))


def deployment_at(url: str, registry: str, *, timeout: float = DEFAULT_TIMEOUT) -> Deployment:
    """Return a deployment for reading the registry at this checksummed address; it names no verifier.

    The registry's block is unknown (0). ``LedgerUnavailable`` if the node does not name its chain. The ledger that
    reads the registry checks the code at the address.
    """
    node = Node(url, timeout)
    return Deployment(chain_id_in(node, node.ask(Call("eth_chainId"))), registry, "0x" + "00" * 20, 0)
