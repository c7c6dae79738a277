"""Read facts from a node in one batch, all at one block.

The block is named by its hash (EIP-1898). Some nodes take no hash there: they are asked by number, and the hash is
compared before and after.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from itertools import chain
from typing import Any, NamedTuple

from registry.core.errors import LedgerUnavailable
from registry.core.facts import AnchorFacts, FactQuery, Facts, HandleQuery, SignatureQuery
from registry.core.scalars import to_hex
from registry.ledger import abi
from registry.ledger.base import Deployment, Head
from registry.ledger.blocks import block_call, head_in
from registry.ledger.history import cutoffs_until, last_block_until
from registry.net.json_rpc import Call, Node, NodeError, hex_bytes

# Between two requests the head may leave the chain, or another node may answer that does not have it yet.
_ATTEMPTS, _PAUSE = 3, 0.2
# A hostile contract burns all its gas, which takes up to half a second. This many in a request stay in the time limit.
_PROBES = 8

_Anchors = dict[FactQuery | HandleQuery, AnchorFacts]
# What a node lacks that takes no block's hash in place of its number (EIP-1898), and the words of such nodes.
_BY_HASH = "EIP-1898"
_REFUSES_HASHES = re.compile("unmarshal|invalid (arg|param)|hex (string|number)|object|not supported", re.IGNORECASE)


class _Unread(Exception):
    """The node could not read a block that it had named. ``why`` is the error to raise if that persists."""

    def __init__(self, why: LedgerUnavailable, refuses_hashes: bool = False) -> None:
        self.why, self.refuses_hashes = why, refuses_hashes


class Asked(NamedTuple):
    """What `FactReader` is to read; `Ledger.facts` has the meanings."""

    questions: tuple[FactQuery | HandleQuery, ...]
    signatures: tuple[SignatureQuery, ...]
    depth: int
    as_of: int | None


class FactReader(NamedTuple):
    """A reader of the facts of ``deployment`` from ``node``. ``clock`` returns this machine's time in unix seconds."""

    node: Node
    deployment: Deployment
    clock: Callable[[], float]

    def read(self, asked: Asked, head: Callable[[], Head]) -> Facts:
        """Read all facts at the newest block, which ``head`` returns. ``LedgerUnavailable`` if that fails."""
        by_number = _BY_HASH in self.node.lacks
        for left in reversed(range(_ATTEMPTS)):
            try:
                facts = self._read(asked, head(), by_number)
            except _Unread as unread:
                if not left:
                    raise unread.why from None
                # The last attempt does without hashes, whatever the words of the refusal were.
                by_number = by_number or unread.refuses_hashes or left == 1
                time.sleep(0 if unread.refuses_hashes else _PAUSE)
            else:
                break
        if by_number:
            self.node.lacks.add(_BY_HASH)
        return facts

    def _read(self, asked: Asked, head: Head, by_number: bool) -> Facts:
        past = asked.as_of if asked.as_of is not None and asked.as_of < head.time else None
        signed_at = head if past is None else last_block_until(self.node, past, head)
        latest, deep, signatures = self._ask(asked, head, signed_at, by_number)
        if by_number:
            self._check_unmoved([head] if signed_at is None else [head, signed_at])
        anchors = {q: facts._replace(anchored_at=deep[q].anchored_at) for q, facts in latest.items()}
        return Facts(
            chain_id=self.deployment.chain_id,
            block_number=head.number,
            block_hash=head.hash,
            block_time=head.time,
            clock=int(self.clock()),
            depth=asked.depth,
            as_of=past,
            anchors=anchors if past is None else self._with_old_cutoffs(anchors, signed_at, head),
            signatures=signatures,
        )

    def _ask(
        self, asked: Asked, head: Head, signed_at: Head | None, by_number: bool
    ) -> tuple[_Anchors, _Anchors, dict[SignatureQuery, bool]]:
        """Read the facts at the head and at the depth, and the signatures, in one batch unless these are many."""
        latest = _at(head, by_number)
        signed = None if signed_at is None else _at(signed_at, by_number)
        depth = max(head.number - asked.depth, 0)
        blocks = [latest] if asked.depth == 0 else [latest, hex(depth)]
        batch = [self._fact_call(question, block) for block in blocks for question in asked.questions]
        # Before the chain began there were no contracts, so there is nothing to ask.
        asks = [] if signed is None else [_signature_call(question, signed) for question in asked.signatures]
        # A node without the old state may answer as if no contract existed then, which would refuse every signature.
        old = signed_at is not None and signed_at != head and signed_at.number >= self.deployment.block
        asks += [Call("eth_getCode", (self.deployment.registry, signed))] if old and asks else []
        parts = [[*batch, *asks[:_PROBES]], *(asks[at : at + _PROBES] for at in range(_PROBES, len(asks), _PROBES))]
        answers = chain.from_iterable(map(self.node.ask_all, parts))
        # Only the block at the depth may be older than the registry.
        may_be_older = [False, depth < self.deployment.block]
        facts = [
            {q: self._fact(next(answers), block, older) for q in asked.questions}
            for block, older in zip(blocks, may_be_older, strict=False)
        ]
        signatures = {q: signed_at is not None and self._accepted(next(answers), signed) for q in asked.signatures}
        for code in answers:
            if not self._bytes(code, signed):
                raise self._unread(signed, "it shows no registry there")
        return facts[0], facts[-1], signatures

    def _fact_call(self, question: FactQuery | HandleQuery, block: Any) -> Call:
        data = to_hex(abi.encode_facts(question))
        return Call("eth_call", ({"to": self.deployment.registry, "data": data}, block))

    def _check_unmoved(self, heads: list[Head]) -> None:
        """Require that the blocks, read by number, are still those whose hashes were read before."""
        answers = self.node.ask_all([block_call(head.number) for head in heads])
        for head, answer in zip(heads, answers, strict=True):
            if head_in(self.node, answer).hash != head.hash:
                raise self._unread(hex(head.number), "it left the chain meanwhile")

    def _fact(self, answer: Any, block: Any, may_be_older: bool) -> AnchorFacts:
        raw = self._bytes(answer, block)
        if raw == b"" and not may_be_older:
            # ethermint answers so to a hash; the registry's code stands there, as the head shows.
            raise self._unread(block, "it shows no registry there", refuses_hashes=isinstance(block, dict))
        return abi.decode_facts(raw) if raw else AnchorFacts(0, 0, 0)

    def _accepted(self, answer: Any, block: Any) -> bool:
        raw = self._bytes(answer, block)
        if raw == b"":
            raise self._unread(block, "it did not run the code that it was given", isinstance(block, dict))
        return abi.decode_probe(raw)

    def _bytes(self, answer: Any, block: Any) -> bytes:
        """Return the bytes that a call returned. These calls never revert, so an error is the node's own."""
        if isinstance(answer, NodeError):
            refuses_hashes = answer.code == -32602 or _REFUSES_HASHES.search(answer.message) is not None
            raise self._unread(block, answer.message, refuses_hashes)
        if (raw := hex_bytes(answer)) is None:
            raise self.node.unavailable("its answer makes no sense")
        return raw

    def _unread(self, block: Any, why: str, refuses_hashes: bool = False) -> _Unread:
        where = block if isinstance(block, str) else block["blockHash"]
        advice = "Use a node that keeps the chain's old states (an archive node), or a smaller depth."
        return _Unread(self.node.unavailable(f"it cannot read block {where}: {why}", advice), refuses_hashes)

    def _with_old_cutoffs(self, anchors: _Anchors, past: Head | None, head: Head) -> _Anchors:
        now = {question.subject.lower(): facts.cutoff for question, facts in anchors.items()}
        found = {} if past is None else cutoffs_until(self.node, self.deployment, now, past.number, head.number)
        return {q: facts._replace(cutoff=found.get(q.subject.lower(), 0)) for q, facts in anchors.items()}


def _at(block: Head, by_number: bool) -> dict[str, str] | str:
    """Name a block by its hash (EIP-1898), so that the node reports a block that has left the chain; else by number."""
    return hex(block.number) if by_number else {"blockHash": block.hash}


def _signature_call(question: SignatureQuery, block: Any) -> Call:
    call = {"data": to_hex(abi.signature_probe(question)), "gas": hex(abi.PROBE_GAS)}
    return Call("eth_call", (call, block))
