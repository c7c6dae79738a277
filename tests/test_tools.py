"""`scripts/tools.py` refuses wrong archives, and no program is ever incomplete."""

from __future__ import annotations

import io
import json
import os
import re
import tarfile
from pathlib import Path

import pytest

from registry.devnet import programs
from scripts import tools
from tests.support import tools as tests_tools


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty cache, with an empty folder as PATH."""
    monkeypatch.setattr(programs, "CACHE", tmp_path / "cache")
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path / "cache"


def program(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


BUILT = [name for name, recipe in tools.TOOLS.items() if recipe.module]


def test_every_program_can_be_made() -> None:
    assert tools.TOOLS.keys() == programs.PROGRAMS.keys()


@pytest.mark.parametrize("name", BUILT)
def test_the_pinned_version_is_built(name: str) -> None:
    recipe = (tools.RECIPES / name / "go.mod").read_text("utf-8")
    found = re.findall(rf"^(?:require )?\s*{re.escape(tools.TOOLS[name].module)} v(\S+)", recipe, re.MULTILINE)
    assert found == [programs.PROGRAMS[name].version]


@pytest.mark.parametrize("name", BUILT)
def test_every_sum_is_committed(name: str) -> None:
    recipe = tools.RECIPES / name
    sums = (recipe / "go.sum").read_text("utf-8")
    assert f"{tools.TOOLS[name].module} v{programs.PROGRAMS[name].version} h1:" in sums


@pytest.mark.parametrize("name", programs.PROGRAMS)
def test_a_missing_program_skips_a_test_or_fails_it_if_all_are_required(
    cache: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    tests_tools._found.cache_clear()
    try:
        monkeypatch.delenv("CONSENT_REQUIRE_ALL", raising=False)
        with pytest.raises(pytest.skip.Exception, match=f"{name} is not installed; `python scripts/tools.py --only"):
            tests_tools.tool(name)
        monkeypatch.setenv("CONSENT_REQUIRE_ALL", "1")
        with pytest.raises(pytest.fail.Exception, match=f"{name} is not installed"):
            tests_tools.tool(name)
    finally:
        tests_tools._found.cache_clear()


@pytest.mark.skipif(os.name == "nt", reason="the stand-ins are shell scripts")
class TestWithStandIns:
    """The programs are replaced by small shell scripts."""

    def test_without_go_it_continues_and_says_so(self, cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert tools.main(["--only", "kubo", "--only", "age", "--json"]) == 3
        said = capsys.readouterr()
        assert json.loads(said.out) == {}
        assert said.err.count("Go, which is not installed") == 2
        assert said.err.startswith("To be made: kubo, age; about 3 minutes on two cores in all, once.\n")

    def test_the_expected_time_is_printed_first(
        self, cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(tools, "provide", lambda name: programs.Found(cache / name, "1.0.0", "cache"))
        tools.main([])
        assert capsys.readouterr().err == (
            "To be made: anvil, cast, forge, kubo, age, geth; about 6 minutes on two cores in all, once.\n"
        )

    def test_a_build_is_complete_or_absent(
        self, cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        go = tmp_path / "bin" / "go"
        program(go, 'eval folder=\\"\\$6\\"; echo half > "$folder/age"; echo the reason >&2; exit 1')
        cache.mkdir()
        (cache / ".age-killed.part").mkdir()
        assert tools.main(["--only", "age"]) == 1
        assert "the reason" in capsys.readouterr().err
        assert [path.name for path in cache.iterdir() if path.is_dir()] == []
        program(go, 'eval folder=\\"\\$6\\"; echo x > "$folder/age"; echo x > "$folder/age-keygen"')
        assert tools.main(["--only", "age"]) == 0
        assert programs.find("age") == (cache / "age-1.3.2" / "age", "1.3.2", "cache")
        program(go, "exit 1")
        assert tools.main(["--only", "age"]) == 0

    def test_an_archive_that_is_not_pinned_is_refused(self, tmp_path: Path) -> None:
        archive = tmp_path / "x.tgz"
        archive.write_bytes(b"something else")
        with pytest.raises(tools.ToolError, match="not the archive"):
            tools._check(archive, tools._INTEGRITY["anvil-linux-amd64"])

    def test_an_archive_without_the_program_is_refused(self, tmp_path: Path) -> None:
        with tarfile.open(tmp_path / "x.tgz", "w:gz") as tar:
            tar.addfile(tarfile.TarInfo("package/README"), io.BytesIO())
        with pytest.raises(tools.ToolError, match="holds no"):
            tools._extract(tmp_path / "x.tgz", "package/bin/anvil", tmp_path / "anvil")
