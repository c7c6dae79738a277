"""What a grant hands over: what the brand asks for, narrowed by the person, of what the vault holds."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec.structs import replace

from registry.core.errors import InvalidInput, Malformed
from registry.core.instants import microseconds
from registry.core.notices.document import Notice
from registry.core.notices.fields import Fields, fields_of
from registry.core.sealed.bundles import FILE, MAX_MEMBER, MAX_MEMBERS, NAME, View
from registry.core.sealed.records import Record

if TYPE_CHECKING:
    from registry.vault.database import Database

# So many records of each view are kept to be shown.
SHOWN = 20


class Narrowing(NamedTuple):
    """What a person hands over of what is asked: these members of each category, from when until when.

    ``since`` is the first moment and ``until`` the first one after (RFC 3339: a day, or a time with its zone). With
    ``once`` no later record follows. ``names`` lets the files' own names go along.
    """

    fields: Mapping[str, Collection[str]] | None = None
    since: str | None = None
    until: str | None = None
    once: bool = False
    names: bool = False


class Preview(NamedTuple):
    """What one view shows now: how many records, and the first of them, newest first."""

    view: View
    records: int
    first: tuple[Record, ...]


def views_of(
    vault: Database, notice: Notice, data: Collection[str], issued_at: int, narrowing: Narrowing
) -> tuple[View, ...]:
    """Return the views of a grant of ``data`` that is dated ``issued_at`` (unix seconds).

    A datum of which the notice says nothing is asked for whole: all members that the vault's records of it have, and
    their files, once. ``InvalidInput`` for a narrowing to what is not asked.
    """
    _check_times(narrowing)
    asked = [one for one in fields_of(notice) if one.category in data]
    said = {one.category for one in asked}
    views = [_asked(one, issued_at) for one in asked]
    views += [_whole(vault, datum) for datum in sorted(set(data) - said)]
    for category, members in (narrowing.fields or {}).items():
        views = _chosen(views, category, members)
    return tuple(_narrowed(view, narrowing) for view in views if view.members)


def previews_of(vault: Database, views: Iterable[View]) -> tuple[Preview, ...]:
    """Return what each view shows now. Those that show nothing are left out, unless later records follow."""
    found = [_preview(vault, view) for view in views]
    return tuple(one for one in found if one.records or one.view.continuing)


def _preview(vault: Database, view: View) -> Preview:
    count, first = 0, list[Record]()
    for record in vault.shares.preview(view):
        count += 1
        if count <= SHOWN:
            first.append(record)
    return Preview(view, count, tuple(first))


def _asked(one: Fields, issued_at: int) -> View:
    since = None if one.days is None else _day_before(issued_at, one.days)
    return View(
        category=one.category,
        members=one.members,
        schema=one.schema,
        from_=since,
        source=one.source,
        tags=one.tags,
        continuing=one.continuing,
    )


def _day_before(time: int, days: int) -> str:
    return (datetime.fromtimestamp(time, UTC).date() - timedelta(days=days)).isoformat()


def _whole(vault: Database, category: str) -> View:
    names = reduce(_names_in, vault.shares.records(category), {FILE})
    members = sorted(name for name in names if len(name) <= MAX_MEMBER)
    if len(members) > MAX_MEMBERS:
        advice = f"Choose some: --fields {category}=NAME,NAME."
        raise InvalidInput(f"your records of {category} have more than {MAX_MEMBERS} members", advice)
    return View(category, tuple(members))


def _names_in(names: set[str], record: Record) -> set[str]:
    names.update(name for name in record.body or () if name and not name.startswith("$"))
    return names


def _chosen(views: list[View], category: str, members: Collection[str]) -> list[View]:
    mine = [view for view in views if view.category == category]
    if not mine:
        known = ", ".join(sorted({view.category for view in views}))
        raise InvalidInput(f"{category[:80]} is not asked for, or not granted", f"Choose among {known}.")
    asked = sorted({name for view in mine for name in view.members})
    if foreign := sorted(set(members).difference(asked)):
        what = f"{foreign[0][:80]!r} of {category} is not asked for"
        raise InvalidInput(what, f"Choose among {', '.join(asked)}.")
    if not members:
        raise InvalidInput(f"no member of {category} is chosen", "Name one at least, or leave the datum out.")
    kept = tuple(sorted(set(members)))
    return [
        replace(view, members=tuple(name for name in kept if name in view.members)) if view in mine else view
        for view in views
    ]


def _narrowed(view: View, narrowing: Narrowing) -> View:
    changes: dict[str, Any] = {"continuing": view.continuing and not narrowing.once}
    if narrowing.since is not None:
        changes["from_"] = max([narrowing.since, *([view.from_] if view.from_ else [])], key=microseconds)
    if narrowing.until is not None:
        changes["until"] = narrowing.until
    if narrowing.names and FILE in view.members:
        changes["members"] = tuple(sorted({*view.members, NAME}))
    return replace(view, **changes)


def _check_times(narrowing: Narrowing) -> None:
    times = []
    for name, value in (("since", narrowing.since), ("until", narrowing.until)):
        try:
            times.append(None if value is None else microseconds(value))
        except Malformed as error:
            raise InvalidInput(f"{name}: {error}", error.advice) from None
    since, until = times
    if since is not None and until is not None and since >= until:
        raise InvalidInput("nothing lies from then until before that", "Exchange --since and --until.")
