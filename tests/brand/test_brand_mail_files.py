"""Files beside messages: sealed, fetched, compared with what was signed, and taken into the vault, or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from registry.brand.mailing import KEPT_SECONDS, UNUSED_SECONDS
from registry.client.revoke import revoke
from registry.core.sealed.mail import MAX_FILE
from registry.vault.received import Became
from tests.support.brand_api import brand_api
from tests.support.fake_storage import MemoryBlocks
from tests.support.mail_stage import Correspondence

SMALL, LARGE = b"%PDF invoice", bytes(range(256)) * 5_000
PERSONAL = "pd:PersonalDocuments"


@pytest.fixture
def post(tmp_path: Path) -> Iterator[Correspondence]:
    with brand_api(tmp_path) as api:
        yield Correspondence(api, tmp_path / "home")


def enclosed(post: Correspondence, raw: bytes = SMALL, **more: Any) -> dict[str, Any]:
    handle = post.attached(raw).json()["file"]
    named = {"id": "invoice-17", "category": PERSONAL, "name": "invoice.pdf", "mediaType": "application/pdf"}
    return named | {"file": handle} | more


def blocks(post: Correspondence) -> dict[bytes, bytes]:
    custody = post.api.desk.custody
    assert custody is not None and isinstance(custody.blocks, MemoryBlocks)
    return custody.blocks.kept


@pytest.mark.parametrize("raw", [SMALL, LARGE])
def test_a_file_arrives_as_a_record_of_the_brands(post: Correspondence, raw: bytes) -> None:
    post.sent("Your invoice.", files=[enclosed(post, raw)])
    pulled = post.fetch()
    assert [(one.text, one.files) for one in pulled.messages] == [("Your invoice.", 1)] and pulled.refused == []
    (became,) = [one for one in pulled.delivery.received if one.at == "message 1, file invoice-17"]
    vault = post.stage.alice.vault
    record = vault.get(became.record)
    assert record.file is not None and record.origin is not None and record.source == "Maison Aurelle"
    assert (record.schema, record.category, record.origin.id) == ("file/1", PERSONAL, "invoice-17")
    assert (record.file.name, record.file.media_type) == ("invoice.pdf", "application/pdf")
    assert (record.file.bytes, record.file.sha256) == (len(raw), sha256(raw).hexdigest())
    assert (record.file.cid is None) == (raw is SMALL)
    # The same again is nothing new.
    assert {one.became for one in post.fetch(again=True).delivery.received} == {Became.KNOWN}


def test_neither_the_store_nor_the_database_nor_the_listener_can_read_it(post: Correspondence) -> None:
    post.sent("x", files=[enclosed(post, b"a secret that is easily found " * 50)])
    (row,) = post.api.brand.store.files_of(
        post.answer, [bytes.fromhex(post.attached(b"a secret that is easily found " * 50).json()["file"][2:])]
    ).values()
    plain = b"a secret that is easily found"
    assert row.used and plain not in row.ref and not any(plain in each for each in blocks(post).values())
    assert sha256(plain * 50).digest() not in (row.tag, row.cid)
    assert all(b"AGE-SECRET-KEY" not in part for part in (row.ref, row.cid))


def test_the_same_file_and_message_again_are_the_same(post: Correspondence) -> None:
    first = post.sent("x", files=[enclosed(post)])
    again = post.send("x", files=[enclosed(post)])
    assert (again.status_code, again.json()["content"]) == (201, first.json()["content"])
    assert len(blocks(post)) == 1


def test_a_newer_file_is_a_version_and_the_persons_change_stays(post: Correspondence) -> None:
    post.sent(files=[enclosed(post)])
    (first,) = post.fetch().delivery.received
    post.sent(files=[enclosed(post, b"%PDF corrected")])
    (second,) = post.fetch().delivery.received
    assert (first.became, second.became, second.record) == (Became.NEW, Became.UPDATED, first.record)


@pytest.mark.parametrize("broken", ["gone", "cut", "swapped"])
def test_what_is_not_whole_is_named_and_nothing_of_its_message_is_taken(post: Correspondence, broken: str) -> None:
    two = [enclosed(post), enclosed(post, LARGE, id="photo", name="photo.png", mediaType="image/png")]
    post.sent("Both.", files=two)
    post.sent("Another.")
    other = b"age-encryption.org/v1" + bytes(200)

    def ask(cid: str) -> bytes | None:
        raw = post.ask_file(cid)
        assert raw is not None
        if len(raw) < len(LARGE):
            return raw
        return {"gone": None, "cut": raw[:-20], "swapped": other}[broken]

    pulled = post.fetch(ask_file=ask)
    assert [one.text for one in pulled.messages] == ["Another."]
    assert "message 1" in str(pulled.refused[0]) and "photo.png" in str(pulled.refused[0])
    assert post.fetch().messages == []  # it was said
    assert [one.files for one in post.fetch(again=True).messages if one.number == 1] == [2]


def test_names_that_would_be_paths_are_refused(post: Correspondence) -> None:
    for name in ("../x", "a/b", "..", "a\\b", "a\nb", ""):
        answer = post.send("x", files=[enclosed(post, name=name)])
        assert (answer.status_code, answer.json()["title"]) == (422, "Malformed"), name


def test_bounds(post: Correspondence) -> None:
    assert post.attached(b"").status_code == 413
    assert post.attached(bytes(MAX_FILE + 1)).status_code == 413
    many = [enclosed(post, id=f"file-{n}") for n in range(17)]
    assert post.send("x", files=many).status_code == 422
    twice = [enclosed(post), enclosed(post)]
    assert post.send("x", files=twice).status_code == 422
    unknown = enclosed(post) | {"file": "0x" + "ab" * 32}
    answer = post.send("x", files=[unknown])
    assert (answer.status_code, answer.json()["title"]) == (422, "UnknownFile")
    assert post.attached(SMALL, grant="0x" + "ab" * 32).status_code == 404


def test_a_full_brand_takes_none(tmp_path: Path) -> None:
    with brand_api(tmp_path, data_bytes=1 << 20) as api:
        post = Correspondence(api, tmp_path / "home")
        assert post.attached(SMALL).status_code == 201
        answer = post.attached(LARGE)
        assert (answer.status_code, answer.json()["title"]) == (507, "BrandFull")
        assert api.brand.store.data_bytes() == sum(map(len, [next(iter(blocks(post).values()))]))


def test_a_file_is_given_to_those_with_its_grants_capability_alone(post: Correspondence) -> None:
    seen = list[str]()
    post.sent("x", files=[enclosed(post)])
    post.fetch(ask_file=lambda cid: seen.append(cid) or post.ask_file(cid))
    other = post.deliver(post.granted(again=True))
    assert post.api.public.get(f"{other}/files/{seen[0]}").status_code == 404
    assert post.api.public.get(f"{post.place}/files/{'b' + 'a' * 58}").status_code == 404
    post.attached(b"not named by a message yet")
    assert len(blocks(post)) == 2


class TestTheyGo:
    def test_what_no_message_names_after_a_day(self, post: Correspondence) -> None:
        post.attached(SMALL)
        post.stage.pass_time(UNUSED_SECONDS + 120)
        post.stage.ledger.mine()
        post.api.follow()
        self.left_and_counted(post)

    def test_what_was_sent_thirty_days_after_the_end(self, post: Correspondence) -> None:
        post.sent("x", files=[enclosed(post)])
        revoke(post.stage.alice, post.evidence)
        post.api.follow()
        assert post.attached(b"more").status_code == 410 and post.fetch().messages[0].files == 1
        post.stage.pass_time(KEPT_SECONDS + 120)
        post.stage.ledger.mine()
        post.api.follow()
        self.left_and_counted(post)

    def left_and_counted(self, post: Correspondence) -> None:
        store = post.api.brand.store
        (note,) = store.left_arrivals(1, 10)  # the keeper erases these
        assert set(note.digests) == set(blocks(post)) == set(store.unheld(note.digests, note.id))
        assert store.data_bytes() == 0


def test_a_judge_does_not_erase_what_a_message_needs(post: Correspondence) -> None:
    """A person can send the sealed blocks back, as foreign ones."""
    post.sent("x", files=[enclosed(post)])
    assert post.api.brand.store.unheld(list(blocks(post))) == []


def test_the_answer_is_json(post: Correspondence) -> None:
    told = json.loads(post.attached(SMALL).content)
    assert (told["bytes"], told["sha256"]) == (len(SMALL), sha256(SMALL).hexdigest())
