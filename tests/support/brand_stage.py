"""A brand with its inbox and its people, over the ledger in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from registry.brand.chain_log import ChainLog
from registry.brand.checking import Checker
from registry.brand.counter import Counter
from registry.brand.inbox import Inbox, Taken
from registry.brand.mailing import Mailer
from registry.brand.proving import Prover
from registry.brand.records import Answer, Root
from registry.brand.store import Store, open_store
from registry.brand.worker import Worker
from registry.client.accept import accept
from registry.client.grant import grant, refuse
from registry.core.anchor import Anchor
from registry.core.errors import StorageUnavailable
from registry.core.evidence.file import Evidence, write_evidence
from registry.core.evidence.pending import PendingFile, Unanchored, write_pending
from registry.core.merkle import build_tree, manifest, manifest_digest
from registry.core.promises import Promise, SignedPromise, promise_digest, sign_statement
from registry.core.scalars import to_hex, unhex
from registry.ledger.follower import Cursor, LogEntry, LogKind, Step
from tests.support.notary_api import KeySigner
from tests.support.stage import Stage


@dataclass
class BrandStage:
    """``stage`` has the people and the chain; ``notary`` is the one that the brand believes."""

    stage: Stage
    folder: Path
    database: str = ""
    notary: KeySigner = field(default_factory=lambda: KeySigner(11))
    manifests: dict[bytes, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)
        self.store: Store = open_store(self.folder, self.database)
        self.inbox = Inbox(
            self.stage.network,
            self.store,
            frozenset({self.stage.brand.address}),
            frozenset({self.notary.address}),
            asked_only=False,  # people grant here what nobody published
        )

    def worker(self, **changes: Any) -> Worker:
        """Return the brand's worker, which pays through the relay."""
        ledger, clock = self.stage.ledger, self.stage.clock
        parts: dict[str, Any] = {
            "log": ChainLog(self.store, FakeFollower(ledger), clock),
            "checker": Checker(self.inbox),
            "prover": Prover(self.inbox, self.manifest),
            "counter": Counter(self.stage.brand, self.store),
            "mailer": Mailer(self.stage.brand, self.store, self.stage.brand.identity, self.stage.store.get),
        }
        return Worker(self.store, **parts | changes)

    def manifest(self, root: Root) -> bytes:
        """Return a manifest that `anchor` made, as a notary would."""
        if root.root not in self.manifests:
            raise StorageUnavailable("nobody has it")
        return self.manifests[root.root]

    def granted(self, name: str = "", **chosen: Any) -> Evidence:
        """Return a person's yes, anchored; another person for each name."""
        person = self.stage.person(name) if name else self.stage.alice
        return grant(person, self.stage.request(), **chosen).evidence

    def refused(self) -> Evidence:
        """Return Alice's no."""
        return refuse(self.stage.alice, self.stage.request()).evidence

    def accepted(self, evidence: Evidence) -> Evidence:
        """Return the grant with the brand's counter-signature."""
        return accept(self.stage.brand, evidence).evidence

    def promised(self, evidence: Evidence, signer: KeySigner | None = None, **changes: int) -> bytes:
        """Return what is sent while this evidence is not anchored yet, with the notary's promise."""
        own = unanchored(evidence)
        now = self.stage.clock()
        times = {"received_at": now, "anchor_by": now + 900, **changes}
        message = Promise((to_hex(own.commitment),), **times)
        return write_pending(PendingFile(own, self.signed(message, signer)))

    def signed(self, message: Promise, signer: KeySigner | None = None) -> SignedPromise:
        """Sign a promise, as the brand's notary if nobody else is named."""
        domain = self.stage.network.domain
        return sign_statement(
            domain, message, to_hex((signer or self.notary).sign_hash(promise_digest(domain, message)))
        )

    def anchor(self, evidence: Evidence, others: int = 3) -> Evidence:
        """Anchor a statement in a batch with others, as a notary does, and return the evidence."""
        own = unanchored(evidence)
        commitments = [own.commitment, *(bytes([9, n] * 16) for n in range(others))]
        tree = build_tree(commitments)
        self.manifests[tree.root] = manifest(commitments)
        receipt = self.stage.ledger.transact("anchor", to_hex(tree.root), to_hex(manifest_digest(commitments)))
        proof = tuple(map(to_hex, tree.proof(own.commitment)))
        return own.anchored(Anchor(to_hex(tree.root), proof, receipt.transaction, receipt.block))

    def take(self, *given: Evidence | bytes) -> list[Taken]:
        """Send these at once."""
        return self.inbox.take([each if isinstance(each, bytes) else write_evidence(each) for each in given])

    def taken(self, given: Evidence | bytes) -> Answer:
        """Send one that must be taken."""
        (answer,) = self.take(given)
        assert isinstance(answer, Answer), answer
        return answer

    def names(self, *given: Evidence | bytes) -> list[str]:
        """The names of what each is answered with."""
        return [type(each).__name__ for each in self.take(*given)]


def unanchored(evidence: Evidence) -> Unanchored:
    """Return the statement without its anchor."""
    return Unanchored(evidence.statement, evidence.signature, evidence.quoted_notice)


class FakeFollower:
    """Shows the log of the ledger in memory, as a node's follower does."""

    def __init__(self, ledger: Any) -> None:
        self._ledger = ledger

    def step(self, cursor: Cursor) -> Step:
        blocks = self._ledger.blocks
        head = self._ledger.head()
        known = [(number, hash_) for number, hash_ in cursor.blocks if number < len(blocks)]
        good = tuple(each for each in known if blocks[each[0]].hash == each[1])
        if len(good) < len(cursor.blocks):
            return Step(Cursor(good), head, removed_above=good[-1][0] if good else 0)
        new = [block for block in blocks if cursor.number < block.number <= head.number]
        calls = zip(self._ledger.calls, self._ledger.arguments, strict=True)
        manifests = {args[0]: unhex(args[1]) for (function, _), args in calls if function == "anchor"}
        entries = tuple(_entry(block, change, manifests) for block in new for change in block.changes)
        read = (*cursor.blocks, *((block.number, block.hash) for block in new))
        return Step(Cursor(read[-128:]), head, entries, caught_up=True)


def _entry(block: Any, change: Any, manifests: dict[str, bytes]) -> LogEntry:
    kinds = {"anchor": LogKind.ANCHORED, "revoke": LogKind.REVOKED, "cutoff": LogKind.REVOKED_ALL}
    kind = kinds[change.kind]
    word = unhex(change.key).rjust(32, b"\0")
    data = {"anchor": manifests.get(change.key, b""), "revoke": b"", "cutoff": change.value.to_bytes(32, "big")}
    return LogEntry(kind, word, data[change.kind], block.number, block.time, "0x" + "0" * 64)
