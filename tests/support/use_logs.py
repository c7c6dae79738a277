"""Use logs made by hand: entries, heads that are anchored, and the root as it is now."""

from __future__ import annotations

from registry.brand.sql.uses import UseHead
from registry.brand.store import Store
from registry.brand.uses import new_use, note_uses
from registry.core.evidence.file import write_evidence
from registry.core.merkle_log import nodes_of, root_of
from registry.core.scalars import to_hex
from registry.core.statements.messages import UseLog
from tests.support.brand_stores import NOW, word
from tests.support.builders import CONTROLLER, evidence_of


def log_uses(store: Store, grant: bytes, count: int, at: int = NOW) -> int:
    """Note so many readings of a grant; return the number of the first."""
    readings = [
        new_use(grant, at=at + n, purpose="dpv:Personalisation", data=("pd:Purchase",), count=n + 1, system="Shop")
        for n in range(count)
    ]
    return note_uses(store, readings)


def root_now(store: Store) -> bytes:
    """Return the root of all that is in the log."""
    size = store.use_count()
    return root_of(size, store.use_nodes(nodes_of([(0, size)])))


def a_head(store: Store, issued_at: int = NOW - 100) -> UseHead:
    """Keep a head of all that is in the log, signed and in a batch that nobody anchored."""
    size = store.use_count()
    message = UseLog(CONTROLLER, to_hex(root_now(store)), size, issued_at, to_hex(word(f"salt {size}")))
    head = UseHead(size, write_evidence(evidence_of(message)))
    store.add_head(head)
    return head
