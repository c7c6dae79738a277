"""Finding the real programs: what of PATH is taken, and what is not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from registry.core.errors import InvalidInput
from registry.devnet import programs
from registry.devnet.programs import _fits, find, find_program

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and a PATH with nothing on it."""
    monkeypatch.setattr(programs, "CACHE", tmp_path / "cache")
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path / "cache"


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
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
    assert _fits(version, wanted) is fits


def test_what_is_missing_says_how_to_get_it() -> None:
    with pytest.raises(InvalidInput, match=r"kubo 0\.42\.0 or newer is not installed") as caught:
        find_program("kubo")
    assert "make tools" in caught.value.advice
    assert "https://" in caught.value.advice


@pytest.mark.skipif(os.name == "nt", reason="its stand-ins are shell scripts")
class TestWithStandIns:
    """The programs are small shell scripts here."""

    def test_a_fitting_program_on_path_is_used(self, tmp_path: Path) -> None:
        path = program(tmp_path / "bin" / "ipfs", "echo ipfs version 0.42.3")
        assert find("kubo") == (path, "0.42.3", "PATH")

    @pytest.mark.parametrize("text", ["echo ipfs version 0.30.0", "echo hello", "exit 1"])
    def test_an_unfitting_program_on_path_is_not(self, tmp_path: Path, text: str) -> None:
        program(tmp_path / "bin" / "ipfs", text)
        assert find("kubo") is None
        version = "0.30.0" if "0.30.0" in text else "a program without a version"
        with pytest.raises(InvalidInput, match=rf"^kubo: {version} on PATH, 0\.42\.0 needed$"):
            find_program("kubo")

    def test_what_the_cache_holds_comes_second(self, cache: Path, tmp_path: Path) -> None:
        path = program(cache / "kubo-0.42.0" / "ipfs", "exit 0")
        assert find_program("kubo") == (path, "0.42.0", "cache")
        program(tmp_path / "bin" / "ipfs", "echo ipfs version 0.42.0")
        assert find_program("kubo").source == "PATH"

    def test_age_needs_its_companion(self, tmp_path: Path) -> None:
        program(tmp_path / "bin" / "age", "echo v1.3.2")
        assert find("age") is None
        program(tmp_path / "bin" / "age-keygen", "echo v1.3.2")
        assert find("age") is not None
