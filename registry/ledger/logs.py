"""Read a contract's logs, however few of them the node serves at once.

Providers limit the range of one ``eth_getLogs``, the size of its answer, or the rate of requests, each in their own
words. So a range that is refused for any reason is split. Only a refusal that asks for a pause is waited for.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import Any

from registry.core.errors import LedgerUnavailable
from registry.net.endpoint import Busy
from registry.net.http import TooLarge
from registry.net.json_rpc import Call, Node, NodeError

# Twenty million blocks take this long from a provider that serves 10,000 at once.
SECONDS = 600.0
# Give up after this time without a single answer.
PATIENCE = 60.0
FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 8.0
# A timeout costs the whole time limit, so shrink much more after one.
_LESS, _MUCH_LESS = 2, 8
_WANTS_A_PAUSE = re.compile(r"rate.?limit|too many req|per (second|minute|day)|quota|throughput|\b429\b", re.IGNORECASE)


class Logs:
    """A reader of the logs of ``address`` with these topics. The node object remembers how many blocks it serves."""

    def __init__(self, node: Node, address: str, topics: Sequence[Any]) -> None:
        self._node, self._filter = node, {"address": address, "topics": topics}
        self._most = node.log_blocks
        self._began = self._news = time.monotonic()
        self._pause = FIRST_PAUSE

    def read(self, first: int, last: int) -> list[Any]:
        """Return the raw entries of these blocks, the last one included. `LedgerUnavailable` if some cannot be had."""
        entries: list[Any] = []
        at = first
        while at <= last:
            self._check_time(f"logs of {at - first:,} of {last - first + 1:,} blocks")
            end = min(last, at + self._most - 1)
            part = self._ask(at, end)
            if part is not None:
                entries += part
                at = end + 1
        return entries

    def _ask(self, first: int, last: int) -> list[Any] | None:
        """Ask once. Return None to ask again, perhaps for fewer blocks."""
        blocks = last - first + 1
        where = {**self._filter, "fromBlock": hex(first), "toBlock": hex(last)}
        try:
            answer = self._node.attempt(Call("eth_getLogs", (where,)))
        except Busy as error:
            self._wait(str(error))
        except TooLarge as error:
            self._shrink(blocks, _LESS, str(error))
        except TimeoutError:
            self._node.ask(Call("eth_chainId"))  # raises if the node is away: the range is not the reason then
            self._shrink(blocks, _MUCH_LESS, "no answer in time")
        else:
            return self._judged(answer, blocks)
        return None

    def _judged(self, answer: Any, blocks: int) -> list[Any] | None:
        if isinstance(answer, list):
            # Remember only a size that worked.
            self._node.log_blocks = self._most
            self._news, self._pause = time.monotonic(), FIRST_PAUSE
            return answer
        if not isinstance(answer, NodeError):
            raise self._node.unavailable("its answer holds no logs")
        if _WANTS_A_PAUSE.search(answer.message):
            self._wait(answer.message)
        else:
            self._shrink(blocks, _LESS, answer.message)
        return None

    def _shrink(self, blocks: int, factor: int, why: str) -> None:
        if blocks == 1:
            raise self._node.unavailable(f"it does not serve the logs: {why}")
        self._most = max(1, blocks // factor)

    def _wait(self, why: str) -> None:
        if time.monotonic() + self._pause > self._news + PATIENCE:
            advice = "Wait a while, or use another node."
            raise LedgerUnavailable(f"{self._node.name}: it takes no more requests for now: {why}", advice)
        time.sleep(self._pause)
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)

    def _check_time(self, done: str) -> None:
        if time.monotonic() - self._began > SECONDS:
            advice = "Use a node that serves longer ranges of logs."
            raise LedgerUnavailable(f"{self._node.name}: it gave the {done} in {SECONDS:.0f} s", advice)
