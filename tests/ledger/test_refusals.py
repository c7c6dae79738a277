"""Every ledger refuses wrong arguments before it sends anything."""

from __future__ import annotations

import pytest

from registry.core.errors import InvalidInput
from tests.support.levers import Levers

pytestmark = pytest.mark.slow

NOBODY = "0x" + "00" * 20
ZERO = "0x" + "00" * 32


@pytest.mark.parametrize(
    ("function", "args"),
    [
        ("selfDestruct", ()),
        ("anchor", (ZERO,)),
        ("anchor", ("0x1234", ZERO)),
        ("anchor", ("12" * 32, ZERO)),
        ("revokeBatch", ([],)),
        ("revokeBatch", ([(ZERO,)],)),
        ("revokeBatch", (7,)),
        ("revokeBatch", ([(ZERO, ZERO)] * 101,)),
        ("retireFor", (ZERO, b"x")),
        ("retireFor", (NOBODY, b"")),
        ("retireFor", (NOBODY, b"x" * 8_193)),
        ("revokeAllFor", (NOBODY, -1, b"x")),
        ("revokeAllFor", (NOBODY, 2**64, b"x")),
        ("revokeAllFor", (NOBODY, "1", b"x")),
        ("revokeAllFor", (NOBODY, True, b"x")),
    ],
)
def test_what_is_no_call_is_refused_before_anything_is_sent(levers: Levers, function: str, args: tuple) -> None:
    before = levers.ledger.head().number
    with pytest.raises(InvalidInput):
        levers.ledger.transact(function, *args)
    assert levers.ledger.head().number == before


@pytest.mark.parametrize(("depth", "as_of"), [(-1, None), (10**9, None), (0, -1)])
def test_depths_and_times_that_make_no_sense_are_refused(levers: Levers, depth: int, as_of: int | None) -> None:
    with pytest.raises(InvalidInput):
        levers.ledger.facts([], depth=depth, as_of=as_of)
