"""An anvil that a devnet watches goes on while it mines."""

from __future__ import annotations

import threading

import pytest

from registry.ledger.anvil import Anvil
from registry.net.json_rpc import Call, Node
from tests.support.levers import running_anvil
from tests.support.notary_runs import until
from tests.support.tools import tool

pytestmark = pytest.mark.slow
ACCOUNT, TRANSACTIONS = "0x" + "11" * 20, 800


def test_watching_never_freezes_it() -> None:
    """With ``anvil_nodeInfo`` in place of a block's header, anvil 1.7.1 froze after some hundred transactions."""
    tool("anvil")
    ended = threading.Event()
    with running_anvil() as (url, _):
        watchers = [threading.Thread(target=_watch, args=(url, ended)) for _ in range(2)]
        for watcher in watchers:
            watcher.start()
        try:
            node = _sent(url)
            until(lambda: int(node.ask(Call("eth_getTransactionCount", (ACCOUNT, "latest"))), 16) == TRANSACTIONS)
        finally:
            ended.set()
            for watcher in watchers:
                watcher.join()


def _watch(url: str, ended: threading.Event) -> None:
    anvil = Anvil(url)
    while not ended.is_set():
        anvil.tip()


def _sent(url: str) -> Node:
    """Send transactions that are mined at once; the node."""
    node = Node(url, 10.0)
    Anvil(url).fund(ACCOUNT, 10**20)
    node.ask(Call("anvil_impersonateAccount", (ACCOUNT,)))
    for _ in range(TRANSACTIONS):
        node.ask(Call("eth_sendTransaction", ({"from": ACCOUNT, "to": ACCOUNT},)))
    return node
