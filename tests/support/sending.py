"""A grant on its way to a brand's server that answers as a test says."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from registry.client.deliver import Courier
from registry.client.deliveries import Deliveries, Delivery, Trouble
from registry.client.web import Web
from registry.core.evidence.file import Evidence
from registry.core.scalars import to_hex
from tests.support.http_answers import Answer, Asked
from tests.support.stage import Stage

HOST, NAME = "aurelle.example", "7f" * 16
INBOX = f"https://{HOST}/v1/evidence"

Respond = Callable[[Asked], Answer]
Opened = Callable[[Respond], AbstractContextManager["Sending"]]


class Sending:
    """Alice's grant on its way to the server at ``url``."""

    def __init__(self, stage: Stage, evidence: Evidence, url: str) -> None:
        self.stage, self.evidence = stage, evidence
        self.deliveries = Deliveries(stage.folder / "home", web=Web({HOST: url}))
        self.digest = to_hex(evidence.digest)
        self.deliveries.keep(
            Delivery(digest=self.digest, kind="Grant", brand="Shop", domain=HOST, inbox=INBOX, since=stage.clock())
        )
        self.courier = Courier(stage.network, stage.alice.evidence, self.deliveries)

    @property
    def now(self) -> Delivery:
        """The delivery as it is kept."""
        found = self.deliveries.find(self.digest)
        assert found is not None
        return found

    def go_on(self) -> Delivery:
        """Send what waits, and return how it stands then."""
        found = self.courier.go_on(self.digest)
        assert found is not None
        return found

    def why(self) -> str:
        """Send what waits, and return what went wrong."""
        trouble = self.go_on().trouble
        assert isinstance(trouble, Trouble)
        return f"{trouble.name}: {trouble.detail}"


def taken(body: bytes = b"", status: int = 201, place: str = f"/v1/grants/{NAME}") -> Answer:
    """The answer of a brand that takes a statement."""
    return Answer(status, body, headers=(("Location", place),))
