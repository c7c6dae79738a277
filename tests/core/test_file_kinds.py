"""A file that was given in place of another is named, and the advice fits it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from registry.core.errors import Malformed
from registry.core.evidence.file import parse_evidence
from registry.core.file_kinds import kind_of_file
from registry.core.notices.document import parse_notice
from tests.support.builders import notice_bytes, notice_document

KEYSTORE = json.dumps({"crypto": {"kdf": "scrypt"}, "version": 3, "address": "ab"}).encode()
DRAFT: dict[str, Any] = notice_document() | {"controller": {"name": "Shop"}}
FILES: dict[str, tuple[bytes, str, str]] = {
    "a notice": (notice_bytes(), "a notice", "consent notice check"),
    "a draft": (json.dumps(DRAFT, indent=2).encode(), "a draft of a notice", "consent notice new"),
    "a table": (b"date,item,price\n2026-01-02,book,12\n", "a table of data", "consent vault add"),
    "a table with tabs": (b"date\titem\r\n2026\tbook\r\n", "a table of data", "consent vault add"),
    "a backup": (b"age-encryption.org/v1\n-> scrypt", "a sealed file", "consent restore"),
    "a backup in letters": (b"-----BEGIN AGE ENCRYPTED FILE-----\n", "a sealed file", "consent restore"),
    "a keystore": (KEYSTORE, "a keystore", "Keep it to yourself"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(20), "a picture", "evidence file"),
    "typed data": (b'{"primaryType":"Grant","domain":{},"message":{},"types":{}}', "a statement", "consent sign"),
    "nothing": (b" \n", "an empty file", "original file"),
}


@pytest.mark.parametrize(("raw", "name", "advice"), FILES.values(), ids=FILES.keys())
def test_evidence_that_is_something_else_is_named(raw: bytes, name: str, advice: str) -> None:
    """The advice was to restore the file with `consent evidence canonical`, whatever it was (section E)."""
    with pytest.raises(Malformed, match=f"this is {name}.*, not an evidence file") as caught:
        parse_evidence(raw)
    assert advice in caught.value.advice


def test_a_notice_that_is_something_else_is_named() -> None:
    """(section E)"""
    with pytest.raises(Malformed, match="this is an evidence file, not a notice") as caught:
        parse_notice(b'{"type":"ConsentEvidence","version":1}')
    assert "consent evidence show" in caught.value.advice


@pytest.mark.parametrize("parse", [parse_evidence, parse_notice])
@pytest.mark.parametrize("raw", [b"{", b"[1]", b"null", b"hello", b"\xff\xfe\x00", b"[" * 100_000, b'{"a":1,"a":2}'])
def test_what_nobody_knows_keeps_its_message(parse: Callable[[bytes], object], raw: bytes) -> None:
    assert kind_of_file(raw) is None
    with pytest.raises(Malformed) as caught:
        parse(raw)
    assert "this is" not in str(caught.value).removeprefix("this JSON is")


def test_a_damaged_file_of_the_right_kind_keeps_its_message() -> None:
    with pytest.raises(Malformed, match="maxDays"):
        parse_notice(notice_bytes(maxDays=0))
    with pytest.raises(Malformed, match="unknown field"):
        parse_evidence(b'{"surplus":1,"type":"ConsentEvidence","version":1}')
