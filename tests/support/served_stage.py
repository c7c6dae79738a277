"""The stage of whole stories, with notaries that its parties ask."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from registry.client.evidence_store import EvidenceFolder
from registry.client.grant import grant
from registry.client.notary import NotaryClient, parse_notary
from registry.client.notary_anchor import Notaries
from registry.client.pace import Pace
from registry.client.party import Brand, Person
from registry.client.pending_store import PendingFolder
from registry.client.sign import Anchored
from tests.support.stage import Stage
from tests.support.stub_notary import StubNotary, serving

MAX_SLEEPS = 5_000


@dataclass
class ServedStage:
    """``first`` and ``second`` are asked in this order. Waiting passes the time of both clocks and of the chain."""

    stage: Stage
    first: StubNotary
    second: StubNotary
    told: list[str] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    waits: bool = True
    mines: bool = True

    @classmethod
    def of(cls, stage: Stage, stack: ExitStack) -> ServedStage:
        made = [StubNotary(stage.ledger, stage.clock, name) for name in (b"first", b"second")]
        first, second = (stack.enter_context(serving(each)) for each in made)
        return cls(stage, first, second)

    def notaries(self, folder: Path, *names: str) -> Notaries:
        """The notaries of a party with this home; both, unless ``names`` says which (URL#ACCOUNT)."""
        domain, tokens = self.stage.network.domain, folder / "tokens"
        named = names or (self.first.named, self.second.named)
        paces = [Pace(self.sleep, self.stage.clock) for _ in named]
        named_at = zip(map(parse_notary, named), paces, strict=True)
        clients = tuple(NotaryClient(name, domain, tokens, pace) for name, pace in named_at)
        parts: dict[str, Any] = {"tell": self.told.append, "sleep": self.sleep, "waits": self.waits}
        return Notaries(clients, PendingFolder(folder), **parts)

    def sleep(self, seconds: float) -> None:
        """Let the time pass, on the chain too; the clocks are whole seconds."""
        self.slept.append(seconds)
        assert len(self.slept) < MAX_SLEEPS, "it waits for ever"
        self.stage.pass_time(max(1, round(seconds)))
        if self.mines:
            self.stage.ledger.mine()

    @staticmethod
    def home_of(party: Person | Brand) -> Path:
        """The folder where the party keeps everything."""
        assert isinstance(party.evidence, EvidenceFolder)
        return party.evidence.path

    @property
    def alice(self) -> Person:
        return self.with_notaries(self.stage.alice)

    @property
    def brand(self) -> Brand:
        return replace(self.stage.brand, notaries=self.notaries(self.home_of(self.stage.brand)))

    def with_notaries(self, person: Person, *names: str) -> Person:
        """The person, who asks these notaries."""
        return replace(person, notaries=self.notaries(self.home_of(person), *names))

    @property
    def folder(self) -> PendingFolder:
        """What Alice's home keeps."""
        return PendingFolder(self.home_of(self.stage.alice))

    def granted(self, **chosen: Any) -> Anchored:
        """Alice's yes to a new request, through her notaries."""
        return grant(self.alice, self.stage.request(), **chosen)

    @property
    def said(self) -> str:
        """All remarks, one a line."""
        return "\n".join(self.told)
