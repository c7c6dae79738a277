"""Money: a decimal string and an ISO 4217 code, or an integer string and a CAIP-19 asset."""

from __future__ import annotations

import re

from msgspec import Struct

from registry.core.errors import Malformed

# 18 digits before the point hold every price; 78 digits hold every uint256.
_AMOUNT = re.compile(r"(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,4})?")
_UNITS = re.compile(r"0|[1-9][0-9]{0,77}")
_CODE = re.compile(r"[A-Z]{3}")
# CAIP-19: chain (CAIP-2), then namespace and reference of the asset, with the token's id where it has one.
_ASSET = re.compile(
    r"[-a-z0-9]{3,8}:[-_a-zA-Z0-9]{1,32}/[-a-z0-9]{3,8}:[-.%a-zA-Z0-9]{1,128}(?:/[-.%a-zA-Z0-9]{1,78})?"
)


class Money(Struct, frozen=True, forbid_unknown_fields=True):
    """An amount. ``price`` counts in units of the currency, or in the smallest units of the asset."""

    price: str
    currency: str

    def __post_init__(self) -> None:
        check_money(self.price, self.currency)

    def __str__(self) -> str:
        return f"{self.price} {self.currency}"


def check_money(price: str, currency: str) -> None:
    """``Malformed`` unless this is money. Whether the code is one of ISO 4217 is checked when it is signed."""
    if _CODE.fullmatch(currency):
        if _AMOUNT.fullmatch(price) is None:
            raise Malformed(f"price {price[:40]!r} is not a decimal number such as 99.90")
    elif _ASSET.fullmatch(currency) is None:
        raise Malformed(f"currency {currency[:80]!r} is neither an ISO 4217 code nor a CAIP-19 asset")
    elif _UNITS.fullmatch(price) is None:
        raise Malformed(f"price {price[:80]!r} is not a whole number of the asset's smallest units")


def is_asset(currency: str) -> bool:
    """Whether this names an asset on a chain (CAIP-19), not a currency (ISO 4217)."""
    return _ASSET.fullmatch(currency) is not None


def value_of(price: str) -> int:
    """A checked price as a whole number of ten-thousandths, so that prices compare without rounding."""
    whole, _, rest = price.partition(".")
    return int(whole) * 10_000 + int(rest.ljust(4, "0"))
