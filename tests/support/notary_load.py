"""Clients that load a notary while a test breaks it, and what they check at the end by the chain."""

from __future__ import annotations

import json
import os
import random
import socket
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from registry.core.anchor import Anchor
from registry.core.crypto.keccak import keccak256
from registry.core.promises import PromiseState, RelayPromise, judge_promise, parse_signed_promise, promise_query
from registry.core.scalars import to_hex, unhex
from registry.ledger.base import Deployment
from registry.net.http import TooLarge, Unreachable
from registry.storage.sqlite_store import SqliteBlocks
from tests.support.devnet_runs import PATIENCE
from tests.support.levers import AnvilLevers
from tests.support.notary_runs import Notary, commitment
from tests.support.notary_stage import ChainAudit
from tests.support.soak import SEED


class Load(threading.Thread):
    """Clients that send commitments and openings all the time, and keep the promises of each 202."""

    def __init__(self, *notaries: Notary) -> None:
        super().__init__()
        self._notaries, self._random, self.ended = notaries, random.Random(SEED), threading.Event()
        self.promises: list[dict[str, Any]] = []
        self.wrong: list[Any] = []

    def run(self) -> None:
        try:
            self._run()
        except Exception as error:  # a thread's own end must fail the test, and not only end the load
            self.wrong.append(error)

    def _run(self) -> None:
        while not self.ended.wait(0.01):
            try:
                status, answer = self._random.choice(self._notaries).ask("POST", *self._request())
            except (Unreachable, TimeoutError, TooLarge):
                time.sleep(0.1)
                continue
            if status == 202 and answer is None:
                continue  # the kill cut the answer off: nobody got this promise
            if status == 202:
                self.promises.append(answer.get("promise", answer))
            elif status != 503:
                self.wrong.append((status, answer))

    def end(self) -> None:
        """End it; it was promised things, and nobody got another answer than a promise or "not now"."""
        self.ended.set()
        self.join(PATIENCE)
        assert not self.is_alive() and self.promises and self.wrong == []

    def _request(self) -> tuple[str, dict[str, Any]]:
        if self._random.random() < 0.2:
            opening = {"secret": to_hex(os.urandom(32)), "tag": to_hex(os.urandom(32))}
            return "/v1/revocations", {"openings": [opening]}
        return "/v1/commitments", {"commitments": [commitment() for _ in range(self._random.choice((1, 1, 1, 40)))]}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def check_commitments(notary: Notary, load: Load, node: tuple[str, Deployment], network: Path, account: str) -> None:
    levers = AnvilLevers(*node)
    audit, blocks = ChainAudit(levers, account), SqliteBlocks(network / "blocks.sqlite")
    found = Counter(item for root in audit.roots() for item in audit.manifest(root, blocks))  # type: ignore[arg-type]
    promises = [parse_signed_promise(json.dumps(one).encode()) for one in load.promises]
    items = [item for one in promises if not isinstance(one.message, RelayPromise) for item in one.message.items]
    assert items and {found[unhex(item)] for item in items} == {1}
    for one in (one for one in promises if not isinstance(one.message, RelayPromise)):
        assert one.notary == account
        item = one.message.items[0]
        anchor = notary.anchored(item)
        proof = Anchor(anchor["root"], tuple(anchor["proof"]), anchor["transaction"], anchor["block"])
        facts = levers.ledger.facts([promise_query(one.message, item, proof)])
        assert judge_promise(one.message, item, facts, proof) is PromiseState.KEPT


def check_endings(load: Load, node: tuple[str, Deployment], account: str) -> None:
    levers = AnvilLevers(*node)
    calls = ChainAudit(levers, account).calls()
    relayed = Counter(to_hex(keccak256(keccak256(s) + tag)) for call in calls for s, tag in ChainAudit._openings(call))
    promises = [parse_signed_promise(json.dumps(one).encode()) for one in load.promises]
    endings = [one.message for one in promises if isinstance(one.message, RelayPromise)]
    assert endings and {relayed[one.items[0]] for one in endings} == {1}
    for one in endings:
        facts = levers.ledger.facts([promise_query(one, one.items[0])])
        assert judge_promise(one, one.items[0], facts) is PromiseState.KEPT
