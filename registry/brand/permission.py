"""May I? The rule by which the brand's service answers: from what it knows of the chain, or by asking the node."""

from __future__ import annotations

from typing import NamedTuple

from msgspec import Struct

from registry.brand.desk import Desk
from registry.brand.records import State
from registry.client.verify import verify_many
from registry.core.errors import CouldNotCheck, LedgerUnavailable
from registry.core.scalars import to_hex, unhex
from registry.core.verify.judge import VerifiedStatement


class Question(NamedTuple):
    """Whether a person (checksummed address) allows each of the ``data`` for the ``purpose``."""

    subject: str
    purpose: str
    data: tuple[str, ...]


class KnownView(Struct, frozen=True):
    """The view of the chain behind an answer: a block, its time (unix seconds), and the view's age in seconds."""

    block: int
    time: int
    age: int


class Permission(Struct, frozen=True):
    """The answer. ``grants`` has the digest (0x hex) of a grant for each datum that is allowed."""

    allowed: bool
    grants: dict[str, str]
    view: KnownView


def ask(desk: Desk, question: Question) -> Permission:
    """Answer from the store. ``LedgerUnavailable`` where the view is too old, or what decides it is unsure just now."""
    view, age = desk.sight.require()
    now = max(desk.network.clock(), view.head_time)
    found = desk.store.standing(unhex(question.subject), question.purpose, question.data, now)
    if any(state is State.UNSURE for _, state in found.values()):
        raise LedgerUnavailable("the chain has just changed, and the grant is being verified again", "Ask again soon.")
    grants = {datum: to_hex(digest) for datum, (digest, _) in found.items()}
    return Permission(len(grants) == len(question.data), grants, KnownView(view.number, view.head_time, age))


def ask_node(desk: Desk, question: Question) -> Permission:
    """Answer from the node: verify the grants that the store names. ``LedgerUnavailable`` where it is away."""
    network = desk.network
    head = network.ledger.head()
    now = max(network.clock(), head.time)
    found = desk.store.standing(unhex(question.subject), question.purpose, question.data, now)
    kept = desk.store.by_digest({digest for digest, _ in found.values()})
    judged = dict(
        zip(kept, verify_many(network, [each.file for each in kept.values()], desk.inbox.policy), strict=True)
    )
    for answer in judged.values():
        if isinstance(answer, CouldNotCheck):
            raise answer
    held = {
        datum: to_hex(digest)
        for datum, (digest, _) in found.items()
        if isinstance(judged.get(digest), VerifiedStatement)
    }
    return Permission(len(held) == len(question.data), held, KnownView(head.number, head.time, 0))
