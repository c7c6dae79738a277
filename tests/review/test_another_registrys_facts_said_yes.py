"""A policy that asked about one registry was judged by the facts of another: revoked there, valid here.

Facts name their chain but not their registry, so the client holds the policy to the network before it reads them.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from registry.client.revoke import revoke
from registry.client.verify import verify
from registry.core.errors import LedgerUnavailable, Revoked
from registry.core.scalars import checksum
from registry.ledger.base import Deployment
from tests.support.stage import Stage


def test_it_could_not_be_checked(tmp_path: Path) -> None:
    here, there = Stage.of(tmp_path / "here"), Stage.of(tmp_path / "there")
    done = here.granted().evidence
    there.ledger._deployment = Deployment(31_337, checksum(b"\xaa" * 20), checksum(b"\xab" * 20), 1)
    assert done.anchor
    there.ledger.transact("anchor", done.anchor.root, done.anchor.root)
    revoke(here.alice, done)
    policy = here.network.policy(controllers=None)
    with pytest.raises(Revoked):
        verify(here.network, done, policy)
    with pytest.raises(LedgerUnavailable, match="another chain or registry"):
        verify(there.network, done, policy)
