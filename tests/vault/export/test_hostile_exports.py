"""Exports that were damaged, cut or made to harm: named, bounded, and nothing of them is yielded."""

from __future__ import annotations

import io
import json
import random
import struct
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from registry.vault.export.archive import write_export
from registry.vault.importers.base import GivenSchema, Item, Reading, Refused, Restored
from registry.vault.importers.export_zip import ExportImporter, Limits
from tests.support.importing import inline_file, purchase
from tests.support.memory import memory_peaks_below

Members = dict[str, bytes]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    sink, folder = io.BytesIO(), tmp_path_factory.getbasetemp()
    records = [purchase(1), purchase(2, file=inline_file(b"a photo"))]
    write_export(sink, records, {"purchase/1": b"{}"}, lambda _: [], 0, folder)
    return sink.getvalue()


def members_of(raw: bytes) -> Members:
    with zipfile.ZipFile(io.BytesIO(raw)) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def packed(members: Members, listed: Members | None = None, **changes: Any) -> bytes:
    """A zip of these members, with a manifest that fits them, or those that are ``listed``."""
    listed = {name: content for name, content in (listed or members).items() if name != "manifest.json"}
    manifest = json.loads(members["manifest.json"]) | changes
    manifest["members"] = [
        {"path": name, "bytes": len(content), "sha256": sha256(content).hexdigest()} for name, content in listed.items()
    ]
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (members | {"manifest.json": json.dumps(manifest).encode()}).items():
            archive.writestr(name, content)
    return sink.getvalue()


def taken(raw: bytes, limits: Limits = Limits()) -> list[Item]:  # noqa: B008
    return list(Reading(ExportImporter(limits), io.BytesIO(raw)))


def only_refusal(raw: bytes, limits: Limits = Limits()) -> Refused:  # noqa: B008
    (item,) = taken(raw, limits)
    assert isinstance(item, Refused)
    return item


def test_the_helper_makes_exports_that_are_taken(whole: bytes) -> None:
    assert len([item for item in taken(packed(members_of(whole))) if isinstance(item, Restored)]) == 2


@pytest.mark.parametrize(
    "changed", ["records.jsonl", "index.html", "csv/purchase-1.csv", "schemas/purchase-1.json", "files/"]
)
def test_a_changed_member_is_named(whole: bytes, changed: str) -> None:
    members = members_of(whole)
    name = next(each for each in members if each.startswith(changed))
    no = only_refusal(packed({**members, name: members[name][:-1] + b"?"}, members))
    assert no.at == name and "not those of the manifest" in no.why
    no = only_refusal(packed({**members, name: members[name][:-1]}, members))
    assert no.at == name
    no = only_refusal(packed({**members, name: members[name] + b" "}, members))
    assert no.at == name


def test_the_schemas_of_a_damaged_export_are_not_taken(whole: bytes) -> None:
    members = {**members_of(whole), "schemas/mine-1.json": b"{}"}
    assert taken(packed(members))[0] == GivenSchema(b"{}")
    assert only_refusal(packed({**members, "schemas/mine-1.json": b"[]"}, members)).at == "schemas/mine-1.json"


def test_a_missing_and_a_surplus_member_are_named(whole: bytes) -> None:
    members = members_of(whole)
    fewer = {name: content for name, content in members.items() if name != "index.html"}
    assert only_refusal(packed(fewer, members)).at == "index.html"
    assert only_refusal(packed({**members, "files/more": b"x"}, members)).at == "files/more"
    no_records = {name: content for name, content in members.items() if name != "records.jsonl"}
    assert only_refusal(packed(no_records)).at == "manifest.json"


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "/etc/passwd",
        "files/../../evil",
        "C:\\evil",
        "files\\evil",
        "files/.ssh",
        "a//b",
        "files/",
        "nul\x01",
        "é",
    ],
)
def test_a_path_that_leads_out_of_the_folder_is_refused(whole: bytes, name: str) -> None:
    no = only_refusal(packed({**members_of(whole), name: b"x"}))
    assert "lead out of the folder" in no.why and no.at == repr(name)


def test_a_name_that_stands_twice_is_refused(whole: bytes) -> None:
    members = members_of(whole)
    sink = io.BytesIO(packed(members))
    with zipfile.ZipFile(sink, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("index.html", b"other")
    assert "twice" in only_refusal(sink.getvalue()).why


@pytest.mark.parametrize(
    "manifest",
    [
        b"",
        b"{}",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        b'{"type":"ConsentExport","version":2,"createdAt":0,"records":0,"versions":0,"members":[]}',
    ],
)
def test_a_malformed_manifest(whole: bytes, manifest: bytes) -> None:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for name, content in (members_of(whole) | {"manifest.json": manifest}).items():
            archive.writestr(name, content)
    assert only_refusal(sink.getvalue()).at == "manifest.json"


def test_a_zip_that_is_no_export() -> None:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert "no export" in only_refusal(sink.getvalue()).why
    for raw in (b"", b"PK\x03\x04", b"PK\5\6" + bytes(18), b"hello" * 100):
        assert taken(raw)[0].at in ("the export", "manifest.json")  # type: ignore[union-attr]


class TestBombs:
    def test_a_member_that_unpacks_to_more_than_it_says(self, whole: bytes) -> None:
        members = members_of(whole)
        raw = packed({**members, "index.html": bytes(200_000_000)}, members)
        with memory_peaks_below(3_000_000):
            no = only_refusal(raw)
        assert no.at == "index.html" and "unpacks to more than" in no.why

    def test_the_sum_is_bounded_before_anything_is_unpacked(self, whole: bytes) -> None:
        members = {**members_of(whole), "files/zeros": bytes(50_000_000)}
        raw = packed(members)
        assert len(raw) < 200_000
        assert "and 1,000,000 are allowed" in only_refusal(raw, Limits(bytes=1_000_000)).why

    def test_the_manifest_is_bounded(self, whole: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("registry.vault.importers.export_zip.MAX_MANIFEST", 100)
        assert only_refusal(whole).at == "manifest.json"

    def test_the_count_is_bounded_before_the_directory_is_read(self, whole: bytes) -> None:
        no = only_refusal(
            packed({**members_of(whole), **{f"files/{n}": b"" for n in range(2000)}}), Limits(members=1000)
        )
        assert "members, and 1,000 are allowed" in no.why

    def test_the_count_of_a_large_zip_is_read_from_its_zip64_end(self, whole: bytes) -> None:
        end64 = struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, 45, 45, 0, 0, 10**9, 10**9, 0, 0)
        locator = struct.pack("<4sIQI", b"PK\6\7", 0, 0, 1)
        end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0, 0, 0)
        no = only_refusal(end64 + locator + end)
        assert "it has 1,000,000,000 members" in no.why

    def test_a_schema_is_bounded(self, whole: bytes) -> None:
        raw = packed({**members_of(whole), "schemas/large-1.json": bytes(2_000_000)})
        assert "larger than 1,048,576 bytes" in only_refusal(raw).why


def changed_line(members: Members, change: Callable[[dict[str, Any]], object]) -> bytes:
    first, *rest = members["records.jsonl"].splitlines()
    line = json.loads(first)
    change(line)
    return b"\n".join([json.dumps(line).encode(), *rest, b""])


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda line: line.update(surprise=1), "surprise"),
        (lambda line: line.update(counter="1"), "counter"),
        (lambda line: line.pop("id"), "id"),
        (lambda line: line.update(body=[]), "body"),
        (
            lambda line: line.update(file={"name": "a", "mediaType": "a/b", "bytes": 1, "sha256": "00" * 32}),
            "not in the export",
        ),
        (
            lambda line: line.update(
                file={"name": "a", "mediaType": "a/b", "bytes": 1, "sha256": "x", "identity": "y"}
            ),
            "identity",
        ),
    ],
)
def test_a_line_that_is_no_record_is_refused_with_its_number(
    whole: bytes, change: Callable[[Any], object], why: str
) -> None:
    members = members_of(whole)
    items = taken(packed({**members, "records.jsonl": changed_line(members, change)}))
    assert isinstance(items[0], Refused) and items[0].at == "line 1" and why in str(items[0])
    assert isinstance(items[1], Restored) and items[1].at == "line 2"


def test_lines_that_nest_too_deeply_or_are_too_long(whole: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    members = members_of(whole)
    deep = b'{"id":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n"
    assert "deeply" in taken(packed({**members, "records.jsonl": deep}, versions=1))[0].why  # type: ignore[union-attr]
    monkeypatch.setattr("registry.vault.importers.export_zip.MAX_LINE", 100)
    assert "too long" in taken(whole)[0].why  # type: ignore[union-attr]


def test_missing_lines_are_told(whole: bytes) -> None:
    (*_, last) = taken(packed(members_of(whole), versions=3))
    assert isinstance(last, Refused) and "2 lines, and the manifest says 3" in last.why


def test_an_export_cut_or_changed_anywhere_gives_no_wrong_record(whole: bytes) -> None:
    right = [item.record for item in taken(whole) if isinstance(item, Restored)]
    chance = random.Random(14)
    for _ in range(300):
        place = chance.randrange(len(whole))
        broken = bytearray(whole)
        broken[place] ^= 1 << chance.randrange(8)
        for raw in (bytes(broken), whole[:place]):
            items = taken(raw)
            assert [item.record for item in items if isinstance(item, Restored)] in (right, [])
            assert items


def test_a_file_that_is_encrypted_or_of_an_unknown_method(whole: bytes) -> None:
    for offset, value in ((6, 1), (8, 99)):
        broken = bytearray(whole)
        at = broken.find(b"PK\1\2") + offset + 2
        broken[at] |= value
        assert isinstance(taken(bytes(broken))[0], Refused)


def test_hardly_any_memory_is_needed(tmp_path: Path) -> None:
    """The lines alone have 6 MB, and ten times as many records need no more memory."""
    path = tmp_path / "export.zip"
    with path.open("wb") as sink, memory_peaks_below(9_000_000):
        write_export(sink, (purchase(number) for number in range(20_000)), {}, lambda _: [], 0, tmp_path)
    with path.open("rb") as source, memory_peaks_below(3_000_000):
        assert sum(isinstance(item, Restored) for item in Reading(ExportImporter(), source)) == 20_000
