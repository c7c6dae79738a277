"""A person or the real notary is killed: what a person signed is anchored once, and a broken promise is told."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from registry.client.home import Home
from registry.core.evidence.file import Evidence, commitment_of, parse_evidence
from registry.core.evidence.pending import parse_pending
from registry.core.promises import PromiseFile, SignedPromise, parse_promise_file
from registry.core.scalars import unhex
from registry.ledger import abi
from registry.ledger.anvil import ETHER, Anvil
from registry.ledger.base import Deployment
from registry.storage.sqlite_store import SqliteBlocks
from tests.support.devnet_runs import PATIENCE
from tests.support.levers import AnvilLevers, running_anvil
from tests.support.notary_runs import Notary, make_network, make_notary, until
from tests.support.notary_stage import ChainAudit
from tests.support.paths import ROOT
from tests.support.real_network import DATUM, consent, document_of, make_parties, start
from tests.support.soak import SEED, examples

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="the parts of a notary are looked up in /proc"),
]
PURCHASES = ROOT / "registry" / "data" / "purchases.csv"
# The client waits as long in the last test, so it is short. The notary closes no batch before that.
PROMISED = 20
MOMENTS = 6


@dataclass
class World:
    """Alice has data and was asked; nobody but the notary pays. `home` makes a home as hers is then.

    Each home has a store of its own beside it: a change of the vault erases what an older index held.
    """

    folder: Path
    network: Path
    node: tuple[str, Deployment]
    account: str
    numbers: Iterator[int] = field(default_factory=lambda: iter(range(10_000)))

    def home(self) -> Path:
        return Path(shutil.copytree(self.folder / "asked", self.folder / str(next(self.numbers)))) / "alice"

    def start(self, home: Path, *arguments: object) -> subprocess.Popen[str]:
        return start(home.parent / "network", home, *arguments)

    def named(self, notary: Notary) -> tuple[str, str]:
        return "--notary", f"{notary.url}#{self.account}"

    def consent(self, home: Path, *arguments: object, code: int = 0) -> dict[str, Any]:
        return document_of(self.start(home, *arguments), code)

    @property
    def audit(self) -> ChainAudit:
        return ChainAudit(AnvilLevers(*self.node), self.account)

    @property
    def anchors(self) -> int:
        return len(self.audit.logs(abi.ANCHORED))

    def anchored(self) -> Counter[bytes]:
        """How often the notary anchored each commitment."""
        audit, blocks = self.audit, SqliteBlocks(self.network / "blocks.sqlite")
        return Counter(item for root in audit.roots() for item in audit.manifest(root, blocks))  # type: ignore[arg-type]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with running_anvil("--block-time", "1") as node:
        network = make_network(tmp_path / "network", node)
        make_parties(tmp_path, network)
        consent(network, tmp_path / "alice", "vault", "add", PURCHASES, "--category", DATUM)
        for name in ("alice", "network"):
            shutil.copytree(tmp_path / name, tmp_path / "asked" / name)
        # No batch closes while `PROMISED` lasts, unless a test says otherwise.
        account = make_notary(tmp_path / "notary", batch_seconds=PROMISED - 1, promise_seconds=PROMISED)
        Anvil(node[0]).fund(account, 100 * ETHER)
        yield World(tmp_path, network, node, account)


@pytest.fixture
def quick(world: World) -> Iterator[tuple[World, Notary]]:
    """The world, and its notary with batches of a second."""
    settings = world.folder / "notary" / "notary.toml"
    quick = {
        f"batch_seconds = {PROMISED - 1}": "batch_seconds = 1",
        f"promise_seconds = {PROMISED}": "promise_seconds = 120",
    }
    text = settings.read_text()
    for old, new in quick.items():
        assert text.count(old) == 1, text
        text = text.replace(old, new)
    settings.write_text(text)
    with Notary(world.folder / "notary", world.network) as notary:
        until(notary.is_ready)
        yield world, notary


def evidence_in(home: Path) -> list[Path]:
    return sorted((home / "evidence").glob("0x*.json"))


def killed_after(world: World, home: Path, seconds: float, *arguments: object) -> None:
    """Run a command, and kill it after so many seconds, unless it has ended."""
    process = world.start(home, *arguments)
    with suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    process.kill()
    process.communicate(timeout=PATIENCE)


def completed(world: World, home: Path, notary: tuple[str, str]) -> Evidence:
    """Do what a person does after a crash: look, until nothing waits; grant again where nothing was sent."""

    def is_settled() -> bool:
        waiting = [each for each in world.consent(home, "status", *notary)["pending"] if each["state"] == "waiting"]
        for each in waiting:
            if "never stored" in each["why"]:
                world.consent(home, "evidence", "drop", each["digest"], "--yes", *notary)
        return not waiting

    until(is_settled)
    if not evidence_in(home):
        world.consent(home, "grant", world.folder / "request.json", "--yes", *notary)
    (file,) = evidence_in(home)
    return parse_evidence(file.read_bytes())


@pytest.mark.timeout(1_800)
def test_a_grant_that_is_killed_at_random_moments_is_anchored_once(quick: tuple[World, Notary]) -> None:
    world, notary = quick
    named, chance, count = world.named(notary), random.Random(SEED), examples(MOMENTS, 60)
    grant = ("grant", world.folder / "request.json", "--yes", *named)
    began = time.monotonic()
    world.consent(world.home(), *grant)
    lasts, done = time.monotonic() - began, []
    for number in range(count):
        home, before = world.home(), world.anchors
        # One moment in each part of the time that a grant takes.
        killed_after(world, home, lasts * (number + chance.random()) / count, *grant)
        given = completed(world, home, named)
        assert world.consent(home, "verify", evidence_in(home)[0])["verified"] is True
        assert world.anchors == before + 1
        assert world.consent(home, "status", *named)["pending"] == [] == list((home / "pending").glob("*.json"))
        done.append(commitment_of(given))
    anchored = world.anchored()
    assert len(set(done)) == count and {anchored[each] for each in done} == {1}
    assert "Traceback" not in notary.errors.read_text()


def kill(notary: Notary) -> None:
    """Kill all of it. The supervisor stands still first, so that it starts nothing again."""
    parts = [notary.part(name) for name in ("api", "worker")]
    os.kill(notary.process.pid, signal.SIGSTOP)
    for pid in (*parts, notary.process.pid):
        os.kill(pid, signal.SIGKILL)
    notary.process.wait(PATIENCE)
    notary.close()


def promise_in(home: Path) -> SignedPromise | None:
    for path in (home / "pending").glob("0x*.json"):
        if isinstance(promise := parse_pending(path.read_bytes()).promise, SignedPromise):
            return promise
    return None


def judged(world: World, home: Path, *arguments: object) -> tuple[int, str]:
    """The exit code of `notary judge` for the promise in this home, and the state that it tells."""
    (file,) = (home / "promises").glob("0x*.json")
    process = world.start(home, "notary", "judge", file, *arguments)
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, json.loads(out)["state"] if out else err


def kept_promise(home: Path) -> PromiseFile:
    (file,) = (home / "promises").glob("0x*.json")
    return parse_promise_file(file.read_bytes())


def finished_by_two(world: World, home: Path, digest: str, *options: str) -> None:
    """Two processes go on with it at once: one does it, the other finds it done or says that another is at it."""
    both = [world.start(home, "evidence", "finish", digest, *options) for _ in range(2)]
    said = [(process.communicate(timeout=PATIENCE), process.returncode) for process in both]
    assert {code for _, code in said} <= {0, 2, 3} and 0 in [code for _, code in said], said


@pytest.mark.timeout(600)
def test_a_notary_that_vanishes_after_its_promise_is_waited_for_and_replaced(
    world: World, request: pytest.FixtureRequest
) -> None:
    asked, waits, leaves = world.folder / "request.json", world.home(), world.home()
    payer = Home(waits).account("main").address
    Anvil(world.node[0]).fund(payer, ETHER)
    notary = Notary(world.folder / "notary", world.network).__enter__()
    request.addfinalizer(notary.process.kill)
    until(notary.is_ready)
    named = world.named(notary)
    left = world.consent(leaves, "grant", asked, "--yes", "--no-wait", *named)
    running = world.start(waits, "grant", asked, "--yes", "--sender", "main", *named)
    promise = until(lambda: promise_in(waits))
    kill(notary)
    assert world.anchors == 0 and left["state"] == "pending"
    (waiting,) = world.consent(leaves, "status", *named)["pending"]
    assert waiting["state"] == "waiting" and "will anchor it by" in waiting["why"]
    done = document_of(running)
    given = parse_evidence(Path(done["file"]).read_bytes())
    # It did not pay before the promise was due, and then it did.
    assert done["anchor"]["sender"] == payer and done["anchor"]["time"] > promise.message.due
    assert world.consent(waits, "verify", done["file"])["verified"] is True
    assert world.consent(leaves, "status", *named)["pending"][0]["state"] == "waiting"
    finished_by_two(world, leaves, left["digest"], "--sender", "main", *named)
    for home in (waits, leaves):
        file = kept_promise(home)
        assert (file.notary, len(evidence_in(home))) == (world.account, 1)
        assert judged(world, home) == (3, "Unshown")
        assert judged(world, home, "--evidence", evidence_in(home)[0]) == (1, "Late")
    assert kept_promise(waits).item == "0x" + commitment_of(given).hex() and kept_promise(waits).promise == promise
    assert world.anchors == 2 and unhex(kept_promise(waits).item) not in world.anchored()
    assert world.consent(waits, "status", *named)["pending"] == []
