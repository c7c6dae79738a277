"""A chain in this process with the contracts on it, and people who sign and send."""

from __future__ import annotations

import ast
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from eth_abi import decode
from eth_account.signers.local import LocalAccount
from eth_tester import EthereumTester, PyEVMBackend
from eth_tester.exceptions import TransactionFailed
from eth_utils import keccak
from web3 import EthereumTesterProvider, Web3
from web3.contract import Contract
from web3.logs import DISCARD

from tests.support import consent_oracle as oracle

ROOT = Path(__file__).resolve().parents[2]
START = 4_000_000_000  # ahead of every wall clock, so that only the tests move the chain's
PURPOSE = keccak(text="dpv:Personalisation")
DATA = keccak(text="pd:Purchase")


class Chain:
    """An EVM in this process, and the registry and verifier deployed on it."""

    def __init__(self) -> None:
        self.tester = EthereumTester(PyEVMBackend())
        self.w3 = Web3(EthereumTesterProvider(self.tester))
        self.accounts: Sequence[str] = self.w3.eth.accounts
        self.relayer = self.accounts[0]
        self.w3.eth.default_account = self.relayer
        self.registry = self.deploy_artifact("ConsentRegistry")
        self.verifier = self.deploy_artifact("ConsentVerifier", self.registry.address)
        self.travel_to(START)
        self.domain = oracle.Domain(self.w3.eth.chain_id, self.registry.address)

    def load_artifact(self, name: str) -> dict[str, Any]:
        artifact: dict[str, Any] = json.loads((ROOT / "registry" / "artifacts" / f"{name}.json").read_text())
        return artifact

    def deploy_artifact(self, name: str, *arguments: Any) -> Contract:
        artifact = self.load_artifact(name)
        return self.deploy(artifact["abi"], artifact["bytecode"], *arguments)

    def deploy(self, abi: Any, bytecode: str, *arguments: Any) -> Contract:
        transaction = self.w3.eth.contract(abi=abi, bytecode=bytecode).constructor(*arguments).transact()
        receipt = self.w3.eth.wait_for_transaction_receipt(transaction)
        return self.w3.eth.contract(address=receipt["contractAddress"], abi=abi)

    @property
    def now(self) -> int:
        return int(self.w3.eth.get_block("latest")["timestamp"])

    def send(self, call: Any, sender: str | None = None) -> Any:
        """Sends and mines; the receipt."""
        transaction = call.transact({"from": sender or self.relayer})
        return self.w3.eth.wait_for_transaction_receipt(transaction)

    def send_in_one_block(self, *calls: tuple[Any, str]) -> list[Any]:
        """(call, sender) pairs, mined together in this order; the receipts."""
        self.tester.disable_auto_mine_transactions()
        try:
            hashes = [call.transact({"from": sender, "gas": 200_000}) for call, sender in calls]
        finally:
            self.tester.enable_auto_mine_transactions()
        receipts = [self.w3.eth.wait_for_transaction_receipt(item) for item in hashes]
        assert len({receipt["blockNumber"] for receipt in receipts}) == 1
        return receipts

    def travel_to(self, time: int) -> None:
        """Mines a block at ``time`` (unix seconds), so that calls see it as now."""
        self.tester.time_travel(time)
        self.tester.mine_block()
        assert self.now == time

    def delegate(self, key: LocalAccount, code: str) -> None:
        """Gives a key's account the code at an address, by a real EIP-7702 transaction of its own."""
        self.w3.eth.send_transaction({"from": self.relayer, "to": key.address, "value": 10**18})
        fields = {"chainId": self.domain.chain_id, "address": code, "nonce": 1}
        transaction = {
            "type": 4,
            "chainId": self.domain.chain_id,
            "nonce": 0,
            "to": self.relayer,
            "value": 0,
            "gas": 200_000,
            "maxFeePerGas": 10**10,
            "maxPriorityFeePerGas": 1,
            "authorizationList": [key.sign_authorization(fields)],
        }
        self.w3.eth.send_raw_transaction(key.sign_transaction(transaction).raw_transaction)
        assert self.w3.eth.get_code(key.address) == bytes.fromhex("ef0100" + code[2:])

    def facts(self, root: bytes = oracle.ZERO, handle: bytes = oracle.ZERO, subject: str = "0x" + "00" * 20) -> Any:
        return tuple(self.registry.functions.facts(root, handle, subject).call())

    def events(self, receipt: Any) -> list[tuple[str, dict[str, Any]]]:
        """(name, arguments) of the registry's events in a receipt, in order."""
        decoded = [
            event
            for name in ("Anchored", "Revoked", "RevokedAll")
            for event in self.registry.events[name]().process_receipt(receipt, errors=DISCARD)
        ]
        assert len(decoded) == len(receipt["logs"])
        return [(event["event"], dict(event["args"])) for event in sorted(decoded, key=lambda e: e["logIndex"])]

    def refusal(self, call: Any, sender: str | None = None) -> tuple[str, tuple[Any, ...]]:
        """Name and arguments of the custom error that a call reverts with."""
        with pytest.raises(TransactionFailed, match=r"^execution reverted: ") as caught:
            call.call({"from": sender or self.relayer})
        return _custom_error(caught.value, call.contract_abi)

    def refusal_to_deploy(self, artifact: dict[str, Any], *arguments: Any) -> tuple[str, tuple[Any, ...]]:
        """The same for a constructor."""
        factory = self.w3.eth.contract(abi=artifact["abi"], bytecode=artifact["bytecode"])
        with pytest.raises(TransactionFailed, match=r"^execution reverted: ") as caught:
            self.w3.eth.call({"from": self.relayer, "data": factory.constructor(*arguments).data_in_transaction})
        return _custom_error(caught.value, artifact["abi"])

    def status(self, signed: oracle.Signed, **asked: Any) -> oracle.Status:
        """The verifier's answer, asked for the grant's own controller unless told otherwise."""
        arguments = {"controller": signed.grant["controller"], "purpose": PURPOSE, "data": DATA, **asked}
        return oracle.Status(self.verifier.functions.check(signed.evidence, *arguments.values()).call())


def _custom_error(failure: Exception, abi: Any) -> tuple[str, tuple[Any, ...]]:
    data = ast.literal_eval(str(failure).removeprefix("execution reverted: "))
    for item in abi:
        types = [argument["type"] for argument in item.get("inputs", [])]
        selector = keccak(text=f"{item.get('name')}({','.join(types)})")[:4]
        if item["type"] == "error" and selector == data[:4]:
            return item["name"], decode(types, data[4:])
    raise AssertionError(f"no error of the ABI has the selector {data[:4].hex()}")


class Deployer:
    """Deploys the test-only contracts by name."""

    def __init__(self, chain: Chain, compiled: dict[str, dict[str, Any]]) -> None:
        self._chain, self._compiled = chain, compiled

    def __call__(self, name: str, *arguments: Any) -> Contract:
        output = self._compiled[name]
        return self._chain.deploy(output["abi"], "0x" + output["evm"]["bytecode"]["object"], *arguments)


class Person:
    """A subject with a key and what they sign; statements are dated the chain's now."""

    def __init__(self, chain: Chain, name: str, address: str | None = None) -> None:
        self.chain, self.key = chain, oracle.account(name)
        self.address = address or self.key.address
        self.secret = keccak(text=f"{name}'s secret")

    def grant(self, controller: str, **changes: Any) -> dict[str, Any]:
        changes = {"issued_at": self.chain.now, **changes}
        return oracle.make_grant(self.address, controller, changes.pop("issued_at"), self.secret, **changes)

    def sign(self, primary_type: str, **message: Any) -> bytes:
        return self.chain.domain.sign(self.key, primary_type, {"subject": self.address, **message})

    def batch(self, controller: str, *, others: int = 0, **changes: Any) -> oracle.Signed:
        """A signed grant in a batch that nobody has anchored yet."""
        grant = self.grant(controller, **changes)
        return oracle.put_in_batch(self.chain.domain, grant, self.sign("Grant", **grant), others)

    def anchored(self, controller: str, *, others: int = 0, **changes: Any) -> oracle.Signed:
        """The same, anchored one block later."""
        signed = self.batch(controller, others=others, **changes)
        self.chain.send(self.chain.registry.functions.anchor(signed.root, oracle.ZERO))
        return signed

    def receive_ether(self) -> None:
        self.chain.w3.eth.send_transaction({"from": self.chain.relayer, "to": self.address, "value": 10**18})

    def send_as_self(self, call: Any) -> Any:
        """Sends from the person's own address, which is given some Ether first."""
        self.receive_ether()
        w3 = self.chain.w3
        fields = {"from": self.address, "nonce": w3.eth.get_transaction_count(self.address), "gas": 200_000}
        raw = self.key.sign_transaction(call.build_transaction(fields)).raw_transaction
        return w3.eth.wait_for_transaction_receipt(w3.eth.send_raw_transaction(raw))
