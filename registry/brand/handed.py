"""Open what a grant hands over as far as the brand holds it: its capsule and its newest update."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from registry.brand.holding import Holding
from registry.brand.records import Answer
from registry.client.accept import check_granted
from registry.core.evidence.file import Evidence, parse_evidence
from registry.core.ipld.cid import cid_from_digest
from registry.core.scalars import to_hex
from registry.core.sealed.bundles import BundleKey
from registry.core.sealed.capsule import Capsule, StreamUpdate, open_capsule, open_update
from registry.core.statements.messages import Grant


class Handed(NamedTuple):
    """What opens a grant's data. ``update`` is the newest one that was accepted, None before the first."""

    capsule: Capsule
    update: StreamUpdate | None = None

    @property
    def newest(self) -> tuple[BundleKey, ...]:
        """The bundles in their newest state."""
        return self.capsule.streams if self.update is None else self.update.streams

    @property
    def keys(self) -> dict[str, BundleKey]:
        """The newest key of each stream, by its name."""
        return {key.stream: key for key in (*self.capsule.streams, *self.newest)}


def capsule_of(answer: Answer, identity: str, get: Callable[[str], bytes]) -> Capsule:
    """Open the capsule of a grant. The errors are ``open_capsule``'s, and those of ``get``."""
    evidence = evidence_of(answer)
    grant = evidence.statement.message
    assert isinstance(grant, Grant)
    capsule = open_capsule(get(cid_from_digest(answer.content)), identity, grant)
    check_granted(evidence, capsule.streams)
    return capsule


def handed_over(answer: Answer, holding: Holding, identity: str, get: Callable[[str], bytes]) -> Handed:
    """Open a grant's capsule and its newest update; ``StorageUnavailable`` where one of them is not there."""
    capsule = capsule_of(answer, identity, get)
    if not holding.number:
        return Handed(capsule)
    sealed = get(cid_from_digest(holding.update_digest))
    return Handed(capsule, open_update(sealed, identity, to_hex(answer.digest), capsule.vault_key))


def evidence_of(answer: Answer) -> Evidence:
    """Return the evidence of an answer that is anchored."""
    return parse_evidence(answer.file)
