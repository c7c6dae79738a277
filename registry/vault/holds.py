"""What the book says of records and evidence: what was shredded, and what is kept and not used for a while.

A restricted one is on a legal hold if it has a reason, and otherwise withdrawn: the person may bring it back, or
shred it, at any time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime

import msgspec

from registry.core.errors import InvalidInput, Malformed, StorageSlow
from registry.core.scalars import unhex
from registry.core.sealed.index import Bundle, Restricted, VaultBook
from registry.core.sealed.records import check_time, id_bytes
from registry.vault.copy.working_copy import WorkingCopy

MarkOf = Callable[[bytes], str]


def follow_book(copy: WorkingCopy, book: VaultBook, cid: str, mark_of: MarkOf) -> None:
    """Erase from the copy what the book marks as shredded, by whichever home, and withhold what it restricts."""
    marks = hashlib.sha256("".join(sorted(book.shredded)).encode()).hexdigest() if book.shredded else ""
    if marks != copy.marks and (gone := shredded_of(copy.ids(), book, mark_of)):
        # Where another process reads, the records are gone, and their bytes go when the copy is opened next.
        with suppress(StorageSlow):
            copy.erase(gone, "")
    copy.follow([one.record for one in in_force(book)], cid, marks)


def shredded_of(ids: Iterable[str], book: VaultBook, mark_of: MarkOf) -> list[str]:
    """Return those of these ids that the book marks as shredded."""
    marks = set(book.shredded)
    return [one for one in ids if mark_of(id_bytes(one)) in marks] if marks else []


def marked(book: VaultBook, marks: Iterable[str]) -> VaultBook:
    """Return the book with the marks of shredded records too."""
    return msgspec.structs.replace(book, shredded=tuple(sorted({*book.shredded, *marks})))


def in_force(book: VaultBook) -> tuple[Restricted, ...]:
    """Return the restrictions of records that hold: without those of records that are in use again."""
    return tuple(one for one in book.restricted if one.until is not None and not one.is_evidence)


def evidence_in_force(book: VaultBook) -> tuple[Restricted, ...]:
    """Return the restrictions of evidence that hold; ``record`` is its digest."""
    return tuple(one for one in book.restricted if one.until is not None and one.is_evidence)


def restricted(book: VaultBook, ids: Collection[str], until: str | None, reason: str | None = None) -> VaultBook:
    """Return the book with these records restricted until a day, or for None in use again."""
    known = {one.record: one.counter for one in book.restricted}
    left = [one for one in book.restricted if one.record not in ids]
    return _with(book, [*left, *(Restricted(one, known.get(one, 0) + 1, until, reason) for one in ids)])


def forgotten(book: VaultBook, is_gone: Callable[[str], bool]) -> VaultBook:
    """Return the book without restrictions of records that were shredded: it must not name them."""
    return _with(book, [one for one in book.restricted if not is_gone(one.record)])


def held(some: Sequence[Restricted], today: str) -> dict[str, Restricted]:
    """Return those of these restrictions that are legal holds whose day has not come, by their records."""
    return {one.record: one for one in some if one.reason is not None and today < (one.until or "")}


def due(some: Sequence[Restricted], today: str) -> list[str]:
    """Return the records of those restrictions whose day has come."""
    return [one.record for one in some if (one.until or "") <= today]


def without_shredded(book: VaultBook, mark_of: MarkOf) -> VaultBook:
    """Return the book without what its marks say is shredded: restrictions, and grants that handed over bundles.

    A bundle that no other grant hands over leaves it, and its keys with it.
    """
    marks = set(book.shredded)
    if not marks:
        return book
    book = forgotten(book, lambda name: mark_of(marked_bytes(name)) in marks)
    return without_grants(book, lambda lock: mark_of(unhex(lock)) in marks)


def without_grants(book: VaultBook, is_gone: Callable[[str], bool]) -> VaultBook:
    """Return the book without the grants whose locks are gone, and without bundles that only these handed over."""
    kept = list[Bundle]()
    for bundle in book.bundles:
        left = tuple(one for one in bundle.locks if not is_gone(one))
        if left == bundle.locks:
            kept.append(bundle)
        elif left:
            kept.append(msgspec.structs.replace(bundle, locks=left))
    return msgspec.structs.replace(book, bundles=tuple(kept))


def marked_bytes(name: str) -> bytes:
    """Return what the mark of a record (its id) or of evidence (its digest, 0x hex) is made of."""
    return unhex(name) if name.startswith("0x") else id_bytes(name)


def day_of(seconds: float) -> str:
    """Return the day (UTC) of a time in unix seconds."""
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


def check_day(text: str) -> None:
    """Raise ``InvalidInput`` for what is no day such as 2027-01-31."""
    try:
        datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
        check_time(text)
    except (ValueError, Malformed):
        raise InvalidInput(f"{text[:40]!r} is no day", "Write it like 2027-01-31.") from None


def _with(book: VaultBook, entries: Iterable[Restricted]) -> VaultBook:
    return msgspec.structs.replace(book, restricted=tuple(sorted(entries, key=lambda one: one.record)))
