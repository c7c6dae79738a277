"""What the store knows of held data, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

import threading

from registry.brand.holding import Arrival, Brought, Held, Holding, Kind, Verdict
from registry.brand.records import STANDING, Change, State
from registry.brand.sql.holdings import MOST_CARS, MOST_CARS_OF_ONE, MOST_UPDATES
from registry.brand.sql.log import Ending
from registry.brand.store import Store
from registry.client.bundle_walk import Ref
from registry.core.ipld.cid import RAW
from tests.support.brand_stores import BLOCK, NOW, a_view, an_answer, take, word

YES = Verdict(201, {"blocks": 1})


def brought(name: str, size: int = 5) -> Brought:
    return Brought(RAW + word(name), size)


def a_car(*names: str, content: str = "content", at: int = NOW) -> Arrival:
    return Arrival(Kind.BLOCKS, tuple(map(brought, names)), at, word(content))


def live(store: Store, name: str = "one") -> int:
    """Take a grant that hands something over, and return its id."""
    return take(store, an_answer(name, content=word(f"content {name}")))[0].id


def hold(store: Store, answer: int, *names: str, number: int = 0) -> bool:
    new = [Held(word(name), 5) for name in names]
    holding = Holding(answer, number, blocks=len(names), bytes=5 * len(names), changed_at=NOW)
    return store.admit(0, holding, new, (), YES)


class TestArrivals:
    def test_they_are_judged_once_they_are_ready(self, store: Store) -> None:
        id = store.arrive(a_car("a", "b"))
        assert store.arrivals(10) == []
        store.arrived(id)
        (found,) = store.arrivals(10)
        assert found == a_car("a", "b")._replace(id=id, ready=True)
        store.judged(id, Verdict(422, {"cid": "x"}, "ForeignBlock", "why", "what now"))
        assert store.arrivals(10) == []
        judged = store.arrival(id)
        assert judged is not None and judged.verdict == Verdict(422, {"cid": "x"}, "ForeignBlock", "why", "what now")
        store.forget_arrival(id)
        assert store.arrival(id) is None

    def test_so_many_wait_at_once(self, store: Store) -> None:
        assert all(store.arrive(a_car("a")) for _ in range(MOST_CARS_OF_ONE))
        assert store.arrive(a_car("a")) == 0
        assert all(store.arrive(a_car("a", content=str(n))) for n in range(MOST_CARS - MOST_CARS_OF_ONE))
        assert store.arrive(a_car("a", content="another")) == 0
        update = Arrival(Kind.UPDATE, (brought("update"),), NOW)
        assert all(store.arrive(update) for _ in range(MOST_UPDATES)) and store.arrive(update) == 0
        assert store.arrive(Arrival(Kind.FETCHED, (brought("a"),), NOW))

    def test_what_was_judged_makes_room(self, store: Store) -> None:
        ids = [store.arrive(a_car("a")) for _ in range(MOST_CARS_OF_ONE)]
        store.judged(ids[0], YES)
        assert store.arrive(a_car("a"))

    def test_old_ones_are_found(self, store: Store) -> None:
        old, new = store.arrive(a_car("a", at=NOW - 700)), store.arrive(a_car("a", at=NOW))
        assert [each.id for each in store.left_arrivals(NOW - 600, 10)] == [old]
        store.abandon(new)
        assert [each.id for each in store.left_arrivals(NOW - 600, 10)] == [old, new]

    def test_a_lost_block_is_told(self, store: Store) -> None:
        id = store.arrive(a_car("a", "b"))
        assert store.bringing([word("b")]) == [id] and store.bringing([word("c")]) == []
        store.lose_arrivals([id])
        store.arrived(id)
        assert store.arrivals(10)[0].lost


class TestHoldings:
    def test_what_is_held(self, store: Store) -> None:
        answer = live(store)
        id = store.arrive(a_car("a", "b"))
        holding = Holding(
            answer, 7, word("update"), (Ref("segment", "00" * 16, "cid", 3),), {"pd:Purchase": 9}, 2, 10, NOW, True
        )
        new = [Held(word("a"), 5, True), Held(word("b"), 5)]
        assert store.admit(id, holding, new, (), YES)
        assert store.holding(answer) == holding
        assert sorted(store.held(answer)) == sorted(new)
        found = store.arrival(id)
        assert found is not None and found.verdict == YES
        assert store.holds_all(answer, [word("a"), word("b")]) and not store.holds_all(answer, [word("a"), word("c")])

    def test_blocks_change_and_go(self, store: Store) -> None:
        answer = live(store)
        hold(store, answer, "a", "b")
        assert store.admit(0, Holding(answer, blocks=1), [Held(word("a"), 5, True)], [word("b")], YES)
        assert store.held(answer) == [Held(word("a"), 5, True)]

    def test_only_live_grants_hold(self, store: Store) -> None:
        answer = live(store)
        store.change([Change(answer, STANDING, State.ENDED, ended_at=NOW)])
        assert not hold(store, answer, "a")
        assert store.held(answer) == [] and store.holding(answer) is None

    def test_an_end_marks_what_is_held_in_the_same_commit(self, store: Store) -> None:
        answer = live(store)
        hold(store, answer, "a", number=3)
        assert store.leaving(NOW, 10) == [] and store.has_data(answer)
        store.read_on(a_view(BLOCK + 1), [Ending(BLOCK + 1, NOW, handle=word("handle one"))], [], 0)
        (found,) = store.leaving(NOW, 10)
        assert (found.answer, found.leaving) == (answer, True)
        store.gone(answer)
        left = store.holding(answer)
        assert left is not None and (left.number, left.blocks, left.leaving) == (3, 0, False)
        assert store.held(answer) == [] and not store.has_data(answer) and store.leaving(NOW, 10) == []

    def test_a_reorganisation_takes_the_mark_back(self, store: Store) -> None:
        answer = live(store)
        hold(store, answer, "a")
        store.read_on(a_view(BLOCK + 1), [Ending(BLOCK + 1, NOW, handle=word("handle one"))], [], 0)
        store.take_back(a_view(BLOCK), BLOCK)
        assert store.leaving(NOW, 10) == [] and store.has_data(answer)

    def test_a_lost_anchor_keeps_the_data_until_the_grant_is_over(self, store: Store) -> None:
        answer = live(store)
        hold(store, answer, "a")
        store.change([Change(answer, STANDING, State.WAITING, anchored_at=0)])
        assert store.leaving(NOW, 10) == []
        assert [each.answer for each in store.leaving(NOW + 86_400, 10)] == [answer]

    def test_what_others_hold_or_bring_is_not_free(self, store: Store) -> None:
        one, two = live(store, "one"), live(store, "two")
        hold(store, one, "a", "b", "c")
        hold(store, two, "b")
        id = store.arrive(a_car("c"))
        every = [word(name) for name in "abcd"]
        assert store.unheld(every) == [word("d")]
        assert store.unheld(every, answer=one) == [word("a"), word("d")]
        assert store.unheld(every, arrival=id, answer=one) == [word("a"), word("c"), word("d")]

    def test_an_end_that_comes_while_blocks_are_held_finds_them(self, store: Store) -> None:
        answers = [live(store, f"race {number}") for number in range(8)]
        for round, answer in enumerate(answers):
            ending = Ending(BLOCK + 1 + round, NOW, handle=word(f"handle race {round}"))
            threads = [
                threading.Thread(target=hold, args=(store, answer, f"block {round}")),
                threading.Thread(target=store.read_on, args=(a_view(BLOCK + 1 + round), [ending], [], 0)),
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(30)
            assert bool(store.held(answer)) == (answer in [each.answer for each in store.leaving(NOW, 100)])

    def test_the_list_goes_on(self, store: Store) -> None:
        ids = [live(store, str(number)) for number in range(3)]
        for each in ids:
            hold(store, each, f"block {each}")
        first = store.held_grants(0, 2)
        assert [each.holding.answer for each in first] == ids[:2] and first[0].state == "live"
        assert [each.holding.answer for each in store.held_grants(ids[1], 2)] == ids[2:]

    def test_a_content_names_its_grants(self, store: Store) -> None:
        answer = live(store, "one")
        assert [each.id for each in store.by_content(word("content one"))] == [answer]
        assert store.by_content(b"") == []
