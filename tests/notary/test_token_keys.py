"""The notary's keys for tokens: files of one year, found again, and accepted ten years longer."""

from __future__ import annotations

import builtins
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from registry.core.errors import InvalidInput
from registry.notary.token_keys import FOLDER, TokenKeys, new_token_key
from tests.support.notary_api import Clock


def at(year: int, month: int = 6) -> float:
    return datetime(year, month, 1, tzinfo=UTC).timestamp()


def test_a_key_is_private_and_stays(tmp_path: Path) -> None:
    file = new_token_key(tmp_path, 2026)
    assert file == tmp_path / FOLDER / "2026.pem"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    before = file.read_bytes()
    assert new_token_key(tmp_path, 2026) == file and file.read_bytes() == before


def test_the_key_of_the_year_signs_and_older_ones_are_accepted_for_ten_years(tmp_path: Path) -> None:
    for year in (2026, 2027):
        new_token_key(tmp_path, year)
    clock = Clock(at(2026))
    keys = TokenKeys(tmp_path, clock)
    first = keys.issuing()
    assert first.year == 2026 and first.ends == int(datetime(2037, 1, 1, tzinfo=UTC).timestamp())
    clock.now = at(2027)
    second = keys.issuing()
    assert second.year == 2027 and second.key.id[-1] != first.key.id[-1]
    clock.now = at(2036, 12)
    assert keys.find(first.key.id) == first and [one.year for one in keys.accepted()] == [2027, 2026]
    clock.now = at(2037)
    assert keys.find(first.key.id) is None and keys.find(second.key.id) == second
    assert keys.find(bytes(32)) is None


def test_a_key_that_is_added_while_it_runs_is_found(tmp_path: Path) -> None:
    new_token_key(tmp_path, 2026)
    clock = Clock(at(2026))
    keys = TokenKeys(tmp_path, clock)
    clock.now = at(2027)
    assert keys.issuing().year == 2026  # the last one before it goes on
    new_token_key(tmp_path, 2027)
    assert keys.issuing().year == 2026  # the folder was read just now
    clock.now += 61
    assert keys.issuing().year == 2027


@pytest.mark.parametrize("content", [b"", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_a_damaged_key_is_told(tmp_path: Path, content: bytes) -> None:
    file = new_token_key(tmp_path, 2026)
    file.write_bytes(content)
    with pytest.raises(InvalidInput, match=r"2026\.pem is no key for tokens"):
        TokenKeys(tmp_path, Clock(at(2026)))


def test_no_key_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no key for tokens"):
        TokenKeys(tmp_path, Clock())


def test_without_gmp_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new_token_key(tmp_path, 2026)
    real = builtins.__import__

    def without(name: str, *more: Any) -> Any:
        if name == "gmpy2":
            raise ImportError(name)
        return real(name, *more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InvalidInput, match="gmpy2 is missing"):
        TokenKeys(tmp_path, Clock())
