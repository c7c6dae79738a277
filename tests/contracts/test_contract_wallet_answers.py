"""ERC-1271 answers of every length (item 12): nobody copies them, so they cost their signer's gas and none of ours."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from eth_utils import keccak
from web3 import Web3

from registry.core.facts import SignatureQuery
from registry.core.scalars import to_hex
from registry.ledger import abi
from tests.support import consent_oracle as oracle
from tests.support.consent_chain import DATA, PURPOSE, Chain, Deployer, Person
from tests.support.consent_oracle import Signed, Status

pytestmark = pytest.mark.slow

MEGABYTE = 1 << 20
YES = keccak(text="isValidSignature(bytes32,bytes)")[:4]
LOCK, SALT = keccak(text="lock"), keccak(text="salt")
# A signature that no key made, in the shape of one, so the key is tried first.
SIGNATURE = b"\x01" * 64 + b"\x1b"
# Without the signer's own gas. A copy of a megabyte would cost 2,200,000 more.
JUDGING, RELAYING = 12_000, 45_000


class Answer(NamedTuple):
    """The first word, how many bytes are returned, and whether that is a revert."""

    head: bytes
    size: int
    reverts: bool = False
    accepts: bool = False


ANSWERS = {
    "nothing": Answer(YES, 0),
    "31 bytes": Answer(YES, 31),
    "32 bytes": Answer(YES, 32, accepts=True),
    "64 bytes": Answer(YES, 64, accepts=True),
    "dirty fifth byte": Answer(YES + b"\x80", 32),
    "dirty low byte": Answer(YES + bytes(27) + b"\x01", 32),
    "selector in the low bytes": Answer(bytes(28) + YES, 32),
    "a megabyte of zeros": Answer(b"", MEGABYTE),
    "a megabyte that begins with yes": Answer(YES, MEGABYTE, accepts=True),
    "a megabyte that begins with a dirty yes": Answer(YES + b"\x01", MEGABYTE),
    "a revert with yes": Answer(YES, 32, reverts=True),
    "a revert with a megabyte": Answer(YES, MEGABYTE, reverts=True),
}
every_answer = pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)


@pytest.fixture
def wallet(deploy: Deployer, answer: Answer) -> str:
    return str(deploy("LongWallet", answer.head.ljust(32, b"\0"), answer.size, answer.reverts).address)


def _anchored(chain: Chain, wallet: str, brand: str) -> Signed:
    grant = Person(chain, "Ada", wallet).grant(brand)
    signed = oracle.put_in_batch(chain.domain, grant, SIGNATURE)
    chain.send(chain.registry.functions.anchor(signed.root, oracle.ZERO))
    return signed


def _openly(chain: Chain, subject: str) -> Any:
    return chain.registry.functions.revokeOpenlyFor(subject, LOCK, oracle.salt_hash(SALT), SIGNATURE)


@every_answer
def test_registry_verifier_gate_and_client_read_it_alike(
    chain: Chain, brand: str, deploy: Deployer, answer: Answer, wallet: str
) -> None:
    signed = _anchored(chain, wallet, brand)
    assert chain.status(signed) is (Status.Valid if answer.accepts else Status.BadSignature)
    gate = deploy("GateMeter", chain.registry.address, brand).functions.guarded(signed.evidence, PURPOSE, DATA)
    retire = chain.registry.functions.retireFor(wallet, SIGNATURE)
    assert _asked_by_the_client(chain, signed) is answer.accepts
    if answer.accepts:
        assert gate.call() == wallet
        assert chain.events(chain.send(_openly(chain, wallet))) != []
        assert chain.events(chain.send(retire)) != []
    else:
        assert chain.refusal(gate) == ("NotConsented", (Status.BadSignature,))
        for call in (_openly(chain, wallet), retire):
            assert chain.refusal(call) == ("InvalidSignature", (wallet.lower(),))


def _asked_by_the_client(chain: Chain, signed: Signed) -> bool:
    """What the ledgers conclude, from the code that they have a node run."""
    digest = chain.domain.digest("Grant", signed.grant)
    probe = abi.signature_probe(SignatureQuery(signed.grant["subject"], digest, signed.signature))
    call: Any = {"from": chain.relayer, "data": to_hex(probe), "gas": abi.PROBE_GAS}
    return abi.decode_probe(bytes(chain.w3.eth.call(call)))


@every_answer
def test_judging_it_costs_no_more_than_a_short_answer(
    chain: Chain, brand: str, deploy: Deployer, answer: Answer, wallet: str
) -> None:
    signed, meter = _anchored(chain, wallet, brand), deploy("ShareMeter")
    asked = chain.verifier.address, signed.evidence, brand, PURPOSE, DATA
    used, own, status = meter.functions.measure(*asked).call({"gas": 16_000_000})
    assert (status == Status.Valid) is answer.accepts
    judged_further = 15_000 if answer.accepts else 0  # steps 3 to 7
    assert used - own < JUDGING + judged_further


@pytest.mark.parametrize("answer", [ANSWERS["a megabyte of zeros"], ANSWERS["a revert with a megabyte"]])
def test_a_relay_pays_for_the_wallet_s_own_gas_and_little_more(
    chain: Chain, deploy: Deployer, answer: Answer, wallet: str
) -> None:
    """The relay sent it all the same: the wallet answered the estimate in another way."""
    own = _gas_used(chain, wallet, b"any call")
    used = _gas_used(chain, chain.registry.address, _openly(chain, wallet)._encode_transaction_data())
    assert used - own < RELAYING


def _gas_used(chain: Chain, to: str, data: bytes | str) -> int:
    sent = chain.w3.eth.send_transaction({"from": chain.relayer, "to": to, "data": data, "gas": 16_000_000})
    return int(chain.w3.eth.wait_for_transaction_receipt(sent)["gasUsed"])


@pytest.mark.parametrize("gas", [120_000, 1_000_000, 16_000_000])
def test_burning_all_gas_is_a_no_while_a_64th_is_left(chain: Chain, brand: str, deploy: Deployer, gas: int) -> None:
    """EIP-150 keeps a 64th of what the call was given, which is enough to say no."""
    burner = deploy("OddWallet", 3).address
    signed = _anchored(chain, burner, brand)
    asked = signed.evidence, brand, PURPOSE, DATA
    assert Status(chain.verifier.functions.check(*asked).call({"gas": gas})) is Status.BadSignature


@pytest.mark.parametrize("answer", [ANSWERS["a megabyte that begins with yes"]])
def test_too_little_gas_makes_a_yes_a_no_and_never_the_reverse(
    chain: Chain, brand: str, answer: Answer, wallet: str
) -> None:
    """The megabyte costs the wallet 2,200,000 gas. So nobody may punish a person on a no."""
    check = chain.verifier.functions.check(_anchored(chain, wallet, brand).evidence, brand, PURPOSE, DATA)
    assert [Status(check.call({"gas": gas})) for gas in (2_000_000, 4_000_000)] == [Status.BadSignature, Status.Valid]


@pytest.mark.parametrize("answer", [ANSWERS["a revert with a megabyte"], ANSWERS["a megabyte of zeros"]])
def test_the_code_of_an_eip_7702_account_is_not_asked_about_its_own_key(
    chain: Chain, ada: Person, brand: str, answer: Answer, wallet: str
) -> None:
    chain.delegate(ada.key, wallet)
    signed = ada.anchored(brand)
    assert chain.status(signed) is Status.Valid
    signature = ada.sign("Revoke", handle=oracle.grant_handle(signed.grant))
    call = chain.registry.functions.revokeOpenlyFor(
        ada.address, signed.grant["revocation"], oracle.salt_hash(signed.grant["salt"]), signature
    )
    assert chain.send(call)["gasUsed"] < 55_000
    assert chain.status(signed) is Status.Revoked


@pytest.mark.parametrize("answer", [ANSWERS["32 bytes"]])
def test_an_eip_7702_account_s_code_decides_about_any_other_signature(
    chain: Chain, ada: Person, brand: str, answer: Answer, wallet: str
) -> None:
    chain.delegate(ada.key, wallet)
    assert chain.status(_anchored(chain, Web3.to_checksum_address(ada.address), brand)) is Status.Valid
