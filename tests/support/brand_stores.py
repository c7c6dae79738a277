"""Answers for the brand's store, made by hand, and places for it on both databases."""

from __future__ import annotations

from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from registry.brand.records import Answer, Event, State, View
from registry.brand.store import Store, open_store

NOW, BLOCK = 1_800_000_000, 100
ALICE, BRAND = b"\xa1" * 20, b"\xb0" * 20
_numbers = count(1)


class BrandPlace(NamedTuple):
    """Where a brand keeps its store. ``database`` is a URL, or empty for SQLite in the folder."""

    folder: Path
    database: str

    def open(self) -> Store:
        """Open the store, as a process of its own would."""
        return open_store(self.folder, self.database)


def word(text: object) -> bytes:
    return sha256(str(text).encode()).digest()


def an_answer(name: object = "", **changes: Any) -> Answer:
    """Return a live grant of Alice's, another one for each name."""
    name = name or next(_numbers)
    members: dict[str, Any] = {
        "kind": "Grant",
        "digest": word(f"digest {name}"),
        "capability": word(f"capability {name}")[:16],
        "commitment": word(f"commitment {name}"),
        "subject": ALICE,
        "controller": BRAND,
        "request": bytes(32),
        "supersedes": bytes(32),
        "purposes": ("dpv:Personalisation",),
        "data": ("pd:EmailAddress", "pd:Purchase"),
        "issued_at": NOW - 100,
        "not_before": NOW - 100,
        "expires_at": NOW + 86_400,
        "lock": word(f"lock {name}"),
        "handle": word(f"handle {name}"),
        "file": f"file {name}".encode(),
        "received_at": NOW,
        "state": State.LIVE,
        "anchored_at": NOW - 50,
        "seen_block": BLOCK,
    }
    return Answer(**members | changes)


def a_refusal(name: object = "", **changes: Any) -> Answer:
    """Return a refusal of Alice's."""
    none = {"data": (), "lock": b"", "handle": b"", "supersedes": b"", "not_before": 0, "expires_at": 0}
    return an_answer(name, **{"kind": "Refusal", **none, **changes})


def a_view(number: int = BLOCK, **changes: Any) -> View:
    """Return a view whose newest block has this number."""
    return View(tuple((n, f"0x{n:064x}") for n in (number - 1, number)), **changes)


def take(store: Store, *new: Answer, turns: int = 0, block: int = BLOCK) -> list[Answer]:
    """Keep these answers, each of which must be taken."""
    taken = store.take(new, turns, block)
    assert all(isinstance(each, Answer) for each in taken), taken
    return [each for each in taken if isinstance(each, Answer)]


def told(store: Store, after: int = 0) -> list[tuple[str, bytes]]:
    """Return kind and digest of each event, whose numbers have no gap."""
    events: list[Event] = store.events_after(after)
    assert [each.id for each in events] == list(range(after + 1, after + 1 + len(events)))
    return [(str(each.kind), each.digest) for each in events]
