"""Deliver a person's answers to brands: the statement, and while the chain says that it is live, what it hands over.

Each step is kept durably once the brand has taken it, so that a process that was killed is gone on with. Nothing here
needs a seed. A brand that is away, or answers what cannot be believed, never keeps a person from anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from msgspec import UNSET, UnsetType, structs

from registry.client.archives import send_archives
from registry.client.brand_client import NOT_HEARD, NOT_YET, UNKNOWN_GRANT, BrandClient, NotNewer, Taken
from registry.client.deliveries import MAX_PAUSE, Deliveries, Delivery, Reached, Trouble
from registry.client.evidence_store import EvidenceStore, kept_by_digest
from registry.client.network import Network
from registry.client.pending_store import PendingFolder
from registry.client.verify import Answer, verify, verify_many
from registry.core.errors import (
    BrandRefused,
    BrandUnavailable,
    ConsentError,
    CouldNotCheck,
    Expired,
    InvalidInput,
    LedgerUnavailable,
    Malformed,
    NotConsented,
    NotYetAnchored,
    Revoked,
)
from registry.core.evidence.file import (
    Evidence,
    acceptance_evidence,
    parse_evidence,
    with_acceptance,
    write_evidence,
)
from registry.core.evidence.pending import write_pending
from registry.core.ipld.cid import cid_from_digest
from registry.core.promises import SignedPromise
from registry.core.scalars import to_hex, unhex
from registry.core.statements.messages import Grant
from registry.core.verify.judge import VerifiedStatement

NOT_NEWER = "NotNewer"
_ENDS = (("Grant", "Revoked"), ("Grant", "Expired"))


@dataclass(frozen=True)
class Courier:
    """Delivers for one home. ``pending`` has what is signed and not anchored; None where nothing is kept of that."""

    network: Network
    store: EvidenceStore
    deliveries: Deliveries
    pending: PendingFolder | None = None

    def go_on(self, digest: str) -> Delivery | None:
        """Send what waits of one delivery, and return how it stands; None where it is kept no longer.

        What could not be sent is noted in it. ``BrandUnavailable`` where another process delivers it.
        """
        with self.deliveries.holding(digest):
            return self.go_on_held(digest)

    def go_on_held(self, digest: str) -> Delivery | None:
        """Do as `go_on`, for the process that holds the delivery."""
        if (found := self.deliveries.find(digest)) is None:
            return None
        if self.is_nothing(found):
            self.deliveries.drop(digest)
            return None
        try:
            self._steps(digest)
        except ConsentError as error:
            return self._troubled(digest, error)
        now = self._now(digest)
        # Why a brand refused it stays.
        is_told = now.trouble is UNSET or now.stage is Reached.REFUSED
        return now if is_told else self._keep(now, trouble=UNSET, next_try=0)

    def go_on_all(self) -> list[Delivery]:
        """Go on with all that waits and is due, and tell brands of ends; return every delivery as it stands then.

        A brand that is away is asked once. An end is found by one reading of the chain, and is told once. What takes
        long comes last: a brand that is slow with its blocks keeps no other from hearing of an end.
        """
        self.deliveries.sweep_locks()
        away, every = set[tuple[str, str]](), self.deliveries.all()
        changed, found = self._changed(every), dict[str, Delivery | None]()
        for each in sorted(every, key=lambda each: bool(each.blocks) and each.digest not in changed):
            is_meant = (each.waits or each.digest in changed) and each.is_due(self.network.clock())
            found[each.digest] = now = self._tried(each) if is_meant and each.place not in away else each
            if now is not None and now is not each and is_away(now):
                away.add(now.place)
        return [now for each in every if (now := found[each.digest]) is not None]

    def _tried(self, one: Delivery) -> Delivery | None:
        try:
            return self.go_on(one.digest)
        except BrandUnavailable:
            return self.deliveries.find(one.digest)  # another process is at it

    def _changed(self, every: Iterable[Delivery]) -> set[str]:
        """Return the grants of whose end the brand has to hear, and those that were closed and stand again."""
        grants = {each.digest: each for each in every if each.kind == "Grant" and (each.url or each.is_over)}
        kept = [evidence for digest in grants if (evidence := kept_by_digest(self.store, digest)) is not None]
        try:
            judged = verify_many(self.network, kept) if kept else []
        except LedgerUnavailable:
            return set()
        answers = {to_hex(e.digest): (e, answer) for e, answer in zip(kept, judged, strict=True)}
        return {digest for digest, (e, answer) in answers.items() if self._has_changed(grants[digest], e, answer)}

    def _has_changed(self, one: Delivery, kept: Evidence, answer: Answer) -> bool:
        if isinstance(answer, Revoked):
            # Once it would have expired, a brand that never heard of the end is left alone.
            return not one.told and one.url is not None and self.network.clock() < _expires_at(kept)
        return isinstance(answer, VerifiedStatement) and one.is_over

    def is_nothing(self, one: Delivery) -> bool:
        """Whether the statement was never kept: its process was killed before, or the person gave it up."""
        waits = self.pending is not None and self.pending.waits(one.digest)
        is_kept = one.digest in self.store.digests() or self.store.is_restricted(one.digest)
        return not (waits or is_kept)

    def _steps(self, digest: str) -> None:
        kept, one = kept_by_digest(self.store, digest), self._now(digest)
        answer = self._judged(kept) if kept is not None and kept.kind == "Grant" else None
        if kept is not None and self._is_over(one, kept, answer):
            return self._close(one, by_person=isinstance(answer, Revoked))
        if one.stage is Reached.CLOSED and isinstance(answer, VerifiedStatement):
            one = self._keep(one, stage=Reached.WAITING, told=False)  # a reorganisation took the end back
        self._send_statement(one, kept)
        one = self._now(digest)
        if one.stage is not Reached.TAKEN or not (one.blocks or one.update is not UNSET or one.told):
            return None
        if not isinstance(answer, VerifiedStatement):
            # Only the chain's yes lets anything leave the person's own store.
            raise answer or NotYetAnchored("it is not anchored yet")
        if one.told:
            # A reorganisation took the end back, and the brand has erased what it had.
            one = self._keep(one, told=False, blocks=(*one.sent, *one.blocks), sent=())
        root = self._capsule(kept)
        if root in one.blocks and one.update is not UNSET:
            one = self._send_blocks(one, root, only=(root,))  # a brand opens the update by the capsule
        self._send_update(one)
        self._send_blocks(self._now(digest), root)
        return None

    def _judged(self, kept: Evidence) -> Answer:
        try:
            return verify_many(self.network, [kept])[0]
        except LedgerUnavailable as error:
            return error

    def _is_over(self, one: Delivery, kept: Evidence, answer: Answer | None) -> bool:
        """Whether the chain says that a grant ended; ``Expired`` where this machine's clock alone does."""
        if one.waits and isinstance(answer, Expired) and self.network.ledger.head().time < _expires_at(kept):
            # A clock that is wrong must not close it: the chain's time decides.
            raise answer
        return isinstance(answer, Revoked | Expired)

    def _close(self, one: Delivery, *, by_person: bool) -> None:
        """Let nothing more leave for a grant that ended, and tell the brand where it has it."""
        taken = one.stage is Reached.TAKEN
        one = self._keep(one, blocks=(), update=UNSET) if taken else self._keep(one, stage=Reached.CLOSED)
        if by_person and not one.told and not isinstance(one.capability, UnsetType):
            self._client(one).tell_ended(one.capability)
            self._keep(one, told=True)

    def _send_statement(self, one: Delivery, kept: Evidence | None) -> None:
        if one.stage not in (Reached.WAITING, Reached.PROMISED):
            return
        if kept is not None:
            taken = self._client(one).send(write_evidence(kept))
            # Kept before the file is believed: whatever it is, the brand has the statement, and has to hear of its end.
            one = self._keep(one, capability=taken.capability)
            self.take_acceptance(kept, taken.file)
            self._keep(one, stage=Reached.TAKEN)
        elif one.stage is Reached.WAITING:
            taken = self._send_promised(one)
            self._keep(one, stage=Reached.PROMISED, capability=taken.capability)

    def _send_promised(self, one: Delivery) -> Taken:
        pending = None if self.pending is None else self.pending.now(one.digest)
        if pending is None or not isinstance(pending.promise, SignedPromise):
            raise NotYetAnchored("it is signed, and neither anchored nor promised")
        return self._client(one).send(write_pending(pending))

    def take_acceptance(self, kept: Evidence, raw: bytes) -> Evidence | None:
        """Check the file with which a brand answered, and keep its counter-signature in ours; return the whole file.

        None where it holds none, or where it could not be checked. ``BrandUnavailable`` for another file, and for a
        counter-signature that does not hold. Nothing else of the brand's file is kept.
        """
        theirs = _parsed(raw, kept) if raw else None
        part = None if theirs is None or kept.kind != "Grant" else acceptance_evidence(theirs)
        if part is None:
            return None
        whole = with_acceptance(kept, part)
        try:
            verify(self.network, whole, self.network.policy(controllers=None, accepted=True))
        except (CouldNotCheck, Revoked, Expired):
            return None
        except NotConsented as no:
            raise BrandUnavailable(f"the brand's counter-signature does not hold: {no}") from None
        self.store.keep(whole)
        return whole

    def _send_update(self, one: Delivery) -> None:
        if isinstance(one.update, UnsetType):
            return
        try:
            self._client(one).send_update(one.update)
        except NotNewer as newer:
            advice = "Bring this home up to date: `consent vault sync`."
            raise _Overtaken(f"{newer}, from another home of yours", advice, newer.number) from None
        self._keep(one, update=UNSET, number=one.update_number)

    def _capsule(self, kept: Evidence | None) -> str:
        """Return the CID of what a grant hands over."""
        grant = None if kept is None else kept.statement.message
        assert isinstance(grant, Grant)  # nothing else hands over blocks
        return cid_from_digest(unhex(grant.content))

    def _send_blocks(self, one: Delivery, root: str, only: tuple[str, ...] | None = None) -> Delivery:
        """Send the blocks that wait, or ``only`` these of them, and keep after each archive what the brand has."""
        client, store = self._client(one), self.network.store
        for gone in send_archives(client, store, root, one.blocks if only is None else only):
            still = tuple(cid for cid in one.blocks if cid not in gone)
            one = self._keep(one, blocks=still, sent=(*one.sent, *gone))
        return one

    def _client(self, one: Delivery) -> BrandClient:
        return BrandClient(self.deliveries.web, one.inbox)

    def _now(self, digest: str) -> Delivery:
        found = self.deliveries.find(digest)
        assert found is not None  # the caller holds it
        return found

    def _keep(self, one: Delivery, **changes: object) -> Delivery:
        new = structs.replace(one, **changes)
        return one if new == one else self.deliveries.keep(new)

    def _troubled(self, digest: str, error: ConsentError) -> Delivery:
        """Note why a step failed. A statement that the brand judged and refused is not sent again.

        But the chain alone says that a grant ended: a brand that says so of one that lives gets it again.
        """
        one, now = self._now(digest), self.network.clock()
        stage, name = one.stage, type(error).__name__
        if isinstance(error, BrandRefused):
            name = error.name or name
            if stage in (Reached.WAITING, Reached.PROMISED) and (one.kind, name) not in _ENDS:
                stage = Reached.REFUSED
        if isinstance(error, BrandUnavailable) and error.name in (*NOT_YET, NOT_HEARD):
            name = error.name  # it is there, and does not take this one yet
        if name == UNKNOWN_GRANT:
            # The brand has lost the statement, and perhaps the data. It gets all of it again.
            stage, one = Reached.WAITING, structs.replace(one, blocks=(*one.sent, *one.blocks), sent=(), number=0)
        if isinstance(error, _Overtaken):
            name = NOT_NEWER
        step = error.step if isinstance(error, BrandRefused) and error.step is not None else UNSET
        number = error.number if isinstance(error, _Overtaken) else UNSET
        pause = min(MAX_PAUSE, int(error.seconds or 0)) if isinstance(error, BrandUnavailable) else 0
        trouble = Trouble(name=name, detail=str(error), at=now, advice=error.advice, step=step, number=number)
        return self._keep(one, stage=stage, trouble=trouble, next_try=now + pause if pause else 0)


class _Overtaken(InvalidInput):
    """Another home of the person sent a newer update. ``number`` is the brand's."""

    def __init__(self, message: str, advice: str, number: int) -> None:
        super().__init__(message, advice)
        self.number = number


def _parsed(raw: bytes, kept: Evidence) -> Evidence:
    try:
        theirs = parse_evidence(raw)
    except Malformed as error:
        raise BrandUnavailable(f"the brand answered with a file that cannot be read: {error}") from None
    if theirs.digest != kept.digest:
        raise BrandUnavailable("the brand answered with another file than the one that it got")
    return theirs


def _expires_at(kept: Evidence) -> int:
    message = kept.statement.message
    return message.expires_at if isinstance(message, Grant) else 0


def is_away(one: Delivery) -> bool:
    """Whether the brand did not answer the last time."""
    return isinstance(one.trouble, Trouble) and one.trouble.name == BrandUnavailable.__name__
