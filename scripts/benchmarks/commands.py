"""The commands that a person waits for, started cold: a new process each time, best of five.

A person notices seconds, so these goals are in seconds. The embedded chain runs inside the command. By RPC, the facts
come from anvil.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from registry.client.network import Network
from registry.demo.scenario import STEPS, Story
from registry.ledger.base import write_deployment
from registry.ledger.deploy import deploy
from registry.ledger.rpc import RpcLedger
from registry.storage.sqlite_store import SqliteBlocks
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
    """Time the commands with one home on the embedded chain and another on anvil."""
    with tempfile.TemporaryDirectory() as folder, anvil() as url:
        alice, story = story_on(url, Path(folder) / "anvil", "granted")
        embedded = Path(folder) / "embedded"
        consent("demo", "--until", "asked", "--dir", str(embedded))
        here = ("--home", str(embedded / "alice"), "--network", str(embedded / "network"))
        grants: list[str] = []

        def grant() -> None:
            given = consent("grant", str(embedded / "request.json"), "--yes", "--json", *here)
            grants.append(json.loads(given)["file"])

        best = best_of(
            {
                "--help": lambda: consent("--help"),
                "grant, embedded chain": grant,
                "verify, embedded chain": lambda: consent("verify", grants[-1], *here),
                "revoke, embedded chain": lambda: consent("revoke", grants[-1], "--yes", *here),
                "verify by RPC": lambda: consent("verify", str(story.file), *alice, "--rpc-url", url),
            }
        )
    yield from (Figure(f"consent {name}", best[name], "s", goal) for name, goal in _GOALS.items())


def story_on(url: str, folder: Path, last: str) -> tuple[tuple[str, ...], Story]:
    """Play the story up to the step ``last`` on the node at ``url``; return the person's options and the story."""
    relay = KeyWallet(ANVIL_KEY)
    deployment = deploy(url, relay)
    network = folder / "network"
    network.mkdir(parents=True)
    write_deployment(network / "deployment.json", deployment)
    ledger = RpcLedger(url, deployment, relay=relay)
    story = Story(folder, Network(ledger, SqliteBlocks(network / "blocks.sqlite")))
    for step in STEPS:
        step.act(story)
        if step.name == last:
            break
    return ("--home", str(folder / "alice"), "--network", str(network)), story


def command_line(*arguments: str) -> dict[str, Any]:
    """Return the arguments of `subprocess` that start ``consent``, without the caller's own settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CONSENT_")}
    return {"args": [sys.executable, "-m", "registry", *arguments], "env": kept, "stdin": subprocess.DEVNULL}


def consent(*arguments: str) -> str:
    """Run one command in a process of its own; return its output. RuntimeError if it fails."""
    start = command_line(*arguments)
    ran: subprocess.CompletedProcess[str] = subprocess.run(
        **start, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False
    )
    if ran.returncode != 0:
        raise RuntimeError(f"consent {arguments[0]} ended with {ran.returncode}: {ran.stderr.strip()}")
    return ran.stdout
