"""A chain behind a JSON-RPC node: facts in two batches, transactions through web3.py.

The node may be the wrong one. So every head is read with the chain's id, and the registry's code is checked first. The
user who names the node trusts it to tell the truth about its chain.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from registry.core.errors import InvalidInput, LedgerUnavailable
from registry.core.facts import AnchorFacts, FactQuery, Facts, SignatureQuery
from registry.core.scalars import to_hex
from registry.ledger import abi
from registry.ledger.artifacts import is_code_of
from registry.ledger.base import Deployment, Head, Ledger, Payer, Pending, Receipt, Sender, check_depth
from registry.ledger.blocks import block_call, chain_id_in, head_in
from registry.ledger.contract_addresses import REGISTRY, code_call, domain_call, domain_word
from registry.ledger.history import cutoffs_until, last_block_until
from registry.ledger.tx_tracker import REPLACE_SECONDS, Limits
from registry.net.json_rpc import Call, Node, NodeError, hex_bytes

if TYPE_CHECKING:
    from registry.ledger.transactions import Sent, Submission

DEFAULT_TIMEOUT = 10.0
RECEIPT_SECONDS = 180.0
DEFAULT_MAX_FEE = 500 * 10**9
# Between two requests the head may leave the chain, or another node may answer that does not have it yet.
_ATTEMPTS, _PAUSE = 3, 0.2
# A hostile contract burns all its gas, which takes up to half a second. This many in a request stay in the time limit.
_PROBES = 8
_MAX_CLIENT = 60

_Anchors = dict[FactQuery, AnchorFacts]


class _Unread(Exception):
    """The node could not read a block that it had named. ``why`` is the error to raise if that persists."""

    def __init__(self, why: LedgerUnavailable) -> None:
        self.why = why


class _Asked(NamedTuple):
    questions: tuple[FactQuery, ...]
    signatures: tuple[SignatureQuery, ...]
    depth: int
    as_of: int | None


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
        questions: Iterable[FactQuery],
        signatures: Iterable[SignatureQuery] = (),
        *,
        depth: int = 0,
        as_of: int | None = None,
    ) -> Facts:
        check_depth(depth, as_of)
        asked = _Asked(tuple(dict.fromkeys(questions)), tuple(dict.fromkeys(signatures)), depth, as_of)
        left = _ATTEMPTS
        while True:
            try:
                return self._read(asked, self.head())
            except _Unread as unread:
                left -= 1
                if not left:
                    raise unread.why from None
            time.sleep(_PAUSE)

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
        asked = [Call("eth_chainId"), block_call("latest")]
        if with_code:
            asked += [code_call(self.deployment.registry), domain_call(self.deployment.registry)]
        chain_id, block, *registry = self._node.ask_all(asked)
        found, wanted = chain_id_in(self._node, chain_id), self.deployment.chain_id
        if found != wanted:
            raise self._node.unavailable(f"it is on chain {found}, not on {wanted}")
        if registry:
            self._check(*registry)
        return head_in(self._node, block)

    def _check(self, answer: Any, domain: Any) -> None:
        """Require our code, made for this address: with another domain, it would refuse our signed revocations."""
        code, registry = hex_bytes(answer), self.deployment.registry
        ours = code is not None and is_code_of(REGISTRY, code)
        if code is None or (ours and isinstance(domain, NodeError)):
            raise self._node.unavailable(f"it does not show the contract at {registry}")
        if not code:
            raise self._node.unavailable(f"there is no contract at {registry}")
        if not ours or hex_bytes(domain) != domain_word(self.deployment.chain_id, registry):
            advice = "Compare the deployment file with its origin. Do not trust the contract at that address."
            raise self._node.unavailable(f"the contract at {registry} is not a ConsentRegistry", advice)
        self._is_ours = True

    def _read(self, asked: _Asked, head: Head) -> Facts:
        past = asked.as_of if asked.as_of is not None and asked.as_of < head.time else None
        signed_at = head if past is None else last_block_until(self._node, past, head)
        latest, deep, signatures = self._ask(asked, head, signed_at)
        anchors = {q: facts._replace(anchored_at=deep[q].anchored_at) for q, facts in latest.items()}
        return Facts(
            chain_id=self.deployment.chain_id,
            block_number=head.number,
            block_hash=head.hash,
            block_time=head.time,
            clock=int(self._clock()),
            depth=asked.depth,
            as_of=past,
            anchors=anchors if past is None else self._with_old_cutoffs(anchors, signed_at, head),
            signatures=signatures,
        )

    def _ask(
        self, asked: _Asked, head: Head, signed_at: Head | None
    ) -> tuple[_Anchors, _Anchors, dict[SignatureQuery, bool]]:
        """Read the facts at the head and at the depth, and the signatures, in one batch unless these are many."""
        latest = _at(head)
        signed = None if signed_at is None else _at(signed_at)
        blocks = [latest] if asked.depth == 0 else [latest, hex(max(head.number - asked.depth, 0))]
        batch = [self._fact_call(question, block) for block in blocks for question in asked.questions]
        # Before the chain began there were no contracts, so there is nothing to ask.
        asks = [] if signed is None else [_signature_call(question, signed) for question in asked.signatures]
        # A node without the old state may answer as if no contract existed then, which would refuse every signature.
        old = signed_at is not None and signed_at != head and signed_at.number >= self.deployment.block
        asks += [Call("eth_getCode", (self.deployment.registry, signed))] if old and asks else []
        parts = [[*batch, *asks[:_PROBES]], *(asks[at : at + _PROBES] for at in range(_PROBES, len(asks), _PROBES))]
        answers = chain.from_iterable(map(self._node.ask_all, parts))
        facts = [{q: self._fact(next(answers), block) for q in asked.questions} for block in blocks]
        signatures = {
            q: signed_at is not None and abi.decode_probe(self._bytes(next(answers), signed)) for q in asked.signatures
        }
        for code in answers:
            if not self._bytes(code, signed):
                raise self._unread(signed, "it shows no registry there")
        return facts[0], facts[-1], signatures

    def _fact_call(self, question: FactQuery, block: Any) -> Call:
        data = to_hex(abi.encode_facts(question))
        return Call("eth_call", ({"to": self.deployment.registry, "data": data}, block))

    def _fact(self, answer: Any, block: Any) -> AnchorFacts:
        raw = self._bytes(answer, block)
        if raw == b"" and isinstance(block, str):
            if int(block, 16) >= self.deployment.block:
                raise self._unread(block, "it shows no registry there")
            return AnchorFacts(0, 0, 0)  # older than the registry
        return abi.decode_facts(raw)

    def _bytes(self, answer: Any, block: Any) -> bytes:
        """Return the bytes that a call returned. These calls never revert, so an error is the node's own."""
        if isinstance(answer, NodeError):
            raise self._unread(block, answer.message)
        if (raw := hex_bytes(answer)) is None:
            raise self._node.unavailable("its answer makes no sense")
        return raw

    def _unread(self, block: Any, why: str) -> _Unread:
        where = block if isinstance(block, str) else block["blockHash"]
        advice = "Use a node that keeps the chain's old states (an archive node), or a smaller depth."
        return _Unread(self._node.unavailable(f"it cannot read block {where}: {why}", advice))

    def _with_old_cutoffs(self, anchors: _Anchors, past: Head | None, head: Head) -> _Anchors:
        now = {question.subject.lower(): facts.cutoff for question, facts in anchors.items()}
        found = {} if past is None else cutoffs_until(self._node, self.deployment, now, past.number, head.number)
        return {q: facts._replace(cutoff=found.get(q.subject.lower(), 0)) for q, facts in anchors.items()}


def _at(block: Head) -> dict[str, str]:
    """Name a block by its hash (EIP-1898), so that the node reports a block that has left the chain."""
    return {"blockHash": block.hash}


def _signature_call(question: SignatureQuery, block: Any) -> Call:
    call = {"data": to_hex(abi.signature_probe(question)), "gas": hex(abi.PROBE_GAS)}
    return Call("eth_call", (call, block))


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
