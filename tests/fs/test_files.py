"""Files that appear whole or not at all, and opening a sealed file into one."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from registry.core.age.recipients import identity_from_seed, recipient_of
from registry.core.age.stream import open_sealed, seal_bytes
from registry.core.errors import DamagedSeal, InvalidInput
from registry.fs.files import (
    making_folder,
    read_bounded,
    remove_left,
    replace_file,
    replacing,
)
from tests.support.killed import killed_while_making
from tests.support.stage import files_in

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


def test_a_bounded_read_shows_that_there_is_more(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    assert read_bounded(tmp_path / "file", 5) == read_bounded(tmp_path / "file", 4) == b"12345"
    assert read_bounded(tmp_path / "file", 2) == b"123"
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_bounded(tmp_path / "missing", 2)


class TestLeftovers:
    """What a killed process left of a folder is removed; nothing of a live process or of somebody else is."""

    def test_a_killed_process_leaves_data_that_is_removed(self, tmp_path: Path) -> None:
        killed_while_making(tmp_path / "out")
        with making_folder(tmp_path / "out") as made:
            (made / "whole").write_text("bought")
        assert files_in(tmp_path) == ["out", "out/whole"]

    def test_a_folder_in_the_making_stays(self, tmp_path: Path) -> None:
        with making_folder(tmp_path / "out") as made:
            (made / "half").write_text("bought")
            remove_left(tmp_path / "out")
            assert (made / "half").exists()
        assert files_in(tmp_path) == ["out", "out/half"]

    def test_a_similar_name_stays(self, tmp_path: Path) -> None:
        left = killed_while_making(tmp_path / "out.csv")
        theirs = tmp_path / ".out.12345678" / "made"
        theirs.mkdir(parents=True)
        remove_left(tmp_path / "out")
        assert left.exists() and theirs.exists()

    def test_the_folder_of_another_user_stays(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        left = killed_while_making(tmp_path / "out")
        monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
        remove_left(tmp_path / "out")
        assert left.exists()

    def test_the_target_of_a_link_stays(self, tmp_path: Path) -> None:
        left = killed_while_making(tmp_path / "out")
        elsewhere = left.parents[1].rename(tmp_path / "elsewhere")
        (tmp_path / ".out.12345678").symlink_to(elsewhere)
        remove_left(tmp_path / "out")
        assert (elsewhere / "made" / left.name).exists()
