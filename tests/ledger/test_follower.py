"""The follower yields the registry's log as the chain has it, and takes back what a reorganisation removed."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest

from registry.core.errors import BlockMismatch, LedgerUnavailable, Malformed
from registry.core.merkle import build_tree, manifest
from registry.core.scalars import to_hex, unhex
from registry.ledger import follower as module
from registry.ledger.abi import ANCHORED, REVOKED, REVOKED_ALL
from registry.ledger.base import Deployment
from registry.ledger.follower import Cursor, Follower, LogEntry, LogKind, read_manifest
from tests.support.fake_node import DEPLOYMENT, REGISTRY, FakeNode, Refused
from tests.support.levers import AnvilLevers, GethLevers, running_anvil, running_geth
from tests.support.soak import examples

pytestmark = pytest.mark.slow


class Reader:
    """Keeps what a follower yields, as a service does."""

    def __init__(self, url: str, deployment: Deployment) -> None:
        self.follower, self.cursor = Follower(url, deployment), Cursor()
        self.entries: list[LogEntry] = []
        self.removals: list[int] = []

    def step(self) -> bool:
        step = self.follower.step(self.cursor)
        if step.removed_above is not None:
            assert step.entries == ()
            self.removals.append(step.removed_above)
            self.entries = [entry for entry in self.entries if entry.block <= step.removed_above]
        self.entries += step.entries
        self.cursor = step.cursor
        return step.caught_up

    def catch_up(self) -> None:
        for _ in range(1_000):
            if self.step():
                return
        raise AssertionError("it does not catch up")


def on_chain(levers: AnvilLevers | GethLevers) -> list[tuple[str, str, str, int, str]]:
    """Return the registry's whole log as the node shows it in one answer."""
    where = {"address": levers.ledger.deployment.registry, "fromBlock": "0x0"}
    logs = levers._ask("eth_getLogs", where)
    return [
        (one["topics"][0], one["topics"][1], one["data"], int(one["blockNumber"], 16), one["transactionHash"])
        for one in logs
    ]


TOPICS = {LogKind.ANCHORED: ANCHORED, LogKind.REVOKED: REVOKED, LogKind.REVOKED_ALL: REVOKED_ALL}


def as_logs(entries: list[LogEntry]) -> list[tuple[str, str, str, int, str]]:
    return [(TOPICS[one.kind], to_hex(one.word), to_hex(one.data), one.block, one.transaction) for one in entries]


def word() -> str:
    return to_hex(os.urandom(32))


def test_all_kinds_in_order_and_on_from_there(own: tuple[str, Deployment]) -> None:
    levers, reader = AnvilLevers(*own), Reader(*own)
    reader.catch_up()
    before = len(reader.entries)
    root, manifest_word = word(), word()
    first = levers.ledger.transact("anchor", root, manifest_word)
    levers.ledger.transact("revoke", word(), word())
    subject = levers.wallet()
    levers.ledger.transact("retire", sender=subject)
    reader.catch_up()
    new = reader.entries[before:]
    assert [one.kind for one in new] == [LogKind.ANCHORED, LogKind.REVOKED, LogKind.REVOKED_ALL]
    assert (to_hex(new[0].word), to_hex(new[0].data)) == (root, manifest_word)
    assert (new[0].block, new[0].time, new[0].transaction) == (first.block, first.time, first.transaction)
    assert new[2].word[12:] == unhex(subject.address) and new[2].data[-8:] == b"\xff" * 8
    assert as_logs(reader.entries) == on_chain(levers)
    fresh = Reader(*own)
    fresh.catch_up()
    assert fresh.entries == reader.entries and fresh.cursor.number == reader.cursor.number


def test_long_ranges_are_read_in_parts(own: tuple[str, Deployment], monkeypatch: pytest.MonkeyPatch) -> None:
    levers = AnvilLevers(*own)
    for _ in range(5):
        levers.ledger.transact("anchor", word(), word())
        levers.mine(30)
    monkeypatch.setattr(module, "_SPAN", 20)
    reader = Reader(*own)
    parts = 0
    while not reader.step():
        parts += 1
    assert parts >= 7 and as_logs(reader.entries) == on_chain(levers)


def test_a_node_that_serves_few_blocks_at_once(tmp_path_factory: pytest.TempPathFactory) -> None:
    with running_geth(tmp_path_factory.mktemp("n"), "--rpc.rangelimit", "5") as node:
        levers = GethLevers(*node)
        sent = []
        for _ in range(3):
            sent.append(levers.ledger.transact("anchor", word(), word()))
            levers.mine(9)
        reader = Reader(*node)
        reader.catch_up()
        found = [(one.block, one.time, one.transaction) for one in reader.entries]
        assert found == [(one.block, one.time, one.transaction) for one in sent]


@pytest.mark.parametrize("depth", [1, 2, 5, 20])
def test_a_reorganisation_is_taken_back(own: tuple[str, Deployment], depth: int) -> None:
    levers, reader = AnvilLevers(*own), Reader(*own)
    reader.catch_up()
    kept = levers.ledger.transact("anchor", word(), word())
    for _ in range(depth):
        levers.ledger.transact("revoke", word(), word())
    reader.catch_up()
    levers._ask("anvil_reorg", depth, [])
    reader.catch_up()
    # Of blocks that were read in one range, a cursor keeps the last one.
    assert reader.removals == [kept.block] if depth < 16 else reader.removals[0] <= kept.block
    assert as_logs(reader.entries) == on_chain(levers)
    assert reader.entries[-1].transaction == kept.transaction


@pytest.mark.parametrize("seed", range(examples(2, 30)))
def test_whatever_happens_the_reader_has_the_chains_log(seed: int) -> None:
    # A chain of its own: after a thousand blocks, anvil has lost contracts when it took blocks back.
    with running_anvil() as node:
        levers = AnvilLevers(*node)
        levers.mine(200)  # more than all rollbacks together take back
        _play(levers, Reader(*node), random.Random(seed))


def _play(levers: AnvilLevers, reader: Reader, rng: random.Random) -> None:
    reader.catch_up()
    chances: list[Callable[[], Any]] = [
        lambda: levers.ledger.transact("anchor", word(), word()),
        lambda: levers.ledger.transact("revokeBatch", [(word(), word()) for _ in range(rng.randint(1, 4))]),
        lambda: levers.mine(rng.randint(1, 40)),
        lambda: levers._ask("anvil_reorg", rng.randint(1, 6), []),
        lambda: levers._ask("anvil_rollback", rng.randint(1, 3)),
        reader.step,
        reader.step,
    ]
    for _ in range(60):
        rng.choice(chances)()
    levers.mine(4)  # longer than any rollback, so that the node is not taken for one that lags
    reader.catch_up()
    reader.catch_up()
    assert as_logs(reader.entries) == on_chain(levers)


def test_a_node_that_lags_takes_nothing_back(own: tuple[str, Deployment]) -> None:
    levers, reader = AnvilLevers(*own), Reader(*own)
    levers.ledger.transact("anchor", word(), word())
    levers.ledger.transact("anchor", word(), word())
    reader.catch_up()
    before, cursor = list(reader.entries), reader.cursor
    levers._ask("anvil_rollback", 2)
    assert reader.step() and (reader.entries, reader.cursor, reader.removals) == (before, cursor, [])
    levers.mine(1)
    reader.catch_up()
    assert reader.removals and as_logs(reader.entries) == on_chain(levers)


def test_another_chain_is_no_reorganisation(own: tuple[str, Deployment]) -> None:
    reader = Reader(*own)
    reader.catch_up()
    strange = Cursor(tuple((number, word()) for number, _ in reader.cursor.blocks))
    with pytest.raises(LedgerUnavailable, match="none of the blocks that were read before") as caught:
        reader.follower.step(strange)
    assert "new cursor" in caught.value.advice


def test_a_cursor_stays_small(own: tuple[str, Deployment]) -> None:
    levers, reader = AnvilLevers(*own), Reader(*own)
    for _ in range(module.KEPT_BLOCKS // 10 + 3):
        levers.mine(10)
        reader.catch_up()
    assert len(reader.cursor.blocks) == module.KEPT_BLOCKS
    numbers = [number for number, _ in reader.cursor.blocks]
    assert numbers == list(range(numbers[0], numbers[0] + module.KEPT_BLOCKS))


HEAD = 40
GOOD = {
    "address": REGISTRY.lower(),
    "topics": [ANCHORED, "0x" + "ab" * 32],
    "data": "0x" + "cd" * 32,
    "transactionHash": "0x" + "ef" * 32,
    "removed": False,
}


def block_hash(number: int) -> str:
    return "0x" + f"{number:064x}"


def header(number: int) -> dict[str, Any]:
    return {
        "number": hex(number),
        "hash": block_hash(number),
        "parentHash": block_hash(number - 1),
        "timestamp": hex(1_000 + number),
    }


def log(number: int, index: int = 0, **changes: Any) -> dict[str, Any]:
    return {**GOOD, "blockNumber": hex(number), "blockHash": block_hash(number), "logIndex": hex(index), **changes}


def chain(
    logs: Callable[[int, int], Any] = lambda first, last: [log(n) for n in range(first, last + 1) if n % 10 == 0],
    **headers: Any,
) -> Callable[[str, list[Any]], Any]:
    """Return the answers of a node on a chain of 40 blocks, whose every tenth holds an anchor."""

    def answer(method: str, params: list[Any]) -> Any:
        if method == "eth_chainId":
            return hex(DEPLOYMENT.chain_id)
        if method == "eth_getBlockByNumber":
            number = HEAD if params[0] == "latest" else int(params[0], 16)
            change = headers.get(f"b{number}", {})
            return change if change is None else {**header(number), **change}
        if method == "eth_getLogs":
            where = params[0]
            if "blockHash" in where:
                number = int(where["blockHash"], 16)
                return logs(number, number)
            return logs(int(where["fromBlock"], 16), int(where["toBlock"], 16))
        raise Refused(-32601, f"the method {method} does not exist")

    return answer


def read_all(node: FakeNode) -> Reader:
    reader = Reader(node.url, DEPLOYMENT)
    reader.catch_up()
    return reader


def test_an_honest_chain_is_read(serve: Callable[..., FakeNode]) -> None:
    assert [one.block for one in read_all(serve(chain())).entries] == [10, 20, 30, 40]


def _once(number: int, *entries: Any) -> Callable[[int, int], Any]:
    return lambda first, last: list(entries) if first <= number <= last else []


LIES: dict[str, Callable[[str, list[Any]], Any]] = {
    "logs of no list": chain(lambda *_: {}),
    "logs that are refused": chain(lambda *_: None),
    "a log of another block": chain(_once(40, log(41))),
    "a log of an older block": chain(_once(40, log(39))),
    "a log of another contract": chain(_once(40, log(40, address="0x" + "11" * 20))),
    "a log that was removed": chain(_once(40, log(40, removed=True))),
    "a log from another chain": chain(_once(40, log(40, blockHash=block_hash(99)))),
    "an old log from another chain": chain(_once(10, log(10, blockHash=block_hash(99)))),
    "logs in another order": chain(_once(40, log(40, 1), log(40, 0))),
    "a log twice": chain(_once(40, log(40), log(40))),
    "blocks in another order": chain(lambda first, last: [log(20), log(10)] if first <= 10 and last >= 20 else []),
    "an unknown event": chain(_once(40, log(40, topics=["0x" + "00" * 32, GOOD["topics"][1]]))),
    "a topic too few": chain(_once(40, log(40, topics=[ANCHORED]))),
    "topics that are none": chain(_once(40, log(40, topics=[None, None]))),
    "a short word": chain(_once(40, log(40, topics=[ANCHORED, "0xab"]))),
    "data of a revocation": chain(_once(40, log(40, topics=[REVOKED, GOOD["topics"][1]]))),
    "data too long": chain(_once(40, log(40, data="0x" + "cd" * 33))),
    "no transaction": chain(_once(40, log(40, transactionHash=None))),
    "a log that is none": chain(_once(40, "log")),
    "another parent": chain(b38={"parentHash": block_hash(99)}),
    "another parent of the head": chain(b40={"parentHash": block_hash(99)}),
    "another number": chain(b35={"number": hex(34)}),
    "a block that is missing": chain(b35=None),
    "an old block that is missing": chain(b10=None),
}


@pytest.mark.parametrize("answers", LIES.values(), ids=LIES.keys())
def test_a_node_that_contradicts_itself_could_not_be_asked(
    serve: Callable[..., FakeNode], answers: Callable[[str, list[Any]], Any]
) -> None:
    with pytest.raises(LedgerUnavailable):
        read_all(serve(answers))


def test_a_node_on_another_chain(serve: Callable[..., FakeNode]) -> None:
    def elsewhere(method: str, params: list[Any]) -> Any:
        return "0x5" if method == "eth_chainId" else chain()(method, params)

    with pytest.raises(LedgerUnavailable, match="on chain 5"):
        read_all(serve(elsewhere))


def test_a_chain_that_changes_between_two_requests(serve: Callable[..., FakeNode]) -> None:
    """The head's block is another one when its header is asked for by number."""
    asked: list[str] = []

    def answer(method: str, params: list[Any]) -> Any:
        found = chain()(method, params)
        if method == "eth_getBlockByNumber" and params[0] == hex(HEAD):
            asked.append(method)
            return {**found, "hash": block_hash(0xFF)}
        return found

    with pytest.raises(LedgerUnavailable, match="changed while it was read"):
        read_all(serve(answer))
    assert asked


class TestManifests:
    words = sorted(os.urandom(32) for _ in range(5))
    raw = manifest(words)

    def test_one_that_rebuilds_the_root(self) -> None:
        digest = sha256(self.raw).digest()
        assert read_manifest(build_tree(self.words).root, digest, {digest: self.raw}.__getitem__) == self.words

    @pytest.mark.parametrize(
        "raw",
        [b"", raw[:-1], raw[32:], raw[32:64] + raw[:32], raw[:32] + raw[:32], raw + b"\xff" * 32, bytes(64)],
        ids=["empty", "cut", "one less", "another order", "a repeat", "one more", "zeros twice"],
    )
    def test_one_that_does_not(self, raw: bytes) -> None:
        with pytest.raises(Malformed):
            read_manifest(build_tree(self.words).root, sha256(raw).digest(), lambda _: raw)

    def test_other_bytes_than_the_events(self) -> None:
        with pytest.raises(BlockMismatch):
            read_manifest(build_tree(self.words).root, sha256(self.raw).digest(), lambda _: self.raw + b"x")

    def test_more_than_a_batch_holds(self) -> None:
        raw = b"".join(number.to_bytes(32, "big") for number in range(32_769))
        with pytest.raises(Malformed, match="too much"):
            read_manifest(bytes(32), sha256(raw).digest(), lambda _: raw)
