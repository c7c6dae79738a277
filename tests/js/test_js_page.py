"""docs/javascript.md is true: its examples run, and print what stands below them."""

from __future__ import annotations

import re
import subprocess

import pytest

from scripts.node_packages import JS_FOLDER, ensure_node_modules, node_tool
from tests.support.nodejs import SECONDS
from tests.support.paths import ROOT

PAGE = ROOT / "docs" / "javascript.md"
EXAMPLES = re.findall(r"^```js\n(// runs\n.*?)^```\n\n```text\n(.*?)^```", PAGE.read_text(), re.M | re.S)


def test_every_example_is_run() -> None:
    assert len(EXAMPLES) == PAGE.read_text().count("```js\n") >= 3


@pytest.mark.parametrize("place", range(len(EXAMPLES)))
def test_an_example_prints_what_stands_below_it(place: int) -> None:
    source, printed = EXAMPLES[place]
    ensure_node_modules(JS_FOLDER)
    command = [str(node_tool("node")), "--input-type=module", "--eval", source]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=SECONDS, check=False)
    assert (done.returncode, done.stdout) == (0, printed), done.stderr


def test_every_file_in_the_page_exists() -> None:
    named = re.findall(r"`(\w+\.ts)`", PAGE.read_text())
    assert named and all((JS_FOLDER / "core" / name).is_file() for name in named)
