"""The documents say what is true now: their commands run, their figures are today's."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from registry.cli.main import program

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "scripts" / "readme.py"
readme = runpy.run_path(str(SCRIPT))


@pytest.mark.slow
def test_the_readme_shows_what_its_commands_print() -> None:
    ran = subprocess.run([sys.executable, str(SCRIPT)], capture_output=True, text=True, timeout=280, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_masking_leaves_a_changed_word_visible() -> None:
    before = "Gas 46,189 0xabcdef1234 at 2026-11-23 22:55:22 UTC in 3 ms"
    assert readme["masked"](before) == readme["masked"](before.replace("abcdef", "fedcba").replace("3 ms", "9 ms"))
    assert readme["masked"](before) != readme["masked"](before.replace("46,189", "46,389"))
    assert readme["masked"](before) != readme["masked"](before.replace("UTC", "utc"))


@pytest.mark.parametrize(
    "document",
    sorted(
        p.relative_to(ROOT).as_posix() for p in ROOT.glob("**/*.md") if not {".venv", "node_modules"} & set(p.parts)
    ),
)
def test_links_lead_somewhere(document: str) -> None:
    path = ROOT / document
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", path.read_text()):
        if not target.startswith(("http://", "https://", "mailto:")):
            assert (path.parent / target).exists(), f"{document} points at {target}"


def test_the_formats_page_has_the_statement_types_to_the_letter() -> None:
    from registry.core.statements.messages import TYPES

    page = (ROOT / "docs" / "formats.md").read_text()
    for type_string in TYPES.values():
        assert f"\n{type_string}\n" in page


def test_every_make_target_in_the_documents_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        named = set(re.findall(r"`make ([a-z-]+)`", (ROOT / name).read_text()))
        assert named <= targets, name


def test_every_command_in_the_readme_exists_with_its_options() -> None:
    lines = re.findall(r"^(?:\$ )?(?:CONSENT_\w+=\S+ )?consent (.+)$", (ROOT / "README.md").read_text(), re.M)
    assert len(lines) > 12
    for line in lines:
        words = re.split(r" (?:2>|\|\|) ", line)[0].split()
        command: Any = program()
        while words and words[0] in getattr(command, "commands", ()):
            command = command.get_command(None, words.pop(0))
        known = {name for parameter in command.params for name in parameter.opts}
        assert not getattr(command, "commands", ()), line
        assert {word for word in words if word.startswith("-")} <= known, line
