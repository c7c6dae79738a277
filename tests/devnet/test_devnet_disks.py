"""A devnet's folder on disks that refuse."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from registry.core.errors import InvalidInput
from registry.devnet.folders import Folder
from tests.support.disks import break_disk


def test_a_disk_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused lock ended as "unexpected" (item 22)."""
    break_disk(monkeypatch, "lock", errno.ENOLCK)
    with pytest.raises(InvalidInput, match="cannot be locked: No locks available"), Folder(tmp_path / "devnet").held():
        pass


def test_a_disk_without_modes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder on exFAT was refused, because it keeps the mode that it was mounted with (item 22)."""
    break_disk(monkeypatch, "mode", errno.EPERM)
    with Folder(tmp_path / "devnet").held():
        assert (tmp_path / "devnet" / "accounts").is_dir()


def test_a_name_that_is_not_utf_8(tmp_path: Path) -> None:
    """anvil ended with a Rust backtrace, and the command with its last lines (item 22)."""
    folder = tmp_path / os.fsdecode(b"dev\xff")
    with pytest.raises(InvalidInput, match="not UTF-8"):
        Folder(folder).claim()
    assert not folder.exists()
