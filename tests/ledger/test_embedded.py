"""The chain in a directory: persistent, shared by processes, repaired after a crash, with correct times."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from eth_keyfile import decode_keyfile_json

from registry.core.errors import InvalidInput, LedgerUnavailable
from registry.core.facts import FactQuery, SignatureQuery
from registry.ledger import embedded as module
from registry.ledger.base import read_deployment, write_deployment
from registry.ledger.embedded import EmbeddedLedger
from registry.wallets.keyfiles import relay_key
from registry.wallets.keywallet import KeyWallet
from tests.support.levers import START, WALLETS, Clock, creation, deploy_embedded

pytestmark = pytest.mark.slow

ROOT = "0x" + "ab" * 32
ZERO = "0x" + "00" * 32
NOBODY = "0x" + "00" * 20
QUESTION = FactQuery(ROOT, NOBODY)
# eth-tester's accounts have the public keys 1 to 10.
KNOWN = [KeyWallet(number.to_bytes(32, "big")).address for number in range(1, 11)]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(tmp_path: Path, clock: Clock) -> EmbeddedLedger:
    return EmbeddedLedger(tmp_path / "network", relay_key, clock=clock)


def _reopened(ledger: EmbeddedLedger, clock: Clock) -> EmbeddedLedger:
    return EmbeddedLedger(ledger._network, relay_key, clock=clock)


def _balance(ledger: EmbeddedLedger, address: str) -> int:
    with ledger._session() as evm:
        state = evm._chain.get_vm(evm.head()).state
        return int(state.get_balance(bytes.fromhex(address[2:])))


def test_what_was_anchored_is_there_after_reopening(ledger: EmbeddedLedger, clock: Clock) -> None:
    receipt = ledger.transact("anchor", ROOT, ZERO)
    again = _reopened(ledger, clock)
    assert again.deployment == ledger.deployment
    assert again.facts([QUESTION]).anchors[QUESTION].anchored_at == receipt.time


def test_only_the_relay_has_money(ledger: EmbeddedLedger) -> None:
    relay = ledger.transact("anchor", ROOT, ZERO).sender
    assert _balance(ledger, relay) == 10**24
    assert relay not in KNOWN
    assert [_balance(ledger, address) for address in [*KNOWN, NOBODY]] == [0] * 11


def test_files_are_for_their_owner_only(ledger: EmbeddedLedger) -> None:
    ledger.transact("anchor", ROOT, ZERO)
    modes = {path.name: path.stat().st_mode & 0o777 for path in ledger._network.iterdir()}
    assert modes == dict.fromkeys(["chain.sqlite", "deployment.json", "lock", "relay.json"], 0o600)
    assert ledger._network.stat().st_mode & 0o777 == 0o700


def test_the_relays_file_is_a_keystore_that_says_what_it_is(ledger: EmbeddedLedger) -> None:
    document = json.loads((ledger._network / "relay.json").read_text())
    wallet = KeyWallet(decode_keyfile_json(document, b""))
    assert wallet.address == ledger.transact("anchor", ROOT, ZERO).sender
    assert "Play money" in document["note"]


def test_after_a_pause_the_present_is_the_clocks(ledger: EmbeddedLedger, clock: Clock) -> None:
    clock.now += 86_400
    assert ledger.facts([]).present == clock.now
    assert ledger.transact("anchor", ROOT, ZERO).time == clock.now


def test_reading_makes_no_block(ledger: EmbeddedLedger, clock: Clock) -> None:
    before = ledger.head()
    for _ in range(5):
        # A clock that was briefly ahead must not move the chain, because blocks cannot be dated back.
        clock.now += 315_360_000
        ledger.facts([QUESTION])
    assert ledger.head() == before


def test_contracts_see_the_present_time_too(ledger: EmbeddedLedger, clock: Clock) -> None:
    later = START + 1_000
    # Accepts when the block's time is at least `later`: TIMESTAMP >= later ? magic : 0.
    runtime = bytes.fromhex(f"63{later - 1:08x}4211" + "7f" + WALLETS["yes"][1:33].hex() + "02" + "5f5260205ff3")
    question = SignatureQuery(deploy_embedded(ledger, creation(runtime)), bytes(32), b"x")
    assert ledger.facts([], [question]).signatures == {question: False}
    clock.now = later
    assert ledger.facts([], [question]).signatures == {question: True}


def test_a_clock_that_went_back_stops_nothing(ledger: EmbeddedLedger, clock: Clock) -> None:
    first = ledger.transact("anchor", ROOT, ZERO)
    clock.now -= 10_000
    second = ledger.transact("anchor", "0x" + "cd" * 32, ZERO)
    assert (second.block, second.time) == (first.block + 1, first.time + 1)
    facts = ledger.facts([QUESTION])
    assert facts.block_time == second.time > facts.clock and facts.present == second.time


def test_what_is_refused_leaves_no_block(ledger: EmbeddedLedger) -> None:
    before = ledger.head()
    with pytest.raises(InvalidInput):
        ledger.transact("anchor", ZERO, ZERO)
    assert ledger.head() == before


def test_a_wallet_without_money_sends(ledger: EmbeddedLedger) -> None:
    wallet = KeyWallet(b"\x77" * 32)
    assert _balance(ledger, wallet.address) == 0
    receipt = ledger.transact("revokeAll", sender=wallet)
    assert receipt.sender == wallet.address
    assert ledger.facts([FactQuery(ZERO, wallet.address)]).anchors.popitem()[1].cutoff == receipt.time  # type: ignore[attr-defined]


class _Crash(BaseException):
    pass


@pytest.mark.parametrize("where", ["_remember", "write_deployment", "creation_code"])
def test_a_crash_while_it_is_made_heals(
    where: str, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> None:
        raise _Crash

    with monkeypatch.context() as patch, pytest.raises(_Crash):
        patch.setattr(module, where, crash)
        EmbeddedLedger(tmp_path / "network", relay_key, clock=clock)
    ledger = EmbeddedLedger(tmp_path / "network", relay_key, clock=clock)
    receipt = ledger.transact("anchor", ROOT, ZERO)
    assert ledger.facts([QUESTION]).anchors[QUESTION].anchored_at == receipt.time


def test_a_lost_deployment_file_is_written_again_from_the_chain(ledger: EmbeddedLedger, clock: Clock) -> None:
    receipt = ledger.transact("anchor", ROOT, ZERO)
    (ledger._network / "deployment.json").unlink()
    again = _reopened(ledger, clock)
    assert again.deployment == ledger.deployment
    assert again.facts([QUESTION]).anchors[QUESTION].anchored_at == receipt.time


def test_a_lost_relay_is_replaced(ledger: EmbeddedLedger) -> None:
    old = ledger.transact("anchor", ROOT, ZERO).sender
    (ledger._network / "relay.json").unlink()
    assert ledger.transact("anchor", ROOT, ZERO).sender != old


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"crypto":{}}', b"\xff"])
def test_a_damaged_relay_is_unavailable_not_silent(ledger: EmbeddedLedger, content: bytes) -> None:
    (ledger._network / "relay.json").write_bytes(content)
    with pytest.raises(LedgerUnavailable, match="relay") as caught:
        ledger.transact("anchor", ROOT, ZERO)
    assert "relay.json" in caught.value.advice


def test_a_crash_in_a_transaction_leaves_the_chain_as_it_was(
    ledger: EmbeddedLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    from registry.ledger.evm_engine import Evm

    before, mine = ledger.head(), Evm.mine

    def crash(self: Evm, *args: object) -> None:
        mine(self, *args)  # type: ignore[arg-type]
        raise _Crash

    with monkeypatch.context() as patch, pytest.raises(_Crash):
        patch.setattr(Evm, "mine", crash)
        ledger.transact("anchor", ROOT, ZERO)
    assert ledger.head() == before
    assert ledger.facts([QUESTION]).anchors[QUESTION].anchored_at == 0


def test_a_missing_chain_is_not_made_anew(ledger: EmbeddedLedger, clock: Clock) -> None:
    (ledger._network / "chain.sqlite").unlink()
    with pytest.raises(LedgerUnavailable, match="chain's file"):
        _reopened(ledger, clock).head()
    assert not (ledger._network / "chain.sqlite").exists()


@pytest.mark.parametrize("table", ["state", "deployment"])
def test_a_file_that_lost_what_it_held_is_unavailable(ledger: EmbeddedLedger, table: str, clock: Clock) -> None:
    with sqlite3.connect(ledger._network / "chain.sqlite") as connection:
        connection.execute(f"DELETE FROM {table}")
    connection.close()
    if table == "deployment":
        (ledger._network / "deployment.json").unlink()
    with pytest.raises(LedgerUnavailable):
        _reopened(ledger, clock).facts([QUESTION])


def test_a_file_that_is_no_database_is_unavailable(ledger: EmbeddedLedger) -> None:
    (ledger._network / "chain.sqlite").write_bytes(b"not a database" * 1_000)
    with pytest.raises(LedgerUnavailable, match="chain's file"):
        ledger.head()


def test_another_chains_deployment_is_unavailable(ledger: EmbeddedLedger, clock: Clock) -> None:
    path = ledger._network / "deployment.json"
    write_deployment(path, type(ledger.deployment)(1, NOBODY, NOBODY, 1))
    with pytest.raises(LedgerUnavailable, match="not 1"):
        _reopened(ledger, clock).head()


def test_a_deployment_that_points_at_nothing_is_unavailable(ledger: EmbeddedLedger, clock: Clock) -> None:
    path = ledger._network / "deployment.json"
    write_deployment(path, type(ledger.deployment)(ledger.deployment.chain_id, NOBODY, NOBODY, 1))
    for use in (lambda: _reopened(ledger, clock).facts([]), lambda: _reopened(ledger, clock).transact("retire")):
        with pytest.raises(LedgerUnavailable, match="no contract at"):
            use()


def test_a_lock_that_is_kept_is_unavailable_in_time(ledger: EmbeddedLedger) -> None:
    from filelock import FileLock

    taken, done = threading.Event(), threading.Event()

    def keep() -> None:
        with FileLock(ledger._network / "lock"):
            taken.set()
            done.wait(20)

    thread = threading.Thread(target=keep)
    thread.start()
    taken.wait(10)
    try:
        with pytest.raises(LedgerUnavailable, match="locked for"):
            EmbeddedLedger(ledger._network, relay_key, lock_seconds=0.2).head()
    finally:
        done.set()
        thread.join()


def test_a_directory_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerUnavailable, match="directory"):
        EmbeddedLedger(tmp_path / "file" / "network", relay_key)


_WORK = """
import sys
from pathlib import Path
from registry.ledger.embedded import EmbeddedLedger
from registry.wallets.keyfiles import relay_key
ledger = EmbeddedLedger(Path(sys.argv[1]), relay_key)
for i in range(5):
    print(ledger.transact("anchor", "0x" + sys.argv[2] * 31 + f"{i:02x}", "0x" + "00" * 32).block)
"""


def test_two_processes_make_and_use_one_chain_at_once(tmp_path: Path) -> None:
    network = tmp_path / "network"
    both = [
        subprocess.Popen([sys.executable, "-c", _WORK, str(network), name], stdout=subprocess.PIPE, text=True)
        for name in ("aa", "bb")
    ]
    blocks = [int(line) for process in both for line in process.communicate(timeout=120)[0].split()]
    assert [process.returncode for process in both] == [0, 0]
    assert len(set(blocks)) == 10
    ledger = EmbeddedLedger(network, relay_key)
    questions = [FactQuery("0x" + name * 31 + f"{i:02x}", NOBODY) for name in ("aa", "bb") for i in range(5)]
    found = ledger.facts(questions).anchors
    assert all(found[question].anchored_at for question in questions)
    assert read_deployment(network / "deployment.json") == ledger.deployment


def test_pairing_precompiles_still_work_when_they_are_called(ledger: EmbeddedLedger) -> None:
    """BLS12_G1ADD of infinity and infinity is infinity: 128 zero bytes (EIP-2537)."""
    with ledger._session() as evm:
        answer = evm.call(evm.head(), (11).to_bytes(20, "big"), bytes(256))
    assert answer.ok and answer.data == bytes(128)
