"""A process that does one thing to a vault: ``python -m tests.support.vault_hand FOLDER STORE ACT NUMBER [BYTES]``.

With BYTES no file may grow beyond so many, as on a full disk. It exits with 3 where an error of ours was raised.
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path

from registry.core.errors import ConsentError
from registry.storage.sqlite_store import SqliteBlocks
from registry.vault.database import Database
from registry.vault.shred import selection_of
from tests.support.builders import SEED
from tests.support.vault_worker import draft


def act(vault: Database, what: str, number: int) -> None:
    """Add so many records one by one, import, compact, or shred the newest ones."""
    if what == "add":
        for each in range(number):
            vault.add([draft(10**6 * number + each)])
    elif what == "import":
        vault.take(draft(each) for each in range(number))
    elif what == "compact":
        for _ in range(number):
            vault.upkeep.compact()
    else:
        vault.shred(selection_of([record.id for record in vault.search("", number).records]))


if __name__ == "__main__":
    try:
        with SqliteBlocks(Path(sys.argv[2])) as blocks, Database(Path(sys.argv[1]), SEED, blocks) as opened:
            if len(sys.argv) > 5:
                resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[5]), int(sys.argv[5])))
            act(opened, sys.argv[3], int(sys.argv[4]))
    except ConsentError as error:
        print(type(error).__name__, error)
        sys.exit(3)
