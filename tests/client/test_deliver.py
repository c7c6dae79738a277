"""A person's answer reaches the brand's real service, or waits, and nothing of it is lost."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs

from registry.client.deliver import Courier
from registry.client.deliveries import Delivery, Reached
from registry.client.grant import grant, refuse
from registry.client.revoke import revoke
from registry.core.errors import InvalidInput
from registry.core.evidence.file import Evidence
from registry.core.scalars import to_hex
from tests.support.served_brand import ServedBrand, person_at, served_brand


@pytest.fixture
def served(tmp_path: Path) -> Iterator[ServedBrand]:
    with served_brand(tmp_path) as made:
        yield made


def kept(served: ServedBrand) -> Delivery:
    (found,) = served.deliveries.all()
    return found


class TestGrants:
    def test_a_grant_is_delivered_with_what_it_hands_over(self, served: ServedBrand) -> None:
        served.api.stage.bought("Lipstick", "Powder")
        done = served.granted()
        assert done.delivery is not None and done.delivery == kept(served)
        assert (done.delivery.stage, done.delivery.blocks, done.delivery.waits) == (Reached.TAKEN, (), False)
        url = served.deliveries.capability_url(to_hex(done.evidence.digest))
        assert url is not None and url.startswith("https://aurelle.example/v1/grants/")
        (row,) = [served.api.brand.store.by_capability(bytes.fromhex(url[-32:]))]
        assert row is not None and row.digest == done.evidence.digest
        assert [path for path, _ in served.took] == ["/v1/blocks"]
        assert all(served.api.stage.store.get(cid) in served.took[0][1] for cid in done.delivery.sent)

    def test_the_file_of_a_delivery_is_a_secret(self, served: ServedBrand) -> None:
        done = served.granted()
        assert done.delivery is not None
        (file,) = (served.api.stage.folder / "home" / "deliveries").glob("*.json")
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert str(done.delivery.capability) in file.read_text()
        assert str(done.delivery.capability) not in repr(done.delivery) + repr(done)

    def test_a_file_is_carried_by_hand(self, served: ServedBrand) -> None:
        done = grant(served.alice, served.ask()[0])
        assert done.delivery is None and served.deliveries.all() == []

    def test_nothing_goes_to_whom_nobody_confirms(self, served: ServedBrand) -> None:
        asked, _ = served.ask()
        away = person_at(served.api, "http://127.0.0.1:9")
        done = grant(away, asked, deliver=True)
        assert done.delivery is None and served.deliveries.all() == []

    def test_a_refusal_is_delivered(self, served: ServedBrand) -> None:
        done = refuse(served.alice, served.ask()[0], deliver=True)
        assert done.delivery is not None and done.delivery.stage is Reached.TAKEN
        assert served.api.brand.store.by_digest({done.evidence.digest})

    def test_the_acceptance_is_kept_in_our_own_file(self, served: ServedBrand) -> None:
        done = served.granted()
        served.api.follow()
        again = served.deliveries.find(to_hex(done.evidence.digest))
        assert again is not None
        served.deliveries.keep(structs.replace(again, stage=Reached.WAITING))
        served.courier.go_on_all()
        (whole,) = served.alice.evidence.all()
        assert whole.acceptance and whole.signature == done.evidence.signature


class TestEndings:
    def test_the_brand_hears_at_once_and_reads_the_chain_itself(self, served: ServedBrand) -> None:
        evidence = served.granted().evidence
        store = served.api.brand.store
        revoke(served.alice, evidence)
        assert kept(served).told
        assert [str(each.state) for each in store.by_digest({evidence.digest}).values()] == ["ended"]
        served.api.follow()
        events = [str(event.kind) for event in store.events_after(0, 10)]
        assert events == ["granted", "ended"]

    def test_a_lie_ends_nothing(self, served: ServedBrand) -> None:
        done = served.granted()
        assert done.delivery is not None
        place = f"/v1/grants/{done.delivery.capability}"
        told = served.api.public.post(f"{place}/ended")
        assert (told.status_code, told.json()["state"]) == (200, "accepting")
        assert served.api.public.post(f"/v1/grants/{'0' * 32}/ended").status_code == 404

    def test_nobody_is_kept_from_ending_by_a_brand(self, served: ServedBrand) -> None:
        evidence = served.granted().evidence
        away = person_at(served.api, "http://127.0.0.1:9")
        assert revoke(away, evidence) is not None
        found = kept(served)
        assert not found.told and found.trouble
        served.courier.go_on_all()
        assert kept(served).told and not kept(served).trouble

    def test_what_ended_before_the_brand_had_it_is_never_sent(self, tmp_path: Path) -> None:
        with served_brand(tmp_path) as served:
            served.api.stage.bought("Lipstick")
            done = waiting(served)
            revoke(served.alice, done)
            assert kept(served).stage is Reached.CLOSED and served.took == []
            served.courier.go_on_all()
            assert served.api.brand.store.by_digest({done.digest}) == {}


def waiting(served: ServedBrand) -> Evidence:
    """A grant of Alice's whose brand went away after it was confirmed."""
    away = person_at(served.api, "http://127.0.0.1:9")
    done = grant(replace(served.alice, deliveries=away.deliveries), served.ask()[0], deliver=True)
    assert done.delivery is not None and done.delivery.stage is Reached.WAITING
    return done.evidence


class TestWaiting:
    def test_what_could_not_be_delivered_waits_and_status_delivers_it(self, served: ServedBrand) -> None:
        served.api.stage.bought("Lipstick")
        evidence = waiting(served)
        found = kept(served)
        assert found.waits and found.blocks and found.trouble and "did not answer" in found.trouble.detail
        courier: Courier = served.courier
        (done,) = courier.go_on_all()
        assert not done.waits and not done.trouble and done.digest == to_hex(evidence.digest)
        assert [path for path, _ in served.took] == ["/v1/blocks"]
        assert courier.go_on_all() == [done] and len(served.took) == 1

    def test_a_damaged_note_is_named(self, served: ServedBrand) -> None:
        served.granted()
        (file,) = (served.api.stage.folder / "home" / "deliveries").glob("*.json")
        file.write_text("{}")
        assert [file.name in str(error) for error in served.deliveries.damaged()] == [True]
        with pytest.raises(InvalidInput, match=file.name):
            served.deliveries.find(file.stem)
