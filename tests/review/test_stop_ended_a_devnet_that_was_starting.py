"""`devnet stop` looked whether a devnet runs, and only then, without the lock, ended what ``running.json`` names: the
programs of a devnet that had started in the meantime."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from registry.devnet.folders import Folder, Running
from registry.devnet.processes import Known, is_alive, know, wait_until

SECONDS = 20.0
_SLOW_TO_END = """
import signal, time
signal.signal(signal.SIGTERM, lambda *_: (time.sleep(3), exit()))
print("ready", flush=True)
time.sleep(60)
"""


def test_nothing_starts_while_it_ends_what_was_left(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "devnet")
    folder.claim()
    with subprocess.Popen([sys.executable, "-c", _SLOW_TO_END], stdout=subprocess.PIPE) as orphan:
        assert orphan.stdout is not None and orphan.stdout.readline() == b"ready\n"
        left = know("anvil", orphan.pid)
        folder.write(Running(Known("devnet", 0, ""), 0, (left,)))
        with ThreadPoolExecutor(1) as pool:
            stopped = pool.submit(folder.stop)
            assert wait_until(lambda: folder.is_held() or stopped.done(), SECONDS)
            assert not stopped.done() and is_alive(left)
            assert stopped.result(SECONDS)
    assert folder.read() is None and not folder.is_held()
