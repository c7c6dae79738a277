"""Pulling what brands sent: only what the controller signed, for this grant and mailbox, while the grant lived."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from registry.client.mail import Pulled
from registry.client.revoke import revoke
from registry.core.age.stream import seal_bytes
from registry.core.errors import BrandUnavailable, InvalidInput, LedgerUnavailable, NotAnchored
from registry.core.scalars import to_hex
from registry.core.sealed.frame import padme
from tests.support.mail_stage import Correspondence, MailStage, bodies, content, correspondence, order, page
from tests.support.stage import PURCHASES, Stage


@pytest.fixture
def box(stage: Stage, tmp_path: Path) -> MailStage:
    """Alice's grant, and a brand that may send anything."""
    return MailStage(stage, tmp_path / "home")


@pytest.fixture
def mail(tmp_path: Path) -> Iterator[Correspondence]:
    """The same with the brand's real service."""
    with ExitStack() as stack:
        yield correspondence(stack, tmp_path)


def taken(pulled: Pulled) -> list[int]:
    return [one.number for one in pulled.messages]


def refusals(pulled: Pulled) -> list[str]:
    return [str(one) for one in pulled.refused]


class TestWithTheRealService:
    def test_messages_and_records_come_into_the_vault(self, mail: Correspondence) -> None:
        mail.sent("Your order has left.", order(17, "blue coat"))
        pulled = mail.fetch()
        assert (pulled.state, taken(pulled), pulled.messages[0].text) == ("live", [1], "Your order has left.")
        assert [str(one.became) for one in pulled.delivery.received] == ["new", "new"] and not pulled.refused
        vault = mail.stage.alice.vault
        (coat,) = vault.search("blue coat").records
        assert coat.source == "Maison Aurelle" and coat.origin is not None and coat.origin.id == "order-17"
        (text,) = vault.search("has left").records
        assert (text.schema, text.category) == ("message/1", "pd:Communication")
        assert text.body is not None and text.body["sender"] == "Maison Aurelle"

    def test_a_second_pull_takes_what_is_new_and_nothing_twice(self, mail: Correspondence) -> None:
        mail.sent("one", order(1))
        assert taken(mail.fetch()) == [1] and taken(mail.fetch()) == []
        mail.sent("two", order(2))
        assert taken(mail.fetch()) == [2]
        assert bodies(mail.stage) == ["coat", "coat", "what Alice has"]

    def test_a_home_that_lost_its_memory_takes_nothing_twice(self, mail: Correspondence, tmp_path: Path) -> None:
        mail.sent("one", order(1, "red"))
        mail.sent("two", order(1, "green"))
        mail.sent("three", order(1, "red"))
        mail.fetch()
        before = mail.stage.alice.vault.history(mail.stage.alice.vault.search("red").records[0].id)
        assert [one.body["name"] for one in before if one.body] == ["red", "green", "red"]
        (tmp_path / "alice's home" / "mail" / f"{to_hex(mail.evidence.digest)}.json").unlink()
        again = mail.fetch()
        assert {str(one.became) for one in again.delivery.received} == {"known"} and taken(again) == [1, 2, 3]
        assert mail.stage.alice.vault.history(before[0].id) == before

    def test_a_dry_run_writes_nothing(self, mail: Correspondence, tmp_path: Path) -> None:
        mail.sent("one", order(1, "red"))
        index = mail.stage.alice.vault.index
        pulled = mail.fetch(dry=True)
        assert taken(pulled) == [1] and [str(one.became) for one in pulled.delivery.received] == ["new", "new"]
        assert mail.stage.alice.vault.index == index and not (tmp_path / "alice's home" / "mail").exists()
        assert taken(mail.fetch()) == [1]

    def test_after_the_end_what_was_sent_before_still_comes(self, mail: Correspondence) -> None:
        mail.sent("before the end")
        mail.stage.pass_time(60)
        revoke(mail.stage.alice, mail.evidence)
        mail.api.follow()
        pulled = mail.fetch()
        assert (pulled.state, taken(pulled)) == ("ended", [1])

    def test_a_grant_that_ends_between_two_pulls(self, mail: Correspondence) -> None:
        mail.sent("before the end")
        mail.fetch()
        mail.stage.pass_time(60)
        revoke(mail.stage.alice, mail.evidence)
        mail.stage.pass_time(60)
        late = page((2, mail.mail(2, content("after the end"))))
        pulled = mail.pull(late)
        assert taken(pulled) == [] and "after the grant had ended" in refusals(pulled)[0]

    def test_a_grant_that_replaces_another_opens_the_same_mailbox_anew(self, mail: Correspondence) -> None:
        mail.sent("", order(1, "red"))
        mail.fetch()
        mail.stage.pass_time(60)
        newer = mail.granted(supersedes=mail.evidence)
        place = mail.deliver(newer)
        mail.sent("", order(1, "green"), grant=to_hex(newer.digest))
        pulled = mail.pull_from(lambda after: mail.ask(after, place), evidence=newer)
        assert [str(one.became) for one in pulled.delivery.received] == ["updated"]
        assert bodies(mail.stage) == ["green", "what Alice has"]


class TestHostileMail:
    def test_signed_by_another_account(self, box: MailStage) -> None:
        sealed = box.mail(1, content("trust me"), by=box.stage.another_brand("thief"))
        pulled = box.pull(page((1, sealed)))
        assert taken(pulled) == [] and "not signed by the brand's account" in refusals(pulled)[0]
        assert box.stage.alice.vault.search("trust").records == ()

    @pytest.mark.parametrize(
        ("changes", "why"),
        [
            ({"grant": "0x" + "11" * 32}, "another grant"),
            ({"controller": "0x8ba1f109551bD432803012645Ac136ddd64DBA72"}, "another brand"),
            ({"content": "0x" + "22" * 32}, "another content"),
            ({"number": 7}, "signed as message 7"),
        ],
    )
    def test_made_for_something_else(self, box: MailStage, changes: Any, why: str) -> None:
        number = changes.pop("number", 1)
        pulled = box.pull(page((1, box.mail(number, content("hello"), **changes))))
        assert taken(pulled) == [] and why in refusals(pulled)[0]

    def test_sealed_to_another_mailbox(self, box: MailStage) -> None:
        pulled = box.pull(page((1, box.mail(1, content("hello"), to=box.stage.brand.recipient))))
        assert taken(pulled) == [] and len(pulled.refused) == 1

    def test_a_message_again_under_its_number_or_another(self, box: MailStage) -> None:
        sealed = box.mail(1, content("once", order(1)))
        assert taken(box.pull(page((1, sealed)))) == [1]
        replayed = box.pull(page((1, sealed), (2, sealed)))
        assert taken(replayed) == [] and refusals(replayed) == ["message 2: it was signed as message 1"]
        assert bodies(box.stage) == ["coat", "what Alice has"]

    def test_a_number_with_other_bytes(self, box: MailStage) -> None:
        box.pull(page((1, box.mail(1, content("the first")))))
        pulled = box.pull(page((1, box.mail(1, content("another first")))), again=True)
        assert taken(pulled) == [] and "another message with this number" in refusals(pulled)[0]
        (kept,) = box.stage.alice.vault.search("first").records
        assert kept.body is not None and kept.body["text"] == "the first"

    def test_a_service_that_was_set_back_is_told(self, box: MailStage) -> None:
        box.pull(page(*((n, box.mail(n, content(f"number {n}"))) for n in (1, 2, 3))))
        pulled = box.pull(page((3, box.mail(3, content("a new number 3")))), again=False)
        assert taken(pulled) == [] and "signed another message" in (refusals(pulled) or pulled.told)[0]
        assert "3 were seen here" in box.pull(page(last=1)).told[0]

    def test_a_gap_is_told_and_the_rest_taken(self, box: MailStage) -> None:
        pulled = box.pull(page((1, box.mail(1, content("one"))), (4, box.mail(4, content("four")))))
        assert taken(pulled) == [1, 4] and pulled.missing == [2, 3]
        late = box.pull(page((2, box.mail(2, content("two"))), last=4), page(last=4), again=True)
        assert taken(late) == [2]

    def test_dates_before_the_grant_and_ahead(self, box: MailStage) -> None:
        now = box.stage.clock()
        early, ahead = (box.mail(n, content("when?"), issued_at=now + add) for n, add in ((1, -86_400), (2, 86_400)))
        pulled = box.pull(page((1, early), (2, ahead)))
        assert taken(pulled) == [] and "before the grant" in refusals(pulled)[0] and "future" in refusals(pulled)[1]

    def test_a_brand_that_took_back_all_that_it_signed(self, box: MailStage) -> None:
        sealed = box.mail(1, content("hello"))
        box.stage.pass_time(60)
        box.stage.ledger.transact("revokeAll", sender=box.stage.brand.wallet)
        pulled = box.pull(page((1, sealed)))
        assert taken(pulled) == [] and "taken back all" in refusals(pulled)[0]

    def test_a_gzip_bomb(self, box: MailStage) -> None:
        member = gzip.compress(bytes(64 << 20), 9, mtime=0)
        framed = (len(member).to_bytes(4) + member).ljust(padme(len(member) + 4), b"\0")
        bomb = seal_bytes(framed, [box.mailbox])
        pulled = box.pull(page((1, bomb), (2, box.mail(2, content("still read")))))
        assert taken(pulled) == [2] and "unpacks to more than" in refusals(pulled)[0]

    def test_bytes_that_are_no_message(self, box: MailStage) -> None:
        sealed = box.mail(3, content("x"), raw=b'{"type":"MailContent","version":1,"text":" <b> "}')
        pulled = box.pull(page((1, b"noise"), (2, b""), (3, sealed)))
        assert taken(pulled) == [] and len(pulled.refused) == 3

    def test_html_in_a_text_is_text(self, box: MailStage) -> None:
        text = '<script>alert("x")</script> & <img src=https://tracker.example/>'
        pulled = box.pull(page((1, box.mail(1, content(text)))))
        assert pulled.messages[0].text == text
        (kept,) = box.stage.alice.vault.search("alert").records
        assert kept.body is not None and kept.body["text"] == text

    def test_a_record_of_an_unknown_schema_is_refused_with_its_place(self, box: MailStage) -> None:
        odd = order(2) | {"schema": "walk/1"}
        sealed = box.mail(1, content("two things", order(1), odd))
        pulled = box.pull(page((1, sealed)))
        assert taken(pulled) == [1] and bodies(box.stage) == ["coat", "what Alice has"]
        assert [str(one) for one in pulled.delivery.refused] == [
            "message 1, record order-2: schema: there is no schema 'walk/1'"
        ]
        walk = {"type": "object", "x-vault": {"name": "walk/1", "category": PURCHASES, "time": ["orderDate"]}}
        properties = {"orderDate": {"type": "string", "format": "when"}}
        box.stage.alice.vault.add_schema(json.dumps(walk | {"properties": properties}).encode())
        again = box.pull(page((1, sealed)), again=True)
        assert sorted(str(one.became) for one in again.delivery.received) == ["known", "known", "new"]

    @pytest.mark.parametrize(
        "answer",
        [
            b"",
            b"<html>",
            b"[]",
            b'{"messages":[{"number":1,"sealed":"not base64!"}],"last":1}',
            b'{"messages":[{"number":2,"sealed":""},{"number":1,"sealed":""}],"last":2}',
            b'{"messages":[{"number":0,"sealed":""}],"last":0}',
            b'{"messages":[{"number":9,"sealed":""}],"last":1}',
        ],
    )
    def test_what_is_no_page(self, box: MailStage, answer: bytes) -> None:
        with pytest.raises(BrandUnavailable, match="no page of messages"):
            box.pull(answer)

    def test_huge_numbers_fill_no_memory(self, box: MailStage) -> None:
        pulled = box.pull(page((2**52, box.mail(2**52, content("far away")))))
        assert taken(pulled) == [] and pulled.missing == [] and "is the most" in pulled.told[0]

    def test_a_flood_ends_at_the_bounds_and_goes_on_next_time(self, box: MailStage, monkeypatch: Any) -> None:
        monkeypatch.setattr("registry.client.mail.MAX_MESSAGES", 4)
        sealed = {n: box.mail(n, content(f"number {n}")) for n in range(1, 8)}

        def ask(after: int) -> bytes:
            some = [(n, sealed[n]) for n in sorted(sealed) if n > after][:2]
            return page(*some, last=7)

        first = box.pull_from(ask)
        assert taken(first) == [1, 2, 3, 4] and first.waits
        assert taken(box.pull_from(ask)) == [5, 6, 7]

    def test_a_brand_that_drips_its_pages_is_left_for_the_next_pull(self, box: MailStage, monkeypatch: Any) -> None:
        monkeypatch.setattr("registry.client.mail.MAX_SECONDS", 0.0)
        sealed = [(number, box.mail(number, content(f"message {number}"))) for number in (1, 2, 3)]

        def drip(after: int) -> bytes:
            return page(*[each for each in sealed if each[0] > after][:1], last=3)

        first = box.pull_from(drip)
        assert taken(first) == [1] and first.waits and not first.told
        monkeypatch.undo()
        assert taken(box.pull_from(drip)) == [2, 3]

    def test_a_brand_that_counts_more_than_it_shows_is_told(self, box: MailStage) -> None:
        pulled = box.pull(page((1, box.mail(1, content("one"))), last=5), page(last=5))
        assert taken(pulled) == [1] and "shows none after 1" in pulled.told[0]


class TestInterruptions:
    def test_the_chain_is_away(self, box: MailStage) -> None:
        box.stage.ledger.down = True
        with pytest.raises(LedgerUnavailable):
            box.pull(page((1, box.mail(1, content("hello"), issued_at=box.stage.clock()))))
        assert box.stage.alice.vault.search("hello").records == ()

    def test_a_grant_that_does_not_count(self, box: MailStage) -> None:
        box.stage.ledger.reorg(1)
        with pytest.raises(NotAnchored):
            box.pull(page((1, box.mail(1, content("hello")))))

    def test_a_crash_in_the_middle_of_a_page_takes_nothing_of_it(self, box: MailStage, monkeypatch: Any) -> None:
        index = box.stage.alice.vault.index
        sealed = page((1, box.mail(1, content("one", order(1)))), (2, box.mail(2, content("two", order(2)))))
        with monkeypatch.context() as patch:
            patch.setattr("registry.vault.changes.Change.commit", _killed)
            with pytest.raises(KeyboardInterrupt):
                box.pull(sealed)
        assert box.stage.alice.vault.index == index and bodies(box.stage) == ["what Alice has"]
        assert taken(box.pull(sealed)) == [1, 2]

    def test_a_crash_after_the_vault_and_before_the_note(self, box: MailStage, monkeypatch: Any) -> None:
        sealed = page((1, box.mail(1, content("one", order(1)))))
        with monkeypatch.context() as patch:
            patch.setattr("registry.client.mail_folder.MailFolder.keep", _killed)
            with pytest.raises(KeyboardInterrupt):
                box.pull(sealed)
        again = box.pull(sealed)
        assert {str(one.became) for one in again.delivery.received} == {"known"}
        assert bodies(box.stage) == ["coat", "what Alice has"]

    def test_a_damaged_note_says_what_to_do(self, box: MailStage, tmp_path: Path) -> None:
        box.pull(page((1, box.mail(1, content("one")))))
        file = tmp_path / "home" / "mail" / f"{to_hex(box.evidence.digest)}.json"
        file.write_bytes(b'{"digests":["0x"]}')
        with pytest.raises(InvalidInput, match="is damaged") as error:
            box.pull(page())
        assert "takes nothing twice" in error.value.advice


def _killed(*_: Any) -> None:
    raise KeyboardInterrupt
