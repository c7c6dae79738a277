"""The devnet's app: what a person has in the browser, served for this network."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping

from registry.devnet import notary
from registry.devnet.folders import Folder

_LISTENING = re.compile(r"^The app is at (http://localhost:\d+)/$", re.MULTILINE)


def command(folder: Folder, rpc_url: str, port: int) -> list[str]:
    """Return the command line that serves it on this network, whatever the user's own settings say."""
    serve = [sys.executable, "-P", "-m", "registry", "app", "serve", "--port", str(port)]
    return [*serve, "--home", str(folder.path / "home"), "--network", str(folder.network), "--rpc-url", rpc_url]


def environment(marked: Mapping[str, str], gateway: str) -> dict[str, str]:
    """Return the variables for it: those that mark the devnet's processes, and the gateway where it reads blocks."""
    return notary.environment(marked) | {"CONSENT_GATEWAYS": gateway}


def url_in(log: str) -> str | None:
    """Return the URL that the app's server logged last; None before it listens."""
    found = _LISTENING.findall(log)
    return found[-1] if found else None
