"""``vault shred``, ``release``, ``check`` and ``compact`` through the application."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.cli.commands import vault_shred
from registry.client.home import Home
from registry.core.errors import StorageRefused, StorageSlow
from registry.core.sealed.certificate import parse_certificate
from registry.storage.sqlite_store import SqliteBlocks
from registry.vault.database import Database
from registry.vault.draft import Draft
from tests.support.consent_world import Consent, no_of


def coat(world: Consent, name: str = "zebra coat") -> str:
    body = json.dumps({"name": name, "orderDate": "2026-01-15"})
    return str(world.json("vault", "add", "--schema", "purchase/1", "--body", body)["id"])


def found(world: Consent, query: str) -> int:
    return len(world.json("vault", "search", query)["records"])


def test_a_dry_run_says_what_would_go(asked: Consent) -> None:
    name = coat(asked)
    said = asked("vault", "shred", name, "--dry-run")
    assert said.code == 0 and "This would go for good:" in said.out and "1, with 1 version and" in said.out
    plan = asked.json("vault", "shred", name, "--dry-run")
    assert (plan["records"], plan["categories"], plan["dryRun"]) == (1, {"pd:Purchase": 1}, True)
    assert found(asked, "zebra") == 1


def test_the_number_of_records_is_typed(asked: Consent, tmp_path: Path) -> None:
    name, file = coat(asked), tmp_path / "certificate.json"
    assert no_of(asked("vault", "shred", name))[0] == 2, "no terminal to ask at"
    said = asked("vault", "shred", name, typed="y\n")
    assert said.code == 1 and "another number" in said.out + said.err and found(asked, "zebra") == 1
    said = asked("vault", "shred", name, "--certificate", file, typed="1\n")
    assert said.code == 0 and "nothing is left" in said.out and found(asked, "zebra") == 0
    made = parse_certificate(file.read_bytes())
    assert made.records == 1 and name not in file.read_text()
    assert no_of(asked("vault", "shred", coat(asked), "--certificate", file, "--yes")) == (2, "InvalidInput")


def test_a_certificate_lies_in_the_home(asked: Consent) -> None:
    coat(asked)
    done = asked.json("vault", "shred", "pd:Purchase", "--yes")
    assert done["complete"] and Path(done["file"]).parent == asked.folder / "alice" / "certificates"
    assert parse_certificate(Path(done["file"]).read_bytes()).selection == "CATEGORY"


def test_a_hold_and_back(asked: Consent) -> None:
    name = coat(asked)
    assert no_of(asked("vault", "shred", name, "--hold", "tax law")) == (2, "InvalidInput")
    said = asked("vault", "shred", name, "--hold", "tax law", "--until", "2099-12-31")
    assert said.out == "1 record now kept out of use until 2099-12-31 (tax law).\n" and found(asked, "zebra") == 0
    assert no_of(asked("vault", "shred", name, "--yes")) == (2, "InvalidInput")
    assert no_of(asked("vault", "shred", "DUE", "--yes")) == (2, "InvalidInput")
    assert asked.json("vault", "release", name) == {"released": 1} and found(asked, "zebra") == 1
    assert asked.json("vault", "shred", name, "--until", "2099-12-31", "--dry-run")["withdrawn"] == 1
    assert found(asked, "zebra") == 1


@pytest.mark.parametrize("words", [["pd:Health"], ["0000000000"], []])
def test_nothing_to_shred_is_said(asked: Consent, words: list[str]) -> None:
    assert asked("vault", "shred", *words, "--yes").code == 2


def test_a_sound_vault(asked: Consent) -> None:
    coat(asked)
    assert asked.json("vault", "check")["sound"] and "Nothing is wrong." in asked("vault", "check").out
    assert "repaired" not in asked.json("vault", "check", "--repair")


def test_a_damaged_vault_is_a_no_until_it_is_repaired(asked: Consent, monkeypatch: pytest.MonkeyPatch) -> None:
    coat(asked)
    with monkeypatch.context() as patched:
        read, get = list[str](), SqliteBlocks.get
        patched.setattr(SqliteBlocks, "get", lambda store, cid: read.append(cid) or get(store, cid))
        assert asked("vault", "check").code == 0
    with SqliteBlocks(asked.folder / "network" / "blocks.sqlite") as store:
        store.delete([read[-1]])
    said = asked("vault", "check")
    assert said.code == 1 and "missing: segment of pd:Purchase" in said.out and "--repair" in said.out + said.err
    assert not asked("vault", "check", "--json").document["sound"]
    said = asked("vault", "check", "--repair")
    assert said.code == 0 and "Written again:" in said.out
    assert asked.json("vault", "check")["sound"] and found(asked, "zebra") == 1


@pytest.fixture
def phone(asked: Consent, tmp_path: Path) -> Iterator[Database]:
    """Another home of Alice's, in the same store."""
    seed, place = Home(asked.folder / "alice").seed(""), asked.folder / "network" / "blocks.sqlite"
    with SqliteBlocks(place) as store, Database(tmp_path / "phone", seed, store) as vault:
        yield vault


def hat(phone: Database) -> None:
    phone.add([Draft("pd:Purchase", "purchase/1", body={"name": "zebra hat", "orderDate": "2026-01-15"})])


def test_what_is_added_here_is_in_each_home(asked: Consent, phone: Database) -> None:
    hat(phone)
    coat(asked)
    assert found(asked, "zebra") == 2
    assert phone.merge().unread == {} and len(list(phone.select("zebra"))) == 2


def test_what_another_device_adds_while_the_person_reads_is_not_shredded(
    asked: Consent, phone: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    coat(asked)
    count = asked.json("vault", "shred", "pd:Purchase", "--dry-run")["records"]

    def typed(*_: object) -> str:
        hat(phone)
        return str(count)

    monkeypatch.setattr(vault_shred, "ask_text", typed)
    said = asked("vault", "shred", "pd:Purchase")
    assert said.code == 2 and "has changed since you read what goes" in said.err and found(asked, "zebra") == 2
    monkeypatch.setattr(vault_shred, "ask_text", lambda *_: str(count + 1))
    assert asked("vault", "shred", "pd:Purchase").code == 0 and found(asked, "zebra") == 0


def test_what_another_device_wrote_is_repaired_there(asked: Consent, phone: Database, tmp_path: Path) -> None:
    hat(phone)
    coat(asked)
    home = (tmp_path / "phone" / "home").read_text().strip()
    (segment,) = (ref.cid for name, refs in phone.upkeep.check().segments.items() if name[:16] == home for ref in refs)
    with SqliteBlocks(asked.folder / "network" / "blocks.sqlite") as store:
        store.delete([segment])
    said = asked("vault", "check", "--repair")
    assert said.code == 1 and "Left to the device that wrote them: 1 versions of pd:Purchase" in said.out
    assert not asked("vault", "check", "--json").document["sound"]


def test_a_store_that_does_not_answer_is_neither(asked: Consent, monkeypatch: pytest.MonkeyPatch) -> None:
    coat(asked)

    def slow(*_: object) -> bytes:
        raise StorageSlow("no answer in time")

    monkeypatch.setattr(SqliteBlocks, "get", slow)
    assert asked("vault", "check").code == 3
    assert asked("vault", "check", "--repair", "--accept-loss").code == 3


def test_compacting_says_what_it_saved(asked: Consent) -> None:
    for number in range(5):
        coat(asked, f"zebra {number}")
    said = asked("vault", "compact")
    assert said.code == 0 and "Segments" in said.out and "bytes" in said.out
    assert asked.json("vault", "compact")["bytes"] == 0 and found(asked, "zebra") == 5


def _no_names(*_: object) -> dict[str, bytes]:
    raise StorageRefused("it refuses files/ls")


def test_blocks_that_wait_are_told_with_what_frees_them(asked: Consent, monkeypatch: pytest.MonkeyPatch) -> None:
    coat(asked)
    with monkeypatch.context() as patched:
        patched.setattr(SqliteBlocks, "names", _no_names)
        coat(asked, "hat")
        for word in ("check", "compact"):
            said = asked("vault", word)
            assert said.code == 0 and "must allow files/" in said.out and "`consent vault compact`" in said.out
        assert asked.json("vault", "check")["waiting"] > 0
    assert "go with the next change" in asked("vault", "check").out
    assert asked.json("vault", "compact")["waiting"] == 0 and "files/" not in asked("vault", "check").out


def test_blocks_that_another_device_may_need_are_told(asked: Consent, phone: Database) -> None:
    coat(asked)
    phone.merge()
    coat(asked, "hat")
    assert "stay for 1 other device." in asked("vault", "check").out


def test_records_that_stand_twice_are_told_and_removed(
    asked: Consent, phone: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = Draft("pd:Purchase", "purchase/1", body={"name": "zebra hat", "orderDate": "2026-01-15"}, key=b"k" * 32)
    with monkeypatch.context() as patched:
        patched.setattr(SqliteBlocks, "names", _no_names)
        phone.take(iter([draft]))
        with (
            SqliteBlocks(asked.folder / "network" / "blocks.sqlite") as store,
            Database(asked.folder / "alice" / "vault", Home(asked.folder / "alice").seed(""), store) as vault,
        ):
            vault.take(iter([draft]))
    phone.merge()
    coat(asked)
    assert found(asked, "zebra") == 3
    assert "as two devices imported one file: 1 record." in asked("vault", "check").out
    said = asked("vault", "check", "--remove-twins")
    assert said.code == 0 and "Removed 1 record that stood twice." in said.out and found(asked, "zebra") == 2
    assert asked.json("vault", "check")["twins"] == {"same": [], "apart": [], "removed": []}
