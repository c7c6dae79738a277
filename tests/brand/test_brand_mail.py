"""The way back, at the brand: it writes only while a grant lives, numbers have no gap, and nothing is in the open."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from registry.client.grant import grant
from registry.client.revoke import revoke
from registry.core.errors import StorageUnavailable
from registry.core.scalars import to_hex
from registry.core.sealed.mail import content_hash, open_mail, write_content
from tests.support.mail_stage import Correspondence, content, correspondence, order


@pytest.fixture(params=["sqlite", "postgres"])
def mail(request: Any, tmp_path: Path) -> Iterator[Correspondence]:
    """A correspondence over each database in turn."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else ""
    with ExitStack() as stack:
        yield correspondence(stack, tmp_path, database=url)


def numbers(mail: Correspondence, after: int = 0) -> list[int]:
    return [one["number"] for one in json.loads(mail.ask(after))["messages"]]


class TestSending:
    def test_a_message_waits_for_the_worker_and_is_then_sent(self, mail: Correspondence) -> None:
        first = mail.send("Your order has left.", order(17))
        assert (first.status_code, first.json()["state"]) == (202, "waiting") and numbers(mail) == []
        mail.api.follow()
        again = mail.send("Your order has left.", order(17))
        assert (again.status_code, again.json()["state"], again.json()["number"]) == (201, "sent", 1)
        assert again.json()["content"] == first.json()["content"]
        assert numbers(mail) == [1] and numbers(mail, 1) == []

    def test_the_same_content_is_one_message_and_an_id_makes_two(self, mail: Correspondence) -> None:
        mail.sent("It is on its way.")
        assert mail.send("It is on its way.").status_code == 201
        mail.sent("It is on its way.", id="shipment-2")
        assert numbers(mail) == [1, 2]

    def test_it_can_name_the_person_alone(self, mail: Correspondence) -> None:
        mail.sent("To you.", subject=mail.stage.alice.address)
        assert numbers(mail) == [1]

    def test_nothing_of_it_lies_in_the_open(self, mail: Correspondence) -> None:
        mail.send("a text that nobody else may read", order(17, "a coat of many colours"))
        store = mail.api.brand.store
        (waiting,) = store.unsent(0, 10)
        mail.api.follow()
        (kept,) = store.sent(mail.answer)
        for raw in (waiting.draft, kept.draft, mail.ask(0)):
            assert b"nobody else" not in raw and b"colours" not in raw and raw

    def test_what_is_fetched_is_signed_for_this_grant(self, mail: Correspondence) -> None:
        mail.sent("To you.")
        ((number, sealed),) = mail.api.brand.store.sealed_after(mail.answer, 0, 10)
        stage, digest = mail.stage, to_hex(mail.evidence.digest)
        identity = stage.alice.vault.mailbox_identity(stage.alice.address, stage.brand.address)
        opened = open_mail(sealed, identity, stage.network.domain, digest, stage.brand.address)
        assert opened.content == content("To you.") and opened.mail.message.number == number == 1
        assert opened.mail.message.content == content_hash(write_content(content("To you.")))

    def test_pages_are_bounded(self, mail: Correspondence, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("registry.brand.routes.messages.MOST_BYTES", 10_000)
        for number in range(5):
            mail.sent(f"message {number}")
        assert json.loads(mail.ask(0))["last"] == 5
        assert len(numbers(mail)) == 1 and numbers(mail, 3) == [4]
        pulled = mail.fetch()
        assert [one.number for one in pulled.messages] == [1, 2, 3, 4, 5] and not pulled.waits


class TestRefusals:
    def test_a_grant_that_has_ended_takes_nothing_more(self, mail: Correspondence) -> None:
        mail.sent("before the end")
        mail.send("queued before the end")
        revoke(mail.stage.alice, mail.evidence)
        mail.api.follow()
        answer = mail.send("after the end")
        assert (answer.status_code, answer.json()["title"]) == (410, "Revoked")
        # What waits for the person is still there; what was not signed in time never is.
        assert numbers(mail) == [1]
        assert mail.api.brand.store.unsent(0, 10) == []

    def test_one_that_has_expired(self, mail: Correspondence) -> None:
        mail.stage.pass_time(400 * 86_400)
        mail.stage.ledger.mine()
        mail.api.follow()
        answer = mail.send("too late")
        assert (answer.status_code, answer.json()["title"]) == (410, "Expired")

    def test_a_view_that_is_too_old_says_neither_yes_nor_no(self, mail: Correspondence) -> None:
        mail.stage.pass_time(3_600)
        mail.api.look()
        assert mail.send("is it live?").status_code == 503
        mail.api.brand.store.queue(mail.answer, b"\1" * 32, b"", mail.stage.clock())
        assert not mail.mailer().step(), "the worker must not sign by it either"

    def test_an_unknown_grant_and_a_stranger(self, mail: Correspondence) -> None:
        assert mail.send("who?", grant="0x" + "11" * 32).json()["title"] == "UnknownGrant"
        assert mail.send("who?", subject=mail.stage.brand.address).status_code == 404

    def test_a_grant_without_a_mailbox(self, mail: Correspondence) -> None:
        bare = grant(mail.stage.person("bob"), mail.stage.request(), data=["pd:EmailAddress"]).evidence
        mail.deliver(bare)
        answer = mail.send("no box", grant=to_hex(bare.digest))
        assert (answer.status_code, answer.json()["title"]) == (422, "NoMailbox")

    def test_a_grant_that_opens_a_mailbox_and_hands_over_nothing(self, mail: Correspondence) -> None:
        bob = mail.stage.person("bob")
        given = grant(bob, mail.stage.request(), data=["pd:EmailAddress"], mailbox=True).evidence
        place = mail.deliver(given)
        mail.sent("Hello Bob.", grant=to_hex(given.digest))
        assert len(json.loads(mail.ask(0, place))["messages"]) == 1 and bob.vault.shares.all() == ()

    @pytest.mark.parametrize(
        ("record", "member"),
        [
            ({"schema": "unknown/1"}, "schema"),
            ({"category": "pd:NoSuchThing"}, "category"),
            ({"body": {"name": "coat", "orderDate": "yesterday"}}, "body.orderDate"),
            ({"body": {"name": "coat"}}, "time"),
        ],
    )
    def test_a_record_that_does_not_fit_is_named(self, mail: Correspondence, record: Any, member: str) -> None:
        answer = mail.send("", order(1), order(17) | record)
        assert (answer.status_code, answer.json()["title"]) == (422, "DoesNotFit")
        assert [(one["record"], one["member"]) for one in answer.json()["faults"]] == [("order-17", member)]
        assert mail.api.brand.store.unsent(0, 10) == []

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"text": " begins with a space"},
            {"text": "a\u202egnirts"},
            {"text": "x" * 4_001},
            {"records": [order(1), order(1)]},
            {"records": [order(1) | {"id": "two words"}]},
            {"records": [order(1) | {"more": 1}]},
            {"text": "both", "subject": "0x8ba1f109551bD432803012645Ac136ddd64DBA72"},
            {"records": [order(1, big=2**60)]},
        ],
    )
    def test_what_is_no_message(self, mail: Correspondence, body: Any) -> None:
        answer = mail.api.internal.post("/v1/messages", json={"grant": to_hex(mail.evidence.digest)} | body)
        assert (answer.status_code, answer.json()["title"]) == (422, "Malformed"), answer.text

    def test_a_message_that_no_block_holds(self, mail: Correspondence) -> None:
        random = [order(n, bytes(range(33, 90)).decode() * 30) | {} for n in range(400)]
        assert mail.send("", *random).status_code == 413


class TestTheWorker:
    def test_a_capsule_that_is_not_there_yet_is_waited_for(self, mail: Correspondence) -> None:
        mail.send("once there is a capsule")

        def missing(cid: str) -> bytes:
            raise StorageUnavailable("not here")

        assert not mail.mailer(get=missing).step()
        mail.api.follow()
        assert numbers(mail) == [1]

    def test_two_workers_give_no_number_twice(self, mail: Correspondence) -> None:
        mail.send("one")
        mail.send("two")
        store = mail.api.brand.store
        first, second = store.unsent(0, 10)
        assert store.keep_sealed(first._replace(number=1, issued_at=5), b"sealed by one")
        assert not store.keep_sealed(second._replace(number=1, issued_at=5), b"sealed by another")
        assert not store.keep_sealed(second._replace(number=3, issued_at=5), b"a gap")
        assert not store.keep_sealed(first._replace(number=2, issued_at=5), b"the same message again")
        assert store.keep_sealed(second._replace(number=2, issued_at=5), b"sealed next")

    def test_a_crash_before_the_commit_loses_nothing(
        self, mail: Correspondence, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        mail.send("not lost")
        with monkeypatch.context() as patch:
            patch.setattr("registry.brand.mailing.seal_mail", _killed)
            with pytest.raises(KeyboardInterrupt):
                mail.mailer().step()
        assert numbers(mail) == []
        mail.api.follow()
        assert numbers(mail) == [1]

    def test_a_grant_that_ends_between_is_not_written_to(self, mail: Correspondence) -> None:
        mail.send("queued")
        (letter,) = mail.api.brand.store.unsent(0, 10)
        revoke(mail.stage.alice, mail.evidence)
        mail.api.follow()
        assert not mail.api.brand.store.keep_sealed(letter._replace(number=1, issued_at=5), b"late")
        assert numbers(mail) == []

    def test_what_was_said_is_forgotten_after_the_end_and_later_all_of_it(self, mail: Correspondence) -> None:
        mail.sent("forget me", order(17))
        revoke(mail.stage.alice, mail.evidence)
        mail.api.follow()
        store = mail.api.brand.store
        assert [bool(one.draft) for one in store.sent(mail.answer)] == [True], "the end may still be taken back"
        for _ in range(20):
            mail.stage.ledger.mine()
        mail.stage.pass_time(120)
        mail.api.follow()
        assert [bool(one.draft) for one in store.sent(mail.answer)] == [False] and numbers(mail) == [1]
        mail.stage.pass_time(31 * 86_400)
        mail.stage.ledger.mine()
        mail.api.follow()
        assert numbers(mail) == []

    def test_another_key_of_the_brand_gives_it_up(self, mail: Correspondence) -> None:
        mail.send("sealed to a key that is gone")
        other = mail.stage.another_brand("other")
        assert mail.mailer(identity=other.identity).step()
        assert mail.api.brand.store.unsent(0, 10) == []


def _killed(*_: Any) -> bytes:
    raise KeyboardInterrupt
