"""Plain text by Python and our tables, against JavaScript and Node's own Unicode 17 (item 1)."""

from __future__ import annotations

import json
import os
import random
import sys
from collections.abc import Iterator
from itertools import chain
from typing import NoReturn

import pytest

from registry.core.notices.plain_text import AND, LABEL, NAME, SENTENCE, TEXT, find_fault
from registry.core.notices.unicode import caseless, nfc, nfkc
from scripts.compile_contracts import CompileError
from scripts.make_unicode import DATABASE, OUTPUT, render
from scripts.npm_archives import artifacts
from tests.support.nodejs import run_node
from tests.support.soak import SOAK

pytestmark = pytest.mark.slow

KINDS = {"name": NAME, "label": LABEL, "and": AND, "sentence": SENTENCE, "text": TEXT}
# Characters that one rule or another is about, some of several scripts.
SPECIAL = (
    "aZé1ßΣς\u0130ﬁŒ \u00a0\u202f\u2003\u3000\n\t'’\",،、()«»“„-–.&\u00ad\u034f\u0301\u0323\u0345\u200b\u200c\u200d"
    "\u2060\u3164\ufe0fمیدخِकष\u094d\u0bcd\u0e01\u0e34각ㄱ\u1100\u1161\u11a8中🦊\u0378\ue000\ufdd0\U0001d15e\U000e0100\ua7d2\u0897"
)


def agree(texts: list[tuple[str, str]]) -> None:
    theirs = json.loads(run_node("plain_text.mjs", stdin=json.dumps(texts)))
    ours = [[find_fault(text, KINDS[kind]) is None, caseless(text)] for text, kind in texts]
    assert [one for one, a, b in zip(texts, ours, theirs, strict=True) if a != b] == []
    assert {plain for plain, _ in theirs} == {True, False}


@pytest.mark.parametrize(("kind", "frame"), [("label", "a{}b"), ("text", "क्{}")])
def test_every_character(kind: str, frame: str) -> None:
    """All of them under CONSENT_SOAK=1. Else those of the first two planes and of plane 14, and samples of the rest."""
    sample = chain(range(0x20000), range(0xE0000, 0xE1000), range(0x20000, sys.maxunicode + 1, 251))
    points = range(sys.maxunicode + 1) if SOAK else sample
    agree([(frame.format(chr(point)), kind) for point in points if not 0xD800 <= point < 0xE000])


def test_random_texts() -> None:
    chance = random.Random(1)
    lengths, kinds = range(9), list(KINDS)
    agree([("".join(chance.choices(SPECIAL, k=chance.choice(lengths))), chance.choice(kinds)) for _ in range(60_000)])


def _or_skip(error: Exception) -> NoReturn:
    """Where npm does not bring the package the test is skipped; under CONSENT_REQUIRE_ALL=1 it fails."""
    if os.environ.get("CONSENT_REQUIRE_ALL") == "1":
        pytest.fail(str(error))
    pytest.skip(str(error))


def _rows() -> Iterator[dict[str, str]]:
    try:
        found = artifacts(DATABASE, {"tests": "NormalizationTest.json"})["tests"]["NormalizationTest"]
    except (RuntimeError, CompileError) as error:
        _or_skip(error)
    for row in found:
        if "NFCSequence" in row:
            yield {name: "".join(chr(int(point, 16)) for point in points) for name, points in row.items()}


def test_the_official_tests_of_normalization() -> None:
    """Unicode's own NormalizationTest: the conditions of its header on NFC and NFKC."""
    count = 0
    for row in _rows():
        forms = [row[f"{name}Sequence"] for name in ("source", "NFC", "NFD", "NFKC", "NFKD")]
        assert {nfc(one) for one in forms[:3]} == {forms[1]}, row
        assert {nfc(one) for one in forms[3:]} == {forms[3]} == {nfkc(one) for one in forms}, row
        count += 1
    assert count > 19_000


def test_the_tables_are_what_the_script_writes() -> None:
    try:
        fresh = render()
    except (RuntimeError, CompileError) as error:
        _or_skip(error)
    assert OUTPUT.read_text(encoding="utf-8") == fresh
