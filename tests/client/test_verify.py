"""Verifying through the client: which chain and registry may answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry.client.revoke import revoke
from registry.client.verify import verify
from registry.core.errors import LedgerUnavailable, Revoked
from registry.core.scalars import checksum
from registry.ledger.base import Deployment
from tests.support.stage import Stage


def test_another_registry_cannot_answer(tmp_path: Path) -> None:
    """A grant revoked in one registry was once judged valid by the facts of another.

    Facts name their chain but not their registry, so the client compares policy and network before it reads them.
    """
    here, there = Stage.of(tmp_path / "here"), Stage.of(tmp_path / "there")
    done = here.granted().evidence
    there.ledger.deployment = Deployment(31_337, checksum(b"\xaa" * 20), checksum(b"\xab" * 20), 1)
    assert done.anchor
    there.ledger.transact("anchor", done.anchor.root, done.anchor.root)
    revoke(here.alice, done)
    policy = here.network.policy(controllers=None)
    with pytest.raises(Revoked):
        verify(here.network, done, policy)
    with pytest.raises(LedgerUnavailable, match="another chain or registry"):
        verify(there.network, done, policy)
