"""The devnet's parts one by one: what is watched, what is kept of logs, whose processes are ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from filelock import FileLock, Timeout

from registry.core.errors import CouldNotCheck, InvalidInput, LedgerUnavailable
from registry.core.ipld.cid import Block, cid_of_block
from registry.devnet.folders import Folder, Running
from registry.devnet.processes import (
    Child,
    ChildEnded,
    ProcessIdentity,
    Tail,
    end_process,
    is_alive,
    process_identity,
    shorten,
    wait_until,
)
from registry.devnet.watching import Event, Watcher
from registry.ledger.anvil import ETHER, Anvil
from registry.ledger.base import Deployment
from registry.ledger.deploy import deploy
from registry.ledger.rpc import RpcLedger
from registry.storage.sqlite_store import SqliteBlocks
from registry.wallets.keywallet import KeyWallet
from tests.support.devnet_runs import consent
from tests.support.tools import tool

pytestmark = pytest.mark.slow

PATIENCE = 30.0
WALLET = KeyWallet(b"\x77" * 32)
ROOT = "0x" + "ab" * 32


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Child, str]]:
    log = tmp_path_factory.mktemp("anvil") / "anvil.log"
    child = Child("anvil", [tool("anvil"), "--port", "0", "--accounts", "0", "--prune-history", "8"], log, os.environ)
    try:
        assert wait_until(lambda: "Listening on 127.0.0.1:" in child.output(), PATIENCE)
        yield child, f"http://127.0.0.1:{child.output().rpartition(':')[2].split()[0]}"
    finally:
        child.end()


@pytest.fixture(scope="module")
def url(started: tuple[Child, str]) -> str:
    return started[1]


@pytest.fixture(scope="module")
def deployment(url: str) -> Deployment:
    Anvil(url).fund(WALLET.address, 100 * ETHER)
    return deploy(url, WALLET)


@pytest.fixture
def ledger(url: str, deployment: Deployment) -> RpcLedger:
    return RpcLedger(url, deployment, relay=WALLET)


@pytest.fixture
def watcher(url: str, deployment: Deployment, tmp_path: Path) -> Watcher:
    return Watcher(Anvil(url), deployment, SqliteBlocks(tmp_path / "blocks.sqlite"))


def test_what_the_registry_logs_is_told_and_counted(watcher: Watcher, ledger: RpcLedger) -> None:
    before = dict(watcher.counts)
    assert watcher.poll() == []
    anchored = ledger.transact("anchor", ROOT, "0x" + "00" * 32)
    ledger.transact("revoke", "0x" + "11" * 32, "0x" + "22" * 32)
    ledger.transact("revokeAll")
    blocks, anchor, revocation, all_ = watcher.poll()
    assert blocks.more == {"first": anchored.block, "last": anchored.block + 2}
    told = {"block": anchored.block, "subject": ROOT, "transaction": anchored.transaction}
    assert (anchor.kind, anchor.more) == ("anchor", told)
    assert revocation.kind == "revocation" and len(revocation.more["subject"]) == 66
    assert (all_.kind, all_.more["subject"]) == ("revoke-all", WALLET.address)
    assert {kind: watcher.counts[kind] - before.get(kind, 0) for kind in watcher.counts} == {
        "anchor": 1,
        "revocation": 1,
        "revoke-all": 1,
    }
    assert watcher.poll() == []


def test_a_reorganisation_is_told_and_counted_anew(watcher: Watcher, ledger: RpcLedger) -> None:
    ledger.transact("anchor", ROOT, "0x" + "00" * 32)
    watcher.poll()
    before = watcher.counts["anchor"]
    watcher._anvil._answer("anvil_reorg", 1, [])
    (told,) = watcher.poll()
    assert told.kind == "reorganised" and watcher.counts["anchor"] == before - 1
    # Longer than before, but without what it held.
    ledger.transact("anchor", ROOT, "0x" + "00" * 32)
    watcher.poll()
    watcher._anvil._answer("anvil_reorg", 1, [])
    watcher._anvil._answer("anvil_mine", "0x3")
    assert [one.kind for one in watcher.poll()] == ["reorganised"]


def test_pins_are_told_when_they_change(watcher: Watcher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry.devnet.watching.PINS_SECONDS", 0.0)
    watcher.poll()
    watcher._store.put([Block(cid_of_block(b"a block"), b"a block")])
    (told,) = watcher.poll()
    assert (told.kind, told.more) == ("pins", {"blocks": 1, "bytes": 7})
    assert watcher.poll() == []


def test_silence_is_told_once(started: tuple[Child, str], deployment: Deployment, tmp_path: Path) -> None:
    child, url = started
    watcher = Watcher(Anvil(url, PATIENCE), deployment, SqliteBlocks(tmp_path / "blocks.sqlite"))
    watcher._anvil = Anvil(url, 0.5)
    for _ in range(2):
        os.kill(child.identity.pid, signal.SIGSTOP)
        try:
            news: list[Event] = []
            assert wait_until(lambda: news.extend(watcher.poll()) or news != [], PATIENCE)  # noqa: B023
            (told,) = news
            assert told.kind == "silent" and told.more["which"] == "anvil" and "no answer" in told.more["why"]
            assert watcher.poll() == []
        finally:
            os.kill(child.identity.pid, signal.SIGCONT)
        assert wait_until(lambda: watcher.poll() == [] and not watcher._silent, PATIENCE)


def test_the_state_is_one_that_anvil_takes(url: str, ledger: RpcLedger, tmp_path: Path) -> None:
    anvil = Anvil(url)
    ledger.transact("anchor", ROOT, "0x" + "00" * 32)
    file, tip = tmp_path / "state.json", anvil.tip()
    file.write_bytes(anvil.state())
    assert 1 < len(json.loads(file.read_bytes())["historical_states"]) <= 8
    command = [tool("anvil"), "--port", "0", "--accounts", "0", "--prune-history", "8", "--load-state", file]
    child = Child("anvil", command, tmp_path / "log", os.environ)
    try:
        assert wait_until(lambda: "Listening on 127.0.0.1:" in child.output(), PATIENCE)
        other = Anvil(f"http://127.0.0.1:{child.output().rpartition(':')[2].split()[0]}")
        assert other.tip().hash == tip.hash and other.balance(WALLET.address) == anvil.balance(WALLET.address)
        assert other.logged(ledger.deployment, 0, tip.number) == anvil.logged(ledger.deployment, 0, tip.number) != []
    finally:
        child.end()


def test_a_state_over_the_limit_goes_without_old_states(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    anvil = Anvil(url)
    whole = anvil._dumped(False)
    assert len(anvil._dumped(True)) > len(whole)
    real = Anvil._dumped

    def over_the_limit(self: Anvil, with_old_states: bool) -> bytes:
        if with_old_states:
            raise LedgerUnavailable("its answer is too long")
        return real(self, with_old_states)

    monkeypatch.setattr(Anvil, "_dumped", over_the_limit)
    assert json.loads(anvil.state())["historical_states"] is None


def test_another_node_is_no_anvil(tmp_path: Path) -> None:
    with pytest.raises(LedgerUnavailable):
        Anvil("http://127.0.0.1:9").tip()


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["sleep", "600"])
    yield process
    process.kill()
    process.wait()


def test_what_a_killed_devnet_left_behind_is_ended(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    folder = Folder(tmp_path / "devnet")
    child = process_identity("anvil", sleeper.pid)
    assert is_alive(child) and child.proof.endswith("sleep 600")
    folder.claim()
    folder.write(Running(ProcessIdentity("devnet", 1, "gone"), 0, (child,)))
    with folder.held():
        assert sleeper.wait(PATIENCE) == -15
    assert not is_alive(child) and folder.read() is None


def test_a_process_is_identified_once_its_program_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that is just starting shows no command line. An identity made then would match nothing later."""
    proofs = iter(["7 ", "7 ", "7 sleep 600"])
    last = ["7 "]

    def proof(_pid: int) -> str:
        last[0] = next(proofs, last[0])
        return last[0]

    monkeypatch.setattr("registry.devnet.processes._proof", proof)
    assert process_identity("anvil", 1).proof == "7 sleep 600"


def test_a_process_that_only_has_the_same_id_is_left_alone(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    folder = Folder(tmp_path / "devnet")
    folder.claim()
    real = process_identity("anvil", sleeper.pid)
    start, _, command = real.proof.partition(" ")
    for proof in ("", f"{int(start) - 1} {command}", f"{start} {command}0"):
        folder.write(
            Running(ProcessIdentity("devnet", sleeper.pid, proof), 0, (ProcessIdentity("anvil", sleeper.pid, proof),))
        )
        assert folder.stop() is False
    with folder.held():
        pass
    assert sleeper.poll() is None


_SLOW_TO_END = """
import signal, time
signal.signal(signal.SIGTERM, lambda *_: (time.sleep(1.5), exit()))
print("ready", flush=True)
time.sleep(60)
"""


def test_nothing_starts_while_stop_ends_what_was_left(tmp_path: Path) -> None:
    """``devnet stop`` once read ``running.json`` without the lock, and ended a devnet that had just started."""
    folder = Folder(tmp_path / "devnet")
    folder.claim()
    with subprocess.Popen([sys.executable, "-c", _SLOW_TO_END], stdout=subprocess.PIPE) as orphan:
        assert orphan.stdout is not None and orphan.stdout.readline() == b"ready\n"
        left = process_identity("anvil", orphan.pid)
        folder.write(Running(ProcessIdentity("devnet", 0, ""), 0, (left,)))
        with ThreadPoolExecutor(1) as pool:
            stopped = pool.submit(folder.stop)
            # Test the lock directly: `is_held` would wait for it.
            assert wait_until(lambda: is_locked(folder) or stopped.done(), PATIENCE)
            assert not stopped.done() and is_alive(left)
            assert stopped.result(PATIENCE)
    assert folder.read() is None and not folder.is_held()


def is_locked(folder: Folder) -> bool:
    try:
        with FileLock(folder.path / "devnet.lock").acquire(blocking=False):
            return False
    except Timeout:
        return True


@pytest.mark.parametrize("left", [None, Running(ProcessIdentity("devnet", 1, "gone"), 0)], ids=["new", "after a kill"])
def test_one_that_starts_is_stopped_once_it_says_who_it_is(
    tmp_path: Path, sleeper: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch, left: Running | None
) -> None:
    monkeypatch.setattr("registry.devnet.folders.LOOK_SECONDS", 0.1)
    folder = Folder(tmp_path / "devnet")
    with ThreadPoolExecutor(1) as pool:
        with folder.held():
            if left is not None:
                folder.write(left)
            stopped = pool.submit(folder.stop)
            assert not wait_until(stopped.done, 0.5)
            folder.write(Running(process_identity("devnet", sleeper.pid), 0))
            assert sleeper.wait(PATIENCE) == -15
        assert stopped.result(PATIENCE)


def test_one_that_never_says_who_it_is_cannot_be_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry.devnet.folders.STARTING_SECONDS", 0.1)
    monkeypatch.setattr("registry.devnet.folders.LOOK_SECONDS", 0.1)
    folder = Folder(tmp_path / "devnet")
    with folder.held(), pytest.raises(CouldNotCheck, match="did not end"):
        folder.stop()


def test_one_that_does_not_listen_is_ended_by_force(tmp_path: Path) -> None:
    process = subprocess.Popen(["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.1; done"], stdout=-1)
    assert process.stdout is not None and process.stdout.readline() == b"ready\n"
    process.stdout.close()
    assert end_process(process_identity("sh", process.pid), 0.3)
    assert process.wait(PATIENCE) == -9


def test_a_child_says_how_it_ended(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("of an earlier run\n")
    child = Child("anvil", ["sh", "-c", "echo why; exit 7"], log, os.environ)
    assert wait_until(lambda: not child.is_running(), PATIENCE)
    with pytest.raises(ChildEnded, match="exit code 7") as caught:
        child.check()
    assert child.output() == "why\n" and caught.value.lines[-1] == "why"
    child.end()


def test_one_devnet_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry.devnet.folders.LOOK_SECONDS", 0.1)
    folder = Folder(tmp_path / "devnet")
    assert not folder.is_held()
    with folder.held():
        assert folder.is_held()
        with pytest.raises(InvalidInput, match="runs in"), Folder(folder.path).held():
            pass
    assert not folder.is_held()


def test_who_only_looks_is_no_devnet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry.devnet.folders.LOOK_SECONDS", PATIENCE)
    folder = Folder(tmp_path / "devnet")
    folder.claim()
    looking = FileLock(folder.path / "devnet.lock")
    looking.acquire()
    with ThreadPoolExecutor(1) as pool:
        seen = pool.submit(folder.is_held)
        assert not wait_until(seen.done, 0.3)
        looking.release()
        assert seen.result(PATIENCE) is False


def test_one_that_was_killed_does_not_run_while_another_ends_what_it_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.devnet.folders.LOOK_SECONDS", 0.1)
    folder = Folder(tmp_path / "devnet")
    with folder.held():
        folder.write(Running(ProcessIdentity("devnet", 1, "gone"), 0, ready=True))
        assert folder.is_held() and folder.running() is None
        status = consent(tmp_path, "devnet", "status", "--dir", folder.path)
        assert status.returncode == 1 and "no devnet runs" in status.stdout


def test_where_the_system_tells_nothing_of_processes_who_is_named_runs(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "devnet")
    with folder.held():
        folder.write(Running(ProcessIdentity("devnet", 1, ""), 0))
        assert folder.running() == folder.read() is not None


def test_nobody_waits_to_see_one_that_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry.devnet.folders.LOOK_SECONDS", 2 * PATIENCE)
    folder = Folder(tmp_path / "devnet")
    with folder.held(), ThreadPoolExecutor(1) as pool:
        folder.write(Running(process_identity("devnet", os.getpid()), 0))
        assert pool.submit(folder.running).result(PATIENCE) == folder.read()


def test_two_first_starts_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, looked = Folder(tmp_path / "devnet"), Path.exists
    folder.path.mkdir()

    def just_before_the_other(path: Path) -> bool:
        found = looked(path)
        if path.name == "devnet.lock":
            path.touch()
        return found

    monkeypatch.setattr(Path, "exists", just_before_the_other)
    folder.claim()


def test_a_fresh_start_keeps_homes_and_logs(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "devnet")
    with folder.held():
        for path in (folder.state, folder.path / "home" / "seed.json", folder.log("anvil")):
            path.parent.mkdir(exist_ok=True)
            path.write_text("{}")
    with folder.held(fresh=True):
        assert not folder.state.exists() and folder.state.parent.exists()
        assert (folder.path / "home" / "seed.json").exists() and folder.log("anvil").exists()


_KILLED_WHILE_IT_CLEARS = """
import filelock, os, signal, sys
from pathlib import Path
from registry.devnet.folders import Folder

def killed(*given, **more):
    remove(*given, **more)
    os.kill(os.getpid(), signal.SIGKILL)

remove, os.unlink = os.unlink, killed
with Folder(Path(sys.argv[1])).held(fresh=True):
    print("cleared")
"""


def test_a_kill_in_a_fresh_start_leaves_no_half_of_a_repository(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "devnet")
    with folder.held():
        made = {path.name for path in folder.path.iterdir()}
        folder.repo.mkdir()
        for name in ("config", "datastore_spec", "version"):
            (folder.repo / name).touch()
    done = subprocess.run([sys.executable, "-c", _KILLED_WHILE_IT_CLEARS, folder.path], stdout=subprocess.PIPE)
    assert done.returncode == -signal.SIGKILL and not folder.repo.exists()
    with folder.held():
        assert {path.name for path in folder.path.iterdir()} == made


def test_a_log_is_kept_short_without_noise(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("ab") as program:  # as a program that goes on writing
        lines = [f"line {n}\nanvil_dumpState\n\n" for n in range(100)]
        program.write("".join(lines).encode())
        program.flush()
        shorten(log, 1 << 20)
        assert log.read_text() == "".join(lines)
        shorten(log, 600)
        assert log.stat().st_size <= 300
        program.write(b"after\n")
        program.flush()
    kept = log.read_text().split("\n")
    assert "anvil_dumpState" not in kept and kept[-3:] == ["", "after", ""]
    assert [line for line in kept if line][-2] == "line 99" and all(
        line in ("", "after") or line[:5] == "line " for line in kept
    )
    shorten(tmp_path / "nowhere")


def test_the_end_of_a_log_and_what_comes_then(tmp_path: Path) -> None:
    log = tmp_path / "log"
    tail = Tail(log, 2)
    assert tail.new() == []
    log.write_text("one\ntwo\n\nanvil_dumpState\nthree\nfo")
    assert tail.new() == ["two", "three"]
    with log.open("a") as program:
        program.write("ur\nfive\n")
    assert tail.new() == ["four", "five"]
    assert tail.new() == []
    log.write_text("four\nfive\n")  # shortened
    assert tail.new() == []
    with log.open("a") as program:
        program.write("six\n")
    assert tail.new() == ["six"]
