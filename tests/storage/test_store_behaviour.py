"""The behaviour of every block store, tested on the fake and on the real ones alike."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from registry.core.errors import BlockMismatch, InvalidInput, StorageFull, StorageUnavailable
from registry.core.ipld.cid import MAX_BLOCK_BYTES, Block, cid_of_block, digest_of_cid
from registry.core.ipld.unixfs import file_blocks, read_file
from registry.storage.base import MAX_HOMES, MAX_NAME_BYTES, BlockStore, Names
from registry.storage.kubo import KuboBlocks
from registry.storage.sqlite_store import SqliteBlocks
from tests.support.fake_storage import MemoryBlocks
from tests.support.kubo_node import Node
from tests.support.tcp_proxy import Proxy

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("short_pauses")]


class Bench(NamedTuple):
    """A store, and functions that make it fail."""

    store: BlockStore
    corrupt: Callable[[str], object]
    lose: Callable[[str], object]
    fill: Callable[[], object]
    stop: Callable[[], object]


def memory_bench() -> Bench:
    store = MemoryBlocks()
    return Bench(
        store,
        lambda cid: store.kept.update({digest_of_cid(cid): b"something else"}),
        lambda cid: store.kept.pop(digest_of_cid(cid)),
        lambda: setattr(store, "capacity", store.stat().bytes),
        lambda: setattr(store, "down", True),
    )


def sqlite_bench(path: Path) -> Bench:
    store = SqliteBlocks(path)

    def behind_its_back(statement: str, cid: str) -> None:
        with sqlite3.connect(path) as db:
            db.execute(statement, (digest_of_cid(cid),))
        db.close()

    def fill() -> None:
        pages = store._db.execute("PRAGMA page_count").fetchone()[0]
        store._db.execute(f"PRAGMA max_page_count = {pages}")

    return Bench(
        store,
        lambda cid: behind_its_back("UPDATE blocks SET data = 'something else' WHERE digest = ?", cid),
        lambda cid: behind_its_back("DELETE FROM blocks WHERE digest = ?", cid),
        fill,
        store.close,
    )


@contextmanager
def kubo_bench(node: Node) -> Iterator[Bench]:
    """The store reaches the node through a proxy, which can be closed for one test. The node is emptied first."""
    node.empty()
    with Proxy(node.api) as proxy, KuboBlocks(proxy.address) as store:

        def lose(cid: str) -> None:
            node.unpin_all()
            node.collect()

        yield Bench(
            store,
            lambda cid: node.block_file(cid).write_bytes(b"something else"),
            lose,
            lambda: node.run("config", "Datastore.StorageMax", "1KB"),
            proxy.close,
        )


@pytest.fixture(params=["memory", "sqlite", "kubo"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    if request.param == "memory":
        yield memory_bench()
    elif request.param == "sqlite":
        made = sqlite_bench(tmp_path / "blocks.db")
        yield made
        made.store.close()
    else:
        with kubo_bench(request.getfixturevalue("kubo")) as made:
            yield made


def block(data: bytes) -> Block:
    return Block(cid_of_block(data), data)


ONE, TWO = block(b"one"), block(b"two, which is longer")
CALLS: dict[str, Callable[[BlockStore], object]] = {
    "put": lambda store: store.put([TWO]),
    "get": lambda store: store.get(ONE.cid),
    "has": lambda store: store.has(ONE.cid),
    "delete": lambda store: store.delete([ONE.cid]),
    "stat": lambda store: store.stat(),
}


def test_what_is_put_is_there(bench: Bench) -> None:
    bench.store.put(iter([ONE, TWO]))
    assert [bench.store.get(each.cid) for each in (TWO, ONE)] == [TWO.data, ONE.data]
    assert bench.store.has(ONE.cid)
    assert not bench.store.has(block(b"absent").cid)
    assert bench.store.stat() == (2, len(ONE.data) + len(TWO.data))


def test_a_file_is_read_in_its_order(bench: Bench) -> None:
    data = bytes(range(256)) * 4000
    *leaves, root = file_blocks(io.BytesIO(data))
    bench.store.put([*leaves, root])
    assert b"".join(read_file(root.cid, bench.store.reader(root.cid))) == data
    bench.corrupt(leaves[1].cid)
    with pytest.raises(BlockMismatch):
        list(read_file(root.cid, bench.store.reader(root.cid)))
    bench.lose(leaves[0].cid)
    with pytest.raises(StorageUnavailable):
        list(read_file(root.cid, bench.store.reader(root.cid)))


def test_putting_again_changes_nothing(bench: Bench) -> None:
    bench.store.put([ONE, ONE])
    bench.store.put([ONE, TWO])
    bench.store.put([])
    assert bench.store.stat() == (2, len(ONE.data) + len(TWO.data))


def test_an_empty_store(bench: Bench) -> None:
    assert bench.store.stat() == (0, 0)
    bench.store.delete([ONE.cid])
    bench.store.delete([])
    assert not bench.store.has(ONE.cid)


@pytest.mark.parametrize("size", [0, 1, MAX_BLOCK_BYTES])
def test_sizes_that_fit(bench: Bench, size: int) -> None:
    made = block(bytes(size))
    bench.store.put([made])
    assert bench.store.get(made.cid) == made.data


def test_absent_is_not_an_answer_of_no_bytes(bench: Bench) -> None:
    with pytest.raises(StorageUnavailable) as caught:
        bench.store.get(ONE.cid)
    assert ONE.cid in str(caught.value)
    assert caught.value.advice


def test_deleted_blocks_are_gone_and_the_others_stay(bench: Bench) -> None:
    bench.store.put([ONE, TWO])
    bench.store.delete(iter([ONE.cid, block(b"absent").cid]))
    assert not bench.store.has(ONE.cid)
    assert bench.store.get(TWO.cid) == TWO.data
    with pytest.raises(StorageUnavailable):
        bench.store.get(ONE.cid)
    bench.store.put([ONE])
    assert bench.store.get(ONE.cid) == ONE.data


@pytest.mark.parametrize(
    "bad",
    [
        block(bytes(MAX_BLOCK_BYTES + 1)),
        Block(ONE.cid, TWO.data),
        Block(ONE.cid.upper(), ONE.data),
        Block("", b""),
    ],
    ids=["too large", "other bytes", "upper case", "no CID"],
)
def test_blocks_that_are_not_taken(bench: Bench, bad: Block) -> None:
    with pytest.raises(InvalidInput):
        bench.store.put([bad])
    assert bench.store.stat() == (0, 0)


@pytest.mark.parametrize("cid", ["", "nonsense", ONE.cid.upper()])
def test_identifiers_that_are_none(bench: Bench, cid: str) -> None:
    for call in (bench.store.get, bench.store.has, lambda bad: bench.store.delete([ONE.cid, bad])):
        with pytest.raises(InvalidInput):
            call(cid)


def test_changed_bytes_are_never_returned(bench: Bench) -> None:
    bench.store.put([ONE, TWO])
    bench.corrupt(ONE.cid)
    with pytest.raises(BlockMismatch):
        bench.store.get(ONE.cid)
    assert bench.store.get(TWO.cid) == TWO.data
    bench.store.put([ONE])
    assert bench.store.get(ONE.cid) == ONE.data


def test_lost_blocks_are_unavailable(bench: Bench) -> None:
    bench.store.put([ONE])
    bench.lose(ONE.cid)
    assert not bench.store.has(ONE.cid)
    with pytest.raises(StorageUnavailable):
        bench.store.get(ONE.cid)


def test_a_full_store_says_so_and_keeps_what_it_has(bench: Bench) -> None:
    bench.store.put([ONE])
    bench.fill()
    with pytest.raises(StorageFull, match="full") as caught:
        bench.store.put([block(bytes([n]) * MAX_BLOCK_BYTES) for n in range(3)])
    assert caught.value.advice
    assert bench.store.get(ONE.cid) == ONE.data
    assert bench.store.stat().blocks == 1


@pytest.mark.parametrize("name", CALLS)
def test_a_store_that_is_down_never_says_no(bench: Bench, name: str) -> None:
    bench.store.put([ONE])
    bench.stop()
    with pytest.raises(StorageUnavailable) as caught:
        CALLS[name](bench.store)
    assert not isinstance(caught.value, BlockMismatch)


def test_a_file_comes_back_from_its_blocks(bench: Bench) -> None:
    data = bytes(range(256)) * 3000
    blocks = list(file_blocks(io.BytesIO(data)))
    bench.store.put(blocks)
    assert b"".join(read_file(blocks[-1].cid, bench.store.get)) == data


NAME, OTHER_NAME = "0a" * 16, "0b" * 16
HOMES = tuple(f"{number:016x}" for number in range(MAX_HOMES + 1))


@pytest.fixture
def named(bench: Bench) -> Iterator[Names]:
    assert isinstance(bench.store, Names)
    yield bench.store
    for name in (NAME, OTHER_NAME):
        for home in bench.store.names(name):
            bench.store.set_name(name, home, None)


def test_each_home_has_its_bytes_under_a_name(named: Names) -> None:
    assert named.names(NAME) == {}
    named.set_name(NAME, HOMES[0], b"one")
    named.set_name(NAME, HOMES[1], bytes(range(256)) * 64)
    named.set_name(OTHER_NAME, HOMES[0], b"another vault's")
    named.set_name(NAME, HOMES[0], b"")
    assert named.names(NAME) == {HOMES[0]: b"", HOMES[1]: bytes(range(256)) * 64}
    named.set_name(NAME, HOMES[0], None)
    named.set_name(NAME, HOMES[2], None)
    assert list(named.names(NAME)) == [HOMES[1]] and named.names(OTHER_NAME) == {HOMES[0]: b"another vault's"}


def test_names_are_no_blocks_and_no_collection_takes_them(named: Names, bench: Bench) -> None:
    named.set_name(NAME, HOMES[0], b"one")
    assert bench.store.stat() == (0, 0)
    bench.store.put([ONE])
    bench.store.delete([ONE.cid])
    bench.store.put([ONE])
    bench.lose(ONE.cid)
    assert named.names(NAME) == {HOMES[0]: b"one"}


@pytest.mark.parametrize(
    ("name", "home", "data"),
    [(NAME, "../x", b""), ("", HOMES[0], b""), (NAME, HOMES[0].upper() + "F", b""), (NAME, HOMES[0], bytes(16_385))],
)
def test_names_that_are_not_taken(named: Names, name: str, home: str, data: bytes) -> None:
    assert len(bytes(16_385)) > MAX_NAME_BYTES
    with pytest.raises(InvalidInput):
        named.set_name(name, home, data)
    assert named.names(NAME) == {}


def test_there_are_not_too_many_homes(named: Names) -> None:
    for home in HOMES[:-1]:
        named.set_name(NAME, home, b"one")
    with pytest.raises(InvalidInput, match="at most 64 homes"):
        named.set_name(NAME, HOMES[-1], b"one")
    named.set_name(NAME, HOMES[0], b"two")
    assert len(named.names(NAME)) == MAX_HOMES


def test_names_of_a_store_that_is_down(bench: Bench) -> None:
    assert isinstance(bench.store, Names)
    bench.stop()
    for call in (lambda: bench.store.names(NAME), lambda: bench.store.set_name(NAME, HOMES[0], b"")):
        with pytest.raises(StorageUnavailable):
            call()


def test_the_fakes_other_switches() -> None:
    store = MemoryBlocks(lies=True)
    store.put([ONE])
    with pytest.raises(BlockMismatch):
        store.get(ONE.cid)
    forgetful = MemoryBlocks(loses=True, delay=0.01)
    forgetful.put([ONE])
    assert not forgetful.has(ONE.cid)
