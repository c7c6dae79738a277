"""A brand's service as its operator runs it (`consent brand serve`), with a million consents, on both databases.

The chain is an anvil with a block every two seconds. All programs share this machine's cores. So does the load
generator, which is a process of its own: Python with raw HTTP over a few connections, whose requests are encoded
beforehand. Rows are put straight into the tables. The files of the million are left out, because nothing here reads
them.

"May I?" is asked about people at random, and one process answers. Each question is timed from when it was due. Beside
it, a service looks the same row up without any proof: no view of the chain, no states, no times. `/v1/verify` gets
1,000 files of as many people in a call, a file a line, from two callers. It is compared with `judge` alone on the same
files, whose facts are known. Files are taken without a worker beside it; they become durable, and their facts come
from the node. The follower reads a log of 100,000 events from memory: ends of 5,000 of the million, ends of other
brands' people, and anchors. Its store is the real one. Memory is the peak of all processes of the service together.
"""

from __future__ import annotations

import json
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from registry.core.scalars import checksum
from scripts.benchmarks.brand_follower import follow
from scripts.benchmarks.brand_judge import seconds_of_judging
from scripts.benchmarks.brand_rows import DATA, PURPOSE, people
from scripts.benchmarks.brand_stage import Chain, Site, elsewhere, make_site, running_chain, running_plain
from scripts.benchmarks.figures import Figure
from scripts.benchmarks.notary_load import Pace, post, send_all, send_steadily
from tests.support.postgres import running_postgres

CONSENTS, OURS, EVENTS = 1_000_000, 5_000, 100_000
QUESTIONS, QUESTIONS_A_SECOND, CONNECTIONS = 5_000, 500, 40
SINGLES, SINGLE_CONNECTIONS, BATCHED, A_BATCH = 3_000, 32, 5_000, 1_000
CALLS, WARM = 9, 200
_LINES = "application/jsonl"
_dice = random.Random(1)  # noqa: S311 - who is asked about is no secret


def measure() -> Iterator[Figure]:
    """Measure both databases on one chain."""
    with tempfile.TemporaryDirectory() as name, running_chain(Path(name) / "chain", SINGLES + BATCHED) as chain:
        folder = Path(name)
        yield from _measure_on("SQLite", chain, folder / "sqlite", "")
        with running_postgres() as server:
            yield from _measure_on("PostgreSQL", chain, folder / "postgres", server.new_database())


def _measure_on(name: str, chain: Chain, folder: Path, database: str) -> Iterator[Figure]:
    site = make_site(folder, chain, database, CONSENTS, OURS)
    began = time.perf_counter()
    with site.serve() as service:
        service.wait_until_ready()
        yield Figure(f"{name}: start with one million consents", time.perf_counter() - began, "s", "<= 3")
        yield Figure(f"{name}: start with one million consents, peak of all processes", service.peak(), "MB", "<= 400")
        asked = _questions(site)
        yield from _questioned(f"{name}: may I?", service.internal, asked, "<= 10")
        yield from _verified(name, chain, service.internal)
        yield Figure(f"{name}: peak of all processes, after all questions", service.peak(), "MB")
    with running_plain(site.folder, database) as url:
        yield from _questioned(f"{name}: the same row looked up without any proof", url, asked, "")
    with site.serve("--only", "public") as service:
        yield from _taken(name, service.public, chain.files)
    seconds = elsewhere(follow, site.folder, database, EVENTS, OURS)
    yield Figure(f"{name}: 100,000 events of the log followed", seconds, "s", "<= 20")


def _questions(site: Site) -> list[bytes]:
    ids = _dice.sample(range(OURS + 1, CONSENTS), QUESTIONS)
    return [_question(each) for each in people(site.folder, site.database, ids)]


def _question(subject: bytes) -> bytes:
    asked = {"subject": checksum(subject), "purpose": PURPOSE, "data": [_dice.choice(DATA)]}
    return _post("/v1/allowed", json.dumps(asked).encode())


def _post(path: str, body: bytes, media_type: str = "application/json") -> bytes:
    return post(path, body, media_type, pays=False, host="127.0.0.1")


def _questioned(what: str, url: str, asked: Sequence[bytes], goal: str) -> Iterator[Figure]:
    _, answers = elsewhere(send_all, url, asked[:WARM], CONNECTIONS)
    if not all(json.loads(each)["allowed"] is True for each in answers):
        raise RuntimeError("a person's consent is not known")
    took = sorted(elsewhere(send_steadily, url, Pace(asked, QUESTIONS_A_SECOND, CONNECTIONS), Pace((), 1, 1)))
    at = f"{what}, at {QUESTIONS_A_SECOND}/s"
    yield Figure(f"{at}, median", took[len(took) // 2] * 1_000, "ms")
    yield Figure(f"{at}, 99th percentile", took[len(took) * 99 // 100] * 1_000, "ms", goal)
    seconds, _ = elsewhere(send_all, url, asked, CONNECTIONS)
    yield Figure(f"{what}, as fast as it can", len(asked) / seconds, "/s")


def _verified(name: str, chain: Chain, url: str) -> Iterator[Figure]:
    files = chain.files[:A_BATCH]
    lines = _post("/v1/verify", b"\n".join([b"{}", *files]), _LINES)
    whole = _post("/v1/verify", b'{"files":[' + b",".join(files) + b"]}")
    _, (answer,) = elsewhere(send_all, url, [lines], 1)
    if not all(each["answer"] == "yes" and each["by"] == "log" for each in json.loads(answer)["answers"]):
        raise RuntimeError("a good file was not verified by the log")
    alone = elsewhere(seconds_of_judging, files, chain.domain, chain.account, CALLS)
    called, called_whole = (elsewhere(_seconds_of_a_call, url, ask) for ask in (lines, whole))
    alone = min(alone, elsewhere(seconds_of_judging, files, chain.domain, chain.account, CALLS))
    what = f"{name}: /v1/verify, 1,000 files a call"
    yield Figure(f"{what}, share of the speed of `judge` alone", alone / called, "", ">= 0.7")
    yield Figure(f"{what} as one JSON document, share of the speed of `judge` alone", alone / called_whole, "")
    yield Figure(what, A_BATCH / called, "files/s")


def _seconds_of_a_call(url: str, ask: bytes) -> float:
    return send_all(url, [ask] * CALLS, 2)[0] / CALLS


def _taken(name: str, url: str, files: Sequence[bytes]) -> Iterator[Figure]:
    singles = [_post("/v1/evidence", each) for each in files[:SINGLES]]
    seconds, _ = elsewhere(send_all, url, singles, SINGLE_CONNECTIONS)
    yield Figure(f"{name}: files taken one by one", SINGLES / seconds, "/s", ">= 600")
    parts = [files[at : at + A_BATCH] for at in range(SINGLES, SINGLES + BATCHED, A_BATCH)]
    batches = [_post("/v1/evidence:batch", b'{"files":[' + b",".join(part) + b"]}") for part in parts]
    seconds, answers = elsewhere(send_all, url, batches, 2)
    if not all(each["status"] == 202 for answer in answers for each in json.loads(answer)["answers"]):
        raise RuntimeError("a good file was not taken")
    yield Figure(f"{name}: files taken in batches of 1,000", BATCHED / seconds, "/s", ">= 1500")
