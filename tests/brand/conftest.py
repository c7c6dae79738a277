"""The brand's store on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from registry.brand.store import Store
from tests.support.brand_stores import BrandPlace
from tests.support.served_stage import ServedStage
from tests.support.stage import Stage


@pytest.fixture(params=["sqlite", "postgres"])
def brand_place(request: Any, tmp_path: Path) -> BrandPlace:
    """A place for a store, of each kind in turn."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else ""
    return BrandPlace(tmp_path, url)


@pytest.fixture
def store(brand_place: BrandPlace) -> Store:
    """An empty store, of each kind in turn."""
    return brand_place.open()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[ServedStage]:
    """A stage with two notaries."""
    with ExitStack() as stack:
        yield ServedStage.of(Stage.of(tmp_path / "parties"), stack)
