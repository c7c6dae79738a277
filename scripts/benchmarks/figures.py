"""One measured figure, its goal, and how things are timed beside each other.

Absolute times mean little from one machine to the next: what is promised is a ratio, measured in one run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

RUNS = 5
# Ends the name of what is shown beside its namesake, in a column of its own.
NEXT_FORK = ", next fork"


class Figure(NamedTuple):
    """``name`` as the table shows it; ``goal`` is "" where nothing is promised, else ">= 0.45" or "<= 64"."""

    name: str
    value: float
    unit: str
    goal: str = ""

    @property
    def holds(self) -> bool | None:
        """Is the goal met? None where there is none."""
        if not self.goal:
            return None
        sign, bound = self.goal.split()
        return self.value >= float(bound) if sign == ">=" else self.value <= float(bound)


def best_of(contestants: Mapping[str, Callable[[], Any]], runs: int = RUNS) -> dict[str, float]:
    """The shortest time of each, in seconds. They take turns, so that a busy moment of the machine hits them all."""
    best = dict.fromkeys(contestants, float("inf"))
    for _ in range(runs):
        for name, contestant in contestants.items():
            began = time.perf_counter()
            contestant()
            best[name] = min(best[name], time.perf_counter() - began)
    return best
