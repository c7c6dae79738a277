"""Verifying evidence in JavaScript (Node), against what `@noble/curves` alone needs to recover the same signatures.

The files are some of those of "Verifying". All of it is JavaScript, as in a browser: the hashes too.
"""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scripts.benchmarks.figures import Figure
from scripts.benchmarks.verifying import Case, world
from scripts.node_packages import JS_FOLDER, ensure_node_modules, node_tool
from tests.support.builders import CHAIN_ID, NOW, REGISTRY

FILES = 100
SCRIPT = Path(__file__).with_name("js_verifying.mjs")


def measure() -> Iterator[Figure]:
    """Both ratios, then the pieces in microseconds a file."""
    cases, asked = world(random.Random(1))  # noqa: S311 - the same files each time, and no secret in them
    assert asked.controllers is not None and asked.purposes is not None and asked.data is not None
    lists = {"controllers": asked.controllers, "purposes": asked.purposes, "data": asked.data}
    policy: dict[str, Any] = {"chainId": CHAIN_ID, "registry": REGISTRY}
    policy |= {name: sorted(values) for name, values in lists.items()}
    taken = _times({"policy": policy, "now": NOW, "files": [_as_json(case) for case in cases[:FILES]]})
    what = f"verify a grant of {len(cases[0].raw) / 1000:.1f} KB"
    yield Figure(f"{what} from bytes, against recovery alone", taken["recover"] / taken["whole"], "", ">= 0.70")
    yield Figure(f"{what} parsed before, against recovery alone", taken["recover"] / taken["judge"], "")
    pieces = {"recovery": taken["recover"], "parsing and its digest": taken["parse"]}
    pieces["its proof and all other checks"] = taken["judge"] - taken["recover"]
    for name, piece in pieces.items():
        yield Figure(f"of which {name}", piece / FILES * 1e3, "us")


def _as_json(case: Case) -> dict[str, Any]:
    (answer,) = case.facts.anchors.values()
    return {"evidence": case.raw.decode(), "anchoredAt": answer.anchored_at}


def _times(asked: dict[str, Any]) -> dict[str, float]:
    """The milliseconds that each step takes for all files."""
    ensure_node_modules(JS_FOLDER)
    command = [str(node_tool("node")), str(SCRIPT)]
    done = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, timeout=200, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    taken: dict[str, float] = json.loads(done.stdout)
    return taken
