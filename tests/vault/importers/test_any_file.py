"""Files of any kind, and folders of them: streamed, links refused, names that are no paths."""

from __future__ import annotations

import base64
import os
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.errors import InvalidInput
from registry.core.sealed.records import MAX_INLINE_FILE, FileRef
from registry.vault.draft import Draft, FileSource, pieces_of
from registry.vault.importers.any_file import FileImporter, import_folder, safe_name
from registry.vault.importers.base import Defaults
from tests.support.importing import drafts, read_all, refused

SAID = Defaults("file/1", "pd:PersonalDocuments")


def draft_of(path: Path) -> Draft:
    return drafts(read_all(FileImporter(path, SAID), path.read_bytes()))[0]


def test_a_small_file_lies_in_its_record(tmp_path: Path) -> None:
    path = tmp_path / "letter.PDF"
    path.write_bytes(b"dear all")
    os.utime(path, (1_769_850_000.5, 1_769_850_000.5))
    draft = draft_of(path)
    assert draft.body == {"name": "letter.PDF", "dateModified": "2026-01-31T09:00:00+00:00"}
    assert draft.file == FileRef(
        "letter.PDF", "application/pdf", 8, sha256(b"dear all").hexdigest(), base64.b64encode(b"dear all").decode()
    )


def test_a_large_file_is_opened_when_it_is_sealed(tmp_path: Path) -> None:
    path, content = tmp_path / "film.mov", os.urandom(MAX_INLINE_FILE + 1)
    path.write_bytes(content)
    source = draft_of(path).file
    assert isinstance(source, FileSource) and (source.bytes, source.media_type) == (len(content), "video/quicktime")
    assert b"".join(pieces_of(source)) == content
    path.write_bytes(content[:-1] + b"x")
    with pytest.raises(InvalidInput, match="changed while it was read"):
        list(pieces_of(source))


def test_a_copy_is_recognised_and_a_change_is_not(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"one")
    before = draft_of(path).key
    os.utime(path, (1, 1))
    assert draft_of(path).key == before
    path.write_bytes(b"two")
    assert draft_of(path).key != before


def test_a_folder(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "b.txt").write_bytes(b"b")
    (tmp_path / "a.txt").write_bytes(b"a")
    (tmp_path / "link").symlink_to("/etc/passwd")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "round").symlink_to(tmp_path, target_is_directory=True)
    items = list(import_folder(tmp_path, SAID))
    assert [(draft.at, (draft.body or {}).get("path")) for draft in drafts(items)] == [
        ("a.txt", None),
        ("inner/b.txt", "inner/b.txt"),
    ]
    assert [each.at for each in refused(items)] == ["link", "pipe", "round"]


def test_two_copies_in_a_folder_are_two_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "same.txt").write_bytes(b"same")
    keys = [draft.key for draft in drafts(import_folder(tmp_path, SAID))]
    assert len(set(keys)) == 2 and keys == [draft.key for draft in drafts(import_folder(tmp_path, SAID))]


def test_a_file_that_is_gone_is_refused(tmp_path: Path) -> None:
    assert refused(read_all(FileImporter(tmp_path / "gone", SAID), b""))[0].at == "gone"


@given(st.text() | st.binary().map(os.fsdecode))
def test_no_name_is_a_path(name: str) -> None:
    safe = safe_name(name)
    assert 0 < len(safe.encode()) <= 200 and not set(safe) & {"/", "\\", "\0", "\n"} and safe not in (".", "..")


def test_long_names_keep_their_extension() -> None:
    assert safe_name("é" * 300 + ".jpeg").endswith(".jpeg")
