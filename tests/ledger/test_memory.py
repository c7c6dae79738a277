"""The failure switches of the fake ledger."""

from __future__ import annotations

import pytest

from registry.core.errors import LedgerUnavailable
from registry.core.facts import FactQuery
from registry.ledger.base import Ledger
from tests.support.fake_ledger import MemoryLedger
from tests.support.levers import Clock

pytestmark = pytest.mark.slow

ROOT = "0x" + "ab" * 32
ZERO = "0x" + "00" * 32
QUESTION = FactQuery(ROOT, "0x" + "00" * 20)


def test_it_is_a_ledger() -> None:
    assert isinstance(MemoryLedger(), Ledger)


@pytest.mark.parametrize("switch", ["down", "slow", "other_chain"])
def test_a_switch_makes_everything_unavailable_until_it_is_turned_back(switch: str) -> None:
    ledger = MemoryLedger(clock=Clock())
    setattr(ledger, switch, True)
    for use in (ledger.head, lambda: ledger.facts([QUESTION]), lambda: ledger.transact("anchor", ROOT, ZERO)):
        with pytest.raises(LedgerUnavailable):
            use()
    setattr(ledger, switch, False)
    assert ledger.facts([QUESTION]).anchors[QUESTION].anchored_at == 0


def test_a_reorganisation_takes_back_what_was_in_its_blocks() -> None:
    ledger = MemoryLedger(clock=Clock())
    ledger.transact("anchor", ROOT, ZERO)
    head = ledger.head()
    ledger.reorg(1)
    assert ledger.head().number == head.number and ledger.head().hash != head.hash
    assert ledger.facts([QUESTION]).anchors[QUESTION].anchored_at == 0


def test_a_stale_node_does_not_see_the_newest_blocks() -> None:
    clock = Clock()
    ledger = MemoryLedger(clock=clock)
    clock.now += 100
    anchored = ledger.transact("anchor", ROOT, ZERO).time
    ledger.stale = 50
    facts = ledger.facts([QUESTION])
    assert facts.anchors[QUESTION].anchored_at == 0 and facts.block_time <= clock.now - 50
    clock.now += 60
    assert ledger.facts([QUESTION]).anchors[QUESTION].anchored_at == anchored
