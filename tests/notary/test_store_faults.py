"""What was acknowledged is anchored once, whatever is killed, restarted or brought back from a back-up."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from registry.core.errors import DatabaseUnavailable
from registry.core.merkle import MAX_BATCH, root_from
from registry.notary.ingest import Ingest
from registry.notary.records import Arrival, BatchState, Payment, Times
from registry.notary.settings import NotarySettings
from registry.notary.sql.closing import Built, build
from registry.notary.stores import CHAIN_FILE, INTAKE_FILE, Stores, open_stores
from tests.support.postgres import PostgresServer
from tests.support.soak import SEED, examples
from tests.support.store_fixtures import Place
from tests.support.store_worker import arrival, close_for_ever, draw, word

ROOT = Path(__file__).resolve().parents[2]
Answers = dict[tuple[int, ...], Times]


def anchored(stores: Stores) -> list[bytes]:
    """Close what waits, and return the commitments of all batches, as often as they are anchored."""
    while stores.book.close_batch(int(time.time()), items=MAX_BATCH, seconds=60, at_once=True):
        pass
    blocks = [stores.book.manifest(batch.root) or b"" for batch in stores.book.batches(BatchState.CLOSED, 100_000)]
    return [block[at : at + 32] for block in blocks for at in range(0, len(block), 32)]


def check(stores: Stores, answers: Answers) -> None:
    """Check that everything acknowledged is anchored once, has a proof, and keeps its first times."""
    found = anchored(stores)
    assert len(found) == len(set(found)), "something is anchored twice"
    wanted = {word(number) for numbers in answers for number in numbers}
    assert wanted <= set(found), "something acknowledged is lost"
    for each in wanted:
        proof = stores.book.proof(each)
        assert proof is not None and root_from(each, proof[1]) == proof[0].root
    asked = [arrival(numbers, 1) for numbers in answers]
    for start in range(0, len(asked), 500):
        assert stores.intake.take(asked[start : start + 500]) == list(answers.values())[start : start + 500]


def test_two_workers_never_wait_for_each_other(postgres: PostgresServer, postgres_url: str, tmp_path: Path) -> None:
    """PostgreSQL ends such a wait after a second, by undoing what one of them has done."""
    workers = [Place(tmp_path, postgres_url).open() for _ in range(2)]
    sponsors = [workers[0].intake.add_sponsor(f"{name}", bytes([name]) * 32, 10**6, 1).id for name in range(4)]
    chance = random.Random(SEED)
    tokens = [chance.randbytes(32) for _ in range(300)]
    pays = [Payment(sponsor=each) for each in sponsors] * 30 + [Payment(each, 9) for each in tokens] * 2

    def groups() -> list[list[Arrival]]:
        chance.shuffle(pays)
        keys = [chance.randbytes(32) for _ in range(600)]
        arrivals = [Arrival(key, key, Times(1, 2), pay) for key, pay in zip(keys, pays, strict=False)]
        return [arrivals[start : start + 200] for start in range(0, 600, 200)]

    work, before = [groups(), groups()], postgres.said()
    threads = [
        threading.Thread(target=lambda worker=worker, mine=mine: [worker.intake.take(group) for group in mine])
        for worker, mine in zip(workers, work, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert "deadlock detected" not in postgres.said()[len(before) :]


@contextmanager
def working(place: Place, seed: int) -> Iterator[subprocess.Popen[str]]:
    """Run a worker; at the end it is killed, if it is not dead already."""
    command = [sys.executable, "-m", "tests.support.store_worker", place.database, str(place.folder), str(seed)]
    worker = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": "."}
    )
    assert worker.stdout is not None
    with worker.stdout:
        yield worker
        if worker.poll() is None:
            worker.send_signal(signal.SIGKILL)
        worker.wait(60)


def read_all(worker: subprocess.Popen[str], answers: Answers, started: threading.Event) -> None:
    assert worker.stdout is not None
    for line in worker.stdout:
        if line.endswith("\n"):  # else the kill cut it
            numbers, times = json.loads(line)
            first = answers.setdefault(tuple(numbers), Times(*times))
            assert first == Times(*times), "a repeat got another promise"
            started.set()


@pytest.mark.slow
def test_killed_workers_lose_nothing_and_anchor_nothing_twice(place: Place) -> None:
    place.open()
    dice, answers = random.Random(SEED), Answers()
    for kill in range(examples(3, 50)):
        with ExitStack() as stack:
            workers = [stack.enter_context(working(place, 2 * kill + number)) for number in range(2)]
            events = [threading.Event() for _ in workers]
            readers = [
                threading.Thread(target=read_all, args=(worker, answers, event))
                for worker, event in zip(workers, events, strict=True)
            ]
            for reader in readers:
                reader.start()
            assert all(event.wait(60) for event in events)
            time.sleep(dice.random())
            for worker in workers:
                worker.kill()
                time.sleep(dice.random() / 10)
            for reader in readers:
                reader.join(60)
    assert len(answers) > 100
    check(place.open(), answers)


@pytest.mark.slow
def test_postgres_restarted_under_load(postgres: PostgresServer, postgres_url: str, tmp_path: Path) -> None:
    place, stop, answers, failed = Place(tmp_path, postgres_url), threading.Event(), Answers(), list[str]()
    stores = place.open()
    ingest = Ingest(stores.intake)

    def take(seed: int) -> None:
        dice, clock = random.Random(seed), seed * 1_000_000
        while not stop.is_set():
            clock += 1
            numbers = tuple(draw(dice))
            try:
                times = ingest.submit(arrival(numbers, clock)).result(60)
            except DatabaseUnavailable as error:
                failed.append(str(error))
                continue
            assert isinstance(times, Times)
            assert answers.setdefault(numbers, times) == times

    threads = [threading.Thread(target=take, args=(seed,)) for seed in range(4)]
    threads += [threading.Thread(target=close_for_ever, args=(place.open(), stop)) for _ in range(2)]
    for each in threads:
        each.start()
    dice = random.Random(SEED)
    for number in range(examples(3, 20)):
        time.sleep(0.2 + dice.random())
        before = len(answers)
        (postgres.kill if number % 2 == 0 else postgres.stop)()
        postgres.start()
        deadline = time.monotonic() + 30
        while len(answers) <= before + 20:
            assert time.monotonic() < deadline, "the stores do not come back"
            time.sleep(0.01)
    stop.set()
    for each in threads:
        each.join(60)
    ingest.close()
    assert not any("consent@" in each or "host=" in each for each in failed)
    check(place.open(), answers)


def test_two_workers_close_the_same_commitments_at_once(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither sees the other's batch before both write, so the database refuses one, which is then made again."""
    place = Place(tmp_path, postgres_url)
    stores, both, builds = place.open(), threading.Barrier(3), list[int]()

    def build_together(commitments: list[bytes], closed_at: int, due: int) -> Built:
        builds.append(len(commitments))
        if len(builds) <= 2:
            both.wait(30)
        return build(commitments, closed_at, due)

    monkeypatch.setattr("registry.notary.sql.postgres_batches.build", build_together)
    closers = []
    for numbers in (range(10), range(5, 15)):
        stores.intake.take([arrival(numbers, 1)])
        closer = threading.Thread(target=lambda: place.open().book.close_batch(1, items=1, seconds=60))
        closer.start()
        closers.append(closer)
        deadline = time.monotonic() + 30
        while len(builds) < len(closers):
            assert time.monotonic() < deadline
            time.sleep(0.01)
    both.wait(30)
    for each in closers:
        each.join(60)
    assert builds == [10, 10, 5]
    found = anchored(stores)
    assert sorted(found) == sorted(word(number) for number in range(15))


def test_an_older_intake_is_brought_back(tmp_path: Path) -> None:
    """New requests must not get numbers that the chain book counts as taken."""
    stores = open_stores(tmp_path, NotarySettings())
    stores.intake.take([arrival([1], 1)])
    saved = tmp_path / "saved"
    shutil.copytree(tmp_path, saved)
    stores.intake.take([arrival([number], 2) for number in range(2, 30)])
    assert len(anchored(stores)) == 29
    for path in tmp_path.glob(f"{INTAKE_FILE}*"):
        path.unlink()
    for path in saved.glob(f"{INTAKE_FILE}*"):
        shutil.copy(path, tmp_path)
    restored = open_stores(tmp_path, NotarySettings())
    assert restored.intake.waiting().commitments == 0
    restored.intake.take([arrival([number], 3) for number in range(20, 40)])
    assert restored.intake.waiting().commitments == 20
    assert sorted(anchored(restored)) == sorted(word(number) for number in range(1, 40))


def test_a_chain_book_that_is_lost_and_rebuilt(tmp_path: Path) -> None:
    stores = open_stores(tmp_path, NotarySettings())
    stores.intake.take([arrival(range(10), 1)])
    batch = stores.book.close_batch(1, items=1, seconds=60)
    assert batch is not None
    block = stores.book.manifest(batch.root) or b""
    stores.intake.take([arrival(range(8, 14), 2)])
    for path in tmp_path.glob(f"{CHAIN_FILE}*"):
        path.unlink()
    again = open_stores(tmp_path, NotarySettings())
    assert again.intake.waiting().commitments == 16
    again.book.add_rebuilt([block[at : at + 32] for at in range(0, len(block), 32)], "0x1", 5, 6)
    assert sorted(anchored(again)) == sorted(word(number) for number in range(10, 14))
    assert again.intake.take([arrival(range(10), 3)]) == [Times(1, 901)]


@pytest.mark.parametrize("file", [INTAKE_FILE, CHAIN_FILE])
def test_a_damaged_file_is_told(tmp_path: Path, file: str) -> None:
    (tmp_path / "first").mkdir()
    open_stores(tmp_path / "first", NotarySettings())
    # A copy, because the stores that are open would write into a damaged file.
    folder = Path(shutil.copytree(tmp_path / "first", tmp_path / "folder"))
    for path in folder.glob(f"{file}-*"):
        path.unlink()
    (folder / file).write_bytes(b"\x01" * 8_192)
    with pytest.raises(DatabaseUnavailable, match=f"{file} cannot be used: the file is not a database"):
        open_stores(folder, NotarySettings())
