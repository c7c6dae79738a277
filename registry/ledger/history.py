"""The state of a chain at a past time: the last block until then, and the cutoffs logged until then."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from registry.core.errors import LedgerUnavailable
from registry.ledger.abi import REVOKED_ALL
from registry.ledger.base import Deployment, Head
from registry.ledger.blocks import block_call, head_in
from registry.ledger.contract_addresses import block_of
from registry.ledger.logs import Logs
from registry.net.json_rpc import Node, hex_bytes

# Blocks read in one request. Five requests find one block among 30 million.
_PROBES = 32
# geth takes 1,000 alternatives for one topic of a filter.
_SUBJECTS = 500


def last_block_until(node: Node, time: int, head: Head) -> Head | None:
    """Return the last block at or before ``time`` (unix seconds); None if the chain began later."""
    first = head_in(node, node.ask(block_call(0)))
    if first.time > time:
        return None
    low, high = first, head
    while high.number - low.number > 1:
        step = max(1, (high.number - low.number) // _PROBES)
        for block in _blocks(node, range(low.number + step, high.number, step)):
            if block.time > time:
                high = block
                break
            low = block
    return low


def _blocks(node: Node, numbers: range) -> list[Head]:
    answers = node.ask_all([block_call(number) for number in numbers])
    blocks = [head_in(node, answer) for answer in answers]
    if [block.number for block in blocks] != list(numbers):
        raise node.unavailable("it returned other blocks than were asked for")
    return blocks


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
        raise LedgerUnavailable(f"{node.name}: its logs do not explain a cutoff", advice)
    return then


def cutoffs_in(node: Node, deployment: Deployment, subjects: Sequence[str], first: int, last: int) -> dict[str, int]:
    """Return each subject's largest ``RevokedAll`` in these blocks, by lower-case address, if it has one."""
    found: dict[str, int] = {}
    words = ["0x" + "00" * 12 + subject[2:].lower() for subject in subjects]
    for start in range(0, len(words), _SUBJECTS):
        logs = Logs(node, deployment.registry, [REVOKED_ALL, words[start : start + _SUBJECTS]])
        for subject, until in _entries(node, logs.read(max(first, deployment.block), last)):
            found[subject] = max(until, found.get(subject, 0))
    return found


def _entries(node: Node, logs: list[Any]) -> list[tuple[str, int]]:
    try:
        return [_entry(log) for log in logs]
    except (TypeError, KeyError, IndexError, ValueError):
        raise node.unavailable("its answer holds no logs") from None


def _entry(log: Any) -> tuple[str, int]:
    """Return (subject, issuedUntil) of a RevokedAll event."""
    topic, data = hex_bytes(log["topics"][1]), hex_bytes(log["data"])
    if log["topics"][0] != REVOKED_ALL or topic is None or data is None or len(topic) != 32 or len(data) != 32:
        raise ValueError("not a RevokedAll event")
    return "0x" + topic[12:].hex(), int.from_bytes(data, "big")
