"""Files that appear whole or not at all, and opening a sealed file into one."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from registry.core.age.recipients import identity_from_seed, recipient_of
from registry.core.age.stream import open_sealed, seal_bytes
from registry.core.errors import DamagedSeal
from registry.fs.files import replace_file, replacing

IDENTITY = identity_from_seed(bytes(range(32)))


def test_a_whole_file_appears_for_its_owner_only(tmp_path: Path) -> None:
    with replacing(tmp_path / "out") as sink:
        sink.write(b"content")
        assert not (tmp_path / "out").exists()
    assert (tmp_path / "out").read_bytes() == b"content"
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("older", [None, b"older"])
def test_a_cut_sealed_file_leaves_nothing_behind(tmp_path: Path, older: bytes | None) -> None:
    target = tmp_path / "out"
    if older is not None:
        target.write_bytes(older)
    sealed = seal_bytes(b"personal data" * 20_000, [recipient_of(IDENTITY)])
    with pytest.raises(DamagedSeal), replacing(target) as sink:
        open_sealed(io.BytesIO(sealed[:-1]), sink, [IDENTITY])
    assert [each.read_bytes() for each in tmp_path.iterdir()] == ([] if older is None else [older])


def test_interrupted_while_it_gets_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rename = Path.replace

    def interrupted(self: Path, target: Path) -> None:
        rename(self, target)
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        replace_file(tmp_path / "out", b"whole")
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"whole"]


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="missing"), replacing(tmp_path / "missing" / "out"):
        pass
