"""Where one notary works, and whether all that it needs is there before it starts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from registry.core.errors import ConsentError, LedgerUnavailable
from registry.core.scalars import format_units
from registry.ledger.base import Deployment, Head
from registry.ledger.blocks import quantity
from registry.ledger.rpc import DEFAULT_TIMEOUT, RpcLedger, name_of, probe
from registry.net.json_rpc import Call, Node
from registry.notary.settings import NotarySettings
from registry.storage.base import BlockStore

COIN = 18
# A chain may be ahead of its clock by a few seconds; more means that this machine's clock is behind.
SKEW_SECONDS = 60
Clock = Callable[[], float]


@dataclass(frozen=True)
class Site:
    """A notary's folder and settings, and the network that it works for. The node's URL may hold a key."""

    folder: Path
    settings: NotarySettings
    node_url: str = field(repr=False)
    deployment: Deployment
    blocks: BlockStore


class State(StrEnum):
    """``WAITS``: it may come by itself, and the notary starts without. ``WRONG``: the notary cannot start."""

    OK = "ok"
    WAITS = "waits"
    WRONG = "wrong"


class Finding(NamedTuple):
    """One part that a notary needs, and how it stands."""

    name: str
    state: State
    detail: str
    advice: str = ""


def balance_of(site: Site, account: str) -> int:
    """Return the account's balance in wei; ``LedgerUnavailable`` without an answer."""
    node = Node(site.node_url, DEFAULT_TIMEOUT)
    return quantity(node, node.ask(Call("eth_getBalance", (account, "latest"))), 2**256)


def survey(site: Site, account: str, clock: Clock = time.time) -> Iterator[Finding]:
    """Yield how chain, registry, clock, funds and store stand."""
    try:
        found = probe(site.node_url)
    except LedgerUnavailable as error:
        yield Finding("chain", State.WAITS, str(error), error.advice)
    else:
        yield from _chain(site, account, found.chain_id, found.head, clock)
    yield _store(site)


def _chain(site: Site, account: str, chain_id: int, head: Head, clock: Clock) -> Iterator[Finding]:
    name, wanted = name_of(site.node_url), site.deployment.chain_id
    if chain_id != wanted:
        advice = "Name a node of the network's chain, or the network of this chain."
        yield Finding("chain", State.WRONG, f"{name} is on chain {chain_id}, and the network on {wanted}", advice)
        return
    yield Finding("chain", State.OK, f"{chain_id}, block {head.number:,}, through {name}")
    yield _registry(site)
    yield _clock(head, clock)
    yield _funds(site, account)


def _registry(site: Site) -> Finding:
    try:
        RpcLedger(site.node_url, site.deployment).head()
    except LedgerUnavailable as error:
        return Finding("registry", State.WRONG, str(error), error.advice)
    return Finding("registry", State.OK, site.deployment.registry)


def _clock(head: Head, clock: Clock) -> Finding:
    behind = head.time - clock()
    if behind > SKEW_SECONDS:
        detail = f"it is {behind:,.0f} s behind the newest block"
        return Finding("clock", State.WAITS, detail, "Set this machine's clock, or the chain's; promises name times.")
    return Finding("clock", State.OK, f"the newest block is {max(-behind, 0):,.0f} s old")


def _funds(site: Site, account: str) -> Finding:
    try:
        balance = balance_of(site, account)
    except LedgerUnavailable as error:
        return Finding("funds", State.WAITS, str(error), error.advice)
    detail = f"{account} has {format_units(balance, COIN)}"
    if balance == 0:
        return Finding("funds", State.WAITS, detail, f"Send the chain's currency to {account}.")
    return Finding("funds", State.OK, detail)


def _store(site: Site) -> Finding:
    try:
        found = site.blocks.stat()
    except ConsentError as error:
        return Finding("store", State.WAITS, str(error), error.advice)
    return Finding("store", State.OK, f"{found.blocks:,} blocks, {found.bytes:,} bytes")
