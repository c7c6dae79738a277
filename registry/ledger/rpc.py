"""A chain behind a JSON-RPC node: facts in two batches, transactions through web3.py.

The node is not trusted to be the right one: its chain id is read with every head, and the registry's code
before anything else is believed. (That it tells the truth about its chain is what whoever names it trusts.)
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from registry.core.errors import InvalidInput, LedgerUnavailable
from registry.core.facts import AnchorFacts, Facts, Question, SignatureQuestion
from registry.core.scalars import to_hex
from registry.ledger import calls
from registry.ledger._blocks import block_call, chain_id_in, head_in
from registry.ledger._history import cutoffs_until, last_block_until
from registry.ledger._jsonrpc import Call, Node, NodeError, hex_bytes
from registry.ledger.artifacts import creation_code
from registry.ledger.base import Deployment, Head, Receipt, Sender, check_depth

DEFAULT_TIMEOUT = 10.0
RECEIPT_SECONDS = 180.0
DEFAULT_MAX_FEE = 500 * 10**9
# The head may leave the chain between two requests; then everything is asked again.
_ATTEMPTS = 3


class _Moved(Exception):
    """The node no longer knows a block that it named itself."""


class _Asked(NamedTuple):
    questions: tuple[Question, ...]
    signatures: tuple[SignatureQuestion, ...]
    depth: int
    as_of: int | None


class _Answers(NamedTuple):
    latest: dict[Question, AnchorFacts]
    deep: dict[Question, AnchorFacts]
    signatures: dict[SignatureQuestion, bool]


class RpcLedger:
    """The registry of ``deployment`` as the node at ``url`` (http or https) shows it.

    ``timeout`` (seconds) bounds each request, ``receipt_seconds`` the wait for a block, ``max_fee`` (wei) what a
    unit of gas may cost. ``relay`` pays where no sender is named. ``progress(transaction, seconds waited)`` is
    called while a receipt is waited for.
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
        progress: Callable[[str, float], None] | None = None,
        clock: Callable[[], int] | None = None,
    ) -> None:
        self._node = Node(url, timeout)
        self._deployment = deployment
        self._relay = relay
        self._limits = (max_fee, receipt_seconds)
        self._progress = progress
        self._clock = clock or _now
        self._has_code = False
        self._sending = threading.Lock()

    @property
    def deployment(self) -> Deployment:
        return self._deployment

    def head(self) -> Head:
        asked = [Call("eth_chainId"), block_call("latest")]
        if not self._has_code:
            asked.append(Call("eth_getCode", (self._deployment.registry, "latest")))
        answers = self._node.ask_all(asked)
        self._check(answers[0], answers[2:])
        return head_in(self._node, answers[1])

    def facts(
        self,
        questions: Iterable[Question],
        signatures: Iterable[SignatureQuestion] = (),
        *,
        depth: int = 0,
        as_of: int | None = None,
    ) -> Facts:
        check_depth(depth, as_of)
        asked = _Asked(tuple(dict.fromkeys(questions)), tuple(dict.fromkeys(signatures)), depth, as_of)
        for _ in range(_ATTEMPTS):
            try:
                return self._read(asked, self.head())
            except _Moved:
                continue
        raise self._node.unavailable("it no longer knows the block that it named itself, however often it is asked")

    def transact(self, function: str, *args: Any, sender: Sender | None = None) -> Receipt:
        data = calls.encode(function, args)
        payer = sender or self._relay
        if payer is None:
            advice = "Name the account that pays, or configure a relay."
            raise InvalidInput("no account was named that pays for the transaction", advice)
        self.head()
        from registry.ledger._transactions import Limits, send

        # One at a time: the next nonce is known only when the last transaction is with the node.
        with self._sending:
            sent = send(
                self._node,
                self._deployment.chain_id,
                payer,
                self._deployment.registry,
                data,
                Limits(*self._limits),
                self._progress,
            )
        return sent.receipt

    def _check(self, chain_id: Any, code: Sequence[Any]) -> None:
        found, wanted = chain_id_in(self._node, chain_id), self._deployment.chain_id
        if found != wanted:
            raise self._node.unavailable(f"it is on chain {found}, not on {wanted}")
        for answer in code:
            if not hex_bytes(answer):
                raise self._node.unavailable(f"there is no contract at {self._deployment.registry}")
            self._has_code = True

    def _read(self, asked: _Asked, head: Head) -> Facts:
        past = asked.as_of if asked.as_of is not None and asked.as_of < head.time else None
        signed_at = head if past is None else last_block_until(self._node, past, head)
        latest, deep, signatures = self._ask(asked, head, signed_at)
        anchors = {q: facts._replace(anchored_at=deep[q].anchored_at) for q, facts in latest.items()}
        return Facts(
            chain_id=self._deployment.chain_id,
            block_number=head.number,
            block_hash=head.hash,
            block_time=head.time,
            clock=self._clock(),
            depth=asked.depth,
            as_of=past,
            anchors=anchors if past is None else self._with_old_cutoffs(anchors, signed_at),
            signatures=signatures,
        )

    def _ask(self, asked: _Asked, head: Head, signed_at: Head | None) -> _Answers:
        """Everything in one batch: the facts at the head and where it is deep enough, and the signatures."""
        latest = _at(head)
        deep = latest if asked.depth == 0 else hex(max(head.number - asked.depth, 0))
        signed = None if signed_at is None else _at(signed_at)
        blocks = [latest] if asked.depth == 0 else [latest, deep]
        batch = [self._fact_call(question, block) for block in blocks for question in asked.questions]
        # Before the chain began there were no contracts, and nobody needs to be asked.
        batch += [_signature_call(question, signed) for question in asked.signatures if signed is not None]
        answers = iter(self._node.ask_all(batch))
        facts = [{q: self._fact(next(answers), block) for q in asked.questions} for block in blocks]
        signatures = {q: signed is not None and self._accepted(next(answers), signed) for q in asked.signatures}
        return _Answers(facts[0], facts[-1], signatures)

    def _fact_call(self, question: Question, block: Any) -> Call:
        return _eth_call(self._deployment.registry, calls.encode_facts(question), block)

    def _fact(self, answer: Any, block: Any) -> AnchorFacts:
        if isinstance(answer, NodeError):
            raise self._unreadable(answer, block)
        raw = hex_bytes(answer)
        if raw == b"" and isinstance(block, str) and int(block, 16) < self._deployment.block:
            return AnchorFacts(0, 0, 0)  # deeper than the registry itself: nothing was anchored then
        return calls.decode_facts(raw or b"")

    def _with_old_cutoffs(self, anchors: dict[Question, AnchorFacts], past: Head | None) -> dict[Question, AnchorFacts]:
        subjects = sorted({question.subject for question in anchors})
        found = {} if past is None else cutoffs_until(self._node, self._deployment, subjects, past.number)
        return {q: facts._replace(cutoff=found.get(q.subject.lower(), 0)) for q, facts in anchors.items()}

    def _accepted(self, answer: Any, block: Any) -> bool:
        """ERC-1271: anything but the magic word, also a revert or no contract at all, is no."""
        if isinstance(answer, NodeError):
            if answer.reverted:
                return False
            raise self._unreadable(answer, block)
        raw = hex_bytes(answer)
        if raw is None:
            raise self._node.unavailable("its answer makes no sense")
        return raw[:32] == calls.ERC1271_YES

    def _unreadable(self, error: NodeError, block: Any) -> Exception:
        if re.search(r"(header|block|hash).*(not found|unknown)|unknown block|not canonical", error.message.lower()):
            return _Moved()
        where = block if isinstance(block, str) else block["blockHash"]
        advice = "Ask a node that keeps the chain's old states (an archive node), or a lesser depth."
        return LedgerUnavailable(f"{self._node.name}: it cannot read block {where}: {error.message}", advice)


def deploy(url: str, sender: Sender, *, timeout: float = DEFAULT_TIMEOUT, max_fee: int = DEFAULT_MAX_FEE) -> Deployment:
    """Create ConsentRegistry and ConsentVerifier on the chain behind ``url``; ``sender`` pays."""
    from registry.ledger._transactions import Limits, send

    node = Node(url, timeout)
    chain_id = chain_id_in(node, node.ask(Call("eth_chainId")))
    limits = Limits(max_fee, RECEIPT_SECONDS)
    registry = send(node, chain_id, sender, None, creation_code("ConsentRegistry"), limits, None)
    if registry.contract is None:
        raise node.unavailable("its receipt names no contract")
    code = creation_code("ConsentVerifier", registry.contract)
    verifier = send(node, chain_id, sender, None, code, limits, None)
    if verifier.contract is None:
        raise node.unavailable("its receipt names no contract")
    return Deployment(chain_id, registry.contract, verifier.contract, registry.receipt.block)


def _at(block: Head) -> dict[str, str]:
    """A block by its hash (EIP-1898): if it has left the chain, the node says so."""
    return {"blockHash": block.hash}


def _signature_call(question: SignatureQuestion, block: Any) -> Call:
    return _eth_call(question.signer, calls.encode_signature_check(question), block)


def _eth_call(to: str, data: bytes, block: Any) -> Call:
    return Call("eth_call", ({"to": to, "data": to_hex(data)}, block))


def _now() -> int:
    return int(time.time())
