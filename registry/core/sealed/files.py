"""Reads sealed files by their CIDs, within a bound for all that one reader takes."""

from __future__ import annotations

from collections.abc import Callable

from registry.core.errors import DamagedSeal, InvalidInput
from registry.core.ipld.unixfs import read_file

MAX_OPENED = 1 << 30


class Budget:
    """Counts what is fetched, what it unpacks to, and what is written of it.

    ``InvalidInput`` with this ``advice`` as soon as one of the three is over the limit.
    """

    def __init__(self, limit: int = MAX_OPENED, advice: str = "Raise the limit if you trust its source.") -> None:
        self._limit, self._advice = limit, advice
        self._fetched = self._opened = self._written = 0

    def fetched(self, count: int) -> None:
        """Count bytes that were fetched."""
        self._fetched += count
        self._check(self._fetched)

    def opened(self, count: int) -> None:
        """Count bytes that came out of a seal."""
        self._opened += count
        self._check(self._opened)

    def written(self, count: int) -> None:
        """Count bytes that are about to be written."""
        self._written += count
        self._check(self._written)

    def _check(self, total: int) -> None:
        if total > self._limit:
            raise InvalidInput(f"it holds more than {self._limit:,} bytes", self._advice)


def read_stored(cid: str, get: Callable[[str], bytes], most: int, budget: Budget) -> bytes:
    """Return the sealed file with this CID, every block checked; ``DamagedSeal`` if it has more than ``most`` bytes."""

    def counted(wanted: str) -> bytes:
        try:
            data = get(wanted)
        except InvalidInput as error:
            by_store.append(error)
            raise
        counts.append(len(data))
        return data

    counts, by_store = list[int](), list[InvalidInput]()
    try:
        sealed = b"".join(read_file(cid, counted, most))
    except InvalidInput as error:
        if error in by_store:
            raise  # a store that is not installed, for example, says nothing of the file
        raise DamagedSeal(f"{cid} is no sealed file of ours: {error}") from None
    budget.fetched(sum(counts))
    return sealed
