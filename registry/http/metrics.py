"""Figures for Prometheus: what every service counts of its requests. No label comes from a caller."""

from __future__ import annotations

from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics(NamedTuple):
    """A registry of one app's own, so that several apps fit into one process."""

    registry: CollectorRegistry
    requests: Counter
    seconds: Histogram

    def text(self) -> bytes:
        """What ``/metrics`` answers."""
        return generate_latest(self.registry)


def new_metrics() -> Metrics:
    """Make the counters of one app."""
    registry = CollectorRegistry()
    requests = Counter(
        "http_requests", "Answers, by route and status.", ["method", "route", "status"], registry=registry
    )
    seconds = Histogram("http_request_seconds", "Seconds until an answer was complete.", ["route"], registry=registry)
    return Metrics(registry, requests, seconds)
