"""``repr`` hid a stream's age identity, but rich, which prints for us, asks ``__rich_repr__``: msgspec's shows all."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.pretty import pretty_repr

from registry.core.age.recipients import generate_identity
from registry.core.capsules import Capsule, StreamKey
from registry.core.ipld.cid import cid_of_block
from registry.vault.index import Index, Stream
from tests.support.builders import CONTROLLER, SUBJECT, word

IDENTITY = generate_identity()
KEY = StreamKey("pd:Purchase", 1, IDENTITY, cid_of_block(b""))
STREAM = Stream("pd:Purchase", 1, IDENTITY, cid_of_block(b""), 1, ())


@pytest.mark.parametrize(
    "value", [KEY, STREAM, Index((STREAM,)), Capsule(SUBJECT, CONTROLLER, word(1), word(2), (KEY,))]
)
def test_no_way_of_showing_shows_it(value: object) -> None:
    shown = io.StringIO()
    Console(file=shown, width=10_000).print(value)
    for text in (shown.getvalue(), pretty_repr(value), repr(value), f"{value}"):
        assert "pd:Purchase" in text
        assert "SECRET" not in text.upper()
