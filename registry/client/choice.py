"""What a person chooses of a request."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TypedDict

from registry.core.errors import InvalidInput
from registry.core.evidence.file import Evidence
from registry.core.notices.document import Notice
from registry.core.notices.rendering import DAY


class Choice(TypedDict, total=False):
    """What a person chooses of a request: by default all that it asks, for all the ``days`` that its notice allows.

    ``fields`` (members by category), ``since``, ``until``, ``once`` and ``names`` narrow what is handed over; see
    `registry.client.views.Narrowing`. ``again`` allows a second grant of a request whose first one still holds.
    ``accepted`` names the risks (`registry.client.risks`) that the person accepts; it is read after ``confirm``.
    ``mailbox`` lets the brand write to the person even where nothing is handed over; where something is, it always may.
    ``deliver`` sends the answer to the brand's inbox, where its domain confirms it (`registry.client.deliver`).
    """

    purposes: Collection[str] | None
    data: Collection[str] | None
    days: int | None
    language: str | None
    supersedes: Evidence | None
    fields: Mapping[str, Collection[str]] | None
    since: str | None
    until: str | None
    once: bool
    names: bool
    again: bool
    accepted: Collection[str]
    deliver: bool
    mailbox: bool


def chosen_terms(what: str, chosen: Collection[str] | None, asked: tuple[str, ...]) -> tuple[str, ...]:
    """Return the terms that the person chose of those that were asked; ``InvalidInput`` for none, or for others."""
    if chosen is None:
        return asked
    if not chosen:
        raise InvalidInput(f"no {what} is chosen", "Choose at least one, or refuse the request.")
    foreign = sorted(set(chosen).difference(asked))
    if foreign:
        raise InvalidInput(f"the {what} {foreign[0]} was not asked for", f"Choose among {', '.join(asked)}.")
    return tuple(sorted(set(chosen)))


def duration(notice: Notice, days: int | None) -> int:
    """Return how long a grant lasts, in seconds; ``InvalidInput`` where the notice does not allow it."""
    if days is not None and not 1 <= days <= notice.max_days:
        raise InvalidInput(f"{days} days are not possible", f"The notice allows 1 to {notice.max_days} days.")
    return (notice.max_days if days is None else days) * DAY
