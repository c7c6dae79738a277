"""Take what people send: verify all that came together by one reading of the chain, then keep it in one commit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from registry.brand.erased import WasErased
from registry.brand.given import Given, check_promise, new_answer, read_given, without_acceptance
from registry.brand.records import Answer, State
from registry.brand.sql.changes import AlreadyAnswered, Outdated
from registry.brand.store import Store
from registry.brand.unasked import NotAsked, not_asked, unasked_of
from registry.client.network import Network
from registry.client.verify import Answer as Judged
from registry.client.verify import check_unanchored, verify_many
from registry.core.errors import (
    ConsentError,
    CouldNotCheck,
    Expired,
    LedgerUnavailable,
    NotConsented,
    Revoked,
)
from registry.core.evidence.file import Evidence
from registry.core.evidence.pending import Unanchored
from registry.core.scalars import format_utc
from registry.core.verify.judge import VerifiedStatement
from registry.core.verify.policy import Policy
from registry.core.verify.queries import fact_queries

# So many blocks after an answer was verified, it is verified once more: a chain may change its newest blocks.
SETTLED_BLOCKS = 16
_TRIES = 5
# So many contracts are asked in vain for one group; each may take as long as the node's limit.
_MOST_FAILURES = 3
_ANY_BLOCK = 2**62
T = TypeVar("T")
R = TypeVar("R")
Taken = Answer | NotConsented | CouldNotCheck | AlreadyAnswered | NotAsked | WasErased


@dataclass(frozen=True)
class Inbox:
    """A brand's intake. ``controllers`` are its own accounts, ``notaries`` those whose promises it believes.

    With ``asked_only``, an answer to nothing that the brand published is `NotAsked`, and noted as refused.
    """

    network: Network
    store: Store
    controllers: frozenset[str]
    notaries: frozenset[str] = field(default=frozenset())
    asked_only: bool = True

    @property
    def policy(self) -> Policy:
        """What the brand asks of each file."""
        return self.network.policy(controllers=self.controllers)

    def take(self, bodies: Sequence[bytes]) -> list[Taken]:
        """Verify and keep these bodies; return how each is kept, or why it is not.

        A body that is kept already is answered as it stands now. `CouldNotCheck` is raised where the chain or the
        database is away, and stands in the place of a single body that could not be checked.
        """
        read = [self._read(body) for body in bodies]
        given = [each for each in read if isinstance(each, Given)]
        found = iter(self._take(given))
        return [next(found) if isinstance(each, Given) else each for each in read]

    def _read(self, body: bytes) -> Given | NotConsented:
        try:
            given = read_given(body, self.network.domain)
            if given.promise is not None:
                check_promise(given.promise, self.network.domain, self.notaries, self.network.clock())
        except NotConsented as no:
            return no
        return given

    def _take(self, given: Sequence[Given]) -> list[Taken]:
        for _ in range(_TRIES):
            turns = self.store.view().turns
            kept = self.store.by_digest({each.digest for each in given})
            repeats = {n: _repeat(each, kept.get(each.digest)) for n, each in enumerate(given)}
            found = {n: told(old) for n, old in repeats.items() if old is not None}
            try:
                found |= self._verify({n: each for n, each in enumerate(given) if n not in found}, turns)
            except Outdated:
                continue
            return [found[n] for n in range(len(given))]
        raise LedgerUnavailable("the chain changed while it was read", "Send it again soon.")

    def _verify(self, given: dict[int, Given], turns: int) -> dict[int, Taken]:
        anchored = {n: each for n, each in given.items() if isinstance(each.statement, Evidence)}
        judged = dict(zip(anchored, self.judge([each.evidence for each in anchored.values()]), strict=True))
        promised = {n: each.statement for n, each in given.items() if isinstance(each.statement, Unanchored)}
        refused = dict(zip(promised, self._judge_promised(list(promised.values())), strict=True))
        yes = {n: each for n, each in judged.items() if isinstance(each, VerifiedStatement)}
        good = {n: self._live(given[n], each) for n, each in yes.items()}
        good |= {n: new_answer(given[n], self.network.clock()) for n, why in refused.items() if why is None}
        found: dict[int, Taken] = {n: no for n, no in judged.items() if not isinstance(no, VerifiedStatement)}
        found |= {n: why for n, why in refused.items() if why is not None}
        found |= self._refuse_unasked({n: given[n] for n in good})
        asked = {n: answer for n, answer in good.items() if n not in found}
        return found | self._keep(asked, turns, min((each.block for each in yes.values()), default=_ANY_BLOCK))

    def _refuse_unasked(self, holding: dict[int, Given]) -> Mapping[int, Taken]:
        """Refuse what the brand did not ask for, if its settings say so: a stranger may have written that notice.

        It is noted, because it was verified: nobody else makes the brand write.
        """
        found = not_asked(self.store, holding) if self.asked_only else {}
        if found:
            now = self.network.clock()
            self.store.keep_unasked([unasked_of(holding[n], why, now) for n, why in found.items()])
        return found

    def judge(self, every: Sequence[Evidence]) -> list[Judged]:
        """Judge all by one reading of the chain. ``LedgerUnavailable`` stands for those whose contract gives no answer.

        It is raised where the chain cannot be read.
        """
        return _apart(every, every, lambda some: verify_many(self.network, some, self.policy)) if every else []

    def _judge_promised(self, given: Sequence[Unanchored]) -> list[NotConsented | LedgerUnavailable | None]:
        if not given:
            return []
        every = [each.as_if_anchored for each in given]
        return _apart(given, every, lambda some: check_unanchored(self.network, some, self.policy))

    def _keep(self, good: dict[int, Answer], turns: int, block: int) -> dict[int, Taken]:
        """Keep answers. Several bodies may hold one statement: the most complete one is kept."""
        best = {answer.digest: answer for answer in sorted(good.values(), key=_completeness)}
        if not best:
            return {}
        kept = dict(zip(best, self.store.take(list(best.values()), turns, block), strict=True))
        return {n: told(kept[answer.digest]) for n, answer in good.items()}

    def _live(self, given: Given, verified: VerifiedStatement) -> Answer:
        now = self.network.clock()
        is_accepted = verified.acceptance == "verified"
        return new_answer(given, now)._replace(
            state=State.LIVE,
            file=given.raw if is_accepted or not given.brings_acceptance else without_acceptance(given.evidence),
            accepted_at=now if is_accepted else 0,
            anchored_at=verified.anchored_at or 0,
            seen_block=max(0, verified.block - verified.policy.confirmations),
            check_at=verified.block + SETTLED_BLOCKS,
        )


def _apart(given: Sequence[T], read: Sequence[Evidence], judge: Callable[[Sequence[T]], list[R]]) -> list[R]:
    """Judge all together; where that could not be checked, those that ask a contract are judged one by one.

    Anybody can send a file whose author is a contract, and a node may be unable to run it: that must stop nobody else.
    """
    try:
        return judge(given)
    except LedgerUnavailable:
        asking = [n for n, evidence in enumerate(read) if fact_queries(evidence)[1]]
        if not asking:
            raise
    plain = [n for n in range(len(given)) if n not in asking]
    found: dict[int, Any] = dict(zip(plain, judge([given[n] for n in plain]), strict=True))
    failures = list[LedgerUnavailable]()
    for n in asking:
        try:
            found[n] = failures[-1] if len(failures) == _MOST_FAILURES else judge([given[n]])[0]
        except LedgerUnavailable as error:
            failures.append(error)
            found[n] = error
    return [found[n] for n in range(len(given))]


def _completeness(answer: Answer) -> tuple[bool, bool]:
    return answer.state is State.LIVE, answer.accepted_at > 0


def _repeat(given: Given, kept: Answer | None) -> Answer | None:
    """Return the kept answer if this very file adds nothing to it."""
    if kept is None or kept.commitment != given.commitment:
        return None
    adds_anchor = kept.state is State.WAITING and given.promise is None
    adds_acceptance = given.brings_acceptance and not kept.accepted_at
    return None if adds_anchor or adds_acceptance else kept


def told(kept: Answer | AlreadyAnswered | WasErased) -> Taken:
    """Return what is told of an answer: one that has ended is refused, as if it were new."""
    if not isinstance(kept, Answer):
        return kept
    if kept.state is State.ENDED:
        return Revoked(f"it ended at {format_utc(kept.ended_at)}")
    if kept.state is State.EXPIRED:
        return Expired(f"it ended at {format_utc(kept.expires_at)}")
    return kept


# The number of the step in which an error of `judge` is raised (docs/formats.md, "Verification").
_STEPS = (
    ("Malformed",),
    ("WrongDomain",),
    ("BadSignature", "BadMandate"),
    ("NotIncluded",),
    ("NotAnchored", "PostDated", "BackDated"),
    ("Revoked",),
    ("NotYetValid", "Expired"),
)
_STEP_OF = {name: number for number, names in enumerate(_STEPS) for name in names}


def step_of(error: ConsentError) -> int:
    """Return the number of the verification's step that this error tells of."""
    return _STEP_OF.get(type(error).__name__, len(_STEPS))
