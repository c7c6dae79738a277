"""Assembles a notary from its parts: the stores, the API and the worker. Every edge that runs one starts here."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from typing import NamedTuple

from registry.core.eip712 import domain_of
from registry.core.errors import CouldNotCheck
from registry.http.serving import Server
from registry.ledger.follower import Follower
from registry.notary.api import Api, build_app
from registry.notary.ingest import Ingest
from registry.notary.protocols import ChainBook, Signer
from registry.notary.rebuild import RebuildProgress, Rebuilt
from registry.notary.rebuild import rebuild as from_chain
from registry.notary.records import ON_THEIR_WAY, Batch
from registry.notary.site import Clock, Site
from registry.notary.stores import Stores, open_stores
from registry.notary.token_keys import TokenKeys
from registry.notary.worker import Worker

FLUSH_PAUSE = 0.2
_SOME = 10_000


class Flushed(NamedTuple):
    """What a flush brought onto the chain."""

    batches: int
    commitments: int


def new_worker(site: Site, stores: Stores, signer: Signer, clock: Clock = time.time) -> Worker:
    """Return the worker of this notary."""
    return Worker(stores, signer, site.node_url, site.deployment, site.blocks, site.settings, clock)


def run_api(site: Site, signer: Signer, told: Callable[[str], None]) -> None:
    """Serve until SIGTERM or Ctrl-C; ``told`` hears the URL. What was taken is durable when this returns."""
    stores, settings = open_stores(site.folder, site.settings), site.settings
    keys, domain = TokenKeys(site.folder, time.time), domain_of(site.deployment.chain_id, site.deployment.registry)
    ingest = Ingest(stores.intake)
    try:
        app = build_app(Api(stores.intake, stores.book, ingest, signer, domain, settings, keys))
        server = Server(app, settings.host, settings.port)
        told(server.url)
        server.run()
    finally:
        ingest.close()


def run_worker(site: Site, signer: Signer, stop: threading.Event) -> None:
    """Close, anchor and relay until ``stop`` is set."""
    stores = open_stores(site.folder, site.settings)
    stores.intake.forget_tokens(int(time.time()))
    new_worker(site, stores, signer).run(stop)


def flush(site: Site, signer: Signer, seconds: float, told: Callable[[int, int], None]) -> Flushed:
    """Close a batch of all that waits, and wait until each batch on its way is in a block.

    ``told(batches, commitments)`` hears what is still on its way. A worker that runs elsewhere sends them, else this
    call does. ``CouldNotCheck`` where it takes longer than ``seconds``; then a worker goes on with them.
    """
    stores = open_stores(site.folder, site.settings)
    worker, book = new_worker(site, stores, signer), stores.book
    closed = _close_all(site, book)
    roots = {batch.root for batch in (*closed, *_on_their_way(book))}
    deadline, why = time.monotonic() + seconds, ""
    try:
        while left := _on_their_way(book):
            told(len(left), sum(batch.size for batch in left))
            if time.monotonic() > deadline:
                message = f"{len(left):,} batches are not in a block yet{f': {why}' if why else ''}"
                raise CouldNotCheck(message, "A notary that runs goes on with them: `consent notary status`.")
            why = worker.step().why
            time.sleep(FLUSH_PAUSE)
    finally:
        book.step_down()
    done = [batch for root in roots if (batch := book.batch(root)) is not None]
    return Flushed(len(done), sum(batch.size for batch in done))


def rebuild(site: Site, accounts: Collection[str], told: Callable[[RebuildProgress], None] = lambda _: None) -> Rebuilt:
    """Restore the batches that these accounts anchored, from the chain and IPFS; see `registry.notary.rebuild`."""
    stores, follower = open_stores(site.folder, site.settings), Follower(site.node_url, site.deployment)
    depth = site.settings.confirmations
    return from_chain(stores, site.blocks, follower, accounts, confirmations=depth, progress=told)


def _close_all(site: Site, book: ChainBook) -> list[Batch]:
    items, seconds, closed = site.settings.batch_items, site.settings.batch_seconds, []
    while batch := book.close_batch(int(time.time()), items=items, seconds=seconds, at_once=True):
        closed.append(batch)
    return closed


def _on_their_way(book: ChainBook) -> list[Batch]:
    return [batch for state in ON_THEIR_WAY for batch in book.batches(state, _SOME)]
