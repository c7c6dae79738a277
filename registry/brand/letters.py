"""The rules by which the brand writes to a person: only while a grant lives, and only what fits a person's vault."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from registry.brand.attachments import UnknownFile, opened_files
from registry.brand.desk import Desk
from registry.brand.records import Answer, Letter, State
from registry.core.errors import ConsentError, Expired, LedgerUnavailable, NotAnchored, NotYetValid, Revoked
from registry.core.scalars import format_utc, unhex
from registry.core.sealed.mail import MailContent, MailFile, content_hash, seal_content, write_content
from registry.vault.draft import Draft
from registry.vault.importers.keys import FILE_SCHEMA
from registry.vault.schemas.schemas import Schemas

MAX_FAULTS = 20


class UnknownGrant(ConsentError):
    """No such grant was taken, or this person has none that lives."""

    advice = "Name a live grant that this brand has taken."


class NoMailbox(ConsentError):
    """The grant handed over no capsule, and so no mailbox."""

    advice = "Ask for a new grant: `consent grant --mailbox` opens a mailbox, even where it hands nothing over."


class BadRecord(NamedTuple):
    """What keeps a record from fitting: its id, the member of its body where one is wrong, and why."""

    record: str
    member: str
    why: str


class DoesNotFit(ConsentError):
    """Records do not fit their schemas; ``faults`` has the first 20 reasons."""

    advice = "Correct these records; nothing was kept."

    def __init__(self, faults: list[BadRecord]) -> None:
        first = faults[0]
        super().__init__(f"the record {first.record!r} does not fit: {first.member} {first.why}")
        self.faults = faults


class Enclosed(NamedTuple):
    """A file of a message. ``file`` is what `attach` told, and ``id`` the brand's own name for it."""

    id: str
    category: str
    name: str
    media_type: str
    file: str
    time: str | None = None


def addressee(desk: Desk, *, grant: str = "", subject: str = "") -> Answer:
    """Return the live grant with this digest (0x hex), or the newest that this person gave, whose mailbox is open.

    ``LedgerUnavailable`` where the view of the chain is too old to say that the grant lives; ``Revoked``, ``Expired``,
    ``NotYetValid``, ``NotAnchored``, `UnknownGrant` or `NoMailbox`.
    """
    view, _ = desk.sight.require()
    found = _by_digest(desk, unhex(grant)) if grant else _of_person(desk, unhex(subject))
    _check_lives(found, max(desk.network.clock(), view.head_time))
    if not found.content:
        raise NoMailbox("the grant opened no mailbox")
    return found


def write(
    desk: Desk,
    content: Callable[[tuple[MailFile, ...]], MailContent],
    *,
    grant: str = "",
    subject: str = "",
    files: Sequence[Enclosed] = (),
) -> Letter:
    """Queue the message that ``content`` makes of these files, for the grant that `addressee` returns; see `Letter`.

    The same content again is the same message. The errors are those of `addressee`, `DoesNotFit` and `UnknownFile`.
    """
    found = addressee(desk, grant=grant, subject=subject)
    made = content(_enclosed(desk, found, files))
    if faults := list(_faults(made))[:MAX_FAULTS]:
        raise DoesNotFit(faults)
    raw = write_content(made)
    draft = seal_content(raw, desk.settings.recipients[0])
    tags = [unhex(each.file) for each in files]
    letter = desk.store.queue(found.id, unhex(content_hash(raw)), draft, desk.network.clock(), tags)
    if letter is None:
        raise UnknownFile("a file of the message is not here any more")
    return letter


def _enclosed(desk: Desk, grant: Answer, files: Sequence[Enclosed]) -> tuple[MailFile, ...]:
    refs = opened_files(desk, grant, (each.file for each in files))
    named = (msgspec.structs.replace(refs[each.file], name=each.name, media_type=each.media_type) for each in files)
    return tuple(MailFile(each.id, each.category, ref, each.time) for each, ref in zip(files, named, strict=True))


def _by_digest(desk: Desk, digest: bytes) -> Answer:
    found = desk.store.by_digest({digest}).get(digest)
    if found is None or found.kind != "Grant":
        raise UnknownGrant("this brand has taken no such grant")
    return found


def _of_person(desk: Desk, subject: bytes) -> Answer:
    """Return the newest live grant with a mailbox, or else the newest one, whose lack of a mailbox is then told."""
    grants = desk.store.live_grants(subject)
    if not grants:
        raise UnknownGrant("this person has no live grant")
    return next((each for each in grants if each.content), grants[0])


def _check_lives(grant: Answer, now: int) -> None:
    if grant.state is State.UNSURE:
        raise LedgerUnavailable("the chain has just changed, and the grant is being verified again", "Ask again soon.")
    if grant.state is State.WAITING:
        raise NotAnchored("the grant is not anchored yet")
    if grant.state is State.ENDED:
        raise Revoked(f"it ended at {format_utc(grant.ended_at)}")
    if grant.state is State.EXPIRED or now >= grant.expires_at:
        raise Expired(f"it ended at {format_utc(grant.expires_at)}")
    if now < grant.not_before:
        raise NotYetValid(f"it begins at {format_utc(grant.not_before)}")


def _faults(content: MailContent) -> Iterator[BadRecord]:
    schemas = Schemas()
    for record in content.records:
        draft = Draft(record.category, record.schema, record.time, body=record.body)
        for fault in schemas.faults(draft):
            yield BadRecord(record.id, fault.member or "record", fault.why)
    for each in content.files:
        for fault in schemas.faults(Draft(each.category, FILE_SCHEMA, each.time, file=each.file)):
            yield BadRecord(each.id, fault.member or "file", fault.why)
