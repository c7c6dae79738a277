"""The brand's use log: entries and proofs on both databases, processes that append at once, and its anchored heads."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from registry.brand.sql.uses import UseEntry, UseHead
from registry.brand.store import Store
from registry.brand.uses import new_use, note_use, page_of
from registry.core.errors import DatabaseUnavailable, InvalidInput, LedgerUnavailable, NotIncluded
from registry.core.evidence.file import parse_evidence
from registry.core.merkle_log import check_consistency, check_inclusion, leaf_hash, root_of
from registry.core.scalars import to_hex, unhex
from registry.core.uses import MOST_ON_A_PAGE, UsesPage, parse_page, parse_use, write_page, write_use
from tests.support.brand_stage import BrandStage
from tests.support.brand_stores import NOW, BrandPlace, word
from tests.support.stage import Stage
from tests.support.use_logs import a_head, log_uses, root_now

ALICE, BOB = word("Alice's grant"), word("Bob's grant")


class TestAppending:
    def test_numbers_have_no_gap_and_the_root_is_that_of_all_entries(self, store: Store) -> None:
        entries = [UseEntry(word(n % 3), b"entry %d" % n) for n in range(13)]
        firsts = [store.add_uses(part) for part in (entries[:1], entries[1:2], entries[2:9], entries[9:])]
        assert firsts == [0, 1, 2, 9] and store.use_count() == 13
        kept = sorted(
            (each for name in range(3) for each in store.uses_of(word(name), 0, 100)), key=lambda e: e.position
        )
        assert kept == [each._replace(position=n) for n, each in enumerate(entries)]
        assert store.uses_of(word(0), 4, 2) == [kept[6], kept[9]]
        assert root_now(store) == _root([each.entry for each in entries])

    def test_nothing_is_appended_by_nothing(self, store: Store) -> None:
        assert store.add_uses([]) == 0 == store.use_count() and store.uses_of(ALICE, 0, 10) == []

    def test_from_many_processes_at_once(self, brand_place: BrandPlace) -> None:
        firsts: list[int] = []

        def append(name: int) -> None:
            own = brand_place.open()
            firsts.extend(note_use(own, word(name), **_reading(n)) for n in range(15))

        threads = [threading.Thread(target=append, args=(name,)) for name in range(4)]
        for each in threads:
            each.start()
        for each in threads:
            each.join(60)
        store = brand_place.open()
        assert sorted(firsts) == list(range(60)) and store.use_count() == 60
        kept = {each.position: each.entry for name in range(4) for each in store.uses_of(word(name), 0, 100)}
        assert root_now(store) == _root([kept[n] for n in range(60)])

    def test_a_reading_that_could_not_be_noted_is_told(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(store, "add_uses", _away)
        with pytest.raises(DatabaseUnavailable):
            note_use(store, ALICE, **_reading(1))

    def test_a_commit_whose_answer_was_lost_is_not_made_twice(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        log_uses(store, BOB, 3)
        monkeypatch.setattr("registry.brand.sql.uses.retrying", _told_late)
        assert note_use(store, ALICE, **_reading(1)) == 3
        assert store.use_count() == 4 and len(store.uses_of(ALICE, 0, 10)) == 1

    def test_an_append_that_failed_half_way_leaves_nothing(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        log_uses(store, ALICE, 3)
        before = root_now(store)

        def broken(*_: object) -> None:
            raise RuntimeError("killed")

        with monkeypatch.context() as patch:
            patch.setattr("registry.brand.sql.uses.appended", broken)
            with pytest.raises(RuntimeError):
                note_use(store, ALICE, **_reading(1))
        assert store.use_count() == 3 and root_now(store) == before
        assert note_use(store, ALICE, **_reading(1)) == 3

    def test_each_append_reads_few_rows(self, store: Store) -> None:
        log_uses(store, ALICE, 500)
        read: list[int] = []

        def note(_: Any, cursor: Any, statement: str, values: Any, *__: Any) -> None:
            if statement.startswith("SELECT"):
                read.append(len(values))

        event.listen(store._engine, "after_cursor_execute", note)
        note_use(store, ALICE, **_reading(1))
        event.remove(store._engine, "after_cursor_execute", note)
        assert read and sum(read) <= 10

    @pytest.mark.parametrize(
        "change",
        [
            {"purpose": "personalising"},
            {"data": ()},
            {"data": [f"pd:D{n}" for n in range(65)]},
            {"count": -1},
            {"count": "many"},
            {"at": -1},
            {"system": "\x1b[2J"},
            {"system": "x" * 101},
        ],
    )
    def test_what_no_entry_can_hold(self, store: Store, change: dict[str, Any]) -> None:
        with pytest.raises(InvalidInput, match="the reading cannot be noted"):
            note_use(store, ALICE, **{**_reading(1), **change})
        assert store.use_count() == 0

    def test_two_readings_alike_have_different_leaves(self) -> None:
        first, second = (new_use(ALICE, **_reading(1)) for _ in range(2))
        assert first.leaf != second.leaf and first.salt != second.salt and len(unhex(first.salt)) == 32
        assert parse_use(write_use(first)) == first and first.leaf == leaf_hash(write_use(first))


def _reading(number: int) -> dict[str, Any]:
    return {"at": NOW + number, "purpose": "dpv:Personalisation", "data": ("pd:Purchase",), "count": number}


def _root(entries: list[bytes]) -> bytes:
    from registry.core.merkle_log import appended

    return root_of(len(entries), appended(0, {}, [leaf_hash(each) for each in entries]))


def _away(*_: object) -> None:
    raise DatabaseUnavailable("the database is away")


def _told_late(_: object, work: Any) -> Any:
    """Do the work twice, as where PostgreSQL was lost after the commit and before its answer."""
    work()
    return work()


def checked(page: UsesPage) -> dict[int, tuple[int, bytes]]:
    """Verify a page as a person's software does; return the heads' roots by their sizes."""
    heads = {head.message.size: (head.before, head.root) for head in page.heads}
    for head in page.heads:
        if head.before in heads:
            old = heads[head.before][1]
            check_consistency(head.before, head.message.size, head.siblings, old, head.root)
    for each in page.uses:
        if isinstance(each.head, int):
            check_inclusion(each.index, each.head, each.use.leaf, each.siblings, heads[each.head][1])
    return heads


class TestPages:
    def test_each_entry_under_the_head_that_first_covers_it(self, store: Store) -> None:
        log_uses(store, BOB, 2)
        log_uses(store, ALICE, 3)
        first = a_head(store)
        log_uses(store, BOB, 4)
        log_uses(store, ALICE, 1)
        second = a_head(store)
        log_uses(store, ALICE, 1)
        page = page_of(store, ALICE, 0, 0)
        assert [(each.index, each.head) for each in page.uses[:4]] == [(2, 5), (3, 5), (4, 5), (9, 10)]
        assert page.uses[4].index == 10 and not isinstance(page.uses[4].head, int)
        assert [(head.message.size, head.before) for head in page.heads] == [(5, 0), (10, 5)] and not page.more
        checked(page)
        assert parse_page(write_page(page)) == page
        later = page_of(store, ALICE, 4, first.size)
        assert [each.index for each in later.uses] == [4, 9, 10]
        assert [(head.message.size, head.before) for head in later.heads] == [(second.size, first.size)]

    def test_nothing_of_other_grants_is_learnt(self, store: Store) -> None:
        log_uses(store, BOB, 5)
        log_uses(store, ALICE, 2)
        a_head(store)
        raw = write_page(page_of(store, ALICE, 0, 0))
        assert BOB.hex().encode() not in raw
        for each in store.uses_of(BOB, 0, 10):
            salt = parse_use(each.entry).salt.encode()
            assert each.entry not in raw and salt not in raw

    def test_a_grant_without_readings(self, store: Store) -> None:
        log_uses(store, BOB, 1)
        assert page_of(store, ALICE, 0, 0) == UsesPage(to_hex(ALICE), (), (), False)

    def test_pages_follow_one_another(self, store: Store) -> None:
        for _ in range(MOST_ON_A_PAGE + 5):
            log_uses(store, ALICE, 1)
            a_head(store)
        first = page_of(store, ALICE, 0, 0)
        assert len(first.uses) == len(first.heads) == MOST_ON_A_PAGE and first.more
        second = page_of(store, ALICE, first.uses[-1].index + 1, first.heads[-1].message.size)
        assert len(second.uses) == len(second.heads) == 5 and not second.more
        assert second.heads[0].before == MOST_ON_A_PAGE
        assert len(write_page(first)) < 1 << 20

    def test_a_forged_inclusion_is_found(self, store: Store) -> None:
        log_uses(store, ALICE, 3)
        a_head(store)
        page = page_of(store, ALICE, 0, 0)
        lie = new_use(ALICE, **_reading(0))
        root = page.heads[0].root
        with pytest.raises(NotIncluded):
            check_inclusion(0, 3, lie.leaf, page.uses[0].siblings, root)


@pytest.fixture
def brand(tmp_path: Path) -> BrandStage:
    return BrandStage(Stage.of(tmp_path / "parties"), tmp_path / "brand")


def settle(brand: BrandStage) -> None:
    worker = brand.worker()
    for _ in range(10):
        if worker.sign() != 0.0:
            return
    raise AssertionError("it never rests")


def heads(brand: BrandStage) -> list[UseHead]:
    return brand.store.heads_after(0, 100)


class TestHeads:
    def test_one_a_day_when_the_log_grew(self, brand: BrandStage) -> None:
        settle(brand)
        assert heads(brand) == []
        log_uses(brand.store, ALICE, 2)
        settle(brand)
        log_uses(brand.store, ALICE, 1)
        settle(brand)
        assert [head.size for head in heads(brand)] == [2]
        brand.stage.pass_time(86_401)
        settle(brand)
        brand.stage.pass_time(86_401)
        settle(brand)
        assert [head.size for head in heads(brand)] == [2, 3] and brand.store.signed(10) == []
        for head in heads(brand):
            evidence = parse_evidence(head.file)
            assert evidence.kind == "UseLog" and evidence.author == brand.stage.brand.address
        checked(page_of(brand.store, ALICE, 0, 0))

    def test_the_chain_shows_it(self, brand: BrandStage) -> None:
        from registry.client.verify import verify

        log_uses(brand.store, ALICE, 2)
        settle(brand)
        network = brand.stage.network
        policy = network.policy(controllers=frozenset({brand.stage.brand.address}))
        verified = verify(network, heads(brand)[0].file, policy)
        assert verified.evidence.kind == "UseLog" and verified.anchored_at

    def test_a_crash_between_the_append_and_the_head(self, brand: BrandStage, monkeypatch: pytest.MonkeyPatch) -> None:
        log_uses(brand.store, ALICE, 2)
        worker, calls = brand.worker(), len(brand.stage.ledger.calls)

        class Crash(BaseException):
            pass

        def crash(*_: Any, **__: Any) -> None:
            raise Crash

        for owner, name in (
            (brand.store, "keep_signed"),
            (brand.store, "put_under"),
            (brand.stage.ledger, "transact"),
            (brand.store, "add_head"),
            (brand.store, "drop_signed"),
        ):
            with monkeypatch.context() as patch:
                patch.setattr(owner, name, crash)
                with pytest.raises(Crash):
                    for _ in range(3):
                        worker.sign()
            # Entries that come meanwhile are for the next head.
            log_uses(brand.store, BOB, 1)
        settle(brand)
        (head,) = heads(brand)
        assert len(brand.stage.ledger.calls) == calls + 1 and brand.store.signed(10) == []
        # The first attempt lost its signature, so the head covers one entry more.
        assert head.size == 3 and brand.store.use_count() == 7

    def test_a_head_and_acceptances_share_a_batch(self, brand: BrandStage) -> None:
        kept = brand.taken(brand.granted())
        log_uses(brand.store, kept.digest, 1)
        calls = len(brand.stage.ledger.calls)
        settle(brand)
        assert len(brand.stage.ledger.calls) == calls + 1 and len(heads(brand)) == 1
        assert brand.store.by_digest([kept.digest])[kept.digest].is_complete

    def test_where_nobody_can_pay_one_head_waits(self, brand: BrandStage) -> None:
        log_uses(brand.store, ALICE, 1)
        brand.stage.ledger.refuses_writing = LedgerUnavailable("away")
        for _ in range(3):
            with pytest.raises(LedgerUnavailable):
                brand.worker().sign()
            log_uses(brand.store, ALICE, 1)
        assert [each.about for each in brand.store.signed(10)] == [1]
        brand.stage.ledger.refuses_writing = None
        settle(brand)
        assert [head.size for head in heads(brand)] == [1]
