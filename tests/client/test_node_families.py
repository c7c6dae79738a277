"""A grant, its check, the list of what is kept and its end, on nodes of every family that we know something odd of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from registry.client.network import Network, system_clock
from registry.client.revoke import revoke
from registry.client.verify import verify_many
from registry.core.verify.judge import VerifiedStatement
from registry.ledger.base import Deployment
from registry.ledger.rpc import RpcLedger
from registry.wallets.keywallet import KeyWallet
from tests.support.fake_storage import MemoryBlocks
from tests.support.levers import ANVIL_KEY
from tests.support.node_families import FAMILIES, Family, Playing
from tests.support.stage import Stage

pytestmark = pytest.mark.slow


@pytest.fixture(params=FAMILIES, ids=lambda family: family.name)
def playing(request: pytest.FixtureRequest, anvil: tuple[str, Deployment]) -> Iterator[Playing]:
    family: Family = request.param
    played = Playing(family, anvil[0])
    yield played
    played.node.close()


def stage_on(folder: Path, ledger: RpcLedger) -> Stage:
    network = Network(ledger, MemoryBlocks())
    alice, brand = Stage._person(folder, network, "alice"), Stage._brand(folder, network, "brand")
    parts: Any = (system_clock, system_clock, ledger, network.store, network, alice, brand)
    return Stage(folder, *parts)


def test_the_whole_story(tmp_path: Path, anvil: tuple[str, Deployment], playing: Playing) -> None:
    """(item 21)"""
    relay = KeyWallet(ANVIL_KEY)
    ledger = RpcLedger(playing.url, anvil[1], relay=relay, receipt_seconds=20, timeout=10)
    stage = stage_on(tmp_path, ledger)
    done = stage.granted()
    assert done.receipt is not None
    # The real chain knows the transaction by the hash that the person is told.
    assert playing._ask("eth_getTransactionReceipt", done.receipt.transaction)["status"] == "0x1"
    assert stage.holds(done.evidence) == "VerifiedGrant"
    kept = list(stage.alice.evidence.all())
    assert kept and all(isinstance(answer, VerifiedStatement) for answer in verify_many(stage.network, kept))
    assert revoke(stage.alice, done.evidence) is not None
    assert stage.holds(done.evidence) == "Revoked"
    # What the family says is the same as what the chain says.
    assert Stage.holds(stage_on(tmp_path / "other", RpcLedger(*anvil)), done.evidence) == "Revoked"
