"""The state of a chain at a past time: the last block until then, and the cutoffs logged until then."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from registry.ledger.abi import REVOKED_ALL
from registry.ledger.base import Deployment, Head
from registry.ledger.blocks import block_call, head_in
from registry.ledger.contract_addresses import block_of
from registry.net.endpoint import Busy
from registry.net.http import TooLarge
from registry.net.json_rpc import Call, Node, NodeError, hex_bytes

# Blocks read in one request. Five requests find one block among 30 million.
_PROBES = 32
# geth takes 1,000 alternatives for one topic of a filter.
_SUBJECTS = 500
# Reading the logs of twenty million blocks takes this long from a provider that serves 10,000 at once.
SECONDS = 600.0
# Give up after this time without a single answer.
PATIENCE = 60.0
FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 8.0
# A timeout costs the whole time limit, so shrink much more after one.
_LESS, _MUCH_LESS = 2, 8


def last_block_until(node: Node, moment: int, head: Head) -> Head | None:
    """Return the last block at or before ``moment`` (unix seconds); None if the chain began later."""
    first = head_in(node, node.ask(block_call(0)))
    if first.time > moment:
        return None
    low, high = first, head
    while high.number - low.number > 1:
        step = max(1, (high.number - low.number) // _PROBES)
        numbers = range(low.number + step, high.number, step)
        blocks = [head_in(node, answer) for answer in node.ask_all([block_call(number) for number in numbers])]
        if [block.number for block in blocks] != list(numbers):
            raise node.unavailable("it returned other blocks than were asked for")
        for block in blocks:
            if block.time > moment:
                high = block
                break
            low = block
    return low


def cutoffs_until(node: Node, deployment: Deployment, now: dict[str, int], past: int, head: int) -> dict[str, int]:
    """Return the cutoffs at block ``past``, from the cutoffs at block ``head`` in ``now``; zeros are absent.

    Both map lower-case addresses to unix seconds. A cutoff only rises, so a subject without one now had none then. The
    logs must explain every other cutoff, because some nodes silently omit old logs: ``LedgerUnavailable`` if they do
    not.
    """
    subjects = sorted(subject for subject, cutoff in now.items() if cutoff)
    if not subjects:
        return {}
    # Zero means unknown. A search takes some dozen requests; reading logs from the first block takes thousands.
    begins = deployment.block or block_of(node, deployment.registry)
    then = cutoffs_in(node, deployment, subjects, begins, past)
    later = [subject for subject in subjects if then.get(subject) != now[subject]]
    since = cutoffs_in(node, deployment, later, max(begins, past + 1), head)
    if any(max(then.get(subject, 0), since.get(subject, 0)) != now[subject] for subject in later):
        advice = "Use a node that keeps all logs since the registry's first block."
        raise node.unavailable("its logs do not explain a cutoff", advice)
    return then


def cutoffs_in(node: Node, deployment: Deployment, subjects: Sequence[str], first: int, last: int) -> dict[str, int]:
    """Return each subject's largest ``RevokedAll`` in these blocks, by lower-case address, if it has one."""
    found: dict[str, int] = {}
    words = ["0x" + "00" * 12 + subject[2:].lower() for subject in subjects]
    for start in range(0, len(words), _SUBJECTS):
        logs = Logs(node, deployment.registry, [REVOKED_ALL, words[start : start + _SUBJECTS]])
        for log in logs.read(max(first, deployment.block), last):
            subject, until = _entry(node, log)
            found[subject] = max(until, found.get(subject, 0))
    return found


def _entry(node: Node, log: Any) -> tuple[str, int]:
    """Return (subject, issuedUntil) of a RevokedAll event; ``LedgerUnavailable`` for anything else."""
    try:
        event, topic, data = log["topics"][0], hex_bytes(log["topics"][1]), hex_bytes(log["data"])
    except (TypeError, KeyError, IndexError):
        event, topic, data = None, None, None
    if event != REVOKED_ALL or topic is None or data is None or len(topic) != 32 or len(data) != 32:
        raise node.unavailable("its answer holds no logs")
    return "0x" + topic[12:].hex(), int.from_bytes(data, "big")


class Logs:
    """A reader of the logs of ``address`` with these topics, however few of them the node serves at once.

    Providers limit the range of one ``eth_getLogs``, the size of its answer, or the rate of requests, each in their own
    words. So a range that is refused for any reason is split. Only a refusal that asks for a pause is waited for. The
    node object remembers how many blocks it serves.
    """

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
            self._check_time(at - first, last - first + 1)
            if (part := self._ask(at, end := self._end(at, last))) is not None:
                entries += part
                at = end + 1
        return entries

    def read_part(self, first: int, last: int) -> tuple[int, list[Any]]:
        """Return the entries of one answer, and the last of its blocks: as many as the node serves at once."""
        while True:
            self._check_time(0, last - first + 1)
            if (part := self._ask(first, end := self._end(first, last))) is not None:
                return end, part

    def _end(self, first: int, last: int) -> int:
        return min(last, first + self._most - 1)

    def _check_time(self, done: int, blocks: int) -> None:
        if time.monotonic() - self._began > SECONDS:
            why = f"it gave the logs of {done:,} of {blocks:,} blocks in {SECONDS:.0f} s"
            raise self._node.unavailable(why, "Use a node that serves longer ranges of logs.")

    def _ask(self, first: int, last: int) -> list[Any] | None:
        """Ask once. Return None to ask again, perhaps for fewer blocks."""
        blocks = last - first + 1
        where = {**self._filter, "fromBlock": hex(first), "toBlock": hex(last)}
        try:
            answer = self._node.attempt(Call("eth_getLogs", (where,)))
        except Busy as error:
            self._wait(str(error), error.seconds)
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
        if answer.wants_a_pause:
            self._wait(answer.message, answer.pause)
        else:
            self._shrink(blocks, _LESS, answer.message)
        return None

    def _shrink(self, blocks: int, factor: int, why: str) -> None:
        if blocks == 1:
            raise self._node.unavailable(f"it does not serve the logs: {why}")
        self._most = max(1, blocks // factor)

    def _wait(self, why: str, told: float | None) -> None:
        pause = told or self._pause
        if time.monotonic() + pause > self._news + PATIENCE:
            advice = "Wait a while, or use another node."
            raise self._node.unavailable(f"it takes no more requests for now: {why}", advice)
        time.sleep(pause)
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)
