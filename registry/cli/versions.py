"""The output of ``consent --version``: package, contracts and formats."""

from __future__ import annotations

import json
from importlib.metadata import version
from importlib.resources import files
from typing import Any

_FORMATS = ["ConsentEvidence 1", "consent-notice/1", "Capsule 1", "StreamHead 1", "VaultIndex 1", "age v1"]


def versions() -> dict[str, Any]:
    """Return the package, the contracts as they were built, and the formats that are read and written."""
    artifact = json.loads((files("registry") / "artifacts" / "ConsentRegistry.json").read_bytes())
    compiler = artifact["compiler"]
    contracts = {"name": "ConsentRegistry", "version": "1", "solc": compiler["version"]}
    contracts |= {"evm": compiler["evmVersion"], "sources": artifact["sourceHash"]}
    return {"package": version("consent-registry"), "contracts": contracts, "formats": _FORMATS}


def version_lines() -> list[str]:
    """Return the same as lines."""
    found = versions()
    built = found["contracts"]
    sources = built["sources"].removeprefix("0x")[:12]
    return [
        f"consent-registry {found['package']}",
        f"contracts {built['name']} {built['version']} (solc {built['solc']}, {built['evm']}, sources {sources})",
        f"formats {', '.join(found['formats'])}",
    ]
