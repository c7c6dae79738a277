"""Check js/ and build what browsers run: registry/data/web/{app,wallet,button}, which ship in the wheel."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from scripts.node_packages import JS_FOLDER, ROOT, NodeError, ensure_node_modules, node_environment, node_tool

OUTPUT = ROOT / "registry" / "data" / "web"
# The modes of js/vite.config.ts. Each has a folder of its name in js/ and in the output.
ENTRIES = ("app", "wallet", "button")


def check() -> None:
    """Check the types of TypeScript and of the components; ``NodeError`` shows what does not fit."""
    _run_module(
        "svelte-check/bin/svelte-check", "--tsconfig", "./tsconfig.json", "--fail-on-warnings", "--output", "human"
    )


def build(folder: Path) -> None:
    """Build every entry into its own folder below ``folder``. Equal sources make equal bytes."""
    for name in ENTRIES:
        _run_module("vite/bin/vite.js", "build", "--mode", name, "--outDir", folder / name, "--logLevel", "warn")


def files_below(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file below a folder, by its path from there."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def _run_module(module: str, *arguments: object) -> None:
    script = ensure_node_modules(JS_FOLDER) / module
    command = [str(part) for part in (node_tool("node"), script, *arguments)]
    done = subprocess.run(command, cwd=JS_FOLDER, env=node_environment(), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NodeError(f"{module.split('/')[0]} failed in js/\n{done.stdout}{done.stderr}")


def main() -> None:
    """Replace the built files only when all entries were built."""
    with tempfile.TemporaryDirectory() as made:
        check()
        build(Path(made))
        shutil.rmtree(OUTPUT, ignore_errors=True)
        shutil.copytree(made, OUTPUT)
    for name, raw in files_below(OUTPUT).items():
        print(f"{len(raw):>9,}  {name}")


if __name__ == "__main__":
    try:
        main()
    except NodeError as error:
        sys.exit(str(error))
