"""A notary's worker with its stores on a real anvil, and what an auditor reads of that chain by itself."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from registry.core import codec
from registry.core.crypto.revocation import handle_of, lock_of, salt_hash, tag_of
from registry.core.eip712 import domain_of
from registry.core.endings import (
    Opening,
    SignedEnding,
    SignedRetire,
    SignedRevoke,
    SignedRevokeAll,
    ending_digest,
)
from registry.core.ipld.cid import cid_from_digest
from registry.core.merkle import build_tree
from registry.core.scalars import to_hex, unhex
from registry.lazy_py_ecc import eth_account
from registry.ledger import abi
from registry.ledger.base import Deployment
from registry.notary.condition import Trouble
from registry.notary.records import Arrival, Ending, EndingKind, NewEnding, Payment, Times, TxState
from registry.notary.settings import NotarySettings
from registry.notary.stores import Stores, open_stores
from registry.notary.worker import Worker
from registry.storage.base import BlockStore
from registry.wallets.keywallet import KeyWallet
from tests.support.fake_storage import MemoryBlocks
from tests.support.levers import ANVIL_KEY, AnvilLevers, GethLevers

ETHER = 10**18
_NEWEST = ("latest", "pending")
Chain = AnvilLevers | GethLevers


class KeySigner:
    """A notary's account, or a person's, from a key in memory."""

    def __init__(self, key: bytes) -> None:
        self._wallet, self._key = KeyWallet(key), key
        self.address = self._wallet.address

    def sign_hash(self, digest: bytes) -> bytes:
        return bytes(eth_account().Account.unsafe_sign_hash(digest, self._key).signature)

    def sign_transaction(self, tx: dict[str, Any]) -> bytes:
        return self._wallet.sign_transaction(tx)


def opening() -> Opening:
    """Return an opening as a person's software makes it."""
    return Opening(to_hex(os.urandom(32)), to_hex(os.urandom(32)))


def new_ending(body: Opening | SignedEnding, deployment: Deployment, now: int = 1_000) -> NewEnding:
    """Return the ending as the API keeps it."""
    raw, times = codec.encode(body), Times(now, now + 300)
    if isinstance(body, Opening):
        return NewEnding(unhex(body.handle), EndingKind.OPENING, raw, times)
    if isinstance(body, SignedRevoke):
        return NewEnding(unhex(body.message.handle), EndingKind.REVOKE, raw, times)
    digest = ending_digest(domain_of(deployment.chain_id, deployment.registry), body)
    kind = EndingKind.REVOKE_ALL if isinstance(body, SignedRevokeAll) else EndingKind.RETIRE
    return NewEnding(digest, kind, raw, times)


def signed_revoke(signer: KeySigner, deployment: Deployment, subject: str = "") -> SignedRevoke:
    """Return a Revoke for a new grant of ``subject``, by default the signer's own, signed by the signer."""
    subject, lock, salt = subject or signer.address, lock_of(os.urandom(32)), to_hex(os.urandom(32))
    message = {"subject": subject, "handle": handle_of(lock, tag_of(subject, salt))}
    return _signed(SignedRevoke, signer, deployment, message, lock=lock, saltHash=salt_hash(salt))


def signed_retire(signer: KeySigner, deployment: Deployment) -> SignedRetire:
    return _signed(SignedRetire, signer, deployment, {"subject": signer.address})


def signed_revoke_all(signer: KeySigner, deployment: Deployment, until: int) -> SignedRevokeAll:
    message = {"subject": signer.address, "issuedUntil": until}
    return _signed(SignedRevokeAll, signer, deployment, message)


def _signed(kind: Any, signer: KeySigner, deployment: Deployment, message: dict[str, Any], **more: str) -> Any:
    values = {"primaryType": kind.__struct_config__.tag, "message": message, **more}
    unsigned = msgspec.convert({**values, "signature": "0x00"}, kind)
    digest = ending_digest(domain_of(deployment.chain_id, deployment.registry), unsigned)
    return msgspec.convert({**values, "signature": to_hex(signer.sign_hash(digest))}, kind)


class _Steady(Worker):
    """A worker whose rounds are over when the node is done with them: a busy machine's node answers first."""

    def __init__(self, stage: NotaryStage, *parts: Any, **options: Any) -> None:
        super().__init__(*parts, **options)
        self._stage = stage

    def step(self) -> Trouble:
        found = super().step()
        self._stage.await_blocks()
        return found


@dataclass
class NotaryStage:
    """A worker's whole surroundings. The chain makes a block for each transaction unless a test turns that off."""

    levers: Chain
    folder: Path
    settings: NotarySettings
    signer: KeySigner
    stores: Stores
    blocks: MemoryBlocks = field(default_factory=MemoryBlocks)
    commitments: list[bytes] = field(default_factory=list)
    openings: list[Opening] = field(default_factory=list)

    @classmethod
    def on(cls, folder: Path, levers: Chain, key: bytes | None = None, **settings: Any) -> NotaryStage:
        """Open a notary in a new folder, with an account that has one ether."""
        signer = KeySigner(key or os.urandom(32))
        funded(levers, signer.address, ETHER)
        chosen = NotarySettings(**{"batch_seconds": 1, "confirmations": 2, **settings})
        return cls(levers, folder, chosen, signer, open_stores(folder, chosen))

    @property
    def deployment(self) -> Deployment:
        return self.levers.ledger.deployment

    @property
    def chain(self) -> ChainAudit:
        return ChainAudit(self.levers, self.signer.address)

    def worker(self, url: str = "", blocks: BlockStore | None = None, **options: Any) -> Worker:
        made = {"settings": self.settings, "timeout": 3.0, **options}
        settings = made.pop("settings")
        where, store = url or self.levers.url, blocks or self.blocks
        return _Steady(self, self.stores, self.signer, where, self.deployment, store, settings, **made)

    def await_blocks(self) -> None:
        """Wait until a node that makes blocks by itself has made those of the notary's transactions."""
        if not isinstance(self.levers, AnvilLevers) or not self.levers._ask("anvil_getAutomine"):
            return
        for _ in range(200):
            counts = {self.levers._ask("eth_getTransactionCount", self.signer.address, at) for at in _NEWEST}
            if len(counts) == 1:
                return
            time.sleep(0.02)

    def settle(self, worker: Worker) -> None:
        """Do two rounds at least, and as many more as its transactions need to be in blocks: a node takes its time."""
        worker.step()
        for _ in range(100):
            worker.step()
            if all(tx.state is TxState.MINED for tx in self.stores.book.transactions()):
                return
            time.sleep(0.05)

    def commit(self, count: int = 3, now: int = 1_000) -> list[bytes]:
        """Let one request arrive, as the API keeps it. The time is long past, so a batch closes at once."""
        items = [os.urandom(32) for _ in range(count)]
        key = items[0] if count == 1 else sha256(b"".join(items)).digest()
        times = Times(now, now + self.settings.promise_seconds)
        (answer,) = self.stores.intake.take([Arrival(key, b"".join(items), times)])
        assert answer == times
        self.commitments += items
        return items

    def end(self, *bodies: Opening | SignedEnding, token: bool = False) -> list[Ending]:
        """Let endings arrive in one request; with no bodies, one opening."""
        bodies = bodies or (opening(),)
        self.openings += [body for body in bodies if isinstance(body, Opening)]
        payment = Payment(os.urandom(32), 2**40) if token else Payment()
        kept = self.stores.intake.add_endings([new_ending(body, self.deployment) for body in bodies], payment)
        assert isinstance(kept, list)
        return kept

    def ending(self, body: Opening | SignedEnding) -> Ending:
        found = self.stores.intake.ending(new_ending(body, self.deployment).key)
        assert found is not None
        return found

    def check(self, commitments: Sequence[bytes] | None = None) -> None:
        """Every commitment is anchored once and can be proved, every opening ended, and no call was sent twice."""
        self.chain.check(self.commitments if commitments is None else commitments, self.openings)
        book = self.stores.book
        held = Counter(one for root in self.chain.roots() for one in self.chain.manifest(root, self.blocks))
        assert {one: held[one] for one in self.commitments if held[one] != 1} == {}
        for one in self.commitments if commitments is None else commitments:
            found = book.proof(one)
            assert found is not None
            batch, proof = found
            tree = build_tree(self.chain.manifest(batch.root, self.blocks))
            assert tree.root == batch.root and tree.proof(one) == proof


class ChainAudit:
    """What a stranger reads of the chain: nothing here is the notary's code."""

    def __init__(self, levers: Chain, account: str) -> None:
        self._ask, self._account = levers._ask, account
        self._deployment = levers.ledger.deployment

    def logs(self, topic: str) -> list[dict[str, Any]]:
        where = {"address": self._deployment.registry, "fromBlock": "0x0", "topics": [topic]}
        found: list[dict[str, Any]] = self._ask("eth_getLogs", where)
        return found

    def calls(self) -> list[bytes]:
        """Return the data of each transaction of the notary's account, in the chain's order."""
        last = int(self._ask("eth_blockNumber"), 16)
        blocks = [self._ask("eth_getBlockByNumber", hex(number), True) for number in range(last + 1)]
        txs = [tx for block in blocks for tx in block["transactions"]]
        return [unhex(tx["input"]) for tx in txs if tx["from"] == self._account.lower()]

    def roots(self) -> list[bytes]:
        return [unhex(log["topics"][1]) for log in self.logs(abi.ANCHORED) if self._is_ours(log)]

    def handles(self) -> list[bytes]:
        return [unhex(log["topics"][1]) for log in self.logs(abi.REVOKED)]

    def manifest(self, root: bytes, blocks: MemoryBlocks) -> list[bytes]:
        (log,) = [log for log in self.logs(abi.ANCHORED) if unhex(log["topics"][1]) == root]
        raw = blocks.get(cid_from_digest(unhex(log["data"])))
        return [raw[at : at + 32] for at in range(0, len(raw), 32)]

    def check(self, commitments: Sequence[bytes], openings: Sequence[Opening]) -> None:
        calls = self.calls()
        assert [call for call, count in Counter(calls).items() if count > 1] == []
        roots = self.roots()
        assert len(roots) == len(set(roots))
        relayed = Counter(one for call in calls for one in self._openings(call))
        handles = {unhex(one.handle) for one in openings}
        assert handles <= set(self.handles())
        assert relayed == Counter({(unhex(one.secret), unhex(one.tag)): 1 for one in openings})

    @staticmethod
    def _openings(call: bytes) -> list[tuple[bytes, bytes]]:
        if call[:4] != abi.selector("revokeBatch((bytes32,bytes32)[])"):
            return []
        words = [call[at : at + 32] for at in range(4 + 64, len(call), 32)]
        return list(zip(words[::2], words[1::2], strict=True))

    def _is_ours(self, log: dict[str, Any]) -> bool:
        tx = self._ask("eth_getTransactionByHash", log["transactionHash"])
        return bool(tx["from"] == self._account.lower())


def funded(levers: Chain, address: str, wei: int) -> None:
    """Set an account's balance; on geth, where none can be set, send it that much."""
    if isinstance(levers, GethLevers):
        levers.send(to=address, value=hex(wei))
    else:
        levers._ask("anvil_setBalance", address, hex(wei))


STRANGER = KeySigner(ANVIL_KEY)
