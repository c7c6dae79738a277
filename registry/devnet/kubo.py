"""A Kubo node that tells the world nothing: its own repository, loopback only, offline, no peers, no announcements."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from registry.core.errors import StorageUnavailable
from registry.fs.files import replace_file

INIT_SECONDS = 60
DAEMON = ("daemon", "--offline")
_READY = re.compile(r"(RPC API|Gateway) server listening on /ip4/127\.0\.0\.1/tcp/(\d+)")
# DESIGN section 6: personal ciphertext is not announced. "auto" values would ask a server of Kubo's makers.
_PRIVATE: dict[str, dict[str, Any]] = {
    "Addresses": {"Swarm": []},
    "AutoConf": {"Enabled": False},
    "AutoTLS": {"Enabled": False},
    "Discovery": {"MDNS": {"Enabled": False}},
    "DNS": {"Resolvers": {}},
    # Blocks come by the thousand: in batches of 128, a new repository syncs its 1,024 folders for each of them.
    "Import": {"BatchMaxNodes": 16384},
    "Ipns": {"DelegatedPublishers": []},
    "Provide": {"Enabled": False},
    "Routing": {"Type": "none", "DelegatedRouters": []},
}


def environment(repo: Path) -> dict[str, str]:
    """What every ``ipfs`` for this repository runs in."""
    return {**os.environ, "IPFS_PATH": str(repo), "IPFS_TELEMETRY": "off"}


def make_repo(ipfs: Path, repo: Path) -> None:
    """A new, empty repository, whole or not at all; ``StorageUnavailable`` where ``ipfs`` cannot make it."""
    with tempfile.TemporaryDirectory(dir=repo.parent, prefix=f".{repo.name}.") as work:
        made = Path(work) / "repo"
        try:
            subprocess.run(  # noqa: S603 - the program that was looked for
                [ipfs, "init", "--empty-repo"],
                env=environment(made),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=INIT_SECONDS,
                start_new_session=True,
                check=True,
            )
        except subprocess.SubprocessError as error:
            why = " ".join(str(error.stderr).split()[-30:]) if isinstance(error, subprocess.CalledProcessError) else ""
            message = f"ipfs makes no repository: {why or 'it takes too long'}"
            raise StorageUnavailable(message, "Check the folder and the disk.") from None
        shutil.rmtree(repo, ignore_errors=True)
        made.replace(repo)


def configure(repo: Path, api: int, gateway: int = 0, settings: Mapping[str, Mapping[str, Any]] | None = None) -> None:
    """Private as above, on these ports of 127.0.0.1 (0 for any); ``settings`` are sections that go before."""
    file = repo / "config"
    config = json.loads(file.read_bytes())
    config["Bootstrap"] = []
    ports = {"API": f"/ip4/127.0.0.1/tcp/{api}", "Gateway": f"/ip4/127.0.0.1/tcp/{gateway}"}
    for section, values in [*_PRIVATE.items(), ("Addresses", ports), *(settings or {}).items()]:
        config[section] = {**config.get(section, {}), **values}
    replace_file(file, json.dumps(config, indent=2).encode())


def ports_in(log: str) -> tuple[int, int] | None:
    """The ports of the RPC and of the gateway that a ready daemon names in its log; None before it is ready."""
    ports = {name: int(port) for name, port in _READY.findall(log)}
    return (ports["RPC API"], ports["Gateway"]) if "Daemon is ready" in log and len(ports) == 2 else None
