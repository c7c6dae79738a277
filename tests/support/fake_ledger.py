"""`MemoryLedger`: the contract's rules over a list of blocks, with switches for failures."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from eth_account import Account

from registry.core.crypto.keccak import keccak256
from registry.core.crypto.revocation import handle_of, lock_of
from registry.core.crypto.signatures import recover_address
from registry.core.eip712 import domain_of
from registry.core.errors import InvalidInput, LedgerUnavailable
from registry.core.facts import AnchorFacts, FactQuery, Facts, SignatureQuery
from registry.core.scalars import CLOCK_SKEW, checksum, to_hex
from registry.core.statements.messages import Message, Retire, Revoke, RevokeAll
from registry.core.statements.typed_data import digest
from registry.ledger import abi
from registry.ledger.base import Deployment, Head, Ledger, Pending, Receipt, Sender, Settled, check_depth

RETIRED = 2**64 - 1
RELAY = checksum(bytes.fromhex("5e1a" * 10))
DEPLOYMENT = Deployment(31_337, checksum(bytes.fromhex("c0" * 20)), checksum(bytes.fromhex("c1" * 20)), 1)


class Change(NamedTuple):
    """A write to one slot of the contract; ``kind`` is anchor, revoke or cutoff."""

    kind: str
    key: str
    value: int


class Block(NamedTuple):
    number: int
    time: int
    hash: str
    changes: tuple[Change, ...]


class MemoryLedger(Ledger):
    """A whole `Ledger` in memory. Each transaction makes a block, at least a second after the last.

    Switches: ``down``, ``slow`` and ``other_chain`` make every call raise `LedgerUnavailable`. ``stale`` hides the
    blocks of the last so many seconds. `reorg` removes the newest blocks. ``contracts`` maps an address to a time and
    to the answers of its ``isValidSignature`` from then on.
    """

    def __init__(self, deployment: Deployment = DEPLOYMENT, *, clock: Callable[[], int] | None = None) -> None:
        self.deployment = deployment
        self._clock = clock or (lambda: int(time.time()))
        self._forks = 0
        self.blocks: list[Block] = []
        self.contracts: dict[str, tuple[int, Callable[[bytes, bytes], bool]]] = {}
        self.down = self.slow = self.other_chain = False
        self.stale = 0
        for _ in range(deployment.block + 2):
            self.mine()

    def mine(self, changes: tuple[Change, ...] = (), count: int = 1) -> Block:
        """Make ``count`` blocks, the first with ``changes``; return the last."""
        for _ in range(count):
            number = len(self.blocks)
            moment = max(self._clock(), self.blocks[-1].time + 1) if self.blocks else self._clock()
            hash_ = to_hex(keccak256(f"{number}/{moment}/{self._forks}".encode()))
            self.blocks.append(Block(number, moment, hash_, changes))
            changes = ()
        return self.blocks[-1]

    def reorg(self, blocks: int) -> None:
        """Replace the newest blocks by as many empty ones."""
        self._forks += 1
        del self.blocks[len(self.blocks) - blocks :]
        self.mine(count=blocks)

    def head(self) -> Head:
        self._reach()
        seen = [b for b in self.blocks if not self.stale or b.time <= self._clock() - self.stale]
        block = seen[-1] if seen else self.blocks[0]
        return Head(block.number, block.hash, block.time)

    def facts(
        self,
        questions: Iterable[FactQuery],
        signatures: Iterable[SignatureQuery] = (),
        *,
        depth: int = 0,
        as_of: int | None = None,
    ) -> Facts:
        check_depth(depth, as_of)
        head = self.head()
        past = as_of if as_of is not None and as_of < head.time else None
        moment = head.time if past is None else past
        return Facts(
            chain_id=self.deployment.chain_id,
            block_number=head.number,
            block_hash=head.hash,
            block_time=head.time,
            clock=self._clock(),
            depth=depth,
            as_of=past,
            anchors={q: self._anchor(q, head, depth, moment) for q in questions},
            signatures={q: self._accepts(q, moment) for q in signatures},
        )

    def submit(self, function: str, *args: Any, sender: Sender | None = None) -> Pending:
        values = abi.arguments(function, args)
        self._reach()
        payer = RELAY if sender is None else self._signer(sender)
        now = max(self._clock(), self.blocks[-1].time + 1)
        block = self.mine(tuple(self._changes(function, values, payer, now)))
        data = abi.encode(function, args)
        transaction = to_hex(keccak256(data + block.number.to_bytes(8, "big")))
        return Settled(Receipt(transaction, block.number, block.time, 21_000 + 16 * len(data), payer))

    def _signer(self, sender: Sender) -> str:
        tx = {"to": self.deployment.registry, "value": 0, "gas": 1, "gasPrice": 0, "nonce": 0, "chainId": 31_337}
        if Account.recover_transaction(sender.sign_transaction(tx)) != sender.address:
            raise InvalidInput("the wallet signed as somebody else")
        return sender.address

    def _reach(self) -> None:
        if self.down:
            raise LedgerUnavailable("memory: not reachable (Connection refused)")
        if self.slow:
            raise LedgerUnavailable("memory: no answer within 10 s")
        if self.other_chain:
            raise LedgerUnavailable(f"memory: it is on chain 1, not on {self.deployment.chain_id}")

    def _anchor(self, question: FactQuery, head: Head, depth: int, moment: int) -> AnchorFacts:
        last = self.blocks[head.number].time
        deep = self.blocks[head.number - depth].time if depth <= head.number else -1
        return AnchorFacts(
            self._slot("anchor", question.root, deep),
            self._slot("revoke", question.handle, last),
            self._slot("cutoff", question.subject.lower(), moment),
        )

    def _slot(self, kind: str, key: str, until: int) -> int:
        """Return the newest value that was written until then."""
        written = [c.value for b in self.blocks if b.time <= until for c in b.changes if c[:2] == (kind, key)]
        return written[-1] if written else 0

    def _accepts(self, question: SignatureQuery, moment: int) -> bool:
        since, answer = self.contracts.get(question.signer.lower(), (RETIRED, None))
        return answer is not None and since <= moment and answer(question.digest, question.signature)

    def _changes(self, function: str, values: tuple[Any, ...], payer: str, now: int) -> Iterable[Change]:
        handler: Callable[..., list[Change]] = getattr(self, f"_{_SNAKE[function]}")
        return [change for change in handler(payer, now, *values) if self._counts(change)]

    def _counts(self, change: Change) -> bool:
        old = self._slot(change.kind, change.key, RETIRED)
        return change.value > old if change.kind == "cutoff" else old == 0

    def _do_anchor(self, _payer: str, now: int, root: bytes, _manifest: bytes) -> list[Change]:
        if not any(root):
            raise abi.refusal(abi.selector("ZeroRoot()"))
        return [Change("anchor", to_hex(root), now)]

    def _do_revoke(self, _payer: str, now: int, secret: bytes, tag: bytes) -> list[Change]:
        return [Change("revoke", handle_of(lock_of(secret), to_hex(tag)), now)]

    def _do_revoke_batch(self, payer: str, now: int, openings: tuple[tuple[bytes, bytes], ...]) -> list[Change]:
        return list({c: None for o in openings for c in self._do_revoke(payer, now, *o)})

    def _do_revoke_openly(self, payer: str, now: int, lock: bytes, salt_hash: bytes) -> list[Change]:
        return [Change("revoke", _open_handle(payer, lock, salt_hash), now)]

    def _do_revoke_openly_for(
        self, _payer: str, now: int, subject: bytes, lock: bytes, salt_hash: bytes, signature: bytes
    ) -> list[Change]:
        handle = _open_handle(checksum(subject), lock, salt_hash)
        self._require(subject, Revoke(checksum(subject), handle), signature, now)
        return [Change("revoke", handle, now)]

    def _do_revoke_all(self, payer: str, now: int) -> list[Change]:
        return [Change("cutoff", payer.lower(), now)]

    def _do_revoke_all_for(self, _payer: str, now: int, subject: bytes, until: int, signature: bytes) -> list[Change]:
        if until > now + CLOCK_SKEW:
            raise abi.refusal(abi.selector("InTheFuture(uint64)") + until.to_bytes(32, "big"))
        self._require(subject, RevokeAll(checksum(subject), until), signature, now)
        return [Change("cutoff", to_hex(subject), min(until, now))]

    def _do_retire(self, payer: str, _now: int) -> list[Change]:
        return [Change("cutoff", payer.lower(), RETIRED)]

    def _do_retire_for(self, _payer: str, now: int, subject: bytes, signature: bytes) -> list[Change]:
        self._require(subject, Retire(checksum(subject)), signature, now)
        return [Change("cutoff", to_hex(subject), RETIRED)]

    def _require(self, subject: bytes, message: Message, signature: bytes, now: int) -> None:
        domain = domain_of(self.deployment.chain_id, self.deployment.registry)
        signed = digest(domain, message)
        question = SignatureQuery(to_hex(subject), signed, signature)
        if recover_address(signed, signature) != subject and not self._accepts(question, now):
            raise abi.refusal(abi.selector("InvalidSignature(address)") + subject.rjust(32, b"\0"))


_SNAKE = {
    "anchor": "do_anchor",
    "revoke": "do_revoke",
    "revokeBatch": "do_revoke_batch",
    "revokeOpenly": "do_revoke_openly",
    "revokeOpenlyFor": "do_revoke_openly_for",
    "revokeAll": "do_revoke_all",
    "revokeAllFor": "do_revoke_all_for",
    "retire": "do_retire",
    "retireFor": "do_retire_for",
}


def _open_handle(subject: str, lock: bytes, salt_hash: bytes) -> str:
    tag = keccak256(bytes(12) + bytes.fromhex(subject[2:]) + salt_hash)
    return handle_of(to_hex(lock), to_hex(tag))
