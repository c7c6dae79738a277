"""The contracts of the Ethereum Attestation Service (EAS), compiled in their npm package, and their gas."""

from __future__ import annotations

from typing import Any, NamedTuple

from eth_account.signers.local import LocalAccount
from web3.contract import Contract

from registry.core.scalars import checksum
from scripts import npm_archives
from scripts.benchmarks.nodes import Chain, word

PACKAGE = npm_archives.Package(
    "@ethereum-attestation-service/eas-contracts",
    "1.9.0",
    "2fad32d5f80a958ddae39c719cf96045b886418f1117f945f80cc5d6256847bf"
    "da1338ad4b436ecb28eaf3e217b35b12494d1d976fb21929842f155e07a15e94",
)
BATCH = 100

_NOBODY, _NOTHING = "0x" + "00" * 20, bytes(32)
_FIELDS = (
    "address attester,bytes32 schema,address recipient,uint64 expirationTime,bool revocable,"
    "bytes32 refUID,bytes data,uint256 value,uint256 nonce,uint64 deadline"
)


def artifacts() -> dict[str, dict[str, Any]]:
    """Return ``EAS`` and ``SchemaRegistry``, with ``abi`` and ``bytecode``; RuntimeError for a wrong archive."""
    names = ("EAS", "SchemaRegistry")
    return npm_archives.artifacts(PACKAGE, {name: f"artifacts/contracts/{name}.sol/{name}.json" for name in names})


class Service(NamedTuple):
    """EAS on a chain, with one schema of 32 revocable bytes."""

    chain: Chain
    eas: Contract
    schema: bytes
    deployed: int


def deploy(chain: Chain) -> Service:
    """Create the two contracts of EAS and register the schema."""
    shipped = artifacts()
    schemas, paid = chain.create(shipped["SchemaRegistry"])
    eas, more = chain.create(shipped["EAS"], schemas.address)
    register = schemas.functions.register("bytes32 x", _NOBODY, True)
    schema = bytes(register.call())
    chain.send(register)
    return Service(chain, eas, schema, paid + more)


def costs(service: Service, meter: Contract, attester: LocalAccount) -> dict[str, int | float]:
    """Return the gas by operation. ``attester`` has no Ether; it signs, and another account sends."""
    chain, calls = service.chain, service.eas.functions
    receipt = chain.send(calls.attest((service.schema, _attestation("one"))))
    uid = service.eas.events.Attested().process_receipt(receipt)[0]["args"]["uid"]
    gas: dict[str, int | float] = {"EAS attest": int(receipt["gasUsed"])}
    # The first call also pays for the attester's first nonce, so the second one is measured.
    chain.send(_delegated(service, attester, "two"))
    gas["EAS attestByDelegation"] = chain.gas(_delegated(service, attester, "three"))
    gas["EAS timestamp"] = chain.gas(calls.timestamp(word("stamp")))
    gas["EAS multiTimestamp of 100, each"] = chain.gas(calls.multiTimestamp(_words("stamp"))) / BATCH
    used, found = meter.functions.measureGet(service.eas.address, uid).call()
    assert found[0] == uid
    gas["EAS getAttestation, as a contract pays it"] = used
    used, exists = meter.functions.measureExists(service.eas.address, uid).call()
    assert exists
    gas["EAS isAttestationValid, as a contract pays it"] = used
    gas["EAS revoke"] = chain.gas(calls.revoke((service.schema, (uid, 0))))
    gas["EAS revokeOffchain"] = chain.gas(calls.revokeOffchain(word("gone")))
    gas["EAS multiRevokeOffchain of 100, each"] = chain.gas(calls.multiRevokeOffchain(_words("gone"))) / BATCH
    gas["deploy EAS and its SchemaRegistry"] = service.deployed
    return gas


def multi_attest(service: Service) -> float:
    """Return the gas of each of 100 attestations in one transaction. On the next fork they would fill seven blocks."""
    several = [_attestation(f"many {i}") for i in range(BATCH)]
    return service.chain.gas(service.eas.functions.multiAttest([(service.schema, several)])) / BATCH


def _attestation(text: str) -> tuple[Any, ...]:
    recipient = checksum(word(f"recipient {text}")[:20])
    return (recipient, 0, True, _NOTHING, word(f"data {text}"), 0)


def _delegated(service: Service, attester: LocalAccount, text: str) -> Any:
    attestation = _attestation(text)
    nonce = service.eas.functions.getNonce(attester.address).call()
    values = (attester.address, service.schema, *attestation, nonce, 0)
    fields = [dict(zip(("type", "name"), field.split(" "), strict=True)) for field in _FIELDS.split(",")]
    signed = attester.sign_typed_data(
        domain_data={
            "name": "EAS",
            "version": "1.4.0",
            "chainId": service.chain.web3.eth.chain_id,
            "verifyingContract": service.eas.address,
        },
        message_types={"Attest": fields},
        message_data={field["name"]: value for field, value in zip(fields, values, strict=True)},
    )
    parts = (signed.v, signed.r.to_bytes(32, "big"), signed.s.to_bytes(32, "big"))
    return service.eas.functions.attestByDelegation((service.schema, attestation, parts, attester.address, 0))


def _words(text: str) -> list[bytes]:
    return [word(f"{text} {i}") for i in range(BATCH)]
