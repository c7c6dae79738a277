"""One world for each step of the story, made by ``consent demo --until STEP`` and copied for each test."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from registry.cli.main import run
from registry.cli.ui.output import Output
from registry.core.age.recipients import Passphrase
from registry.wallets import keyfiles, keystore
from tests.support.consent_world import Consent
from tests.support.served_brand import HOST, ServedBrand, served_brand

Until = Callable[[str], Consent]


@pytest.fixture(scope="session")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    @cache
    def made(step: str) -> Path:
        folder = tmp_path_factory.mktemp("worlds") / step
        assert run(["demo", "--until", step, "--dir", str(folder), "--json"]) == 0
        return folder

    return made


@pytest.fixture(autouse=True)
def a_known_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("CONSENT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "80")
    # The cost of guessing a passphrase is tested where keystores are; here it would only be waited for.
    monkeypatch.setattr(keystore, "STANDARD", keystore.LIGHT)
    monkeypatch.setattr(Passphrase.__init__, "__defaults__", (10,))
    for made in (keyfiles.new_key, keyfiles.import_key):
        monkeypatch.setitem(made.__kwdefaults__, "cost", keystore.LIGHT)


@pytest.fixture(autouse=True)
def one_style_of_json(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every name that any command prints with --json is written likeThis (item 19)."""
    print_line = Output.json_line

    def checked(out: Output, document: dict[str, Any]) -> None:
        print_line(out, document)
        assert not (wrong := [name for name in names_in(document) if "_" in name or "-" in name]), wrong

    monkeypatch.setattr(Output, "json_line", checked)


def names_in(value: Any) -> Iterator[str]:
    """All names of members, but not the terms and texts that a notice maps."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            if name not in ("labels", "text", "more"):
                yield from names_in(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from names_in(inner)


@pytest.fixture
def until(
    worlds: Callable[[str], Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Until:
    """A copy of the world after a step of the story, to do with as a test likes."""

    def copied(step: str) -> Consent:
        shutil.copytree(worlds(step), tmp_path / "world")
        capsys.readouterr()
        return Consent(tmp_path / "world", capsys, monkeypatch)

    return copied


@pytest.fixture
def asked(until: Until) -> Consent:
    """Alice has data in her vault, and Maison Aurelle has asked for it."""
    return until("asked")


@pytest.fixture
def granted(until: Until) -> Consent:
    """Alice has said yes."""
    return until("granted")


@pytest.fixture
def accepted(until: Until) -> Consent:
    """Maison Aurelle has counter-signed."""
    return until("accepted")


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServedBrand]:
    """A served brand; the commands of this process are Alice's, on its chain."""
    with served_brand(tmp_path) as served:
        home = served.api.stage.folder / "home"
        network = tmp_path / "network"
        network.mkdir()
        (network / "network.toml").write_text(f'[domains]\n"{HOST}" = "{served.url}"\n')
        monkeypatch.setenv("CONSENT_HOME", str(home))
        monkeypatch.setenv("CONSENT_NETWORK", str(network))
        monkeypatch.setattr("registry.client.session.Session.network", served.alice.network)
        yield served
