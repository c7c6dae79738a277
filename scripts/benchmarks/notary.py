"""The notary as its operator runs it (`consent notary serve`), on SQLite and on PostgreSQL.

The chain is an anvil with a block every two seconds. All programs share this machine's cores. So does the load
generator: Python with raw HTTP over a few connections, whose requests are encoded beforehand. A sponsor pays for
requests of 1,000 commitments, the free allowance for single ones.

The million is over when the API has served one proof out of each request, and the chain has their roots. Batches close
meanwhile, so its ingestion is slower than by the API alone, which is measured without a worker beside it. Single
requests are timed from when they were due, while 32,000 commitments arrive each second and fill a batch. Proofs are
read from the database by processes of their own. An ending is timed from its request until the person's evidence is
judged `Revoked`; the figure is the slowest of eight that are spread over the time between two blocks, less one block.
The gas of EAS is that of 1,000 timestamps in one transaction.
"""

from __future__ import annotations

import json
import random
import tempfile
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

from registry.core.crypto.privacy_pass import REQUEST_TYPE, draw_token, finish_token, read_token_key
from registry.core.facts import HandleQuery
from registry.core.merkle import root_from
from registry.core.scalars import ZERO_WORD, unhex
from registry.ledger.rpc import RpcLedger
from scripts.benchmarks import eas
from scripts.benchmarks.figures import Figure
from scripts.benchmarks.nodes import Chain as Web3Chain
from scripts.benchmarks.nodes import anvil, word
from scripts.benchmarks.notary_load import Pace, commit, get, post, send_all, send_steadily
from scripts.benchmarks.notary_stage import (
    BLOCK_SECONDS,
    Chain,
    make_site,
    peaks,
    running_chain,
    seconds_of_reading,
    words,
)
from tests.support.notary_runs import Notary
from tests.support.postgres import running_postgres

REQUESTS, PER_REQUEST, CONNECTIONS = 1_000, 1_000, 8
SINGLES, SINGLES_A_SECOND, SINGLE_CONNECTIONS = 3_000, 200, 40
BULK_A_SECOND = 32
TOKENS, PROOFS, SERVED_PROOFS, ENDINGS = 1_500, 20_000, 4_000, 8
_SECONDS, _LOOK_SECONDS = 120, 0.02
_dice = random.Random(1)  # noqa: S311 - which proofs are asked for is no secret


# The goals of ingestion, and of reading proofs by one process and by two. One connection to PostgreSQL waits for the
# server half of the time.
GOALS = {"SQLite": (">= 400000", ">= 10000", ""), "PostgreSQL": (">= 200000", "", ">= 10000")}


def measure() -> Iterator[Figure]:
    """Measure both databases on one chain, then EAS."""
    with tempfile.TemporaryDirectory() as folder, running_chain(Path(folder) / "chain", 2 * ENDINGS) as chain:
        yield from _measure_on("SQLite", chain, Path(folder) / "sqlite", "")
        with running_postgres() as server:
            url = server.new_database()
            ours = yield from _measure_on("PostgreSQL", chain, Path(folder) / "postgres", url)
    theirs = _eas_gas() * REQUESTS * PER_REQUEST
    yield Figure("EAS multiTimestamp, each", theirs / REQUESTS / PER_REQUEST, "gas")
    yield Figure("EAS multiTimestamp of a million against the notary's", theirs / ours, "times as much")


def _measure_on(name: str, chain: Chain, folder: Path, database: str) -> Generator[Figure, None, float]:
    """Measure one notary; return the gas of its million."""
    site, items = make_site(folder, chain, database), words(REQUESTS * PER_REQUEST)
    with site.serve() as notary:
        yield from _million(name, chain, notary, items)
        yield Figure(f"{name}: gas a grant, in full batches", gas := _gas(notary), "gas", "<= 2")
        yield from _singles(name, notary)
        yield Figure(f"{name}: tokens drawn by a sponsor", TOKENS / _draw(notary.url), "/s", ">= 500")
        yield from _proofs(name, notary, items)
        what = f"{name}: from an opening's request to `Revoked`, beyond one block"
        yield Figure(what, _end(chain, notary) - BLOCK_SECONDS, "s", "<= 0.5")
        found = peaks(notary)
        largest = max(found, key=found.__getitem__)
        yield Figure(f"{name}: peak of the largest process", found[largest], "MB", "<= 200")
    with site.serve("--only", "api") as notary:
        yield from _ingestion(name, notary)
    return gas * REQUESTS * PER_REQUEST


def _million(name: str, chain: Chain, notary: Notary, items: list[bytes]) -> Iterator[Figure]:
    parts = [items[at : at + PER_REQUEST] for at in range(0, len(items), PER_REQUEST)]
    bodies = [commit(part) for part in parts]
    began = time.perf_counter()
    seconds, _ = send_all(notary.url, bodies, CONNECTIONS)
    del bodies
    chosen = [_dice.choice(part) for part in parts]
    _until(lambda: "anchor" in _state(notary, chosen[-1]))
    _, answers = send_all(notary.url, [get(f"/v1/commitments/0x{one.hex()}") for one in chosen], CONNECTIONS)
    took = time.perf_counter() - began
    _check(chain, chosen, answers)
    yield Figure(f"{name}: one million commitments, from HTTP to proofs served", took, "s", "<= 60")
    what = f"{name}: its durable ingestion, in requests of {PER_REQUEST:,} while batches close"
    yield Figure(what, len(items) / seconds, "commitments/s")


def _ingestion(name: str, notary: Notary) -> Iterator[Figure]:
    bodies = [commit(words(PER_REQUEST)) for _ in range(REQUESTS)]
    seconds, _ = send_all(notary.url, bodies, CONNECTIONS)
    what = f"{name}: durable ingestion of a million, in requests of {PER_REQUEST:,}, by the API alone"
    yield Figure(what, REQUESTS * PER_REQUEST / seconds, "commitments/s", GOALS[name][0])


def _check(chain: Chain, items: list[bytes], answers: list[bytes]) -> None:
    """Require that each answer proves its commitment, under a root that is on the chain."""
    anchors = [json.loads(answer)["anchor"] for answer in answers]
    for item, anchor in zip(items, anchors, strict=True):
        if root_from(item, map(unhex, anchor["proof"])) != unhex(anchor["root"]):
            raise RuntimeError("a proof does not lead to its root")
    queries = [HandleQuery(root, ZERO_WORD) for root in {anchor["root"] for anchor in anchors}]
    if not all(known.anchored_at for known in RpcLedger(*chain.node).facts(queries).anchors.values()):
        raise RuntimeError("a root is not on the chain")


def _singles(name: str, notary: Notary) -> Iterator[Figure]:
    singles = Pace([commit(words(1), pays=False) for _ in range(SINGLES)], SINGLES_A_SECOND, SINGLE_CONNECTIONS)
    bulk = [commit(words(PER_REQUEST)) for _ in range(SINGLES * BULK_A_SECOND // SINGLES_A_SECOND)]
    took = sorted(send_steadily(notary.url, singles, Pace(bulk, BULK_A_SECOND, CONNECTIONS)))
    what = f"{name}: over HTTP, single requests at {SINGLES_A_SECOND}/s while batches close"
    yield Figure(f"{what}, median", took[SINGLES // 2] * 1_000, "ms")
    yield Figure(f"{what}, 99th percentile", took[SINGLES * 99 // 100] * 1_000, "ms", "<= 25")


def _draw(url: str) -> float:
    _, (info,) = send_all(url, [get("/v1/info")], 1)
    key = read_token_key(urlsafe_b64decode(json.loads(info)["tokenKeys"][0]["key"]))
    draws = [draw_token(key) for _ in range(TOKENS)]
    seconds, answers = send_all(url, [post("/v1/tokens", one.request, REQUEST_TYPE) for one in draws], CONNECTIONS)
    finish_token(draws[0], answers[0])
    return seconds


def _proofs(name: str, notary: Notary, items: list[bytes]) -> Iterator[Figure]:
    """Read random proofs from the database by processes of their own, as API workers do; then over HTTP."""
    chosen = _dice.sample(items, PROOFS)
    named = ("one process", "two processes")
    for readers, (who, goal) in enumerate(zip(named, GOALS[name][1:], strict=True), 1):
        what = f"{name}: single proofs from disk, by {who}"
        yield Figure(what, PROOFS / seconds_of_reading(notary.folder, chosen, readers), "/s", goal)
    asks = [get(f"/v1/commitments/0x{one.hex()}") for one in chosen[:SERVED_PROOFS]]
    yield Figure(f"{name}: single proofs over HTTP", SERVED_PROOFS / send_all(notary.url, asks, CONNECTIONS)[0], "/s")


def _end(chain: Chain, notary: Notary) -> float:
    """Return the seconds of the slowest of several endings, at evenly spread moments between two blocks."""
    return max(_end_one(chain, notary, number / ENDINGS * BLOCK_SECONDS) for number in range(ENDINGS))


def _end_one(chain: Chain, notary: Notary, pause: float) -> float:
    opening, verdict = chain.granted.take()
    if verdict() != "VerifiedGrant":
        raise RuntimeError("the grant is not good before its end")
    ask = post("/v1/revocations", json.dumps({"openings": [opening]}).encode(), pays=False)
    chain.wait_for_block()
    time.sleep(pause)
    began = time.perf_counter()
    send_all(notary.url, [ask], 1)
    _until(lambda: verdict() == "Revoked")
    return time.perf_counter() - began


def _until(found: Callable[[], object]) -> None:
    deadline = time.perf_counter() + _SECONDS
    while not found():
        if time.perf_counter() > deadline:
            raise RuntimeError("it did not happen in time")
        time.sleep(_LOOK_SECONDS)


def _state(notary: Notary, item: bytes) -> dict[str, object]:
    found: dict[str, object] = notary.ask("GET", f"/v1/commitments/0x{item.hex()}")[1]
    return found


def _gas(notary: Notary) -> float:
    return float(notary.ask("GET", "/v1/info")[1]["gasPerGrant"])


def _eas_gas() -> float:
    """Return the gas of each of 1,000 timestamps in one transaction, which is about what a block holds."""
    with anvil() as url:
        service = eas.deploy(Web3Chain(url))
        call = service.eas.functions.multiTimestamp([word(f"stamp {i}") for i in range(PER_REQUEST)])
        return service.chain.gas(call) / PER_REQUEST
