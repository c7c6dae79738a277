"""Pull the mail of all grants, or of some: which boxes there are, and what came of each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any, NamedTuple

from registry.client.brand_client import BrandClient
from registry.client.deliveries import Deliveries, Delivery
from registry.client.evidence_store import EvidenceStore, controller_of, kept_by_digest
from registry.client.mail import Pull, Pulled
from registry.client.mail_folder import MailFolder
from registry.client.party import Person
from registry.core.errors import ConsentError, CouldNotCheck, InvalidInput
from registry.core.evidence.file import Evidence
from registry.core.scalars import ZERO_WORD
from registry.core.statements.messages import Grant


class Box(NamedTuple):
    """A grant that opened a mailbox, and where its brand's service is."""

    evidence: Evidence
    delivery: Delivery


class Opened(NamedTuple):
    """What came of one box. ``why`` tells what kept it from being read to its end; ``pulled`` has what came before."""

    pulled: Pulled
    why: ConsentError | None = None

    @property
    def is_unchecked(self) -> bool:
        """Whether the brand or the chain could not be asked."""
        return isinstance(self.why, CouldNotCheck)


def boxes(store: EvidenceStore, deliveries: Deliveries, named: Collection[str] = ()) -> list[Box]:
    """Return the boxes of all grants, the oldest first, or of those that are named: by digest, by brand or account.

    ``InvalidInput`` where something that is named has none. `Deliveries.damaged` names what cannot be read.
    """
    sent = {each.digest: each for each in deliveries.all()}
    found = [box for digest in _grants(store) if (box := _box(store, sent.get(digest))) is not None]
    if not named:
        return found
    chosen = [_chosen(store, found, name) for name in named]
    wanted = {box.delivery.digest for some in chosen for box in some}
    return [box for box in found if box.delivery.digest in wanted]


def pull_all(
    person: Person,
    some: Collection[Box],
    deliveries: Deliveries,
    folder: MailFolder,
    *,
    dry: bool = False,
    again: bool = False,
    told: Callable[[str], object] = lambda _: None,
) -> Iterator[Opened]:
    """Read these boxes and yield what came of each. ``told`` hears how far it is; the rest is as for `Pull`."""
    for box in some:
        brand, capability = box.delivery.brand, str(box.delivery.capability)
        client = BrandClient(deliveries.web, box.delivery.inbox)

        def ask(after: int, client: BrandClient = client, capability: str = capability) -> bytes:
            return client.messages(capability, after)

        def heard(number: int, brand: str = brand) -> None:
            told(f"{brand}: message {number}")

        def ask_file(cid: str, client: BrandClient = client, capability: str = capability) -> bytes | None:
            return client.mailed_file(capability, cid)

        how: dict[str, Any] = {"dry": dry, "again": again, "told": heard, "ask_file": ask_file}
        pull = Pull(person, box.evidence, ask, folder, **how)
        try:
            yield Opened(pull.run())
        except ConsentError as error:
            yield Opened(pull.pulled, error)


def _grants(store: EvidenceStore) -> list[str]:
    return [digest for digest, entry in store.entries().items() if entry.kind == "Grant"]


def _box(store: EvidenceStore, delivery: Delivery | None) -> Box | None:
    if delivery is None or delivery.url is None:
        return None
    evidence = kept_by_digest(store, delivery.digest)
    if evidence is None or not isinstance(grant := evidence.statement.message, Grant) or grant.content == ZERO_WORD:
        return None
    return Box(evidence, delivery)


def _chosen(store: EvidenceStore, found: list[Box], name: str) -> list[Box]:
    if name.startswith("0x") and len(name) != len("0x") + 40:
        some = [box for box in found if box.delivery.digest == name]
    else:
        account = controller_of(store, name)
        some = [box for box in found if getattr(box.evidence.statement.message, "controller", "") == account]
    if not some:
        advice = "A grant has a mailbox where it handed over a capsule, and where it was delivered by a link."
        raise InvalidInput(f"{name[:80]} has no mailbox that could be read", advice)
    return some
