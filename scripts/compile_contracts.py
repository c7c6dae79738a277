"""Compile ``contracts/`` into ``registry/artifacts/``, with the same bytes on every machine.

    python scripts/compile_contracts.py            write the artifacts
    python scripts/compile_contracts.py --check    exit 1 if they are stale

The deployed contracts are built twice: for Prague, and in ``shanghai/`` for chains without Cancun (Elastos Smart
Chain). py-solc-x drives the compiler. It uses the native compiler if that is installed or can be downloaded, else npm's
``solc``, the same compiler as WebAssembly. The compiler's input contains all sources and the bytecode no hash of them,
so both compilers give the same bytes. A warning is an error.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.node_packages import NODE_FOLDER, NodeError, ensure_node_modules, node_environment

ROOT = Path(__file__).resolve().parent.parent
NODE_MODULES = NODE_FOLDER / "node_modules"
ARTIFACTS = ROOT / "registry" / "artifacts"

SOLC_VERSION = "0.8.30"
DEFAULT_EVM_VERSION = "prague"  # the newest that py-evm runs
OLDER_EVM_VERSION = "shanghai"
OPTIMIZER_RUNS = 1_000_000
DOWNLOAD_SECONDS = 20
PUBLISHED = {
    "ConsentGate": "contracts/ConsentGate.sol",
    "ConsentRegistry": "contracts/ConsentRegistry.sol",
    "ConsentVerifier": "contracts/ConsentVerifier.sol",
    "IConsentRegistry": "contracts/IConsentRegistry.sol",
    "LoyaltyProgram": "contracts/examples/LoyaltyProgram.sol",
}
DEPLOYED = ("ConsentRegistry", "ConsentVerifier")

_IMPORT = re.compile(r'^import\s+(?:[^"\';]*\sfrom\s+)?"([^"]+)"\s*;', re.MULTILINE)


class CompileError(Exception):
    """The contracts cannot be compiled, because of the toolchain or the sources; the message says what to do."""


@functools.cache
def _solc_binary(download: bool) -> Path:
    import solcx

    binary = solcx.get_solcx_install_folder() / f"solc-v{SOLC_VERSION}"
    if not _runs(binary) and download:
        _try_download()
    return binary if _runs(binary) else NODE_FOLDER / "solc-shim.mjs"


def _runs(binary: Path) -> bool:
    if not binary.is_file():
        return False
    try:
        done = subprocess.run([str(binary), "--version"], capture_output=True, text=True, check=False)
    except OSError:  # built for another processor
        return False
    return done.returncode == 0 and SOLC_VERSION in done.stdout


def _try_download() -> None:
    """Download in a process of its own, because py-solc-x has no time limit."""
    code = f"import solcx; solcx.install_solc('{SOLC_VERSION}')"
    try:
        subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=DOWNLOAD_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        print("The native compiler could not be downloaded in time; npm's solc is used.", file=sys.stderr)


def gather_sources(paths: Iterable[Path]) -> dict[str, str]:
    """Read the files and all their imports: source unit name ("contracts/X.sol", "@openzeppelin/...") to text.

    Line ends become LF, so a checkout's settings change nothing. CompileError names an import without a file.
    """
    ensure_node_modules()
    sources: dict[str, str] = {}
    waiting = [path.resolve().relative_to(ROOT).as_posix() for path in paths]
    while waiting:
        name = waiting.pop()
        if name not in sources:
            sources[name] = _read_source(name)
            waiting += [_resolve(name, imported) for imported in _IMPORT.findall(sources[name])]
    return dict(sorted(sources.items()))


def _read_source(name: str) -> str:
    path = NODE_MODULES / name if name.startswith("@") else ROOT / name
    if not path.is_file():
        raise CompileError(f"no file for the import {name!r}; correct the import or scripts/node/package.json")
    return path.read_bytes().decode().replace("\r\n", "\n")


def _resolve(importer: str, imported: str) -> str:
    if not imported.startswith("."):
        return imported
    return os.path.normpath(f"{importer}/../{imported}").replace(os.sep, "/")


def _settings(evm_version: str) -> dict[str, Any]:
    return {
        "evmVersion": evm_version,
        "optimizer": {"enabled": True, "runs": OPTIMIZER_RUNS},
        "viaIR": True,
        # Without a hash of the sources, a changed comment changes neither the code nor any address made from it.
        "metadata": {"bytecodeHash": "none"},
    }


def compile_sources(
    sources: Mapping[str, str], evm_version: str = DEFAULT_EVM_VERSION, *, download: bool = True
) -> dict[str, dict[str, Any]]:
    """Compile; return solc's ``contracts`` output: source unit name to contract name to its output.

    ``download`` allows one attempt to fetch the native compiler. CompileError holds solc's messages.
    """
    ensure_node_modules()
    settings = _settings(evm_version)
    settings["outputSelection"] = {"*": {"*": ["abi", "evm.bytecode", "evm.deployedBytecode"]}}
    wrapped = {name: {"content": text} for name, text in sources.items()}
    output = _run_solc({"language": "Solidity", "sources": wrapped, "settings": settings}, _solc_binary(download))
    contracts: dict[str, dict[str, Any]] = output["contracts"]
    return contracts


def _run_solc(compiler_input: Mapping[str, Any], binary: Path) -> dict[str, Any]:
    import solcx

    before = os.environ.get("PATH", "")
    os.environ["PATH"] = node_environment()["PATH"]  # py-solc-x accepts no environment
    try:
        output: dict[str, Any] = solcx.compile_standard(dict(compiler_input), solc_binary=binary)
    except solcx.exceptions.SolcError as error:
        raise CompileError(f"the contracts do not compile; correct them:\n{error.message}") from error
    finally:
        os.environ["PATH"] = before
    if output.get("errors"):
        warnings = "\n".join(warning["formattedMessage"] for warning in output["errors"])
        raise CompileError(f"the compiler warns; correct the sources:\n{warnings}")
    return output


def build_artifacts(*, download: bool = True) -> dict[str, dict[str, Any]]:
    """Return the artifacts by their file's name below ``registry/artifacts``, without ``.json``."""
    older = _build(DEPLOYED, OLDER_EVM_VERSION, download)
    newest = _build(PUBLISHED, DEFAULT_EVM_VERSION, download)
    return newest | {f"{OLDER_EVM_VERSION}/{name}": artifact for name, artifact in older.items()}


def _build(names: Iterable[str], evm_version: str, download: bool) -> dict[str, dict[str, Any]]:
    units = {name: PUBLISHED[name] for name in names}
    compiled = compile_sources(gather_sources(ROOT / unit for unit in units.values()), evm_version, download=download)
    return {name: _artifact(name, unit, compiled[unit][name], evm_version) for name, unit in units.items()}


def _artifact(name: str, unit: str, output: Mapping[str, Any], evm_version: str) -> dict[str, Any]:
    deployed = output["evm"]["deployedBytecode"]
    immutables = [place for places in deployed.get("immutableReferences", {}).values() for place in places]
    return {
        "abi": output["abi"],
        "bytecode": "0x" + output["evm"]["bytecode"]["object"],
        "compiler": {"name": "solc", "version": SOLC_VERSION, **_settings(evm_version)},
        "contractName": name,
        "deployedBytecode": "0x" + deployed["object"],
        # Byte ranges of the values that the constructor sets. The rest can be compared with a chain's code.
        "immutables": sorted(immutables, key=lambda place: int(place["start"])),
        "sourceHash": _source_hash(gather_sources([ROOT / unit])),
        "sourceName": unit,
    }


def _source_hash(sources: Mapping[str, str]) -> str:
    """Return the SHA-256 of the compact JSON object {source unit name: text}, keys sorted."""
    text = json.dumps(sources, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "0x" + hashlib.sha256(text.encode()).hexdigest()


def render(artifact: Mapping[str, Any]) -> str:
    """Return the artifact's file: JSON with sorted keys and a newline at the end."""
    return json.dumps(artifact, indent=2, sort_keys=True) + "\n"


def stale_artifacts(artifacts: Mapping[str, Mapping[str, Any]], folder: Path = ARTIFACTS) -> list[str]:
    """Return the names of the artifacts whose file in ``folder`` is missing or differs."""
    files = {name: folder / f"{name}.json" for name in artifacts}
    return [n for n, path in files.items() if not path.is_file() or path.read_text() != render(artifacts[n])]


def _write(artifacts: Mapping[str, Mapping[str, Any]], folder: Path) -> None:
    for name, artifact in artifacts.items():
        path = folder / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(render(artifact), newline="\n")


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compile the contracts into registry/artifacts.")
    parser.add_argument("--check", action="store_true", help="compare instead of writing; exit 1 if stale")
    parser.add_argument("--out", type=Path, default=ARTIFACTS, metavar="DIR", help="where the artifacts are")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    arguments = _arguments(argv)
    try:
        artifacts = build_artifacts()
    except (CompileError, NodeError) as error:
        print(error, file=sys.stderr)
        return 1
    if not arguments.check:
        _write(artifacts, arguments.out)
        return 0
    stale = stale_artifacts(artifacts, arguments.out)
    if stale:
        print(f"Stale: {', '.join(stale)}. Run: python scripts/compile_contracts.py", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
