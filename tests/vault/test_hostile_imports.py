"""Files that are cut, damaged, odd or made to harm, taken into a real vault: nothing is half imported."""

from __future__ import annotations

import gzip
import io
import json
import random
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.core.errors import InvalidInput
from registry.storage.sqlite_store import SqliteBlocks
from registry.vault.copy.query import Query
from registry.vault.database import Database
from registry.vault.importers.base import Defaults, Item
from registry.vault.importers.columns import Column, ColumnMap
from registry.vault.importers.csv_lines import CsvImporter
from registry.vault.importers.csv_look import look_at_csv
from registry.vault.importers.export_zip import ExportImporter
from registry.vault.importers.json_files import JsonImporter
from registry.vault.importers.kinds import kind_of
from registry.vault.importers.report import Report, State
from tests.support.builders import SEED
from tests.support.importing import PURCHASES
from tests.support.soak import examples

HEADER = "date,article,total,currency,quantity\n"
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "windows-1252")
GOOD = HEADER + "".join(
    f'2026-01-{day:02d},"Käse {day}, ""rund""\nund mild",{day}.50,EUR,{day}\n' for day in range(1, 9)
)


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Database]:
    with SqliteBlocks(tmp_path / "blocks.db") as store, Database(tmp_path / "vault", SEED, store) as made:
        yield made


def take(vault: Database, raw: bytes, encoding: str = "utf-8") -> Report:
    columns = msgspec.structs.replace(PURCHASES, encoding=encoding)
    return vault.take(CsvImporter(columns, "pd:Purchase").items(io.BytesIO(raw)))


def bodies(vault: Database) -> list[str]:
    return sorted(str(one.body) for one in vault.select(""))


def check(vault: Database, report: Report) -> None:
    """What the report says came in is there, in the copy and in the segments."""
    assert vault.stats().records == report.states[State.NEW]
    if copy := vault._folder.copy():
        copy.check()
        assert len(list(copy.select(Query()))) == report.states[State.NEW]


@settings(max_examples=examples(30, 300))
@given(encoding=st.sampled_from(ENCODINGS), end=st.integers(0, 1000))
def test_a_file_cut_at_any_byte(tmp_path_factory: pytest.TempPathFactory, encoding: str, end: int) -> None:
    raw, folder = GOOD.encode(encoding), tmp_path_factory.mktemp("cut")
    with SqliteBlocks(folder / "blocks.db") as store, Database(folder / "vault", SEED, store) as vault:
        check(vault, report := take(vault, raw[:end], encoding))
        before = bodies(vault)
        later = take(vault, raw, encoding)
        # The whole file adds the rest. A last cell that was cut is told, and gives a record of its own.
        assert later.states[State.NEW] + later.states[State.KNOWN] == 8 and not later.refused
        extra = vault.stats().records - 8
        assert extra in (0, 1) and (not extra or report.told) and set(before) <= set(bodies(vault))


@settings(max_examples=examples(30, 300))
@given(encoding=st.sampled_from(ENCODINGS), seed=st.integers(0, 10**6))
def test_mutations_of_a_file(tmp_path_factory: pytest.TempPathFactory, encoding: str, seed: int) -> None:
    dice, raw = random.Random(seed), bytearray(GOOD.encode(encoding))
    for _ in range(dice.randrange(1, 4)):
        at = dice.randrange(len(raw))
        raw[at : at + dice.randrange(3)] = dice.choice((b"", b"\0", b'"', b"\n", b"\xff", b",", b"=", b"\xd8\x00"))
    folder = tmp_path_factory.mktemp("mutated")
    with SqliteBlocks(folder / "blocks.db") as store, Database(folder / "vault", SEED, store) as vault:
        check(vault, take(vault, bytes(raw), encoding))


@settings(max_examples=examples(30, 300))
@given(raw=st.binary(max_size=200), is_lines=st.booleans())
def test_any_bytes_as_json(tmp_path_factory: pytest.TempPathFactory, raw: bytes, is_lines: bool) -> None:
    folder = tmp_path_factory.mktemp("json")
    text = b'{"name":"a","orderDate":"2026-01-31"}\n' + raw
    importer = JsonImporter(Defaults("purchase/1", "pd:Purchase"), lines=is_lines)
    with SqliteBlocks(folder / "blocks.db") as store, Database(folder / "vault", SEED, store) as vault:
        check(vault, vault.take(importer.items(io.BytesIO(text))))


def test_zeros_in_a_cell_are_kept_and_the_words_around_them_found(vault: Database) -> None:
    take(vault, (HEADER + "2026-01-31,wool\0socks,1.00,EUR,1\n").encode())
    for word in ("wool", "socks"):
        (found,) = vault.search(word).records
        assert (found.body or {})["name"] == "wool\0socks"


def test_ten_thousand_columns_are_kept_found_and_exported(vault: Database, tmp_path: Path) -> None:
    names = ["text", *(f"column {number}" for number in range(10_000))]
    columns = tuple(Column(name, name.replace(" ", "")) for name in names)
    raw = "\n".join([",".join(names), ",".join(f"word{number}" for number in range(10_001))]).encode()
    vault.take(CsvImporter(ColumnMap("note/1", columns), "pd:PersonalDocuments").items(io.BytesIO(raw)))
    (found,) = vault.search("word9999").records
    assert len(found.body or {}) == 10_001
    vault.export(sink := io.BytesIO(), tmp_path)
    assert vault.take(ExportImporter().items(sink)).states == {State.KNOWN: 1}


def test_the_ends_of_the_calendar(vault: Database, tmp_path: Path) -> None:
    days = (
        "0001-01-01",
        "1582-10-10",
        "2024-02-29",
        "9999-12-31",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-12:00",
    )
    report = take(vault, (HEADER + "".join(f"{day},thing,1.00,EUR,1\n" for day in days)).encode())
    assert report.states == {State.NEW: 6} and not report.refused
    assert [one.time for one in vault.select("after:9999")] == [days[5], days[3]]
    assert {one.time for one in vault.select("before:0002")} == {days[0], days[4]}
    vault.export(sink := io.BytesIO(), tmp_path)
    assert vault.take(ExportImporter().items(sink)).states == {State.KNOWN: 6}
    report = take(vault, (HEADER + "2025-02-29,thing,1.00,EUR,1\n2026-01-31T10:00:00,thing,1.00,EUR,1\n").encode())
    assert [each.member for each in report.first_refused] == ["orderDate", "orderDate"] and not report.states


def test_formulas_are_defused_in_the_export_s_table_and_come_back(vault: Database, tmp_path: Path) -> None:
    names = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "'=quoted", "''-x", "'plain", "plain"]
    body = "".join(f'2026-01-{day:02d},"{name}",1.00,EUR,1\n' for day, name in enumerate(names, 1))
    # As a spreadsheet's export would hold them: an importer takes one apostrophe away.
    take(vault, (HEADER + body).encode())
    kept = sorted((one.body or {})["name"] for one in vault.select(""))
    vault.export(sink := io.BytesIO(), tmp_path)
    with zipfile.ZipFile(sink) as packed:
        table = packed.read("csv/purchase-1.csv")
    assert not [line for line in table.decode("utf-8-sig").splitlines() if ",=" in line or ",@" in line]
    columns = (Column("name", "name"), Column("orderDate", "orderDate", "time"))
    read = CsvImporter(msgspec.structs.replace(PURCHASES, columns=columns, encoding="utf-8-sig"), "pd:Purchase")
    assert sorted(item.body["name"] for item in read.items(io.BytesIO(table)) if hasattr(item, "body")) == kept


def test_amounts_are_asked_and_never_guessed(vault: Database) -> None:
    raw = (HEADER + '2026-01-31,a,"1.234,56",EUR,1\n2026-01-31,b,"1.234",EUR,1\n').encode()
    assert look_at_csv(io.BytesIO(raw)).column_map().decimal_mark is None
    assert [each.member for each in take(vault, raw).first_refused] == ["price"]
    assert [(one.body or {})["price"] for one in vault.select("")] == ["1.234"]
    columns = msgspec.structs.replace(PURCHASES, decimal_mark=",", source="another")
    vault.take(CsvImporter(columns, "pd:Purchase").items(io.BytesIO(raw)))
    found = {(one.body or {})["price"] for one in vault.select("source:another")}
    assert found == {"1234.56", "1234"}


def test_a_packed_table_is_a_file_and_is_not_unpacked() -> None:
    assert kind_of("purchases.csv.gz", gzip.compress(b"a,b\n")) == "other"


def test_an_export_that_changes_while_it_is_read(vault: Database, tmp_path: Path) -> None:
    for number in range(1, 3):
        document = {"type": "object", "x-vault": {"name": f"mine/{number}", "category": "pd:Health", "undated": True}}
        vault.add_schema(json.dumps(document).encode())
    take(vault, GOOD.encode())
    vault.export(sink := io.BytesIO(), tmp_path)
    with zipfile.ZipFile(sink) as packed:
        at = packed.getinfo("records.jsonl").header_offset + 200

    def changing() -> Iterator[Item]:
        for item in ExportImporter().items(sink):
            yield item
            sink.getbuffer()[at : at + 100] = bytes(100)

    with SqliteBlocks(tmp_path / "other.db") as store, Database(tmp_path / "other", SEED, store) as other:
        with pytest.raises(InvalidInput, match="changed while it was read"):
            other.take(changing())
        assert other.stats().versions == 0 and "mine/1" not in other.schemas.names()


def test_a_link_in_an_export_is_refused(vault: Database, tmp_path: Path) -> None:
    take(vault, GOOD.encode())
    vault.export(sink := io.BytesIO(), tmp_path)
    link = zipfile.ZipInfo("files/link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(sink, "a") as packed:
        packed.writestr(link, "/etc/passwd")
    report = vault.take(ExportImporter().items(sink))
    assert report.refused == 1 and report.first_refused[0].at == "files/link" and not report.states
