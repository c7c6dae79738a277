"""The commands that a person waits for, cold: a new process each time, best of five.

Seconds are what a person feels, so these goals are seconds. The embedded chain runs inside the command; by RPC the
facts come from anvil.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from registry.cli.story import STEPS, Story
from registry.client.parties import Network
from registry.ledger.base import write_deployment
from registry.ledger.deploying import deploy
from registry.ledger.rpc import RpcLedger
from registry.storage.blocks import SqliteBlocks
from registry.wallets.keywallet import KeyWallet
from scripts.benchmarks.figures import Figure, best_of
from scripts.benchmarks.nodes import ANVIL_KEY, anvil

COMMAND_SECONDS = 60
_GOALS = {
    "--help": "<= 0.4",
    "verify, embedded chain": "<= 2",
    "verify by RPC": "<= 0.8",
    "grant, embedded chain": "",
    "revoke, embedded chain": "",
}


def measure() -> Iterator[Figure]:
    """One person's folder on the embedded chain, another on anvil."""
    with tempfile.TemporaryDirectory() as folder, anvil() as url:
        alice, file = _granted_on(url, Path(folder) / "anvil")
        embedded = Path(folder) / "embedded"
        _consent("demo", "--until", "asked", "--dir", str(embedded))
        here = ("--home", str(embedded / "alice"), "--network", str(embedded / "network"))
        grants: list[str] = []

        def grant() -> None:
            given = _consent("grant", str(embedded / "request.json"), "--yes", "--json", *here)
            grants.append(json.loads(given)["file"])

        best = best_of(
            {
                "--help": lambda: _consent("--help"),
                "grant, embedded chain": grant,
                "verify, embedded chain": lambda: _consent("verify", grants[-1], *here),
                "revoke, embedded chain": lambda: _consent("revoke", grants[-1], "--yes", *here),
                "verify by RPC": lambda: _consent("verify", str(file), *alice, "--rpc-url", url),
            }
        )
    yield from (Figure(f"consent {name}", best[name], "s", goal) for name, goal in _GOALS.items())


def _granted_on(url: str, folder: Path) -> tuple[tuple[str, ...], Path]:
    """The story up to the grant, on the node at ``url``: the options that name the person's place, and the evidence."""
    relay = KeyWallet(ANVIL_KEY)
    deployment = deploy(url, relay)
    network = folder / "network"
    network.mkdir(parents=True)
    write_deployment(network / "deployment.json", deployment)
    ledger = RpcLedger(url, deployment, relay=relay)
    story = Story(folder, Network(ledger, SqliteBlocks(network / "blocks.sqlite")))
    for step in STEPS:
        step.act(story)
        if step.name == "granted":
            break
    return ("--home", str(folder / "alice"), "--network", str(network)), story.file


def _consent(*arguments: str) -> str:
    """Run one command in a process of its own; what it says. RuntimeError where it fails."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CONSENT_")}
    command = [sys.executable, "-m", "registry", *arguments]
    ran = subprocess.run(
        command,
        env=kept,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
    if ran.returncode != 0:
        raise RuntimeError(f"consent {arguments[0]} ended with {ran.returncode}: {ran.stderr.strip()}")
    return ran.stdout
