"""Wallets behind a URL: what they sign is checked, and each way of not signing has its own words."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from eth_keys.constants import SECPK1_N

from registry.core.crypto.signatures import recover_address
from registry.core.eip712 import domain_of
from registry.core.errors import InvalidInput, LedgerUnavailable, Rejected
from registry.core.scalars import to_hex, unhex
from registry.core.statements.messages import Retire
from registry.core.statements.typed_data import digest, typed_data
from registry.ledger.base import Sender, Submitter
from registry.wallets.base import Owner, Wallet
from registry.wallets.keywallet import KeyWallet
from registry.wallets.rpc import RpcWallet, accounts, open_wallet
from tests.support.fake_node import FakeNode, Refused
from tests.support.levers import asker, start_anvil, stop

REGISTRY = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
SAFE = "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512"
KEY = KeyWallet(b"\x31" * 32)
DOMAIN, MESSAGE = domain_of(31_337, REGISTRY), Retire(KEY.address)
STATEMENT, DIGEST = typed_data(DOMAIN, MESSAGE), digest(DOMAIN, MESSAGE)
GOOD = KEY.sign_typed_data(STATEMENT)
TX = {"to": REGISTRY, "data": "0x", "value": 0, "gas": 21_000, "chainId": 31_337, "type": 2, "maxFeePerGas": 7}
HASH = "0x" + "AB" * 32


def high_s(signature: bytes) -> bytes:
    s = SECPK1_N - int.from_bytes(signature[32:64], "big")
    return signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])


@pytest.fixture(scope="module")
def anvil() -> Iterator[str]:
    process, url = start_anvil()
    yield url
    stop(process)


@pytest.fixture
def served() -> Iterator[Callable[..., RpcWallet]]:
    """A wallet of `KEY`'s address whose answers, by method, are values or errors."""
    nodes: list[FakeNode] = []

    def start(seconds: float = 5.0, **answers: Any) -> RpcWallet:
        def answer(method: str, params: list[Any]) -> Any:
            given = answers.get(method, Refused(-32601, "no such method"))
            if isinstance(given, Exception):
                raise given
            return given(params) if callable(given) else given

        nodes.append(FakeNode(answer))
        return RpcWallet(nodes[-1].url, KEY.address, seconds=seconds)

    yield start
    for node in nodes:
        node.close()


class TestRealWallets:
    def test_it_signs_what_python_would(self, anvil: str) -> None:
        wallet = open_wallet(anvil, accounts(anvil)[0])
        assert isinstance(wallet, Wallet) and isinstance(wallet, Owner)
        assert isinstance(wallet, Submitter) and not isinstance(wallet, Sender)
        key = KeyWallet(bytes.fromhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"))
        assert wallet.address == key.address
        assert wallet.sign_typed_data(STATEMENT) == key.sign_typed_data(STATEMENT)
        assert wallet.sign_safe_message(STATEMENT, SAFE) == key.sign_safe_message(STATEMENT, SAFE)

    def test_it_sends_for_its_account(self, anvil: str) -> None:
        wallet = open_wallet(anvil, accounts(anvil)[1].lower())
        hash_ = wallet.send_transaction({**TX, "maxFeePerGas": 10**11, "maxPriorityFeePerGas": 1})
        shown = asker(anvil)("eth_getTransactionByHash", hash_)
        assert shown["from"] == wallet.address.lower() and shown["to"] == REGISTRY.lower()

    def test_one_of_several_accounts_is_named(self, anvil: str) -> None:
        first, second = accounts(anvil)
        with pytest.raises(InvalidInput, match="several accounts") as caught:
            open_wallet(anvil)
        assert first in caught.value.advice and second in caught.value.advice
        with pytest.raises(InvalidInput, match=f"no account {REGISTRY}"):
            open_wallet(anvil, REGISTRY)

    def test_an_account_that_it_does_not_hold(self, anvil: str) -> None:
        with pytest.raises(Rejected, match="refused"):
            RpcWallet(anvil, KEY.address).sign_typed_data(STATEMENT)

    def test_it_is_asked_for_statements_alone(self, anvil: str) -> None:
        wallet = open_wallet(anvil, accounts(anvil)[0])
        foreign = {**STATEMENT, "primaryType": "Permit"}
        for sign in (wallet.sign_typed_data, lambda document: wallet.sign_safe_message(document, SAFE)):
            with pytest.raises(InvalidInput, match="only consent statements"):
                sign(foreign)


class TestAnswers:
    @pytest.mark.parametrize("v", [0, 1, 27, 28])
    def test_both_spellings_of_v(self, served: Callable[..., RpcWallet], v: int) -> None:
        parity = GOOD[64] - 27
        answer = GOOD[:64] + bytes([v])
        wallet = served(eth_signTypedData_v4=to_hex(answer))
        if v % 27 == parity:
            assert wallet.sign_typed_data(STATEMENT) == GOOD
        else:
            with pytest.raises(Rejected, match="is not that of"):
                wallet.sign_typed_data(STATEMENT)

    def test_the_account_and_the_statement_are_asked_for(self, served: Callable[..., RpcWallet]) -> None:
        asked: list[Any] = []
        served(eth_signTypedData_v4=lambda params: asked.append(params) or to_hex(GOOD)).sign_typed_data(STATEMENT)
        assert asked == [[KEY.address, STATEMENT]]

    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            (KeyWallet(b"\x32" * 32).sign_typed_data(STATEMENT), "is not that of"),
            (high_s(GOOD), "upper half"),
            (GOOD[:64], "65 bytes; the wallet returned 64"),
            (b"", "65 bytes; the wallet returned 0"),
            (GOOD[:64] + b"\x1d", "is not that of"),
            (bytes(65), "is not that of"),
            (KEY.sign_safe_message(STATEMENT, SAFE), "is not that of"),
            (b"inner" + bytes.fromhex("6492" * 16), "65 bytes"),
        ],
    )
    def test_a_signature_that_is_none(self, served: Callable[..., RpcWallet], answer: bytes, words: str) -> None:
        with pytest.raises(Rejected, match=words) as caught:
            served(eth_signTypedData_v4=to_hex(answer)).sign_typed_data(STATEMENT)
        assert ("ERC-6492" in caught.value.advice) is answer.startswith(b"inner")
        assert recover_address(DIGEST, answer) != unhex(KEY.address)

    @pytest.mark.parametrize("answer", [None, "", "signed", 7, {}, ["0x"], True])
    def test_something_else(self, served: Callable[..., RpcWallet], answer: Any) -> None:
        with pytest.raises(Rejected, match="returned no signature"):
            served(eth_signTypedData_v4=answer).sign_typed_data(STATEMENT)

    @pytest.mark.parametrize(
        ("code", "error", "words"),
        [
            (4001, Rejected, "^you said no in the wallet$"),
            (4100, Rejected, "is locked, or does not let"),
            (4200, InvalidInput, "has no eth_signTypedData_v4"),
            (-32601, InvalidInput, "has no eth_signTypedData_v4"),
            (-32000, Rejected, "refused: because$"),
        ],
    )
    def test_refusals(self, served: Callable[..., RpcWallet], code: int, error: type[Exception], words: str) -> None:
        with pytest.raises(error, match=words):
            served(eth_signTypedData_v4=Refused(code, "because")).sign_typed_data(STATEMENT)

    def test_silence(self, served: Callable[..., RpcWallet]) -> None:
        began = time.monotonic()
        with pytest.raises(Rejected, match=r"the wallet at http://127.0.0.1:\d+: no answer within 0.3 s") as caught:
            served(0.3, eth_signTypedData_v4=lambda _: time.sleep(10)).sign_typed_data(STATEMENT)
        assert "unlocked" in caught.value.advice and time.monotonic() - began < 8

    def test_nobody_there(self) -> None:
        with pytest.raises(Rejected, match="not reachable"):
            open_wallet("http://127.0.0.1:1")


class TestAccounts:
    def test_the_only_one(self, served: Callable[..., RpcWallet]) -> None:
        wallet = served(eth_accounts=[KEY.address.lower()])
        assert open_wallet(_url(wallet)).address == KEY.address

    def test_none(self, served: Callable[..., RpcWallet]) -> None:
        with pytest.raises(Rejected, match="shares no account") as caught:
            open_wallet(_url(served(eth_accounts=[])))
        assert "Unlock" in caught.value.advice

    @pytest.mark.parametrize("answer", [None, {}, "0x", [7], ["0x12"], [KEY.address + "00"], [KEY.address] * 1_001])
    def test_nonsense(self, served: Callable[..., RpcWallet], answer: Any) -> None:
        with pytest.raises(Rejected, match="lists no accounts"):
            open_wallet(_url(served(eth_accounts=answer)))

    def test_a_locked_wallet(self, served: Callable[..., RpcWallet]) -> None:
        with pytest.raises(Rejected, match="locked"):
            accounts(_url(served(eth_accounts=Refused(4100, "unauthorized"))))


def _url(wallet: RpcWallet) -> str:
    return wallet._node.name


class TestSending:
    def test_the_transaction_as_the_wallet_gets_it(self, served: Callable[..., RpcWallet]) -> None:
        asked: list[Any] = []
        wallet = served(eth_chainId="0x7a69", eth_sendTransaction=lambda params: asked.append(params) or HASH)
        assert wallet.send_transaction(TX) == HASH.lower()
        numbers = {"value": "0x0", "gas": "0x5208", "chainId": "0x7a69", "type": "0x2", "maxFeePerGas": "0x7"}
        assert asked == [[{"from": KEY.address, "to": REGISTRY, "data": "0x", **numbers}]]

    @pytest.mark.parametrize(("answer", "shown"), [("0x1", "1"), ("1", "None"), (None, "None")])
    def test_nothing_is_sent_on_another_chain(self, served: Callable[..., RpcWallet], answer: Any, shown: str) -> None:
        asked: list[Any] = []
        wallet = served(eth_chainId=answer, eth_sendTransaction=lambda params: asked.append(params) or HASH)
        with pytest.raises(InvalidInput, match=f"on chain {shown}, not on 31337"):
            wallet.send_transaction(TX)
        assert asked == []

    @pytest.mark.parametrize(
        ("answer", "error", "words"),
        [
            (Refused(4001, "no"), Rejected, "you said no"),
            (Refused(-32601, "no"), InvalidInput, "has no eth_sendTransaction"),
            (Refused(-32000, "insufficient funds"), Rejected, "refused: insufficient funds"),
            ("0x12", LedgerUnavailable, "no transaction's hash; it may have sent"),
            (None, LedgerUnavailable, "no transaction's hash; it may have sent"),
            (lambda _: time.sleep(10), LedgerUnavailable, "no answer within 2 s; it may have sent"),
        ],
    )
    def test_what_goes_wrong(
        self, served: Callable[..., RpcWallet], answer: Any, error: type[Exception], words: str
    ) -> None:
        with pytest.raises(error, match=words):
            served(2.0, eth_chainId="0x7a69", eth_sendTransaction=answer).send_transaction(TX)
