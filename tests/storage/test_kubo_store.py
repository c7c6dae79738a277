"""The Kubo store on a real node: its identifiers, its files, pins, collection, many writers, the real programs."""

from __future__ import annotations

import io
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from registry.core.age.recipients import identity_from_seed, recipient_of
from registry.core.age.stream import seal_bytes
from registry.core.errors import InvalidInput, StorageUnavailable
from registry.core.ipld.cid import Block, cid_of_block
from registry.core.ipld.unixfs import LEAF_BYTES, file_blocks, read_file
from registry.storage import kubo as module
from registry.storage.kubo import KuboBlocks
from registry.storage.pinsets import MAX_ENTRIES
from tests.support.kubo_calls import FILE, ONE, unused_port
from tests.support.kubo_node import Node, announcing, running
from tests.support.tools import tool

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def store(kubo: Node) -> Iterator[KuboBlocks]:
    kubo.empty()
    with KuboBlocks(kubo.address) as made:
        yield made


def block(data: bytes) -> Block:
    return Block(cid_of_block(data), data)


def numbered(count: int, seed: int = 0) -> list[Block]:
    chance = random.Random(seed)
    return [block(chance.randbytes(1024)) for _ in range(count)]


def put_file(store: KuboBlocks, data: bytes) -> str:
    blocks = list(file_blocks(io.BytesIO(data)))
    store.put(blocks)
    return blocks[-1].cid


SIZES = [0, 1, 100, LEAF_BYTES - 1, LEAF_BYTES, LEAF_BYTES + 1, 1 << 20, 3_000_000, 174 * LEAF_BYTES]
SIZES += [174 * LEAF_BYTES + 1, 175 * LEAF_BYTES, 60_000_000]


@pytest.mark.parametrize("size", SIZES)
def test_identifiers_equal_those_of_the_real_program(kubo: Node, size: int) -> None:
    data = random.Random(size).randbytes(size)
    theirs = kubo.run("add", "--cid-version=1", "--only-hash", "--quieter", stdin=data).decode().strip()
    *_, root = file_blocks(io.BytesIO(data))
    assert root.cid == theirs


@pytest.mark.parametrize("size", [0, 1000, LEAF_BYTES + 1, 3_000_000])
def test_the_real_program_reads_our_files(kubo: Node, store: KuboBlocks, size: int) -> None:
    data = random.Random(size).randbytes(size)
    assert kubo.run("cat", put_file(store, data)) == data


def test_we_read_files_of_the_real_program(kubo: Node, store: KuboBlocks) -> None:
    data = random.Random(7).randbytes(3_000_000)
    cid = kubo.run("add", "--cid-version=1", "--quieter", stdin=data).decode().strip()
    assert b"".join(read_file(cid, store.get)) == data
    assert store.stat() == (0, 0)


def test_leaving_with_ipfs_and_age(kubo: Node, store: KuboBlocks, tmp_path: Path) -> None:
    # `ipfs cat CID | age -d -i KEY`, with none of our code.
    identity, plain = identity_from_seed(bytes(range(32))), random.Random(3).randbytes(700_000)
    cid = put_file(store, seal_bytes(plain, [recipient_of(identity)]))
    key = tmp_path / "key"
    key.write_text(identity)
    sealed = kubo.run("cat", cid)
    opened = subprocess.run([tool("age"), "-d", "-i", key], input=sealed, capture_output=True, timeout=60)
    assert (opened.returncode, opened.stdout) == (0, plain), opened.stderr


def test_what_is_put_survives_collection_and_what_is_unpinned_does_not(kubo: Node, store: KuboBlocks) -> None:
    data = random.Random(1).randbytes(600_000)
    cid, kept, dropped = put_file(store, data), block(b"kept"), block(b"dropped")
    store.put([kept, dropped])
    store.unpin([dropped.cid, cid_of_block(b"never there")])
    assert store.get(dropped.cid) == b"dropped"
    assert store.collect() >= 1
    assert b"".join(read_file(cid, store.get)) == data
    assert store.get(kept.cid) == b"kept"
    started = time.monotonic()
    with pytest.raises(StorageUnavailable, match="does not hold"):
        store.get(dropped.cid)
    assert time.monotonic() - started < 10  # nobody else was asked for it
    assert kubo.run("cat", cid) == data


def test_unpinning_what_others_pinned(kubo: Node, store: KuboBlocks) -> None:
    data = random.Random(2).randbytes(600_000)
    cid = kubo.run("add", "--cid-version=1", "--quieter", stdin=data).decode().strip()
    store.collect()
    assert b"".join(read_file(cid, store.get)) == data
    store.unpin([cid])
    store.collect()
    assert not store.has(cid)


def test_what_somebody_else_pins_is_not_erased_behind_their_back(kubo: Node, store: KuboBlocks) -> None:
    before = kubo.block_files()
    blocks = list(file_blocks(io.BytesIO(random.Random(4).randbytes(175 * LEAF_BYTES))))
    store.put(blocks)
    root, leaf = blocks[-1].cid, blocks[0].cid
    inner = next(each.cid for each in blocks if each.cid.startswith("bafybei"))
    kubo.run("pin", "add", root)
    for cid in (leaf, inner):
        with pytest.raises(StorageUnavailable, match="pinned") as caught:
            store.delete([cid])
        assert cid in caught.value.advice
        assert store.has(cid)
    store.delete([root, leaf, inner])
    assert not any(map(store.has, (root, leaf, inner)))
    # Nothing dangling is left that would keep the node from collecting.
    store.delete(each.cid for each in blocks)
    assert (store.collect(), kubo.block_files(), store.stat()) == (0, before, (0, 0))


@pytest.mark.parametrize("count", [3, 3 * module.COLLECT_FROM])
def test_erased_bytes_are_in_no_file_of_the_repository(kubo: Node, store: KuboBlocks, count: int) -> None:
    made = numbered(2 * count)
    store.put(made)
    erased, kept = made[:count], made[count:]
    store.delete(each.cid for each in erased)
    left = b"".join(file.read_bytes() for file in kubo.repo.rglob("*") if file.is_file())
    assert [each.cid for each in erased if each.data[:16] in left] == []
    assert all(each.data[:16] in left for each in kept)
    assert store.stat() == (count, 1024 * count)
    store.collect()
    assert [store.get(each.cid) for each in kept] == [each.data for each in kept]


def test_pinsets_are_merged(kubo: Node, store: KuboBlocks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PINSETS", 5)
    made = numbered(8)
    for each in made:
        store.put([each])
    assert len(store._pinsets()) == 8
    store.delete([made[0].cid])
    assert len(store._pinsets()) == 1
    store.collect()
    assert [store.get(each.cid) for each in made[1:]] == [each.data for each in made[1:]]


def test_a_block_lost_to_others_does_not_hold_up_erasure(kubo: Node, store: KuboBlocks) -> None:
    made = numbered(3)
    store.put(made)
    # Under its other CID the node does not see that a pin set keeps it.
    node = "bafybei" + made[0].cid.removeprefix("bafkrei")
    kubo.run("block", "rm", node)
    store.delete([made[1].cid])
    assert [store.has(each.cid) for each in made] == [False, False, True]
    assert store.stat() == (1, 1024)


@pytest.mark.parametrize(
    ("settings", "offline", "announces"),
    [
        ({}, True, False),  # as the devnet has it
        ({"Provide": {"Enabled": True}, "Routing": {"Type": "dht"}}, True, False),
        ({"Provide": {"Enabled": True}}, False, False),
        ({"Routing": {"Type": "dht"}}, False, False),
        ({"Provide": {"Enabled": True}, "Routing": {"Type": "dht"}}, False, True),
        ({"Provide": {"Enabled": None}, "Routing": {"Type": "dhtclient"}}, False, True),  # Kubo's own default
    ],
)
def test_announcing(settings: dict[str, dict[str, Any]], offline: bool, announces: bool) -> None:
    """Only a node that is online, provides and has a routing announces: it gets no personal block (item 15)."""
    with running(settings=settings, offline=offline) as node, KuboBlocks(node.address) as store:
        assert store.announces() is announces
        if announces:
            with pytest.raises(InvalidInput, match="announces what it holds") as caught:
                store.put([ONE, *FILE])
            assert "--allow-announcing" in caught.value.advice
            assert store.stat().blocks == 0 and not store.has(ONE.cid)
            store.put([ONE], public=True)
            with KuboBlocks(node.address, allow_announcing=True) as allowed:
                allowed.put(FILE)
        else:
            store.put([ONE, *FILE])
        assert store.get(ONE.cid) == ONE.data and store.has(FILE[-1].cid)


@pytest.mark.parametrize("hidden", ["config", "swarm"])
def test_a_node_that_does_not_say_whether_it_announces(hidden: str) -> None:
    """A restricted RPC leaves it unknown, which is neither yes nor no: nothing personal is sent (item 15)."""
    names = ["version", "repo", "dag/import", "pin", "block", "config", "swarm"]
    paths = [f"/api/v0/{name}" for name in names if name != hidden]
    restricted = {"Authorizations": {"us": {"AuthSecret": "bearer:token", "AllowedPaths": paths}}}
    with announcing(API=restricted) as node, KuboBlocks(node.address, bearer="token") as store:
        with pytest.raises(StorageUnavailable, match="unknown whether") as caught:
            store.put([ONE])
        assert "--allow-announcing" in caught.value.advice
        store.put([ONE], public=True)
        with KuboBlocks(node.address, bearer="token", allow_announcing=True) as allowed:
            allowed.put(FILE)


def test_putting_nothing_asks_nothing() -> None:
    """A grant that hands over no data works while the node cannot be asked (item 15)."""
    with KuboBlocks(f"/ip4/127.0.0.1/tcp/{unused_port()}") as store:
        store.put([])


def test_two_writers_at_once(kubo: Node, store: KuboBlocks) -> None:
    shared, failures = numbered(10, 99), list[BaseException]()

    def work(number: int) -> None:
        try:
            with KuboBlocks(kubo.address) as mine:
                for turn in range(6):
                    own = numbered(5, 100 * number + turn)
                    mine.put([*own, *shared])
                    mine.delete([own[0].cid, own[1].cid])
                    assert [mine.get(each.cid) for each in own[2:]] == [each.data for each in own[2:]]
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert failures == []
    store.collect()
    assert store.stat() == (2 * 6 * 3 + 10, 1024 * (2 * 6 * 3 + 10))
    assert [store.get(each.cid) for each in shared] == [each.data for each in shared]


def test_threads_share_one_store(store: KuboBlocks) -> None:
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for each in numbered(8, number):
                store.put([each])
                assert store.get(each.cid) == each.data
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert failures == []
    assert store.stat().blocks == 32


def test_nothing_of_the_environment_leads_astray(kubo: Node, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("HOME", str(tmp_path))
    with KuboBlocks(kubo.address) as store:
        assert store.stat().blocks >= 0


def test_a_store_that_was_closed(kubo: Node) -> None:
    store = KuboBlocks(kubo.address)
    assert store.stat().blocks >= 0
    store.close()
    store.close()
    with pytest.raises(StorageUnavailable, match="closed"):
        store.stat()


@pytest.mark.slow
def test_a_node_that_wants_credentials() -> None:
    users = {
        "ann": {"AuthSecret": "basic:ann:hunter2", "AllowedPaths": ["/api/v0"]},
        "brand": {"AuthSecret": "bearer:t0ken", "AllowedPaths": ["/api/v0"]},
    }
    # The tests' own `ipfs` commands have no credentials: this node is asked through the store only.
    with running(settings={"API": {"Authorizations": users}}) as node:
        url = f"http://127.0.0.1:{node.api}"
        for known in (KuboBlocks(url, basic=("ann", "hunter2")), KuboBlocks(url, bearer="t0ken")):
            with known:
                known.put([block(b"one")])
                assert known.get(cid_of_block(b"one")) == b"one"
        for unknown in (KuboBlocks(url), KuboBlocks(url, basic=("ann", "wr0ng")), KuboBlocks(url, bearer="wr0ng")):
            with unknown, pytest.raises(StorageUnavailable, match="credentials") as caught:
                unknown.has(cid_of_block(b"one"))
            assert "wr0ng" not in f"{caught.value} {caught.value.advice} {caught.value.__cause__}"


@pytest.mark.slow
def test_more_blocks_than_a_pinset_holds(store: KuboBlocks) -> None:
    made = numbered(MAX_ENTRIES + 100)
    store.put(made)
    # Two requests, not one for each block; each request made one pin set.
    assert sorted(len(pinset.entries) for pinset in store._pinsets()) == [100, MAX_ENTRIES]
    assert store.stat() == (len(made), 1024 * len(made))
    store.delete(each.cid for each in made[50:])
    assert store.stat() == (50, 1024 * 50)
    assert [store.get(each.cid) for each in made[:50]] == [each.data for each in made[:50]]


MEMORY = """
import hashlib, io, os, re, sys
from pathlib import Path
from registry.core.ipld.unixfs import file_blocks, read_file
from registry.storage.kubo import KuboBlocks

class Source(io.RawIOBase):
    left, hash = 60_000_000, hashlib.sha256()
    def read(self, size):
        data = os.urandom(min(size, self.left))
        self.left -= len(data)
        self.hash.update(data)
        return data

root = None
def remembered(blocks):
    global root
    for root in blocks:
        yield root

source, back = Source(), hashlib.sha256()
with KuboBlocks(sys.argv[1]) as store:
    store.put(remembered(file_blocks(source)))
    for part in read_file(root.cid, store.reader(root.cid)):
        back.update(part)
assert back.digest() == source.hash.digest() and source.left == 0
print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the most memory a process had is read from /proc")
def test_a_large_file_takes_little_memory(kubo: Node, store: KuboBlocks) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, kubo.address], capture_output=True, text=True, env=environment, timeout=240
    )
    assert done.returncode == 0, done.stderr
    # It takes 110 MB: 35 for Python and the libraries, most of the rest for the two archives on their way.
    assert int(done.stdout) * 1024 < 150_000_000
