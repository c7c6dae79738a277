"""Who said no to ``revoke-all`` was asked a second time, on a chain that had long made no block.

What the contract refuses is tried again with an earlier time; the wallet's own trouble was taken for that.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from registry.client.revoke import revoke_all
from registry.core.errors import InvalidInput
from tests.support.stage import Stage


class Locked:
    """A wallet that cannot be used as it is, and counts how often it was asked."""

    def __init__(self, address: str) -> None:
        self.address, self.asked = address, 0

    def sign_typed_data(self, _typed_data: dict[str, Any]) -> bytes:
        self.asked += 1
        raise InvalidInput("the wallet is locked", "Open it.")


def test_it_is_asked_once(tmp_path: Path) -> None:
    stage = Stage.of(tmp_path)
    stage.pass_time(3_600)
    wallet = Locked(stage.alice.address)
    with pytest.raises(InvalidInput, match="locked"):
        revoke_all(replace(stage.alice, wallet=wallet))
    assert wallet.asked == 1
