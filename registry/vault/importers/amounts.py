"""Amounts and numbers in the spelling of one country. The decimal mark is asked, because "1.234" has two readings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache

MARKS = (".", ",")
MAX_AMOUNT = 40
_CURRENCY = r"(?:[A-Z]{3}|[$€£¥₹₽₩₺₴₪฿₫]|zł|Kč|kr\.?|Fr\.?|CHF|R\$|US\$)"
_SPACE = "[ \u00a0\u202f\u2009]"
_CACHED = 65_536
_SIGN = "[-+\u2212]"  # the minus of typesetters too
_APOSTROPHE = "'\u2019"


def _pattern(mark: str) -> re.Pattern[str]:
    group = {".": f"(?:[,{_APOSTROPHE}]|{_SPACE})", ",": f"(?:[.{_APOSTROPHE}]|{_SPACE})"}[mark]
    # Groups of three digits; of two before the last in India.
    grouped = rf"[0-9]{{1,3}}(?P<gap>{group})[0-9]{{3}}(?:(?P=gap)[0-9]{{3}})*"
    whole = rf"[0-9]+|{grouped}|[0-9]{{1,2}}(?:,[0-9]{{2}})+,[0-9]{{3}}"
    number = rf"(?P<whole>{whole})?(?:{re.escape(mark)}(?P<part>[0-9]+))?"
    unit, back = rf"(?:{_CURRENCY}{_SPACE}*)?", rf"(?:{_SPACE}*{_CURRENCY})?"
    signs = rf"(?P<sign>{_SIGN})?{unit}(?P<inner>{_SIGN})?"
    return re.compile(rf"(?P<open>\()?{signs}{number}(?P<after>-)?{back}(?P<close>\))?")


_PATTERNS = {mark: _pattern(mark) for mark in MARKS}


def amount_reader(mark: str) -> Callable[[str], str]:
    """Return the function that reads "1.234,56" (mark ",") or "1,234.56" (mark ".") as the decimal string "1234.56".

    It raises ``ValueError`` for what is no such number; signs in front, behind, and brackets mean less than zero.
    """
    pattern = _PATTERNS[mark]
    cached = lru_cache(_CACHED)(lambda text: _amount(pattern, text))

    def read(text: str) -> str:
        if len(text) > MAX_AMOUNT:
            raise ValueError(f"an amount has at most {MAX_AMOUNT} characters")
        return cached(text)

    return read


def _amount(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.fullmatch(text.strip())
    if not found or not (found["whole"] or found["part"]):
        raise ValueError(f"{text!r} is not an amount in the chosen spelling")
    signs = [mark for mark in (found["sign"], found["inner"], found["after"], found["open"]) if mark]
    if len(signs) > 1 or bool(found["open"]) != bool(found["close"]):
        raise ValueError(f"{text!r} has more than one sign")
    whole = re.sub("[^0-9]", "", found["whole"] or "0").lstrip("0") or "0"
    number = f"{whole}.{found['part']}" if found["part"] else whole
    is_negative = bool(signs) and signs[0] != "+" and number.strip("0.") != ""
    return f"-{number}" if is_negative else number


def number_reader(mark: str) -> Callable[[str], int | float]:
    """Return the function that reads a measurement as a JSON number, with the errors of `amount_reader`."""
    read = amount_reader(mark)

    def number(text: str) -> int | float:
        plain = read(text)
        return float(plain) if "." in plain else safe_integer(int(plain))

    return number


def safe_integer(value: int) -> int:
    """Return an integer that every reader of JSON keeps exactly; ``ValueError`` for a larger one."""
    if abs(value) >= 2**53:
        raise ValueError("a whole number has at most 15 digits; keep a longer one as text")
    return value


def possible_marks(samples: Iterable[str]) -> list[str]:
    """Return the decimal marks with which all these texts are amounts; two where the texts do not decide."""
    texts = [text for text in samples if text.strip()]
    return [mark for mark in MARKS if reads_all(amount_reader(mark), texts)]


def reads_all(read: Callable[[str], object], texts: list[str]) -> bool:
    """Tell whether ``read`` takes each of these texts."""
    try:
        for text in texts:
            read(text)
    except ValueError:
        return False
    return True
