"""Records: one version of one fact of a person's life, as a line of JSON (docs/formats.md, "The personal database").

A version is never changed. Of two versions of one id the larger (counter, home) is the newer, a tombstone too.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import re
from datetime import datetime
from functools import lru_cache
from math import isfinite
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from registry.core import codec
from registry.core.errors import InvalidInput, Malformed
from registry.core.ipld.cid import binary_cid
from registry.core.scalars import MAX_SAFE_INTEGER, check_term
from registry.core.sealed.origin import Origin

MAX_BODY = 1 << 20
MAX_BODY_DEPTH = 32
MAX_INLINE_FILE = 1 << 20
# A body and a file, each of the largest size, with all else that a record may have.
MAX_LINE = 3 << 20
MAX_SOURCE = 200
MAX_TAGS, MAX_TAG = 32, 64

Count = Annotated[int, Meta(ge=1, le=MAX_SAFE_INTEGER)]
Size = Annotated[int, Meta(ge=0, le=MAX_SAFE_INTEGER)]

OWN_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_SIXTEEN_BYTES = re.compile(r"[0-9a-f]{32}")
_KEY = re.compile(r"[0-9a-f]{32}(?:[0-9a-f]{32})?")
_HOME = re.compile(r"[0-9a-f]{16}")
_SCHEMA = re.compile(r"[a-z0-9-]{1,40}/[1-9][0-9]{0,3}")
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9]))?"
)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[^\x00-\x1f\x7f/\\]{1,255}")
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
_IDENTITY = re.compile(r"AGE-SECRET-KEY-(?:PQ-)?1[02-9AC-HJ-NP-Z]{58}")


class FileRef(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel"):
    """A file of a record: its bytes in base64, or the CID of its sealed bytes with the identity that opens them."""

    name: str
    media_type: str
    bytes: Size
    sha256: str
    data: str | None = None
    cid: str | None = None
    identity: str | None = None

    def __post_init__(self) -> None:
        _check_pattern(self.name, _NAME, "the file's name")
        if self.name in (".", ".."):
            raise _malformed("the file's name is that of a folder")
        _check_pattern(self.media_type, _MEDIA_TYPE, "the file's media type")
        _check_pattern(self.sha256, _SHA256, "the file's SHA-256")
        _check_place(self)

    def __repr__(self) -> str:
        return f"FileRef(name={self.name!r}, bytes={self.bytes})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        # msgspec's default would show the identity.
        return [("name", self.name), ("bytes", self.bytes)]


class Record(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel"):
    """One version of a record. In a bundle it has the bundle's id for it, and neither home nor key.

    ``origin`` is there where a brand sent it; a bundle shows that to this brand alone. ``key`` recognises the same
    fact in another export; a tombstone keeps it, so that no import brings the record back. Where what was
    imported has an identity of its own, 16 bytes of that come first: another fact of it is an edit.
    """

    id: str
    counter: Count
    home: str | None = None
    category: str | None = None
    schema: str | None = None
    time: str | None = None
    source: str | None = None
    tags: tuple[str, ...] = ()
    body: dict[str, Any] | None = None
    file: FileRef | None = None
    key: str | None = None
    origin: Origin | None = None
    deleted: bool = False

    def __post_init__(self) -> None:
        if self.home is None:
            _check_pattern(self.id, _SIXTEEN_BYTES, "the id of a bundle's record")
            if self.key is not None:
                raise Malformed("a record in a bundle has no key")
        else:
            _check_pattern(self.id, OWN_ID, "the id of an own record")
            _check_pattern(self.home, _HOME, "the home")
            if self.key is not None:
                _check_pattern(self.key, _KEY, "the key")
        if self.deleted:
            _check_tombstone(self)
        else:
            _check_content(self)

    @property
    def version(self) -> tuple[int, str]:
        """What orders the versions of one id."""
        return self.counter, self.home or ""


class _RawBody(Struct):
    body: msgspec.Raw


_PLAIN, _TEXT = {str, int, float, bool, type(None)}, {str}
_decoder = msgspec.json.Decoder(Record)
_raw_bodies = msgspec.json.Decoder(_RawBody)


def write_record(record: Record) -> bytes:
    """Encode a version as a line without its line feed; ``Malformed`` if its body holds more than JSON can."""
    if record.body is not None:
        check_body(record.body)
    try:
        line = codec.encode(record)
    except (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise _malformed(f"the record cannot be written as JSON: {str(error)[:200]}") from None
    if len(line) > MAX_BODY:
        _parse(line)  # which looks at its size
    return line


def parse_record(line: bytes) -> Record:
    """Parse a line without its line feed. Members may have any order; ``Malformed`` says what else is wrong."""
    record = _parse(line)
    written = codec.encode(record)
    if written != line:
        _check_same(line, written)
    return record


def _parse(line: bytes) -> Record:
    record = codec.loads(line, _decoder, MAX_LINE)
    if record.body is not None:
        check_body(record.body)
        if len(line) > MAX_BODY and len(_raw_bodies.decode(line).body) > MAX_BODY:
            raise _malformed(f"the body is longer than {MAX_BODY:,} bytes")
    return record


def id_in_bundle(secret: bytes, record_id: str) -> str:
    """The id that a bundle gives to a record: two bundles of one record cannot be compared by it."""
    return hmac.digest(secret, id_bytes(record_id), hashlib.sha256)[:16].hex()


def id_bytes(record_id: str) -> bytes:
    """The 16 bytes of an own record's id, or of a bundle's."""
    return bytes.fromhex(record_id.replace("-", ""))


def file_data(file: FileRef) -> bytes:
    """The bytes of a file that lies in its record, already checked."""
    return binascii.a2b_base64(file.data or "")


@lru_cache(maxsize=4096)  # a bundle's copy of a record has the same time
def check_time(value: str) -> str:
    """Return a full-date, or a date-time with an offset (RFC 3339), if it is one; otherwise ``Malformed``."""
    try:
        if _TIME.fullmatch(value):
            datetime.fromisoformat(value)
            return value
    except ValueError:
        pass
    raise _malformed(f"{value[:40]!r} is neither a date nor a time with an offset (RFC 3339)")


def check_cid(value: str) -> str:
    """Return the CID if it is one of ours; otherwise ``Malformed``."""
    try:
        binary_cid(value)
    except InvalidInput as error:
        raise _malformed(str(error)) from None
    return value


def check_body(value: Any, depth: int = 1) -> None:
    """Check that JSON can hold a value of a body, within our bounds; ``depth`` is its own.

    An encoder would write what JSON has no form for as something else: NaN as null, a date as text.
    """
    kind = type(value)
    if kind is dict or kind is list:
        if depth > MAX_BODY_DEPTH:
            raise _malformed(f"the body is nested more than {MAX_BODY_DEPTH} deep")
        # As sets, in C: a loop makes the reading of a bundle slower by 3%.
        if kind is dict and not set(map(type, value)) <= _TEXT:
            raise _malformed("the body has a member whose name is no text")
        for one in value.values() if kind is dict else value:
            if type(one) is not str:
                check_body(one, depth + 1)
    elif kind is int and not -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER:
        raise _malformed("the body holds an integer outside ±(2^53-1); write it as a text")
    elif kind not in _PLAIN or (kind is float and not isfinite(value)):
        raise _malformed("the body holds what JSON cannot, such as NaN, dates or tuples")


def check_identity(value: str) -> str:
    """Return the text if it has the shape of an age identity; otherwise ``Malformed``. Messages never show it."""
    if not _IDENTITY.fullmatch(value):
        raise _malformed("the identity is not one of age")
    return value


def check_home(value: str) -> str:
    """Return the name of a home if it is 8 bytes in hex; otherwise ``Malformed``."""
    return _check_pattern(value, _HOME, "the home")


def check_schema(value: str) -> str:
    """Return the name and version of a schema (``purchase/1``) if it is one; otherwise ``Malformed``."""
    return _check_pattern(value, _SCHEMA, "the schema")


def _malformed(message: str) -> Malformed:
    return Malformed(message, "Correct the record; if it came from other software, ask its author for a new one.")


def _check_pattern(value: str, pattern: re.Pattern[str], what: str) -> str:
    if pattern.fullmatch(value) is None:
        raise _malformed(f"{what} is malformed: {value[:80]!r}")
    return value


def _check_tombstone(record: Record) -> None:
    left = (record.category, record.schema, record.time, record.source, record.body, record.file, record.origin)
    if record.tags or any(member is not None for member in left):
        raise _malformed("a tombstone has id, counter, home and key alone")


def _check_content(record: Record) -> None:
    if record.category is None or record.schema is None or record.time is None:
        raise _malformed("a record has a category, a schema and a time")
    _check_labels(record.category, record.schema, record.source, record.tags)
    check_time(record.time)
    if record.body is None and record.file is None:
        raise _malformed("a record has a body, a file, or both")


@lru_cache(maxsize=1024)  # these repeat from record to record: a bundle is made 3% faster
def _check_labels(category: str, schema: str, source: str | None, tags: tuple[str, ...]) -> None:
    check_term(category, "category")
    _check_pattern(schema, _SCHEMA, "the schema")
    if source is not None and not 0 < len(source) <= MAX_SOURCE:
        raise _malformed(f"a source has 1 to {MAX_SOURCE} characters")
    if len(tags) > MAX_TAGS or not all(0 < len(tag) <= MAX_TAG for tag in tags):
        raise _malformed(f"a record has at most {MAX_TAGS} tags of 1 to {MAX_TAG} characters")
    if list(tags) != sorted(set(tags)):
        raise _malformed("tags must be sorted by their UTF-8 bytes, with no repeats")


def _check_same(line: bytes, written: bytes) -> None:
    """Require that a line differs from our own writing in spelling only: no member twice, none of null or empty."""
    # Slow, but only for lines of other software that spells something else than we do.
    if codec.canonical(line, MAX_LINE) != codec.canonical(written, MAX_LINE):
        raise _malformed("the record holds a member that must be absent, or a number that is none")


def _check_place(file: FileRef) -> None:
    if file.data is not None:
        _check_data(file, file.data)
    elif file.cid is None or file.identity is None:
        raise _malformed("a file has its data, or a CID with an identity")
    else:
        check_cid(file.cid)
        check_identity(file.identity)


def _check_data(file: FileRef, text: str) -> None:
    if file.cid is not None or file.identity is not None:
        raise _malformed("a file has its data or a CID, not both")
    try:
        data = binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        raise _malformed("the file's data is not base64") from None
    if binascii.b2a_base64(data, newline=False).decode() != text:
        raise _malformed("the file's data is not base64 in its one spelling")
    if len(data) != file.bytes or len(data) > MAX_INLINE_FILE or hashlib.sha256(data).hexdigest() != file.sha256:
        raise _malformed("the file's data is not what its size and SHA-256 say")
