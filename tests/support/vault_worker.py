"""A process that changes a vault until it is killed. It prints each change once it is done.

Run it as ``python -m tests.support.vault_worker FOLDER STORE SEED``; the seed of its choices is its last argument.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from registry.core.sealed.bundles import View
from registry.storage.sqlite_store import SqliteBlocks
from registry.vault.database import Database
from registry.vault.draft import Draft
from registry.vault.importers.base import Item
from registry.vault.shred import Selection
from tests.support.builders import CONTROLLER, SEED, SUBJECT, word

VIEW = View("pd:Purchase", ("name",), continuing=True)


def draft(number: int) -> Draft:
    body = {"name": f"thing {number}", "orderDate": f"2026-01-{number % 28 + 1:02d}"}
    return Draft("pd:Purchase", "purchase/1", body=body, key=number.to_bytes(16))


def items(first: int, count: int) -> Iterator[Item]:
    return (draft(number) for number in range(first, first + count))


def share(vault: Database) -> None:
    if vault.shares.of(word(1)):
        vault.shares.bring_up_to_date(word(1))
    else:
        vault.shares.begin(SUBJECT, CONTROLLER, [VIEW], word(1))


def work(vault: Database, choices: random.Random) -> None:
    next_number = vault.stats().versions
    for step in range(10_000):
        alive = [record.id for record in vault.search("", 1_000).records]
        some = choices.sample(alive, min(3, len(alive)))
        acts: dict[str, Callable[[], object]] = {
            "import": partial(vault.take, items(next_number * 1_000, choices.randrange(1, 300))),
            "add": partial(vault.add, [draft(10**9 + next_number * 1_000 + step)]),
            "edit": partial(vault.edit, some[0] if some else "", tags=(f"step {step}",)),
            "remove": partial(vault.remove, some),
            "share": partial(share, vault),
            "compact": vault.upkeep.compact,
            "shred": partial(vault.shred, Selection("RECORDS", tuple(some))),
        }
        kind = choices.choice(list(acts) if alive else ["import"])
        print("begin", kind, flush=True)
        acts[kind]()
        next_number += 1
        print("done", vault.stats().records, vault.stats().versions, flush=True)


if __name__ == "__main__":
    with SqliteBlocks(Path(sys.argv[2])) as blocks, Database(Path(sys.argv[1]), SEED, blocks) as opened:
        work(opened, random.Random(int(sys.argv[3])))
