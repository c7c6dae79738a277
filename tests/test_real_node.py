"""The command line on a real node: deployed by the script, granted and revoked over RPC by a funded account."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.client.homes import Home
from registry.wallets import keyfiles
from registry.wallets.keystore import LIGHT
from tests.ledger.levers import ANVIL_KEY, start_anvil

ROOT = Path(__file__).resolve().parent.parent

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    process, url = start_anvil()
    try:
        yield url
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="module")
def world(url: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A brand and a person after the brand has asked, both with a funded account, on a network behind the node."""
    folder = tmp_path_factory.mktemp("world")
    for name in ("alice", "aurelle"):
        home = Home(folder / name)
        home.create("")
        keyfiles.import_key(home.keys, "funded", ANVIL_KEY, "", cost=LIGHT)
    deploy = ["--rpc-url", url, "--home", str(folder / "alice"), "--key", "funded", "--network", str(folder / "net")]
    assert run(sys.executable, str(ROOT / "scripts" / "deploy.py"), *deploy).returncode == 0
    draft = ROOT / "registry" / "data" / "demo_notice.json"
    consent(url, folder, "aurelle", "notice", "new", str(draft), "--out", str(folder / "notice.json"))
    asked = ["--notice", str(folder / "notice.json"), "--out", str(folder / "request.json"), "--data", "pd:Purchase"]
    consent(url, folder, "aurelle", "request", *asked)
    return folder


def run(*command: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CONSENT_")}
    return subprocess.run(command, env=kept, capture_output=True, text=True, timeout=120, check=False)


def consent(url: str, folder: Path, who: str, *arguments: str, code: int = 0) -> dict[str, object]:
    """Run one command as this party; its JSON."""
    place = ["--home", str(folder / who), "--network", str(folder / "net"), "--rpc-url", url, "--json"]
    ran = run(sys.executable, "-m", "registry", *arguments, *place)
    assert ran.returncode == code, ran.stdout + ran.stderr
    document: dict[str, object] = json.loads(ran.stdout.splitlines()[-1])
    return document


def test_the_whole_story_over_rpc(url: str, world: Path) -> None:
    given = consent(url, world, "alice", "grant", str(world / "request.json"), "--yes", "--sender", "funded")
    file = str(given["file"])
    accepted = consent(url, world, "aurelle", "accept", file, "--sender", "funded")
    assert consent(url, world, "aurelle", "verify", str(accepted["file"]), "--accepted")["verified"] is True
    consent(url, world, "alice", "revoke", file, "--yes", "--sender", "funded")
    assert consent(url, world, "aurelle", "verify", file, code=1)["error"] == "Revoked"


def test_without_a_sender_nobody_pays(url: str, world: Path) -> None:
    refused = consent(url, world, "alice", "grant", str(world / "request.json"), "--yes", code=2)
    assert refused["error"] == "InvalidInput"
    assert "pays" in str(refused["message"])


def test_a_node_that_is_down_is_neither_yes_nor_no(world: Path) -> None:
    file = str(world / "request.json")
    assert consent("http://127.0.0.1:9", world, "alice", "verify", file, code=3)["error"] == "LedgerUnavailable"


def test_a_network_is_deployed_once(url: str, world: Path) -> None:
    place = ["--home", str(world / "alice"), "--key", "funded", "--network", str(world / "net")]
    ran = run(sys.executable, str(ROOT / "scripts" / "deploy.py"), "--rpc-url", url, *place)
    assert ran.returncode == 1
    assert "exists already" in ran.stderr
