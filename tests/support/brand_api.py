"""The brand's two listeners over the ledger in memory, called without a socket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from starlette.testclient import TestClient

from registry.brand.api import build_internal, build_public
from registry.brand.custody import Custody
from registry.brand.desk import Desk, open_desk
from registry.brand.settings import BrandSettings
from tests.support.brand_stage import BrandStage
from tests.support.fake_storage import MemoryBlocks
from tests.support.stage import Stage

RECIPIENT = "age1test"
LOCAL = "http://127.0.0.1"


class BrandApi:
    """A brand's desk with a client for each listener. ``follow`` does what its worker does."""

    def __init__(self, brand: BrandStage, desk: Desk, key: str) -> None:
        self.brand, self.desk, self.stage = brand, desk, brand.stage
        self.public = TestClient(build_public(desk), client=("203.0.113.7", 4711))
        self.internal_app = build_internal(desk, key)
        self.internal = TestClient(self.internal_app, LOCAL)
        self._worker = brand.worker()

    def follow(self) -> None:
        """Read the log to its end, sign, and let the listeners see it."""
        worker = self._worker
        for work in (worker.follow, worker.prove, worker.sign, worker.mail, worker.follow):
            for _ in range(20):
                if work() != 0.0:
                    break
        self.look()

    def look(self) -> None:
        """Let the view be read anew."""
        self.desk.sight._read_at -= 10

    def send(self, body: bytes, path: str = "/v1/evidence", **headers: str) -> Any:
        """Send a body as JSON."""
        return self.public.post(path, content=body, headers={"Content-Type": "application/json", **headers})

    def ask(self, subject: str, **changes: Any) -> Any:
        """Ask whether the brand may."""
        question = {"subject": subject, "purpose": "dpv:Personalisation", "data": ["pd:Purchase"], **changes}
        return self.internal.post("/v1/allowed", json=question)


@contextmanager
def brand_api(folder: Path, *, database: str = "", key: str = "", **changes: Any) -> Iterator[BrandApi]:
    """Open a brand's service; ``changes`` are members of its settings."""
    brand = BrandStage(Stage.of(folder / "parties"), folder / "brand", database)
    settings = BrandSettings(
        account=brand.stage.brand.address,
        recipients=(brand.stage.brand.recipient,),
        domain="aurelle.example",
        name="Maison Aurelle",
        contact="privacy@aurelle.example",
        url="https://consent.aurelle.example",
        requests_per_second=10**6,
        asked_only=False,
    )
    custody = Custody(MemoryBlocks(), brand.stage.brand.identity)
    desk = open_desk(msgspec.structs.replace(settings, **changes), brand.stage.network, brand.store, custody)
    object.__setattr__(desk.inbox, "notaries", frozenset({brand.notary.address}))
    api = BrandApi(brand, desk, key)
    try:
        yield api
    finally:
        desk.groups.close()
