"""Sealed files are read by their CIDs, within a bound for all; a store's own refusal is no damage."""

from __future__ import annotations

import os

import pytest

from registry.core.errors import DamagedSeal, InvalidInput
from registry.core.sealed.files import Budget, read_stored
from tests.support.sealed_builders import Blocks


def test_a_store_that_cannot_be_used_is_no_damaged_file() -> None:
    """A part that is not installed was told as a damaged seal, which is an answer about the person's data."""

    def get(_: str) -> bytes:
        raise InvalidInput("the part for IPFS nodes is not installed", "Install it.")

    with pytest.raises(InvalidInput, match="not installed"):
        read_stored(Blocks().put(b"sealed"), get, 100, Budget())


def test_more_than_such_a_file_may_have_is_damage() -> None:
    blocks = Blocks()
    with pytest.raises(DamagedSeal, match="no sealed file of ours"):
        read_stored(blocks.put(os.urandom(300_000)), blocks.__getitem__, 200_000, Budget())


@pytest.mark.parametrize("count", ["fetched", "opened", "written"])
def test_each_count_has_the_limit(count: str) -> None:
    budget = Budget(100, "Allow more.")
    getattr(budget, count)(60)
    for other in {"fetched", "opened", "written"} - {count}:
        getattr(budget, other)(100)
    with pytest.raises(InvalidInput, match="more than 100 bytes") as caught:
        getattr(budget, count)(41)
    assert caught.value.advice == "Allow more."
