"""Two parties and an attacker who negotiate by a clock, and an oracle that knows who signed what, and when.

The oracle looks at the truth: at keys, clocks and the order of events. `judge_negotiation` sees a file and a chain.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from registry.core.facts import AnchorFacts, Facts
from registry.core.negotiation.court import NegotiationFacts, fact_query_of, negotiation_queries
from registry.core.negotiation.file import Negotiation, Part
from registry.core.scalars import to_hex
from registry.core.statements.messages import Bids, Intent, Offer, Receipt
from tests.support import negotiations
from tests.support.builders import CHAIN_ID, NOW, account, word

PERSON, BRAND, ATTACKER = negotiations.PERSON, negotiations.BRAND, account("mallory")
ACTORS = (PERSON, BRAND, ATTACKER)
START = NOW - 1_000_000
BY_ADDRESS = {actor.address: actor for actor in ACTORS}


@dataclass(eq=False)
class Said:
    """One signed message: whose key signed it and when, and when it was anchored, if it was."""

    part: Part
    signer: str
    signed_at: int
    at: int | None = None

    @property
    def message(self) -> Any:
        return self.part.statement.message

    @property
    def kind(self) -> str:
        return self.part.kind

    @property
    def name(self) -> str:
        return self.part.name

    @property
    def is_genuine(self) -> bool:
        return self.signer == self.part.author


@dataclass
class World:
    """What was said, what was ended, and the clock. ``rules`` are members of the intent's document."""

    rules: dict[str, Any]
    offers_until: int
    expires: int
    now: int = START
    said: list[Said] = field(default_factory=list)
    cutoffs: list[tuple[int, str, int]] = field(default_factory=list)  # when, whose, until
    revoked_at: int = 0
    salt: int = 100

    def __post_init__(self) -> None:
        times = {"issued_at": START, "offers_until": START + self.offers_until, "expires_at": START + self.expires}
        self.intent = self._add(
            negotiations.intent(negotiations.intent_document(**self.rules), **times), PERSON, is_anchored=True
        )

    def _add(self, part: Part, signer: Any, *, is_anchored: bool) -> Said:
        one = Said(part, signer.address, self.now, self.now if is_anchored else None)
        self.said.append(one)
        return one

    def _fresh(self) -> str:
        self.salt += 1
        return word(self.salt)

    def of(self, *kinds: str) -> list[Said]:
        return [one for one in self.said if one.kind in kinds]

    def offer(
        self, before: Said, by: Any, to: Any, *, signer: Any, lasts: int, price: int, anchor: bool = True
    ) -> Said:
        raw = negotiations.offer_document(price=f"{price}.00")
        times = {"issued_at": self.now, "expires_at": self.now + lasts, "salt": self._fresh()}
        part = negotiations.offer(self.intent.part, before.part, by, to, raw, signer=signer, **times)
        return self._add(part, signer, is_anchored=anchor)

    def deal(self, offer: Said, by: Any, *, signer: Any) -> Said:
        part = negotiations.deal(offer.part, by, signer, issued_at=self.now, salt=self._fresh())
        return self._add(part, signer, is_anchored=True)

    def receipt(self, counter: Said, by: Any, *, signer: Any) -> Said:
        message = Receipt(by.address, counter.name, self.now, self._fresh())
        return self._add(negotiations.part(message, signer), signer, is_anchored=True)

    def bids(self, listed: Iterable[Said], *, signer: Any) -> Said:
        commitments = tuple(sorted({to_hex(one.part.commitment) for one in listed}))
        message = Bids(PERSON.address, self.intent.name, commitments, self.now, self._fresh())
        return self._add(negotiations.part(message, signer), signer, is_anchored=True)

    def end_all(self, whose: Any, until: int) -> None:
        highest = max((old for _, who, old in self.cutoffs if who == whose.address), default=0)
        if until > highest:  # the contract lets a cutoff only rise
            self.cutoffs.append((self.now, whose.address, until))

    def cutoff(self, whose: str, before: int) -> int:
        """The largest cutoff that this account raised before that second."""
        return max((until for when, who, until in self.cutoffs if who == whose and when < before), default=0)

    def facts(self, file: Negotiation) -> NegotiationFacts:
        """What a node answers now about this file."""
        known = {one.name: one for one in self.said}
        anchors = {}
        for part in file.parts:
            revoked = self.revoked_at if isinstance(part.statement.message, Intent) else 0
            cutoff = self.cutoff(part.author, self.now + 1)
            anchors[fact_query_of(part)] = AnchorFacts(known[part.name].at or 0, revoked, cutoff)
        end = known[file.files[-1].name].at or 0
        before = {actor.address: self.cutoff(actor.address, end) for actor in ACTORS}
        read = Facts(CHAIN_ID, 42, word(42), self.now, self.now, 0, None, anchors, {})
        return NegotiationFacts(read, before, dict.fromkeys(negotiation_queries(file)[1], False))


def file_of(path: Sequence[Said], beside: Iterable[Said]) -> Negotiation:
    lists: dict[str, list[Part]] = {"bids": [], "counters": [], "receipts": []}
    for one in beside:
        lists[{"Bids": "bids", "Offer": "counters", "Receipt": "receipts"}[one.kind]].append(one.part)
    given = {name: tuple(parts) for name, parts in lists.items() if parts}
    return Negotiation(tuple(one.part for one in path), **given)


def binds(world: World, path: Sequence[Said], beside: Sequence[Said]) -> bool:
    """The oracle: whether the person and a brand are bound by this path, by what really happened."""
    _, *offers, deal = path
    end = deal.at
    if not offers or end is None or not all(_proves_itself(world, one, end) for one in path):
        return False
    if len(offers) > world.rules.get("rounds", 8) or not _is_opened_well(world, offers[0], beside, end):
        return False
    for before, after in zip(offers, [*offers[1:], deal], strict=True):
        if not _answers(before, after):
            return False
    return all(_is_in_force(world, one) for one in offers) and not _is_closed(world, offers[-1], beside, end)


def _proves_itself(world: World, one: Said, end: int) -> bool:
    if not one.is_genuine or one.at is None or one.at > end:
        return False
    raised = [until for when, who, until in world.cutoffs if who == one.part.author and when < end]
    return all(one.signed_at > until for until in raised)  # nothing is anchored before it is signed


def _is_opened_well(world: World, first: Said, beside: Sequence[Said], end: int) -> bool:
    message, audience = first.message, world.rules["audience"]
    if message.recipient != PERSON.address or message.answers != world.intent.name:
        return False
    if audience != "everybody" and message.author not in audience:
        return False
    if not world.rules.get("sealed"):
        return (first.at or 0) <= START + world.offers_until
    lists = [one for one in beside if one.kind == "Bids" and _proves_itself(world, one, end)]
    earliest = [one for one in lists if one.at == min(each.at or 0 for each in lists)]
    return bool(earliest) and all(to_hex(first.part.commitment) in one.message.commitments for one in earliest)


def _answers(before: Said, after: Said) -> bool:
    said: Offer = before.message
    if after.part.author != said.recipient or (after.at or 0) >= said.expires_at:
        return False
    if after.kind == "Deal":
        return bool(after.message.offer == before.name)
    return bool(after.message.answers == before.name and after.message.recipient == said.author)


def _is_in_force(world: World, offer: Said) -> bool:
    at = offer.at or 0
    return at < START + world.expires and (not world.revoked_at or at <= world.revoked_at)


def _is_closed(world: World, last: Said, beside: Sequence[Said], end: int) -> bool:
    """Whether the author of the accepted Offer said before the Deal that they got a counter-offer to it."""
    good = [one for one in beside if _proves_itself(world, one, end)]
    counters = {one.name for one in good if one.kind == "Offer" and _answers_in_time_or_not(last, one)}
    for one in good:
        named = {"Receipt": "counter", "Offer": "answers"}.get(one.kind)
        is_by_author = one.part.author == last.part.author and (one.at or 0) < end
        if named and is_by_author and getattr(one.message, named) in counters:
            return True
    return False


def _answers_in_time_or_not(last: Said, counter: Said) -> bool:
    """An author may confirm a counter-offer that came too late: it is theirs to let the Offer go."""
    said, message = last.message, counter.message
    return bool((message.author, message.recipient, message.answers) == (said.recipient, said.author, last.name))
