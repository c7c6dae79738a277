"""Erase a person's evidence at the brand (GDPR, article 17), or keep it from that for legal claims.

    erasure = EvidenceErasure(store, folder, clock)
    erasure.hold(found, until, "a dispute")     # article 17(3)(e): not erased before that time
    done = erasure.erase(found)                 # rows go in one commit; a certificate counts them

What stays is a mark: hashes of random values, and the commitment of the brand's Acknowledgement. With the person's own
file they show that the evidence was here, that its end was obeyed, and that it was erased. Without it they tell
nothing.
A killed process has erased nothing, or left marks without a certificate: the next call writes that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal, NamedTuple

from msgspec import Struct

from registry.brand.erased import Erased, EvidenceHold, mark_of
from registry.brand.inbox import SETTLED_BLOCKS
from registry.brand.records import OVER, Answer, State
from registry.brand.store import Store
from registry.core import codec
from registry.core.errors import InvalidInput, StorageUnavailable
from registry.core.evidence.file import parse_evidence
from registry.core.merkle import commitment
from registry.core.scalars import format_utc, to_hex, unhex
from registry.fs.files import replace_file

CERTIFICATES = "certificates"
DAY_SECONDS = 86_400
_REMAINS = (
    "Back-ups and log archives of the database. After one is restored, erase again.",
    "What the brand's other systems read while the grant lived, or heard of it as events.",
    "Statements that replaced an erased one, and name its digest.",
    "The chain: salted hashes, which lead to nothing without the erased file.",
)
_KEPT = (
    "A hash of each erased digest and random name, so that the same file is not taken again.",
    "The commitment of each acknowledgement of an end.",
    "Hashes of entries in the use log's tree.",
)


class BrandErasure(Struct, frozen=True, kw_only=True, rename="camel"):
    """The certificate of an erasure at a brand. It names nothing of what is gone, and no time but the ``day`` (UTC)."""

    day: str
    grants: int
    refusals: int
    found: int
    kept: tuple[str, ...] = _KEPT
    remains: tuple[str, ...] = _REMAINS
    type: Literal["BrandErasure"] = "BrandErasure"
    version: Literal[1] = 1


class Done(NamedTuple):
    """A certificate, and the file that holds it."""

    certificate: BrandErasure
    file: Path


@dataclass(frozen=True)
class EvidenceErasure:
    """Erases what the store of the brand in ``folder`` keeps of grants and refusals. ``clock`` tells unix seconds."""

    store: Store
    folder: Path
    clock: Callable[[], int]

    def find(self, name: str) -> list[Answer]:
        """Return the answer with this digest (0x hex), or all of a person (an address).

        ``InvalidInput`` where there is none, also where it was erased already.
        """
        if len(name) == 2 + 40:
            found = self.store.by_id(self.store.of_subject(unhex(name)))
        else:
            found = list(self.store.by_digest([unhex(name)]).values())
            if not found and self.store.marked([unhex(name)]):
                raise InvalidInput(f"{name[:14]} was erased already", "There is nothing left to do.")
        if not found:
            raise InvalidInput(f"nothing is kept of {name[:14]}", "List what is kept: `consent brand inbox`.")
        return found

    def check(self, some: Sequence[Answer]) -> None:
        """``InvalidInput`` with the first reason why one of these must not be erased now. Nothing is changed."""
        holds = {each.answer: each for each in self.store.evidence_holds([each.id for each in some], self.clock())}
        unfinished, block = self.store.unfinished([each.id for each in some]), self.store.view().number
        for each in some:
            name = to_hex(each.digest)[:14]
            if (hold := holds.get(each.id)) is not None:
                why = f"{name} is on a legal hold until {format_utc(hold.until)}: {hold.reason}"
                raise InvalidInput(why, "`consent brand evidence release` ends a hold.")
            if each.kind == "Grant" and each.state in (State.LIVE, State.UNSURE):
                raise InvalidInput(f"{name} has not ended", "Its person ends it: `consent revoke`. Then erase it.")
            if each.id in unfinished or _is_unsettled(each, block):
                why = f"the service is not done with the end of {name}"
                raise InvalidInput(why, "Let `consent brand serve` run some minutes, then erase it.")

    def hold(self, some: Sequence[Answer], until: int, reason: str) -> int:
        """Keep these from being erased before a time (unix seconds) in the future; return how many they are."""
        if until <= self.clock():
            raise InvalidInput("a legal hold ends in the future", "Name a later day.")
        if not reason.strip() or len(reason) > 1_000:
            raise InvalidInput("a legal hold has a reason, of at most 1,000 characters", "Say what claim it is for.")
        self.store.hold_evidence([EvidenceHold(each.id, until, reason) for each in some])
        return len(some)

    def release(self, some: Sequence[Answer]) -> int:
        """End the holds of these; return how many there were."""
        return self.store.release_evidence([each.id for each in some])

    def erase(self, some: Sequence[Answer]) -> Done:
        """Erase these for good, look for what is left, and return the certificate. The errors are those of `check`."""
        self.check(some)
        gone = [(each, self._mark(each)) for each in some]
        if not self.store.erase_evidence(gone, self.clock()):
            raise StorageUnavailable("an answer has just changed", "Nothing was erased: do it again.")
        return self._certified(sum(self.store.traces(each.digest) for each in some))

    def go_on(self) -> Done | None:
        """Write the certificate of an erasure whose process was killed; None where nothing waits for one."""
        return self._certified(0) if self.store.uncertified() else None

    def _mark(self, answer: Answer) -> Erased:
        file = self.store.acknowledgement(answer.id)
        made = parse_evidence(file) if file else None
        obeyed = commitment(made.digest, unhex(made.signature)) if made is not None else b""
        day = self.clock() // DAY_SECONDS * DAY_SECONDS
        return Erased(mark_of(answer.digest), mark_of(answer.capability), answer.kind, obeyed, day)

    def _certified(self, found: int) -> Done:
        self.store.clean()
        marks = self.store.uncertified()
        grants = sum(each.kind == "Grant" for each in marks)
        day = format_utc(max(each.day for each in marks))[:10]
        made = BrandErasure(day=day, grants=grants, refusals=len(marks) - grants, found=found)
        raw = codec.encode(made)
        tag = sha256(b"".join(sorted(each.mark for each in marks))).hexdigest()[:8]
        file = self.folder / CERTIFICATES / f"erased-{day}-{tag}.json"
        # The file comes first: an erasure without a certificate would look like none.
        replace_file(file, raw)
        self.store.certify([each.mark for each in marks])
        return Done(made, file)


def _is_unsettled(answer: Answer, block: int) -> bool:
    """Whether an end by the person is not acknowledged yet, or so new that the chain may take it back."""
    if answer.kind != "Grant" or answer.state not in OVER or answer.why != "Revoked":
        return False
    return not answer.acknowledged_at or answer.ended_block + SETTLED_BLOCKS > block
