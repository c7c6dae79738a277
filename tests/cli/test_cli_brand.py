"""The brand's commands where they cannot do what is asked: what they say, and that nothing is made."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from registry.cli.main import run
from registry.client.home import Home
from registry.client.network_config import make_network

NAMED = ("--name", "Maison", "--domain", "aurelle.example", "--url", "https://aurelle.example", "--contact", "Us")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CONSENT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CONSENT_NETWORK", str(tmp_path / "network"))
    return tmp_path / "brand"


@pytest.mark.parametrize("words", [["inbox"], ["request"], ["profile"], ["serve"], ["serve", "--only", "worker"]])
def test_without_a_brand_there_is_advice_and_nothing_is_made(
    folder: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["brand", *words, "--dir", str(folder)]) == 2
    assert "consent brand init" in capsys.readouterr().err and not folder.exists()


def test_a_part_that_does_not_exist(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["brand", "serve", "--only", "all", "--dir", str(folder)]) == 2
    assert "--only names 'all'" in capsys.readouterr().err


def test_what_no_profile_can_say_is_refused_before_anything_is_made(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_network(folder.parent / "network")
    Home(folder.parent / "home").create("")
    wrong = [*NAMED[:3], "http://x", *NAMED[4:]]
    assert run(["brand", "init", *wrong, "--dir", str(folder)]) == 2
    assert "makes no profile" in capsys.readouterr().err and not folder.exists()
    assert run(["brand", "init", *NAMED, "--dir", str(folder)]) == 0
    assert run(["brand", "profile", "--dir", str(folder)]) == 0
    assert '"domain":"aurelle.example"' in capsys.readouterr().out


@pytest.mark.parametrize("words", [["inbox"], ["init", *NAMED], ["serve"], ["profile"], ["request"]])
def test_without_the_extra_it_says_what_to_install(tmp_path: Path, words: list[str]) -> None:
    script = (
        "import sys, importlib.util as u\n"
        "gone = {'sqlalchemy', 'alembic', 'fastapi', 'starlette', 'uvicorn', 'sse_starlette', 'prometheus_client'}\n"
        "for name in gone: sys.modules[name] = None\n"
        "found = u.find_spec\n"
        "u.find_spec = lambda name, *rest: None if name in gone else found(name, *rest)\n"
        "from registry.cli.main import run\n"
        f"sys.exit(run(['brand', *{words!r}, '--dir', {str(tmp_path / 'brand')!r}]))\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 2 and "consent-registry[notary]" in ran.stderr, ran.stderr
