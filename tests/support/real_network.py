"""A network on a real chain, and on a real Kubo node where one is given, that its folder alone describes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from registry.client.home import Home
from registry.config.network_file import write_settings
from registry.ledger.base import write_deployment
from registry.ledger.deploy import deploy
from registry.net.json_rpc import Call, Node
from registry.wallets.keyfiles import relay_key
from registry.wallets.keywallet import KeyWallet
from tests.support.levers import ANVIL_KEY, start_anvil

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 120
DATUM = "pd:Purchase"


@contextmanager
def anvil(*options: str) -> Iterator[str]:
    """A chain's URL. It ends when the block does, and not before it has written its state."""
    process, url = start_anvil(*options)
    try:
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def make_network(folder: Path, url: str, **settings: Any) -> Path:
    """The folder of a new network: contracts deployed, settings written, and a relay that has money."""
    folder.mkdir()
    write_deployment(folder / "deployment.json", deploy(url, KeyWallet(ANVIL_KEY)))
    relay = KeyWallet(relay_key(folder / "relay.json"))
    Node(url, 10).ask(Call("anvil_setBalance", (relay.address, hex(10**20))))
    write_settings(folder, rpc_url=url, **settings)
    return folder


def make_parties(folder: Path, network: Path) -> Path:
    """Alice and Aurelle have homes, and Aurelle has asked for all purchases, in ``request.json``."""
    for name in ("alice", "aurelle"):
        Home(folder / name).create("")
    document = json.loads((ROOT / "registry" / "data" / "demo_notice.json").read_bytes())
    # So that whole files are asked for.
    del document["more"]["fields"]
    draft, notice = folder / "draft.json", folder / "notice.json"
    draft.write_text(json.dumps(document))
    consent(network, folder / "aurelle", "notice", "new", draft, "--out", notice)
    asked = ("--notice", notice, "--out", folder / "request.json", "--data", DATUM)
    consent(network, folder / "aurelle", "request", *asked)
    return folder


def start(network: Path, home: Path, *arguments: object) -> subprocess.Popen[str]:
    """``consent ... --json`` as a process, with nothing but the folder in its environment."""
    line = [sys.executable, "-m", "registry", *map(str, arguments), "--json", "--home", str(home)]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CONSENT_")}
    return subprocess.Popen(
        line,
        env=kept | {"CONSENT_NETWORK": str(network)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def document_of(process: subprocess.Popen[str], code: int = 0) -> dict[str, Any]:
    """What it printed, once it has ended with this exit code."""
    try:
        out, err = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise
    assert process.returncode == code, out + err
    assert "Traceback" not in err
    (line,) = out.splitlines()
    document: dict[str, Any] = json.loads(line)
    return document


def consent(network: Path, home: Path, *arguments: object, code: int = 0) -> dict[str, Any]:
    """Run one command to its end; its JSON."""
    return document_of(start(network, home, *arguments), code)
