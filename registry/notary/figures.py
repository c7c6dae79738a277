"""The notary's own figures for Prometheus, read from the stores when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from registry.core.errors import CouldNotCheck
from registry.notary.condition import read_note
from registry.notary.desk import Api
from registry.notary.gate import refusal
from registry.notary.records import BatchState
from registry.notary.settings import DAY

_ON_THE_WAY = (BatchState.CLOSED, BatchState.PINNED, BatchState.SENT, BatchState.ANCHORED)


def add_figures(registry: CollectorRegistry, api: Api) -> None:
    """Add them to an app's registry."""
    registry.register(_Figures(api))


class _Figures(Collector):
    def __init__(self, api: Api) -> None:
        self._api = api

    def describe(self) -> list[Metric]:
        """Nothing: so that registering reads no store."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Read them; without the database there are none but ``notary_database_up``."""
        try:
            found = [*self._intake(), *self._book()]
        except CouldNotCheck:
            found = []
        yield _gauge("notary_database_up", "1 if the database answers.", 1 if found else 0)
        yield from found

    def _intake(self) -> Iterator[Metric]:
        waiting = self._api.intake.waiting()
        age = max(0.0, self._api.clock() - waiting.oldest) if waiting.oldest else 0
        yield _gauge("notary_waiting_commitments", "Commitments that are in no batch yet.", waiting.commitments)
        yield _gauge("notary_waiting_seconds", "For how long the first of them has waited.", age)
        endings = GaugeMetricFamily("notary_endings", "Endings, by state.", labels=["state"])
        for state, count in self._api.intake.count_endings().items():
            endings.add_metric([state], count)
        yield endings

    def _book(self) -> Iterator[Metric]:
        book = self._api.book
        gas, grants = book.totals()
        yield _gauge("notary_anchoring_gas", "Gas that anchoring took so far.", gas)
        yield _gauge("notary_anchored_commitments", "Commitments that were anchored so far.", grants)
        batches = GaugeMetricFamily(
            "notary_batches", "Batches that are not final, by state, at most 100 of each.", labels=["state"]
        )
        for state in _ON_THE_WAY:
            batches.add_metric([state], len(book.batches(state)))
        yield batches
        yield from self._worker()

    def _worker(self) -> Iterator[Metric]:
        note, now = read_note(self._api.book.notes()), self._api.clock()
        silent = abs(now - note.at) if note else float("inf")
        refuses = refusal(note, now, self._api.settings.promise_seconds) is not None
        yield _gauge("notary_worker_silent_seconds", "For how long the worker has finished no round.", silent)
        spent, ceiling = self._api.book.spent_since(int(now) - DAY), self._api.settings.spend_per_day
        yield _gauge(
            "notary_spent_share", "What the last day cost at most, as a share of its ceiling.", spent / 10**18 / ceiling
        )
        if note and note.balance:
            yield _gauge("notary_balance", "What the account has, in the chain's currency.", int(note.balance) / 10**18)
        yield _gauge("notary_refuses", "1 while the notary refuses to promise.", int(refuses))


def _gauge(name: str, words: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, words, value=value)
