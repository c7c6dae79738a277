"""The heads of the use log: a signed and anchored UseLog a day, when the log grew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec import UNSET

from registry.brand.owed import Done, Owed
from registry.brand.records import OwnStatement
from registry.brand.sql.uses import UseHead
from registry.brand.store import Store
from registry.client.network import Network
from registry.client.sign import fresh_salt
from registry.core.evidence.file import parse_evidence, write_evidence
from registry.core.evidence.pending import PendingFile, Unanchored, write_pending
from registry.core.facts import HandleQuery
from registry.core.merkle_log import nodes_of, root_of
from registry.core.scalars import ZERO_WORD, to_hex
from registry.core.statements.messages import UseLog

DAY = 86_400


@dataclass(frozen=True)
class UseHeads:
    """Heads by the account ``controller``, at least ``seconds`` apart."""

    network: Network
    store: Store
    controller: str
    seconds: int = DAY

    def owed(self, limit: int) -> list[Owed]:
        """Return the next head, if the log grew and the last head is old enough. One waits for its anchor at a time."""
        size = self.store.use_count()
        last = self.store.newest_head()
        if size == (last.size if last else 0) or (last and self._is_fresh(last)) or self._waits():
            return []
        if last is not None and not self._is_shown(last):
            self._anchor_again(last)
            return []
        root = to_hex(root_of(size, self.store.use_nodes(nodes_of([(0, size)]))))
        return [Owed(size, lambda date: UseLog(self.controller, root, size, date, fresh_salt()))]

    def _is_fresh(self, head: UseHead) -> bool:
        # So the next one is dated later too, and no two heads of an honest log look as if it had been shortened.
        issued = parse_evidence(head.file).statement.message.issued_at
        return self.network.clock() < issued + self.seconds

    def _is_shown(self, head: UseHead) -> bool:
        """Whether the chain shows the anchor still; a reorganisation may have taken it."""
        anchor = parse_evidence(head.file).anchor
        assert anchor is not UNSET  # the parser refuses a UseLog without one
        query = HandleQuery(anchor.root, ZERO_WORD)
        return self.network.ledger.facts([query]).anchors[query].anchored_at > 0

    def _anchor_again(self, head: UseHead) -> None:
        """Let the same signed head be anchored once more; the next one is signed when that is done."""
        evidence = parse_evidence(head.file)
        own = PendingFile(Unanchored(evidence.statement, evidence.signature))
        self.store.keep_signed([OwnStatement(evidence.kind, head.size, write_pending(own))])

    def _waits(self) -> bool:
        return any(each.kind == "UseLog" for each in self.store.signed(1))

    def complete(self, done: Sequence[Done]) -> None:
        """Keep each as a head of the log."""
        for each in done:
            self.store.add_head(UseHead(each.about, write_evidence(each.evidence)))
