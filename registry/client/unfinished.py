"""Go on with what a home has left unfinished: pending statements, endings for later, promises of notaries."""

from __future__ import annotations

from typing import NamedTuple

from registry.client.deliver import Courier
from registry.client.deliveries import Deliveries, Delivery
from registry.client.evidence_store import EvidenceStore
from registry.client.later import Waiting, send_due
from registry.client.network import Network
from registry.client.notary_anchor import Notaries
from registry.client.pending import Outcome, finish_all
from registry.client.promises import Judged, judge_kept
from registry.client.revoke import Endings
from registry.core.errors import InvalidInput


class Left(NamedTuple):
    """What was completed and what is left: pending statements, endings, and promises that are not known to be kept.

    ``deliveries`` says how each answer stands with its brand, and ``damaged`` which of their files cannot be read.
    """

    outcomes: list[Outcome]
    endings: Endings
    waiting: list[Waiting]
    promises: list[Judged]
    deliveries: list[Delivery]
    damaged: list[InvalidInput]


def go_on(network: Network, store: EvidenceStore, notaries: Notaries, deliveries: Deliveries | None = None) -> Left:
    """Complete what can be completed now, without waiting and without a seed. Errors become part of the answer."""
    folder = notaries.folder
    folder.sweep()
    asked = notaries if notaries.clients else None
    # Endings first: a notary that is slow with what waits for its anchor keeps none of them.
    endings, waiting = send_due(network, asked, folder, store)
    outcomes = finish_all(network, store, notaries)
    if any(outcome.done for outcome in outcomes):
        ended = endings.ended  # and those of the grants that were just replaced
        endings, waiting = send_due(network, asked, folder, store)
        endings = endings._replace(ended=[*ended, *endings.ended])
    if deliveries is None:
        return Left(outcomes, endings, waiting, judge_kept(network, folder), [], [])
    delivered, damaged = Courier(network, store, deliveries, folder).go_on_all(), deliveries.damaged()
    return Left(outcomes, endings, waiting, judge_kept(network, folder), delivered, damaged)
