"""Imports the contacts of vCard files, versions 2.1, 3.0 (RFC 2426) and 4.0 (RFC 6350).

vobject is imported inside of functions: only this command needs it.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from datetime import date
from hashlib import sha256
from typing import Any, BinaryIO

from registry.core.errors import InvalidInput
from registry.core.sealed.records import MAX_INLINE_FILE, FileRef
from registry.vault.draft import Draft
from registry.vault.importers.base import Defaults, Item, Refused, Told
from registry.vault.importers.components import Component, split_components
from registry.vault.importers.json_text import utf8
from registry.vault.importers.keys import EqualFacts, fact_key, identity_key

SCHEMA = "contact/1"
_NAMES = {"family": "familyName", "given": "givenName", "additional": "additionalName", "prefix": "honorificPrefix",
          "suffix": "honorificSuffix"}  # fmt: skip
_ADDRESS = {"street": "streetAddress", "box": "postOfficeBoxNumber", "extended": "extendedAddress",
            "city": "addressLocality", "region": "addressRegion", "code": "postalCode",
            "country": "addressCountry"}  # fmt: skip
_ONE = {"FN": "name", "TITLE": "jobTitle", "NOTE": "description", "UID": "uid"}
_MANY = {"EMAIL": "email", "TEL": "telephone", "URL": "url", "NICKNAME": "alternateName", "ORG": "organization",
         "CATEGORIES": "keywords"}  # fmt: skip
_CONTACT_POINTS = {"EMAIL": "email", "TEL": "telephone"}
# They say how the file is written, and change with each export.
_VOLATILE = {"VERSION", "PRODID", "REV", "PROFILE"}
_MAX_OTHER = 100_000  # characters of a member that no schema names
_PLAIN_TYPES = {"internet", "pref", "x400"}
_DATA_URI = re.compile(r"data:([a-z0-9.+/-]+);base64,([A-Za-z0-9+/=]+)", re.IGNORECASE)
_BIRTH = re.compile(r"(?:([0-9]{4})|--)-?(?:([0-9]{2})-?(?:([0-9]{2}))?)?(?:T.*)?")


class VcardImporter:
    """Reads contacts. A photo becomes the record's file."""

    passes = 1

    def __init__(self, defaults: Defaults) -> None:
        self._defaults = defaults

    def items(self, source: BinaryIO) -> Iterator[Item]:
        """Yield a draft for each contact, in order."""
        equal, number = EqualFacts(), 0
        try:
            for number, component in enumerate(split_components(utf8(source)), 1):
                yield from self._card(component, f"contact {number} (line {component.line})", equal)
        except InvalidInput as error:
            yield Refused("line 1", None, f"{error}. {error.advice}")
        if not number:
            yield Refused("line 1", None, "there is no contact in it; is it a vCard file?")

    def _card(self, component: Component, at: str, equal: EqualFacts) -> Iterator[Item]:
        if component.fault or component.name != "VCARD":
            yield Refused(at, None, component.fault or "only contacts are imported from a vCard file")
            return
        said = self._defaults
        try:
            text = component.raw.decode()
            body, photo = _contact(_lines(text), text)
            identity = identity_key(said.source, said.schema, body["uid"]) if "uid" in body else None
            key = fact_key(said.source, said.schema, body, photo)
            key = key if identity else equal.key(key)
        except UnicodeError:
            yield Refused(at, None, "its bytes are not UTF-8")
            return
        except ValueError as error:
            yield Refused(at, None, str(error)[:200])
            return
        if "photo" in body.get("more", {}):
            yield Told(f"{at}: its photo is a link, or larger than {MAX_INLINE_FILE:,} bytes, and is not taken along")
        yield Draft(said.category, said.schema, None, said.source, said.tags, body, photo, key, at, identity)


def _lines(text: str) -> list[Any]:
    import vobject

    try:
        return list(vobject.readOne(text, allowQP=True).lines())
    except Exception as error:
        # vobject has no list of its errors: bad base64, charsets and escapes each raise others.
        raise ValueError(f"it cannot be read: {str(error)[:150]}") from None


def _contact(lines: list[Any], text: str) -> tuple[dict[str, Any], FileRef | None]:
    body: dict[str, Any] = {}
    photo = None
    for line in lines:
        if line.name == "N":
            body |= _parts(line.value, _NAMES)
        elif line.name in _ONE:
            body.setdefault(_ONE[line.name], _text(line.value))
        elif line.name in _MANY:
            _add_many(body, line)
        elif line.name == "ADR":
            body.setdefault("address", []).append(_parts(line.value, _ADDRESS))
        elif line.name == "PHOTO" and photo is None and (photo := _photo(line, text)):
            continue
        else:
            _add_other(body, line)
    return _completed(body), photo


def _add_other(body: dict[str, Any], line: Any) -> None:
    text = _text(line.value)
    if line.name == "BDAY" and (day := _birth_date(text)):
        body["birthDate"] = day
    elif line.name not in _VOLATILE:
        body.setdefault("more", {}).setdefault(line.name.lower(), text[:_MAX_OTHER])


def _completed(body: dict[str, Any]) -> dict[str, Any]:
    body = {name: value for name, value in body.items() if value not in ("", [], {}, [{}])}
    if "name" not in body and (words := [body[each] for each in ("givenName", "familyName") if each in body]):
        body["name"] = " ".join(words)
    if not body.keys() - {"uid", "more"}:
        raise ValueError("it has no name, address or number")
    return body


def _parts(value: Any, names: dict[str, str]) -> dict[str, str]:
    found = {member: _text(getattr(value, part, "")) for part, member in names.items()}
    return {member: text for member, text in found.items() if text}


def _add_many(body: dict[str, Any], line: Any) -> None:
    values = line.value if isinstance(line.value, list) else [line.value]
    texts = [text for text in map(_text, values) if text]
    if line.name == "ORG":
        texts = [", ".join(texts)] if texts else []
    if line.name in _CONTACT_POINTS:
        texts = [re.sub("^(?:tel|mailto):", "", text, flags=re.IGNORECASE) for text in texts]
        kinds = [kind for each in line.params.get("TYPE", []) for kind in each.lower().strip('"').split(",")]
        if kinds := sorted({kind for kind in kinds if kind and kind not in _PLAIN_TYPES}):
            points = [{_CONTACT_POINTS[line.name]: text, "contactType": ", ".join(kinds)} for text in texts]
            body.setdefault("contactPoint", []).extend(points)
    body.setdefault(_MANY[line.name], []).extend(texts)


def _text(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(filter(None, map(_text, value)))
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value).strip()


def _birth_date(text: str) -> str | None:
    """Return the date as contact/1 has it, which may lack the year or the day; None for another text."""
    found = _BIRTH.fullmatch(text)
    if not found or not (found[1] or found[3]):
        return None
    try:
        date(int(found[1] or 2000), int(found[2] or 1), int(found[3] or 1))  # 2000 had a 29 February
    except ValueError:
        return None
    return "-".join(part for part in (found[1] or "-", found[2], found[3]) if part)


def _photo(line: Any, text: str) -> FileRef | None:
    # vobject cuts a data URI at its comma, so the line itself is read.
    uri = _DATA_URI.search(re.sub(r"\r?\n[ \t]", "", text)) if str(line.value).startswith("data:") else None
    try:
        content = base64.b64decode(uri[2]) if uri else line.value
    except binascii.Error:
        return None
    if not isinstance(content, bytes) or not 0 < len(content) <= MAX_INLINE_FILE:
        return None
    kind = (line.params.get("TYPE") or [uri[1].rpartition("/")[2] if uri else "jpeg"])[0].lower()
    kind = kind if re.fullmatch("[a-z0-9][a-z0-9.+-]{0,20}", kind) else "jpeg"
    data = base64.b64encode(content).decode()
    return FileRef(f"photo.{kind}", f"image/{kind}", len(content), sha256(content).hexdigest(), data)
