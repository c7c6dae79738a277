"""A worker of a notary in a process of its own, which may kill itself at a chosen moment.

``python -m tests.support.worker_process FOLDER DATABASE URL DEPLOYMENT BLOCKS MOMENT COUNT``, the account's key on
standard input. At ``MOMENT`` number ``COUNT`` the process kills itself, as a power cut would.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from registry.ledger.base import read_deployment
from registry.notary.settings import NotarySettings
from registry.notary.stores import open_stores
from registry.notary.worker import Worker
from registry.storage.sqlite_store import SqliteBlocks

MOMENTS = ("signed", "stored", "marked", "sent", "noted", "followed", "kept", "closed", "pinned", "dropped")


def start(
    folder: Path, database: str, url: str, deployment: Path, blocks: Path, key: bytes, moment: str = "", count: int = 1
) -> subprocess.Popen[str]:
    """Start such a process; it is ready when it has printed a line."""
    arguments = [str(folder), database, url, str(deployment), str(blocks), moment, str(count)]
    command = [sys.executable, "-m", "tests.support.worker_process", *arguments]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(key.hex() + "\n")
    process.stdin.close()
    assert process.stdout.readline() == "ready\n"
    return process


def _killing(work: Callable[..., Any], left: list[int], *, before: bool) -> Callable[..., Any]:
    """Return ``work`` with an end of the process before or after its n-th call."""

    def wrapped(*args: Any, **named: Any) -> Any:
        left[0] -= 1
        if before and left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        answer = work(*args, **named)
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    return wrapped


def _plant(worker: Worker, stores: Any, blocks: SqliteBlocks, moment: str, count: int) -> None:
    outbox = worker.leader._outbox
    places: dict[str, tuple[Any, str, bool]] = {
        "signed": (stores.book, "add_transaction", True),
        "stored": (stores.book, "add_transaction", False),
        "marked": (outbox, "send", True),
        "sent": (outbox, "send", False),
        "noted": (stores.book, "set_transaction", False),
        "followed": (stores.book, "add_events", False),
        "kept": (stores.book, "put_note", False),
        "closed": (blocks, "put", True),
        "pinned": (blocks, "put", False),
        "dropped": (stores.intake, "drop_items", False),
    }
    owner, name, before = places[moment]
    setattr(owner, name, _killing(getattr(owner, name), [count], before=before))


def _main() -> None:
    from tests.support.notary_stage import KeySigner

    folder, database, url, deployment, blocks, moment, count = sys.argv[1:]
    settings = NotarySettings(database=database, batch_seconds=1, confirmations=2, replace_seconds=5)
    stores, store = open_stores(Path(folder), settings), SqliteBlocks(blocks)
    signer = KeySigner(bytes.fromhex(sys.stdin.readline()))
    worker = Worker(stores, signer, url, read_deployment(Path(deployment)), store, settings, timeout=3.0)
    if moment:
        _plant(worker, stores, store, moment, int(count))
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    print("ready", flush=True)
    threading.Thread(target=worker.run, args=(stop,)).start()
    stop.wait()


if __name__ == "__main__":
    _main()
