"""Media types and extensions: the same on every machine, and one for both ways."""

from __future__ import annotations

import pytest

from registry.core.media_types import UNKNOWN, extension_of, media_type_of


@pytest.mark.parametrize("name", ["a.csv", "A.CSV", "x.y.parquet", "me.jsonl", "f.xlsx", "w.md", "t.gpx", "c.vcf"])
def test_the_extension_comes_back(name: str) -> None:
    """(item 5) Python knows some of these only with the system's tables: the brand got .bin."""
    assert extension_of(media_type_of(name)) == f".{name.rpartition('.')[2].lower()}"


def test_compressed_files_are_not_called_what_is_in_them() -> None:
    """(item 5) ``mimetypes`` says text/csv of orders.csv.gz, so the brand got gzip's bytes as a .csv."""
    assert media_type_of("orders.csv.gz") == "application/gzip" and extension_of("application/gzip") == ".gz"


@pytest.mark.parametrize("name", ["", "diary", "diary.lisa-2024", ".bashrc", "a."])
def test_what_is_not_known_tells_nothing(name: str) -> None:
    assert media_type_of(name) == UNKNOWN and extension_of(UNKNOWN) == ".bin"


def test_parameters_and_case_do_not_matter() -> None:
    assert extension_of("Text/CSV; charset=utf-8") == ".csv" and extension_of("image/jpeg") == ".jpg"
