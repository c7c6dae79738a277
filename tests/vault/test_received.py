"""What brands send becomes records; what the person changed or deleted stays as they left it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from registry.core.sealed.bundles import View
from registry.core.sealed.origin import Origin
from registry.core.sealed.records import Record
from registry.vault.database import Database
from registry.vault.draft import Draft
from registry.vault.received import identity_of, order_of
from registry.vault.views import shown
from tests.support.fake_storage import MemoryBlocks

BRAND, OTHER = "0x8ba1f109551bD432803012645Ac136ddd64DBA72", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"


@pytest.fixture
def vault(tmp_path: Path) -> Database:
    return Database(tmp_path / "vault", b"\1" * 32, MemoryBlocks(), lambda: 1_790_000_000)


def sent(number: int, name: str, order: str = "order-1", brand: str = BRAND, **more: Any) -> Draft:
    """A value of a brand's record, in the message of this number."""
    origin = Origin(brand, order)
    body = {"name": name, "orderDate": "2026-01-15"}
    parts: dict[str, Any] = {"body": body, "identity": identity_of(origin), "origin": origin}
    return Draft("pd:Purchase", "purchase/1", key=order_of(1_000 + number, number), **parts | more)


def became(vault: Database, *drafts: Draft) -> list[str]:
    return [str(one.became) for one in vault.mail.take(drafts).received]


def the_record(vault: Database) -> Record:
    (record,) = vault.search("after:2025").records
    return record


def names(vault: Database) -> list[Any]:
    return [one.body["name"] if one.body else None for one in vault.history(the_record(vault).id)]


def test_a_newer_value_is_a_newer_version(vault: Database) -> None:
    assert became(vault, sent(1, "red")) == ["new"]
    assert became(vault, sent(2, "green")) == ["updated"] and names(vault) == ["red", "green"]
    assert became(vault, sent(3, "green")) == ["known"], "nothing changed"
    assert became(vault, sent(4, "red")) == ["updated"] and names(vault) == ["red", "green", "red"]


def test_what_comes_again_or_late_changes_nothing(vault: Database) -> None:
    became(vault, sent(1, "red"), sent(2, "green"), sent(4, "blue"))
    index = vault.index
    assert became(vault, sent(1, "red"), sent(2, "green"), sent(3, "late"), sent(4, "blue")) == ["known"] * 4
    assert names(vault) == ["red", "green", "blue"] and vault.index == index


def test_an_edit_is_kept_and_the_brands_value_is_a_version_below_it(vault: Database) -> None:
    became(vault, sent(1, "red"))
    record = the_record(vault)
    vault.edit(record.id, body={"name": "corrected", "orderDate": "2026-01-15"}, tags=("mine",))
    assert became(vault, sent(2, "green")) == ["conflict"]
    assert names(vault) == ["red", "corrected", "green", "corrected"]
    newest = the_record(vault)
    assert newest.tags == ("mine",) and newest.origin == Origin(BRAND, "order-1")
    assert became(vault, sent(3, "green")) == ["known"], "the brand says nothing new"
    assert became(vault, sent(4, "blue")) == ["conflict"] and names(vault)[-2:] == ["blue", "corrected"]
    vault.restore(newest.id, 5)
    assert names(vault)[-1] == "blue"
    assert became(vault, sent(5, "white")) == ["updated"], "the person took the brand's value"


def test_a_correction_that_the_brand_took_over_is_no_conflict(vault: Database) -> None:
    became(vault, sent(1, "red"))
    vault.edit(the_record(vault).id, body={"name": "green", "orderDate": "2026-01-15"})
    assert became(vault, sent(2, "green")) == ["updated"]
    assert became(vault, sent(3, "blue")) == ["updated"] and names(vault) == ["red", "green", "green", "blue"]


def test_tags_of_the_person_are_no_edit_and_stay(vault: Database) -> None:
    became(vault, sent(1, "red"))
    vault.edit(the_record(vault).id, tags=("mine",))
    assert became(vault, sent(2, "green")) == ["updated"] and the_record(vault).tags == ("mine",)


def test_what_the_person_deleted_stays_deleted(vault: Database) -> None:
    became(vault, sent(1, "red"))
    vault.remove([the_record(vault).id])
    assert became(vault, sent(2, "green")) == ["deleted"] and vault.search("after:2025").records == ()


def test_two_brands_with_one_id_have_two_records(vault: Database) -> None:
    assert became(vault, sent(1, "red"), sent(1, "green", brand=OTHER)) == ["new", "new"]
    assert len(vault.search("after:2025").records) == 2


def test_what_fits_no_schema_is_refused_and_the_rest_taken(vault: Database) -> None:
    odd = sent(1, "red", body={"name": "red", "orderDate": "never"}, at="message 1, record order-1")
    delivery = vault.mail.take([odd, sent(1, "green", "order-2")])
    assert [str(one.became) for one in delivery.received] == ["new"]
    assert str(delivery.refused[0]).startswith("message 1, record order-1: body.orderDate: ")


def test_an_undated_record_that_comes_again_is_known(vault: Database) -> None:
    likes: dict[str, Any] = {"body": {"name": "tea"}}
    first = Draft("pd:Preference", "preference/1", key=order_of(1, 1), identity=b"1" * 16, **likes)
    if vault.schemas.faults(first):
        pytest.skip("preferences are dated")
    again = Draft("pd:Preference", "preference/1", key=order_of(2, 2), identity=b"1" * 16, **likes)
    assert became(vault, first) == ["new"] and became(vault, again) == ["known"]


def test_a_preview_writes_nothing(vault: Database) -> None:
    assert [str(one.became) for one in vault.mail.preview([sent(1, "red")]).received] == ["new"]
    assert vault.index == ""


def test_only_the_brand_that_sent_a_record_recognises_it(vault: Database) -> None:
    became(vault, sent(1, "red"))
    record, view = the_record(vault), View("pd:Purchase", ("name",))
    to_brand, to_other = (shown(record, view, b"s" * 32, 1, controller) for controller in (BRAND, OTHER))
    assert to_brand is not None and to_brand.origin == Origin(BRAND, "order-1") and to_brand.key is None
    assert to_other is not None and to_other.origin is None


def test_an_export_keeps_where_a_record_came_from(vault: Database, tmp_path: Path) -> None:
    from registry.vault.importers.export_zip import ExportImporter

    became(vault, sent(1, "red"))
    with (tmp_path / "all.zip").open("w+b") as zipped:
        vault.export(zipped, tmp_path)
        other = Database(tmp_path / "other", b"\2" * 32, MemoryBlocks())
        other.take(ExportImporter().items(zipped))
    assert the_record(other).origin == Origin(BRAND, "order-1")
    assert became(other, sent(1, "red")) == ["known"] and became(other, sent(2, "green")) == ["updated"]
