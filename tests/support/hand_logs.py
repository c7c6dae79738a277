"""Use logs of 40 entries that are made in memory: entries, heads, and all proofs."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from registry.core.merkle_log import Node, appended, consistency_ranges, hashes_of, inclusion_ranges, root_of
from registry.core.scalars import to_hex
from registry.core.uses import LoggedUse, LogHead, Use
from tests.support.builders import NOW, evidence_of, use_log_message, word

MINE = word(1)
sizes_of_logs = st.lists(st.integers(1, 40), min_size=1, max_size=5, unique=True).map(sorted)


def use(number: int, salt: int = 0) -> Use:
    grant = MINE if number % 3 == 0 else word(2)
    return Use(grant, NOW + number, "dpv:Personalisation", ("pd:Purchase",), number, "", word(1_000 * salt + number))


class Log:
    """A log of 40 entries with heads of these sizes. ``salt`` makes another log with as many entries."""

    def __init__(self, sizes: list[int], salt: int = 0, since: int = NOW) -> None:
        self._uses = [use(number, salt) for number in range(40)]
        self._nodes: dict[Node, bytes] = appended(0, {}, [each.leaf for each in self._uses])
        self.sizes, self._since = sizes, since
        before = [0, *sizes]
        self.heads = [self._head(n, size, before[n]) for n, size in enumerate(sizes)]

    def _head(self, number: int, size: int, before: int) -> LogHead:
        root = to_hex(root_of(size, self._nodes))
        message = use_log_message(root=root, size=size, issued_at=self._since + number, salt=word(90 + number))
        return LogHead(evidence_of(message), before, self._proof(consistency_ranges(before, size)))

    def _proof(self, ranges: Any) -> tuple[str, ...]:
        return tuple(map(to_hex, hashes_of(ranges, self._nodes)))

    def entries(self, upto: int = 40) -> list[LoggedUse]:
        """My entries below a number, each under the head that first covers it."""
        return [self._entry(number) for number in range(0, upto, 3)]

    def _entry(self, number: int) -> LoggedUse:
        head = next((size for size in self.sizes if size > number), None)
        if head is None:
            return LoggedUse(number, self._uses[number])
        return LoggedUse(number, self._uses[number], head, self._proof(inclusion_ranges(number, head)))
