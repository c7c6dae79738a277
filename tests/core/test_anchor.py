"""The anchor of an evidence file: read once, strictly."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from registry.core.anchor import Anchor
from registry.core.errors import Malformed
from registry.core.merkle import MAX_PROOF
from registry.core.scalars import to_hex

ROOT, STEP, TX = (to_hex(bytes([n]) * 32) for n in (1, 2, 3))


def parsed(**changes: Any) -> Anchor:
    document = {"root": ROOT, "proof": [STEP], "transaction": TX, "block": 7} | changes
    return msgspec.json.decode(json.dumps(document), type=Anchor)


def test_its_words_are_the_transaction_the_root_and_the_proof() -> None:
    anchor = parsed()
    assert anchor == Anchor(ROOT, (STEP,), TX, 7)
    assert anchor.words == (b"\x03" * 32, b"\x01" * 32, b"\x02" * 32)
    assert parsed(proof=[]).words == anchor.words[:2]


@pytest.mark.parametrize(
    "wrong",
    [
        {"root": ROOT[:-2]},
        {"proof": [STEP.replace("02", "0G")]},
        {"transaction": TX.upper()},
        {"block": -1},
        {"block": 2**53},
        {"proof": [STEP] * (MAX_PROOF + 1)},
        {"more": 1},
    ],
    ids=str,
)
def test_anything_else_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises((Malformed, msgspec.ValidationError)):
        parsed(**wrong)
