"""``consent brand evidence``: what goes is said first, a hold keeps it, and bad words change nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from registry.brand.settings import BRAND_FILE
from registry.cli.main import run
from registry.core.scalars import to_hex
from tests.support.served_brand import ServedBrand


def said(*words: str, capsys: pytest.CaptureFixture[str], code: int = 0) -> tuple[str, str]:
    capsys.readouterr()
    assert run(words) == code
    found = capsys.readouterr()
    return found.out, found.err


def test_a_refusal_is_held_released_and_erased(shop: ServedBrand, capsys: pytest.CaptureFixture[str]) -> None:
    evidence = shop.api.brand.refused()
    shop.api.brand.taken(evidence)
    folder = next(Path(shop.api.stage.folder).parent.rglob("brand.sqlite")).parent
    account = shop.api.stage.brand.address
    (folder / BRAND_FILE).write_text(f'account = "{account}"\ndomain = "aurelle.example"\nname = "Maison Aurelle"\n')
    digest, where = to_hex(evidence.digest), ("--dir", str(folder))
    start = ("brand", "evidence")
    out, _ = said(*start, "erase", digest, "--dry-run", *where, capsys=capsys)
    assert digest[:14] in out and "would go" in out
    hold = ("hold", digest, "--until", "2999-12-31", "--reason", "a dispute", *where)
    assert "2999-12-31" in said(*start, *hold, capsys=capsys)[0]
    _, err = said(*start, "erase", digest, "--yes", *where, capsys=capsys, code=2)
    assert "a dispute" in err and "release" in err
    assert "1 hold" in said(*start, "release", digest, *where, capsys=capsys)[0]
    for wrong in ("0x12", "alice", "0x" + "07" * 32):
        said(*start, "erase", wrong, "--yes", *where, capsys=capsys, code=2)
    out, _ = said(*start, "erase", digest, "--yes", "--json", *where, capsys=capsys)
    told = json.loads(out.splitlines()[-1])
    assert told["certificate"]["refusals"] == 1 and digest not in Path(told["file"]).read_text()
    _, err = said(*start, "erase", digest, "--yes", *where, capsys=capsys, code=2)
    assert "erased already" in err
