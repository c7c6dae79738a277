"""Files that are moved or removed durably."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry.core.errors import InvalidInput
from registry.fs.moving import move_file, remove_file


def test_a_moved_file_has_one_of_its_names(tmp_path: Path) -> None:
    source, target = tmp_path / "one", tmp_path / "new" / "two"
    source.write_bytes(b"content")
    move_file(source, target)
    assert target.read_bytes() == b"content" and not source.exists()
    with pytest.raises(InvalidInput, match="cannot be written"):
        move_file(source, target)


def test_a_removed_file_may_be_absent(tmp_path: Path) -> None:
    file = tmp_path / "one"
    file.write_bytes(b"content")
    assert remove_file(file) and not file.exists() and not remove_file(file)
    with pytest.raises(InvalidInput, match="cannot be written"):
        remove_file(tmp_path)
