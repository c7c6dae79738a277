"""A brand erases evidence: only what is over and settled, all of it in one commit, and marks that tell nothing stay."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from registry.brand.erased import mark_of
from registry.brand.evidence_erasure import EvidenceErasure
from registry.brand.inbox import SETTLED_BLOCKS
from registry.brand.sql import erasures
from registry.client.revoke import revoke
from registry.core.errors import InvalidInput, StorageUnavailable
from registry.core.evidence.file import Evidence, write_evidence
from registry.core.scalars import to_hex, unhex
from tests.support.brand_api import brand_api
from tests.support.database_dumps import rows_of
from tests.support.mail_stage import Correspondence

REASON = "a dispute"


class Erasing(Correspondence):
    """Alice's grant at the brand, with a message and a file, and the brand's erasure."""

    @property
    def store(self) -> Any:
        return self.api.brand.store

    @property
    def erasure(self) -> EvidenceErasure:
        return EvidenceErasure(self.store, self.api.stage.folder, self.stage.clock)

    def settle(self) -> None:
        """Let the chain go on until nothing is waited for."""
        for _ in range(SETTLED_BLOCKS * 2 + 2):
            self.stage.ledger.mine()
        self.api.follow()
        self.api.follow()

    def end(self) -> None:
        revoke(self.stage.alice, self.evidence)
        self.api.follow()
        self.settle()

    def erase(self, evidence: Evidence | None = None) -> Any:
        found = self.erasure.find(to_hex((evidence or self.evidence).digest))
        return self.erasure.erase(found)


@pytest.fixture
def brand(tmp_path: Path) -> Iterator[Erasing]:
    with brand_api(tmp_path) as api:
        made = Erasing(api, tmp_path / "home")
        handle = made.attached(b"%PDF invoice").json()["file"]
        named = {"id": "i", "category": "pd:PersonalDocuments", "name": "i.pdf", "mediaType": "application/pdf"}
        made.sent("Your order has left.", files=[named | {"file": handle}])
        made.settle()
        yield made


def secrets_of(brand: Erasing) -> dict[str, bytes]:
    message: Any = brand.evidence.statement.message
    (answer,) = brand.store.by_digest([brand.evidence.digest]).values()
    return {
        "digest": brand.evidence.digest,
        "salt": unhex(message.salt) if isinstance(message.salt, str) else message.salt,
        "subject": unhex(message.subject),
        "capability": answer.capability,
        "handle": answer.handle,
        "lock": answer.lock,
        "signature": brand.evidence.signature.encode(),
    }


def kept(brand: Erasing, secret: bytes) -> list[str]:
    """Where a secret stands in the rows, and in the bytes of the database's files."""
    folder = next(brand.api.stage.folder.parent.rglob("brand.sqlite"))
    rows = [name for name, raw in rows_of(folder) if secret in raw or secret.hex().encode() in raw]
    files = [file.name for file in folder.parent.glob("brand.sqlite*") if secret in file.read_bytes()]
    return rows + files


def test_all_of_it_goes_and_nothing_stands_in_the_files(brand: Erasing) -> None:
    secrets = secrets_of(brand)
    brand.end()
    assert kept(brand, secrets["digest"]) and kept(brand, secrets["subject"])
    done = brand.erase()
    made = done.certificate
    assert (made.grants, made.refusals, made.found) == (1, 0, 0)
    # The chain's public log is everybody's: an opened handle stands in it.
    left = {name: kept(brand, value) for name, value in secrets.items() if name != "handle"}
    assert not any(left.values()), left
    assert brand.store.data_bytes() == 0
    (note,) = brand.store.left_arrivals(1, 10)  # the worker erases the file's blocks
    assert note.digests


def test_the_certificate_names_nothing(brand: Erasing) -> None:
    secrets = secrets_of(brand)
    brand.end()
    raw = brand.erase().file.read_bytes()
    assert json.loads(raw)["day"] == time.strftime("%Y-%m-%d", time.gmtime(brand.stage.clock()))
    for value in secrets.values():
        assert value not in raw and value.hex().encode() not in raw


class TestWhatStays:
    def test_a_mark_with_the_proof_that_the_end_was_obeyed(self, brand: Erasing) -> None:
        brand.end()
        (answer,) = brand.store.by_digest([brand.evidence.digest]).values()
        assert brand.store.acknowledgement(answer.id)
        brand.erase()
        (mark,) = brand.store.marked([brand.evidence.digest])
        assert mark.mark == mark_of(brand.evidence.digest) and len(mark.acknowledgement) == 32
        assert mark.certified and mark.day % 86_400 == 0

    def test_the_person_reads_that_it_was_erased(self, brand: Erasing) -> None:
        brand.end()
        brand.erase()
        for path in (brand.place, f"{brand.place}/evidence", f"{brand.place}/messages"):
            answer = brand.api.public.get(path)
            assert (answer.status_code, answer.json()["title"]) == (410, "WasErased"), path
        assert brand.api.public.get(brand.place[:-2] + "00").status_code == 404

    def test_a_refusal_does_not_come_back(self, brand: Erasing) -> None:
        refusal = brand.api.brand.refused()
        assert brand.api.send(write_evidence(refusal)).status_code == 201
        brand.settle()
        assert brand.erase(refusal).certificate.refusals == 1
        again = brand.api.send(write_evidence(refusal))
        assert (again.status_code, again.json()["title"]) == (410, "WasErased")
        assert brand.store.counts().get(("Refusal", "live"), 0) == 0

    def test_the_log_of_events_keeps_its_numbers(self, brand: Erasing) -> None:
        brand.end()
        before = [each.id for each in brand.store.events_after(0)]
        brand.erase()
        after = brand.store.events_after(0)
        assert [each.id for each in after] == before
        assert {each.subject for each in after} == {erasures.NOBODY}


class TestWhatIsNotErased:
    def test_a_live_grant(self, brand: Erasing) -> None:
        with pytest.raises(InvalidInput, match="has not ended"):
            brand.erase()
        assert brand.store.by_digest([brand.evidence.digest])

    def test_an_end_that_is_not_settled(self, brand: Erasing) -> None:
        revoke(brand.stage.alice, brand.evidence)
        brand.api.follow()
        with pytest.raises(InvalidInput, match="not done with the end"):
            brand.erase()

    def test_what_is_on_a_legal_hold_until_its_day_or_its_release(self, brand: Erasing) -> None:
        brand.end()
        found = brand.erasure.find(to_hex(brand.evidence.digest))
        assert brand.erasure.hold(found, brand.stage.clock() + 1_000, REASON) == 1
        with pytest.raises(InvalidInput, match=REASON):
            brand.erase()
        assert brand.erasure.release(found) == 1 and brand.erasure.release(found) == 0
        brand.erasure.hold(found, brand.stage.clock() + 10, REASON)
        brand.stage.pass_time(20)
        assert brand.erase().certificate.grants == 1

    def test_a_hold_has_a_reason_and_a_future(self, brand: Erasing) -> None:
        found = brand.erasure.find(to_hex(brand.evidence.digest))
        for until, reason in ((brand.stage.clock(), REASON), (brand.stage.clock() + 9, " "), (2**40, "x" * 1_001)):
            with pytest.raises(InvalidInput):
                brand.erasure.hold(found, until, reason)

    def test_what_changed_or_was_held_meanwhile(self, brand: Erasing) -> None:
        brand.end()
        found = brand.erasure.find(to_hex(brand.evidence.digest))
        before = brand.erasure.check
        object.__setattr__(
            erasure := brand.erasure, "check", lambda some: (before(some), erasure.hold(some, 2**40, REASON))
        )
        with pytest.raises(StorageUnavailable, match="just changed"):
            erasure.erase(found)
        assert brand.store.by_digest([brand.evidence.digest]) and not brand.store.marked([brand.evidence.digest])

    def test_what_is_not_there(self, brand: Erasing) -> None:
        brand.end()
        brand.erase()
        with pytest.raises(InvalidInput, match="erased already"):
            brand.erasure.find(to_hex(brand.evidence.digest))
        with pytest.raises(InvalidInput, match="nothing is kept"):
            brand.erasure.find("0x" + "07" * 32)


def test_a_person_is_erased_by_their_address(brand: Erasing) -> None:
    message: Any = brand.evidence.statement.message
    brand.end()
    assert [each.digest for each in brand.erasure.find(message.subject)] == [brand.evidence.digest]


def test_the_worker_goes_on_with_the_others(brand: Erasing) -> None:
    other = brand.granted(again=True)
    brand.end()
    brand.deliver(other)
    brand.erase()
    brand.settle()
    assert brand.store.by_digest([other.digest])
