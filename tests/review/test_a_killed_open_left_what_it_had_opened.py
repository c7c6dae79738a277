"""``consent open`` was killed: a person's data stayed in a hidden folder beside the target, and nobody removed it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from registry.client.accept import open_data
from registry.client.home import Home
from registry.client.revoke import revoke
from registry.core.errors import Revoked
from registry.core.evidence.file import write_evidence
from registry.fs.files import making_folder, remove_left
from tests.support.stage import Stage, files_in

ROOT = Path(__file__).resolve().parents[2]
_KILLED = """
import os, signal, sys
from pathlib import Path
from registry.fs.files import making_folder

with making_folder(Path(sys.argv[1])) as made:
    (made / "Purchase-1-1.csv").write_text("bought")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def killed_while_it_makes(folder: Path) -> Path:
    """What the process leaves."""
    assert subprocess.run([sys.executable, "-c", _KILLED, str(folder)], cwd=ROOT, timeout=60).returncode == -9
    (left,) = folder.parent.rglob("Purchase-1-1.csv")
    assert left.parent != folder
    return left


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    stage = Stage.of(tmp_path / "parties")
    stage.keep(b"bought")
    return stage


def test_the_next_one_removes_it(stage: Stage, tmp_path: Path) -> None:
    file, out = write_evidence(stage.granted().evidence), tmp_path / "place" / "out[1]"
    left = killed_while_it_makes(out)
    open_data(stage.brand, file, out)
    assert not left.exists() and files_in(out.parent) == ["out[1]", "out[1]/Purchase-1-1.csv"]


def test_also_where_consent_has_ended_since(stage: Stage, tmp_path: Path) -> None:
    done, out = stage.granted(), tmp_path / "place" / "out"
    killed_while_it_makes(out)
    revoke(stage.alice, done.evidence)
    with pytest.raises(Revoked):
        open_data(stage.brand, write_evidence(done.evidence), out)
    assert files_in(out.parent) == []


def test_a_home_too(tmp_path: Path) -> None:
    killed_while_it_makes(tmp_path / "alice")
    Home(tmp_path / "alice").create("", key=None)
    assert files_in(tmp_path) == ["alice", "alice/seed.json"]


def test_what_is_being_made_stays(tmp_path: Path) -> None:
    with making_folder(tmp_path / "out") as made:
        (made / "half").write_text("bought")
        remove_left(tmp_path / "out")
        assert (made / "half").exists()
    assert files_in(tmp_path) == ["out", "out/half"]


def test_what_others_call_nearly_so_stays(tmp_path: Path) -> None:
    left = killed_while_it_makes(tmp_path / "out.csv")
    theirs = tmp_path / ".out.12345678" / "made"
    theirs.mkdir(parents=True)
    remove_left(tmp_path / "out")
    assert left.exists() and theirs.exists()


def test_what_another_user_put_there_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = killed_while_it_makes(tmp_path / "out")
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    remove_left(tmp_path / "out")
    assert left.exists()


def test_what_a_link_leads_to_stays(tmp_path: Path) -> None:
    left = killed_while_it_makes(tmp_path / "out")
    elsewhere = left.parents[1].rename(tmp_path / "elsewhere")
    (tmp_path / ".out.12345678").symlink_to(elsewhere)
    remove_left(tmp_path / "out")
    assert (elsewhere / "made" / left.name).exists()
