"""Fixtures: the notary's stores on SQLite and on PostgreSQL, and the PostgreSQL server of the session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.support.postgres import PostgresServer, running_postgres

if TYPE_CHECKING:
    from registry.notary.settings import NotarySettings
    from registry.notary.stores import Stores


class Place(NamedTuple):
    """Where a notary keeps its stores. ``database`` is a URL, or empty for SQLite in the folder."""

    folder: Path
    database: str

    @property
    def settings(self) -> NotarySettings:
        from registry.notary.settings import NotarySettings

        return NotarySettings(database=self.database)

    def open(self) -> Stores:
        """Open the stores, as a process of its own would."""
        from registry.notary.stores import open_stores

        return open_stores(self.folder, self.settings)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Run a PostgreSQL server for the session. A test that kills it starts it again."""
    with running_postgres() as server:
        yield server


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> Iterator[str]:
    """Yield the URL of an empty database."""
    url = postgres.new_database()
    yield url
    postgres.drop_database(url)


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: Any, tmp_path: Path) -> Place:
    """A place for stores, of each kind in turn."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else ""
    return Place(tmp_path, url)


@pytest.fixture
def stores(place: Place) -> Stores:
    """Empty stores, of each kind in turn."""
    return place.open()
