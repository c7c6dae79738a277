"""docs/formats.md shows the very members that the code reads, and its limits are the code's."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
import pytest

from registry.core.evidence.certificate import EvidenceCertificate, Removed
from registry.core.sealed import capsule, certificate, heads, homes, index, records, segments
from registry.core.sealed.bundles import BundleKey, View
from registry.storage import base
from tests.support.paths import ROOT

_PAGE = (ROOT / "docs" / "formats.md").read_text()
SECTION = _PAGE[_PAGE.index("\n## The personal database") : _PAGE.index("\n## Tokens")]
PARTS: dict[str, Any] = {
    "segments": heads.SegmentRef,
    "bundles": index.Bundle,
    "accounts": index.Account,
    "schemas": index.OwnSchema,
    "spent": index.Spent,
    "restricted": index.Restricted,
    "categories": certificate.Counted,
    "kept": certificate.Kept,
    "places": certificate.Searched,
    "takenBack": certificate.TakenBack,
    "removed": Removed,
    "view": View,
}


def names(kind: Any) -> set[str]:
    return {field.encode_name for field in msgspec.structs.fields(kind)}


def example(kind: str) -> dict[str, Any]:
    """The JSON of that type on the page."""
    found = [_parsed(begin.start()) for begin in re.finditer(r'\{"', SECTION)]
    (one,) = [each for each in found if each.get("type") == kind]
    return one


def _parsed(place: int) -> dict[str, Any]:
    try:
        members: dict[str, Any] = json.JSONDecoder().raw_decode(SECTION, place)[0]
    except ValueError:  # a part of a sentence
        return {}
    return members


@pytest.mark.parametrize(
    "kind",
    [
        heads.StreamHead,
        heads.SegmentList,
        index.VaultIndex,
        index.VaultBook,
        homes.HomeName,
        capsule.Capsule,
        capsule.StreamUpdate,
        certificate.ShredCertificate,
        EvidenceCertificate,
    ],
)
def test_examples_have_all_members(kind: Any) -> None:
    shown = example(kind.__name__)
    assert set(shown) == names(kind)
    assert shown["version"] == 1
    streams = {"VaultIndex": index.OwnStream, "Capsule": BundleKey}
    for name, part in (PARTS | {"streams": streams.get(kind.__name__)}).items():
        for one in shown.get(name, []):
            optional = {"address"} if name == "accounts" else set()
            assert set(one) | optional == names(part)
            assert set(one.get("view", {})) <= names(View)


def test_every_member_of_a_record_has_a_row() -> None:
    rows = {line.split("`")[1] for line in SECTION.splitlines() if line.startswith("| `")}
    assert names(records.Record) <= rows
    assert all(f'"{name}"' in SECTION or f"`{name}`" in SECTION for name in names(records.FileRef) | names(View))


def test_limits_are_those_of_the_code() -> None:
    for limit in (segments.MAX_SEGMENT, segments.MAX_RECORDS, records.MAX_BODY, heads.MAX_LISTS):
        assert f"{limit:,}" in SECTION
    assert heads.MAX_SEALED == 64 * 1024
    assert homes.MAX_NAME == base.MAX_NAME_BYTES == 16 * 1024 and f"{base.MAX_HOMES} homes" in SECTION
    assert index.MAX_INDEX == 4 * 1024**2
    assert index.MAX_BOOK == 64 * 1024**2
    assert (capsule.MAX_SEALED, capsule.MAX_PLAIN) == (256 * 1024, 1024 * 1024)
    assert (records.MAX_LINE, records.MAX_INLINE_FILE) == (3 * 1024**2, 1024**2)
