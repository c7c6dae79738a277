"""Sending on real chains: low and high fees, no money, other senders of the same account, reorganisations."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from registry.core.eip712 import domain_of
from registry.core.errors import InvalidInput, LedgerUnavailable, NotAnchored, Rejected
from registry.core.evidence.file import Evidence
from registry.core.facts import FactQuery
from registry.core.scalars import to_hex
from registry.core.verify.judge import judge as pure_judge
from registry.core.verify.queries import fact_queries
from registry.ledger.base import Deployment, Receipt, write_deployment
from registry.ledger.rpc import RpcLedger
from registry.wallets.keywallet import KeyWallet
from tests.support.builders import evidence_of, grant_message, policy
from tests.support.fake_node import NOBODY, ZERO
from tests.support.levers import ANVIL_KEY, AnvilLevers, GethLevers, RpcLevers, until

pytestmark = pytest.mark.slow

GWEI = 10**9


def word() -> str:
    return to_hex(os.urandom(32))


def anchored(ledger: RpcLedger, *roots: str) -> bool:
    asked = [FactQuery(root, NOBODY) for root in roots]
    return all(facts.anchored_at for facts in ledger.facts(asked).anchors.values())


@pytest.fixture(params=["anvil", "geth"])
def either(request: pytest.FixtureRequest) -> RpcLevers:
    kind = {"anvil": AnvilLevers, "geth": GethLevers}[request.param]
    return kind(*request.getfixturevalue(request.param))


class Account:
    """A wallet that calls ``before`` each time it signs, and counts in ``times``."""

    def __init__(self, wallet: KeyWallet, before: Callable[[int, dict[str, Any]], dict[str, Any]]) -> None:
        self._wallet, self._before = wallet, before
        self.address, self.times = wallet.address, 0

    def sign_transaction(self, tx: dict[str, Any]) -> bytes:
        self.times += 1
        return self._wallet.sign_transaction(self._before(self.times, tx))


class TestTooCheap:
    def test_what_the_base_fee_left_behind_is_sent_for_more(self, own: Any, by_hand: AnvilLevers) -> None:
        """anvil drops a transaction below the base fee; the first replacement is mined."""
        root, wallet, heard = word(), by_hand.wallet(), []

        def progress(transaction: str, _: float) -> None:
            heard.append(transaction)
            if len(heard) == 1:
                by_hand._ask("anvil_setNextBlockBaseFeePerGas", hex(100 * GWEI))
            by_hand.mine(1)

        ledger = RpcLedger(*own, relay=wallet, receipt_seconds=20, progress=progress)
        receipt = ledger.transact("anchor", root, word())
        assert receipt.transaction not in heard[:1] and receipt.transaction == heard[-1]
        sent = by_hand._ask("eth_getTransactionByHash", receipt.transaction)
        assert int(sent["nonce"], 16) == 0 and int(sent["maxFeePerGas"], 16) > 50 * GWEI
        assert anchored(ledger, root)

    def test_the_limit_is_kept_and_said(self, own: Any, by_hand: AnvilLevers) -> None:
        heard: list[str] = []

        def progress(transaction: str, _: float) -> None:
            heard.append(transaction)
            if len(heard) == 1:
                by_hand._ask("anvil_setNextBlockBaseFeePerGas", hex(100 * GWEI))
            by_hand.mine(1)

        ledger = RpcLedger(*own, relay=by_hand.wallet(), progress=progress, max_fee=20 * GWEI, receipt_seconds=1.5)
        with pytest.raises(LedgerUnavailable, match=r"was sent, but .*gas costs .* the limit is") as caught:
            ledger.transact("anchor", word(), word())
        assert set(heard) == {heard[0]} and heard[0] in str(caught.value)
        assert "raise the limit" in caught.value.advice.lower()

    def test_what_blocks_pass_by_is_replaced(self, geth: tuple[str, Deployment]) -> None:
        """geth keeps a transaction with a low fee. Here the wallet lowered the fee itself."""
        levers, root, heard = GethLevers(*geth), word(), []
        account = Account(levers.wallet(), _at_first_for_nothing)

        def progress(transaction: str, _: float) -> None:
            heard.append(transaction)
            levers.mine(1)

        ledger = RpcLedger(*geth, receipt_seconds=20, replace_seconds=0.1, progress=progress)
        receipt = ledger.transact("anchor", root, word(), sender=account)
        assert account.times >= 2 and receipt.transaction != heard[0]
        assert int(levers._ask("eth_getTransactionCount", account.address, "latest"), 16) == 1
        assert anchored(ledger, root)

    def test_a_wallet_that_signs_once_only_is_not_asked_for_ever(self, geth: tuple[str, Deployment]) -> None:
        levers, heard = GethLevers(*geth), []

        def once(times: int, tx: dict[str, Any]) -> dict[str, Any]:
            if times > 1:
                raise Rejected("no")
            return _at_first_for_nothing(times, tx)

        def progress(transaction: str, _: float) -> None:
            heard.append(transaction)
            levers.mine(1)

        account = Account(wallet := levers.wallet(), once)
        ledger = RpcLedger(*geth, receipt_seconds=2.0, replace_seconds=0.05, progress=progress)
        with pytest.raises(LedgerUnavailable, match=r"was sent, but .*did not sign it anew") as caught:
            ledger.transact("anchor", word(), word(), sender=account)
        assert account.times == 2 and set(heard) == {heard[0]} and heard[0] in str(caught.value)
        # geth makes empty blocks while it has a transaction that it cannot mine.
        levers._ask("eth_sendRawTransaction", _elsewhere(wallet, geth[1].chain_id))
        until(lambda: levers._ask("eth_getTransactionCount", wallet.address, "latest") == "0x1")

    def test_a_chain_that_stands_still_is_not_paid_more(self, own: Any, by_hand: AnvilLevers) -> None:
        account = Account(by_hand.wallet(), lambda _, tx: tx)
        ledger = RpcLedger(*own, receipt_seconds=0.5, replace_seconds=0.05)
        with pytest.raises(LedgerUnavailable, match="in no block"):
            ledger.transact("anchor", word(), word(), sender=account)
        assert account.times == 1


def _at_first_for_nothing(times: int, tx: dict[str, Any]) -> dict[str, Any]:
    return tx if times > 1 else tx | {"maxFeePerGas": 1, "maxPriorityFeePerGas": 1}


def test_what_is_missing_is_said_and_is_enough(either: RpcLevers) -> None:
    root, poor = word(), KeyWallet(os.urandom(32))
    with pytest.raises(InvalidInput, match=f"{poor.address} cannot pay .* it has 0, and up to") as caught:
        either.ledger.transact("anchor", root, word(), sender=poor)
    found = re.search(r"at least (0\.\d+) of", caught.value.advice)
    assert found is not None
    # Twice the amount, because the price changes with every block.
    either.send(to=poor.address, value=hex(2 * int(Decimal(found[1]) * 10**18)))
    assert either.ledger.transact("anchor", root, word(), sender=poor).sender == poor.address
    assert anchored(either.ledger, root)


class TestOthersOfTheSameAccount:
    def test_a_number_that_is_taken_while_signing(self, either: RpcLevers) -> None:
        """Another program is faster, so the node refuses; the account's nonce is read again."""
        wallet, roots = either.wallet(), [word(), word()]
        other = RpcLedger(either.url, either.ledger.deployment, relay=wallet, receipt_seconds=20)

        def quicker(times: int, tx: dict[str, Any]) -> dict[str, Any]:
            if times == 1:
                other.transact("anchor", roots[0], word())
            return tx

        account = Account(wallet, quicker)
        either.ledger.transact("anchor", roots[1], word(), sender=account)
        assert account.times == 2
        assert anchored(either.ledger, *roots)
        assert int(either._ask("eth_getTransactionCount", wallet.address, "latest"), 16) == 2

    def test_a_number_that_is_taken_while_waiting(self, own: tuple[str, Deployment], by_hand: AnvilLevers) -> None:
        """The node drops the transaction for another one with the same nonce, which is mined."""
        wallet, root = by_hand.wallet(), word()
        account, heard = Account(wallet, lambda _, tx: tx), []

        def progress(transaction: str, _: float) -> None:
            heard.append(transaction)
            if len(heard) == 1:
                by_hand._ask("anvil_dropTransaction", transaction)
                by_hand._ask("eth_sendRawTransaction", _elsewhere(wallet, own[1].chain_id))
            by_hand.mine(1)

        ledger = RpcLedger(*own, receipt_seconds=20, progress=progress)
        receipt = ledger.transact("anchor", root, word(), sender=account)
        assert account.times == 2 and receipt.transaction not in heard[:1]
        assert anchored(ledger, root)
        assert int(by_hand._ask("eth_getTransactionCount", wallet.address, "latest"), 16) == 2

    def test_two_processes_send_from_one_account_at_once(self, either: RpcLevers, tmp_path: Path) -> None:
        either.send(to=KeyWallet(_SHARED).address, value=hex(10**19))
        write_deployment(tmp_path / "deployment.json", either.ledger.deployment)
        command = [sys.executable, "-c", _WORK, either.url, str(tmp_path / "deployment.json")]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        both = [subprocess.Popen([*command, name], **pipes) for name in ("aa", "bb")]
        assert [process.stdout.readline() for process in both] == ["ready\n"] * 2
        with ThreadPoolExecutor(2) as pool:  # the key goes through a pipe, and starts both
            list(pool.map(lambda process: process.communicate(_SHARED.hex(), timeout=120), both))
        assert [process.returncode for process in both] == [0, 0]
        assert anchored(either.ledger, *("0x" + name * 31 + f"{i:02x}" for name in ("aa", "bb") for i in range(6)))

    def test_two_ledgers_in_two_threads_do_so_too(self, either: RpcLevers) -> None:
        wallet, roots = either.wallet(), [word() for _ in range(12)]
        both = [RpcLedger(either.url, either.ledger.deployment, relay=wallet, receipt_seconds=20) for _ in range(2)]
        with ThreadPoolExecutor(2) as pool:
            mine = [pool.submit(lambda n: [both[n].transact("anchor", r, r) for r in roots[n::2]], n) for n in (0, 1)]
            receipts = [receipt for one in mine for receipt in one.result(60)]
        assert anchored(either.ledger, *roots)
        assert len({receipt.transaction for receipt in receipts}) == 12


_SHARED = b"\x77" * 32
_WORK = """
import sys
from pathlib import Path
from registry.ledger.base import read_deployment
from registry.ledger import transactions
from registry.ledger.rpc import RpcLedger
from registry.wallets.keywallet import KeyWallet
print("ready", flush=True)
url, deployment, name = sys.argv[1:]
ledger = RpcLedger(url, read_deployment(Path(deployment)), relay=KeyWallet(bytes.fromhex(sys.stdin.read())))
for i in range(6):
    ledger.transact("anchor", "0x" + name * 31 + f"{i:02x}", "0x" + "00" * 32)
"""


def _elsewhere(wallet: KeyWallet, chain_id: int) -> str:
    """Return the account's first transaction, to the zero address."""
    fees = {"type": 2, "chainId": chain_id, "maxFeePerGas": 100 * GWEI, "maxPriorityFeePerGas": GWEI}
    return to_hex(wallet.sign_transaction({**fees, "nonce": 0, "gas": 21_000, "to": NOBODY, "value": 0, "data": "0x"}))


class TestReorganisations:
    @pytest.mark.parametrize("depth", [1, 2, 3])
    def test_without_confirmations_an_anchor_may_be_lost(self, own: tuple[str, Deployment], depth: int) -> None:
        levers = AnvilLevers(*own)
        evidence = signed(levers.ledger)
        anchor(levers.ledger, evidence)
        levers.mine(depth - 1)
        judge(evidence, levers.ledger)
        levers._ask("anvil_reorg", depth, [])
        with pytest.raises(NotAnchored):
            judge(evidence, levers.ledger)
        anchor(levers.ledger, evidence)
        judge(evidence, levers.ledger)

    @pytest.mark.parametrize("depth", [1, 2, 3])
    def test_with_as_many_confirmations_it_is_not(self, own: tuple[str, Deployment], depth: int) -> None:
        levers, heard = AnvilLevers(*own), []

        def progress(transaction: str, waited: float) -> None:
            heard.append((transaction, waited))
            levers.mine(1)

        ledger = RpcLedger(*own, relay=KeyWallet(ANVIL_KEY), confirmations=depth, progress=progress)
        evidence = signed(ledger)
        receipt = anchor(ledger, evidence)
        assert len(heard) >= depth and {transaction for transaction, _ in heard} == {receipt.transaction}
        assert ledger.head().number >= receipt.block + depth
        levers._ask("anvil_reorg", depth, [])
        judge(evidence, ledger)

    def test_what_is_taken_out_while_it_waits_is_sent_again(self, own: tuple[str, Deployment]) -> None:
        levers, heard = AnvilLevers(*own), []

        def progress(transaction: str, _: float) -> None:
            heard.append(transaction)
            if len(heard) == 2:
                levers._ask("anvil_reorg", 2, [])
                assert levers._ask("eth_getTransactionReceipt", transaction) is None
            else:
                levers.mine(1)

        ledger = RpcLedger(*own, relay=KeyWallet(ANVIL_KEY), confirmations=2, progress=progress)
        evidence = signed(ledger)
        receipt = anchor(ledger, evidence)
        assert set(heard) == {receipt.transaction} and len(heard) > 3
        assert ledger.head().number >= receipt.block + 2
        judge(evidence, ledger)

    def test_blocks_that_do_not_come_are_not_waited_for_for_ever(self, own: tuple[str, Deployment]) -> None:
        ledger = RpcLedger(*own, relay=KeyWallet(ANVIL_KEY), confirmations=5, receipt_seconds=0.5)
        evidence = signed(ledger)
        with pytest.raises(LedgerUnavailable, match=r"transaction 0x\w{64} was sent, but is in block .* 0 of 5 blocks"):
            anchor(ledger, evidence)
        judge(evidence, ledger)


def signed(ledger: RpcLedger) -> Evidence:
    """Return a present grant in a batch of its own, for this registry."""
    now, deployment = ledger.head().time, ledger.deployment
    grant = grant_message(salt=word(), issued_at=now, not_before=now, expires_at=now + 86_400)
    return evidence_of(grant, domain=domain_of(deployment.chain_id, deployment.registry))


def anchor(ledger: RpcLedger, evidence: Evidence) -> Receipt:
    assert evidence.anchor is not None
    return ledger.transact("anchor", evidence.anchor.root, ZERO)


def judge(evidence: Evidence, ledger: RpcLedger) -> None:
    """Raise unless the answer is yes."""
    facts, deployment = ledger.facts(*fact_queries(evidence)), ledger.deployment
    pure_judge(evidence, facts, policy(chain_id=deployment.chain_id, registry=deployment.registry), facts.present)
