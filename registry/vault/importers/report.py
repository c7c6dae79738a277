"""What an import would do, or did: what is new, edited and known, and what is refused. Nothing here writes a record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum

from registry.vault.importers.base import GivenSchema, Item, Refused, Restored, Told, batches

Known = Callable[[list[bytes]], set[bytes]]
_BATCH = 1000
_SHOWN = 20


class State(Enum):
    """What a fact is for the vault. An edit becomes a new version of the record that its identity names."""

    NEW = "new"
    EDITED = "edited"
    KNOWN = "known"


@dataclass
class Report:
    """Counts, by (schema, category) and in all; the first refused places, and what was told."""

    records: Counter[tuple[str, str]] = field(default_factory=Counter)
    states: Counter[State] = field(default_factory=Counter)
    refused: int = 0
    first_refused: list[Refused] = field(default_factory=list)
    told: list[str] = field(default_factory=list)


def classify(items: Iterable[Item], known: Known, count: int = _BATCH) -> Iterator[tuple[Item, State | None]]:
    """Yield each item with its state (None for what is no fact).

    ``known`` returns those of the keys and identities that the vault has. Of a thing with an identity the vault keeps
    one key only: that of its last import. Then an event that was changed back is an edit again.
    """
    keys, identities = set[bytes](), set[bytes]()
    for batch in batches(items, count):
        found = known([key for item in batch for key in _keys(item)])
        for item in batch:
            if isinstance(item, Refused | Told | GivenSchema):
                yield item, None
                continue
            identity = None if isinstance(item, Restored) else item.identity
            if item.key in found or (identity and item.key in keys):
                yield item, State.KNOWN
                continue
            yield item, State.EDITED if identity and (identity in found or identity in identities) else State.NEW
            if identity:
                keys.add(item.key)
                identities.add(identity)


def _keys(item: Item) -> Iterator[bytes]:
    if not isinstance(item, Refused | Told | GivenSchema):
        yield item.key
        if not isinstance(item, Restored) and item.identity:
            yield item.identity


def report(items: Iterable[Item], known: Known, on_refused: Callable[[Refused], object] = lambda _: None) -> Report:
    """Return what importing the items would do. ``on_refused`` gets every refused place, to write it down."""
    found = Report()
    for item, state in classify(items, known):
        if isinstance(item, Refused):
            found.refused += 1
            found.first_refused += [item] if len(found.first_refused) < _SHOWN else []
            on_refused(item)
        elif isinstance(item, Told):
            found.told += [item.text] if len(found.told) < _SHOWN else []
        elif state and not isinstance(item, GivenSchema):
            fact = item.record if isinstance(item, Restored) else item
            found.states[state] += 1
            found.records[fact.schema or "deleted", fact.category or ""] += 1
    return found


def refused_line(refused: Refused) -> bytes:
    """Return the line for a file of all that was refused; bytes that are no text are escaped."""
    return (str(refused).replace("\n", " ").replace("\r", " ") + "\n").encode("utf-8", "backslashreplace")
