"""Run the commands in the documents and hold their output to what stands there.

    python scripts/readme.py            compare; exit 1 and a diff where something differs
    python scripts/readme.py --write    write today's output into the documents

A block that is fenced as ``console`` is a script of ``$ command`` lines, each followed by its output; the blocks of
one document run in one shell, in a fresh folder. A block fenced as ``python`` that begins with ``# runs`` is executed.
Hex, CIDs, times and durations differ at every run, so they are masked before comparing.
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
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = ("README.md",)
TIMEOUT = 300
MARK = "@@end@@"

GAS = """\
<!-- gas -->
Gas, on the rules of Prague, held by a test: anchor {anchor:,.0f}, whatever the number of consents under it (up to
32,768); revoke {revoke:,.0f}, in batches of 100 {revokeBatch of 100, each:,.0f} each; kill-switch {revokeAll:,.0f}; the
whole check as another contract pays for it {check through ConsentVerifier:,.0f}, in a contract that inherits the gate
{check through an inherited gate:,.0f}.
<!-- /gas -->"""

_GAS = re.compile(r"<!-- gas -->.*?<!-- /gas -->", re.S)
_CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.M | re.S)
_PYTHON = re.compile(r"^```python\n(# runs.*?)^```$", re.M | re.S)
_MASKS = (
    (r"0x[0-9a-fA-F]{6,}(?:\.\.\.)?", "0xHEX"),
    (r"b[a-z2-7]{50,}", "CID"),
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
)


def main() -> int:
    """Check or refresh every document; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write the output into the documents")
    options = parser.parse_args()
    return max(_document(ROOT / name, options.write) for name in DOCUMENTS)


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
    """The text without what differs at every run."""
    for pattern, mask in _MASKS:
        text = re.sub(pattern, mask, text)
    return text


def _refreshed(text: str, folder: Path) -> str:
    blocks = _CONSOLE.findall(text)
    commands = [[line[2:] for line in block.splitlines() if line.startswith("$ ")] for block in blocks]
    outputs = iter(_run([command for block in commands for command in block], folder))
    fresh = ["".join(f"$ {command}\n{next(outputs)}" for command in block) for block in commands]
    return _CONSOLE.sub(lambda _: f"```console\n{fresh.pop(0)}```", text)


def _run(commands: list[str], folder: Path) -> list[str]:
    """The output of each command, run one after the other in one shell."""
    script = "\n".join(f"{_here(command)}\nprintf '%s\\n' '{MARK}'" for command in commands)
    ran = subprocess.run(
        ["bash", "-c", f"set -e\n{script}"],
        cwd=folder,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    # Where it ran is nobody's business.
    outputs = ran.stdout.replace(f"{folder}/", "").split(f"{MARK}\n")
    if ran.returncode or len(outputs) != len(commands) + 1:
        raise SystemExit(f"failed in: {commands[min(len(outputs), len(commands)) - 1]}\n{ran.stdout}")
    return outputs[:-1]


def _here(command: str) -> str:
    # `make` is for a checkout; everything else runs in the fresh folder.
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
