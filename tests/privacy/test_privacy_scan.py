"""The scanner finds what is planted, in every spelling, and nothing else."""

from __future__ import annotations

import base64
import json
import secrets
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.ipld.cid import cid_from_digest
from registry.core.scalars import checksum
from tests.support.privacy_scan import Found, Scanner, files_below, packed

DIGEST = bytes.fromhex("c3" * 16 + "5a" * 16)
ADDRESS = checksum(bytes.fromhex("0102030405060708090a0b0c0d0e0f1011121314"))
SECRETS = {
    "digest": "0x" + DIGEST.hex(),
    "address": ADDRESS,
    "purpose": "dpv:Personalisation",
    "cid": str(cid_from_digest(DIGEST)),
    "name": "Caf' & Co",
    "shop": "Kräuterhaus Zaun",
}

PLANTED = {
    "digest in binary": (b"\0\1" + DIGEST + b"\2", "digest"),
    "digest as upper-case hex": (DIGEST.hex().upper().encode(), "digest"),
    "address in lower case": (f"from {ADDRESS.lower()} to".encode(), "address"),
    "address inside a padded word": (bytes(12) + bytes.fromhex(ADDRESS[2:]), "address"),
    "purpose in JSON": (json.dumps({"p": ["dpv:Personalisation"]}).encode(), "purpose"),
    "purpose in a URL": (b"GET /?p=dpv%3APersonalisation", "purpose"),
    "purpose in UTF-16": ("a dpv:Personalisation".encode("utf-16-le"), "purpose"),
    "cid in a log": (f"pinned {SECRETS['cid']}\n".encode(), "cid"),
    "digest in a gzip member": (b"head" + packed(b"x" + DIGEST), "digest"),
    "digest in base64url": (base64.urlsafe_b64encode(b"token:" + DIGEST + b"!"), "digest"),
    "digest in base32 after other bytes": (base64.b32encode(b"ab" + DIGEST), "digest"),
    "digest in the other order of bytes": (b"word" + DIGEST[::-1], "digest"),
    "digest as a number": (b'{"uint256":%d}' % int.from_bytes(DIGEST, "big"), "digest"),
    "hex text in base64": (base64.b64encode(b'{"a":"' + ADDRESS.lower().encode() + b'"}'), "address"),
    "purpose in calldata": (b'"input":"0x' + b"dpv:Personalisation".hex().encode() + b'"', "purpose"),
    "text in a page": (b"<b>Caf&#x27; &amp; Co</b>", "name"),
    "text with escapes": (json.dumps({"of": "Kräuterhaus Zaun"}).encode(), "shop"),
}


@pytest.mark.parametrize("name", PLANTED)
def test_it_finds_what_is_planted(name: str) -> None:
    data, secret = PLANTED[name]
    assert secret in {found.name for found in Scanner(SECRETS).scan([(name, data)])}


@given(st.binary(max_size=40), st.binary(max_size=40), st.sampled_from([base64.b64encode, base64.urlsafe_b64encode]))
def test_base64_hides_nothing_wherever_it_begins(before: bytes, after: bytes, encode: object) -> None:
    text = encode(before + DIGEST + after)  # type: ignore[operator]
    assert Scanner({"digest": DIGEST}).scan([("text", text)])


def test_it_reports_nothing_in_noise() -> None:
    assert Scanner(SECRETS).scan([("noise", secrets.token_bytes(1 << 20))]) == []


def test_it_reads_names_and_files(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / ADDRESS).write_bytes(b"")
    (tmp_path / "notes").write_bytes(DIGEST)
    found = Scanner(SECRETS).scan(files_below(tmp_path))
    assert Found("address", "text", "names of files") in found
    assert Found("digest", "bytes", "notes") in found
