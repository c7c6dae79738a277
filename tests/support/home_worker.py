"""A home that changes its vault until it is killed, beside others. It prints each change once it is done.

Run it as ``python -m tests.support.home_worker FOLDER STORE``.
"""

from __future__ import annotations

import itertools
import os
import sys
from pathlib import Path

from registry.storage.sqlite_store import SqliteBlocks
from registry.vault.database import Database
from registry.vault.draft import Draft
from tests.support.builders import SEED


def draft(name: str) -> Draft:
    return Draft("pd:Purchase", "purchase/1", body={"name": name, "orderDate": "2026-01-31"})


if __name__ == "__main__":
    with SqliteBlocks(Path(sys.argv[2])) as blocks, Database(Path(sys.argv[1]), SEED, blocks) as vault:
        for step in itertools.count():
            first, second = vault.add([draft(f"{os.getpid()} {step}"), draft(f"{os.getpid()} {step} again")])
            print("added", first, second, flush=True)
            vault.edit(first, tags=(f"step {step}",))
            print("edited", first, flush=True)
            vault.remove([second])
            print("removed", second, flush=True)
