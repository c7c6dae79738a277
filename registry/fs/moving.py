"""Files that are moved or removed so that a power cut takes nothing of it back."""

from __future__ import annotations

from pathlib import Path

from registry.fs.files import make_folder, sync_folder, writing


def move_file(source: Path, target: Path) -> None:
    """Give a file another name durably, over an older file; it has one of both names at any moment.

    ``InvalidInput`` if it cannot be moved.
    """
    with writing(target):
        make_folder(target.parent)
        source.replace(target)
        sync_folder(target.parent)
        sync_folder(source.parent)


def remove_file(path: Path) -> bool:
    """Remove a file durably; return whether there was one. ``InvalidInput`` if it cannot be removed."""
    with writing(path):
        try:
            path.unlink()
        except FileNotFoundError:
            return False
        sync_folder(path.parent)
    return True
