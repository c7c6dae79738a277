"""The behaviour of the notary's stores, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Sequence
from hashlib import sha256
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.core.errors import InvalidInput
from registry.core.merkle import MAX_BATCH, build_tree, manifest, root_from
from registry.db.engine import open_engine, reading
from registry.notary.records import (
    FREE,
    Arrival,
    Batch,
    BatchState,
    Ending,
    EndingKind,
    EndingState,
    Event,
    EventKind,
    NewEnding,
    NewTransaction,
    NonceTaken,
    Payment,
    Times,
    TooManyWaiting,
    TxKind,
    TxState,
    Unpaid,
    Version,
    Waiting,
)
from registry.notary.sql import intake
from registry.notary.stores import INTAKE_FILE, Stores
from tests.support.store_fixtures import Place

NOW = 1_800_000_000
_numbers = count()


def word(number: int) -> bytes:
    return sha256(number.to_bytes(8)).digest()


def fresh(size: int = 1) -> list[bytes]:
    return [word(next(_numbers)) for _ in range(size)]


def arrival(items: Sequence[bytes], received_at: int = NOW, payment: Payment = FREE) -> Arrival:
    joined = b"".join(items)
    key = joined if len(items) == 1 else sha256(joined).digest()
    return Arrival(key, joined, Times(received_at, received_at + 900), payment)


def close(stores: Stores, now: int = NOW) -> Batch | None:
    return stores.book.close_batch(now, items=MAX_BATCH, seconds=60, at_once=True)


def close_all(stores: Stores) -> list[Batch]:
    return list(iter(lambda: close(stores), None))


def check_proof(stores: Stores, commitment: bytes) -> Batch:
    found = stores.book.proof(commitment)
    assert found is not None
    batch, proof = found
    assert root_from(commitment, proof) == batch.root
    return batch


class TestRequests:
    def test_a_request_waits_and_is_then_in_a_batch(self, stores: Stores) -> None:
        items = fresh(3)
        assert stores.intake.waiting() == Waiting(0, 0)
        assert stores.intake.take([arrival(items)]) == [Times(NOW, NOW + 900)]
        assert stores.intake.waiting() == Waiting(3, NOW)
        batch = close(stores, NOW + 7)
        assert batch is not None
        tree = build_tree(items)
        digest = sha256(manifest(items)).digest()
        state = (3, NOW + 7, NOW + 900, BatchState.CLOSED, "", 0, 0)
        assert batch[1:] == (tree.root, digest, *state)
        assert stores.intake.waiting() == Waiting(0, 0)
        for each in items:
            assert stores.book.proof(each) == (batch, tree.proof(each))
        assert stores.book.manifest(tree.root) == manifest(items)
        assert stores.book.batch(tree.root) == batch

    def test_unknown_things_are_none(self, stores: Stores) -> None:
        (unknown,) = fresh()
        assert stores.book.proof(unknown) is None
        assert stores.book.manifest(unknown) is None
        assert stores.book.batch(unknown) is None
        assert stores.intake.times_of(unknown) is None and stores.intake.times_among(unknown) is None
        assert stores.intake.known(unknown) is None
        assert stores.intake.ending(unknown) is None
        assert stores.book.event_of(unknown) is None
        assert stores.book.transaction(1) is None
        assert close(stores) is None

    def test_a_repeat_gets_the_times_of_the_first_for_ever(self, stores: Stores) -> None:
        first, again = arrival(items := fresh(2)), arrival(items, NOW + 50)
        assert stores.intake.take([first, again]) == [first.times] * 2
        assert stores.intake.take([again]) == [first.times]
        batch = close(stores)
        assert batch is not None and batch.size == 2
        assert stores.intake.take([again]) == [first.times]
        stores.intake.drop_items(batch)
        assert stores.intake.take([again]) == [first.times]
        assert stores.intake.known(first.key) == first.times
        assert stores.intake.waiting() == Waiting(0, 0)
        assert close(stores) is None

    def test_answers_keep_the_order_of_the_requests(self, stores: Stores) -> None:
        asked = [arrival(fresh(), NOW + number) for number in range(20)]
        assert stores.intake.take(asked) == [each.times for each in asked]

    def test_overlapping_requests_are_anchored_once(self, stores: Stores) -> None:
        a, b, c = fresh(3)
        stores.intake.take([arrival([a, b])])
        first = close(stores)
        stores.intake.take([arrival([b, c]), arrival([c])])
        second = close(stores)
        assert first is not None and second is not None
        assert stores.book.manifest(second.root) == c
        assert [check_proof(stores, each) for each in (a, b, c)] == [first, first, second]
        assert stores.intake.take([arrival([a])]) == [Times(NOW, NOW + 900)]
        assert close(stores) is None
        assert stores.intake.waiting() == Waiting(0, 0)

    def test_a_waiting_commitment_is_found_among_others(self, stores: Stores) -> None:
        items, (alone,) = fresh(5), fresh()
        stores.intake.take([arrival(items, NOW), arrival([alone], NOW + 3)])
        assert stores.intake.times_of(alone) == Times(NOW + 3, NOW + 903)
        for each in items:
            assert stores.intake.times_among(each) == Times(NOW, NOW + 900) and stores.intake.times_of(each) is None
        across = items[0][16:] + items[1][:16]
        assert stores.intake.times_among(across) is None
        hidden = fresh()[0]
        stores.intake.take([arrival([bytes(16) + hidden[:16], hidden[16:] + bytes(16), hidden], NOW + 5)])
        assert stores.intake.times_among(hidden) == Times(NOW + 5, NOW + 905)
        close(stores)
        for ask in (stores.intake.times_of, stores.intake.times_among):
            assert [ask(each) for each in (*items, alone)] == [None] * 6

    @pytest.mark.parametrize(("limit", "value"), [("MOST_READ", 6), ("MOST_BULK", 3), ("MOST_BYTES", 3 * 64)])
    def test_only_so_much_is_read_to_find_a_waiting_commitment(
        self, stores: Stores, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
    ) -> None:
        monkeypatch.setattr(intake, limit, value)
        pairs = [fresh(2) for _ in range(4)]
        for pair in pairs:
            stores.intake.take([arrival(pair), arrival(fresh())])
        assert [stores.intake.times_among(pair[1]) for pair in pairs[:3]] == [Times(NOW, NOW + 900)] * 3
        for unread in (pairs[3][0], *fresh()):
            with pytest.raises(TooManyWaiting):
                stores.intake.times_among(unread)
        close(stores)
        assert stores.intake.times_among(pairs[3][0]) is None

    def test_dropped_items_leave_their_times_and_proofs(self, stores: Stores) -> None:
        singles, bulk = [arrival(fresh()) for _ in range(1_100)], arrival(fresh(40))
        stores.intake.take([*singles, bulk])
        batch = close(stores)
        assert batch is not None and batch.size == 1_140
        later = arrival(fresh(2))
        stores.intake.take([later])
        stores.intake.drop_items(batch)
        assert stores.intake.waiting().commitments == 2
        assert stores.intake.take([bulk, singles[0], later]) == [bulk.times, singles[0].times, later.times]
        assert check_proof(stores, singles[0].key) == batch
        assert close(stores) is not None

    def test_requests_that_hold_nothing_new_are_dropped_too(self, place: Place) -> None:
        stores, (a, b) = place.open(), fresh(2)
        stores.intake.take([arrival([a]), arrival([b])])
        first = close(stores)
        stores.intake.take([arrival([a, b])])
        assert close(stores) is None
        stores.intake.take([arrival(fresh())])
        second = close(stores)
        assert first is not None and second is not None
        for batch in (first, second):
            stores.intake.drop_items(batch)
        with reading(open_engine(place.database or place.folder / INTAKE_FILE)) as connection:
            sizes = connection.exec_driver_sql("SELECT length(commitments) FROM requests").scalars().all()
        assert sizes == [0, 0, 0, 0]


class TestClosing:
    def test_it_closes_by_number_by_age_or_at_once(self, stores: Stores) -> None:
        def closes(now: int, items: int = 10, *, at_once: bool = False) -> bool:
            return stores.book.close_batch(now, items=items, seconds=60, at_once=at_once) is not None

        assert not closes(NOW, at_once=True)
        stores.intake.take([arrival(fresh(4))])
        assert not closes(NOW + 59)
        assert closes(NOW, items=4)
        stores.intake.take([arrival(fresh(4))])
        assert closes(NOW + 60)
        stores.intake.take([arrival(fresh(4))])
        assert closes(NOW, at_once=True)
        stores.intake.take([arrival(fresh(4))])
        assert closes(NOW - 60), "a clock was set back"

    def test_a_request_goes_into_a_batch_whole(self, stores: Stores) -> None:
        asked = [arrival(fresh(10_000), NOW + number) for number in range(4)]
        for each in asked:  # in one call, the order of the keys decides
            stores.intake.take([each])
        first = stores.book.close_batch(NOW, items=MAX_BATCH, seconds=60)
        assert first is not None and (first.size, first.due) == (30_000, NOW + 900)
        assert stores.intake.waiting() == Waiting(10_000, NOW + 3)
        assert stores.book.close_batch(NOW, items=MAX_BATCH, seconds=60) is None
        second = close(stores)
        assert second is not None and second.size == 10_000
        assert check_proof(stores, asked[3].items[:32]) == second

    def test_a_batch_holds_as_many_single_requests_as_fit(self, stores: Stores) -> None:
        stores.intake.take([arrival([each]) for each in fresh(MAX_BATCH + 1)])
        assert [batch.size for batch in close_all(stores)] == [MAX_BATCH, 1]

    @settings(max_examples=25, suppress_health_check=list(HealthCheck))
    @given(
        st.lists(
            st.one_of(st.none(), st.lists(st.integers(0, 30), min_size=1, max_size=6, unique=True)),
            min_size=1,
            max_size=12,
        )
    )
    def test_whatever_comes_is_anchored_once(self, stores: Stores, steps: list[list[int] | None]) -> None:
        base = next(_numbers) * 1_000_000
        asked, expected = dict[int, bytes](), set[bytes]()
        before = {batch.root for batch in stores.book.batches(BatchState.CLOSED, 10_000)}
        for step in steps:
            if step is None:
                close(stores)
                continue
            asked = {number: word(base + number) for number in step}
            expected.update(asked.values())
            stores.intake.take([arrival(list(asked.values()))])
        close_all(stores)
        made = [each for each in stores.book.batches(BatchState.CLOSED, 10_000) if each.root not in before]
        blocks = [stores.book.manifest(batch.root) or b"" for batch in made]
        anchored = [block[at : at + 32] for block in blocks for at in range(0, len(block), 32)]
        assert sorted(anchored) == sorted(expected)
        for each in expected:
            check_proof(stores, each)


class TestBatches:
    def test_states_and_order(self, stores: Stores) -> None:
        for received_at in (NOW + 20, NOW, NOW + 10):
            stores.intake.take([arrival(fresh(2), received_at)])
            close(stores)
        late, early, middle = sorted(stores.book.batches(BatchState.CLOSED), key=lambda batch: batch.id)
        assert stores.book.batches(BatchState.CLOSED) == [early, middle, late]
        assert stores.book.batches(BatchState.CLOSED, 1) == [early]
        stores.book.set_batch(early.id, BatchState.ANCHORED, transaction="0xaa", block=7, time=NOW + 60)
        changed = early._replace(state=BatchState.ANCHORED, transaction="0xaa", block=7, time=NOW + 60)
        assert stores.book.batch(early.root) == changed
        assert stores.book.batches(BatchState.CLOSED) == [middle, late]
        stores.book.set_batch(early.id, BatchState.SENT)
        assert stores.book.batch(early.root) == early._replace(state=BatchState.SENT)

    @pytest.mark.parametrize("size", [1, 2, 3, 100])
    def test_every_proof_of_a_batch(self, stores: Stores, size: int) -> None:
        items = fresh(size)
        stores.intake.take([arrival(items)])
        batch, tree = close(stores), build_tree(items)
        for each in items:
            assert stores.book.proof(each) == (batch, tree.proof(each))

    def test_commitments_that_begin_alike_are_told_apart(self, stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
        """Somebody who tries long enough finds two leaves that begin alike. Here all do."""
        monkeypatch.setattr("registry.notary.sql.sqlite_batches._BEGINNING", 0)
        items, batches = fresh(5), []
        for one in (arrival([*items[:3], *fresh(4)]), arrival([items[1], *items[3:]])):
            stores.intake.take([one])
            batches.append(close(stores))
        assert [batch and batch.size for batch in batches] == [7, 2]
        assert [check_proof(stores, each) for each in items] == [batches[0]] * 3 + [batches[1]] * 2
        assert stores.book.proof(word(10**9)) is None

    def test_many_commitments_that_begin_alike_cost_no_more(self, stores: Stores) -> None:
        """Anybody can make them."""
        for _ in range(4):
            stores.intake.take([arrival([bytes(8) + each[8:] for each in fresh(2_000)])])
            began = time.monotonic()
            assert close(stores) is not None
            assert time.monotonic() - began < 3

    def test_a_rebuilt_batch_serves_proofs(self, stores: Stores) -> None:
        items = fresh(9)
        batch = stores.book.add_rebuilt(items, "0x01", 5, NOW)
        assert batch[3:] == (9, NOW, 0, BatchState.FINAL, "0x01", 5, NOW)
        assert stores.book.add_rebuilt(sorted(items), "0x02", 6, NOW + 1) == batch
        for each in items:
            assert check_proof(stores, each) == batch
        stores.intake.drop_items(batch)

    def test_a_kept_batch_stays_when_it_is_rebuilt(self, stores: Stores) -> None:
        items = fresh(3)
        stores.intake.take([arrival(items)])
        batch = close(stores)
        assert stores.book.add_rebuilt(items, "0x01", 5, NOW) == batch

    def test_what_was_rebuilt_is_not_anchored_again(self, stores: Stores) -> None:
        a, b, c = fresh(3)
        stores.intake.take([arrival([a, b])])
        rebuilt = stores.book.add_rebuilt([a, b], "0x01", 5, NOW)
        assert close(stores) is None
        stores.intake.take([arrival([b, c])])
        batch = close(stores)
        assert batch is not None and stores.book.manifest(batch.root) == c
        assert check_proof(stores, b) == rebuilt
        overlapping = stores.book.add_rebuilt([c, *fresh(1)], "0x02", 6, NOW)
        assert check_proof(stores, c) == batch
        assert overlapping.size == 2


class TestPayments:
    def test_a_token_pays_once(self, stores: Stores) -> None:
        token = Payment(token=word(0), token_ends=NOW + 10)
        (a,), (b,) = fresh(), fresh()
        assert stores.intake.take([arrival([a], NOW, token)]) == [Times(NOW, NOW + 900)]
        assert stores.intake.take([arrival([a], NOW + 1, token)]) == [Times(NOW, NOW + 900)]
        assert stores.intake.take([arrival([b], NOW, token)]) == [Unpaid.TOKEN_SPENT]
        assert stores.intake.times_of(b) is None
        assert stores.intake.waiting().commitments == 1
        assert stores.intake.add_endings([ending()], token) is Unpaid.TOKEN_SPENT
        assert stores.intake.forget_tokens(NOW + 10) == 0
        assert stores.intake.forget_tokens(NOW + 11) == 1

    def test_one_token_in_two_requests_at_once(self, stores: Stores) -> None:
        token = Payment(token=fresh()[0])
        answers = stores.intake.take([arrival(fresh(), NOW, token), arrival(fresh(), NOW, token)])
        assert sorted(map(str, answers)) == sorted(map(str, [Times(NOW, NOW + 900), Unpaid.TOKEN_SPENT]))

    def test_a_token_pays_for_one_item(self, stores: Stores) -> None:
        with pytest.raises(InvalidInput):
            stores.intake.take([arrival(fresh(2), NOW, Payment(token=fresh()[0]))])
        assert stores.intake.waiting().commitments == 0

    def test_a_sponsor_pays_from_its_budget(self, stores: Stores) -> None:
        sponsor = stores.intake.add_sponsor("aurelle", word(1), 10, NOW)
        pays = Payment(sponsor=sponsor.id)
        items = fresh(6)
        assert stores.intake.take([arrival(items, NOW, pays)]) == [Times(NOW, NOW + 900)]
        assert stores.intake.take([arrival(items, NOW, pays)]) == [Times(NOW, NOW + 900)]
        assert stores.intake.take([arrival(fresh(5), NOW, pays)]) == [Unpaid.BUDGET_SPENT]
        assert stores.intake.draw(sponsor.id, 4) is None
        assert stores.intake.draw(sponsor.id, 1) is Unpaid.BUDGET_SPENT
        assert stores.intake.sponsors() == [sponsor._replace(used=10)]
        assert stores.intake.set_budget("aurelle", 11) == sponsor._replace(used=10, budget=11)
        assert isinstance(stores.intake.add_endings([ending()], pays), list)
        assert stores.intake.add_endings([ending()], pays) is Unpaid.BUDGET_SPENT
        stores.intake.remove_sponsor("aurelle")
        assert stores.intake.draw(sponsor.id, 1) is Unpaid.NO_SPONSOR
        assert stores.intake.sponsor_of(word(1)) is None

    def test_sponsors(self, stores: Stores) -> None:
        b = stores.intake.add_sponsor("b", word(2), 5, NOW)
        a = stores.intake.add_sponsor("a", word(3), 5, NOW)
        assert stores.intake.sponsors() == [a, b]
        assert stores.intake.sponsor_of(word(2)) == b
        with pytest.raises(InvalidInput, match="'a' already"):
            stores.intake.add_sponsor("a", word(4), 5, NOW)
        stores.intake.remove_sponsor("b")
        for unknown in (lambda: stores.intake.remove_sponsor("b"), lambda: stores.intake.set_budget("b", 1)):
            with pytest.raises(InvalidInput, match="no sponsor named 'b'"):
                unknown()
        assert stores.intake.add_sponsor("b", word(2), 5, NOW).id not in (a.id, b.id), "an old payment finds none"


def ending(key: bytes = b"", body: bytes = b"{}", kind: EndingKind = EndingKind.OPENING) -> NewEnding:
    return NewEnding(key or fresh()[0], kind, body, Times(NOW, NOW + 300))


def added(stores: Stores, endings: Sequence[NewEnding], payment: Payment = FREE) -> list[Ending]:
    found = stores.intake.add_endings(endings, payment)
    assert isinstance(found, list)
    return found


class TestEndings:
    def test_endings_with_a_token_go_first(self, stores: Stores) -> None:
        flood = [added(stores, [ending()])[0] for _ in range(50)]
        (paid,) = added(stores, [ending()], Payment(token=fresh()[0]))
        assert stores.intake.waiting_endings(3) == [paid, *flood[:2]]
        assert paid.has_token and not flood[0].has_token

    def test_a_flood_of_endings_is_not_sorted(self, tmp_path: Path) -> None:
        place = Place(tmp_path, "")
        added(place.open(), [ending()])
        with sqlite3.connect(tmp_path / INTAKE_FILE) as db:
            query = (
                "EXPLAIN QUERY PLAN SELECT * FROM endings WHERE state = 'waiting' ORDER BY without_token, id LIMIT 9"
            )
            plan = " ".join(row[3] for row in db.execute(query))
        db.close()
        assert "endings_state" in plan and "TEMP B-TREE" not in plan

    def test_a_repeat_is_the_first_one(self, stores: Stores) -> None:
        new = ending()
        (first, same) = added(stores, [new, new])
        later = new._replace(times=Times(NOW + 9, NOW + 309))
        assert added(stores, [later], Payment(token=word(9))) == [first] == [same]
        assert stores.intake.take([arrival(fresh(), NOW, Payment(token=word(9)))]) == [Times(NOW, NOW + 900)]

    def test_states(self, stores: Stores) -> None:
        a, b, c = added(stores, [ending(), ending(kind=EndingKind.RETIRE), ending()])
        stores.intake.set_endings([a.id, b.id], EndingState.SENT, transaction=7)
        stores.intake.set_endings([b.id], EndingState.REFUSED, why="the signature is not valid")
        stores.intake.set_endings([], EndingState.REFUSED)
        assert stores.intake.ending(a.key) == a._replace(state=EndingState.SENT, transaction=7)
        refused = b._replace(state=EndingState.REFUSED, transaction=7, why="the signature is not valid")
        assert stores.intake.ending(b.key) == refused
        assert stores.intake.waiting_endings(10) == [c]
        counts = {EndingState.WAITING: 1, EndingState.SENT: 1, EndingState.ENDED: 0, EndingState.REFUSED: 1}
        assert stores.intake.count_endings() == counts

    def test_a_token_pays_for_another_try_of_a_refused_one(self, stores: Stores) -> None:
        new = ending(kind=EndingKind.RETIRE)
        (first,) = added(stores, [new])
        assert stores.intake.free_waiting(9) == 1
        stores.intake.set_endings([first.id], EndingState.REFUSED, why="too dear")
        later = new._replace(times=Times(NOW + 9, NOW + 309))
        assert added(stores, [later])[0].state is EndingState.REFUSED
        (again,) = added(stores, [later], Payment(token=word(9)))
        assert again == first._replace(has_token=True, times=later.times)
        assert stores.intake.free_waiting(9) == 0 and stores.intake.waiting_endings(9) == [again]
        assert stores.intake.add_endings([ending()], Payment(token=word(9))) is Unpaid.TOKEN_SPENT

    def test_some_of_those_that_wait_for_nothing_are_counted(self, stores: Stores) -> None:
        added(stores, [ending() for _ in range(5)])
        assert [stores.intake.free_waiting(limit) for limit in (1, 4, 6)] == [1, 4, 5]

    def test_a_bad_signature_never_stands_in_the_way(self, stores: Stores) -> None:
        (handle,) = fresh()
        (bad,) = added(stores, [ending(handle, b"bad", EndingKind.REVOKE)])
        stores.intake.set_endings([bad.id], EndingState.REFUSED)
        (good,) = added(stores, [ending(handle, b"good")])
        assert stores.intake.ending(handle) == good
        stores.intake.set_endings([good.id], EndingState.ENDED)
        added(stores, [ending(handle, b"worse", EndingKind.REVOKE)])
        assert stores.intake.ending(handle) == good._replace(state=EndingState.ENDED)

    def test_all_or_none_is_kept(self, stores: Stores) -> None:
        sponsor = stores.intake.add_sponsor("s", fresh()[0], 1, NOW)
        new = [ending(), ending()]
        assert stores.intake.add_endings(new, Payment(sponsor=sponsor.id)) is Unpaid.BUDGET_SPENT
        assert [stores.intake.ending(each.key) for each in new] == [None, None]


def version(name: str, fee: int = 2, gas: int = 21_000, signed_at: int = NOW) -> Version:
    return Version(f"0x{name}", name.encode(), {"gas": gas, "maxFeePerGas": fee, "value": 0}, signed_at)


def transaction(nonce: int, name: str, batch: int = 0, fee: int = 2) -> NewTransaction:
    kind = TxKind.ANCHOR if batch else TxKind.REVOKE_BATCH
    return NewTransaction("0xAb", nonce, kind, b"call", version(name, fee), batch, (1, 2))


class TestTransactions:
    def test_one_nonce_has_one_live_transaction(self, stores: Stores) -> None:
        first = stores.book.add_transaction(transaction(1, "a"))
        with pytest.raises(NonceTaken):
            stores.book.add_transaction(transaction(1, "b"))
        assert stores.book.add_transaction(transaction(1, "a")) == first, "its answer was lost"
        stores.book.set_transaction(first.id, TxState.LOST)
        second = stores.book.add_transaction(transaction(1, "b"))
        assert stores.book.transactions() == [second]
        with pytest.raises(NonceTaken):
            stores.book.set_transaction(first.id, TxState.SENT)

    def test_what_is_kept_of_it(self, stores: Stores) -> None:
        new = transaction(4, "c", fee=2**70)
        kept = stores.book.add_transaction(new)
        assert kept[1:7] == ("0xAb", 4, new.kind, b"call", 0, (1, 2))
        assert (kept.state, kept.versions) == (TxState.SIGNED, (new.version,))
        dearer = version("d", 2**71)
        for _ in range(2):
            stores.book.add_version(kept.id, dearer)
        where = {"mined_hash": "0xd", "block": 8, "block_hash": "0xbb", "gas_used": 30_000, "cost": 2**90}
        stores.book.set_transaction(kept.id, TxState.MINED, **where)
        assert stores.book.transaction(kept.id) == kept._replace(
            state=TxState.MINED, versions=(new.version, dearer), **where
        )
        stores.book.set_transaction(kept.id, TxState.SENT)
        assert stores.book.transaction(kept.id) == kept._replace(state=TxState.SENT, versions=(new.version, dearer))

    def test_open_ones_come_by_nonce(self, stores: Stores) -> None:
        b, a, c = (
            stores.book.add_transaction(transaction(nonce, name)) for nonce, name in ((2, "b"), (1, "a"), (3, "c"))
        )
        stores.book.set_transaction(c.id, TxState.FINAL)
        assert stores.book.transactions() == [a, b]

    def test_spending_counts_what_may_be_spent(self, stores: Stores) -> None:
        assert stores.book.spent_since(0) == 0
        mined = stores.book.add_transaction(transaction(1, "a"))
        sent = stores.book.add_transaction(transaction(2, "b", fee=2**64))
        lost = stores.book.add_transaction(transaction(3, "c"))
        stores.book.set_transaction(mined.id, TxState.MINED, cost=5)
        stores.book.set_transaction(lost.id, TxState.LOST)
        assert stores.book.spent_since(NOW) == 5 + 21_000 * 2**64
        stores.book.add_version(sent.id, version("d", 2**65, signed_at=NOW + 50))
        assert stores.book.spent_since(NOW) == 5 + 21_000 * 2**65
        assert stores.book.spent_since(NOW + 1) == 21_000 * 2**65
        assert stores.book.spent_since(NOW + 51) == 0

    def test_totals(self, stores: Stores) -> None:
        assert stores.book.totals() == (0, 0)
        stores.intake.take([arrival(fresh(10))])
        batch = close(stores)
        assert batch is not None
        kept = stores.book.add_transaction(transaction(1, "a", batch.id))
        assert stores.book.totals() == (0, 0)
        stores.book.set_transaction(kept.id, TxState.MINED, gas_used=46_000)
        assert stores.book.totals() == (46_000, 10)


class TestEventsAndNotes:
    def test_events_have_rising_ids(self, stores: Stores) -> None:
        a, b = (Event(0, EventKind.REVOKED, each, b"", 5, NOW) for each in fresh(2))
        stores.book.add_events([a, b])
        first, second = stores.book.events_after(0)
        assert (first._replace(id=0), second._replace(id=0)) == (a, b)
        assert 0 < first.id < second.id
        assert stores.book.events_after(first.id) == [second]
        assert stores.book.events_after(0, 1) == [first]
        assert stores.book.event_of(a.word) == first

    def test_events_may_be_added_twice(self, stores: Stores) -> None:
        event = Event(0, EventKind.ANCHORED, *fresh(2), 5, NOW)
        removed = event._replace(kind=EventKind.REMOVED)
        stores.book.add_events([event, event])
        stores.book.add_events([event])
        assert len(stores.book.events_after(0)) == 1
        stores.book.add_events([removed])
        assert stores.book.event_of(event.word, event.manifest) is None
        stores.book.add_events([event])
        assert [each.kind for each in stores.book.events_after(0)] == [
            EventKind.ANCHORED, EventKind.REMOVED, EventKind.ANCHORED,
        ]  # fmt: skip
        assert stores.book.event_of(event.word, event.manifest) is not None

    def test_a_word_may_be_a_handle_and_a_root_with_several_manifests(self, stores: Stores) -> None:
        word, one, two = fresh(3)
        ended = Event(0, EventKind.REVOKED, word, b"", 5, NOW)
        first, other = (Event(0, EventKind.ANCHORED, word, manifest, 6, NOW) for manifest in (one, two))
        stores.book.add_events([ended, first, other, first._replace(block=7)])  # a repeat changes nothing on the chain
        assert [each._replace(id=0) for each in stores.book.events_after(0)] == [ended, first, other]
        stores.book.add_events([first._replace(kind=EventKind.REMOVED)])
        standing = [stores.book.event_of(word, manifest) for manifest in (b"", one, two)]
        assert [each and each._replace(id=0) for each in standing] == [ended, None, other]

    def test_notes(self, stores: Stores) -> None:
        assert stores.book.notes() == {}
        stores.book.put_note("cursor", {"block": 2**63, "hashes": ["0xé"]})
        stores.book.put_note("worker", {})
        stores.book.put_note("cursor", {"block": 1})
        assert stores.book.notes() == {"cursor": {"block": 1}, "worker": {}}


class TestLeading:
    def test_one_leads(self, place: Place) -> None:
        one, other = place.open().book, place.open().book
        assert one.lead("0xAb") and one.lead("0xAb")
        assert not other.lead("0xAb")
        assert other.lead("0xCd")
        one.step_down()
        assert other.lead("0xAb")
        assert not one.lead("0xAb")
        other.step_down()


def test_stores_are_the_same_when_they_are_opened_again(place: Place) -> None:
    first = place.open()
    items = fresh(4)
    first.intake.take([arrival(items)])
    batch = close(first)
    second = place.open()
    assert second.book.batches(BatchState.CLOSED) == [batch]
    assert check_proof(second, random.choice(items)) == batch
