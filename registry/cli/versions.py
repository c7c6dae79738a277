"""The output of ``consent --version``."""

from __future__ import annotations

import json
from importlib.metadata import version
from importlib.resources import files

from registry.cli.ui.output import Output

_FORMATS = ["ConsentEvidence 1", "consent-notice/1", "Capsule 1", "StreamHead 1", "StreamUpdate 1", "VaultIndex 1"]
_FORMATS += ["VaultBook 1", "age v1"]


def print_versions(out: Output) -> None:
    """Print the package, the contracts as they were built, and the formats that are read and written."""
    artifact = json.loads((files("registry") / "artifacts" / "ConsentRegistry.json").read_bytes())
    package, solc, evm = (
        version("consent-registry"),
        artifact["compiler"]["version"],
        artifact["compiler"]["evmVersion"],
    )
    sources = artifact["sourceHash"]
    contracts = {"name": "ConsentRegistry", "version": "1", "solc": solc, "evm": evm, "sources": sources}
    lines = [
        f"consent-registry {package}",
        f"contracts ConsentRegistry 1 (solc {solc}, {evm}, sources {sources.removeprefix('0x')[:12]})",
        f"formats {', '.join(_FORMATS)}",
    ]
    out.result({"package": package, "contracts": contracts, "formats": _FORMATS}, lines)
