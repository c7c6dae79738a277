"""The devnet on the real programs: a developer's day with it, and everything that may go wrong."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from registry.client.network_config import open_network
from registry.core.errors import LedgerUnavailable
from registry.core.scalars import to_hex
from registry.devnet.devnet import Devnet, starting
from registry.devnet.folders import Folder
from registry.devnet.ports import Ports
from registry.devnet.processes import wait_until
from registry.devnet.programs import PROGRAMS
from registry.devnet.stopping import Stop
from registry.net.json_rpc import Call, Node
from registry.storage.kubo import KuboBlocks
from tests.cli.test_cli_process import Screen, plain
from tests.support.consent_world import Consent
from tests.support.devnet_runs import (
    ANY_PORTS,
    CONSENT,
    PATIENCE,
    Run,
    consent,
    document,
    environment,
    left_of,
    nothing_is_left_of,
)
from tests.support.tools import tool

ANY = Ports(0, 0)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="what is left running is looked up in /proc"),
]


@pytest.fixture(autouse=True)
def programs() -> None:
    tool("anvil")
    tool("kubo")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "devnet"


def saved_block(folder: Path) -> int:
    return int(json.loads((folder / "chain" / "state.json").read_bytes())["best_block_number"])


def granted(network: str, folder: Path) -> Path:
    """A grant on this network, and the parties' homes beside it; the file."""
    told = consent(folder.parent, "demo", "--network", network, "--until", "granted", "--dir", folder, "--json")
    line = next(json.loads(line) for line in told.stdout.splitlines() if '"granted"' in line)
    return Path(line["file"])


def plain_line(said: str) -> str:
    """What was said, however it was broken into lines."""
    return " ".join(said.split())


def verifies(run: Run, file: Path, *more: str) -> int:
    return consent(run.folder.parent, "verify", file, *more, CONSENT_NETWORK=run.network).returncode


def test_a_developers_day(folder: Path, tmp_path: Path) -> None:
    day = Screen(Consent(tmp_path, None, None), "devnet", "--dir", folder, *ANY_PORTS)  # type: ignore[arg-type]
    day.until("Ctrl-C ends it")
    shown = [line.strip() for line in plain(day.shown) if line.strip()]
    assert re.search(r"Notary +http://127\.0\.0\.1:\d+", "\n".join(shown))
    assert (
        "play money" in day.shown
        and max(len(line) for line in shown if str(folder) not in line and "/r/0x" not in line) <= 80
    )
    lines = shown[shown.index("In another terminal:") + 1 :][:3]
    assert lines[0] == f"export CONSENT_NETWORK={folder / 'network'} CONSENT_HOME={folder / 'home'}"

    # In another terminal, as they stand there.
    script = ['consent() { "$PYTHON" -m registry "$@"; }', "set -e", *lines]
    script[-2] += " --passphrase-fd 3 3<<end\nopen sesame\nend"
    pasted = subprocess.run(
        ["sh", "-c", "\n".join(script)],
        env=environment(tmp_path, PYTHON=sys.executable),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert pasted.returncode == 0 and "Sent " in pasted.stdout and "chain 31337" in pasted.stdout, pasted
    day.until("revocation")

    # By hand, each step a process of its own.
    world = tmp_path / "world"
    told = consent(tmp_path, "demo", "--network", folder / "network", "--until", "asked", "--dir", world)
    assert told.returncode == 0 and f"CONSENT_NETWORK={folder / 'network'} " in told.stdout
    alice = {"CONSENT_NETWORK": str(folder / "network"), "CONSENT_HOME": str(world / "alice")}
    brand = alice | {"CONSENT_HOME": str(world / "aurelle")}
    first, second = (
        document(consent(tmp_path, "grant", world / "request.json", *again, "--yes", "--json", **alice))
        for again in ([], ["--again"])
    )
    day.until("anchors \x1b[1m5\x1b[0m")  # three of the demo, and these by the notary
    for line in (["accept", first["file"]], ["open", first["file"], "--out", world / "opened"]):
        assert consent(tmp_path, *line, **brand).returncode == 0
    lines = (world / "opened" / "Purchase-1.jsonl").read_text().splitlines()
    assert len(lines) + 1 == len((world / "purchases.csv").read_text().splitlines())
    assert consent(tmp_path, "revoke", first["file"], "--yes", **alice).returncode == 0
    assert consent(tmp_path, "verify", first["file"], **brand).returncode == 1

    day.type("\x03")
    assert day.ends() == 0 and "its data stays" in day.shown and "Traceback" not in day.shown
    assert nothing_is_left_of(folder)
    with Run(folder) as again:
        assert again.ready["registry"] in day.shown
        assert verifies(again, Path(first["file"])) == 1
        assert verifies(again, Path(second["file"])) == 0
        assert verifies(again, Path(second["file"]), "--confirmations", "2") == 0  # reads an older state


def test_nothing_in_its_folder_is_for_others(folder: Path) -> None:
    with Run(folder) as run:
        private = [folder, *(folder / name for name in ("chain", "network", "accounts", "logs"))]
        assert {stat.S_IMODE(path.stat().st_mode) for path in private} == {0o700}
        for place in (run.ready["rpcUrl"], run.ready["gateway"]):
            assert re.fullmatch(r"http://127\.0\.0\.1:\d+", place)
        assert not KuboBlocks(run.ready["ipfs"]).announces()
        assert {int(account["wei"]) // 10**18 for account in run.ready["accounts"].values()} == {999_999, 10_000}
        # They are the devnet's own, and not the ones whose keys everybody knows.
        assert Node(run.ready["rpcUrl"], 5).ask(Call("eth_accounts")) == []
        second = consent(folder.parent, "devnet", "--dir", folder, *ANY_PORTS)
        assert second.returncode == 2 and f"process {run.process.pid}, {run.ready['rpcUrl']}" in second.stderr
    first = run.ready["accounts"]
    with Run(folder, *ANY_PORTS, "--fresh") as run:
        assert {one["address"] for one in first.values()}.isdisjoint(
            one["address"] for one in run.ready["accounts"].values()
        )


@pytest.mark.parametrize("victims", [["devnet"], ["devnet", "anvil", "kubo"]])
def test_killed_outright_and_started_again(folder: Path, tmp_path: Path, victims: list[str]) -> None:
    with Run(folder) as run:
        grant = granted(run.network, tmp_path / "world")
        if "anvil" not in victims:
            # anvil's last word is then the newer file, and the one that has to hold the old states.
            os.kill(run.process.pid, signal.SIGSTOP)
        Node(run.ready["rpcUrl"], 10).ask(Call("anvil_mine", ("0x4",)))
        head = open_network(folder / "network").ledger.head()
        if "anvil" in victims:
            assert wait_until(lambda: saved_block(folder) >= head.number, PATIENCE)
        processes = {"devnet": run.process.pid, "anvil": run.child("anvil"), "kubo": run.child("kubo")}
        for name in victims:
            os.kill(processes[name], signal.SIGKILL)
        run.process.wait(PATIENCE)
        assert nothing_is_left_of(folder)
    with Run(folder) as run:
        assert verifies(run, grant) == 0
        assert verifies(run, grant, "--confirmations", "2") == 0  # reads an older state
        assert open_network(folder / "network").ledger.head() == head
        # The data too, in Kubo.
        home = {"CONSENT_NETWORK": run.network, "CONSENT_HOME": str(tmp_path / "world" / "aurelle")}
        assert consent(tmp_path, "accept", grant, **home).returncode == 0
        assert consent(tmp_path, "open", grant, "--out", tmp_path / "opened", **home).returncode == 0


@contextmanager
def mining(url: str) -> Iterator[None]:
    """Mine five blocks up to ten times a second, one short call at a time, until the block ends or anvil is killed."""
    ended = threading.Event()

    def mine() -> None:
        with suppress(LedgerUnavailable):
            while not ended.wait(0.1):
                Node(url, 10).ask(Call("anvil_mine", ("0x5",)))

    miner = threading.Thread(target=mine)
    miner.start()
    try:
        yield
    finally:
        ended.set()
        miner.join(PATIENCE)


def test_killed_while_it_saves(folder: Path) -> None:
    """The saved chain is whole even if the kill comes while the chain grows and is written."""
    reached = 0
    for _ in range(2):
        with Run(folder) as run:
            before = saved_block(folder)
            assert before >= reached
            with mining(run.ready["rpcUrl"]):
                assert wait_until(lambda before=before: saved_block(folder) >= before + 20, PATIENCE)  # type: ignore[misc]
                reached = saved_block(folder)
                for pid in (run.process.pid, run.child("anvil"), run.child("kubo")):
                    os.kill(pid, signal.SIGKILL)
            run.process.wait(PATIENCE)
    with Run(folder):
        assert saved_block(folder) >= reached


@pytest.mark.parametrize("name", ["anvil", "kubo", "notary", "brand"])
def test_a_program_that_dies_ends_the_devnet(folder: Path, name: str) -> None:
    with Run(folder) as run:
        os.kill(run.child(name), signal.SIGKILL)
        error = run.until("error")
        assert error["error"] == "ChildEnded" and error["exit"] == 3
        assert f"{name} has ended by itself (signal SIGKILL)" in error["message"]
        assert run.process.wait(PATIENCE) == 3
        assert nothing_is_left_of(folder)
        # Its last words.
        words = {
            "anvil": "  eth_",
            "kubo": "  Daemon is ready\n",
            "notary": "  Listening on http://",
            "brand": "  Public on http://",
        }
        assert words[name] in run.errors
        assert "Traceback" not in run.errors
        # What it kept is whole: nobody is told to throw it away.
        assert "Start it again" in run.errors and "--fresh" not in run.errors


def test_a_chain_that_is_too_large_for_an_ordinary_answer(folder: Path) -> None:
    """19 MiB as anvil returns it: the devnet saves it while it runs, and its old states too."""
    with Run(folder) as run:
        node, accounts = Node(run.ready["rpcUrl"], 30), 190
        for number in range(accounts):
            assert node.ask(Call("anvil_setCode", (account(number), to_hex(os.urandom(24_000))))) is None
        node.ask(Call("anvil_mine", ("0x1",)))
        newest = int(node.ask(Call("eth_blockNumber")), 16)
        assert wait_until(lambda: saved_block(folder) >= newest, PATIENCE)
        state = (folder / "chain" / "state.json").read_bytes()
        assert len(state) > 16 << 20 and json.loads(state)["historical_states"]
        with pytest.raises(LedgerUnavailable, match="more than"):
            node.ask(Call("anvil_dumpState", (True,)))
        code = node.ask(Call("eth_getCode", (account(accounts - 1), "latest")))
        run.process.terminate()
        assert run.process.wait(PATIENCE) == 0, run.errors
    with Run(folder) as run:
        node = Node(run.ready["rpcUrl"], 30)
        assert node.ask(Call("eth_getCode", (account(accounts - 1), "latest"))) == code


def account(number: int) -> str:
    return f"0x{number + 1_000:040x}"


def test_an_anvil_that_does_not_answer_at_the_end_dumps_its_chain_when_it_exits(folder: Path) -> None:
    with Run(folder) as run:
        os.kill(run.process.pid, signal.SIGSTOP)
        Node(run.ready["rpcUrl"], 10).ask(Call("anvil_mine", ("0x3",)))
        head = open_network(folder / "network").ledger.head()
        os.kill(run.child("anvil"), signal.SIGSTOP)
        for number in (signal.SIGTERM, signal.SIGCONT):
            os.kill(run.process.pid, number)
        assert run.process.wait(PATIENCE) == 0, run.errors
        assert nothing_is_left_of(folder) and saved_block(folder) == head.number
    with Run(folder):
        assert open_network(folder / "network").ledger.head() == head


def test_a_damaged_chain_is_said(folder: Path) -> None:
    with Run(folder):
        pass
    for name in ("state.json", "last.json"):
        (folder / "chain" / name).write_text("{")
    done = consent(folder.parent, "devnet", "--dir", folder, *ANY_PORTS)
    assert done.returncode == 3 and "failed to parse json file" in done.stderr
    assert "put a copy of it there" in plain_line(done.stderr) and "--fresh" in done.stderr
    assert nothing_is_left_of(folder)


def test_the_terminal_goes_away(folder: Path, tmp_path: Path) -> None:
    screen = Screen(Consent(tmp_path, None, None), "devnet", "--dir", folder, *ANY_PORTS)  # type: ignore[arg-type]
    screen.until("Ctrl-C ends it")
    assert len(left_of(folder)) == 10  # the notary is three, the brand is four, the app is one
    os.close(screen._fd)
    assert os.waitpid(screen._pid, 0)[0] == screen._pid
    assert nothing_is_left_of(folder) and not (folder / "running.json").exists()


def slow_anvil(folder: Path) -> str:
    """A PATH whose anvil starts, and does not answer for as long as anybody waits."""
    program = folder / "anvil"
    program.parent.mkdir()
    version = PROGRAMS["anvil"].version
    program.write_text(f'#!/bin/sh\n[ "$1" != --version ] || exec echo "anvil Version: {version}"\nexec sleep 600\n')
    program.chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_while_it_starts(folder: Path, tmp_path: Path, number: signal.Signals) -> None:
    run = Run(folder, PATH=slow_anvil(tmp_path / "programs"))
    assert wait_until(lambda: len(left_of(folder)) == 2, PATIENCE)
    run.process.send_signal(number)
    out, _ = run.process.communicate(timeout=PATIENCE)
    assert run.process.returncode == 130 and b'"ready"' not in out and "Interrupted." in run.errors
    assert nothing_is_left_of(folder)


def test_interrupted_while_it_deploys(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is never called ready only to be ended at once."""
    stop, deploying = Stop(), Devnet._deploy

    def interrupted(*given: Any) -> Any:
        stop.asked = True
        return deploying(*given)

    monkeypatch.setattr(Devnet, "_deploy", interrupted)
    with pytest.raises(KeyboardInterrupt), starting(Folder(folder), ANY) as net:
        net.prepare(stop)
    assert not net.running.ready and nothing_is_left_of(folder)


@pytest.mark.parametrize(("flag", "who"), [("--rpc-port", "anvil"), ("--ipfs-port", "Kubo")])
def test_a_port_that_is_taken(folder: Path, flag: str, who: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        done = consent(folder.parent, "devnet", "--dir", folder, *ANY_PORTS, flag, port)
    assert done.returncode == 2 and f"port {port} of 127.0.0.1" in done.stderr
    assert who in done.stderr and f"{flag} N" in done.stderr and left_of(folder) == []


def test_one_port_for_both(folder: Path) -> None:
    done = consent(folder.parent, "devnet", "--dir", folder, "--rpc-port", "18999", "--ipfs-port", "18999")
    assert done.returncode == 2 and "two programs cannot both have port 18999" in done.stderr
    assert left_of(folder) == [] and "--fresh" not in done.stderr


def test_a_program_that_is_missing(folder: Path) -> None:
    nowhere = {"PATH": "/nowhere", "XDG_CACHE_HOME": "/nowhere"}
    for more in ([], ["--detach"]):
        done = consent(folder.parent, "devnet", "--dir", folder, *more, **nowhere)
        assert (
            done.returncode == 2
            and "anvil 1.7.1 or newer is not installed" in done.stderr
            and "make tools" in done.stderr
        )


def test_a_folder_of_something_else_is_left_alone(folder: Path) -> None:
    (folder / "network").mkdir(parents=True)
    for more in (["--fresh"], ["--detach"]):
        done = consent(folder.parent, "devnet", "--dir", folder, *more)
        assert done.returncode == 2 and "something else" in done.stderr
    assert [path.name for path in folder.iterdir()] == ["network"]


@pytest.fixture
def detached(tmp_path: Path) -> Iterator[dict[str, object]]:
    """A detached devnet in the default folder of a user of its own."""
    try:
        yield document(consent(tmp_path, "devnet", "--detach", *ANY_PORTS, "--json"))
    finally:
        consent(tmp_path, "devnet", "stop")


def test_detached(detached: dict[str, object], tmp_path: Path) -> None:
    folder = Path(str(detached["folder"]))
    assert folder == tmp_path / "consent-registry" / "devnet" and len(left_of(folder)) == 10
    story = consent(tmp_path, "demo", "--network", "devnet", "--json")
    steps = {line["step"]: line for line in map(json.loads, story.stdout.splitlines())}
    assert steps["revoked"]["status"] == steps["checked"]["status"] == "Revoked" and steps["revoked"]["gas"] > 21_000

    status = document(consent(tmp_path, "devnet", "status", "--json"))
    assert status["running"] and status["anchors"] == 3 and status["revocations"] == 1 and status["pinnedBlocks"] > 5
    assert status["process"] == detached["process"] and status["rpcUrl"] == detached["rpcUrl"]
    said = consent(tmp_path, "devnet", "logs").stdout
    assert "kubo   | Daemon is ready" in said and "anvil  | eth_sendRawTransaction" in said
    assert "anvil_dumpState" not in said
    _logs_are_followed(tmp_path, str(status["rpcUrl"]))

    anvil = json.loads((folder / "running.json").read_bytes())["children"][0]["pid"]
    os.kill(anvil, signal.SIGSTOP)
    assert consent(tmp_path, "devnet", "status").returncode == 3
    # The command ends it all the same.
    assert document(consent(tmp_path, "devnet", "stop", "--json"))["stopped"] is True
    assert nothing_is_left_of(folder)
    assert consent(tmp_path, "devnet", "status").returncode == 1
    assert document(consent(tmp_path, "devnet", "stop", "--json"))["stopped"] is False


def _logs_are_followed(user: Path, url: str) -> None:
    """What is said after the command has begun comes too, and Ctrl-C ends it."""
    process = subprocess.Popen(
        [*CONSENT, "devnet", "logs", "--follow"],
        env=environment(user),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    timer = threading.Timer(PATIENCE, process.kill)
    timer.start()
    try:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        assert any(line == "kubo   | Daemon is ready\n" for line in lines)
        Node(url, 10).ask(Call("eth_protocolVersion"))
        assert any(line == "anvil  | eth_protocolVersion\n" for line in lines)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130
    finally:
        timer.cancel()
        process.kill()
        process.communicate()


def test_a_detached_devnet_that_cannot_start_says_why(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        line = ["devnet", "--detach", "--dir", folder, *ANY_PORTS, "--rpc-port", server.getsockname()[1]]
        done = consent(folder.parent, *line, "--json")
        assert done.returncode == 2 and json.loads(done.stdout)["error"] == "InvalidInput"
        done = consent(folder.parent, *line)
    assert done.returncode == 2 and done.stdout == "" and "(another anvil" in done.stderr


def test_the_story_on_a_devnet_of_its_own(tmp_path: Path) -> None:
    world = tmp_path / "consent-demo"
    line = ["demo", "--network", "devnet", "--until", "granted", "--dir", world]
    told = consent(tmp_path, *line)
    assert told.returncode == 0 and nothing_is_left_of(world / "devnet")
    commands = told.stdout.partition("To go on by hand:\n")[2].splitlines()
    commands[0] += " " + " ".join(ANY_PORTS)
    assert consent(tmp_path, *line).returncode == 2  # not over what is there
    script = ['consent() { "$PYTHON" -m registry "$@"; }', "set -e", *commands]
    try:
        pasted = subprocess.run(
            ["sh", "-c", "\n".join(script)],
            env=environment(tmp_path, PYTHON=sys.executable),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert pasted.returncode == 0, pasted
        assert len(list((world / "aurelle" / "evidence").glob("0x*"))) == 1
    finally:
        assert consent(tmp_path, "devnet", "stop", "--dir", world / "devnet").returncode == 0
    assert nothing_is_left_of(world / "devnet")


def test_the_story_on_any_network_folder(tmp_path: Path) -> None:
    done = consent(tmp_path, "demo", "--network", tmp_path / "nowhere")
    assert done.returncode == 2 and "there is no network" in done.stderr


def test_options_stand_after_the_command(tmp_path: Path) -> None:
    done = consent(tmp_path, "devnet", "--json", "status")
    assert done.returncode == 2 and "consent devnet status" in done.stderr
