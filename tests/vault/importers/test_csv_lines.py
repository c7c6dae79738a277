"""CSV files: every encoding, every cut, hostile sizes; a wrong line is refused with its number, the others are read."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.errors import InvalidInput
from registry.vault.importers import text
from registry.vault.importers.base import Item
from registry.vault.importers.cells import defused, undefused
from registry.vault.importers.columns import Column, ColumnMap
from registry.vault.importers.csv_lines import CsvImporter
from registry.vault.importers.csv_look import look_at_csv
from scripts.imports import ROOT
from tests.support.importing import PURCHASES, bodies, drafts, read_all, refused, told
from tests.support.memory import memory_peaks_below

HEADER = "date,article,total,currency,quantity\n"
LINE = "2026-01-31,Wool socks,12.50,EUR,2\n"
BODY = {"orderDate": "2026-01-31", "name": "Wool socks", "price": "12.50", "priceCurrency": "EUR", "quantity": 2}


def imported(raw: bytes | str, **changes: object) -> list[Item]:
    raw = raw.encode() if isinstance(raw, str) else raw
    return read_all(CsvImporter(msgspec.structs.replace(PURCHASES, **changes), "pd:Purchase"), raw)


def test_a_line_becomes_a_draft() -> None:
    (draft,) = drafts(imported(HEADER + LINE))
    assert draft.body == BODY
    assert (draft.category, draft.schema, draft.source) == ("pd:Purchase", "purchase/1", "aurelle.example export")
    assert (draft.at, draft.identity, len(draft.key)) == ("line 2", None, 32)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends(encoding: str, ends: str) -> None:
    raw = (HEADER + "2026-01-31,Käse 奶酪 🧀,1.00,EUR,1\n").replace("\n", ends).encode(encoding)
    seen = look_at_csv(io.BytesIO(raw))
    found = imported(raw, encoding=seen.encoding)
    assert bodies(found)[0]["name"] == "Käse 奶酪 🧀" and not refused(found)


def test_next_month_s_file_may_begin_with_a_byte_order_mark() -> None:
    raw = b"\xef\xbb\xbf" + ('"date"' + HEADER[4:] + LINE).encode()
    assert bodies(imported(raw, encoding="utf-8")) == [BODY]


def test_an_encoding_that_cannot_be_seen_is_asked() -> None:
    raw = (HEADER + LINE.replace("Wool", "Käse")).encode("windows-1252")
    with pytest.raises(InvalidInput, match="not UTF-8") as asked:
        look_at_csv(io.BytesIO(raw))
    assert "windows-1252" in asked.value.advice
    assert look_at_csv(io.BytesIO(raw), encoding="windows-1252").rows[0][1] == "Käse socks"
    assert bodies(imported(raw, encoding="windows-1252"))[0]["name"] == "Käse socks"
    with pytest.raises(InvalidInput, match="not a text encoding"):
        look_at_csv(io.BytesIO(raw), encoding="rot13")


def test_bytes_that_are_no_utf8_refuse_their_line_only() -> None:
    found = imported(
        HEADER.encode() + LINE.encode() + LINE.replace("Wool", "K\xe4se").encode("latin-1") + LINE.encode()
    )
    assert [(each.at, each.why) for each in refused(found)] == [("line 3", "its bytes are not utf-8")]
    assert len(drafts(found)) == 2


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_file_cut_at_any_byte_makes_no_wrong_record(encoding: str) -> None:
    """Only the last cell may be cut without a sign, and that is told."""
    raw = (HEADER + LINE + '2026-02-01,"Käse, 奶酪",3.00,EUR,25\n').encode(encoding)
    whole = bodies(imported(raw, encoding=encoding))
    assert len(whole) == 2
    for end in range(len(raw)):
        found = imported(raw[:end], encoding=encoding)
        for place, body in enumerate(bodies(found)):
            if body != whole[place]:
                assert {**body, "quantity": whole[place]["quantity"]} == whole[place] and told(found)
        is_whole_line = raw[:end].decode(encoding, "ignore").endswith("\n")
        assert is_whole_line or refused(found) or "if the file was cut there" in told(found)[0]


@pytest.mark.parametrize(
    ("line", "member", "why"),
    [
        ("31.01.2026,a,1.00,EUR,1", "orderDate", "not a time in the format iso"),
        ("2025-02-29,a,1.00,EUR,1", "orderDate", "day is out of range"),
        ("2026-01-31T10:00,a,1.00,EUR,1", "orderDate", "has no zone"),
        ("0000-01-01,a,1.00,EUR,1", "orderDate", "year 0"),
        ('2026-01-31,a,"1.234,56",EUR,1', "price", "not an amount"),
        ("2026-01-31,a,12.50,EUR,many", "quantity", "not an amount"),
        ("2026-01-31,a,12.50,EUR,9007199254740993", "quantity", "at most 15 digits"),
        ("2026-01-31,a,12.50", None, "it has 3 cells, and the header 5"),
        ("2026-01-31,a,12.50,EUR,1,more", None, "it has 6 cells"),
        ('2026-01-31,"a"b,12.50,EUR,1', None, "expected after"),
    ],
)
def test_a_wrong_line_is_refused_with_its_number_and_member(line: str, member: str | None, why: str) -> None:
    found = imported(HEADER + LINE + line + "\n" + LINE)
    (no,) = refused(found)
    assert (no.at, no.member) == ("line 3", member) and why in no.why
    assert [draft.at for draft in drafts(found)] == ["line 2", "line 4"]


def test_empty_cells_lines_and_surplus_delimiters() -> None:
    found = imported(HEADER + "\n" + "2026-01-31, Wool socks ,12.50,EUR,2,,\n" + "2026-02-01,,,,\n\n")
    assert bodies(found) == [BODY, {"orderDate": "2026-02-01"}] and not refused(found)


def test_a_record_over_several_lines_keeps_its_first_line_number() -> None:
    found = imported(HEADER + '2026-01-31,"a\n\nb",1.00,EUR,1\n' + "x,a,1.00,EUR,1\n")
    assert bodies(found)[0]["name"] == "a\n\nb"
    assert [each.at for each in refused(found)] == ["line 5"]


def test_an_open_quotation_mark_is_named_and_bounded() -> None:
    lines = LINE * 10_000
    found = imported(HEADER + LINE + '2026-01-31,"open,12.50,EUR,1\n' + lines)
    (no,) = refused(found)
    assert no.at == "line 3" and "field larger than field limit" in no.why and "was not read" in no.why
    assert [draft.at for draft in drafts(found)] == ["line 2"], "nobody can tell where the next record begins"
    (no,) = refused(imported(HEADER + '2026-01-31,"open,12.50,EUR,1\n'))
    assert "ends inside quotation marks" in no.why


def test_lines_and_records_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "MAX_LINE", 1000)
    found = imported(HEADER + LINE + "2026-01-31," + "x" * 5000 + ",1,EUR,1\n" + LINE)
    assert [each.at for each in refused(found)] == ["line 3"]
    assert [draft.at for draft in drafts(found)] == ["line 2", "line 4"]
    found = imported(HEADER + LINE + '2026-01-31,"' + "x\n" * 2000 + '",1,EUR,1\n' + LINE)
    (no,) = refused(found)
    assert no.at == "line 3" and "longer than" in no.why and "was not read" in no.why and len(drafts(found)) == 1


def test_memory_does_not_grow_with_the_file() -> None:
    raw = (HEADER + "".join(LINE.replace("Wool", str(n)) for n in range(60_000))).encode()
    importer = CsvImporter(PURCHASES, "pd:Purchase")
    with memory_peaks_below(12_000_000):  # 60,000 drafts would take 60 MB; what is kept is 8 bytes of each key
        assert sum(1 for _ in importer.items(io.BytesIO(raw))) == 60_000


def test_ten_thousand_columns() -> None:
    names = [f"column {number}" for number in range(10_000)]
    columns = tuple(Column(name, f"member{number}") for number, name in enumerate(names))
    raw = "\n".join([",".join(names), ",".join(map(str, range(10_000))), ",".join(["x"] * 9_999)]).encode()
    found = read_all(CsvImporter(ColumnMap("note/1", columns), "pd:Preference"), raw)
    assert len(bodies(found)[0]) == 10_000 and "it has 9999 cells" in refused(found)[0].why
    seen = look_at_csv(io.BytesIO(raw))
    assert len(seen.header) == 10_000 and len(seen.columns) == 10_000


def test_equal_lines_are_two_facts_and_next_month_knows_both() -> None:
    january = drafts(imported(HEADER + LINE + LINE + "2026-01-31,b,1,EUR,1\n"))
    assert len({draft.key for draft in january}) == 3
    moved = (
        "article;date;currency;quantity;total\n" + "b;2026-01-31;EUR;1;1\n" + "Wool socks;2026-01-31;EUR;2;12.50\n" * 3
    )
    february = drafts(imported(moved.encode("utf-16"), delimiter=";", encoding="utf-16"))
    assert {draft.key for draft in january} < {draft.key for draft in february}
    assert len({draft.key for draft in february}) == 4


def test_another_source_is_another_fact() -> None:
    (one,), (other,) = (drafts(imported(HEADER + LINE, source=name)) for name in ("a", "b"))
    assert one.key != other.key


def test_columns_of_one_member_are_joined() -> None:
    columns = (
        Column("day", "orderDate", "time"),
        Column("hour", "orderDate", "time"),
        Column("Mail 1", "email", "list"),
        Column("Mail 2", "email", "list"),
        Column("left out", None),
    )
    column_map = ColumnMap("contact/1", columns, time_format="%d.%m.%Y %H:%M", zone="Europe/Paris")
    raw = b"day,hour,Mail 1,Mail 2,left out\n31.01.2026,10:00,a@b.c; d@e.f,g@h.i,secret\n01.02.2026,11:00,,,\n"
    assert bodies(read_all(CsvImporter(column_map, "pd:Contact"), raw)) == [
        {"orderDate": "2026-01-31T10:00:00+01:00", "email": ["a@b.c", "d@e.f", "g@h.i"]},
        {"orderDate": "2026-02-01T11:00:00+01:00"},
    ]


def test_a_changed_header_is_told_or_refused() -> None:
    found = imported("date,article,total,currency,quantity,new\n" + "2026-01-31,a,1,EUR,1,x\n")
    assert "left out: new" in told(found)[0] and len(drafts(found)) == 1
    (no,) = refused(imported("date,article,currency\n2026-01-31,a,EUR\n"))
    assert (no.at, no.member) == ("line 1", "total")
    assert refused(imported(b""))[0].at == "line 1"
    assert "its bytes are not" in refused(imported(b"\xff\xfe\xfa\n"))[0].why


def test_what_only_the_person_knows_must_be_answered() -> None:
    for missing in ({"time_format": None}, {"decimal_mark": None}):
        with pytest.raises(InvalidInput, match="does not say"):
            imported("", **missing)
    with pytest.raises(InvalidInput, match="have no zone"):
        imported("", time_format="%d.%m.%Y %H:%M")
    with pytest.raises(InvalidInput, match="cannot be a delimiter"):
        imported("", delimiter="ab")


def test_constants_stand_in_every_record() -> None:
    assert bodies(imported(HEADER + LINE, constants={"priceCurrency": "CHF"}))[0]["priceCurrency"] == "CHF"


class TestTheFirstLook:
    def test_the_delimiter_is_seen(self) -> None:
        for delimiter in ",;\t|":
            raw = (HEADER + LINE * 3).replace(",", delimiter).encode()
            assert look_at_csv(io.BytesIO(raw)).delimiter == delimiter

    def test_decimal_commas_do_not_make_a_comma_the_delimiter(self) -> None:
        raw = b"Datum;Artikel;Betrag\n31.01.2026;Brot, dunkel;1.234,56\n01.02.2026;Milch;0,99\n"
        seen = look_at_csv(io.BytesIO(raw))
        assert (seen.delimiter, seen.schema) == (";", "purchase/1")
        assert (seen.time_formats, seen.decimal_marks) == (("%d.%m.%Y",), (",",))

    def test_ambiguous_dates_and_amounts_stay_open(self) -> None:
        seen = look_at_csv(io.BytesIO(b'date,item,amount\n01/02/2026,a,"1,234"\n03/04/2026,b,"5,678"\n'))
        assert set(seen.time_formats) == {"%d/%m/%Y", "%m/%d/%Y"} and seen.decimal_marks == (".", ",")
        assert seen.column_map().time_format is None and seen.column_map().decimal_mark is None

    def test_the_line_of_excel_names_the_delimiter(self) -> None:
        raw = b"sep=;\r\ndate;article;total;currency;quantity\r\n2026-01-31;Wool socks;12.50;EUR;2\r\n"
        seen = look_at_csv(io.BytesIO(raw))
        assert (seen.delimiter, seen.skip) == (";", 1)
        found = imported(raw, delimiter=";", skip=seen.skip)
        assert bodies(found) == [BODY] and drafts(found)[0].at == "line 3"

    def test_a_file_without_a_header(self) -> None:
        for raw in (b"", b"\n\n", b" , ,\n"):
            with pytest.raises(InvalidInput, match="no header"):
                look_at_csv(io.BytesIO(raw))

    def test_columns_are_bounded(self) -> None:
        with pytest.raises(InvalidInput, match="at most 20,000"):
            look_at_csv(io.BytesIO(b"!," * 30_000 + b"\n"))
        seen = look_at_csv(io.BytesIO(b",".join(b"!" * 7 for _ in range(19_000)) + b"\n"))
        assert len({column.member for column in seen.columns}) == 19_000

    def test_columns_that_say_nothing_need_a_schema(self) -> None:
        seen = look_at_csv(io.BytesIO(b"foo,bar\n1,2\n"))
        with pytest.raises(InvalidInput, match="do not say"):
            seen.column_map()
        assert seen.column_map("note/1").schema == "note/1"

    def test_the_demo_purchases_are_read_whole(self) -> None:
        raw = Path(ROOT / "registry/data/purchases.csv").read_bytes()
        seen = look_at_csv(io.BytesIO(raw))
        answers = {"time_format": "iso", "decimal_mark": ".", "zone": "Europe/Paris"}
        found = read_all(CsvImporter(msgspec.structs.replace(seen.column_map(), **answers), "pd:Purchase"), raw)
        rows = list(csv.DictReader(io.StringIO(raw.decode())))
        assert len(found) == len(drafts(found)) == len(rows)
        assert bodies(found)[0]["price"] == rows[0]["total"] and bodies(found)[0]["orderDate"].startswith(
            rows[0]["date"]
        )


class TestFormulas:
    @pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "'=1", "''=1"])
    def test_they_are_defused_and_restored(self, cell: str) -> None:
        assert defused(cell) == f"'{cell}" and undefused(defused(cell)) == cell

    @pytest.mark.parametrize("cell", ["", "a", "1", "'a", "'", " =1"])
    def test_other_cells_stay(self, cell: str) -> None:
        assert defused(cell) == cell == undefused(cell)

    @given(st.text())
    def test_every_text_is_restored(self, cell: str) -> None:
        assert undefused(defused(cell)) == cell
        assert not defused(cell).startswith(("=", "+", "-", "@", "\t", "\r"))

    def test_an_import_undoes_them(self) -> None:
        assert bodies(imported(HEADER + "2026-01-31,'=1+1,'-12.50,EUR,'-2\n")) == [
            {"orderDate": "2026-01-31", "name": "=1+1", "price": "-12.50", "priceCurrency": "EUR", "quantity": -2}
        ]


@given(st.binary(max_size=300))
def test_any_bytes_give_items_and_no_error(raw: bytes) -> None:
    for encoding in ("utf-8", "utf-16", "windows-1252"):
        for item in imported(HEADER.encode(encoding) + raw, encoding=encoding):
            assert item


_CELL = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).map(str.strip).filter(lambda text: text)


@given(st.lists(st.tuples(st.dates(), _CELL, st.decimals(-(10**9), 10**9, places=2)), max_size=20))
def test_what_a_csv_writer_wrote_is_read(rows: list[tuple[object, str, object]]) -> None:
    sink = io.StringIO()
    csv.writer(sink).writerows(
        [("date", "article", "total"), *((day, defused(name), price) for day, name, price in rows)]
    )
    columns = PURCHASES.columns[:3]
    found = imported(sink.getvalue(), columns=columns)
    assert [(body["orderDate"], body["name"]) for body in bodies(found)] == [(str(day), name) for day, name, _ in rows]
    assert not refused(found) and len({draft.key for draft in drafts(found)}) == len(rows)
