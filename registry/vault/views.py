"""What a bundle shows of a record: the members that its view names, under an id of the bundle's own."""

from __future__ import annotations

import msgspec

from registry.core.instants import microseconds
from registry.core.media_types import extension_of
from registry.core.sealed.bundles import FILE, NAME, View
from registry.core.sealed.records import FileRef, Record, id_in_bundle

# Members of a body that hold the name of the record's file: they go along where that name does.
_NAMES_IN_BODY = {"file/1": ("name", "path")}


def shown(record: Record, view: View, secret: bytes, counter: int, controller: str = "") -> Record | None:
    """Return what a bundle of the brand ``controller`` holds of the newest version of a record.

    None where the view shows nothing of it. The brand recognises what it sent itself, and nothing that others sent.
    """
    if not is_in(record, view):
        return None
    hidden = () if NAME in view.members else _NAMES_IN_BODY.get(record.schema or "", ())
    names = set(view.members).difference(hidden)
    body = {name: value for name, value in (record.body or {}).items() if name in names} or None
    file = _file(record, view)
    if body is None and file is None:
        return None
    return Record(
        id=id_in_bundle(secret, record.id),
        counter=counter,
        category=record.category,
        schema=record.schema,
        time=record.time,
        source=record.source if view.source else None,
        tags=record.tags if view.tags else (),
        body=body,
        file=file,
        origin=record.origin if record.origin and record.origin.controller == controller else None,
    )


def _file(record: Record, view: View) -> FileRef | None:
    if record.file is None or FILE not in view.members or NAME in view.members:
        return record.file if FILE in view.members else None
    # People write into the names of files what they would not tell a brand.
    return msgspec.structs.replace(record.file, name=f"file{extension_of(record.file.media_type)}")


def is_in(record: Record, view: View) -> bool:
    """Tell whether a version is of the category, the schema and the period of a view."""
    if record.deleted or record.category != view.category or view.schema not in (None, record.schema):
        return False
    time = microseconds(record.time or "")
    is_early = view.from_ is not None and time < microseconds(view.from_)
    return not is_early and (view.until is None or time < microseconds(view.until))
