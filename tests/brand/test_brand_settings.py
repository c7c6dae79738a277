"""``brand.toml``, the key of the internal listener, and the profile that they make."""

from __future__ import annotations

import stat
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from registry.brand.settings import (
    COMMENTS,
    FILE,
    KEY_FILE,
    BrandSettings,
    internal_key,
    make_internal_key,
    require_brand,
)
from registry.core.errors import InvalidInput

ACCOUNT = "0x8ba1f109551bD432803012645Ac136ddd64DBA72"


def test_every_setting_explains_itself_and_its_default() -> None:
    assert COMMENTS.keys() == {each.name for each in msgspec.structs.fields(BrandSettings)}
    assert tomllib.loads(FILE.text()) == {} and max(map(len, FILE.text().splitlines())) <= 120


def test_what_is_there_stays(tmp_path: Path) -> None:
    assert FILE.make(tmp_path / "brand", name="Maison", port=1) and not FILE.make(tmp_path / "brand", port=2)
    assert require_brand(tmp_path / "brand") == BrandSettings(name="Maison", port=1)
    with pytest.raises(InvalidInput, match="there is no brand"):
        require_brand(tmp_path)


@pytest.mark.parametrize(
    "values",
    [
        {"account": ACCOUNT.lower()},
        {"notaries": ["https://notary.example"]},
        {"notaries": ["ftp://notary.example#" + ACCOUNT]},
        {"url": "aurelle.example"},
        {"url": "https://aurelle.example/?a=b"},
        {"database": "postgresql://user:secret@host/db"},
        {"proxies": ["10.0.0.0/8"]},
        {"view_seconds": 0},
        {"unknown": 1},
    ],
)
def test_what_makes_no_sense_is_refused_and_no_secret_is_told(tmp_path: Path, values: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as raised:
        FILE.make(tmp_path / "brand", **values)
    assert "secret" not in str(raised.value) and not (tmp_path / "brand").exists()


def test_the_key_is_needed_elsewhere_than_on_loopback(tmp_path: Path) -> None:
    local, open_ = BrandSettings(), BrandSettings(internal_host="0.0.0.0")
    assert internal_key(tmp_path, local) == "" and internal_key(tmp_path, BrandSettings(internal_host="::1")) == ""
    with pytest.raises(InvalidInput):
        internal_key(tmp_path, open_)
    assert make_internal_key(tmp_path) and not make_internal_key(tmp_path)
    assert len(internal_key(tmp_path, open_)) == 64
    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600
    (tmp_path / KEY_FILE).write_text("short\n")
    with pytest.raises(InvalidInput, match="holds no key"):
        internal_key(tmp_path, open_)


def test_a_link() -> None:
    assert BrandSettings(url="https://a.example/consent/").link("0x12") == "https://a.example/consent/r/0x12"
