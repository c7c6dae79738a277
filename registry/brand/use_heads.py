"""The heads of the use log: a signed and anchored UseLog a day, when the log grew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from registry.brand.owed import Done, Owed
from registry.brand.sql.uses import UseHead
from registry.brand.store import Store
from registry.client.network import Network
from registry.client.sign import fresh_salt
from registry.core.evidence.file import parse_evidence, write_evidence
from registry.core.merkle_log import nodes_of, root_of
from registry.core.scalars import to_hex
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
        root = to_hex(root_of(size, self.store.use_nodes(nodes_of([(0, size)]))))
        return [Owed(size, lambda date: UseLog(self.controller, root, size, date, fresh_salt()))]

    def _is_fresh(self, head: UseHead) -> bool:
        issued = parse_evidence(head.file).statement.message.issued_at
        return self.network.clock() < issued + self.seconds

    def _waits(self) -> bool:
        return any(each.kind == "UseLog" for each in self.store.signed(1))

    def complete(self, done: Sequence[Done]) -> None:
        """Keep each as a head of the log."""
        for each in done:
            self.store.add_head(UseHead(each.about, write_evidence(each.evidence)))
