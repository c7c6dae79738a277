"""What ``consent --version`` says: the package, the contracts, the formats."""

from __future__ import annotations

import json
from importlib.metadata import version
from importlib.resources import files


def versions() -> list[str]:
    """One line each, for the package, the contracts as they were built, and the formats that are read and written."""
    artifact = json.loads((files("registry") / "artifacts" / "ConsentRegistry.json").read_bytes())
    compiler = artifact["compiler"]
    return [
        f"consent-registry {version('consent-registry')}",
        f"contracts ConsentRegistry 1 (solc {compiler['version']}, {compiler['evmVersion']}, "
        f"sources {artifact['sourceHash'].removeprefix('0x')[:12]})",
        "formats ConsentEvidence 1, consent-notice/1, Capsule 1, StreamHead 1, VaultIndex 1, age v1",
    ]
