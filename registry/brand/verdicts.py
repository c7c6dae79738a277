"""What is answered to those who send blocks and updates. A verdict that is no yes is told as a problem."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NoReturn

from registry.brand.holding import Brought, Holding, Verdict
from registry.brand.records import Answer, State
from registry.core.errors import ConsentError, CouldNotCheck
from registry.core.ipld.cid import text_of_cid
from registry.core.scalars import format_utc
from registry.core.sealed.capsule import StreamUpdate
from registry.http.problems import RETRY_SECONDS, Problem, problem_of

_SOON = "Send it again soon."
_OVER = ("Revoked", "Expired")
# Somebody has to make room at a brand that is full.
FULL_SECONDS = 3_600


class NotTaken(Exception):
    """What arrived is not taken."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.detail)
        self.verdict = verdict


def taken(holding: Holding) -> Verdict:
    """Blocks are held."""
    return Verdict(201, {"blocks": holding.blocks, "bytes": holding.bytes, "complete": holding.complete})


def unknown(detail: str) -> Verdict:
    """No such grant was taken."""
    return Verdict(404, {}, "UnknownGrant", detail, "Send its evidence first.")


def missing(detail: str) -> Verdict:
    """What comes first has not come."""
    return Verdict(422, {}, "BlocksMissing", detail, "Send the grant's blocks first, with its capsule.")


def full(detail: str) -> Verdict:
    """The grant has more than the brand takes."""
    return Verdict(413, {}, "GrantFull", f"the brand takes no more of this grant: {detail}", "Ask the brand.")


def brand_full() -> Verdict:
    """The brand has as much data of all people together as it keeps."""
    return Verdict(
        507, {}, "BrandFull", "the brand has no room for more data now", "Tell the brand; it is sent again later."
    )


def again(detail: str) -> Verdict:
    """A block that came is not there any more."""
    return Verdict(503, {}, "StorageUnavailable", detail, _SOON)


def failed() -> Verdict:
    """This program has a fault."""
    return Verdict(500, {}, "InternalError", "the service failed", "Tell its operator when this was.")


def state_problem(answer: Answer) -> Verdict | None:
    """Return why nothing is taken for this answer now; None for a live grant."""
    if answer.state is State.LIVE:
        return None
    if answer.state is State.UNSURE:
        return Verdict(503, {}, "LedgerUnavailable", "the chain has just changed below the grant", _SOON)
    if answer.state is State.WAITING:
        return Verdict(422, {}, "NotAnchored", "the chain does not show the grant", "Send it once it is anchored.")
    ended = f"the grant ended at {format_utc(answer.ended_at)}"
    return Verdict(410, {}, end_of(answer), ended, "Only a new grant can allow it.")


def unsure_first(problems: Iterable[Verdict | None]) -> Verdict | None:
    """Return what is told where several grants are meant, and none can be taken: what may yet become a yes, if any.

    Anybody can name another's content, so a stranger's ended grant must not make a no of what is unsure.
    """
    every = [each for each in problems if each is not None]
    return next((each for each in every if each.status > 500), every[-1] if every else None)


def end_of(answer: Answer) -> str:
    """Return the error's name for how a grant ended."""
    return answer.why if answer.why in _OVER else "Revoked"


def require_live(answer: Answer) -> None:
    """`NotTaken` unless the grant is live."""
    if (problem := state_problem(answer)) is not None:
        raise NotTaken(problem)


def require_newer(update: StreamUpdate, holding: Holding, block: Brought) -> None:
    """`NotTaken` for an update that is not newer than the one that is held, and not the same bytes."""
    is_same = update.number == holding.number and block.digest == holding.update_digest
    if update.number <= holding.number and not is_same:
        detail = f"the update is number {update.number}, and the brand has {holding.number}"
        advice = "Merge the homes of the vault, then send a newer one."
        raise NotTaken(Verdict(409, {"number": holding.number}, "Outdated", detail, advice))


def refuse_foreign(block: Brought) -> NoReturn:
    """Refuse a block to which the grant does not lead."""
    cid = text_of_cid(block.cid)
    advice = "Send what the grant hands over alone, parents first; an update before its blocks."
    raise NotTaken(Verdict(422, {"cid": cid}, "ForeignBlock", f"{cid} is not reachable from the grant", advice))


def problem_for(verdict: Verdict) -> Problem:
    """Return the problem that tells a verdict which is no yes."""
    waits = verdict.status == 503 or verdict.name == "NotAnchored"
    seconds = FULL_SECONDS if verdict.status == 507 else RETRY_SECONDS if waits else 0
    headers = {"Retry-After": str(seconds)} if seconds else None
    return Problem(verdict.status, verdict.name, verdict.detail, verdict.advice, headers, verdict.more)


def verdict_of(error: ConsentError) -> Verdict:
    """Return the verdict for an error: what is wrong with sealed bytes is 422, what could not be checked 503."""
    problem = problem_of(error)
    return Verdict(503 if isinstance(error, CouldNotCheck) else 422, {}, problem.name, problem.detail, problem.advice)
