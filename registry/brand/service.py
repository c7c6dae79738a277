"""Assembles a brand's service from its parts: two listeners and a worker. Every edge that runs one starts here.

Only the listeners load a web framework: it takes half of a process's start, and a third of its memory.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from registry.brand.chain_log import ChainLog
from registry.brand.checking import Checker
from registry.brand.counter import Counter
from registry.brand.custody import Custody
from registry.brand.desk import Desk, open_desk
from registry.brand.inbox import SETTLED_BLOCKS, Inbox
from registry.brand.keeper import Keeper
from registry.brand.mailing import Mailer
from registry.brand.proving import Prover, manifest_source
from registry.brand.settings import internal_key
from registry.brand.site import Site
from registry.brand.store import open_store
from registry.brand.worker import Worker
from registry.client.network import Network
from registry.client.party import Brand
from registry.core.errors import InvalidInput, StorageUnavailable
from registry.ledger.follower import Follower

if TYPE_CHECKING:
    from fastapi import FastAPI


def run_public(site: Site, told: Callable[[str], None]) -> None:
    """Serve people until SIGTERM or Ctrl-C; ``told`` hears the URL. What was taken is durable when this returns."""
    from registry.brand.api import build_public

    _run(site, build_public, site.settings.host, site.settings.port, told)


def run_internal(site: Site, told: Callable[[str], None], identity: str) -> None:
    """Serve the brand's own systems until SIGTERM or Ctrl-C; ``told`` hears the URL. ``identity`` opens data."""
    from registry.brand.api import build_internal

    key = internal_key(site.folder, site.settings)
    host, port = site.settings.internal_host, site.settings.internal_port
    _run(site, lambda desk: build_internal(desk, key), host, port, told, identity)


def _run(
    site: Site, build: Callable[[Desk], FastAPI], host: str, port: int, told: Callable[[str], None], identity: str = ""
) -> None:
    from registry.http.serving import Server

    store = open_store(site.folder, site.settings.database)
    desk = open_desk(site.settings, site.network, store, site.custody(identity))
    try:
        server = Server(build(desk), host, port)
        told(server.url)
        server.run()
    finally:
        desk.groups.close()


def run_worker(site: Site, brand: Brand, stop: threading.Event) -> None:
    """Follow the chain, sign, and judge data until ``stop`` is set. ``brand`` has its notaries and payer."""
    new_worker(site, brand).run(stop)


def new_worker(site: Site, brand: Brand) -> Worker:
    """Return the worker of this brand. ``InvalidInput`` where it has another account or key than the settings."""
    settings, network = site.settings, site.network
    if brand.address != settings.account:
        advice = "Use the home of the account in brand.toml (CONSENT_HOME)."
        raise InvalidInput(f"the key is that of {brand.address}, and the brand is {settings.account}", advice)
    store = open_store(site.folder, settings.database)
    inbox = Inbox(network, store, frozenset({settings.account}), settings.notary_accounts, settings.asked_only)
    custody = site.custody(brand.identity)
    follower = Follower(site.node_url, network.ledger.deployment)
    source = manifest_source(inbox, [name.url for name in settings.named])
    return Worker(
        store,
        ChainLog(store, follower, network.clock),
        Checker(inbox),
        Prover(inbox, source),
        Counter(brand, store, settings.pays, SETTLED_BLOCKS, settings.head_seconds),
        Keeper(network, store, custody, settings.grant_bytes, settings.data_bytes),
        Mailer(brand, store, brand.identity, _capsules(custody, network), settings.view_seconds, SETTLED_BLOCKS),
    )


def _capsules(custody: Custody, network: Network) -> Callable[[str], bytes]:
    """Return what gets a capsule by its CID: from the brand's own store, or else from the network's."""

    def get(cid: str) -> bytes:
        try:
            return custody.blocks.get(cid)
        except StorageUnavailable:
            return network.store.get(cid)

    return get
