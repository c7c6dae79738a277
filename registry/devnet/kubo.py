"""A private Kubo node: its own repository, on loopback only, offline, without peers and announcements."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from registry.core.errors import StorageUnavailable
from registry.fs.files import replace_file
from registry.fs.processes import run

INIT_SECONDS = 60
DAEMON = ("daemon", "--offline")
_READY = re.compile(r"(RPC API|Gateway) server listening on /ip4/127\.0\.0\.1/tcp/(\d+)")
# Personal ciphertext is not announced. An "auto" value would ask a server of Kubo's makers.
_PRIVATE: dict[str, dict[str, Any]] = {
    "Addresses": {"Swarm": []},
    "AutoConf": {"Enabled": False},
    "AutoTLS": {"Enabled": False},
    "Discovery": {"MDNS": {"Enabled": False}},
    "DNS": {"Resolvers": {}},
    # Clients add thousands of blocks. In Kubo's batches of 128, a new repository syncs its 1,024 folders per batch.
    "Import": {"BatchMaxNodes": 16384},
    "Ipns": {"DelegatedPublishers": []},
    "Provide": {"Enabled": False},
    "Routing": {"Type": "none", "DelegatedRouters": []},
}


def environment(repo: Path) -> dict[str, str]:
    """Return the environment variables for every ``ipfs`` of this repository."""
    return {**os.environ, "IPFS_PATH": str(repo), "IPFS_TELEMETRY": "off"}


def make_repo(ipfs: Path, repo: Path) -> None:
    """Make a new, empty repository, whole or not at all; ``StorageUnavailable`` if ``ipfs`` cannot."""
    with tempfile.TemporaryDirectory(dir=repo.parent, prefix=f".{repo.name}.") as work:
        made = Path(work) / "repo"
        done = run([ipfs, "init", "--empty-repo"], INIT_SECONDS, environment=environment(made))
        if done is None or done.returncode != 0:
            why = " ".join(done.stderr.split()[-30:]) if done else "it does not start, or takes too long"
            raise StorageUnavailable(f"ipfs makes no repository: {why}", "Check the folder and the disk.")
        shutil.rmtree(repo, ignore_errors=True)
        made.replace(repo)


def configure(repo: Path, api: int, gateway: int = 0, settings: Mapping[str, Mapping[str, Any]] | None = None) -> None:
    """Make the node private, on these ports of 127.0.0.1 (0 for any); the sections of ``settings`` take precedence."""
    file = repo / "config"
    config = json.loads(file.read_bytes())
    config["Bootstrap"] = []
    ports = {"API": f"/ip4/127.0.0.1/tcp/{api}", "Gateway": f"/ip4/127.0.0.1/tcp/{gateway}"}
    for section, values in [*_PRIVATE.items(), ("Addresses", ports), *(settings or {}).items()]:
        config[section] = {**config.get(section, {}), **values}
    replace_file(file, json.dumps(config, indent=2).encode())


def ports_in(log: str) -> tuple[int, int] | None:
    """Return the ports of the RPC and the gateway that a ready daemon logged; None before it is ready."""
    ports = {name: int(port) for name, port in _READY.findall(log)}
    return (ports["RPC API"], ports["Gateway"]) if "Daemon is ready" in log and len(ports) == 2 else None
