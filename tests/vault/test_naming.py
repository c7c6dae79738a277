"""Which record a person means."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.core.errors import InvalidInput
from registry.vault.database import Database
from registry.vault.draft import Draft, FileSource
from tests.support.builders import SEED
from tests.support.fake_storage import MemoryBlocks


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Database]:
    with Database(tmp_path / "vault", SEED, MemoryBlocks()) as made:
        yield made


def add(vault: Database, file: str | None = None, text: str = "note") -> str:
    source = (
        FileSource(file, "text/plain", 1, hashlib.sha256(b"x").hexdigest(), lambda: io.BytesIO(b"x")) if file else None
    )
    (name,) = vault.add([Draft("pd:PersonalDocuments", "note/1", body={"text": text}, file=source)])
    return name


def test_by_the_id_its_beginning_and_its_end(vault: Database) -> None:
    name = add(vault)
    plain = name.replace("-", "")
    for given in (name, plain, name.upper(), name[:8], plain[:7], plain[-6:], plain[-7:], name[-13:]):
        assert vault.find(given) == name


def test_a_removed_record_is_found_at_its_id_alone(vault: Database) -> None:
    name = add(vault, "a letter.txt")
    vault.remove([name])
    assert vault.find(name[-8:]) == name
    with pytest.raises(InvalidInput, match="no record is named"):
        vault.find("a letter.txt")


@pytest.mark.parametrize(
    "file", ["scan 2026.pdf", 'a "quoted" name.txt', "日本語.txt", "abcdef", "sort:rank", "été.csv"]
)
def test_by_the_exact_name_of_its_file(vault: Database, file: str) -> None:
    name = add(vault, file)
    add(vault, f"{file}.old")
    add(vault, text=file)
    assert vault.find(file) == name
    for other in (file[:-1], f"{file}x"):
        with pytest.raises(InvalidInput):
            vault.find(other)


@pytest.mark.parametrize("given", ["", "12345", "ffffffff", "*", "-", "../x", "note", "x" * 5_000, "f" * 33, "0" * 32])
def test_what_means_none(vault: Database, given: str) -> None:
    with pytest.raises(InvalidInput):
        vault.find(given)
    add(vault)
    with pytest.raises(InvalidInput, match="no record is named"):
        vault.find(given)


def test_several_are_listed(vault: Database) -> None:
    names = [add(vault, "twice.txt") for _ in range(12)]
    with pytest.raises(InvalidInput, match="more than one") as caught:
        vault.find("twice.txt")
    assert sum(name in caught.value.advice for name in names) == 10 and "and more" in caught.value.advice
    with pytest.raises(InvalidInput, match="more than one"):
        vault.find(names[0][:6])
