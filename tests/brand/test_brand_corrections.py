"""The whole way back: the brand sends what it holds, Alice corrects it, and the brand reads its value beside hers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from registry.client.mail import Pull, Pulled
from registry.client.mail_folder import MailFolder
from registry.client.revoke import revoke
from registry.core.evidence.file import Evidence, write_evidence
from registry.core.scalars import to_hex
from tests.support.brand_data import PERSONAL, DataApi, data_api, lines_of
from tests.support.mail_stage import order


@pytest.fixture
def data(tmp_path: Path) -> Iterator[DataApi]:
    with data_api(tmp_path) as made:
        yield made


def told(data: DataApi, evidence: Evidence, *records: dict[str, Any]) -> None:
    """The brand's own system sends what it holds."""
    body = {"grant": to_hex(evidence.digest), "records": list(records)}
    answer = data.internal.post("/v1/messages", json=body)
    assert answer.status_code == 202, answer.text
    data.follow()


def pulled(data: DataApi, evidence: Evidence, tmp_path: Path) -> Pulled:
    place = data.public.post("/v1/evidence", content=write_evidence(evidence), headers=_JSON).headers["location"]

    def ask(after: int) -> bytes:
        return bytes(data.public.get(f"{place}/messages", params={"after": after}).content)

    person = replace(data.stage.alice, vault=data.hands.vault)
    return Pull(person, evidence, ask, MailFolder(tmp_path / "home")).run()


def synced(data: DataApi, evidence: Evidence) -> None:
    """Alice's software brings the grant up to date at the brand."""
    assert data.update(data.hands.update()).status_code == 201
    assert data.send(evidence).status_code == 201


def changes(data: DataApi, evidence: Evidence, **more: Any) -> Any:
    asked = {"purpose": PERSONAL, "grant": to_hex(evidence.digest), **more}
    return data.internal.post("/v1/data/changes", json=asked)


def test_the_brand_sees_what_was_changed_and_added(data: DataApi, tmp_path: Path) -> None:
    evidence = data.granted("mushrooms")
    assert data.send(evidence).status_code == 201
    told(data, evidence, order(1, "coat"), order(2, "scarf"), order(3, "gloves"))
    found = pulled(data, evidence, tmp_path)
    assert [str(one.became) for one in found.delivery.received] == ["new"] * 3
    synced(data, evidence)
    assert changes(data, evidence).content == b"", "nothing differs"
    vault = data.hands.vault
    (coat, gloves) = (vault.search(name).records[0].id for name in ("coat", "gloves"))
    vault.edit(coat, body=order(1, "blue coat", seller="somebody else")["body"])
    vault.remove([gloves])
    synced(data, evidence)
    corrected, removed = lines_of(changes(data, evidence, system="crm"))
    # The grant shows name and price. Of the seller the brand learns nothing.
    assert (corrected["id"], corrected["old"], corrected["new"]) == ("order-1", {"name": "coat"}, {"name": "blue coat"})
    assert corrected["sent"]["number"] == 1 and corrected["takenAt"] > 0
    assert (removed["id"], removed["removed"], removed["new"]) == ("order-3", True, {})
    own = {line.get("origin"): line["body"]["name"] for line in lines_of(data.read(evidence))}
    assert own == {"order-1": "blue coat", "order-2": "scarf", None: "mushrooms"}


def test_each_reading_of_changes_is_a_use(data: DataApi, tmp_path: Path) -> None:
    evidence = data.granted("mushrooms")
    assert data.send(evidence).status_code == 201
    before = data.brand.store.use_count()
    assert changes(data, evidence).status_code == 200
    assert data.brand.store.use_count() == before + 1


def test_after_the_end_nothing_is_compared(data: DataApi, tmp_path: Path) -> None:
    evidence = data.granted("mushrooms")
    assert data.send(evidence).status_code == 201
    told(data, evidence, order(1, "coat"))
    revoke(replace(data.stage.alice, vault=data.hands.vault), evidence)
    data.follow()
    answer = changes(data, evidence)
    assert (answer.status_code, answer.json()["title"]) == (410, "Revoked")


def test_another_purpose_compares_nothing(data: DataApi) -> None:
    evidence = data.granted("mushrooms")
    assert data.send(evidence).status_code == 201
    assert changes(data, evidence, purpose="dpv:Marketing").json()["title"] == "PurposeNotGranted"


_JSON = {"Content-Type": "application/json"}
