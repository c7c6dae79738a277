"""Help pages: each has an example, the example fits the command, and no page is wider than its terminal."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest

from registry.cli.app import COMMANDS
from registry.cli.main import program, run
from registry.cli.ui.help import PANELS


def pages() -> Iterator[tuple[str, ...]]:
    root: Any = program()
    yield ()
    for name in root.list_commands(None):
        command = root.get_command(None, name)
        yield from within((name,), command)


def within(page: tuple[str, ...], command: Any) -> Iterator[tuple[str, ...]]:
    yield page
    for name, inner in getattr(command, "commands", {}).items():
        yield from within((*page, name), inner)


PAGES = list(pages())
GROUPS = {
    ("app",),
    ("brand",),
    ("brand", "evidence"),
    ("keys",),
    ("keys", "guardians"),
    ("vault",),
    ("notice",),
    ("evidence",),
    ("notary",),
    ("notary", "sponsors"),
}
GROUPS |= {("vault", "schema")}
LEAVES = [page for page in PAGES if page and page not in GROUPS]
ALONE = {("demo",), ("devnet",), ("vocabulary",), ("notary", "init"), ("notary", "sponsors")}


def help_of(page: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    assert run([*page, "--help"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def test_there_are_all_the_commands_of_the_story() -> None:
    wanted = "init request grant refuse accept open verify revoke revoke-all retire status backup restore recover demo"
    wanted += " devnet deploy doctor sign signer wallets vocabulary uses"
    groups = {
        "keys": "new import list show words passphrase",
        "keys guardians": "split join",
        "notice": "new check publish show",
    }
    vault = "add import list search show history get edit restore remove query stats export sync move"
    vault += " pull shred release check compact"
    groups |= {"vault": vault, "vault schema": "list show add", "devnet": "status stop logs"}
    groups |= {"app": "serve", "evidence": "show import canonical calldata finish drop shred release"}
    groups |= {"brand": "init profile serve request inbox data", "brand data": "show changes send"}
    groups |= {"brand evidence": "erase hold release"}
    groups |= {"notary": "init serve status flush rebuild judge draw", "notary sponsors": "add list budget remove"}
    expected = {(name,) for name in wanted.split()}
    expected |= {(*group.split(), name) for group in groups for name in groups[group].split()}
    assert set(LEAVES) == expected


@pytest.mark.parametrize("page", PAGES, ids=" ".join)
@pytest.mark.parametrize("columns", [60, 80, 120])
def test_every_page_has_an_example_and_fits(
    page: tuple[str, ...], columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    text = help_of(page, capsys)
    about, example = text.split("\nExample\n")
    assert about.startswith(f"Usage: {' '.join(('consent', *page))} ")
    assert example.strip().startswith("consent ") and "\x1b" not in text
    assert all(len(line) <= columns for line in about.splitlines())
    assert "<bool>" not in text and "[default" not in text


@pytest.mark.parametrize("page", LEAVES, ids=" ".join)
def test_an_example_uses_what_its_page_explains(page: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    about, example = help_of(page, capsys).split("\nExample\n")
    for line in example.strip().splitlines():
        words = shlex.split(line)
        assert tuple(words[1 : 1 + len(page)]) == page
        assert all(re.search(rf"^  {re.escape(word)}\b", about, re.MULTILINE) for word in words if word[:2] == "--")


@pytest.mark.parametrize("page", LEAVES, ids=" ".join)
def test_json_and_verbose_are_everywhere(page: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    about = help_of(page, capsys)
    common = about.split("\nEverywhere\n")[1]
    assert "--json" in common and "-v, --verbose" in common
    assert ("--home FOLDER" in common) is not any(page[: len(alone)] == alone for alone in ALONE)


def test_the_first_page_is_in_the_order_of_a_newcomer(capsys: pytest.CaptureFixture[str]) -> None:
    text = help_of((), capsys)
    places = [text.index(f"\n{panel}\n") for panel in PANELS]
    assert places == sorted(places)
    assert text.index("  demo ") < text.index("  init ") < text.index("  vault ") < text.index("  grant ")


def test_no_command_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    text = help_of((), capsys)
    assert run([]) == 0 and capsys.readouterr().out == text
    assert run(["keys"]) == 2 and "Make a new account." in capsys.readouterr().err


def test_the_versions(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    package, contracts, formats = capsys.readouterr().out.splitlines()
    assert package.startswith("consent-registry ") and contracts.startswith("contracts ConsentRegistry 1 (solc ")
    assert "ConsentEvidence 1" in formats and "VaultIndex 1" in formats
    assert run(["--version", "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)) == {"package", "contracts", "formats"}
    assert run(["--json", "status"]) == 2 and "consent status ... --json" in capsys.readouterr().err


@pytest.mark.parametrize("line", [["frob"], ["--frob"], ["verify"], ["keys", "frob"], ["request"], ["demo", "x"]])
def test_usage_errors_say_where_help_is(line: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(line) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.startswith("UsageError: ") and "--help`." in captured.err


@pytest.mark.parametrize("name", COMMANDS)
def test_a_summary_is_the_beginning_of_the_page(name: str) -> None:
    """The list of commands is drawn without loading them, so their summaries stand in `COMMANDS` too."""
    root: Any = program()
    page = root.get_command(None, name).help
    assert COMMANDS[name][1] == " ".join(page.split("\n\n")[0].split())
