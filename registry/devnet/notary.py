"""The devnet's notary: an account with play money, SQLite in the devnet's folder, and short promises."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from registry.config.network_file import write_settings
from registry.devnet.folders import Folder
from registry.net.http import TooLarge, Unreachable, fetch
from registry.notary.folder import ACCOUNT, FILE, keys_folder, make_token_keys
from registry.wallets import keyfiles, keystore

READY_SECONDS, MAX_ANSWER_BYTES = 5.0, 64 * 1024
# Quick, and without limits that a developer could meet.
SETTINGS = {
    "batch_seconds": 1,
    "promise_seconds": 60,
    "relay_seconds": 60,
    "confirmations": 0,
    "replace_seconds": 5,
    "spend_per_day": 1_000,
    "free_commitments": 1_000_000,
    "free_endings": 1_000_000,
    "free_tokens": 1_000_000,
    "requests_per_second": 10_000,
}
_LISTENING = re.compile(r"^Listening on (http://127\.0\.0\.1:\d+)$", re.MULTILINE)


def make(folder: Path) -> str:
    """Make the notary's folder if it is not there; return the address of its account, whose passphrase is empty."""
    FILE.make(folder, **SETTINGS)
    make_token_keys(folder, time.time())
    for key in keyfiles.list_keys(keys_folder(folder)):
        if key.name == ACCOUNT:
            return key.address
    return keyfiles.new_key(keys_folder(folder), ACCOUNT, "", cost=keystore.LIGHT)


def forget_chain(folder: Path) -> None:
    """Delete the notary's databases: they tell of a chain that is no more."""
    for file in (*folder.glob("*.sqlite"), *folder.glob("*.sqlite-*")):
        file.unlink()


def command(folder: Folder, rpc_url: str, ipfs: str, port: int) -> list[str]:
    """Return the command line that serves it on this network, whatever the user's own settings say."""
    serve = [sys.executable, "-P", "-m", "registry", "notary", "serve", "--dir", str(folder.notary)]
    network = ["--home", str(folder.path / "home"), "--network", str(folder.network)]
    return [*serve, *network, "--rpc-url", rpc_url, "--ipfs", ipfs, "--port", str(port)]


def environment(marked: Mapping[str, str]) -> dict[str, str]:
    """Return the variables for it: those that mark the devnet's processes, and none of the user's settings."""
    return {name: value for name, value in marked.items() if not name.startswith("CONSENT_")}


def url_in(log: str) -> str | None:
    """Return the URL that a notary logged last; None before it listens."""
    found = _LISTENING.findall(log)
    return found[-1] if found else None


def is_ready(url: str) -> bool:
    """Tell whether the service at this URL does its work."""
    try:
        return fetch("GET", f"{url}/readyz", seconds=READY_SECONDS, max_bytes=MAX_ANSWER_BYTES).status == 200
    except (Unreachable, TooLarge, TimeoutError):
        return False


def announce(network: Path, url: str, account: str) -> str:
    """Name the notary in ``network.toml``, or none where ``url`` is empty; return its name, URL#ACCOUNT."""
    named = f"{url}#{account}" if url else ""
    write_settings(network, notary=[named] if named else None)
    return named
