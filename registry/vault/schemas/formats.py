"""The formats that schemas may name, each with a check and with words for people.

Three are ours: ``when`` (a day or a time), ``amount`` (a decimal as text) and ``currency``. The others are those of
JSON Schema that jsonschema-rs checks. Further ones are refused, because nothing would check them.
"""

from __future__ import annotations

import re

from registry.core.errors import Malformed
from registry.core.instants import microseconds

# Text, because a binary float cannot hold 0.10. Eighteen decimals are what the finest coins have.
_AMOUNT = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,18})?")
# ISO 4217, and the longer signs of coins and points.
_CURRENCY = re.compile(r"[A-Z][A-Z0-9]{2,9}")


def is_when(text: str) -> bool:
    """Whether this is a day or a time as records write them."""
    try:
        microseconds(text)
    except Malformed:
        return False
    return True


def is_amount(text: str) -> bool:
    """Whether this is a decimal as text, such as "-12.50": no exponent, no signs of thousands, no leading zeros."""
    return _AMOUNT.fullmatch(text) is not None


def is_currency(text: str) -> bool:
    """Whether this is spelled like a currency: three to ten capital letters and digits, a letter first."""
    return _CURRENCY.fullmatch(text) is not None


# The days that the calendar has: those of every year, and the 29th of February of leap years.
_LONG, _SHORT = "(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])", "(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
_EVERY_YEAR = f"(?:{_LONG}|{_SHORT}|02-(?:0[1-9]|1[0-9]|2[0-8]))"
_LEAP_YEAR = "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)"
_YEAR = "(?:[0-9]{3}[1-9]|[0-9]{2}[1-9]0|[0-9][1-9]00|[1-9]000)"
_CLOCK = "T(?:[01][0-9]|2[0-3])(?::[0-5][0-9]){2}(?:[.][0-9]{1,6})?(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"

# The same as patterns, which a validator matches without calling Python: that takes a third off a record's check.
PATTERNS = {
    "when": f"^(?:{_YEAR}-{_EVERY_YEAR}|{_LEAP_YEAR}-02-29)(?:{_CLOCK})?$",
    "amount": f"^{_AMOUNT.pattern}$",
    "currency": f"^{_CURRENCY.pattern}$",
}

OUR_FORMATS = {"when": is_when, "amount": is_amount, "currency": is_currency}

# What a value must be, after "must be".
WORDS = {
    "when": "a day (2026-01-31) or a time with its zone (2026-01-31T10:00:00+01:00)",
    "amount": 'an amount: digits, and a point before decimals, such as "1234.56"',
    "currency": "a currency in capital letters, such as EUR",
    "date": "a day, such as 2026-01-31",
    "date-time": "a time with its zone, such as 2026-01-31T10:00:00+01:00",
    "time": "a time of day with its zone, such as 10:00:00+01:00",
    "duration": "a duration, such as PT1H30M",
    "email": "an email address",
    "idn-email": "an email address",
    "hostname": "a host name",
    "idn-hostname": "a host name",
    "ipv4": "an IPv4 address",
    "ipv6": "an IPv6 address",
    "uri": "a URL with its scheme (https://..)",
    "uri-reference": "a URL, or a part of one",
    "iri": "a URL with its scheme (https://..)",
    "iri-reference": "a URL, or a part of one",
    "uuid": "a UUID",
    "json-pointer": "a JSON pointer, such as /a/0",
}
