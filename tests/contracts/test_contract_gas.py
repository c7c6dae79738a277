"""What everything costs: hard limits, and a committed snapshot that shows every change in a review.

UPDATE_GAS=1 python -m pytest tests/contracts/test_contract_gas.py          writes gas_snapshot.json anew
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from eth_utils import keccak

from tests.support import consent_oracle as oracle
from tests.support.consent_chain import DATA, PURPOSE, Chain, Deployer, Person

pytestmark = pytest.mark.slow

SNAPSHOT = Path(__file__).with_name("gas_snapshot.json")
TOLERANCE = 0.01
TRANSACTION_CAP = 16_777_216  # EIP-7825

LIMITS = {
    "anchor": 46_300,
    "revoke": 46_500,
    "revokeBatch of 100, each": 25_450,
    "revokeAll": 45_300,
    "check through ConsentVerifier": 28_500,
    "check through an inherited gate": 23_200,
}


def _random(text: str) -> bytes:
    """32 bytes without zeros, which would be cheaper calldata."""
    return bytes(byte or 1 for byte in keccak(text=text))


@pytest.fixture
def measured(chain: Chain, ada: Person, brand: str, deploy: Deployer) -> dict[str, float]:
    """Gas by operation; first times, since nobody anchors or revokes twice."""
    calls = chain.registry.functions
    signed = ada.batch(brand, others=999)
    assert len(signed.proof) == 10

    def paid(call: object, sender: str | None = None) -> int:
        return int(chain.send(call, sender)["gasUsed"])

    gas: dict[str, float] = {"anchor": paid(calls.anchor(signed.root, _random("manifest")))}
    verifier_meter, gate = deploy("VerifierMeter"), deploy("GateMeter", chain.registry.address, brand)
    asked = signed.evidence, brand, PURPOSE, DATA
    used, status = verifier_meter.functions.measure(chain.verifier.address, *asked).call()
    assert status == oracle.Status.Valid
    gas["check through ConsentVerifier"] = used
    gas["check through an inherited gate"] = gate.functions.measure(signed.evidence, PURPOSE, DATA).call()

    openings = [(_random(f"secret {i}"), _random(f"tag {i}")) for i in range(100)]
    gas["revoke"] = paid(calls.revoke(_random("secret"), _random("tag")))
    gas["revokeBatch of 100, each"] = paid(calls.revokeBatch(openings)) / 100
    gas["revokeOpenly"] = paid(calls.revokeOpenly(_random("lock"), _random("saltHash")))
    gas["revokeAll"] = paid(calls.revokeAll(), chain.accounts[2])
    gas["revokeAll again"] = paid(calls.revokeAll(), chain.accounts[2])
    gas["retire"] = paid(calls.retire(), chain.accounts[3])

    lock, salt = _random("lock"), _random("salt")
    handle = oracle.handle(lock, oracle.tag(ada.address, salt))
    signature = ada.sign("Revoke", handle=handle)
    gas["revokeOpenlyFor"] = paid(calls.revokeOpenlyFor(ada.address, lock, oracle.salt_hash(salt), signature))
    bo = Person(chain, "Bo")
    gas["revokeAllFor"] = paid(calls.revokeAllFor(bo.address, 2**30, bo.sign("RevokeAll", issuedUntil=2**30)))
    gas["retireFor"] = paid(calls.retireFor(ada.address, ada.sign("Retire")))
    for name, arguments in {"ConsentRegistry": (), "ConsentVerifier": (chain.registry.address,)}.items():
        artifact = chain.load_artifact(name)
        factory = chain.w3.eth.contract(abi=artifact["abi"], bytecode=artifact["bytecode"])
        gas[f"deploy {name}"] = paid(factory.constructor(*arguments))
    return gas


def test_gas(measured: dict[str, float]) -> None:
    exceeded = {name: gas for name, gas in measured.items() if gas > LIMITS.get(name, TRANSACTION_CAP)}
    assert exceeded == {}
    if os.environ.get("UPDATE_GAS"):
        SNAPSHOT.write_text(json.dumps(measured, indent=2, sort_keys=True) + "\n", newline="\n")
    snapshot = json.loads(SNAPSHOT.read_text())
    assert measured.keys() == snapshot.keys()
    changed = {
        name: (snapshot[name], gas)
        for name, gas in measured.items()
        if abs(gas - snapshot[name]) > TOLERANCE * snapshot[name]
    }
    assert changed == {}, "if that is meant: UPDATE_GAS=1 python -m pytest tests/contracts/test_contract_gas.py"


def test_a_large_batch_of_revocations_fits_one_transaction(chain: Chain) -> None:
    """At the price of a hundred, 600 are below the cap; measured, because memory costs grow faster than the number."""
    openings = [(_random(f"secret {i}"), _random(f"tag {i}")) for i in range(600)]
    receipt = chain.send(chain.registry.functions.revokeBatch(openings))
    assert receipt["gasUsed"] < TRANSACTION_CAP
    assert len(receipt["logs"]) == 600
