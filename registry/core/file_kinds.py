"""Tell what a file is that was given in place of another, so that the advice fits it."""

from __future__ import annotations

import json
from typing import NamedTuple

from registry.core import codec
from registry.core.errors import Malformed

MAX_JSON = 1024 * 1024
MAX_LINES = 16 * 1024
_SEPARATORS = (b",", b";", b"\t")
_NO_TEXT = "Give the evidence file, which is JSON text."


class FileKind(NamedTuple):
    """What a file is, in words with their article, and what is done with such a file, in one sentence."""

    name: str
    advice: str


EVIDENCE = FileKind("an evidence file", "`consent evidence show FILE` shows it, and `consent verify FILE` checks it.")
NOTICE = FileKind("a notice", "`consent notice check FILE` checks it; `consent request` makes a request with it.")
DRAFT = FileKind("a draft of a notice", "`consent notice new FILE --out NOTICE` makes a notice of it.")
SEALED = FileKind("a sealed file (age), such as a backup", "`consent restore FILE` opens a backup.")
KEYSTORE = FileKind("a keystore with a sealed key", "Keep it to yourself; `consent keys import` takes a key over.")
TYPED_DATA = FileKind("a statement as typed data", "`consent sign FILE` signs it, and `consent signer` shows who did.")
TABLE = FileKind("a table of data", "`consent vault add FILE` puts data into a vault.")
PENDING = FileKind(
    "a statement that is not anchored yet",
    "It proves nothing yet: `consent status` completes it, and `consent evidence drop` gives it up.",
)
PROMISE = FileKind("a notary's promise", "`consent notary judge FILE` tells whether the notary kept it.")
CHANGED_LOG = FileKind("the file of a changed use log", "`consent uses FILE` tells what it proves.")
MANDATE = FileKind("a mandate with its details", "`registry.client.mandates.act` signs under it, in Python.")
REPORT = FileKind("a report of a fiduciary", "`registry.client.mandates.review` judges it, in Python.")
EMPTY = FileKind("an empty file", "Ask for the original file again.")
_BY_TYPE = {"ConsentEvidence": EVIDENCE, "ConsentPromise": PROMISE, "ConsentChangedLog": CHANGED_LOG}
_BY_TYPE |= {"ConsentMandate": MANDATE, "ConsentMandateReport": REPORT}
_BY_START = {
    b"age-encryption.org/": SEALED,
    b"-----BEGIN AGE ENCRYPTED FILE-----": SEALED,
    b"%PDF": FileKind("a PDF", _NO_TEXT),
    b"\x89PNG": FileKind("a picture", _NO_TEXT),
    b"\xff\xd8\xff": FileKind("a picture", _NO_TEXT),
    b"PK\x03\x04": FileKind("an archive (ZIP)", "Unpack it, and give the evidence file in it."),
    b"\x1f\x8b": FileKind("an archive (gzip)", "Unpack it, and give the evidence file in it."),
    b"<!DOCTYPE html": FileKind("a web page", "It is for reading; ask for the evidence file beside it."),
    b"SQLite format 3\0": FileKind("a database", _NO_TEXT),
}


def kind_of_file(raw: bytes) -> FileKind | None:
    """What a file is by its bytes, which may be only its beginning; None where that is unknown."""
    if not raw.strip():
        return EMPTY
    for start, kind in _BY_START.items():
        if raw.startswith(start):
            return kind
    if raw[:MAX_LINES].decode("utf-8-sig", "ignore").lstrip()[:1] in ("{", "["):
        return _kind_of_json(raw)
    return TABLE if _is_table(raw) else None


def as_another(error: Malformed, raw: bytes, wanted: FileKind) -> Malformed:
    """The error to raise for a file that is no ``wanted`` one: it names what the file is, where that is known."""
    kind = kind_of_file(raw)
    if kind is None or kind == wanted:
        return error
    return Malformed(f"this is {kind.name}, not {wanted.name}", kind.advice)


def _is_table(raw: bytes) -> bool:
    lines = raw[:MAX_LINES].splitlines()[:2]
    return len(lines) == 2 and any(0 < lines[0].count(mark) == lines[1].count(mark) for mark in _SEPARATORS)


def _kind_of_json(raw: bytes) -> FileKind | None:
    try:
        document = json.loads(codec.canonical(raw, MAX_JSON))  # which bounds the nesting
    except Malformed:
        return None
    if not isinstance(document, dict):
        return None
    if (known := _BY_TYPE.get(str(document.get("type")))) is not None:
        return known
    if isinstance(document.get("evidence"), dict):
        return PENDING
    if str(document.get("schema", "")).startswith("consent-notice/"):
        return NOTICE if "account" in str(document.get("controller")) else DRAFT
    if isinstance(document.get("crypto"), dict):
        return KEYSTORE
    return TYPED_DATA if {"primaryType", "domain", "message"} <= document.keys() else None
