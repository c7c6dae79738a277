"""A notary's folder: its settings file explains itself, and nothing in it is ever overwritten."""

from __future__ import annotations

import re
import stat
import tomllib
from datetime import datetime
from pathlib import Path

import msgspec
import pytest

from registry.core.errors import InvalidInput
from registry.notary.folder import COMMENTS, FILE, make_token_keys, require_folder
from registry.notary.settings import NotarySettings

WRONG = [
    {"port": -1},
    {"ports": 1},
    {"database": "postgresql://a:secret@h/n"},
    {"proxies": ["10.0.0.0/8"]},
    {"proxies": ["2001:DB8::1"]},
]


def test_every_setting_has_its_comment_and_its_default() -> None:
    assert tuple(COMMENTS) == NotarySettings.__struct_fields__
    shown = "\n".join(line[2:] for line in FILE.text().splitlines() if re.match(r"# [a-z_]+ = ", line))
    assert FILE.of(tomllib.loads(shown), "") == NotarySettings()
    assert tomllib.loads(FILE.text()) == {}
    assert max(map(len, FILE.text().splitlines())) <= 120


def test_what_is_named_is_set_and_the_rest_stays_a_comment(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "notary"
    assert FILE.make(folder, port=0, database="postgresql://consent@/notary?host=/run/x", proxies=["10.0.0.1"])
    settings = require_folder(folder)
    assert (settings.port, settings.proxies) == (0, ("10.0.0.1",))
    assert msgspec.structs.replace(settings, port=8_600, database="", proxies=()) == NotarySettings()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_it_is_never_overwritten(tmp_path: Path) -> None:
    assert FILE.make(tmp_path, port=1)
    before = (tmp_path / "notary.toml").read_bytes()
    assert not FILE.make(tmp_path, port=2)
    assert (tmp_path / "notary.toml").read_bytes() == before


@pytest.mark.parametrize("values", WRONG)
def test_wrong_values_write_nothing(tmp_path: Path, values: dict[str, object]) -> None:
    with pytest.raises(InvalidInput) as caught:
        FILE.make(tmp_path / "notary", **values)
    assert not (tmp_path / "notary").exists() and "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("now", "years"), [("2026-11-29", ["2026"]), ("2026-12-01", ["2026", "2027"]), ("2027-01-01", ["2027"])]
)
def test_a_year_has_its_key_before_it_begins(tmp_path: Path, now: str, years: list[str]) -> None:
    moment = datetime.fromisoformat(f"{now}T00:00:00+00:00").timestamp() + 3_600
    files = make_token_keys(tmp_path, moment)
    assert [file.stem for file in files] == years
    before = [file.read_bytes() for file in files]
    assert make_token_keys(tmp_path, moment) == files and [file.read_bytes() for file in files] == before


def test_a_folder_without_a_notary(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="there is no notary"):
        require_folder(tmp_path)
    assert list(tmp_path.iterdir()) == []
