"""Two that restored, opened or began in one folder at the same time: the later one was "unexpected", exit code 3."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from registry.client import backup
from registry.client.accept import open_data
from registry.client.backup import back_up, restore
from registry.client.home import Home
from registry.core.age.recipients import Passphrase
from registry.core.errors import InvalidInput
from registry.core.evidence.file import write_evidence
from tests.support.fake_storage import MemoryBlocks
from tests.support.stage import Stage, files_in


def restoring(tmp_path: Path) -> Callable[[], object]:
    home, stage = Home(tmp_path / "alice"), Stage.of(tmp_path / "parties")
    home.create("")
    back_up(home, home.open_vault(stage.network, ""), stage.store, tmp_path / "b.age", "a phrase")
    return lambda: restore(tmp_path / "b.age", Home(tmp_path / "new"), MemoryBlocks(), "a phrase")


def opening(tmp_path: Path) -> Callable[[], object]:
    stage = Stage.of(tmp_path / "parties")
    stage.keep(b"bought")
    file = write_evidence(stage.granted().evidence)
    return lambda: open_data(stage.brand, file, tmp_path / "new")


def beginning(tmp_path: Path) -> Callable[[], object]:
    return lambda: Home(tmp_path / "new").create("")


@pytest.mark.parametrize("story", [restoring, opening, beginning])
def test_the_later_one_finds_the_folder_taken(
    story: Callable[[Path], Callable[[], object]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "Passphrase", lambda text: Passphrase(text, work_factor=10))
    act, before = story(tmp_path), set(files_in(tmp_path))
    rename, first = Path.replace, list[str]()

    def overtaken(self: Path, target: Path) -> Path:
        if target == tmp_path / "new" and not target.exists():
            with monkeypatch.context() as patch:
                patch.setattr(Path, "replace", rename)
                act()
            first.extend(files_in(target))
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", overtaken)
    with pytest.raises(InvalidInput, match="new exists already"):
        act()
    assert first and set(files_in(tmp_path)) - before == {"new", *(f"new/{name}" for name in first)}
