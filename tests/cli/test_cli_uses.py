"""``consent uses`` as a person types it: readings with their proofs, a changed log, and the file that tells of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from registry.brand.counter import Counter
from registry.brand.store import open_store
from registry.brand.uses import new_use, note_uses
from registry.cli.main import run
from registry.client.home import Home
from registry.core.evidence.file import parse_evidence
from registry.core.scalars import to_hex
from registry.core.use_audit import ChangedLog, write_change
from tests.support.brand_stores import word
from tests.support.served_brand import HOST, ServedBrand
from tests.support.use_logs import log_uses

OTHERS = word("another person's grant")


def granted(shop: ServedBrand) -> tuple[str, bytes]:
    """Let Alice say yes and deliver it; return the digest in hex and as bytes. The home keeps the evidence."""
    evidence = shop.granted().evidence
    Home(shop.api.stage.folder / "home").evidence.keep(evidence)
    return to_hex(evidence.digest), evidence.digest


def day(shop: ServedBrand) -> None:
    shop.api.stage.pass_time(86_401)
    shop.api.follow()


def asked(*words: str, capsys: pytest.CaptureFixture[str], code: int = 0) -> str:
    capsys.readouterr()
    assert run(["uses", *words]) == code
    found = capsys.readouterr()
    return found.out or found.err


def test_what_was_read_with_its_proofs(shop: ServedBrand, capsys: pytest.CaptureFixture[str]) -> None:
    digest, raw = granted(shop)
    assert "has noted no reading" in asked(digest, capsys=capsys)
    store, now = shop.api.brand.store, shop.api.stage.clock()
    log_uses(store, OTHERS, 3, at=now)
    log_uses(store, raw, 2, at=now)
    day(shop)
    log_uses(store, raw, 1, at=now + 90_000)
    lines = asked(digest, capsys=capsys).splitlines()
    assert "Readings  3, of which 2 are proved" in lines
    assert any(line.startswith("Log       5 entries of all people, signed, and anchored at 2026") for line in lines)
    assert lines[-3].endswith("1 record   Purchase, for Personalisation, by Shop (not anchored yet)")
    assert lines[-2].endswith("2 records  Purchase, for Personalisation, by Shop")
    told = json.loads(asked(digest, "--json", capsys=capsys))
    first, _, last = readings = told["readings"]
    assert [(each["index"], each["count"], each["head"]) for each in readings] == [(3, 1, 5), (4, 2, 5), (5, 1, None)]
    assert first["anchoredAt"] == told["heads"][0]["anchoredAt"] and last["anchoredAt"] is None


def test_a_changed_log_gives_a_file_that_anybody_checks(
    shop: ServedBrand, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    digest, raw = granted(shop)
    store = shop.api.brand.store
    log_uses(store, raw, 1)
    day(shop)
    asked(digest, capsys=capsys)
    (tmp_path / "other").mkdir()
    other = open_store(tmp_path / "other")
    log_uses(other, raw, 1)
    head = _signed_by(shop, other)
    store.add_head(head)
    text = asked(digest, capsys=capsys, code=1)
    assert "LogChanged: the brand's log has changed: the brand signed two states of one length" in text
    file = text.split("Kept: ", 1)[1].splitlines()[0]
    assert "This file proves it to anybody." in asked(file, capsys=capsys)
    told = json.loads(asked(file, "--json", capsys=capsys))
    assert told["shown"] == "split" and told["holds"] and len(told["heads"]) == 2
    # In the place of evidence it is named.
    capsys.readouterr()
    assert run(["verify", file]) == 1 and "the file of a changed use log" in capsys.readouterr().err


def _signed_by(shop: ServedBrand, store: Any) -> Any:
    counter = Counter(shop.api.stage.brand, store)
    while counter.step():
        pass
    return store.newest_head()


def test_a_file_that_proves_nothing_alone(
    shop: ServedBrand, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, raw = granted(shop)
    log_uses(shop.api.brand.store, raw, 1)
    day(shop)
    head = parse_evidence(shop.api.brand.store.newest_head().file)  # type: ignore[union-attr]
    file = tmp_path / "changed.json"
    file.write_bytes(write_change(ChangedLog((head,))))
    assert "It is for it to show that." in asked(str(file), capsys=capsys, code=3)
    file.write_bytes(file.read_bytes().replace(b'"size":1', b'"size":2'))
    assert "No: a state of the log does not hold: BadSignature" in asked(str(file), capsys=capsys, code=1)
    file.write_bytes(b'{"type":"ConsentChangedLog"}')
    assert "Malformed" not in asked(str(file), capsys=capsys, code=2)


def test_a_grant_that_no_service_took(shop: ServedBrand, capsys: pytest.CaptureFixture[str]) -> None:
    evidence = shop.api.brand.granted()
    Home(shop.api.stage.folder / "home").evidence.keep(evidence)
    assert "not taken by a brand's service" in asked(to_hex(evidence.digest), capsys=capsys, code=2)


def test_a_brand_that_is_away_is_no_answer(shop: ServedBrand, capsys: pytest.CaptureFixture[str]) -> None:
    digest, raw = granted(shop)
    network = Path(shop.api.stage.folder).parent / "network" / "network.toml"
    network.write_text(f'[domains]\n"{HOST}" = "http://127.0.0.1:9"\n')
    assert "BrandUnavailable" in asked(digest, capsys=capsys, code=3)
    assert f"{raw.hex()}" not in asked(digest, capsys=capsys, code=3)


def test_a_reading_beyond_the_grant_is_marked(shop: ServedBrand, capsys: pytest.CaptureFixture[str]) -> None:
    digest, raw = granted(shop)
    now = shop.api.stage.clock()
    note_uses(
        shop.api.brand.store,
        [
            new_use(raw, at=now, purpose="dpv:Marketing", data=("pd:Purchase",), count=7, system="ads"),
            new_use(raw, at=now, purpose="dpv:Personalisation", data=("pd:Purchase",), count=1, system="shop"),
        ],
    )
    day(shop)
    lines = asked(digest, capsys=capsys).splitlines()
    assert "Not allowed  1 of them, by the brand's own words" in lines
    assert [line for line in lines if "NOT ALLOWED" in line and "Marketing, by ads" in line] == [lines[-1]]
    assert lines[-1].endswith("NOT ALLOWED: for a purpose that the grant does not name")
    told = json.loads(asked(digest, "--json", capsys=capsys))
    assert [each["beyond"] for each in told["readings"]] == [["purpose"], []]
