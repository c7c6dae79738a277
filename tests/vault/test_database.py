"""The database of a person: what it keeps, finds, changes and restores, on an embedded store."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from registry.core.errors import InvalidInput, StorageUnavailable
from registry.storage.sqlite_store import SqliteBlocks
from registry.vault.database import Database
from registry.vault.draft import Draft, FileSource
from registry.vault.large_files import open_file
from tests.support.builders import SEED

Opened = Callable[..., Database]


def purchase(name: str, price: str = "12.50", day: str = "2026-01-31", **more: object) -> Draft:
    body = {"name": name, "price": price, "priceCurrency": "EUR", "orderDate": day, "seller": "Maison Aurelle"}
    return Draft("pd:Purchase", "purchase/1", body=body, **more)  # type: ignore[arg-type]


def place(name: str) -> Draft:
    return Draft("pd:Location", "place-visited/1", body={"name": name, "arrivalTime": "2026-02-01T10:00:00+01:00"})


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    made: list[Database] = []
    store = SqliteBlocks(tmp_path / "blocks.db")

    def open_(folder: str = "vault", seed: bytes = SEED) -> Database:
        made.append(Database(tmp_path / folder, seed, store))
        return made[-1]

    open_.store = store  # type: ignore[attr-defined]
    yield open_
    for one in made:
        one.close()
    store.close()


@pytest.fixture
def vault(opened: Opened) -> Database:
    return opened()


def names(vault: Database, query: str) -> list[str]:
    return [str((record.body or {})["name"]) for record in vault.search(query).records]


def test_an_empty_vault_answers_and_makes_nothing(vault: Database, tmp_path: Path) -> None:
    assert vault.search("coat").records == () and list(vault.select("coat")) == [] and vault.stats().records == 0
    with pytest.raises(InvalidInput, match="there is no record"):
        vault.get("01900000-0000-7000-8000-000000000001")
    assert not (tmp_path / "vault").exists()


def test_what_was_added_is_found(vault: Database) -> None:
    first, second = vault.add([purchase("wool coat"), place("Müllers Café")])
    assert names(vault, "coat") == ["wool coat"] and names(vault, "muller*") == ["Müllers Café"]
    assert names(vault, "amount:12..13 EUR") == ["wool coat"] and names(vault, "category:pd:Location") == [
        "Müllers Café"
    ]
    assert vault.get(first).time == "2026-01-31" and vault.get(second).time == "2026-02-01T10:00:00+01:00"
    assert vault.stats().by_category == {"pd:Purchase": 1, "pd:Location": 1}
    assert vault.query("SELECT name, price FROM purchase").rows == [("wool coat", "12.50")]


def test_one_bad_draft_keeps_all_out(vault: Database, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"body\.price"):
        vault.add([purchase("coat"), purchase("hat", price="1.234,56")])
    assert vault.stats().records == 0 and not (tmp_path / "vault").exists()


def test_an_edit_is_a_version_more(vault: Database) -> None:
    (name,) = vault.add([purchase("coat", tags=("gift",))])
    vault.edit(name, body={"name": "blue coat", "orderDate": "2026-01-31"})
    assert names(vault, "blue") == ["blue coat"] and vault.get(name).tags == ("gift",)
    assert [one.counter for one in vault.history(name)] == [1, 2]
    with pytest.raises(InvalidInput, match=r"body\.name"):
        vault.edit(name, body={"name": ""})
    assert len(vault.history(name)) == 2
    assert vault.restore(name, 1).counter == 3 and names(vault, "coat") == ["coat"]
    with pytest.raises(InvalidInput, match="has no version 9"):
        vault.restore(name, 9)


def test_a_deleted_record_is_found_no_more_and_can_come_back(vault: Database) -> None:
    name, other = vault.add([purchase("coat"), purchase("hat")])
    vault.remove([name])
    assert names(vault, "coat") == [] and vault.stats().records == 1
    for act in (lambda: vault.get(name), lambda: vault.edit(name, tags=("x",)), lambda: vault.remove([name])):
        with pytest.raises(InvalidInput, match="was deleted"):
            act()
    vault.restore(name, 1)
    assert names(vault, "coat") == ["coat"] and vault.get(other).counter == 1


@pytest.mark.parametrize("lost", [["copy.db"], ["copy.db", "copy.db-wal", "copy.db-shm", "home", "lock"]])
def test_the_working_copy_can_be_lost(opened: Opened, tmp_path: Path, lost: list[str]) -> None:
    vault = opened()
    names_ = vault.add([purchase(f"thing {number}") for number in range(20)])
    vault.remove(names_[:3])
    vault.close()
    for file in lost:
        (tmp_path / "vault" / file).unlink(missing_ok=True)
    again = opened()
    assert again.stats().records == 17 and names(again, '"thing 19"') == ["thing 19"]


def test_a_damaged_or_foreign_copy_is_made_again(opened: Opened, tmp_path: Path) -> None:
    opened().add([purchase("coat")])
    opened("other", os.urandom(32)).add([purchase("secret")])
    for vault in (opened(), opened("other")):
        vault.close()
    file = tmp_path / "vault" / "copy.db"
    for content in (os.urandom(100_000), (tmp_path / "other" / "copy.db").read_bytes()):
        for name in ("copy.db-wal", "copy.db-shm"):
            (tmp_path / "vault" / name).unlink(missing_ok=True)
        file.write_bytes(content)
        vault = opened()
        assert names(vault, "coat") == ["coat"] and names(vault, "secret") == []
        vault.close()


def test_the_seed_and_one_cid_bring_everything_back(opened: Opened, tmp_path: Path) -> None:
    vault = opened()
    vault.add_schema(
        b'{"type":"object","x-vault":{"name":"running/1","category":"pd:Health","time":["day"]},'
        b'"properties":{"day":{"type":"string","format":"when"},"metres":{"type":"integer"}},'
        b'"required":["day"]}'
    )
    vault.add([purchase("coat"), Draft("pd:Health", "running/1", body={"day": "2026-03-01", "metres": 5000})])
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "index").write_bytes((tmp_path / "vault" / "index").read_bytes())
    again = opened("elsewhere")
    assert names(again, "coat") == ["coat"] and "running/1" in again.schemas.names()
    assert again.query("SELECT metres FROM running").rows == [(5000,)]


def test_records_that_are_added_one_by_one_are_all_found(vault: Database) -> None:
    """Every eighth one merges small segments: the merged one holds what is new, too."""
    for number in range(70):
        vault.add([purchase(f"thing {number}")])
        assert vault.stats().records == number + 1


def test_two_processes_see_each_others_changes(opened: Opened) -> None:
    one, other = opened(), opened()
    (name,) = one.add([purchase("coat")])
    other.add([purchase("hat")])
    assert sorted(names(one, "aurelle")) == ["coat", "hat"] == sorted(names(other, "aurelle"))
    other.edit(name, tags=("gift",))
    assert one.get(name).tags == ("gift",)


def test_a_large_file_is_sealed_apart(opened: Opened) -> None:
    body = os.urandom(3_000_000)
    source = FileSource(
        "scan.pdf", "application/pdf", len(body), hashlib.sha256(body).hexdigest(), lambda: io.BytesIO(body)
    )
    vault = opened()
    (name,) = vault.add([Draft("pd:PersonalDocuments", "file/1", "2026-01-31", file=source)])
    file, sink = vault.get(name).file, io.BytesIO()
    assert file is not None
    open_file(file, opened.store.get, sink)  # type: ignore[attr-defined]
    assert sink.getvalue() == body


def test_a_store_that_is_away_changes_nothing(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    vault = opened()
    vault.add([purchase("coat")])

    def away(*_: object, **__: object) -> None:
        raise StorageUnavailable("away")

    monkeypatch.setattr(opened.store, "put", away)  # type: ignore[attr-defined]
    with pytest.raises(StorageUnavailable):
        vault.add([purchase("hat")])
    monkeypatch.undo()
    assert vault.stats().records == 1 and names(vault, "hat") == []
    vault.add([purchase("hat")])
    assert vault.stats().records == 2


def test_a_schema_that_another_process_added_is_seen_at_once(opened: Opened) -> None:
    one, other = opened(), opened()
    assert "running/1" not in other.schemas.names()
    document = {"type": "object", "x-vault": {"name": "running/1", "category": "pd:Health", "undated": True}}
    one.add_schema(json.dumps(document).encode())
    assert "running/1" in other.schemas.names()
    other.add([Draft("pd:Health", "running/1", body={"metres": 5000})])
    one.add_schema(json.dumps(document | {"title": "again"}).encode(), "running/2")
    assert other.preview([Draft("pd:Health", "running/2", body={"metres": 1})]).refused == 0
