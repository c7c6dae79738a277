"""A vault in memory, and its store."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry.vault.database import Database
from tests.support.builders import SEED
from tests.support.fake_storage import MemoryBlocks


@pytest.fixture
def store() -> MemoryBlocks:
    return MemoryBlocks()


@pytest.fixture
def vault(tmp_path: Path, store: MemoryBlocks) -> Database:
    return Database(tmp_path / "vault", SEED, store)
