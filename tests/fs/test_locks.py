"""One lock between processes, for everything that takes one."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from registry.fs.files import file_lock, turn_lock


def test_a_lock_is_held_once_and_released_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with file_lock(path, 0):
        assert path.stat().st_mode & 0o777 == 0o600
        with pytest.raises(TimeoutError):
            file_lock(path, 0.01)
    with file_lock(path, 0):
        pass


def test_an_error_in_the_block_releases_it(tmp_path: Path) -> None:
    with pytest.raises(TimeoutError, match="of the block"), file_lock(tmp_path / "lock", 0):
        raise TimeoutError("of the block")
    with file_lock(tmp_path / "lock", 0):
        pass


def test_a_waiter_gets_its_turn_from_one_who_takes_the_lock_again_and_again(tmp_path: Path) -> None:
    path, held, stop = tmp_path / "lock", threading.Event(), threading.Event()

    def greedy() -> None:
        while not stop.is_set():
            with turn_lock(path, 30):
                held.set()
                time.sleep(0.02)

    thread = threading.Thread(target=greedy)
    thread.start()
    try:
        for _ in range(5):
            held.clear()
            assert held.wait(30)
            with turn_lock(path, 5):
                pass
    finally:
        stop.set()
        thread.join()
