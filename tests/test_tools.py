"""`scripts/tools.py`: what it takes from PATH, what it refuses, and that nothing is ever half there."""

from __future__ import annotations

import io
import json
import os
import tarfile
from pathlib import Path

import pytest

from scripts import tools


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and a PATH with nothing on it."""
    monkeypatch.setattr(tools, "CACHE", tmp_path / "cache")
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path / "cache"


def program(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("version", "wanted", "fits"),
    [
        ("0.42.0", "0.42.0", True),
        ("0.43.1", "0.42.0", True),
        ("0.41.9", "0.42.0", False),
        ("1.0.0", "0.42.0", False),
        ("1.17.10", "1.17.9", True),
        ("", "1.0.0", False),
    ],
)
def test_versions_that_fit(version: str, wanted: str, fits: bool) -> None:
    assert tools._fits(version, wanted) is fits


def test_versions_come_from_the_recipes() -> None:
    assert {name: tools.pinned_version(name) for name in tools.TOOLS} == {
        "anvil": "1.7.1",
        "cast": "1.7.1",
        "kubo": "0.42.0",
        "age": "1.3.2",
        "geth": "1.17.10",
    }


@pytest.mark.parametrize("name", [name for name, tool in tools.TOOLS.items() if tool.module])
def test_every_sum_is_committed(name: str) -> None:
    recipe = tools.RECIPES / name
    sums = (recipe / "go.sum").read_text("utf-8")
    assert f"{tools.TOOLS[name].module} v{tools.pinned_version(name)} h1:" in sums


@pytest.mark.skipif(os.name == "nt", reason="its stand-ins are shell scripts")
class TestWithStandIns:
    """The programs are small shell scripts here."""

    def test_a_fitting_program_on_path_is_used(self, cache: Path, tmp_path: Path) -> None:
        path = program(tmp_path / "bin" / "ipfs", "echo ipfs version 0.42.3")
        assert tools.find("kubo") == (path, "0.42.3", "PATH")

    @pytest.mark.parametrize("text", ["echo ipfs version 0.30.0", "echo hello", "exit 1"])
    def test_an_unfitting_program_on_path_is_not(self, cache: Path, tmp_path: Path, text: str) -> None:
        program(tmp_path / "bin" / "ipfs", text)
        assert tools.find("kubo") is None

    def test_age_needs_its_companion(self, cache: Path, tmp_path: Path) -> None:
        program(tmp_path / "bin" / "age", "echo v1.3.2")
        assert tools.find("age") is None
        program(tmp_path / "bin" / "age-keygen", "echo v1.3.2")
        assert tools.find("age") is not None

    def test_without_go_it_goes_on_and_says_so(self, cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert tools.main(["--only", "kubo", "--only", "age", "--json"]) == 3
        said = capsys.readouterr()
        assert json.loads(said.out) == {}
        assert said.err.count("Go, which is not installed") == 2

    def test_a_build_is_whole_or_not_there(
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
        assert tools.find("age") == (cache / "age-1.3.2" / "age", "1.3.2", "go")
        program(go, "exit 1")
        assert tools.main(["--only", "age"]) == 0

    def test_another_archive_than_the_pinned_one_is_refused(self, tmp_path: Path) -> None:
        archive = tmp_path / "x.tgz"
        archive.write_bytes(b"something else")
        with pytest.raises(tools.ToolError, match="not the archive"):
            tools._check(archive, tools._INTEGRITY["anvil-linux-amd64"])

    def test_an_archive_without_the_program_is_refused(self, tmp_path: Path) -> None:
        with tarfile.open(tmp_path / "x.tgz", "w:gz") as tar:
            tar.addfile(tarfile.TarInfo("package/README"), io.BytesIO())
        with pytest.raises(tools.ToolError, match="holds no"):
            tools._extract(tmp_path / "x.tgz", "package/bin/anvil", tmp_path / "anvil")
