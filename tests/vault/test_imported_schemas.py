"""An export brings the person's own schemas along: known ones stay, and another one of a known name refuses it all."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from registry.core.errors import InvalidInput
from registry.storage.sqlite_store import SqliteBlocks
from registry.vault.database import Database
from registry.vault.draft import Draft
from registry.vault.importers.base import GivenSchema
from registry.vault.importers.export_zip import ExportImporter
from registry.vault.importers.report import State
from tests.support.builders import SEED


def schema(name: str, **more: Any) -> bytes:
    properties = {"day": {"type": "string", "format": "when"}, "metres": {"type": "integer"}, **more}
    vault = {"name": name, "category": "pd:Health", "time": ["day"]}
    return json.dumps({"type": "object", "x-vault": vault, "properties": properties, "required": ["day"]}).encode()


@pytest.fixture
def vaults(tmp_path: Path) -> Iterator[list[Database]]:
    """Two vaults of two people."""
    stores = [SqliteBlocks(tmp_path / f"{name}.db") for name in "ab"]
    seeds = (SEED, os.urandom(32))
    made = [Database(tmp_path / f"vault-{at}", seeds[at], store) for at, store in enumerate(stores)]
    yield made
    for each in (*made, *stores):
        each.close()


def exported(vault: Database, folder: Path) -> io.BytesIO:
    sink = io.BytesIO()
    vault.export(sink, folder)
    sink.seek(0)
    return sink


def test_own_schemas_come_back(vaults: list[Database], tmp_path: Path) -> None:
    one, other = vaults
    for number in range(1, 12):
        one.add_schema(schema(f"running/{number}"))
    one.add([Draft("pd:Health", "running/11", body={"day": "2026-03-01", "metres": 5000})])
    zipped = exported(one, tmp_path)
    assert other.preview(ExportImporter().items(zipped)).states == {State.NEW: 1}
    assert "running/1" not in other.schemas.names()
    assert other.take(ExportImporter().items(zipped)).states == {State.NEW: 1}
    assert [each.document for each in other.schemas.own()] == [each.document for each in one.schemas.own()]
    assert other.query("SELECT metres FROM running").rows == [(5000,)]
    # Again, and behind a change of the book by somebody else: what is known stays.
    assert other.take(ExportImporter().items(zipped)).states == {State.KNOWN: 1}
    other.close()
    assert len(other.schemas.own()) == 11


def test_schemas_come_back_without_records(vaults: list[Database], tmp_path: Path) -> None:
    one, other = vaults
    one.add_schema(schema("running/1"))
    other.take(ExportImporter().items(exported(one, tmp_path)))
    assert "running/1" in other.schemas.names()


def test_another_schema_of_the_same_name_refuses_the_import(vaults: list[Database], tmp_path: Path) -> None:
    one, other = vaults
    for name in ("cycling/1", "running/1"):
        one.add_schema(schema(name))
    one.add([Draft("pd:Health", "running/1", body={"day": "2026-03-01"})])
    other.add_schema(schema("running/1", heart={"type": "integer"}))
    zipped = exported(one, tmp_path)
    for call in (other.preview, other.take):
        with pytest.raises(InvalidInput, match="another schema running/1") as raised:
            call(ExportImporter().items(zipped))
        assert "another vault" in raised.value.advice
    assert other.stats().records == 0
    assert "cycling/1" not in other.schemas.names()


def test_a_schema_that_could_harm_refuses_the_import(vaults: list[Database], tmp_path: Path) -> None:
    bad = schema("running/1", shoe={"type": "string", "pattern": "(?=a)"})
    with pytest.raises(InvalidInput, match="pattern"):
        vaults[0].take([GivenSchema(bad)])
    assert vaults[0].stats().versions == 0 and "running/1" not in vaults[0].schemas.names()


def test_the_largest_schema_is_read_again(vaults: list[Database], tmp_path: Path) -> None:
    """Written with escapes or spaces it was too long for the book, which then could not be read any more."""
    text = json.loads(schema("running/1"))
    text["description"] = "走" * 20_400
    for at in range(400):
        text["properties"][f"m{at}"] = {}
    raw = json.dumps(text, ensure_ascii=False, separators=(",", ":")).encode()
    assert 63_000 < len(raw) <= 65_536
    vaults[0].add_schema(raw)
    vaults[0].close()
    with Database(tmp_path / "vault-0", SEED, vaults[0]._folder._store) as again:
        assert again.schemas.get("running/1").document == text
    vaults[1].take(ExportImporter().items(exported(vaults[0], tmp_path)))
    assert vaults[1].schemas.get("running/1").document == text


def test_a_schema_that_grows_when_it_is_written_is_refused(vaults: list[Database]) -> None:
    numbers = ",".join(["1E15"] * 12_000)
    raw = schema("running/1", kind={"enum": []}).replace(b'"enum": []', f'"enum": [{numbers}]'.encode())
    with pytest.raises(InvalidInput, match="written out"):
        vaults[0].add_schema(raw)
    assert "running/1" not in vaults[0].schemas.names()
