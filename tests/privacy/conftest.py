"""The story, told once for the tests of a file, and the secrets of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.privacy.known import Secret, hashes_of, known
from tests.privacy.places import PLACES, Bytes
from tests.privacy.story import Story, told_story
from tests.support.postgres import PostgresServer
from tests.support.tools import tool


class Recorded(NamedTuple):
    """A story with its secrets, the unsalted hashes of those, and what each place held when the story was over."""

    story: Story
    secrets: dict[str, Secret]
    hashes: dict[str, Secret]
    held: dict[str, Bytes]

    def values(self, kind: str) -> list[str]:
        """Return the values of the secrets of a kind that are texts."""
        return sorted({str(each.value) for each in self.secrets.values() if each.kind == kind})


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer) -> Iterator[Recorded]:
    """Tell the story; the tests of a module may go on with it, each with a part of its own."""
    for name in ("anvil", "kubo"):
        tool(name)
    with told_story(tmp_path_factory.mktemp("story"), postgres) as story:
        held = {place.name: list(place.read(story)) for place in PLACES}
        secrets = known(story)
        yield Recorded(story, secrets, hashes_of(secrets), held)
