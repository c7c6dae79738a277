"""The brand's own figures for Prometheus. What lies in the store is read when it is asked for."""

from __future__ import annotations

import time
from collections import Counter as Tally
from collections.abc import Callable, Iterator
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from registry.brand.acknowledgements import times_of
from registry.brand.desk import Desk
from registry.core.errors import CouldNotCheck

# Counting a million answers takes half a second, so these numbers may be this old.
_COUNT_SECONDS = 60.0
_MOST_UNSENT = 1_000


class IntakeFigures(NamedTuple):
    """What one process of the public listener took, by how it stood then, and refused, by the error's name."""

    taken: Counter
    refused: Counter


def intake_figures(registry: CollectorRegistry) -> IntakeFigures:
    """Make the counters of the intake in an app's registry."""
    return IntakeFigures(
        Counter("brand_taken", "Files that were taken, by how they stood then.", ["state"], registry=registry),
        Counter("brand_refused", "Files that were refused, by the error.", ["error"], registry=registry),
    )


def add_figures(registry: CollectorRegistry, desk: Desk) -> None:
    """Add what the store tells to an app's registry."""
    registry.register(_Figures(desk))


class _Figures(Collector):
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._counts: dict[tuple[str, str], int] = {}
        self._counted_at = -_COUNT_SECONDS

    def describe(self) -> list[Metric]:
        """Nothing: so that registering reads no store."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Read them; without the database there are none but ``brand_database_up``."""
        try:
            found = [*self._view(), *self._answers(), *self._acknowledgements(), *self._unsent()]
        except CouldNotCheck:
            found = []
        yield _gauge("brand_database_up", "1 if the database answers.", 1 if found else 0)
        yield from found

    def _view(self) -> Iterator[Metric]:
        view, now = self._desk.store.view(), self._desk.network.clock()
        age = max(0, now - view.seen_at) if view.seen_at else float("inf")
        yield _gauge("brand_view_age_seconds", "How old the view of the chain is.", age)
        yield _gauge("brand_view_block", "The last block of the chain's log that was read.", view.number)
        yield _gauge("brand_reorganisations", "How often the chain's newest blocks changed.", view.turns)
        refuses = int(_raises(self._desk.sight.check))
        yield _gauge("brand_refuses", "1 while every question is 503.", refuses)

    def _answers(self) -> Iterator[Metric]:
        if time.monotonic() - self._counted_at > _COUNT_SECONDS:
            self._counts, self._counted_at = self._desk.store.counts(), time.monotonic()
        family = GaugeMetricFamily("brand_answers", "Grants and refusals, by state.", labels=["kind", "state"])
        for labels, count in self._counts.items():
            family.add_metric(labels, count)
        yield family

    def _acknowledgements(self) -> Iterator[Metric]:
        now = self._desk.network.clock()
        times = times_of(self._desk.store, self._desk.settings, now)
        waits = max(0, now - times.waiting_since) if times.waiting else 0
        yield _gauge("brand_acknowledgements", "Ends that were acknowledged in the last 30 days.", times.made)
        slowest = "The most seconds from an end to its anchored acknowledgement, in the last 30 days."
        yield _gauge("brand_acknowledgement_seconds", slowest, times.slowest)
        yield _gauge("brand_acknowledgements_late", "How many took longer than people are told.", times.late)
        yield _gauge("brand_unacknowledged", "Ends without an anchored acknowledgement.", times.waiting)
        yield _gauge("brand_unacknowledged_seconds", "For how long the first of them has waited.", waits)

    def _unsent(self) -> Iterator[Metric]:
        words = "The brand's own statements that are not anchored yet, at most 1,000."
        family = GaugeMetricFamily("brand_unsent", words, labels=["kind"])
        found = Tally(each.kind for each in self._desk.store.signed(_MOST_UNSENT))
        for kind in ("Acceptance", "Acknowledgement", "UseLog"):
            family.add_metric([kind], found[kind])
        yield family
        arriving = len(self._desk.store.arrivals(_MOST_UNSENT))
        yield _gauge("brand_arriving", "Archives and updates that the worker has not judged yet.", arriving)
        held = "Bytes of people's sealed data, and of files to people, that are kept."
        yield _gauge("brand_data_bytes", held, self._desk.store.data_bytes())
        yield _gauge("brand_uses", "Readings in the use log.", self._desk.store.use_count())


def _raises(check: Callable[[], None]) -> bool:
    try:
        check()
    except CouldNotCheck:
        return True
    return False


def _gauge(name: str, words: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, words, value=value)
