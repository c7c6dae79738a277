"""ConsentGate, which brands inherit, and the loyalty programme that does."""

from __future__ import annotations

from typing import Any

import pytest
from eth_utils import keccak
from web3.contract import Contract

from tests.support import consent_oracle as oracle
from tests.support.consent_chain import DATA, PURPOSE, Chain, Deployer, Person
from tests.support.consent_oracle import Signed, Status

pytestmark = pytest.mark.slow


@pytest.fixture
def gate(chain: Chain, brand: str, deploy: Deployer) -> Contract:
    return deploy("GateMeter", chain.registry.address, brand)


@pytest.fixture
def shop(chain: Chain, brand: str) -> Contract:
    return chain.deploy_artifact("LoyaltyProgram", chain.registry.address, brand)


def test_it_names_its_registry_and_its_controller(chain: Chain, brand: str, gate: Contract) -> None:
    assert gate.functions.registry().call() == chain.registry.address
    assert gate.functions.controller().call() == brand


def test_no_gate_without_a_registry(chain: Chain, brand: str) -> None:
    """The verifier answers calls, but it is no registry."""
    artifact = chain.load_artifact("LoyaltyProgram")
    stranger = chain.accounts[5]
    assert chain.refusal_to_deploy(artifact, stranger, brand) == ("NotARegistry", (stranger.lower(),))


def test_it_opens_for_a_valid_consent(ada: Person, brand: str, gate: Contract) -> None:
    signed = ada.anchored(brand, others=3)
    assert gate.functions.guarded(signed.evidence, PURPOSE, DATA).call() == ada.address


def _cases(chain: Chain, ada: Person, brand: str) -> list[tuple[Signed, bytes, bytes]]:
    anchored, stranger = ada.anchored(brand, others=2), chain.accounts[3]
    revoked = ada.anchored(brand, salt=keccak(text="revoked"))
    tag = oracle.tag(ada.address, revoked.grant["salt"])
    chain.send(chain.registry.functions.revoke(ada.secret, tag))
    plain = [
        anchored.altered(signature=b""),
        anchored,
        anchored.altered(signature=oracle.high_s(anchored.signature)),
        anchored.altered(proof=[]),
        ada.batch(brand, salt=keccak(text="never anchored")),
        ada.anchored(brand, issued_at=chain.now + 5000, notBefore=0),
        revoked,
        ada.anchored(brand, notBefore=chain.now + 5000),
        ada.anchored(brand, expiresAt=chain.now),
        ada.anchored(stranger),
    ]
    other = keccak(text="other")
    return [*((signed, PURPOSE, DATA) for signed in plain), (anchored, other, DATA), (anchored, PURPOSE, other)]


def test_gate_and_verifier_always_agree(chain: Chain, ada: Person, brand: str, gate: Contract) -> None:
    seen = []
    for signed, purpose, data in _cases(chain, ada, brand):
        status = chain.status(signed, controller=brand, purpose=purpose, data=data)
        call = gate.functions.guarded(signed.evidence, purpose, data)
        if status is Status.Valid:
            assert call.call() == ada.address
        else:
            assert chain.refusal(call) == ("NotConsented", (status,))
        seen.append(status.name)
    assert seen == [
        "Malformed", "Valid", "BadSignature", "NotIncluded", "NotAnchored", "PostDated", "Revoked", "NotYetValid",
        "Expired", "WrongController", "PurposeNotGranted", "DataNotGranted",
    ]  # fmt: skip


def _events(shop: Contract, receipt: Any, name: str) -> list[dict[str, Any]]:
    return [dict(event["args"]) for event in shop.events[name]().process_receipt(receipt)]


def test_the_story_of_a_customer(chain: Chain, ada: Person, brand: str, shop: Contract) -> None:
    signed = ada.anchored(brand, others=5)
    assert [shop.functions.PURPOSE().call(), shop.functions.DATA().call()] == [PURPOSE, DATA]

    receipt = chain.send(shop.functions.join(signed.evidence), chain.accounts[6])
    assert _events(shop, receipt, "Joined") == [{"customer": ada.address}]
    receipt = chain.send(shop.functions.award(signed.evidence, 250), brand)
    assert _events(shop, receipt, "Awarded") == [{"customer": ada.address, "amount": 250}]
    assert shop.functions.points(ada.address).call() == 350

    tag = oracle.tag(ada.address, signed.grant["salt"])
    chain.send(chain.registry.functions.revoke(ada.secret, tag))
    award = shop.functions.award(signed.evidence, 250)
    assert chain.refusal(award, brand) == ("NotConsented", (Status.Revoked,))

    receipt = ada.send_as_self(shop.functions.spend(300))
    assert _events(shop, receipt, "Spent") == [{"customer": ada.address, "amount": 300}]
    assert shop.functions.points(ada.address).call() == 50


def test_points_go_to_the_subject_and_never_to_the_bearer(
    chain: Chain, ada: Person, brand: str, shop: Contract
) -> None:
    bearer = chain.accounts[6]
    signed = ada.anchored(brand)
    chain.send(shop.functions.join(signed.evidence), bearer)
    assert shop.functions.points(ada.address).call() == shop.functions.WELCOME().call()
    assert shop.functions.points(bearer).call() == 0
    assert not shop.functions.joined(bearer).call()
    assert chain.refusal(shop.functions.spend(1), bearer) == ("TooFewPoints", (bearer.lower(), 0, 1))


def test_one_welcome_for_each_customer(chain: Chain, ada: Person, brand: str, shop: Contract) -> None:
    """A replay of the evidence and a second grant are both no second welcome."""
    first, second = ada.anchored(brand), ada.anchored(brand, salt=keccak(text="second"))
    chain.send(shop.functions.join(first.evidence))
    for signed in (first, second):
        assert chain.refusal(shop.functions.join(signed.evidence)) == ("AlreadyJoined", (ada.address.lower(),))


def test_only_the_controller_awards(chain: Chain, ada: Person, brand: str, shop: Contract) -> None:
    signed = ada.anchored(brand)
    chain.send(shop.functions.join(signed.evidence))
    award = shop.functions.award(signed.evidence, 10)
    assert chain.refusal(award) == ("OnlyController", (chain.relayer.lower(),))


def test_no_points_before_joining(chain: Chain, ada: Person, brand: str, shop: Contract) -> None:
    award = shop.functions.award(ada.anchored(brand).evidence, 10)
    assert chain.refusal(award, brand) == ("NotJoined", (ada.address.lower(),))


def test_spending_more_than_there_is(chain: Chain, brand: str, shop: Contract) -> None:
    customer = Person(chain, "a customer who calls")
    chain.tester.add_account(customer.key.key.hex())
    customer.receive_ether()
    chain.send(shop.functions.join(customer.anchored(brand).evidence))
    refusal = chain.refusal(shop.functions.spend(101), customer.address)
    assert refusal == ("TooFewPoints", (customer.address.lower(), 100, 101))


def test_consent_to_something_else_is_not_enough(chain: Chain, ada: Person, brand: str, shop: Contract) -> None:
    for changes, status in (
        ({"purposes": ["dpv:Marketing"]}, Status.PurposeNotGranted),
        ({"data": ["pd:EmailAddress"]}, Status.DataNotGranted),
    ):
        signed = ada.anchored(brand, **changes)
        assert chain.refusal(shop.functions.join(signed.evidence)) == ("NotConsented", (status,))
