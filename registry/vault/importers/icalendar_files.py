"""Imports the events of iCalendar files (RFC 5545). A repeated event is one record with its rule, not expanded.

icalendar is imported inside of functions: only this command needs it, and it takes a tenth of a second.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, tzinfo
from typing import TYPE_CHECKING, Any, BinaryIO

from registry.core.errors import InvalidInput
from registry.vault.draft import Draft
from registry.vault.importers.base import Defaults, Item, Refused, Told
from registry.vault.importers.components import Component, split_components
from registry.vault.importers.json_text import utf8
from registry.vault.importers.keys import EqualFacts, fact_key, identity_key
from registry.vault.importers.times import rfc3339, zone_of

if TYPE_CHECKING:
    from icalendar import Component as Parsed

SCHEMA = "calendar-event/1"
_TEXTS = {
    "SUMMARY": "name", "DESCRIPTION": "description", "LOCATION": "location", "URL": "url", "UID": "uid",
    "STATUS": "eventStatus", "DURATION": "duration", "TZID": "timezone",
}  # fmt: skip
_TIMES = {"DTSTART": "startDate", "DTEND": "endDate", "RECURRENCE-ID": "recurrenceId"}
_RULES = ("RRULE", "RDATE", "EXDATE", "EXRULE")
_PEOPLE = {"ORGANIZER": "organizer", "ATTENDEE": "attendee"}
# They change with each export, so next month's would hold nothing that is known.
_VOLATILE = {"DTSTAMP", "LAST-MODIFIED", "CREATED", "SEQUENCE"}
_TAKEN = {*_TEXTS, *_TIMES, *_RULES, *_PEOPLE}
_FOLD = re.compile(r"\r?\n[ \t]")
# A rule of another kind, in the definition of a zone, could take for ever to compute.
_SIMPLE_RULE = re.compile(r"(?!.*BY(?:SECOND|MINUTE|HOUR)).*FREQ=YEARLY")


class IcalendarImporter:
    """Reads events. ``zone`` is that of local times without a zone; without it, such events are refused."""

    passes = 1

    def __init__(self, defaults: Defaults, zone: str | None = None) -> None:
        self._defaults, self._zone = defaults, zone_of(zone) if zone else None

    def items(self, source: BinaryIO) -> Iterator[Item]:
        """Yield a draft for each event, in order, and tell what its draft does not hold."""
        from icalendar.timezone import tzp

        tzp.use_default()  # forgets the zones that another file defined
        equal, numbers = EqualFacts(), dict[str, int]()
        try:
            for component in split_components(utf8(source), "VCALENDAR"):
                number = numbers[component.name] = numbers.get(component.name, 0) + 1
                at = f"{component.name.lower().removeprefix('v')[:20]} {number} (line {component.line})"
                yield from self._component(component, at, equal)
        except InvalidInput as error:
            yield Refused("line 1", None, f"{error}. {error.advice}")
        if not numbers:
            yield Refused("line 1", None, "there is no event in it; is it an iCalendar file?")

    def _component(self, component: Component, at: str, equal: EqualFacts) -> Iterator[Item]:
        if component.fault:
            yield Refused(at, None, component.fault)
        elif component.name == "VTIMEZONE":
            if not _learn_zone(component.raw):
                yield Told(f"{at}: this definition of a time zone is not used; events that need it are refused")
        elif component.name == "VEVENT":
            yield from self._event(component.raw, at, equal)
        else:
            yield Refused(at, None, "only events are imported from a calendar")

    def _event(self, raw: bytes, at: str, equal: EqualFacts) -> Iterator[Item]:
        from icalendar import Component as Parser

        try:
            raw.decode()  # icalendar would replace bytes that are no UTF-8
            event = Parser.from_ical(raw)
        except Exception as error:
            # icalendar has no list of its errors: a parameter that does not fit a property raises TypeError and others.
            yield Refused(at, None, str(error)[:200])
            return
        wrong = [(name, why) for name, why in event.errors if name is None or name in _TAKEN]
        if wrong:
            yield Refused(at, wrong[0][0], str(wrong[0][1])[:200])
            return
        yield from (Told(f"{at}: {name}: {why}; it is kept as text") for name, why in event.errors)
        yield self._draft(event, at, equal)

    def _draft(self, event: Parsed, at: str, equal: EqualFacts) -> Draft | Refused:
        said, name = self._defaults, "DTSTART"
        try:
            body: dict[str, Any] = {}
            for name, member in _TIMES.items():
                if name in event:
                    body[member] = _time(event[name], self._zone)
            name = ""
            body |= _members(event)
            identity = identity_of_event(said.source, said.schema, body)
            # The same event twice in one file is one event: only nameless ones are numbered.
            key = fact_key(said.source, said.schema, body)
            key = key if identity else equal.key(key)
        except (ValueError, OverflowError) as error:
            return Refused(at, name or None, str(error)[:200])
        if "startDate" not in body:
            return Refused(at, "DTSTART", "the event has no start")
        return Draft(said.category, said.schema, None, said.source, said.tags, body, None, key, at, identity)


def identity_of_event(source: str | None, schema: str, body: dict[str, Any]) -> bytes | None:
    """Return the identity of an event: its UID, and of one changed repetition also which one it is."""
    return identity_key(source, schema, body["uid"], body.get("recurrenceId", "")) if "uid" in body else None


def _learn_zone(raw: bytes) -> bool:
    """Have icalendar know a zone that the file defines. Zones of the IANA database stay as they are."""
    from icalendar import Component as Parser
    from icalendar.timezone import tzp

    rules = re.findall(r"^RRULE.*", _FOLD.sub("", raw.decode("utf-8", "replace").upper()), re.MULTILINE)
    if not all(map(_SIMPLE_RULE.match, rules)):
        return False
    try:
        tzp.cache_timezone_component(Parser.from_ical(raw))
    except Exception:  # as in `_event`
        return False
    return True


def _time(value: Any, zone: tzinfo | None) -> str:
    if isinstance(value, list):
        raise ValueError("it stands twice")
    time = getattr(value, "dt", None)
    if not isinstance(time, date):
        raise ValueError("it is neither a date nor a time")
    if not isinstance(time, datetime):
        return time.isoformat()
    if time.tzinfo is None and "TZID" in value.params:
        raise ValueError(f"the time zone {value.params['TZID'][:80]!r} is not known")
    if time.tzinfo is None and zone is None:
        raise ValueError("it is a local time without a zone; name the zone of such times")
    return rfc3339(time if time.tzinfo else time.replace(tzinfo=zone))


def _members(event: Parsed) -> dict[str, Any]:
    body: dict[str, Any] = {}
    for name, value in event.items():
        values = value if isinstance(value, list) else [value]
        if name in _PEOPLE:
            people = [_person(each) for each in values]
            body[_PEOPLE[name]] = people[0] if name == "ORGANIZER" else people
        elif name == "CATEGORIES":
            body["keywords"] = [_text(word) for each in values for word in getattr(each, "cats", [each])]
        elif name in _TEXTS:
            body[_TEXTS[name]] = _text(values[0])
        elif name not in _TAKEN | _VOLATILE:
            texts = [_text(each) for each in values]
            body.setdefault("more", {})[name.lower()] = texts[0] if len(texts) == 1 else texts
    start = event.get("DTSTART")
    if start is not None and "TZID" in getattr(start, "params", {}):
        body["timezone"] = str(start.params["TZID"])  # a rule repeats in its zone, not at an offset
    if rules := _rules(event):
        body["rule"] = rules[0] if len(rules) == 1 else rules
    return {name: value for name, value in body.items() if value not in ("", [])}


def _rules(event: Parsed) -> list[str]:
    """The rule as it is written, and its exceptions as the lines that they are."""
    lines = []
    for name in _RULES:
        values = event.get(name, [])
        for value in values if isinstance(values, list) else [values]:
            zone = f";TZID={value.params['TZID']}" if "TZID" in getattr(value, "params", {}) else ""
            lines.append(_raw(value) if name == "RRULE" else f"{name}{zone}:{_raw(value)}")
    return lines


def _person(value: Any) -> Any:
    address = str(value).removeprefix("mailto:").removeprefix("MAILTO:")
    name = str(value.params.get("CN", "")) if hasattr(value, "params") else ""
    return {"name": name, "email": address} if name else address


def _text(value: Any) -> str:
    return str(value) if isinstance(value, str) else _raw(value)


def _raw(value: Any) -> str:
    try:
        raw = value.to_ical()
    except Exception:  # as in `IcalendarImporter._event`
        raise ValueError("a value does not have the type that its parameter names") from None
    return raw.decode() if isinstance(raw, bytes) else str(raw)
