"""One story of handed-over data in every place: SQLite or PostgreSQL, and a file or a real Kubo node for the blocks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from registry.client.revoke import revoke
from registry.core.ipld.cid import Block, cid_from_digest, cid_of_block, sha256_of
from registry.storage.base import BlockStore
from registry.storage.kubo import KuboBlocks
from registry.storage.sqlite_store import SqliteBlocks
from tests.support.brand_data import DataApi, data_api
from tests.support.bundle_grants import purchase
from tests.support.kubo_node import running


@pytest.fixture(params=["sqlite-file", "postgres-file", pytest.param("sqlite-kubo", marks=pytest.mark.slow)])
def data(request: Any, tmp_path: Path) -> Iterator[DataApi]:
    database, blocks = request.param.split("-")
    url = request.getfixturevalue("postgres_url") if database == "postgres" else ""
    with ExitStack() as stack:
        own: BlockStore
        if blocks == "kubo":
            own = stack.enter_context(KuboBlocks(stack.enter_context(running()).address))
        else:
            own = stack.enter_context(SqliteBlocks(tmp_path / "blocks.sqlite"))
        yield stack.enter_context(data_api(tmp_path, own, database=url))


def test_blocks_come_are_read_and_go(data: DataApi) -> None:
    evidence, own = data.granted(), data.own
    foreign = Block(cid_of_block(b"foreign"), b"foreign")
    refused = data.send(evidence, [*data.blocks(evidence), foreign])
    assert (refused.status_code, refused.json()["cid"]) == (422, foreign.cid), refused.text
    assert own.stat().blocks == 0
    assert data.send(evidence).status_code == 201
    data.hands.vault.add([purchase("bread")])
    update = data.hands.update()
    assert data.update(update).status_code == 201
    assert data.send(evidence).json()["complete"] is True
    assert data.names(evidence) == ["bread", "grapes", "mushrooms"]
    every = [sha256_of(block.data) for block in data.blocks(evidence)] + [sha256_of(update)]
    assert all(own.has(cid_from_digest(digest)) for digest in every)
    revoke(data.stage.alice, evidence)
    data.follow()
    assert data.read(evidence).status_code == 410
    ends = time.monotonic() + 30
    while data.brand.store.has_data(1):
        assert time.monotonic() < ends
        time.sleep(0.05)
    assert own.stat().blocks == 0 and not any(own.has(cid_from_digest(digest)) for digest in every)
