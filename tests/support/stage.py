"""A person, a brand and what lies between them, in memory: whole stories in a few lines, with a clock that is ours."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from registry.client.grant import grant
from registry.client.network import Network, Party
from registry.client.request import publish_notice, request
from registry.client.sign import Anchored
from registry.core.evidence.file import Evidence, write_evidence
from registry.core.facts import Facts
from registry.ledger.base import Receipt, Sender
from registry.vault.vault import Vault
from registry.wallets.keywallet import KeyWallet
from tests.support.builders import NOW, notice_bytes, notice_document
from tests.support.fake_ledger import MemoryLedger
from tests.support.fake_storage import MemoryBlocks

PURCHASES, EMAILS = "pd:Purchase", "pd:EmailAddress"


@dataclass
class Clock:
    """Unix seconds, when a test says so."""

    now: int = NOW

    def __call__(self) -> int:
        return self.now


class Ledger(MemoryLedger):
    """The fake, read by somebody with a clock of their own; it lists what was called and by whom."""

    def __init__(self, clock: Clock, reader: Clock) -> None:
        super().__init__(clock=clock)
        self.reader = reader
        self.calls: list[tuple[str, str]] = []
        self.arguments: list[tuple[Any, ...]] = []
        self.refuses_writing: BaseException | None = None

    def facts(self, *asked: Any, **how: Any) -> Facts:
        return super().facts(*asked, **how)._replace(clock=self.reader())

    def transact(self, function: str, *args: Any, sender: Sender | None = None) -> Receipt:
        if self.refuses_writing is not None:
            raise self.refuses_writing
        receipt = super().transact(function, *args, sender=sender)
        self.calls.append((function, receipt.sender))
        self.arguments.append(args)
        return receipt


@dataclass
class Stage:
    """The world of one test. ``clock`` is the parties' own; ``chain_clock`` is the chain's."""

    folder: Path
    clock: Clock
    chain_clock: Clock
    ledger: Ledger
    store: MemoryBlocks
    network: Network
    alice: Party
    brand: Party

    @classmethod
    def of(cls, folder: Path) -> Stage:
        """Alice and a brand, each with a wallet and an empty vault."""
        clock, chain_clock = Clock(), Clock(NOW - 60)
        ledger, store = Ledger(chain_clock, clock), MemoryBlocks()
        network = Network(ledger, store, clock)
        chain_clock.now = NOW
        alice, brand = cls._party(folder, network, "alice"), cls._party(folder, network, "brand")
        return cls(folder, clock, chain_clock, ledger, store, network, alice, brand)

    @staticmethod
    def _party(folder: Path, network: Network, name: str) -> Party:
        seed = name.encode().rjust(32, b"\x02")
        return Party(
            network, KeyWallet(name.encode().rjust(32, b"\x01")), Vault(folder / name, seed, network.store), seed
        )

    def party(self, name: str, **changes: Any) -> Party:
        """One more party."""
        return replace(self._party(self.folder, self.network, name), **changes)

    def notice(self, **changes: Any) -> bytes:
        """The brand's notice: the builders' one, with the brand's account and recipient."""
        controller = notice_document()["controller"]
        controller |= {"account": self.brand.address, "recipient": self.brand.vault.recipient}
        return notice_bytes(**{"controller": controller} | changes)

    def request(self, **chosen: Any) -> bytes:
        """The brand's signed request, as a file."""
        publish_notice(self.network, self.notice())
        return write_evidence(request(self.brand, self.notice(), **chosen))

    def granted(self, **chosen: Any) -> Anchored:
        """Alice's yes to a new request."""
        return grant(self.alice, self.request(), **chosen)

    def keep(self, body: bytes, category: str = PURCHASES, media_type: str = "text/csv") -> None:
        """Put something into Alice's vault."""
        name = f"alice's own name {len(body)}"
        self.alice.vault.add(io.BytesIO(body), category=category, name=name, media_type=media_type, now=self.clock())

    def pass_time(self, seconds: int) -> None:
        """Both clocks go on."""
        self.clock.now += seconds
        self.chain_clock.now += seconds

    def holds(self, evidence: Evidence) -> str:
        """The name of what a plain check of this evidence says."""
        from registry.client.verify import verify
        from registry.core.errors import CouldNotCheck, NotConsented

        try:
            return type(verify(self.network, evidence, self.network.policy(controllers=None))).__name__
        except (NotConsented, CouldNotCheck) as error:
            return type(error).__name__


def files_in(folder: Path) -> list[str]:
    """Everything below the folder, hidden files too."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))
