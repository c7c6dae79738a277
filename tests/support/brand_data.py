"""A brand to which people hand over data: its listeners, and its worker's judge, which runs in a thread of its own."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
from starlette.testclient import TestClient

from registry.brand.api import build_internal, build_public
from registry.brand.custody import Custody
from registry.brand.desk import Desk, open_desk
from registry.brand.keeper import Keeper
from registry.client.bundle_walk import BundleWalk, heads_of
from registry.core.errors import CouldNotCheck
from registry.core.evidence.file import Evidence, write_evidence
from registry.core.ipld.car import car_parts
from registry.core.ipld.cid import Block, binary_cid, cid_from_digest
from registry.core.scalars import to_hex, unhex
from registry.core.sealed.bundles import View
from registry.core.sealed.documents import public_key_of
from registry.core.statements.messages import Grant
from registry.storage.base import BlockStore
from tests.support.brand_api import LOCAL, BrandApi, brand_api
from tests.support.bundle_grants import VIEW, Handover, purchase
from tests.support.fake_storage import MemoryBlocks

CAR, OCTETS = "application/vnd.ipld.car", "application/octet-stream"
PERSONAL = "dpv:Personalisation"


class DataApi:
    """The brand's service, and Alice who hands over bundles. ``own`` is the brand's store, ``network_store`` the other.

    The network's store of the brand is not that of Alice: only what she sends is there, unless a test says otherwise.
    """

    def __init__(self, api: BrandApi, folder: Path, own: BlockStore, **changes: Any) -> None:
        self.api, self.brand, self.stage, self.own = api, api.brand, api.stage, own
        self.network_store = MemoryBlocks()
        network = replace(self.stage.network, store=self.network_store)
        self.custody = Custody(own, self.stage.brand.identity)
        settings = msgspec.structs.replace(api.desk.settings, **changes)
        self.desk: Desk = open_desk(settings, network, self.brand.store, self.custody)
        public = replace(self.desk, custody=Custody(own))
        self.public = TestClient(build_public(public), client=("203.0.113.7", 4711))
        self.internal_app = build_internal(self.desk)
        self.internal = TestClient(self.internal_app, LOCAL)
        self.keeper = self.another_keeper()
        self.hands = Handover(self.stage, folder / "alice")

    def another_keeper(self) -> Keeper:
        """Return a judge as another worker has it."""
        bounds = self.desk.settings.grant_bytes, self.desk.settings.data_bytes
        return Keeper(self.desk.network, self.brand.store, self.custody, *bounds)

    def granted(self, *names: str, views: Iterable[View] = (VIEW,)) -> Evidence:
        """Alice grants what she bought, and the brand takes the evidence."""
        self.hands.vault.add(purchase(name) for name in names or ("mushrooms", "grapes"))
        evidence = self.hands.grant(views)
        self.took(evidence)
        return evidence

    def took(self, evidence: Evidence) -> None:
        """The brand takes the evidence, and its worker reads the chain."""
        assert self.api.send(write_evidence(evidence)).status_code in (201, 202)
        self.follow()

    def follow(self) -> None:
        """The worker reads the chain to its end."""
        self.api.follow()
        self.desk.sight._read_at -= 10

    def blocks(self, evidence: Evidence) -> list[Block]:
        """Every block that the grant leads to now, the capsule first and parents before their children."""
        root, get = root_of(evidence), self.stage.store.get
        walk = BundleWalk(
            {key.stream: key for key in self.hands.keys}, public_key_of(self.hands.key), get, self.stage.store.has
        )
        walk.go(heads_of(self.hands.keys))
        assert not walk.pending
        # Which of both kinds of CIDs names a block does not matter to the brand.
        return [Block(root, get(root)), *(Block(cid, get(cid)) for cid in map(cid_from_digest, sorted(walk.reached)))]

    def send(self, evidence: Evidence, blocks: Iterable[Block] | None = None, raw: bytes | None = None) -> Any:
        """Send an archive; of all that the grant leads to, unless others are named."""
        body = archive(root_of(evidence), self.blocks(evidence) if blocks is None else blocks) if raw is None else raw
        return self.public.post("/v1/blocks", content=body, headers={"Content-Type": CAR})

    def update(self, sealed: bytes) -> Any:
        """Send a sealed update."""
        return self.public.post("/v1/updates", content=sealed, headers={"Content-Type": OCTETS})

    def read(self, evidence: Evidence | None = None, **changes: Any) -> Any:
        """Read what the brand has."""
        named = {} if evidence is None else {"grant": to_hex(evidence.digest)}
        return self.internal.post("/v1/data", json={"purpose": PERSONAL, **named, **changes})

    def names(self, evidence: Evidence) -> list[str]:
        """The names of what Alice bought, as the brand reads them."""
        answer = self.read(evidence)
        assert answer.status_code == 200, answer.text
        return sorted(line["body"]["name"] for line in lines_of(answer))

    @contextmanager
    def keeping(self) -> Iterator[None]:
        """Let the judge work in a thread; what breaks it is raised at the end."""
        stop, failures = threading.Event(), list[BaseException]()

        def work() -> None:
            while not stop.is_set():
                try:
                    self.keeper.step()
                except CouldNotCheck:
                    pass
                except BaseException as error:
                    failures.append(error)
                    return
                stop.wait(0.005)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(30)
        if failures:
            raise failures[0]


@contextmanager
def data_api(folder: Path, own: BlockStore | None = None, *, database: str = "", **changes: Any) -> Iterator[DataApi]:
    """Open a brand's service with its judge at work; ``changes`` are members of its settings."""
    with brand_api(folder, database=database) as api:
        made = DataApi(api, folder, own or MemoryBlocks(), **changes)
        try:
            with made.keeping():
                yield made
        finally:
            made.desk.groups.close()


def archive(root: str, blocks: Iterable[Block]) -> bytes:
    """Return a CAR."""
    return b"".join(car_parts([binary_cid(root)], [(binary_cid(each.cid), each.data) for each in blocks]))


def root_of(evidence: Evidence) -> str:
    """Return the CID of a grant's capsule."""
    message = evidence.statement.message
    assert isinstance(message, Grant)
    return cid_from_digest(unhex(message.content))


def lines_of(answer: Any) -> list[dict[str, Any]]:
    """Return the records of an answer."""
    return [json.loads(line) for line in answer.content.splitlines()]
