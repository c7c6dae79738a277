"""What the routes of both listeners share: the brand's parts, and how old its view of the chain may be."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from registry.brand.custody import Custody
from registry.brand.inbox import Inbox, Taken
from registry.brand.records import View
from registry.brand.settings import BrandSettings
from registry.brand.store import Store
from registry.client.network import Network
from registry.core.errors import LedgerUnavailable
from registry.http.groups import Groups

# Bodies that are verified together, and the bytes that may wait for it.
MOST_TOGETHER, MOST_WAITING = 256, 64 << 20
# The view is read from the store at most so often. Its age only grows meanwhile.
_VIEW_SECONDS = 0.5


@dataclass(frozen=True)
class Desk:
    """One process's parts of a brand's service. ``groups`` verifies single bodies together.

    ``custody`` has the store of what people hand over; None for a process that was started without.
    """

    settings: BrandSettings
    network: Network
    store: Store
    inbox: Inbox
    groups: Groups[bytes, Taken]
    custody: Custody | None = None
    sight: Sight = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sight", Sight(self))


class Sight:
    """The view of the chain, as the worker noted it. Safe for threads."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._guard = desk, threading.Lock()
        self._view, self._read_at = View(), -_VIEW_SECONDS

    def require(self) -> tuple[View, int]:
        """Return the view and its age in seconds; ``LedgerUnavailable`` where it is too old to answer by."""
        view = self._current()
        return view, self.age_of(view)

    def age_of(self, view: View) -> int:
        """Return the age of this view in seconds; ``LedgerUnavailable`` where it is too old to answer by."""
        now = self._desk.network.clock()
        age, oldest = max(0, now - view.seen_at), self._desk.network.max_facts_age
        if not view.seen_at:
            raise LedgerUnavailable("the chain's log was not read to its end yet", "Start the worker, and wait.")
        if age > self._desk.settings.view_seconds:
            raise LedgerUnavailable(f"the view of the chain is {age} seconds old", "Look at the worker and its node.")
        if oldest is not None and now - view.head_time > oldest:
            raise LedgerUnavailable(f"the newest block is {now - view.head_time} seconds old", "Look at the node.")
        return age

    def check(self) -> None:
        """Raise where the service can answer no question now."""
        self.require()

    def _current(self) -> View:
        with self._guard:
            if time.monotonic() - self._read_at >= _VIEW_SECONDS:
                self._view, self._read_at = self._desk.store.view(), time.monotonic()
            return self._view


def open_desk(settings: BrandSettings, network: Network, store: Store, custody: Custody | None = None) -> Desk:
    """Return the desk of a brand; close its ``groups`` in the end."""
    inbox = Inbox(network, store, frozenset({settings.account}), settings.notary_accounts, settings.asked_only)
    groups = Groups[bytes, Taken](inbox.take, MOST_TOGETHER, MOST_WAITING, len)
    return Desk(settings, network, store, inbox, groups, custody)
