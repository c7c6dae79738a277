"""Our tables and normal forms of Unicode 17 against Python's own, for the characters that both know."""

from __future__ import annotations

import sys
import unicodedata
from functools import lru_cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.notices import unicode

# Python's categories of the characters of a few blocks changed in Unicode 15 to 17; none of these is in our rules.
CATEGORIES = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp", "Zs", "Nd", "Ps", "Pe", "Pi", "Pf")
JAMO = "\u1100\u1112\u1161\u1175\u11a7\u11a8\u11c2\uac00\uac01\ud7a3"
MARKS = "\u0301\u0323\u0345\u0334\u05b0\u0f71\u0f72\u3099\u09be\u09c7\U00011127\U00011131"
BASES = "aeÅ\u1e9b\u212b\u0958ﬁㄱ한Ⅷ½\ufdfa\U0001d15e\u1100ßİΣ"


@lru_cache
def known() -> list[str]:
    """Every character that this Python knows; Unicode promises that their normal forms never change."""
    return [c for c in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(c) not in ("Cn", "Cs")]


@pytest.mark.parametrize("name", CATEGORIES)
def test_categories(name: str) -> None:
    others = ("Cn",) if name != "Cs" else ("Cn", "Co")
    for point in range(sys.maxunicode + 1):
        character = chr(point)
        if unicodedata.category(character) not in others:
            assert unicode.category(name).has(character) == (unicodedata.category(character) == name), hex(point)


def test_letters() -> None:
    assert [c for c in known() if unicode.category("L").has(c) != (unicodedata.category(c)[0] == "L")] == []


def test_what_is_not_assigned() -> None:
    assert [c for c in known() if unicode.category("Cn").has(c)] == []
    new, never = "\ua7d2", "\ufdd0\U0003ffff\u0378"
    assert not unicode.category("Cn").has(new) and all(map(unicode.category("Cn").has, never))


def test_viramas() -> None:
    assert [c for c in known() if unicode.is_virama(c) != (unicodedata.combining(c) == 9)] == []


@pytest.mark.slow
def test_normal_forms_of_every_character() -> None:
    for form, ours in (("NFC", unicode.nfc), ("NFKC", unicode.nfkc)):
        assert [c for c in known() if ours(c) != unicodedata.normalize(form, c)] == []
        assert [c for c in known() if ours(f"a{c}\u0301") != unicodedata.normalize(form, f"a{c}\u0301")] == []


@pytest.mark.slow
def test_case_folding_of_every_character() -> None:
    def caseless(text: str) -> str:
        return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())

    changed = [c for c in known() if unicode.caseless(c) != caseless(c)]
    assert [c for c in changed if c == unicode.caseless(c)] == []
    assert len(changed) < 40  # a newer Unicode gave a few letters their other case


@given(st.lists(st.sampled_from(JAMO + MARKS + BASES), max_size=12).map("".join))
def test_normal_forms_of_sequences(text: str) -> None:
    assert unicode.nfc(text) == unicodedata.normalize("NFC", text)
    assert unicode.nfkc(text) == unicodedata.normalize("NFKC", text)


@given(st.text(st.sampled_from(JAMO + MARKS + BASES), max_size=12))
def test_a_normal_form_is_its_own(text: str) -> None:
    assert unicode.nfc(unicode.nfc(text)) == unicode.nfc(text)


def test_a_long_run_of_marks_takes_no_time() -> None:
    """Marks are sorted, and not moved one by one."""
    assert unicode.nfc("x" + "\u0301\u0323" * 30_000) == "x" + "\u0323" * 30_000 + "\u0301" * 30_000
