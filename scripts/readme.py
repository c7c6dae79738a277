"""Run the commands in the documents and compare their output with the documents.

    python scripts/readme.py            compare; print a diff and exit 1 if something differs
    python scripts/readme.py --write    write today's output into the documents

A block fenced as ``console`` is a script of ``$ command`` lines, each followed by its output. The blocks of one
document run in one shell, in a new folder. The comment ``<!-- needs: anvil kubo -->`` above a block names programs; the
block is left alone if one is not installed. A block fenced as ``python`` that begins with ``# runs`` is executed. Hex,
CIDs, times, ports and durations differ at every run, so they are masked before the comparison.
"""

from __future__ import annotations

import argparse
import difflib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from registry.devnet.programs import find

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = ("README.md", "docs/app.md", "docs/commands.md", "docs/contracts.md", "docs/python.md", "docs/vault.md")
TIMEOUT = 300
MARK = "@@end@@"
# A command that fails must not leave a devnet running.
END_DEVNET = "trap 'test ! -d devnet || consent devnet stop --dir devnet > /dev/null 2>&1' EXIT"

GAS = """\
<!-- gas -->
| | gas |
|---|--:|
| anchor, for 1 to 32,768 consents | {anchor:,.0f} |
| revoke | {revoke:,.0f} |
| revoke in a batch of 100, each | {revokeBatch of 100, each:,.0f} |
| revoke everything (kill-switch) | {revokeAll:,.0f} |
| check by another contract, through `ConsentVerifier` | {check through ConsentVerifier:,.0f} |
| check in a contract that inherits `ConsentGate` | {check through an inherited gate:,.0f} |
<!-- /gas -->"""

_GAS = re.compile(r"<!-- gas -->.*?<!-- /gas -->", re.S)
_CONSOLE = re.compile(r"(?:^<!-- needs: ([\w ]+) -->\n)?^```console\n(.*?)^```$", re.M | re.S)
_PYTHON = re.compile(r"^```python\n(# runs.*?)^```$", re.M | re.S)
_MASKS = (
    (r"0x[0-9a-fA-F]{6,}(?:\.\.\.)?", "0xHEX"),
    (r"b[a-z2-7]{50,}", "CID"),
    (r"\b[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}\b", "RECORD"),
    (r"(?m)^[0-9a-f]{12}(?=  )", "RECORD"),
    (r"--cursor [\w-]+", "--cursor CURSOR"),
    (r"SHA-256 [0-9a-f]+", "SHA-256 HEX"),
    (r"age1pq1[a-z0-9.]+", "RECIPIENT"),
    (r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d:\d\d(?: UTC|Z)?)?", "TIME"),
    (r"\d+(?:\.\d+)? (?:ms|s)\b", "DURATION"),
    # A hash with more zero bytes costs a little less to send.
    (r"\b(4\d,\d)\d\d\b", r"\1NN"),
    (r'"(?:milli)?seconds": [\d.]+', '"seconds": N'),
    (r"chain \d+", "chain N"),
    (r"[\d,]+ bytes", "N bytes"),
    (r"block \d+", "block N"),
    (r"Block( +)\d+", r"Block\1N"),
    (r"(127\.0\.0\.1:|localhost:|/tcp/|process )\d+", r"\1N"),
)


class Block(NamedTuple):
    """A console block of a document: its text, its commands, and whether they can run here."""

    text: str
    commands: list[str]
    runs: bool


def main() -> int:
    """Check or refresh every document; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write the output into the documents")
    options = parser.parse_args()
    return max([_document(ROOT / name, options.write) for name in DOCUMENTS])


def _document(path: Path, write: bool) -> int:
    text = path.read_text()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        fresh = _refreshed(text, folder)
        for source in _PYTHON.findall(text):
            _run_python(source, folder)
    fresh = _GAS.sub(lambda _: _gas(), fresh)
    if write:
        path.write_text(fresh)
        return 0
    difference = list(
        difflib.unified_diff(masked(text).splitlines(), masked(fresh).splitlines(), "written", "today", n=1)
    )
    print("\n".join(difference) if difference else f"{path.name}: its commands do what it says")
    return 1 if difference else 0


def _gas() -> str:
    snapshot = json.loads((ROOT / "tests" / "contracts" / "gas_snapshot.json").read_text())
    return GAS.format(**snapshot)


def masked(text: str) -> str:
    """Return the text without the parts that differ at every run."""
    for pattern, mask in _MASKS:
        text = re.sub(pattern, mask, text)
    return text


def _refreshed(text: str, folder: Path) -> str:
    blocks = [_block(found) for found in _CONSOLE.finditer(text)]
    outputs = iter(_run([command for block in blocks if block.runs for command in block.commands], folder))
    fresh = [_printed(block, outputs) if block.runs else block.text for block in blocks]
    return _CONSOLE.sub(lambda found: found[0].replace(found[2], fresh.pop(0)), text)


def _block(found: re.Match[str]) -> Block:
    missing = [name for name in (found[1] or "").split() if find(name) is None]
    if missing:
        print(f"a block is left alone: {', '.join(missing)} is not installed", file=sys.stderr)
    return Block(found[2], [line[2:] for line in found[2].splitlines() if line.startswith("$ ")], not missing)


def _printed(block: Block, outputs: Iterator[str]) -> str:
    return "".join(f"$ {command}\n{next(outputs)}" for command in block.commands)


def _run(commands: list[str], folder: Path) -> list[str]:
    """Run all commands in one shell; return the output of each."""
    script = "\n".join(f"{_in_place(command)}\nprintf '%s\\n' '{MARK}'" for command in commands)
    ran = subprocess.run(
        ["bash", "-c", f"set -e\n{END_DEVNET}\n{script}"],
        cwd=folder,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    # The folder has another name at every run.
    outputs = ran.stdout.replace(f"{folder}/", "").split(f"{MARK}\n")
    if ran.returncode or len(outputs) != len(commands) + 1:
        raise SystemExit(f"failed in: {commands[min(len(outputs), len(commands)) - 1]}\n{ran.stdout}")
    return outputs[:-1]


def _in_place(command: str) -> str:
    # `make` needs the checkout; everything else runs in the new folder.
    return f"{command} -s -C {ROOT}" if command.startswith("make ") else command


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CONSENT_")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', '')}"
    return kept | {"PATH": path, "NO_COLOR": "1", "COLUMNS": "120", "MAKEFLAGS": ""}


def _run_python(source: str, folder: Path) -> None:
    command = [sys.executable, "-c", source]
    subprocess.run(command, cwd=folder, env=_environment(), timeout=TIMEOUT, check=True)


if __name__ == "__main__":
    sys.exit(main())
