"""Working copies for tests: a plain rule for facts, records with few words, and the bytes of decrypted pages."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from registry.core.sealed.records import Record
from registry.vault.schemas.schema import Facts

KEY = bytes(range(32))
HOME, OTHER_HOME = "00" * 8, "ff" * 8
PAGE, RESERVED, SALT, IV = 4096, 80, 16, 16
LOG_HEADER, FRAME_HEADER = 32, 24
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NOT_WORDS = {"price", "priceCurrency"}


def facts_of(record: Record) -> Facts:
    """A rule of facts: all texts are words, ``price`` is the amount."""
    time = record.time if "T" in record.time else f"{record.time}T00:00:00+00:00"
    since, body = datetime.fromisoformat(time) - _EPOCH, record.body or {}
    words = [value for name, value in body.items() if isinstance(value, str) and name not in _NOT_WORDS]
    price = body.get("price")
    at = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    return Facts(at, Decimal(price) if price else None, body.get("priceCurrency", ""), " ".join(words))


def record_id(number: int) -> str:
    """A UUIDv7 that says its number."""
    return str(UUID(int=number << 80 | 7 << 76 | 2 << 62 | number))


def record(number: int, text: str = "", **members: Any) -> Record:
    """A record with this text; other members of `Record` as named."""
    usual = {"counter": 1, "home": HOME, "category": "pd:Purchase", "schema": "purchase/1", "time": "2026-01-31"}
    body = {"name": text, **members.pop("body", {})}
    return Record(**{"id": record_id(number), **usual, **members, "body": body})


def tombstone(number: int, counter: int = 2, home: str = HOME) -> Record:
    """The version that deletes a record."""
    return Record(record_id(number), counter, home, deleted=True)


def decrypted_pages(path: Path, key: bytes = KEY) -> bytes:
    """The plaintext of all pages of a file, and of its log, as SQLCipher 4 encrypts them."""
    raw, log = path.read_bytes(), path.with_name(f"{path.name}-wal")
    pages = [(at // PAGE + 1, raw[at : at + PAGE]) for at in range(0, len(raw), PAGE)]
    frames = log.read_bytes()[LOG_HEADER:] if log.exists() else b""
    for at in range(0, len(frames), FRAME_HEADER + PAGE):
        number = int.from_bytes(frames[at : at + 4])
        pages.append((number, frames[at + FRAME_HEADER : at + FRAME_HEADER + PAGE]))
    return b"".join(_decrypted(number, page, key) for number, page in pages)


def _decrypted(number: int, page: bytes, key: bytes) -> bytes:
    assert len(page) == PAGE
    iv = page[PAGE - RESERVED : PAGE - RESERVED + IV]
    body = page[SALT if number == 1 else 0 : PAGE - RESERVED]
    return Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor().update(body)
