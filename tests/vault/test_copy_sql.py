"""SQL of a person's own reads the views, and nothing else; it is bounded in time and in rows."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from registry.core.errors import InvalidInput, WorkingCopyLost
from registry.vault.copy import sql
from registry.vault.copy.sql import MAX_SQL, view_name, views
from registry.vault.copy.working_copy import WorkingCopy
from tests.support.working_copies import KEY, PAGE, facts_of, record, tombstone

SCHEMAS = {
    "purchase/1": ("name", "price", "priceCurrency"),
    "purchase/2": ("name", "seller"),
    "calendar-event/1": ("name", "_id"),
    "records/1": ("name",),
    "sqlite-x/1": ("name",),
    "odd/1": ("it's", 'a"quote', "select", "Name", "name", "a.b", ""),
}
ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkingCopy]:
    with WorkingCopy.create(tmp_path_factory.mktemp("sql") / "copy.db", KEY, facts_of) as made:
        prices = [("tea", "1.50"), ("coffee", "2.25"), ("bread", "0.75")]
        some = [
            record(n, name, body={"price": price, "priceCurrency": "EUR"}, tags=("food",), source="by hand")
            for n, (name, price) in enumerate(prices)
        ]
        some[0] = structs.replace(some[0], key="5e" * 16)
        made.put(some, "root")
        made.put(
            [record(3, "lamp", schema="purchase/2", body={"seller": "Shop"}, time="2026-02-01T10:00:00+01:00")], "root"
        )
        made.put([record(4, "dinner", schema="calendar-event/1", category="pd:Event", body={"_id": "mine"})], "root")
        odd = {"it's": 1, 'a"quote': 2, "select": 3, "Name": "big", "a.b": 4, "": 5}
        made.put([record(5, "small", schema="odd/1", category="pd:Odd", body=odd), record(6), tombstone(6)], "root")
        yield made


def rows(copy: WorkingCopy, sql: str) -> list[tuple[object, ...]]:
    return copy.query(sql, SCHEMAS).rows


@pytest.mark.parametrize(
    ("sql", "answer"),
    [
        ("SELECT count(*) FROM records", [(6,)]),
        ("SELECT name, price FROM purchase ORDER BY _amount DESC LIMIT 2", [("coffee", "2.25"), ("tea", "1.50")]),
        ("SELECT sum(_amount), _currency FROM purchase GROUP BY 2 ORDER BY 1", [(None, None), (4.5, "EUR")]),
        ("SELECT name FROM purchase WHERE seller = 'Shop'", [("lamp",)]),
        ("SELECT _time, _at, _schema FROM purchase WHERE name = 'lamp'", [
            ("2026-02-01T10:00:00+01:00", "2026-02-01T09:00:00.000Z", "purchase/2")]),
        ("SELECT time, category, schema, source, tags, amount, currency, body->>'$.name' FROM records WHERE amount<1", [
            ("2026-01-31", "pd:Purchase", "purchase/1", "by hand", '["food"]', 0.75, "EUR", "bread")]),
        ("SELECT id FROM records WHERE category = 'pd:Event'", [(record(4).id,)]),
        ("SELECT t.value, count(*) FROM records, json_each(records.tags) t GROUP BY 1", [("food", 3)]),
        ("SELECT name FROM calendar_event", [("dinner",)]),
        ("SELECT name FROM _records", []),
        ("SELECT count(*) FROM _sqlite_x", [(0,)]),
        ('SELECT "it\'s", "a""quote", "select", "a.b", "" FROM odd', [(1, None, 3, 4, 5)]),
        ("WITH n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 3) SELECT sum(x) FROM n", [(6,)]),
        ("WITH words AS (SELECT 1 AS x) SELECT x FROM words", [(1,)]),
        ("SELECT name, rank() OVER (ORDER BY price) FROM purchase WHERE price LIKE '2%'", [("coffee", 1)]),
        ("VALUES (1)", [(1,)]),
        (" -- a remark\n SELECT 1; ", [(1,)]),
    ],
)  # fmt: skip
def test_what_can_be_asked(copy: WorkingCopy, sql: str, answer: list[tuple[object, ...]]) -> None:
    assert rows(copy, sql) == answer


REFUSED = [
    "DELETE FROM main.records",
    "UPDATE main.versions SET line = ''",
    "INSERT INTO main.meta VALUES ('a', 'b')",
    "INSERT INTO main.words (words) VALUES ('optimize')",
    "REPLACE INTO main.meta VALUES ('root', 'b')",
    "CREATE TABLE x (a)",
    "CREATE TEMP TABLE x (a)",
    "CREATE TEMP VIEW x AS SELECT 1",
    "DROP VIEW temp.records",
    "DROP TABLE main.versions",
    "ALTER TABLE main.meta RENAME TO x",
    "ATTACH ':memory:' AS x",
    "DETACH main",
    "PRAGMA key",
    "PRAGMA query_only = OFF",
    "PRAGMA rekey = 'x'",
    "PRAGMA table_info(meta)",
    "SELECT * FROM pragma_table_info('meta')",
    "SELECT * FROM pragma_database_list",
    "SELECT load_extension('x')",
    "SELECT writefile('x', 'y')",
    "SELECT sqlcipher_export('x')",
    "SELECT zeroblob(100000000)",
    "SELECT randomblob(10)",
    "SELECT printf('%1000000000d', 1)",
    "SELECT fts5(1)",
    "SELECT sqlite_version()",
    "SELECT CAST(x'ff' AS TEXT)",
    "SELECT * FROM main.meta",
    "SELECT * FROM main.keys",
    "SELECT * FROM main.words",
    "SELECT * FROM main.words_data",
    "SELECT * FROM sqlite_schema",
    "SELECT sql FROM sqlite_temp_master",
    "SELECT (SELECT value FROM meta) FROM records",
    "WITH meta2 AS (SELECT * FROM main.meta) SELECT * FROM meta2",
    "VACUUM",
    "VACUUM INTO 'x'",
    "BEGIN",
    "COMMIT",
    "SAVEPOINT x",
    "ANALYZE",
    "REINDEX",
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP TABLE main.meta",
    "SELECT ?",
    "SELECT nothing FROM records",
    "nonsense",
    "",
    "-- a remark",
    "SELECT '\ud800'",
    "SELECT 1\0",
]


@pytest.mark.parametrize("sql", REFUSED)
def test_what_is_refused(copy: WorkingCopy, sql: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        copy.query(sql, SCHEMAS)
    assert refused.value.advice
    assert (copy.root, copy.stats().records) == ("root", 6)


@given(st.text(max_size=30) | st.lists(st.sampled_from(REFUSED), max_size=3).map(" ".join))
def test_any_text_is_answered_or_refused(copy: WorkingCopy, sql: str) -> None:
    try:
        copy.query(sql, SCHEMAS)
    except InvalidInput as refused:
        assert str(refused)
    assert copy.root == "root"


def test_a_long_one_is_refused(copy: WorkingCopy) -> None:
    with pytest.raises(InvalidInput, match="longer than 100,000"):
        copy.query("SELECT '" + "x" * MAX_SQL + "'", SCHEMAS)


def test_an_endless_one_is_stopped(copy: WorkingCopy) -> None:
    began = time.monotonic()
    with pytest.raises(InvalidInput, match=r"ran for more than 0\.2 s"):
        copy.query(ENDLESS, SCHEMAS, seconds=0.2)
    assert time.monotonic() - began < 10


def test_an_endless_sort_is_stopped(copy: WorkingCopy) -> None:
    sql = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n ORDER BY -x"
    with pytest.raises(InvalidInput, match="ran for more than"):
        copy.query(sql, SCHEMAS, seconds=0.2)


def test_rows_are_bounded(copy: WorkingCopy) -> None:
    answer = copy.query("SELECT id FROM records", SCHEMAS, rows=4)
    assert (len(answer.rows), answer.is_cut, answer.columns) == (4, True, ("id",))
    endless = ENDLESS.replace("count(*)", "x")
    assert copy.query(endless, SCHEMAS, rows=3).rows == [(1,), (2,), (3,)]
    assert copy.query("SELECT id FROM records", SCHEMAS, rows=6).is_cut is False


def test_large_rows_are_bounded(copy: WorkingCopy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql, "MAX_CHARACTERS", 100)
    answer = copy.query("SELECT id FROM records", SCHEMAS)
    assert (len(answer.rows), answer.is_cut) == (2, True)


def test_it_leaves_the_copy_usable(copy: WorkingCopy) -> None:
    rows(copy, "SELECT 1")
    copy.put([], "root")
    copy.check()


def test_names_of_views() -> None:
    assert list(views(SCHEMAS)) == ["records", "purchase", "calendar_event", "_records", "_sqlite_x", "odd"]
    assert view_name("calendar-event/3") == "calendar_event"


def test_a_damaged_copy_is_not_the_askers_fault(tmp_path: Path) -> None:
    with WorkingCopy.create(tmp_path / "copy.db", KEY, facts_of) as copy:
        copy.put([record(n, "word " * 20) for n in range(500)], "root")
    content = bytearray((tmp_path / "copy.db").read_bytes())
    for at in range(20 * PAGE, len(content), PAGE):
        content[at + 50] ^= 1
    (tmp_path / "copy.db").write_bytes(content)
    with WorkingCopy(tmp_path / "copy.db", KEY, facts_of) as copy, pytest.raises(WorkingCopyLost):
        copy.query("SELECT body FROM records", SCHEMAS)
