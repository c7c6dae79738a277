"""``demo --network devnet`` on a devnet that runs already."""

from __future__ import annotations

import pytest

from registry.cli.commands import demo
from registry.devnet.folders import Folder, Running
from registry.devnet.processes import ProcessIdentity
from registry.ledger.embedded import EmbeddedLedger
from registry.wallets.keyfiles import relay_key
from tests.support.consent_world import Consent


def test_the_devnet_that_was_found_is_named(asked: Consent, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody may have left one running long ago, in a folder they forgot (section E)."""
    folder = Folder(asked.folder / "devnet")
    folder.network.mkdir(parents=True)
    EmbeddedLedger(folder.network, relay_key)
    there = Running(ProcessIdentity("devnet", 1, ""), 0, (), True, "http://127.0.0.1:8545", "/ip4/127.0.0.1/tcp/5001")
    monkeypatch.setattr(Folder, "running", lambda _: there)
    monkeypatch.setattr(demo, "default_folder", lambda: folder)
    answer = asked("demo", "--network", "devnet", "--until", "parties", "--dir", asked.folder / "demo", "--json")
    assert answer.code == 0
    assert f"{folder.path}: Ethereum http://127.0.0.1:8545, IPFS /ip4/127.0.0.1/tcp/5001." in answer.err
