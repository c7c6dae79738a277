"""ConsentVerifier, steps 1 to 3: what is well formed, who signed it, and what is proved."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from eth_utils import keccak

from registry.core import errors
from tests.support import consent_oracle as oracle
from tests.support.consent_chain import ROOT, Chain, Deployer, Person
from tests.support.consent_oracle import Signed, Status

pytestmark = pytest.mark.slow

ROOT_2 = keccak(text="a neighbour")


def test_the_names_and_their_order_are_those_of_the_package() -> None:
    source = (ROOT / "contracts" / "ConsentTypes.sol").read_text()
    enum = re.search(r"enum Status \{(.*?)\}", source, re.DOTALL)
    assert enum is not None
    names = [name.strip() for name in enum[1].split(",")]
    assert names == [status.name for status in Status]
    refusals = [error.__name__ for error in errors.NotConsented.__subclasses__()]
    assert names == [refusals[0], "Valid", *refusals[1:]]


@pytest.mark.parametrize("others", [0, 1, 2, 6, 999])
def test_valid_in_batches_of_any_size(chain: Chain, ada: Person, brand: str, others: int) -> None:
    signed = ada.anchored(brand, others=others)
    assert chain.status(signed) is Status.Valid


def test_every_purpose_goes_with_every_datum(chain: Chain, ada: Person, brand: str) -> None:
    signed = ada.anchored(brand)
    for purpose in signed.grant["purposes"]:
        for data in signed.grant["data"]:
            assert chain.status(signed, purpose=keccak(text=purpose), data=keccak(text=data)) is Status.Valid


@pytest.mark.parametrize("terms", [["dpv:Personalisation"], [f"dpv:{i:03}" for i in range(40)]])
def test_lists_of_one_and_of_many(chain: Chain, ada: Person, brand: str, terms: list[str]) -> None:
    signed = ada.anchored(brand, purposes=terms)
    assert chain.status(signed, purpose=keccak(text=terms[-1])) is Status.Valid


def test_text_of_any_language_and_length(chain: Chain, ada: Person, brand: str) -> None:
    signed = ada.anchored(brand, statement="J'autorise « Maison Aurelle » à utiliser mes achats. 私は同意します。" * 40)
    assert chain.status(signed) is Status.Valid


@pytest.mark.parametrize(
    ("signature", "expected"),
    [
        (b"", Status.Malformed),
        (bytes(oracle.MAX_SIGNATURE + 1), Status.Malformed),
        (bytes(oracle.MAX_SIGNATURE), Status.BadSignature),
        (b"\x00", Status.BadSignature),
    ],
    ids=["empty", "8,193 bytes", "8,192 bytes", "one byte"],
)
def test_malformed_signatures(chain: Chain, ada: Person, brand: str, signature: bytes, expected: Status) -> None:
    assert chain.status(ada.batch(brand).altered(signature=signature)) is expected


@pytest.mark.parametrize(("length", "expected"), [(15, Status.NotIncluded), (16, Status.Malformed)])
def test_malformed_proofs(chain: Chain, ada: Person, brand: str, length: int, expected: Status) -> None:
    assert chain.status(ada.batch(brand).altered(proof=[ROOT_2] * length)) is expected


def test_a_proof_of_15_leads_to_a_root(chain: Chain, ada: Person, brand: str) -> None:
    signed = ada.batch(brand)
    for _ in range(15):
        signed = oracle.deepened(signed)
    chain.send(chain.registry.functions.anchor(signed.root, oracle.ZERO))
    assert chain.status(signed) is Status.Valid
    assert chain.status(oracle.deepened(signed)) is Status.Malformed


@pytest.mark.parametrize(
    "mangle",
    [
        oracle.compact,
        oracle.high_s,
        lambda signature: signature[:64],
        lambda signature: signature + b"\x00",
        lambda signature: signature[:64] + bytes([signature[64] - 27]),
        lambda signature: signature[:64] + bytes([55 - signature[64]]),
        lambda signature: bytes(64) + b"\x1b",
    ],
    ids=["compact", "high s", "64 bytes", "66 bytes", "v 0 or 1", "the other v", "zeros"],
)
def test_other_forms_of_a_signature(chain: Chain, ada: Person, brand: str, mangle: Callable[[bytes], bytes]) -> None:
    """Each is anchored, so that nothing but its form is wrong."""
    grant = ada.grant(brand)
    signed = oracle.put_in_batch(chain.domain, grant, mangle(ada.sign("Grant", **grant)))
    chain.send(chain.registry.functions.anchor(signed.root, oracle.ZERO))
    assert chain.status(signed) is Status.BadSignature


CHANGES: dict[str, Any] = {
    "statement": "I allow everything.",
    "subject": oracle.account("Mallory").address,
    "controller": oracle.account("Mallory").address,
    "request": keccak(text="other"),
    "purposes": ["dpv:Marketing", "dpv:Personalisation", "dpv:Research"],
    "data": ["pd:Purchase"],
    "terms": "ieee-7012:SD-BASE-A",
    "notice": keccak(text="other"),
    "content": oracle.ZERO,
    "supersedes": keccak(text="other"),
    "issuedAt": 1,
    "notBefore": 1,
    "expiresAt": 2**53,
    "revocation": keccak(text="other"),
    "salt": keccak(text="other"),
}


@pytest.mark.parametrize("member", CHANGES)
def test_every_member_is_signed(chain: Chain, ada: Person, brand: str, member: str) -> None:
    signed = ada.anchored(brand)
    altered = signed.altered(grant={**signed.grant, member: CHANGES[member]})
    assert chain.status(signed) is Status.Valid
    assert chain.status(altered) is Status.BadSignature


def test_the_order_of_lists_is_signed(chain: Chain, ada: Person, brand: str) -> None:
    signed = ada.anchored(brand)
    swapped = {**signed.grant, "purposes": signed.grant["purposes"][::-1]}
    assert chain.status(signed.altered(grant=swapped)) is Status.BadSignature


def test_purposes_do_not_pass_for_data(chain: Chain, ada: Person, brand: str) -> None:
    """One hash for each list: a term cannot wander from the end of one to the start of the other."""
    signed = ada.anchored(brand)
    purposes, data = signed.grant["purposes"], signed.grant["data"]
    wandered = {**signed.grant, "purposes": purposes + data[:1], "data": data[1:]}
    assert chain.status(signed.altered(grant=wandered)) is Status.BadSignature


def test_somebody_else_s_signature_is_none(chain: Chain, ada: Person, brand: str) -> None:
    """A delegate's too: mandates are not judged on chain."""
    grant = ada.grant(brand)
    delegate = chain.domain.sign(oracle.account("delegate"), "Grant", grant)
    signed = oracle.put_in_batch(chain.domain, grant, delegate)
    chain.send(chain.registry.functions.anchor(signed.root, oracle.ZERO))
    assert chain.status(signed) is Status.BadSignature


@pytest.mark.parametrize("domain", ["chain", "registry"])
def test_another_domain(chain: Chain, ada: Person, brand: str, domain: str) -> None:
    elsewhere = {
        "chain": oracle.Domain(chain.domain.chain_id + 1, chain.registry.address),
        "registry": oracle.Domain(chain.domain.chain_id, chain.verifier.address),
    }[domain]
    grant = ada.grant(brand)
    signed = oracle.put_in_batch(elsewhere, grant, elsewhere.sign(ada.key, "Grant", grant))
    chain.send(chain.registry.functions.anchor(signed.root, oracle.ZERO))
    assert chain.status(signed) is Status.BadSignature


def test_not_included(chain: Chain, ada: Person, brand: str) -> None:
    signed = ada.anchored(brand, others=4)
    for proof in ([], signed.proof[:-1], signed.proof[::-1], [*signed.proof, ROOT_2], [ROOT_2, *signed.proof[1:]]):
        assert chain.status(signed.altered(proof=proof)) is Status.NotIncluded
    assert chain.status(signed.altered(root=ROOT_2)) is Status.NotIncluded


def test_the_text_alone_in_a_tree_is_not_the_signature(chain: Chain, ada: Person, brand: str) -> None:
    """A digest can be anchored before it is signed; that must not date the signature."""
    grant = ada.grant(brand)
    signature, digest = ada.sign("Grant", **grant), chain.domain.digest("Grant", grant)
    for early in (digest, keccak(digest), keccak(keccak(digest))):
        chain.send(chain.registry.functions.anchor(early, oracle.ZERO))
        assert chain.status(Signed(grant, signature, early, [])) is Status.NotIncluded


def test_a_leaf_is_hashed_twice(chain: Chain, ada: Person, brand: str) -> None:
    """The commitment itself as a root must prove nothing, or an inner node could pass for a leaf."""
    grant = ada.grant(brand)
    signature, digest = ada.sign("Grant", **grant), chain.domain.digest("Grant", grant)
    commitment = keccak(digest + keccak(signature))
    chain.send(chain.registry.functions.anchor(commitment, oracle.ZERO))
    assert chain.status(Signed(grant, signature, commitment, [])) is Status.NotIncluded


def test_a_contract_wallet_grants_while_its_owner_s_key_counts(chain: Chain, brand: str, deploy: Deployer) -> None:
    owner = oracle.account("Ada")
    wallet = deploy("OwnedWallet", owner.address)
    ada = Person(chain, "Ada", wallet.address)
    grant = ada.grant(brand)
    signed = oracle.put_in_batch(chain.domain, grant, oracle.compact(ada.sign("Grant", **grant)), 3)
    chain.send(chain.registry.functions.anchor(signed.root, oracle.ZERO))
    assert chain.status(signed) is Status.Valid
    Person(chain, "Ada").send_as_self(wallet.functions.handOver(chain.relayer))
    assert chain.status(signed) is Status.BadSignature


@pytest.mark.parametrize("answer", range(9))
def test_no_odd_answer_of_a_wallet_is_a_yes(chain: Chain, brand: str, deploy: Deployer, answer: int) -> None:
    odd = Person(chain, "Ada", deploy("OddWallet", answer).address)
    assert chain.status(odd.anchored(brand)) is Status.BadSignature


def test_an_eip_7702_account_still_grants_with_its_key(chain: Chain, ada: Person, brand: str, deploy: Deployer) -> None:
    chain.delegate(ada.key, deploy("OddWallet", 0).address)
    assert chain.status(ada.anchored(brand)) is Status.Valid


def test_an_address_without_code_signed_nothing(chain: Chain, brand: str) -> None:
    for address in ("0x" + "00" * 20, "0x" + "00" * 19 + "04", chain.accounts[8]):
        assert chain.status(Person(chain, "Ada", address).anchored(brand)) is Status.BadSignature


def test_a_verifier_of_no_registry_cannot_be_made(chain: Chain) -> None:
    artifact = chain.load_artifact("ConsentVerifier")
    for address in (chain.accounts[5], "0x" + "00" * 20):
        assert chain.refusal_to_deploy(artifact, address) == ("NotARegistry", (address.lower(),))


def test_its_registry_is_public(chain: Chain) -> None:
    assert chain.verifier.functions.registry().call() == chain.registry.address
