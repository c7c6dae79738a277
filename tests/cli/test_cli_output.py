"""What is printed: hostile text is shown and never obeyed; lines wrap under their column, on terminals only."""

from __future__ import annotations

import io
import json
import re
import sys
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.cli.ui import progress
from registry.cli.ui.output import Output, wrap
from registry.client.anchoring import OwnAnchorer
from registry.core.errors import LedgerUnavailable
from registry.core.ipld.unixfs import file_blocks
from registry.core.notices.plain_text import LABEL
from registry.present.text import Line, table, visible
from registry.vault.importers.any_file import safe_name
from tests.support.consent_world import DATUM, PURPOSE, Consent, no_of
from tests.support.fake_storage import MemoryBlocks
from tests.support.page_cases import as_plain

ESCAPES = ["\x1b[31m", "\x9b2J", "\r", "\b", "\x00", "\x7f", "\u202e", "\u2066", "\u200f", "\u2028", "\ud800", "\n"]
MARKUP = "[bold red]Safe[/bold red] [link=https://evil.example]here[/link] :warning: <b onclick=x>&amp;</b> {0} %s"


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("escape", ESCAPES)
def test_what_a_terminal_would_obey_is_spelt_out(escape: str) -> None:
    assert visible(f"a{escape}b") == f"a{escape.encode('unicode_escape').decode()}b"


@given(st.text(st.characters()))
def test_whatever_is_shown_stays_on_its_line(text: str) -> None:
    shown = visible(text)
    unseen = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
    assert not [c for c in shown if unicodedata.category(c) in unseen and c not in "\u200c\u200d"]
    assert len(shown.splitlines()) <= 1


@given(st.text(st.characters()))
def test_json_is_one_line_that_means_the_same(text: str) -> None:
    patch = pytest.MonkeyPatch()
    patch.setattr(sys, "stdout", io.StringIO())
    try:
        Output(as_json=True).result({"said": text}, [])
        line = sys.stdout.getvalue()  # type: ignore[attr-defined]
    finally:
        patch.undo()
    assert len(line.splitlines()) == 1 and "\x9b" not in line and "\u202e" not in line
    assert json.loads(line) == {"said": text}
    line.encode()  # not even half a surrogate pair is left


@given(st.text("ab \u4e00", max_size=300), st.integers(1, 120), st.integers(0, 30))
def test_wrapping_loses_no_word(text: str, width: int, hang: int) -> None:
    lines = wrap(" " * hang + text, width, hang)
    assert " ".join(lines).split() == text.split()
    assert all(line.startswith(" " * hang) for line in lines)


def test_a_long_word_stays_whole_so_that_it_can_be_copied() -> None:
    word = "0x" + "ab" * 60
    assert wrap(f"Digest  {word} is it", 40, 8) == [f"Digest  {word}", "        is it"]


def test_a_table_is_aligned_and_wraps_under_its_values() -> None:
    lines = table([("Name", "Alice"), ("Longer name", "word " * 30)], indent=2)
    assert [line.text[:15] for line in lines] == ["  Name         ", "  Longer name  "]
    assert {line.hang for line in lines} == {15}
    assert all(piece.startswith(" " * 15) for piece in wrap(lines[1].text, 60, lines[1].hang)[1:])


def printed(monkeypatch: pytest.MonkeyPatch, *lines: str | Line, columns: int = 40) -> str:
    out = Tty()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "xterm-256color")
    Output().result({}, lines)
    return out.getvalue()


def test_a_terminal_gets_colours_and_wrapped_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    shown = printed(monkeypatch, *table([("Name", "word " * 20)]))
    assert shown.startswith("\x1b[36mName  \x1b[0mword") and shown.count("\n      word") >= 2
    assert max(len(re.sub(r"\x1b\[\d*m", "", line)) for line in shown.splitlines()) <= 40


def test_no_color_means_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in printed(monkeypatch, Line("Yes: it holds.", 0, "bold green"), *table([("Name", "value")]))


def test_markup_is_text_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = printed(monkeypatch, MARKUP, columns=300)
    assert shown == MARKUP + "\n"


def test_what_is_no_terminal_gets_whole_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    Output().result({}, table([("Name", "word " * 100)]))
    assert out.getvalue().count("\n") == 1 and "\x1b" not in out.getvalue()


def hostile_draft(world: Consent, text: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((world.folder / "notice.json").read_bytes())
    listed = as_plain(text, LABEL)
    for language in document["text"].values():
        language["labels"] = {term: f"{number} {listed}" for number, term in enumerate(language["labels"])}
        language |= {"retention": text, "rights": text}
    document["controller"]["name"] = listed
    return document


def published(world: Consent, text: str) -> str:
    draft, notice, request = (world.folder / name for name in ("draft.json", "hostile.json", "asked.json"))
    draft.write_text(json.dumps(hostile_draft(world, text)))
    world.json("notice", "new", draft, "--out", notice, who="aurelle")
    world.json("request", "--notice", notice, "--purpose", PURPOSE, "--data", DATUM, "--out", request, who="aurelle")
    return str(request)


@pytest.mark.parametrize("text", [MARKUP, "W" * 1500, "A" + "\u0301\u0323" * 50, "x" * 79 + "\u00a0y"])
def test_a_hostile_notice_is_shown_as_it_is(asked: Consent, text: str) -> None:
    text = unicodedata.normalize("NFC", text)
    request = published(asked, text)
    answer = asked("grant", request, "--yes")
    assert answer.code == 0 and answer.err.count(visible(text)) >= 2
    assert "\x1b" not in answer.out + answer.err
    shown = [asked("notice", "show", asked.folder / "hostile.json"), asked("evidence", "show", asked.grant)]
    shown += [asked("status"), asked("verify", asked.grant)]
    assert all(one.code == 0 and "\x1b" not in one.out + one.err for one in shown)
    assert visible(as_plain(text, LABEL)) in shown[2].out


@pytest.mark.parametrize("text", ["\x1b[2J", "\x9b31m", "a\rb", "\u202eevil", "\x00"])
def test_a_notice_that_would_repaint_the_terminal_is_refused(asked: Consent, text: str) -> None:
    draft = asked.folder / "draft.json"
    draft.write_text(json.dumps(hostile_draft(asked, text)))
    answer = asked("notice", "new", draft, "--out", asked.folder / "hostile.json", who="aurelle")
    assert no_of(answer) == (1, "Malformed") and not (asked.folder / "hostile.json").exists()
    assert text not in answer.err


@pytest.mark.parametrize("name", ["\x1b[31mred.txt", "[bold]x[link=y].txt", "a\nb.txt", "\u202egpj.exe"])
def test_a_hostile_file_name_is_shown_harmlessly(asked: Consent, name: str) -> None:
    file = asked.folder / name
    file.write_text("x")
    assert asked("vault", "add", file, "--category", DATUM).code == 0
    listed = asked("vault", "list", "--limit", "1")
    assert visible(safe_name(name)) in listed.out and len(listed.out.splitlines()) == 1
    assert asked("verify", file).err.count("\x1b") == 0
    (record,) = asked.json("vault", "list", "--limit", "1")["records"]
    assert record["file"]["name"] == safe_name(name)


def test_progress_is_a_line_for_who_wants_lines(capsys: pytest.CaptureFixture[str]) -> None:
    out = Output(verbosity=1)
    with out.working("sending"):
        for text in ("1 s", "1 s", "2 s\x1b[31m"):
            out.progress(text)
    assert capsys.readouterr() == ("", "sending ...\n1 s\n2 s\\x1b[31m\n")
    with Output().working("sending"):
        Output().progress("1 s")
    assert capsys.readouterr() == ("", "")


def test_progress_moves_on_a_terminal_and_rests_while_somebody_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Tty()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    out = Output()
    with out.working("sending"):
        out.progress("[bold]3 s[/bold]\x1b")
        with out.paused():
            before = screen.getvalue()
            out.note("Sign it?")
            assert screen.getvalue() == before + "Sign it?\n"
        out.progress("4 s")
    assert "[bold]3 s[/bold]\\x1b" in before and "4 s" in screen.getvalue()


def test_how_fast_a_file_goes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "SECONDS_OF_LINES", 0.0)
    file, store = tmp_path / "file", MemoryBlocks()
    file.write_bytes(bytes(3_000_000))
    with progress.open_counted(file, progress.Rate(Output(verbosity=1), "sealing", 3_000_000)) as body:
        blocks = list(file_blocks(body))
    progress.CountedStore(store, progress.Rate(Output(verbosity=1), "storing", 0)).put(blocks)
    lines = capsys.readouterr().err.splitlines()
    assert any(re.fullmatch(r"sealing: 3 of 3 MB, [\d,]+ MB/s", line) for line in lines)
    assert any(re.fullmatch(r"storing: \d+ MB, [\d,]+ MB/s", line) for line in lines)
    assert store.stat().blocks == len({block.cid for block in blocks})


@pytest.mark.parametrize(("kind", "code"), [(LedgerUnavailable, 3), (KeyboardInterrupt, 130)])
def test_what_waits_is_said(
    asked: Consent, monkeypatch: pytest.MonkeyPatch, kind: type[BaseException], code: int
) -> None:
    def failing(*_: Any) -> Any:
        raise kind("the node went away")

    with monkeypatch.context() as patched:
        patched.setattr(OwnAnchorer, "submit", failing)
        answer = asked("grant", asked.folder / "request.json", "--yes")
    assert answer.code == code and "It is signed and kept" in answer.err
    assert "anchored now" in asked("status").out
