"""How a worker fares, as the note that other processes read: one state, since when, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from registry.core.errors import ConsentError

WORKER_NOTE = "worker"


class Condition(StrEnum):
    """The states of a worker, the worst first. Work goes on by itself when a state's cause ends."""

    CHAIN = "chain"  # the node is away, or shows another chain
    FUNDS = "no-funds"  # the account cannot pay
    CEILING = "ceiling"  # the day's money is spent
    FEES = "fees"  # the chain asks for more than max_fee_gwei
    STORE = "store"  # the content store is away, so manifests cannot be pinned
    OK = "ok"


class Trouble(NamedTuple):
    """What holds work up. ``advice`` says what the operator can do."""

    state: Condition
    why: str
    advice: str


def trouble(state: Condition, error: ConsentError) -> Trouble:
    """Return the trouble that this error tells of."""
    return Trouble(state, str(error), error.advice)


def worst(troubles: Iterable[Trouble]) -> Trouble:
    """Return the worst of these; the state ``OK`` where there is none."""
    order = list(Condition)
    return min(troubles, key=lambda each: order.index(each.state), default=Trouble(Condition.OK, "", ""))


def note_of(found: Trouble, before: Mapping[str, Any], now: int, **more: Any) -> dict[str, Any]:
    """Return the note: ``state``, ``since``, ``why``, ``advice``, ``at``, and what a worker adds. Times are seconds.

    ``before`` is the note so far; ``since`` stays while the state does, also over a restart.
    """
    since = before.get("since", now) if before.get("state") == found.state else now
    return {"state": str(found.state), "since": since, "why": found.why, "advice": found.advice, "at": now, **more}
