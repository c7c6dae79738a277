"""Two workers judge at once, because one lost its lead and does not know it: nothing happens twice or is lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from registry.brand.holding import Arrival, Brought, Held, Holding, Kind, Verdict
from registry.brand.keeper import Keeper
from registry.brand.sql.holdings import BeingErased, Overtaken
from registry.brand.store import Store
from registry.core.evidence.file import Evidence
from registry.core.ipld.cid import Block, binary_cid, cid_of_block, digest_of_cid
from tests.brand.test_brand_holdings import a_car, hold, live
from tests.support.brand_data import DataApi, data_api
from tests.support.brand_stores import NOW, BrandPlace, word
from tests.support.fake_storage import MemoryBlocks

YES = Verdict(201, {"blocks": 1})


@pytest.fixture
def data(brand_place: BrandPlace) -> Iterator[DataApi]:
    with data_api(brand_place.folder, database=brand_place.database) as made:
        yield made


def test_many_archives_before_three_judges(data: DataApi) -> None:
    evidence = data.granted("mushrooms", "grapes")
    capsule, *rest = data.blocks(evidence)
    assert data.send(evidence, [capsule]).status_code == 201
    with judging(data, 2), ThreadPoolExecutor(4) as pool:
        foreign = pool.submit(data.send, evidence, [FOREIGN])
        assert [*pool.map(lambda some: brings(data, evidence, some), [rest, rest, rest[:1]])] == [True] * 3
        assert foreign.result().status_code in (422, 503)
    check_whole(data, evidence)


@contextmanager
def judging(data: DataApi, more: int) -> Iterator[None]:
    """Let so many further judges work, without a pause; what breaks one is raised."""
    stop = threading.Event()

    def judge(keeper: Keeper) -> None:
        while not stop.is_set():
            keeper.step()

    with ThreadPoolExecutor(more) as pool:
        judges = [pool.submit(judge, data.another_keeper()) for _ in range(more)]
        try:
            yield
        finally:
            stop.set()
    for each in judges:
        each.result()


def brings(data: DataApi, evidence: Evidence, some: list[Block]) -> bool:
    """Send these until they are taken, as a person's software does."""
    return any(data.send(evidence, some).status_code == 201 for _ in range(40))


FOREIGN = Block(cid_of_block(b"foreign"), b"foreign")


def check_whole(data: DataApi, evidence: Evidence) -> None:
    """What the brand counts is what it holds, and that lies in its store; nothing else does."""
    store = data.brand.store
    (found,) = store.held_grants(0, 10)
    held = store.held(found.holding.answer)
    assert found.holding.complete and found.holding.blocks == len(held) == len(data.blocks(evidence))
    assert found.holding.bytes == sum(each.size for each in held) == store.data_bytes()
    assert isinstance(data.own, MemoryBlocks) and set(data.own.kept) == {each.digest for each in held}
    assert data.names(evidence) == ["grapes", "mushrooms"]


class TestTurns:
    """What a worker decided by an older state is not kept."""

    def test_an_arrival_is_admitted_once(self, store: Store) -> None:
        answer = live(store)
        id = store.arrive(a_car("a"))
        store.arrived(id)
        holding = Holding(answer, blocks=1, bytes=5)
        assert store.admit(id, holding, [Held(word("a"), 5)], (), YES, before=Holding(answer))
        with pytest.raises(Overtaken):
            store.admit(id, holding._replace(blocks=9), [Held(word("b"), 5)], (), YES, before=holding)
        assert store.holding(answer) == holding and store.data_bytes() == 5

    def test_an_older_state_does_not_replace_a_newer_one(self, store: Store) -> None:
        """Else a slow worker would set the number of the newest update back, and an older one would be taken."""
        answer = live(store)
        hold(store, answer, "a", number=5)
        late = store.arrive(a_car("b"))
        with pytest.raises(Overtaken):
            store.admit(late, Holding(answer, 4), [Held(word("b"), 5)], (), YES, before=Holding(answer, 4))
        now = store.holding(answer)
        assert now is not None and now.number == 5
        found = store.arrival(late)
        assert found is not None and found.verdict is None  # it is judged again

    def test_a_no_after_a_yes_erases_nothing(self, store: Store) -> None:
        answer = live(store)
        id = store.arrive(a_car("a"))
        store.admit(id, Holding(answer, blocks=1, bytes=5), [Held(word("a"), 5)], (), YES)
        assert not store.condemn(id)

    def test_a_yes_after_a_no_holds_nothing(self, store: Store) -> None:
        answer = live(store)
        id = store.arrive(a_car("a"))
        assert store.condemn(id)
        with pytest.raises(Overtaken):
            store.admit(id, Holding(answer, blocks=1, bytes=5), [Held(word("a"), 5)], (), YES)
        assert store.held(answer) == [] and store.data_bytes() == 0

    def test_nothing_is_held_while_it_is_erased(self, store: Store) -> None:
        answer = live(store)
        id = store.arrive(a_car("a", "b"))
        block = a_car("b").blocks[0]
        note = store.note_erasing([block], NOW)
        assert store.unheld([block.digest], id) == [block.digest]  # the note itself brings nothing
        holding = Holding(answer, blocks=2, bytes=10)
        new = [Held(word("a"), 5), Held(word("b"), 5)]
        with pytest.raises(BeingErased):
            store.admit(id, holding, new, (), YES)
        assert store.data_bytes() == 0
        store.forget_arrival(note)
        assert store.admit(id, holding, new, (), YES) and store.data_bytes() == 10

    def test_a_killed_workers_note_is_found(self, store: Store) -> None:
        note = store.note_erasing(a_car("b").blocks, NOW - 700)
        assert [each.id for each in store.left_arrivals(NOW - 600, 10)] == [note]


def test_a_judge_that_was_stopped_in_the_middle_changes_nothing(data: DataApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """It read what is held, stood still while another judged a newer state, and goes on."""
    evidence = data.granted("mushrooms")
    blocks = data.blocks(evidence)
    slow, store = data.another_keeper(), data.brand.store
    assert data.send(evidence, blocks[:1]).status_code == 201
    brought = tuple(Brought(binary_cid(each.cid), len(each.data)) for each in blocks[1:])
    admit = slow._admit

    def stopped(arrival: Arrival, *rest: Any) -> None:
        assert data.send(evidence).status_code == 201  # the other judge, meanwhile
        admit(arrival, *rest)

    monkeypatch.setattr(slow, "_admit", stopped)
    id = store.arrive(Arrival(Kind.BLOCKS, brought, NOW, digest_of_cid(blocks[0].cid)))
    data.own.put(blocks[1:])
    (late,) = [each for each in [store.arrival(id)] if each is not None]
    slow._judge(late)
    (found,) = store.held_grants(0, 10)
    assert found.holding.blocks == len(blocks) and data.names(evidence) == ["mushrooms"]
    waiting = store.arrival(id)
    assert waiting is not None and waiting.verdict is None
    monkeypatch.undo()
    slow._judge(waiting)
    judged = store.arrival(id)
    assert judged is not None and judged.verdict is not None and judged.verdict.is_yes
