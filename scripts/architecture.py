"""Draws docs/architecture.svg from the real imports: the layers, and the way from a statement to its evidence.

python scripts/architecture.py            write the picture
python scripts/architecture.py --check    exit 1 if it is stale
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import NamedTuple
from xml.sax.saxutils import escape

from scripts.imports import LAYERS, ROOT, package_imports

PICTURE = ROOT / "docs" / "architecture.svg"
WIDTH, MARGIN, GAP = 1000, 16, 10
LABEL_WIDTH, BAND_HEIGHT = 150, 66
STEP_WIDTH, STEP_HEIGHT, STEP_GAP = 122, 128, 19
TOP = 72

LABELS = {
    "cli": "command line",
    "devnet": "developers",
    "brand": "services",
    "client": "use cases",
    "vault": "records",
    "ledger": "adapters",
    "net": "mechanism",
    "fs": "files",
    "present": "words",
    "core": "core",
}
# One short line for each package. docs/architecture.md says more.
PURPOSES = {
    "cli": "parses, calls, prints",
    "devnet": "runs a local network",
    "demo": "tells the story once",
    "brand": "asks, takes answers, tells of ends",
    "web": "serves the person's app",
    "client": "every rule that must hold for all callers",
    "vault": "a person's records, sealed, in streams",
    "notary": "anchors in batches, relays endings, sees hashes",
    "ledger": "reads and writes a chain",
    "storage": "keeps sealed blocks",
    "wallets": "holds keys and signs",
    "net": "asks HTTP, JSON-RPC",
    "config": "all settings",
    "db": "databases of services",
    "http": "serves services",
    "fs": "durable files and locks",
    "lazy_py_ecc": "postpones a slow import",
    "present": "words, summaries and pages for people",
    "core": "statements, notices, evidence, proofs, judgement, sealing: pure, no I/O",
}


class Step(NamedTuple):
    """One box of the data flow: what exists then, how it came about, and the file that does it."""

    title: tuple[str, ...]
    deed: tuple[str, ...]
    file: str


STEPS = (
    Step(("Request",), ("the brand signs", "its question"), "client/request.py"),
    Step(("Grant",), ("the wallet signs", "the answer"), "client/sign.py"),
    Step(("Commitment",), ("its hash is", "anchored"), "client/sign.py"),
    Step(("Evidence",), ("one file holds", "all of it"), "core/evidence/file.py"),
    Step(("Facts",), ("are read from", "the chain"), "ledger/rpc.py"),
    Step(("Judgement",), ("a pure function", "compares both"), "core/verify/judge.py"),
    Step(("VerifiedGrant",), ("only the judge", "makes one"), "core/verify/judge.py"),
)

STYLE = """\
  text { font: 14px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2328 }
  .page { fill: #ffffff } .band { fill: #f1f4f8 } .box { fill: #ffffff; stroke: #8c959f }
  .title { font-size: 17px; font-weight: 600 } .name { font-weight: 600 } .label { fill: #57606a }
  .quiet { font-size: 12.5px; font-weight: 400; fill: #57606a }
  .file { font: 12px ui-monospace, Menlo, Consolas, monospace; fill: #0a58ca }
  .line { stroke: #57606a; stroke-width: 1.5; fill: none } .tip { fill: #57606a }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .page { fill: #0d1117 } .band { fill: #161c24 } .box { fill: #0d1117; stroke: #6e7681 }
    .quiet, .label { fill: #9da7b1 } .file { fill: #79b8ff } .line { stroke: #9da7b1 } .tip { fill: #9da7b1 }
  }"""


def main() -> int:
    """Write the picture, or compare it; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="exit 1 if the picture is stale")
    if not parser.parse_args().check:
        PICTURE.write_text(draw(), "utf-8")
        return 0
    if PICTURE.read_text("utf-8") == draw():
        return 0
    print("docs/architecture.svg is stale: run `make architecture`", file=sys.stderr)
    return 1


def draw() -> str:
    """Return the whole picture as SVG."""
    imports = package_imports()
    layers = [[package for package in layer if package in imports] for layer in reversed(LAYERS)]
    layers = [layer for layer in layers if layer]
    flow_top = TOP + len(layers) * (BAND_HEIGHT + GAP) + 44
    height = flow_top + STEP_HEIGHT + MARGIN
    body = [
        _text(MARGIN, 32, "title", "The layers of the package"),
        _text(
            MARGIN,
            54,
            "quiet",
            "Imports only point downwards. Each box names, after the arrow, all packages that it imports.",
        ),
        *(part for number, layer in enumerate(layers) for part in _band(number, layer, imports)),
        _text(MARGIN, flow_top - 16, "title", "From a signed statement to its evidence, and to a yes"),
        *(part for number, step in enumerate(STEPS) for part in _step(number, step, flow_top)),
    ]
    lines = "\n".join(f"  {part}" for part in body)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        'role="img" aria-label="The layers of the package, and the way from a signed statement to its evidence">\n'
        f'<style>\n{STYLE}\n</style>\n  <rect class="page" width="{WIDTH}" height="{height}"/>\n{lines}\n</svg>\n'
    )


def _band(number: int, layer: list[str], imports: dict[str, set[str]]) -> Iterator[str]:
    top = TOP + number * (BAND_HEIGHT + GAP)
    yield _rect("band", MARGIN, top, WIDTH - 2 * MARGIN, BAND_HEIGHT)
    yield _text(MARGIN + 14, top + BAND_HEIGHT // 2 + 5, "label", LABELS[_first(layer)])
    x, room = MARGIN + LABEL_WIDTH, WIDTH - 2 * MARGIN - LABEL_WIDTH - GAP * len(layer)
    # A box is as wide as what it says.
    lengths = {one: 4 + max(len(f"{one} {PURPOSES[one]}"), len(_listed(imports[one]))) for one in layer}
    for package in layer:
        width = room * lengths[package] // sum(lengths.values())
        yield _rect("box", x, top + 7, width, BAND_HEIGHT - 14)
        yield _text(x + 12, top + 28, "name", package, PURPOSES[package])
        yield _text(x + 12, top + 49, "quiet", f"\u2193 {_listed(imports[package])}")
        x += width + GAP


def _first(layer: list[str]) -> str:
    return next(package for package in layer if package in LABELS)


def _listed(packages: set[str]) -> str:
    """Return the package names from the top layer to the bottom layer."""
    order = [package for layer in reversed(LAYERS) for package in layer]
    return ", ".join(sorted(packages, key=order.index)) or "nothing of ours"


def _step(number: int, step: Step, top: int) -> Iterator[str]:
    if not (ROOT / "registry" / step.file).is_file():
        raise SystemExit(f"registry/{step.file} is gone; correct STEPS in scripts/architecture.py")
    x = MARGIN + number * (STEP_WIDTH + STEP_GAP)
    yield _rect("box", x, top, STEP_WIDTH, STEP_HEIGHT)
    folder, _, name = step.file.rpartition("/")
    rows = [("name", *step.title), ("quiet", *step.deed), ("file", f"{folder}/", name)]
    y = top + 24
    for style, *texts in rows:
        for text in texts:
            yield _text(x + 10, y, style, text)
            y += 18
        y += 7
    if number:
        middle = top + STEP_HEIGHT // 2
        yield f'<path class="line" d="M{x - STEP_GAP + 2} {middle}H{x - 7}"/>'
        yield f'<path class="tip" d="M{x - 8} {middle - 5}l7 5l-7 5z"/>'


def _rect(style: str, x: int, y: int, width: int, height: int) -> str:
    return f'<rect class="{style}" x="{x}" y="{y}" width="{width}" height="{height}" rx="6"/>'


def _text(x: int, y: int, style: str, text: str, more: str = "") -> str:
    beside = f'<tspan class="quiet" dx="10">{escape(more)}</tspan>' if more else ""
    return f'<text class="{style}" x="{x}" y="{y}">{escape(text)}{beside}</text>'


if __name__ == "__main__":
    sys.exit(main())
