"""Whoever wrote a network's folder could raise the limit of fees to 1,000,000,000 gwei, and with a node that asks for
such a tip empty the account of whoever pays."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry.config.configuration import Configuration
from registry.config.network_file import MAX_SHARED_FEE_GWEI, read_settings
from registry.ledger.rpc import DEFAULT_MAX_FEE


@pytest.mark.parametrize("named", ["1e9", '"501"', "501"])
def test_it_can_only_lower_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    for name in ("CONSENT_HOME", "CONSENT_NETWORK", "CONSENT_MAX_FEE_GWEI"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "network").mkdir()
    file = tmp_path / "network" / "network.toml"
    session = Configuration({"network": str(file.parent), "home": str(tmp_path / "home")})
    file.write_text(f"max_fee_gwei = {named}\n")
    assert session.settings.max_fee_gwei == MAX_SHARED_FEE_GWEI == DEFAULT_MAX_FEE / 10**9
    file.write_text("max_fee_gwei = 20.5\n")
    assert read_settings(file.parent) == {"max_fee_gwei": 20.5}


def test_whoever_pays_can_raise_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONSENT_MAX_FEE_GWEI", "6000")
    session = Configuration({"network": str(tmp_path / "network"), "home": str(tmp_path / "home")})
    assert session.settings.max_fee_gwei == 6000
