"""What a grant hands over, seen first, narrowed, and brought up to date later; from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from registry.client.home import Home
from registry.client.network_config import open_network
from registry.vault.draft import Draft
from tests.support.consent_world import DATUM, Consent

FIELDS = "pd:Purchase=name,price"


def opened(world: Consent, grant: str | Path, out: Path, *more: object) -> list[dict[str, object]]:
    world.json("open", grant, "--out", out, *more, who="aurelle")
    return [json.loads(line) for line in (out / "Purchase-1.jsonl").read_text().splitlines()]


def add_gloves(world: Consent) -> None:
    gloves = {"name": "gloves", "price": "19.00", "priceCurrency": "EUR", "orderDate": "2026-11-02", "seller": "Shop"}
    network = open_network(world.folder / "network")
    with Home(world.folder / "alice").open_vault(network, "") as vault:
        vault.add([Draft(DATUM, "purchase/1", body=gloves)])


def test_a_preview_shows_values_and_does_nothing(asked: Consent) -> None:
    before = files(asked)
    answer = asked("grant", asked.folder / "request.json", "--preview")
    assert answer.code == 0
    first, *rows = answer.out.splitlines()
    assert first.startswith("Purchase [pd:Purchase], ") and "name, orderDate, price, priceCurrency, seller" in first
    assert "Later records follow, until you end it." in first
    assert rows[0].split() == ["time", "name", "orderDate", "price", "priceCurrency", "seller"]
    assert rows[1].startswith("  2026-") and "loyaltyId" not in answer.out
    assert rows[21].strip().startswith("and ") and rows[-1] == "Nothing was signed, stored or changed."
    assert files(asked) == before
    assert asked("grant", asked.folder / "request.json", "--yes").code == 0
    assert asked("grant", asked.folder / "request.json", "--preview").code == 0, "also where a grant holds"


def files(world: Consent) -> dict[str, bytes]:
    found = (path for name in ("alice", "network") for path in (world.folder / name).rglob("*") if path.is_file())
    return {
        str(path): path.read_bytes()
        for path in found
        if not path.name.startswith("chain") and not path.name.endswith(("lock", "-shm", "-wal"))
    }


def test_a_preview_for_programs_has_all_values(asked: Consent) -> None:
    narrowed = ("--fields", FIELDS, "--since", "2026-01-01", "--until", "2026-07-01", "--once")
    (view,) = asked.json("grant", asked.folder / "request.json", "--preview", *narrowed)["views"]
    assert (view["category"], view["members"], view["continuing"]) == (DATUM, ["name", "price"], False)
    assert (view["from"], view["until"], view["schema"]) == ("2026-01-01", "2026-07-01", None)
    assert view["count"] > len(view["records"]) == 20
    assert all(set(record["body"]) <= {"name", "price"} for record in view["records"])
    assert all("2026-01-01" <= record["time"] < "2026-07-01" for record in view["records"])


def test_the_brand_opens_what_was_narrowed(asked: Consent, tmp_path: Path) -> None:
    answer = asked(
        "grant", asked.folder / "request.json", "--yes", "--fields", FIELDS, "--since", "2026-10-01", "--once"
    )
    assert answer.code == 0
    assert "From 2026-10-01. Later records do not follow." in answer.err
    lines = opened(asked, grants(asked)[0], tmp_path / "out")
    assert lines and all(set(line["body"]) == {"name", "price"} and line["time"] >= "2026-10-01" for line in lines)  # type: ignore[call-overload,operator,arg-type]


def grants(world: Consent) -> list[Path]:
    return sorted((world.folder / "alice" / "evidence").glob("0x*.json"))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--fields", "pd:Purchase=loyaltyId"), "'loyaltyId' of pd:Purchase is not asked for"),
        (("--fields", "pd:Age=age"), "pd:Age is not asked for"),
        (("--fields", "name,price"), "names no members"),
        (("--fields", "pd:Purchase="), "no member of pd:Purchase is chosen"),
        (("--since", "yesterday"), "since: "),
        (("--since", "2026-02-01", "--until", "2026-01-01"), "nothing lies"),
    ],
)
def test_what_cannot_be_narrowed_is_refused(asked: Consent, options: tuple[str, ...], says: str) -> None:
    answer = asked("grant", asked.folder / "request.json", "--yes", *options)
    assert answer.code == 2 and says in answer.err and grants(asked) == []


def test_a_sync_brings_the_brand_what_is_new(granted: Consent, tmp_path: Path) -> None:
    before = opened(granted, granted.grant, tmp_path / "out")
    add_gloves(granted)
    told = granted.json("vault", "sync", "--out", tmp_path / "updates")
    assert (told["state"], told["changed"], told["number"], told["why"]) == ("live", True, 2, None)
    after = opened(granted, granted.grant, tmp_path / "out", "--update", told["update"])
    assert len(after) == len(before) + 1 and "gloves" in [line["body"]["name"] for line in after]  # type: ignore[index]
    again = granted("vault", "sync", granted.grant)
    assert again.code == 0 and "Maison Aurelle (aurelle.example): nothing new, number 2" in again.out


def test_a_home_that_delivers_nothing_says_how_the_update_gets_there(granted: Consent, tmp_path: Path) -> None:
    """The grant was handed over by hand, or from another home of the person."""
    add_gloves(granted)
    answer = granted("vault", "sync")
    assert answer.code == 0 and "Not delivered" in answer.out and "--out FOLDER" in answer.out
    add_gloves(granted)
    assert "Not delivered" not in granted("vault", "sync", "--out", tmp_path / "updates").out


def test_a_sync_after_the_end_writes_nothing(granted: Consent, tmp_path: Path) -> None:
    granted.json("revoke", granted.grant)
    add_gloves(granted)
    answer = granted("vault", "sync", "--out", tmp_path / "updates")
    assert answer.code == 0 and "No grant handed over anything that goes on." in answer.out
    assert not (tmp_path / "updates").exists()


def test_a_sync_that_cannot_ask_the_chain_says_so_and_writes_nothing(granted: Consent, tmp_path: Path) -> None:
    add_gloves(granted)
    config = ("--rpc-url", "http://127.0.0.1:1")
    answer = granted("vault", "sync", "--out", tmp_path / "updates", *config)
    assert answer.code == 3 and not (tmp_path / "updates").exists()
