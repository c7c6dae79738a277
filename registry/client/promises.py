"""Judge what notaries promised, by the facts of the chain. A promise that they broke is proof against them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from msgspec import UNSET, structs

from registry.client.network import Network
from registry.client.pending_store import PendingFolder
from registry.core.anchor import Anchor
from registry.core.errors import InvalidInput, LedgerUnavailable
from registry.core.evidence.file import Evidence, commitment_of
from registry.core.promises import PromiseFile, PromiseState, RelayPromise, judge_promise, promise_query
from registry.core.scalars import to_hex


class Judged(NamedTuple):
    """A promise that a home keeps, where it lies, and how it stands."""

    path: Path
    file: PromiseFile
    state: PromiseState


def judge_file(network: Network, file: PromiseFile) -> PromiseState:
    """Say how a promise stands now. ``LedgerUnavailable`` where it is about another chain or the chain is away."""
    return _judged(network, [file])[0]


def judge_kept(network: Network, folder: PendingFolder) -> list[Judged]:
    """Judge all promises for this network that a home keeps, and forget the relayed endings that were kept in time."""
    found = [(path, file) for path, file in folder.promises() if file.promise.statement.domain == network.domain]
    states = _judged(network, [file for _, file in found])
    judged = [Judged(path, file, state) for (path, file), state in zip(found, states, strict=True)]
    for each in judged:
        if each.state is PromiseState.KEPT and isinstance(each.file.promise.message, RelayPromise):
            folder.drop_promise(each.file)
    return judged


def with_proof(file: PromiseFile, evidence: Evidence) -> PromiseFile:
    """Return the promise with the anchor of this evidence, which shows when it was anchored."""
    if to_hex(commitment_of(evidence)) != file.item:
        raise InvalidInput(
            "the promise is about another statement than this evidence", "Give the evidence it is about."
        )
    return structs.replace(file, anchor=evidence.anchor)


def _judged(network: Network, files: Sequence[PromiseFile]) -> list[PromiseState]:
    for file in files:
        if file.promise.statement.domain != network.domain:
            advice = "Name its own network: --network FOLDER."
            raise LedgerUnavailable("the promise is about another chain or registry than the network's", advice)
    queries = [promise_query(file.promise.message, file.item, _anchor(file)) for file in files]
    # What is asked of others holds for what is held against them: the same depth.
    facts = network.ledger.facts(queries, depth=network.confirmations)
    return [judge_promise(file.promise.message, file.item, facts, _anchor(file)) for file in files]


def _anchor(file: PromiseFile) -> Anchor | None:
    return None if file.anchor is UNSET else file.anchor
