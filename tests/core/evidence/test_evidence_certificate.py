"""The certificate of erased evidence: there and back, and what it refuses."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from registry.core import codec
from registry.core.errors import Malformed
from registry.core.evidence.certificate import (
    EvidenceCertificate,
    HomeSearched,
    Removed,
    parse_evidence_certificate,
)
from registry.core.sealed.certificate import CopySearched, Searched


def certificate(**changes: Any) -> EvidenceCertificate:
    members: dict[str, Any] = {
        "day": "2026-11-29",
        "grants": 1,
        "refusals": 0,
        "removed": (Removed("evidence", 1),),
        "places": (Searched("the vault's store", 4, 4, 0, 0),),
        "home": HomeSearched(9, 30, 0, 0, 0),
        "copy": CopySearched(12, 30, 0, None),
        "remains": ("backups",),
    }
    return EvidenceCertificate(**members | changes)


def test_there_and_back() -> None:
    assert parse_evidence_certificate(codec.encode(certificate())) == certificate()


@pytest.mark.parametrize(
    "changes",
    [
        {"places": (Searched("a", 4, 3, 1, 0),)},
        {"places": (Searched("a", 4, 3, 0, 1),)},
        {"home": HomeSearched(9, 30, 1, 0, 0)},
        {"home": HomeSearched(9, 30, 0, 1, 0)},
        {"home": HomeSearched(9, 30, 0, 0, 1)},
        {"copy": CopySearched(12, 30, 1, None)},
        {"copy": CopySearched(0, 0, 0, "there is no working copy")},
    ],
)
def test_what_is_left_or_unknown_is_not_complete(changes: dict[str, Any]) -> None:
    assert certificate().is_complete and not certificate(**changes).is_complete


@pytest.mark.parametrize(
    "changes",
    [
        {"day": "2026-11-29T10:00:00Z"},
        {"day": "yesterday"},
        {"removed": [{"folder": "a", "files": 1}, {"folder": "a", "files": 2}]},
        {"places": [{"place": "a", "blocks": 2, "absent": 1, "there": 0, "unknown": 0}]},
        {"grants": -1},
        {"digest": "0x" + "ab" * 32},
        {"version": 2},
    ],
)
def test_everything_else_is_refused(changes: dict[str, Any]) -> None:
    raw = codec.encode(msgspec.to_builtins(certificate()) | changes)
    with pytest.raises(Malformed):
        parse_evidence_certificate(raw)
