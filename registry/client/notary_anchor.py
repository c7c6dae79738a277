"""Anchoring by notaries: each promises, the chain shows, and the next one takes over where it does not."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from registry.client.anchoring import OwnAnchorer, PendingAnchor, own_root
from registry.client.network import Network
from registry.client.notary import MAX_SPAN, NotaryClient
from registry.client.pending_store import PendingFolder, promise_file
from registry.core.anchor import Anchor
from registry.core.errors import NotaryUnavailable, NotYetAnchored
from registry.core.facts import HandleQuery
from registry.core.merkle import root_from
from registry.core.promises import SignedPromise
from registry.core.scalars import CLOCK_SKEW, ZERO_WORD, format_utc, to_hex, unhex
from registry.ledger.base import Receipt

POLL, MAX_POLL, LONGER = 0.25, 2.0, 1.25
# At so many looks after the chain shows it, the notary should have told where.
TOLD = 8
# For a loop that a stopped clock would never end.
MAX_POLLS = int((MAX_SPAN + CLOCK_SKEW) / POLL)
Shown = tuple[Anchor, Receipt]


def _silent(*_: object) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class Notaries:
    """The notaries of a party, in the order in which they are asked, and what is kept of their promises.

    ``tell`` shows a remark to the person, ``progress`` what is waited for and how many seconds. Without ``waits``,
    anchoring leaves off once a notary has promised it.
    """

    clients: tuple[NotaryClient, ...]
    folder: PendingFolder
    tell: Callable[[str], None] = field(default=_silent, repr=False)
    progress: Callable[[str, float], None] = field(default=_silent, repr=False)
    waits: bool = True
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)

    def pauses(self, what: str) -> Iterable[None]:
        """Yield again and again, at growing intervals, and show how long ``what`` has been waited for."""
        waited, pause = 0.0, POLL
        for _ in range(MAX_POLLS):
            yield
            self.progress(what, waited)
            self.sleep(pause)
            waited, pause = waited + pause, min(pause * LONGER, MAX_POLL)


class NotaryAnchorer(NamedTuple):
    """Lets the first notary anchor that promises it, then the next one, and at last pays itself.

    ``keep`` gets each promise before it is waited for. ``may_pay`` raises where the party may not pay itself, and says
    what paying shows.
    """

    network: Network
    notaries: Notaries
    own: OwnAnchorer
    may_pay: Callable[[], None]
    keep: Callable[[SignedPromise], None] = _silent
    broken: tuple[NotaryClient, ...] = ()

    def submit(self, commitment: bytes) -> PendingAnchor:
        for client in self.notaries.clients:
            if client in self.broken:
                continue
            try:
                promise = client.promise_to_anchor(commitment, present(self.network))
            except NotaryUnavailable as error:
                self.notaries.tell(f"{error}. {error.advice}")
                continue
            self.keep(promise)
            due = format_utc(promise.message.due)
            self.notaries.tell(f"The notary {client.host} promised to anchor it by {due}, and pays.")
            return _NotaryAnchor(self, client, commitment, promise)
        return self._own(commitment)

    def resume(self, commitment: bytes, promise: SignedPromise | None) -> PendingAnchor:
        """Go on with a commitment that may have been handed over before, under this promise or under an unknown one."""
        for client in self.notaries.clients:
            with suppress(NotaryUnavailable):
                if promise is None or client.account == promise.notary:
                    found = _NotaryAnchor(self, client, commitment, promise)
                    if promise is not None or found.shown() is not None:
                        return found
        if promise is not None:
            if promise.message.due >= present(self.network):
                raise NotYetAnchored(f"the notary {promise.notary}, which promised it, is not named or does not answer")
            self.notaries.folder.keep_promise(promise_file(promise, to_hex(commitment)))
        return self.submit(commitment)

    def _own(self, commitment: bytes) -> PendingAnchor:
        # A process that was killed may have sent it already.
        if (shown := shown_on_chain(self.network, commitment, None)) is not None:
            return _Shown(shown)
        self.may_pay()
        return self.own.submit(commitment)


class _Shown(NamedTuple):
    shown: Shown

    def wait(self) -> Shown:
        return self.shown


class _NotaryAnchor(NamedTuple):
    anchorer: NotaryAnchorer
    client: NotaryClient
    commitment: bytes
    promise: SignedPromise | None

    def wait(self) -> Shown:
        notaries, network = self.anchorer.notaries, self.anchorer.network
        looks = 0
        for _ in notaries.pauses(f"waiting for the notary {self.client.host}"):
            # The time is read before the chain is: an anchor of the last moment must not be missed.
            now = present(network)
            is_over = self.promise is None or now > self.promise.message.due
            shown = self.shown()
            # Of a batch of one, the chain may show the root before the notary tells the transaction.
            looks += shown is not None
            if shown is not None and (shown[1].block or is_over or looks > TOLD):
                return self._judged(shown)
            if is_over:
                break
            if not notaries.waits:
                raise NotYetAnchored(f"the notary {self.client.host} will anchor it by {self._due}")
        return self._taken_over()

    def shown(self) -> Shown | None:
        """Return the anchor, if the chain shows the one that the notary names, or one of our own."""
        anchor, network = None, self.anchorer.network
        with suppress(NotaryUnavailable):
            state = self.client.state_of(self.commitment)
            anchor = state.anchor if state is not None and isinstance(state.anchor, Anchor) else None
        found = shown_on_chain(network, self.commitment, anchor)
        if found is None or found[0] != anchor:
            return found
        return anchor, found[1]._replace(notary=self.client.host)

    def _judged(self, shown: Shown) -> Shown:
        anchor, receipt = shown
        if self.promise is not None and receipt.time > self.promise.message.due:
            # An anchor of our own says nothing about the notary's.
            path = self._keep_promise(anchor if receipt.notary else None)
            self.anchorer.notaries.tell(f"The notary had promised to anchor it by {self._due}, and did not: {path}")
        return shown

    def _taken_over(self) -> Shown:
        notaries, broken = self.anchorer.notaries, (*self.anchorer.broken, self.client)
        if self.promise is not None:
            notaries.tell(
                f"The notary {self.client.host} had promised to anchor it by {self._due}, and shows no proof that it "
                f"did. `consent notary judge {self._keep_promise()}` tells more."
            )
        return self.anchorer._replace(broken=broken).submit(self.commitment).wait()

    def _keep_promise(self, anchor: Anchor | None = None) -> str:
        assert self.promise is not None
        file = promise_file(self.promise, to_hex(self.commitment), anchor)
        return self.anchorer.notaries.folder.keep_promise(file)

    @property
    def _due(self) -> str:
        return "" if self.promise is None else format_utc(self.promise.message.due)


def present(network: Network) -> int:
    """Return max(own clock, head's time), in unix seconds."""
    return max(network.clock(), network.ledger.head().time)


def shown_on_chain(network: Network, commitment: bytes, anchor: Anchor | None) -> Shown | None:
    """Return the anchor that the chain shows: the given one, or a batch that holds this commitment alone.

    An anchor whose proof does not lead from the commitment to its root counts for nothing.
    """
    candidates = [Anchor(own_root(commitment), (), ZERO_WORD, 0)]
    if anchor is not None and root_from(commitment, anchor.words[2:]) == unhex(anchor.root):
        candidates.insert(0, anchor)
    queries = [HandleQuery(each.root, ZERO_WORD) for each in candidates]
    facts = network.ledger.facts(queries, depth=network.confirmations)
    for each, query in zip(candidates, queries, strict=True):
        if anchored_at := facts.anchors[query].anchored_at:
            return each, Receipt(each.transaction, each.block, anchored_at, 0, "")
    return None
