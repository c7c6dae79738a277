"""The export: complete, readable by other programs, and taken back with nothing lost."""

from __future__ import annotations

import csv
import io
import json
import os
import zipfile
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.core.errors import InvalidInput
from registry.core.ipld.cid import cid_of_block
from registry.core.sealed.records import MAX_INLINE_FILE, FileRef, Record
from registry.vault.draft import FileSource, pieces_of
from registry.vault.export import pages
from registry.vault.export.archive import Exported, write_export
from registry.vault.importers.base import GivenSchema, Item, Reading, Restored
from registry.vault.importers.export_zip import ExportImporter
from tests.support.importing import HOME, inline_file, purchase, record_id, tombstone

SCHEMAS = {"purchase/1": b'{"properties":{"name":{},"price":{},"quantity":{}}}', "my-thing/12": b'{"title":"mine"}'}
LARGE = os.urandom(MAX_INLINE_FILE + 1)
IDENTITY = "AGE-SECRET-KEY-1" + "Q" * 58


def sealed(content: bytes, name: str) -> FileRef:
    digest = sha256(content).hexdigest()
    return FileRef(name, "video/mp4", len(content), digest, cid=cid_of_block(b"sealed"), identity=IDENTITY)


def content_of(file: FileRef) -> Iterator[bytes]:
    assert file.sha256 == sha256(LARGE).hexdigest()
    yield LARGE[:1000]
    yield LARGE[1000:]


def exported(records: Iterable[Record], tmp_path: Path) -> tuple[Exported, bytes]:
    sink = io.BytesIO()
    return write_export(sink, records, SCHEMAS, content_of, 1_769_850_000, tmp_path), sink.getvalue()


def taken_back(raw: bytes) -> list[Item]:
    """What an export holds, but its schemas."""
    return [item for item in Reading(ExportImporter(), io.BytesIO(raw)) if not isinstance(item, GivenSchema)]


def everything() -> list[Record]:
    small, odd = (
        inline_file(b"\0photo"),
        inline_file(b"x", "..\\..\\evil/../é.html".replace("/", "").replace("\\", ""), "text/html"),
    )
    return [
        purchase(1),
        purchase(1, 2, body={"name": "renamed", "more": 1, "price": "-3.00"}, tags=("gift", "toy")),
        purchase(2, file=small),
        purchase(2, 2, file=None, body={"quantity": -2.5, "name": "=HYPERLINK(1)"}),
        purchase(3),
        tombstone(3, 2),
        purchase(4, file=small),
        purchase(5, file=sealed(LARGE, "film.mp4")),
        purchase(6, file=odd, category="pd:Picture", schema="my-thing/12", time="0001-01-01T00:00:00+23:00"),
        purchase(
            7,
            time="9999-12-31T23:59:59.999999-23:00",
            source="<script>alert(1)</script>",
            category="https://example.com/x?y#z",
        ),
    ]


def without_place(record: Record) -> Record:
    """The record as it can be compared: a large file is sealed anew, so it has another CID and identity."""
    if record.file and record.file.cid:
        return msgspec.structs.replace(record, file=None)
    return record


def test_an_export_is_taken_back_with_nothing_lost(tmp_path: Path) -> None:
    counts, raw = exported(everything(), tmp_path)
    assert counts == Exported(records=6, versions=10, files=3)
    source = io.BytesIO(raw)
    first, *others = Reading(ExportImporter(), source)
    # Schemas that ship with the package are not taken back.
    assert first == GivenSchema(SCHEMAS["my-thing/12"])
    items = [item for item in others if isinstance(item, Restored)]
    assert [item.record for item in items] == [without_place(record) for record in everything()]
    (large,) = (item.file for item in items if item.file)
    assert isinstance(large, FileSource) and (large.name, large.media_type) == ("film.mp4", "video/mp4")
    assert b"".join(pieces_of(large)) == LARGE
    assert len({item.key for item in items}) == 10 and items[0].at == "line 1"


def test_no_key_is_in_an_export(tmp_path: Path) -> None:
    _, raw = exported(everything(), tmp_path)
    with zipfile.ZipFile(io.BytesIO(raw)) as packed:
        for name in packed.namelist():
            assert b"AGE-SECRET-KEY" not in packed.read(name) and cid_of_block(b"sealed").encode() not in packed.read(
                name
            )


def test_the_manifest_names_every_member_with_its_hash(tmp_path: Path) -> None:
    _, raw = exported(everything(), tmp_path)
    with zipfile.ZipFile(io.BytesIO(raw)) as packed:
        assert packed.testzip() is None
        manifest = json.loads(packed.read("manifest.json"))
        listed = {member["path"]: (member["bytes"], member["sha256"]) for member in manifest["members"]}
        assert listed == {
            name: (len(packed.read(name)), sha256(packed.read(name)).hexdigest())
            for name in packed.namelist()
            if name != "manifest.json"
        }
        assert (manifest["type"], manifest["records"], manifest["versions"]) == ("ConsentExport", 6, 10)
        assert {"index.html", "records.jsonl", "csv/purchase-1.csv", "schemas/my-thing-12.json"} <= listed.keys()


def test_an_equal_export_has_equal_bytes(tmp_path: Path) -> None:
    assert exported(everything(), tmp_path)[1] == exported(everything(), tmp_path)[1]


def test_the_tables_have_the_newest_versions_and_no_formula(tmp_path: Path) -> None:
    _, raw = exported(everything(), tmp_path)
    with zipfile.ZipFile(io.BytesIO(raw)) as packed:
        rows = list(csv.DictReader(io.StringIO(packed.read("csv/purchase-1.csv").decode("utf-8-sig"), newline="")))
        assert [row["record id"] for row in rows] == [record_id(number) for number in (1, 2, 4, 5, 7)]
        assert (
            rows[0]["price"] == "'-3.00" and rows[0]["more"] == '{"more":1}' and rows[0]["record tags"] == "gift; toy"
        )
        assert (rows[1]["name"], rows[1]["quantity"]) == ("'=HYPERLINK(1)", "'-2.5")
        assert packed.read(rows[2]["record file"]) == b"\0photo" and packed.read(rows[3]["record file"]) == LARGE
        for row in rows:
            assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row.values())


def test_the_pages_escape_everything_and_lead_to_what_exists(tmp_path: Path) -> None:
    hostile = "<img src=x onerror=alert(1)>\u202e\"'&{{ 7*7 }}"
    named = [
        purchase(8, body={hostile: hostile, "name": hostile}, tags=(hostile,)),
        purchase(9, file=inline_file(b"a", "<b>.txt")),
    ]
    _, raw = exported([*everything(), *named], tmp_path)
    with zipfile.ZipFile(io.BytesIO(raw)) as packed:
        shown = {
            name: packed.read(name).decode()
            for name in packed.namelist()
            if name.endswith(".html") and "files/" not in name
        }
        links = {(name, each.split('"')[0]) for name, page in shown.items() for each in page.split('href="')[1:]}
        for name, link in links:
            target = str(PurePosixPath(name).parent / link).removeprefix("pages/../")
            assert target in packed.namelist(), link
        assert len([name for name in shown if name.startswith("pages/")]) == 3
        for page in shown.values():
            assert (
                "<script" not in page and "<img" not in page and "\u202e" not in page and "default-src 'none'" in page
            )
        assert "&lt;img src=x onerror=alert(1)&gt;" in "".join(shown.values()) and "{{ 7*7 }}" in "".join(
            shown.values()
        )


def test_a_page_shows_the_newest_and_says_where_the_rest_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "SHOWN", 3)
    times = ["2026-01-01", "2026-03-01T00:00:00+05:00", "2026-02-28T23:00:00Z", "2020-01-01", "2026-02-28T20:00:00Z"]
    _, raw = exported([purchase(number, time=time) for number, time in enumerate(times)], tmp_path)
    with zipfile.ZipFile(io.BytesIO(raw)) as packed:
        (page,) = (packed.read(name).decode() for name in packed.namelist() if name.startswith("pages/"))
    places = [page.find(f"<bdi>thing {number}</bdi>") for number in (2, 4, 1)]
    assert -1 < places[0] < places[1] < places[2] and "thing 3" not in page and "thing 0" not in page
    assert "newest 3 records. The other 2 are in records.jsonl" in page


def test_an_empty_vault_has_an_export(tmp_path: Path) -> None:
    counts, raw = exported([], tmp_path)
    assert counts == Exported(0, 0, 0) and taken_back(raw) == []
    with zipfile.ZipFile(io.BytesIO(raw)) as packed:
        assert b"There is no record." in packed.read("index.html")


def test_versions_out_of_order_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="do not stand in their order"):
        exported([purchase(1, 2), purchase(1, 1)], tmp_path)


def test_the_french_pages(tmp_path: Path) -> None:
    sink = io.BytesIO()
    write_export(sink, [purchase(1)], SCHEMAS, content_of, 0, tmp_path, "fr")
    with zipfile.ZipFile(sink) as packed:
        assert "Vos enregistrements" in packed.read("index.html").decode()


def test_nothing_is_left_beside_the_export(tmp_path: Path) -> None:
    exported(everything(), tmp_path)
    assert list(tmp_path.iterdir()) == []


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_BODY = st.dictionaries(
    _TEXT,
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**53) + 1, 2**53 - 1)
        | st.floats(allow_nan=False, allow_infinity=False)
        | _TEXT,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
        max_leaves=6,
    ),
    max_size=5,
)


@st.composite
def _histories(draw: st.DrawFn) -> list[Record]:
    versions = []
    for number in range(draw(st.integers(0, 4))):
        for counter in range(1, draw(st.integers(1, 3)) + 1):
            content: dict[str, Any] = {"body": draw(_BODY)}
            if draw(st.booleans()):
                content["file"] = inline_file(draw(st.binary(max_size=20)), "a name.txt", "text/plain")
            versions.append(
                purchase(number, counter, **content) if draw(st.integers(0, 4)) else tombstone(number, counter)
            )
    return versions


@settings(max_examples=40)
@given(_histories())
def test_any_history_is_taken_back(tmp_path_factory: pytest.TempPathFactory, versions: list[Record]) -> None:
    _, raw = exported(versions, tmp_path_factory.getbasetemp())
    items = taken_back(raw)
    assert [item.record for item in items if isinstance(item, Restored)] == versions and len(items) == len(versions)


def test_homes_are_kept(tmp_path: Path) -> None:
    other = "ffffffffffffffff"
    versions = [purchase(1), purchase(1, 1, home=other)]
    assert other > HOME
    _, raw = exported(versions, tmp_path)
    assert [item.record.home for item in taken_back(raw) if isinstance(item, Restored)] == [HOME, other]
