"""One page of a grant's mail: what the brand's server gives, before anything of it is believed."""

from __future__ import annotations

import base64
import binascii
from itertools import pairwise
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta, Struct

from registry.core import codec
from registry.core.errors import BrandUnavailable, Malformed
from registry.core.scalars import UInt64
from registry.core.sealed.records import Count

# Sealed messages of 4 MiB, or one, in base64, and what stands around them.
MAX_MAIL_PAGE = 8 << 20
_MOST = 1_000


class _Sealed(Struct, frozen=True):
    number: Count
    sealed: str


class _Page(Struct, frozen=True):
    messages: Annotated[tuple[_Sealed, ...], Meta(max_length=_MOST)]
    last: UInt64


class Page(NamedTuple):
    """Sealed messages by their numbers, in order, and the newest number that the brand says there is."""

    messages: tuple[tuple[int, bytes], ...]
    last: int


_decoder = msgspec.json.Decoder(_Page)


def parse_page(raw: bytes, after: int) -> Page:
    """Parse an answer to "what comes after this number"; ``BrandUnavailable`` for anything else."""
    try:
        page = codec.loads(raw, _decoder, MAX_MAIL_PAGE)
        messages = tuple((one.number, base64.b64decode(one.sealed, validate=True)) for one in page.messages)
    except (Malformed, binascii.Error, ValueError) as error:
        raise _unreadable(str(error)) from None
    numbers = [after, *(number for number, _ in messages)]
    if any(one >= other for one, other in pairwise(numbers)):
        raise _unreadable("its numbers do not rise")
    if messages and numbers[-1] > page.last:
        raise _unreadable("it holds a number above the last one")
    return Page(messages, page.last)


def _unreadable(why: str) -> BrandUnavailable:
    return BrandUnavailable(f"the brand's answer is no page of messages: {why}", "Nothing was taken. Ask the brand.")
