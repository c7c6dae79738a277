"""The documents are true now: their commands run, their figures are today's, their links lead somewhere."""

from __future__ import annotations

import os
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
def test_the_documents_show_what_their_commands_print() -> None:
    ran = subprocess.run([sys.executable, str(SCRIPT)], capture_output=True, text=True, timeout=280, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "CONSENT_REQUIRE_ALL" not in os.environ or "is not installed" not in ran.stderr


def test_a_block_that_needs_an_absent_program_stays_as_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(readme["_block"].__globals__, "find", lambda name: None)
    text = "<!-- needs: anvil kubo -->\n```console\n$ absent run\nas written\n```\n```console\n$ echo new\nold\n```\n"
    assert readme["_refreshed"](text, tmp_path) == text.replace("old", "new")


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


def test_the_code_cites_headings_that_the_formats_page_has() -> None:
    headings = re.findall(r"^##+ (.+)", (ROOT / "docs" / "formats.md").read_text(), re.M)
    code = "".join(p.read_text() for folder in ("registry", "tests") for p in (ROOT / folder).rglob("*.py"))
    cited = set(re.findall(r'docs/formats\.md, "([^"]+)"', code))
    assert cited
    assert all(any(heading.startswith(name) for heading in headings) for name in cited), cited


def test_every_make_target_in_the_documents_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", *(f"docs/{p.name}" for p in ROOT.glob("docs/*.md"))):
        named = set(re.findall(r"`make ([a-z-]+)`", (ROOT / name).read_text()))
        assert named <= targets, name


@pytest.mark.parametrize("name", ["README.md", "docs/commands.md", "docs/networks.md", "docs/wallets.md"])
def test_every_command_in_the_documents_exists_with_its_options(name: str) -> None:
    lines = re.findall(r"^(?:\$ )?(?:CONSENT_\w+=\S+ )?consent (.+)$", (ROOT / name).read_text(), re.M)
    assert len(lines) >= 3
    for line in lines:
        words = re.split(r" (?:2?>|\|\|?) ", line)[0].split()
        command: Any = program()
        while words and (child := getattr(command, "get_command", lambda *_: None)(None, words[0])):
            command = child
            words.pop(0)
        assert command is not program() and getattr(command, "invoke_without_command", True), line
        known = {name for parameter in command.params for name in parameter.opts}
        assert {word for word in words if word.startswith("-")} <= known, line
