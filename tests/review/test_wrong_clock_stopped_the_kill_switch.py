"""A machine whose clock was an hour off could not use ``revoke-all`` by the relay, in either direction.

Behind, the date was refused here; ahead, the contract refused it. The kill-switch now follows the chain's clock.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from registry.client.revoke import revoke_all
from tests.support.stage import Stage

HOUR = 3600


@pytest.mark.parametrize(("own", "chain"), [(HOUR, 0), (0, HOUR)])
def test_everything_ends_whatever_the_machines_clock_says(tmp_path: Path, own: int, chain: int) -> None:
    stage = Stage.of(tmp_path)
    grants = [stage.granted().evidence for _ in range(2)]
    stage.clock.now += own
    stage.chain_clock.now += chain
    stage.ledger.mine()
    revoke_all(stage.alice)
    assert [stage.holds(each) for each in grants] == ["Revoked"] * 2


def test_on_a_chain_that_made_no_block_for_an_hour_it_ends_what_was_signed_until_now(tmp_path: Path) -> None:
    stage = Stage.of(tmp_path)
    stage.pass_time(HOUR)
    cutoff = revoke_all(stage.alice).receipt.time
    assert stage.network.date_for(stage.alice.address) == cutoff + 1 == stage.clock() + 1
