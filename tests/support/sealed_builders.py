"""Records, bundles, heads and stores for the tests of sealed files: deterministic, or random for Hypothesis."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import zlib
from base64 import b64encode
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import strategies as st

from registry.core.age.recipients import identity_from_seed, recipient_of
from registry.core.age.stream import seal_bytes
from registry.core.ipld.cid import cid_of_block
from registry.core.ipld.unixfs import file_blocks
from registry.core.scalars import MAX_SAFE_INTEGER, to_hex
from registry.core.sealed.bundles import BundleKey, View
from registry.core.sealed.documents import public_key_of, seal_document, signed
from registry.core.sealed.frame import SMALLEST, padme
from registry.core.sealed.heads import SegmentRef, StreamHead
from registry.core.sealed.records import FileRef, Record
from registry.core.sealed.segments import make_segments

VAULT = Ed25519PrivateKey.from_private_bytes(b"\x05" * 32)
OTHER_VAULT = Ed25519PrivateKey.from_private_bytes(b"\x06" * 32)
SIGNER = public_key_of(VAULT)
HOME, STREAM = "00112233aabbccdd", "0f" * 16
PURCHASES, EMAILS = "pd:Purchase", "pd:EmailAddress"


@lru_cache
def identity(name: str) -> str:
    """The age identity of that name."""
    return identity_from_seed(hashlib.sha256(name.encode()).digest())


@lru_cache
def recipient(name: str) -> str:
    return recipient_of(identity(name))


def uuid7(number: int) -> str:
    """A UUIDv7 that is the same at every run."""
    digits = f"0190{number:08x}7{number % 4096:03x}8{number * 2654435761 % 16**15:015x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def record(number: int = 1, **changes: Any) -> Record:
    """A purchase of about 300 bytes, with some of its members replaced."""
    body = {
        "name": f"basket {number}: mushrooms, grapes",
        "orderDate": "2026-01-31",
        "orderNumber": f"A-{number:07}",
        "price": f"{number % 300}.{number % 100:02}",
        "priceCurrency": "EUR",
        "quantity": 1 + number % 5,
        "seller": "Maison Aurelle",
    }
    members: dict[str, Any] = {
        "id": uuid7(number),
        "counter": 1,
        "home": HOME,
        "category": PURCHASES,
        "schema": "purchase/1",
        "time": "2026-01-31",
        "source": "aurelle.example export",
        "body": body,
    }
    return Record(**members | changes)


def file_ref(content: bytes = b"a receipt", **changes: Any) -> FileRef:
    """A file that lies in its record."""
    members: dict[str, Any] = {
        "name": "receipt.txt",
        "media_type": "text/plain",
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "data": b64encode(content).decode(),
    }
    return FileRef(**members | changes)


def sealed_file_ref(**changes: Any) -> FileRef:
    """A file that was sealed by itself."""
    members = {"data": None, "cid": cid_of_block(b"sealed"), "identity": identity("file")}
    return file_ref(**members | changes)


def view(**changes: Any) -> View:
    return View(**{"category": PURCHASES, "members": ("name", "price")} | changes)


def bundle_key(number: int = 1, **changes: Any) -> BundleKey:
    """The key of a bundle; each number has another view."""
    members: dict[str, Any] = {
        "stream": f"{number:032x}",
        "category": PURCHASES,
        "view": view(until=f"{number:04}-01-01"),
        "identity": identity("stream"),
        "head": cid_of_block(b"head %d" % number),
    }
    return BundleKey(**members | changes)


def head(*segments: SegmentRef, **changes: Any) -> StreamHead:
    return StreamHead(**{"stream": STREAM, "number": 1, "segments": segments} | changes)


def sealed(document: Any, by: Ed25519PrivateKey = VAULT, to: str = "stream") -> bytes:
    """The document, signed and sealed."""
    return seal_document(signed(document, by), recipient(to))


def framed(data: bytes, member: bytes | None = None) -> bytes:
    """A frame of ``data`` by Python's gzip, or of any bytes in place of a gzip member."""
    inside = gzip.compress(data, mtime=0) if member is None else member
    return (len(inside).to_bytes(4) + inside).ljust(padme(max(SMALLEST, 4 + len(inside))), b"\0")


def bomb(mebibytes: int) -> bytes:
    """A frame of a few kilobytes that unpacks to zeros."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, 31)
    member = b"".join(deflate.compress(bytes(1 << 20)) for _ in range(mebibytes)) + deflate.flush()
    return framed(b"", member)


def resealed(plain: dict[str, Any], by: Ed25519PrivateKey = VAULT, to: str = "stream") -> bytes:
    """JSON of any shape, properly signed, framed and sealed, as a careless or hostile vault might send it."""
    members = {name: value for name, value in plain.items() if name != "signature"}
    members["signature"] = to_hex(by.sign(_sorted(members)))
    return seal_bytes(framed(_sorted(members)), [recipient(to)])


def _sorted(members: dict[str, Any]) -> bytes:
    return json.dumps(members, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


class Blocks(dict[str, bytes]):
    """A store in memory."""

    def put(self, data: bytes) -> str:
        """Store a file; return its CID."""
        *_, root = [self.setdefault(one.cid, one.data) and one for one in file_blocks(io.BytesIO(data))]
        return root.cid

    def put_records(self, records: Iterable[Record], to: str = "stream") -> list[SegmentRef]:
        """Store records as segments."""
        return [SegmentRef(self.put(one.sealed), one.records) for one in make_segments(records, recipient(to))]


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_leaves = (
    st.none()
    | st.booleans()
    | st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)
bodies = st.dictionaries(
    texts,
    st.recursive(
        _leaves,
        lambda values: st.lists(values, max_size=4) | st.dictionaries(texts, values, max_size=4),
        max_leaves=12,
    ),
    max_size=6,
)
_days = st.dates().map(str)
_offsets = st.just("Z") | st.builds(
    "{}{:02}:{:02}".format, st.sampled_from("+-"), st.integers(0, 23), st.integers(0, 59)
)
_clock = st.builds("{:02}:{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
_fractions = st.just("") | st.from_regex(r"\.[0-9]{1,6}", fullmatch=True)
times = _days | st.builds("{}T{}{}{}".format, _days, _clock, _fractions, _offsets)
tags = st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=64), unique=True, max_size=5)
files = st.binary(max_size=50).map(file_ref) | st.builds(sealed_file_ref)
_members = {
    "counter": st.integers(1, MAX_SAFE_INTEGER),
    "category": st.sampled_from([PURCHASES, EMAILS, "https://vocabulary.example/Walk"]),
    "schema": st.from_regex(r"[a-z0-9-]{1,40}/[1-9][0-9]{0,3}", fullmatch=True),
    "time": times,
    "source": st.none() | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200),
    "tags": tags.map(sorted).map(tuple),
    "body": bodies,
    "file": st.none() | files,
}
own_records = st.builds(Record, id=st.integers(0, 2**31).map(uuid7), home=st.just(HOME), **_members)
bundle_records = st.builds(Record, id=st.binary(min_size=16, max_size=16).map(bytes.hex), **_members)
tombstones = st.builds(
    Record, id=st.integers(0, 2**31).map(uuid7), home=st.just(HOME), counter=_members["counter"], deleted=st.just(True)
)
records = own_records | bundle_records | tombstones
