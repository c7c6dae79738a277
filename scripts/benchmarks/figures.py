"""A measured figure with its goal, and the timing of several contestants in one run.

Absolute times cannot be compared between machines. So the goals are ratios that are measured in one run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

RUNS = 5
# A figure whose name ends so is shown beside its namesake, in a column of its own.
NEXT_FORK = ", next fork"


class Figure(NamedTuple):
    """A figure. ``name`` is as the table shows it; ``goal`` is ">= 0.45", "<= 64", or "" without a promise."""

    name: str
    value: float
    unit: str
    goal: str = ""

    @property
    def holds(self) -> bool | None:
        """True if the goal is met, None without a goal."""
        if not self.goal:
            return None
        sign, bound = self.goal.split()
        return self.value >= float(bound) if sign == ">=" else self.value <= float(bound)


def best_of(contestants: Mapping[str, Callable[[], Any]], runs: int = RUNS) -> dict[str, float]:
    """Return the shortest time of each, in seconds. They take turns, so a busy moment of the machine hits them all."""
    best = dict.fromkeys(contestants, float("inf"))
    for _ in range(runs):
        for name, contestant in contestants.items():
            began = time.perf_counter()
            contestant()
            best[name] = min(best[name], time.perf_counter() - began)
    return best
