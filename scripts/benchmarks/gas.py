"""The gas of the contracts' calls, beside the Ethereum Attestation Service (EAS) on the same node.

Gas is the same on every machine. The goals are for the rules of Prague, on anvil. `geth --dev` charges the prices of
the next fork, where a new storage slot costs about five times as much. EAS is taken compiled from its npm package, with
32 bytes in each attestation. An anchor is not an attestation: the content of the consent stays off the chain, and the
anchor proves its time. EAS's timestamp is the nearest equivalent. Reading an attestation does not judge it, while our
check is the whole judgement. "A against B" is A divided by B, on the rules of Prague.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount
from web3.contract import Contract

from registry.core.crypto.keccak import keccak256
from registry.core.merkle import MAX_BATCH
from scripts.benchmarks import eas
from scripts.benchmarks.figures import NEXT_FORK, Figure
from scripts.benchmarks.nodes import Chain, anvil, artifact, geth_dev, word
from scripts.compile_contracts import ROOT, compile_sources, gather_sources
from tests.support import consent_oracle as oracle

# The tests of the contracts assert the same goals.
GOALS = {
    "anchor of 1 consent": "<= 46300",
    "anchor of 32,768 consents": "<= 46300",
    "revoke": "<= 46500",
    "revokeBatch of 100, each": "<= 25450",
    "revokeAll": "<= 45300",
    "check through ConsentVerifier, proof of 10": "<= 28500",
    "check through an inherited gate, proof of 10": "<= 23200",
}
BATCH = 100
_METERS = ("tests/contracts/solidity/Meters.sol", "scripts/benchmarks/EasMeter.sol")

_Gas = dict[str, int | float]


def measure() -> Iterator[Figure]:
    """Measure every call on anvil, compare with EAS, then measure every call on geth."""
    meters = _compiled_meters()
    with anvil() as url:
        chain = Chain(url)
        service = eas.deploy(chain)
        gas = _all(chain, service, meters) | {"EAS multiAttest of 100, each": eas.multi_attest(service)}
    yield from (Figure(name, value, "gas", GOALS.get(name, "")) for name, value in gas.items())
    yield from _ratios(gas)
    with geth_dev() as url:
        chain = Chain(url)
        gas = _all(chain, eas.deploy(chain), meters)
    yield from (Figure(name + NEXT_FORK, value, "gas") for name, value in gas.items())


def _all(chain: Chain, service: eas.Service, meters: dict[str, Any]) -> _Gas:
    eas_meter, _ = chain.create(meters["EasMeter"])
    return _ours(chain, meters) | eas.costs(service, eas_meter, _account("attester"))


def _ratios(gas: _Gas) -> Iterator[Figure]:
    one, many = gas["anchor of 1 consent"], gas["anchor of 32,768 consents"]
    attested = gas["EAS multiAttest of 100, each"] * MAX_BATCH
    check = gas["check through an inherited gate, proof of 10"]
    yield Figure("one EAS attest against an anchor of 1 consent", gas["EAS attest"] / one, "times as much")
    yield Figure("32,768 of EAS multiAttest against an anchor of 32,768 consents", attested / many, "times as much")
    yield Figure("EAS timestamp against an anchor", gas["EAS timestamp"] / one, "times as much")
    yield Figure("EAS revoke against revoke", gas["EAS revoke"] / gas["revoke"], "times as much")
    yield Figure("EAS revokeOffchain against revoke", gas["EAS revokeOffchain"] / gas["revoke"], "times as much")
    read = gas["EAS getAttestation, as a contract pays it"]
    yield Figure("EAS getAttestation against the whole check of an inherited gate", read / check, "times as much")


def _ours(chain: Chain, meters: dict[str, Any]) -> _Gas:
    registry, registry_gas = chain.create(artifact("ConsentRegistry"))
    verifier, verifier_gas = chain.create(artifact("ConsentVerifier"), registry.address)
    gas = _anchors_and_checks(chain, meters, registry, verifier) | _revocations(chain, registry)
    return gas | {"deploy ConsentRegistry": registry_gas, "deploy ConsentVerifier": verifier_gas}


def _anchors_and_checks(chain: Chain, meters: dict[str, Any], registry: Contract, verifier: Contract) -> _Gas:
    """Anchor a grant alone, among 1,000 (a proof of 10) and among 32,768 (a proof of 15), and check it there."""
    ada = _account("Ada")
    domain = oracle.Domain(chain.web3.eth.chain_id, registry.address)
    grant = oracle.make_grant(ada.address, chain.first, chain.now, word("secret"))
    signature = domain.sign(ada, "Grant", grant)
    outside, _ = chain.create(meters["VerifierMeter"])
    inside, _ = chain.create(meters["GateMeter"], registry.address, chain.first)
    purpose, data = (keccak256(grant[name][0].encode()) for name in ("purposes", "data"))
    batches = {size: oracle.put_in_batch(domain, grant, signature, size - 1) for size in (1, 1_000, MAX_BATCH)}
    anchors = [chain.gas(registry.functions.anchor(batch.root, word("manifest"))) for batch in batches.values()]
    gas: _Gas = {"anchor of 1 consent": anchors[0], "anchor of 32,768 consents": anchors[-1]}
    for batch in (batches[1_000], batches[MAX_BATCH]):
        proof = f"proof of {len(batch.proof)}"
        call = outside.functions.measure(verifier.address, batch.evidence, chain.first, purpose, data)
        gas[f"check through ConsentVerifier, {proof}"], status = call.call()
        assert status == oracle.Status.Valid
        call = inside.functions.measure(batch.evidence, purpose, data)
        gas[f"check through an inherited gate, {proof}"] = call.call()
    return gas


def _revocations(chain: Chain, registry: Contract) -> _Gas:
    calls, domain = registry.functions, oracle.Domain(chain.web3.eth.chain_id, registry.address)
    bo, cy, dee = (_account(name) for name in ("Bo", "Cy", "Dee"))
    for payer in (bo, cy):
        chain.fund(payer)
    openings = [(word(f"secret {i}"), word(f"tag {i}")) for i in range(BATCH)]
    gas: _Gas = {"revoke": chain.gas(calls.revoke(word("secret"), word("tag")))}
    gas["revokeBatch of 100, each"] = chain.gas(calls.revokeBatch(openings)) / BATCH
    gas["revokeOpenly"] = chain.gas(calls.revokeOpenly(word("lock"), word("salt hash")))
    gas["revokeAll"] = chain.gas(calls.revokeAll(), bo.address)
    time.sleep(1)  # in the same second the call would change nothing and cost less
    gas["revokeAll again"] = chain.gas(calls.revokeAll(), bo.address)
    gas["retire"] = chain.gas(calls.retire(), cy.address)

    def signed(kind: str, **message: Any) -> bytes:
        return domain.sign(dee, kind, {"subject": dee.address, **message})

    lock, salt = word("lock"), word("salt")
    handle = oracle.handle(lock, oracle.tag(dee.address, salt))
    opened = calls.revokeOpenlyFor(dee.address, lock, oracle.salt_hash(salt), signed("Revoke", handle=handle))
    gas["revokeOpenlyFor"] = chain.gas(opened)
    until = chain.now
    gas["revokeAllFor"] = chain.gas(calls.revokeAllFor(dee.address, until, signed("RevokeAll", issuedUntil=until)))
    return gas


def _account(name: str) -> LocalAccount:
    key: LocalAccount = Account.from_key(word(name))
    return key


def _compiled_meters() -> dict[str, Any]:
    """Return the contracts that measure from inside, by name, with ``abi`` and ``bytecode``."""
    units = compile_sources(gather_sources(ROOT / name for name in _METERS), download=False)
    outputs = {name: output for unit in _METERS for name, output in units[unit].items()}
    return {name: {"abi": o["abi"], "bytecode": o["evm"]["bytecode"]["object"]} for name, o in outputs.items()}
