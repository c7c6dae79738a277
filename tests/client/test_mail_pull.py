"""The mail of all grants: which boxes there are, who is asked, and what one brand's trouble leaves to the others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from registry.client.evidence_store import EvidenceFolder
from registry.client.mail_folder import MailFolder
from registry.client.mail_pull import Opened, boxes, pull_all
from registry.client.revoke import revoke
from registry.core.errors import BrandUnavailable, InvalidInput
from registry.core.evidence.file import Evidence
from registry.core.scalars import to_hex
from tests.support.mail_stage import FIELDS, order
from tests.support.served_brand import ServedBrand, person_at, served_brand


@pytest.fixture
def served(tmp_path: Path) -> Iterator[ServedBrand]:
    with served_brand(tmp_path) as made:
        made.api.stage.bought("what Alice has")
        yield made


def granted(served: ServedBrand) -> Evidence:
    """Alice's yes to a request for her purchases, which is delivered."""
    from registry.client.grant import grant

    asked, _ = served.ask(more={"fields": FIELDS})
    done = grant(served.alice, asked, deliver=True).evidence
    served.api.follow()
    return done


def write(served: ServedBrand, evidence: Evidence, text: str, *records: Any) -> None:
    body = {"grant": to_hex(evidence.digest), "text": text} | ({"records": list(records)} if records else {})
    answer = served.api.internal.post("/v1/messages", json=body)
    assert answer.status_code == 202, answer.text
    served.api.follow()


def pulled(served: ServedBrand, tmp_path: Path, *named: str, **how: Any) -> list[Opened]:
    alice = how.pop("alice", served.alice)
    some = boxes(alice.evidence, alice.deliveries, named)
    return list(pull_all(alice, some, alice.deliveries, MailFolder(tmp_path / "home"), **how))


def test_a_delivered_grant_is_a_box_and_its_mail_comes_over_http(served: ServedBrand, tmp_path: Path) -> None:
    evidence, heard = granted(served), list[str]()
    write(served, evidence, "Your order has left.", order(17, "blue coat"))
    (opened,) = pulled(served, tmp_path, told=heard.append)
    assert opened.why is None and [one.text for one in opened.pulled.messages] == ["Your order has left."]
    assert heard == [f"{opened.pulled.brand}: message 1"]
    assert len(served.alice.vault.search("blue coat").records) == 1


def test_boxes_are_named_by_digest_brand_or_account(served: ServedBrand) -> None:
    evidence = granted(served)
    store, deliveries = served.alice.evidence, served.deliveries
    for name in (to_hex(evidence.digest), "maison aurelle", served.api.stage.brand.address):
        assert [box.evidence.digest for box in boxes(store, deliveries, [name])] == [evidence.digest]
    for name in ("0x" + "11" * 32, "nobody"):
        with pytest.raises(InvalidInput):
            boxes(store, deliveries, [name])


def test_a_grant_that_was_carried_by_hand_has_no_box(served: ServedBrand) -> None:
    served.api.stage.granted()
    assert boxes(served.alice.evidence, served.deliveries) == []
    assert boxes(EvidenceFolder(served.api.stage.folder / "none"), served.deliveries) == []


def test_a_brand_that_is_away_is_told_and_takes_nothing(served: ServedBrand, tmp_path: Path) -> None:
    granted(served)
    away = person_at(served.api, "http://127.0.0.1:9")
    (opened,) = pulled(served, tmp_path, alice=away)
    assert isinstance(opened.why, BrandUnavailable) and opened.is_unchecked and opened.pulled.messages == []


def test_after_the_end_the_brand_is_asked_once_more_and_then_never(served: ServedBrand, tmp_path: Path) -> None:
    evidence = granted(served)
    write(served, evidence, "before the end")
    served.api.stage.pass_time(60)
    revoke(served.alice, evidence)
    served.api.follow()
    (last,) = pulled(served, tmp_path)
    assert (last.pulled.state, len(last.pulled.messages)) == ("ended", 1)
    away = person_at(served.api, "http://127.0.0.1:9")
    (after,) = pulled(served, tmp_path, alice=away)
    assert after.why is None and after.pulled.messages == [], "nobody is asked"
