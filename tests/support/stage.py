"""A person, a brand and what lies between them, in memory: whole stories in a few lines, with a clock that is ours."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from registry.client.evidence_store import EvidenceFolder
from registry.client.grant import grant
from registry.client.home import Home
from registry.client.network import Network
from registry.client.party import Brand, Person
from registry.client.request import publish_notice, request
from registry.client.sign import Anchored
from registry.core.crypto.seeds import owner_identity
from registry.core.evidence.file import Evidence, write_evidence
from registry.core.facts import Facts
from registry.ledger.base import Pending, Sender
from registry.vault.database import Database
from registry.vault.draft import Draft, FileSource
from registry.wallets import keyfiles
from registry.wallets.base import Wallet
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

    def submit(self, function: str, *args: Any, sender: Sender | None = None) -> Pending:
        if self.refuses_writing is not None:
            raise self.refuses_writing
        pending = super().submit(function, *args, sender=sender)
        self.calls.append((function, pending.wait().sender))
        self.arguments.append(args)
        return pending


@dataclass
class Stage:
    """The world of one test. ``clock`` is the parties' own; ``chain_clock`` is the chain's."""

    folder: Path
    clock: Clock
    chain_clock: Clock
    ledger: Ledger
    store: MemoryBlocks
    network: Network
    alice: Person
    brand: Brand

    @classmethod
    def of(cls, folder: Path) -> Stage:
        """Alice and a brand, each with a wallet and an empty vault."""
        clock, chain_clock = Clock(), Clock(NOW - 60)
        ledger, store = Ledger(chain_clock, clock), MemoryBlocks()
        network = Network(ledger, store, clock)
        chain_clock.now = NOW
        alice, brand = cls._person(folder, network, "alice"), cls._brand(folder, network, "brand")
        return cls(folder, clock, chain_clock, ledger, store, network, alice, brand)

    @staticmethod
    def _members(folder: Path, network: Network, name: str) -> dict[str, Any]:
        wallet = KeyWallet(name.encode().rjust(32, b"\x01"))
        return {"network": network, "wallet": wallet, "evidence": EvidenceFolder(folder / name / "kept")}

    @staticmethod
    def _vault(folder: Path, network: Network, name: str) -> Database:
        return Database(folder / name, Stage.seed(name), network.store, network.clock)

    @classmethod
    def _person(cls, folder: Path, network: Network, name: str) -> Person:
        return Person(vault=cls._vault(folder, network, name), **cls._members(folder, network, name))

    @classmethod
    def _brand(cls, folder: Path, network: Network, name: str) -> Brand:
        identity = owner_identity(cls.seed(name))
        return Brand(identity=identity, **cls._members(folder, network, name))

    @staticmethod
    def seed(name: str) -> bytes:
        """The seed of a party's vault."""
        return name.encode().rjust(32, b"\x02")

    def person(self, name: str, **changes: Any) -> Person:
        """One more person."""
        return replace(self._person(self.folder, self.network, name), **changes)

    def device(self, name: str) -> Person:
        """Another device of Alice's: her seed and her wallet, and folders of its own."""
        vault = Database(self.folder / name, self.seed("alice"), self.network.store, self.network.clock)
        return replace(self.alice, vault=vault, evidence=EvidenceFolder(self.folder / f"{name} kept"))

    def person_with(self, wallet: Wallet, vault: Database) -> Person:
        """A person with this wallet and this vault."""
        return replace(self.alice, wallet=wallet, vault=vault)

    def person_of(self, home: Home) -> Person:
        """The person of a home, who signs with its key file under an empty passphrase."""
        vault = home.open_vault(self.network, "")
        return replace(self.person_with(keyfiles.open_key(home.keys, "main", ""), vault), evidence=home.evidence)

    def another_brand(self, name: str, **changes: Any) -> Brand:
        """One more brand."""
        return replace(self._brand(self.folder, self.network, name), **changes)

    def notice(self, **changes: Any) -> bytes:
        """The brand's notice: the builders' one, with the brand's account and recipient."""
        controller = notice_document()["controller"]
        controller |= {"account": self.brand.address, "recipient": self.brand.recipient}
        return notice_bytes(**{"controller": controller} | changes)

    def request(self, **chosen: Any) -> bytes:
        """The brand's signed request, as a file."""
        publish_notice(self.network, self.notice())
        return write_evidence(request(self.brand, self.notice(), **chosen))

    def asked(self, fields: list[dict[str, Any]]) -> bytes:
        """The brand's signed request, whose notice says which members it asks for."""
        notice = self.notice(more={"fields": fields})
        publish_notice(self.network, notice)
        return write_evidence(request(self.brand, notice))

    def granted(self, **chosen: Any) -> Anchored:
        """Alice's yes to a new request."""
        return grant(self.alice, self.request(), **chosen)

    def keep(self, body: bytes, category: str = PURCHASES, media_type: str = "text/csv") -> str:
        """Put a file into Alice's vault, and return its record's id."""
        name, digest = f"alice's own name {len(body)}", sha256(body).hexdigest()
        source = FileSource(name, media_type, len(body), digest, lambda: io.BytesIO(body))
        (record,) = self.alice.vault.add([Draft(category, "file/1", file=source)])
        return record

    def bought(self, *names: str, day: str = "2026-01-15", **more: Any) -> list[str]:
        """Put purchases into Alice's vault, and return their ids."""
        bodies = [{"name": name, "price": "12.50", "orderDate": day} for name in names]
        return self.alice.vault.add(Draft(PURCHASES, "purchase/1", body=body, **more) for body in bodies)

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
