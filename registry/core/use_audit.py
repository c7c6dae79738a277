"""Check that a brand's use log only grows: against the heads and entries that a person's software saw before.

A log that was rewritten, shortened, or is shown to two people in two ways is `LogChanged`, which brings a file with the
signed heads. `read_change` tells what such a file proves to anybody (docs/formats.md, "Uses").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from registry.core import codec
from registry.core.errors import LogChanged, Malformed, NotIncluded
from registry.core.evidence.file import Evidence
from registry.core.file_kinds import CHANGED_LOG, kind_of_file
from registry.core.merkle_log import check_consistency, check_inclusion
from registry.core.scalars import CLOCK_SKEW
from registry.core.statements.messages import Grant, UseLog
from registry.core.uses import LoggedUse, LogHead, Use

MAX_CHANGE = 256 * 1024
_ADVICE = "Keep the file that tells of it, and ask the brand; a supervisory authority can check it too."


class Shown(StrEnum):
    """What a file of a changed log proves by itself, once its heads are verified as any evidence.

    ``SPLIT``: two heads of one size differ. ``SHORTENED``: a later head has fewer entries. Both are proofs.
    ``UNSHOWN``: the brand did not show that one head continues the other. ``MISSING``: an entry was under a signed
    head, and is not shown any more. The brand can clear itself of these two by showing what is missing.
    ``UNSIGNED``: an entry that no head covered is gone.
    """

    SPLIT = "split"
    SHORTENED = "shortened"
    UNSHOWN = "unshown"
    MISSING = "missing"
    UNSIGNED = "unsigned"


class Beyond(StrEnum):
    """How a reading goes beyond its grant: the grant names no such purpose or data, or did not live then.

    ``AHEAD``: it is dated after the brand had signed and anchored it, so its date is false.
    """

    PURPOSE = "purpose"
    DATA = "data"
    BEFORE = "before"
    AFTER = "after"
    AHEAD = "ahead"


def beyond(use: Use, grant: Grant, ended_at: int = 0, anchored_at: int | None = None) -> tuple[Beyond, ...]:
    """Return how an entry goes beyond its grant, by the brand's own words; empty where it does not.

    ``ended_at`` is when the person ended the grant, 0 if they did not, and ``anchored_at`` when the entry's head was
    anchored, None if it was not (unix seconds). Clocks may differ by 15 minutes.
    """
    over = min(grant.expires_at, ended_at or grant.expires_at)
    found = {
        Beyond.PURPOSE: use.purpose not in grant.purposes,
        Beyond.DATA: not set(use.data) <= set(grant.data),
        Beyond.BEFORE: use.at < grant.not_before - CLOCK_SKEW,
        Beyond.AFTER: use.at > over + CLOCK_SKEW,
        Beyond.AHEAD: anchored_at is not None and use.at > anchored_at + CLOCK_SKEW,
    }
    return tuple(how for how, holds in found.items() if holds)


class _Parts(Struct, frozen=True, forbid_unknown_fields=True):
    heads: Annotated[tuple[Evidence, ...], Meta(max_length=2)]
    use: LoggedUse | UnsetType = UNSET
    type: Literal["ConsentChangedLog"] = "ConsentChangedLog"
    version: Literal[1] = 1


class ChangedLog(_Parts, frozen=True):
    """Heads of one log that do not fit together, the one that was seen first before the other.

    Or an entry that is gone, with the head that it was under, if it was under one.
    """

    def __post_init__(self) -> None:
        if not self.heads and self.use is UNSET:
            raise Malformed("it holds neither a head nor an entry")
        if len({(each.author, each.statement.domain) for each in self.heads}) > 1:
            raise Malformed("the heads are of two brands, chains or registries")
        _ = self.shown

    @property
    def messages(self) -> list[UseLog]:
        """The signed heads."""
        found = [each.statement.message for each in self.heads]
        if not all(isinstance(each, UseLog) for each in found):
            raise Malformed("a head of the log is a UseLog")
        return [each for each in found if isinstance(each, UseLog)]

    @property
    def shown(self) -> Shown:
        """What it proves; ``Malformed`` where it holds no contradiction, ``NotIncluded`` for an entry without proof."""
        heads = self.messages
        if self.use is not UNSET:
            return self._missing(self.use, heads)
        if len(heads) < 2:
            return Shown.UNSHOWN
        first, second = heads
        if first.size == second.size:
            if first.root == second.root:
                raise Malformed("the two heads are of one log: they do not differ")
            return Shown.SPLIT
        earlier, later = sorted(heads, key=lambda each: each.issued_at)
        shorter = earlier.issued_at < later.issued_at and later.size < earlier.size
        return Shown.SHORTENED if shorter else Shown.UNSHOWN

    @staticmethod
    def _missing(use: LoggedUse, heads: Sequence[UseLog]) -> Shown:
        if not heads:
            return Shown.UNSIGNED
        if len(heads) > 1 or use.head != heads[0].size:
            raise Malformed("an entry that is gone stands beside its own head alone")
        check_inclusion(use.index, heads[0].size, use.use.leaf, use.siblings, bytes.fromhex(heads[0].root[2:]))
        return Shown.MISSING


_decoder = msgspec.json.Decoder(_Parts)


def is_change(raw: bytes) -> bool:
    """Whether these bytes are meant as the file of a changed log."""
    return kind_of_file(raw) == CHANGED_LOG


def read_change(raw: bytes) -> ChangedLog:
    """Parse the file of a changed log, at most 256 KiB; ``Malformed`` for anything else.

    ``NotIncluded`` for a well-formed file whose entry was never under its head. Its heads are evidence:
    `registry.core.verify.judge` judges each of them.
    """
    # The form is judged first, so that a file with two faults has one name for them in all implementations.
    parts = codec.decode(raw, _decoder, MAX_CHANGE)
    return ChangedLog(parts.heads, parts.use)


def write_change(change: ChangedLog) -> bytes:
    """Return the bytes of the file."""
    return codec.encode(change)


def joined_heads(known: Sequence[LogHead], served: Sequence[LogHead]) -> dict[int, LogHead]:
    """Return all heads by their sizes, where those that a brand serves continue the known ones.

    `LogChanged` where they do not, ``Malformed`` for an answer that makes no sense. Both lists are in order of size.
    """
    heads = {each.message.size: each for each in known}
    sizes = [each.message.size for each in served]
    if sizes != sorted(set(sizes)):
        raise Malformed("the brand's heads are not in order")
    for head in served:
        _join(heads, head)
    return heads


def _join(heads: dict[int, LogHead], head: LogHead) -> None:
    size = head.message.size
    if (same := heads.get(size)) is not None:
        if same.root != head.root:
            raise _changed("the brand signed two states of one length for its log", same, head)
        heads[size] = msgspec.structs.replace(same, evidence=head.evidence)  # it may have been anchored anew
        return
    last = heads[max(heads)] if heads else None
    if last is None and head.before:
        raise Malformed("a head names one before it that the brand does not show")
    if last is not None:
        _check_continues(last, head)
    heads[size] = head


def _check_continues(last: LogHead, head: LogHead) -> None:
    size = last.message.size
    if head.message.size < size:
        raise _changed("the brand shows another state of its log than before", last, head)
    if head.before > size:
        raise Malformed("a head names one before it that the brand does not show")
    if head.before < size:
        raise _changed("the brand leaves out a state of its log that it signed", last, head)
    if head.message.issued_at <= last.message.issued_at:
        raise Malformed("the brand's heads are not dated in their order")
    try:
        check_consistency(size, head.message.size, head.siblings, last.root, head.root)
    except NotIncluded:
        raise _changed("the newer state does not continue the older one", last, head) from None


def missing_head(head: LogHead) -> LogChanged:
    """Return the error for a brand that does not show this head any more, and no later one."""
    return _changed("the brand does not show a state of its log that it signed", head)


def check_entries(heads: Mapping[int, LogHead], seen: Sequence[LoggedUse], served: Sequence[LoggedUse]) -> None:
    """Check the entries that a brand serves: each is under its head, and each that was ``seen`` is still there.

    ``NotIncluded`` for a proof that is wrong or missing, ``Malformed`` for a bad order, `LogChanged` for what is gone.
    """
    indexes = [each.index for each in served]
    if indexes != sorted(set(indexes)):
        raise Malformed("the brand's entries are not in order")
    for each in served:
        _check_entry(heads, each)
    now = {each.index: each.use for each in served}
    for each in seen:
        if now.get(each.index) != each.use:
            raise _gone(heads, each)


def _check_entry(heads: Mapping[int, LogHead], each: LoggedUse) -> None:
    if each.head is UNSET:
        if each.index < max(heads, default=0):
            raise NotIncluded(f"the brand shows no proof for entry {each.index:,}, which it signed", _ADVICE)
        return
    if (head := heads.get(each.head)) is None:
        raise Malformed(f"entry {each.index:,} is under a head that the brand does not show")
    try:
        check_inclusion(each.index, each.head, each.use.leaf, each.siblings, head.root)
    except NotIncluded as error:
        raise NotIncluded(f"entry {each.index:,} is not in the log that the brand signed: {error}", _ADVICE) from None


def _gone(heads: Mapping[int, LogHead], seen: LoggedUse) -> LogChanged:
    # Where the heads that were seen were lost, nothing signed tells of it.
    head = None if seen.head is UNSET else heads.get(seen.head)
    if head is None:
        seen = msgspec.structs.replace(seen, head=UNSET, proof=UNSET)
    under = () if head is None else (head.evidence,)
    words = f"the brand does not show entry {seen.index:,} any more, which you saw before"
    return LogChanged(f"the brand's log has changed: {words}", write_change(ChangedLog(under, seen)))


def _changed(words: str, *heads: LogHead) -> LogChanged:
    file = write_change(ChangedLog(tuple(each.evidence for each in heads)))
    return LogChanged(f"the brand's log has changed: {words}", file)
