"""A brand's readings of a person's data, and what a changed log proves, in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from registry.core.scalars import format_utc
from registry.core.use_audit import Beyond, Shown
from registry.core.uses import LoggedUse
from registry.present.text import NO, Line, visible
from registry.present.vocabulary import described

NOT_PROVED = "not anchored yet"
MEANINGS = {
    Shown.SPLIT: "The brand signed two states of one length for its log. This file proves it to anybody.",
    Shown.SHORTENED: "The brand signed a shorter state of its log after a longer one. This file proves it to anybody.",
    Shown.UNSHOWN: "The brand did not show that one state of its log continues the other. It is for it to show that.",
    Shown.MISSING: "This entry was in the log that the brand signed. It is for the brand to show it again.",
    Shown.UNSIGNED: "This entry was shown, and is so no more. The brand had not signed it yet, so nothing proves it.",
}


BEYOND = {
    Beyond.PURPOSE: "for a purpose that the grant does not name",
    Beyond.DATA: "of data that the grant does not name",
    Beyond.BEFORE: "before the grant began",
    Beyond.AFTER: "after the grant had ended",
    Beyond.AHEAD: "dated after it was signed",
}


def reading_lines(
    uses: Sequence[LoggedUse], anchored: Mapping[int, int], beyond: Callable[[LoggedUse], Sequence[Beyond]]
) -> Iterator[Line]:
    """Yield a line for each reading, the newest first: when, how many records, of what, for what, and by whom.

    ``anchored`` has the sizes of the heads that the chain shows, and ``beyond`` tells how a reading exceeds its grant.
    """
    width = max((len(f"{each.use.count:,}") for each in uses), default=0)
    word = max((len(_word(each)) for each in uses), default=0)
    for each in reversed(uses):
        when = f"{format_utc(each.use.at)}  "
        proof = "" if each.head in anchored else f" ({NOT_PROVED})"
        records = f"{each.use.count:>{width},} {_word(each):<{word}}"
        wrong = ", ".join(BEYOND[how] for how in beyond(each))
        mark = f" NOT ALLOWED: {wrong}" if wrong else ""
        yield Line(f"{when}{records}  {visible(_what(each))}{proof}{mark}", len(when), NO if wrong else "")


def _word(each: LoggedUse) -> str:
    return "record" if each.use.count == 1 else "records"


def _what(each: LoggedUse) -> str:
    by = f", by {each.use.system}" if each.use.system else ""
    return f"{_words(each.use.data)}, for {_words([each.use.purpose])}{by}"


def _words(terms: Sequence[str]) -> str:
    return ", ".join(each.words or each.term for each in described(terms))
