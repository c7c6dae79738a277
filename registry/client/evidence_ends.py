"""Tell from the chain whether grants have ended, before their evidence is erased: without it nobody could end them."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import UNSET

from registry.client.network import Network
from registry.core.errors import InvalidInput, LedgerUnavailable
from registry.core.evidence.file import Evidence
from registry.core.facts import FactQuery
from registry.core.scalars import ZERO_WORD, to_hex
from registry.core.statements.messages import Grant


def check_ended(network: Network, some: Sequence[Evidence]) -> None:
    """Raise ``InvalidInput`` unless the chain shows that each grant was revoked, or has expired by the chain's time.

    A refusal allows nothing, so it never needs to end. ``LedgerUnavailable`` where that could not be read, or where a
    statement is about another chain or registry.
    """
    for one in some:
        if one.statement.domain != network.domain:
            what = f"{to_hex(one.digest)[:14]} is about another chain or registry than the network's"
            raise LedgerUnavailable(what, "Name its own network: --network FOLDER.")
    queries = {one: _query(one, grant) for one in some if isinstance(grant := one.statement.message, Grant)}
    if not queries:
        return
    facts = network.ledger.facts(list(queries.values()))
    for one, query in queries.items():
        grant, found = one.statement.message, facts.anchors[query]
        assert isinstance(grant, Grant)
        issued = min(grant.issued_at, found.anchored_at or grant.issued_at)
        if not (found.revoked_at or issued <= found.cutoff or facts.block_time >= grant.expires_at):
            advice = f"End it first: `consent revoke {to_hex(one.digest)[:14]}`."
            raise InvalidInput(f"the chain does not show that {to_hex(one.digest)[:14]} has ended", advice)


def _query(evidence: Evidence, grant: Grant) -> FactQuery:
    root = ZERO_WORD if evidence.anchor is UNSET else evidence.anchor.root
    return FactQuery(root, grant.subject, grant.revocation, grant.salt)
