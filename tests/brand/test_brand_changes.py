"""What people changed of the records that the brand sent: its value beside theirs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from registry.brand.changes import changes_of, sent_records
from registry.client.vault_sync import sync
from registry.core.ipld.cid import cid_from_digest
from registry.core.scalars import unhex
from registry.core.sealed.bundles import View
from registry.core.sealed.capsule import open_capsule, open_update
from registry.core.sealed.heads import StreamReader
from registry.core.sealed.mail import open_content, parse_content
from registry.core.sealed.records import Record
from registry.core.statements.messages import Grant
from tests.support.mail_stage import Correspondence, correspondence, order


@pytest.fixture
def mail(tmp_path: Path) -> Iterator[Correspondence]:
    with ExitStack() as stack:
        yield correspondence(stack, tmp_path)


def sent(mail: Correspondence) -> Any:
    letters = mail.api.brand.store.sent(mail.answer)
    opened = ((each, parse_content(open_content(each.draft, mail.stage.brand.identity))) for each in letters)
    return sent_records((each.number, each.issued_at, content) for each, content in opened)


def handed_over(mail: Correspondence) -> list[tuple[View, Record]]:
    """All versions that the brand reads after Alice's software brought the grant up to date."""
    (synced,) = sync(mail.stage.alice)
    grant, store = mail.evidence.statement.message, mail.stage.store
    assert isinstance(grant, Grant)
    capsule = open_capsule(store.get(cid_from_digest(unhex(grant.content))), mail.stage.brand.identity, grant)
    update = open_update(synced.update, mail.stage.brand.identity, synced.digest, capsule.vault_key)
    found = []
    for key in update.streams:
        reader = StreamReader(key.stream, key.identity, capsule.vault_key, store.get)
        for segment in reader.segments(reader.head(key.head)):
            found += [(key.view, record) for record in reader.records(segment)]
    return found


def record_of(mail: Correspondence, name: str) -> str:
    (record,) = mail.stage.alice.vault.search(name).records
    return record.id


def test_a_correction_comes_back_with_both_values(mail: Correspondence) -> None:
    mail.sent("What we hold.", order(1, "coat", seller="Aurelle"), order(2, "scarf"), order(3, "gloves"))
    mail.fetch()
    handed_over(mail)
    vault = mail.stage.alice.vault
    vault.edit(record_of(mail, "coat"), body={"name": "blue coat", "orderDate": "2026-01-15", "seller": "somebody"})
    vault.remove([record_of(mail, "gloves")])
    mail.stage.bought("an addition of Alice's")
    first, second = changes_of(sent(mail), handed_over(mail))
    # The brand asked for three members. It learns nothing of the others, such as the seller.
    assert (first.id, first.old, first.new) == ("order-1", {"name": "coat", "price": "12.50"}, {"name": "blue coat"})
    assert (first.sent.number, first.removed) == (1, False)
    assert second.id == "order-3" and second.removed


def test_a_correction_that_the_brand_takes_over_is_no_change_any_more(mail: Correspondence) -> None:
    mail.sent("", order(1, "coat"))
    mail.fetch()
    mail.stage.alice.vault.edit(record_of(mail, "coat"), body=order(1, "blue coat")["body"])
    (change,) = changes_of(sent(mail), handed_over(mail))
    assert (change.old, change.new) == ({"name": "coat"}, {"name": "blue coat"})
    mail.sent("", order(1, "blue coat"))
    assert changes_of(sent(mail), handed_over(mail)) == []


def test_nothing_changed(mail: Correspondence) -> None:
    mail.sent("", order(1, "coat"))
    assert changes_of(sent(mail), handed_over(mail)) == [], "not pulled yet"
    mail.fetch()
    assert changes_of(sent(mail), handed_over(mail)) == []
