"""SIGKILL at every step of a grant, an acceptance and an ending through a notary: nothing is lost, nothing twice."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from registry.cli.main import run
from registry.client.network_config import open_ledger, open_network
from registry.config.network_file import Settings
from registry.core.evidence.file import Evidence, parse_evidence
from registry.core.ipld.cid import cid_from_digest
from registry.core.scalars import unhex
from registry.core.statements.messages import Grant
from tests.support.killed_client import killed_at
from tests.support.soak import sampled
from tests.support.stub_notary import StubNotary, serving

pytestmark = pytest.mark.slow
# More than any of the commands has; `test_the_steps_are_all_of_them` holds it.
MOST = 45
SAMPLE = 7
Copy = Callable[[], Path]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copy]:
    """Copies of a world in which Alice has data and was asked; another each time."""
    folder = tmp_path_factory.mktemp("killed")
    assert run(["demo", "--until", "asked", "--dir", str(folder / "asked"), "--json"]) == 0
    count = iter(range(10_000))

    def copied() -> Path:
        return Path(shutil.copytree(folder / "asked", folder / str(next(count))))

    yield copied


class Party:
    """``consent`` as one home of a world, with a notary."""

    def __init__(self, world: Path, who: str, notary: StubNotary | None, capsys: pytest.CaptureFixture[str]) -> None:
        self.world, self.home, self._capsys = world, world / who, capsys
        self._more = ["--home", str(self.home), "--network", str(world / "network")]
        self._more += [] if notary is None else ["--notary", notary.named]

    def killed(self, step: int, *arguments: object) -> int | None:
        return killed_at(step, [*arguments, *self._more], {"CONSENT_HOME": "", "CONSENT_NETWORK": ""})

    def json(self, *arguments: object, code: int = 0) -> Any:
        self._capsys.readouterr()
        found = run([*map(str, arguments), "--json", *self._more])
        out = self._capsys.readouterr()
        assert found == code, (found, out)
        return json.loads(out.out.splitlines()[-1])

    @property
    def evidence(self) -> list[Evidence]:
        return [parse_evidence(path.read_bytes()) for path in (self.home / "evidence").glob("0x*.json")]


@contextmanager
def notary_in(world: Path) -> Iterator[StubNotary]:
    with ExitStack() as stack:
        ledger = open_ledger(world / "network", Settings())
        yield stack.enter_context(serving(StubNotary(ledger, lambda: int(time.time()))))


def capsule_is_stored(world: Path, evidence: Evidence) -> bool:
    message = evidence.statement.message
    assert isinstance(message, Grant)
    return open_network(world / "network").store.has(cid_from_digest(unhex(message.content)))


@pytest.mark.parametrize("step", sampled(range(1, MOST), SAMPLE))
def test_a_killed_grant_is_whole_or_never_was(step: int, world: Copy, capsys: pytest.CaptureFixture[str]) -> None:
    folder = world()
    with notary_in(folder) as notary:
        alice = Party(folder, "alice", notary, capsys)
        grant = ("grant", folder / "request.json", "--yes")
        if (steps := alice.killed(step, *grant)) is not None:
            assert steps < step and len(alice.evidence) == 1
            return
        promised = len(notary.times)
        status = alice.json("status")
        left = [each for each in status["pending"] if each["state"] == "waiting"]
        if left:
            # Killed before its data was stored: nothing was sent.
            assert promised == 0 and "never stored" in left[0]["why"]
            alice.json("evidence", "drop", left[0]["digest"], "--yes")
        if not alice.evidence:
            assert promised == 0
            alice.json(*grant)
        (given,) = alice.evidence
        assert capsule_is_stored(folder, given) and len(notary.times) == 1
        assert [each["state"] for each in alice.json("status")["evidence"]] == ["Valid"]
        assert not list((alice.home / "pending").glob("0x*")) and alice.json("status")["pending"] == []
        assert len(notary.batches) == 1


@pytest.mark.parametrize("step", sampled(range(1, MOST), SAMPLE))
def test_a_killed_acceptance_and_ending(step: int, world: Copy, capsys: pytest.CaptureFixture[str]) -> None:
    folder = world()
    with notary_in(folder) as notary:
        alice, brand = Party(folder, "alice", notary, capsys), Party(folder, "aurelle", notary, capsys)
        file = alice.json("grant", folder / "request.json", "--yes")["file"]
        killed = brand.killed(step, "accept", file) is None
        brand.json("status")
        if killed and not brand.evidence:
            brand.json("accept", file)
        assert [each["accepted"] for each in brand.json("status")["evidence"]] in ([True], [False])
        brand.json("accept", file)
        assert [each["accepted"] for each in brand.json("status")["evidence"]] == [True]
        alice.killed(step, "revoke", file, "--yes")
        alice.json("revoke", file, "--yes")
        assert [each["state"] for each in alice.json("status")["evidence"]] == ["Revoked"]
        assert alice.json("status")["promises"] == []


@pytest.mark.parametrize("step", sampled(range(1, MOST), SAMPLE))
def test_a_killed_grant_that_is_paid_by_oneself(step: int, world: Copy, capsys: pytest.CaptureFixture[str]) -> None:
    folder = world()
    alice = Party(folder, "alice", None, capsys)
    grant = ("grant", folder / "request.json", "--yes")
    before = alice.json("status")["block"]
    alice.killed(step, *grant)
    for each in alice.json("status")["pending"]:
        if each["state"] == "waiting":
            assert "never stored" in each["why"]
            alice.json("evidence", "drop", each["digest"], "--yes")
    if not alice.evidence:
        alice.json(*grant)
    (given,) = alice.evidence
    said = alice.json("status")
    assert [each["state"] for each in said["evidence"]] == ["Valid"] and said["pending"] == []
    assert said["block"] == before + 1 and capsule_is_stored(folder, given)


def test_the_steps_are_all_of_them(world: Copy, capsys: pytest.CaptureFixture[str]) -> None:
    folder = world()
    with notary_in(folder) as notary:
        steps = Party(folder, "alice", notary, capsys).killed(10**6, "grant", folder / "request.json", "--yes")
    assert steps is not None and 10 < steps < MOST, steps
