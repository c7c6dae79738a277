"""The stage of whole stories with a real chain under it, where accounts may be contracts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from registry.client.network import Network, system_clock
from registry.client.party import Person
from registry.core.evidence.file import Evidence
from registry.core.scalars import to_hex, unhex
from registry.core.statements.messages import Grant, members
from registry.ledger.base import Deployment
from tests.support.fake_storage import MemoryBlocks
from tests.support.levers import AnvilLevers
from tests.support.safes import Accounts
from tests.support.stage import Stage
from tests.support.vectors_on_chain import ChainEvidence, Status, check_data


@dataclass
class RealStage(Stage):
    """``accounts`` makes contract accounts; `holds` asks the verifier on the chain as well, and both must agree."""

    levers: AnvilLevers
    accounts: Accounts

    @classmethod
    def on(cls, folder: Path, node: tuple[str, Deployment]) -> RealStage:
        levers = AnvilLevers(*node)
        network = Network(levers.ledger, MemoryBlocks())
        alice, brand = cls._person(folder, network, "alice"), cls._brand(folder, network, "brand")
        parts: Any = (system_clock, system_clock, levers.ledger, network.store, network, alice, brand)
        return cls(folder, *parts, levers, Accounts(levers))

    def signing_as(self, wallet: Any, **changes: Any) -> Person:
        """Alice with another wallet."""
        return replace(self.alice, wallet=wallet, **changes)

    def holds(self, evidence: Evidence) -> str:
        found = super().holds(evidence)
        if isinstance(evidence.statement.message, Grant):
            assert self.on_chain(evidence) == {"VerifiedGrant": "Valid"}.get(found, found)
        return found

    def on_chain(self, evidence: Evidence) -> str:
        """What ConsentVerifier says."""
        message, anchor = evidence.statement.message, evidence.anchor
        assert isinstance(message, Grant) and not isinstance(anchor, type(None)) and anchor
        root, proof = unhex(anchor.root), [unhex(word) for word in anchor.proof]
        carried = ChainEvidence(members(message), evidence.signature_bytes, root, proof)
        data = check_data(carried, (message.controller, message.purposes[0], message.data[0]))
        call = {"to": self.levers.ledger.deployment.verifier, "data": to_hex(data)}
        return Status(int(self.levers._ask("eth_call", call, "latest"), 16)).name
