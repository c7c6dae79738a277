"""What others may send for a subject who signed: keys, contract wallets (ERC-1271), delegated accounts (EIP-7702)."""

from __future__ import annotations

from typing import Any

import pytest
from eth_utils import keccak

from tests.support import consent_oracle as oracle
from tests.support.consent_chain import Chain, Deployer, Person

pytestmark = pytest.mark.slow

ODD_ANSWERS = range(9)
LOCK, SALT = keccak(text="lock"), keccak(text="salt")


def _handle(subject: str) -> bytes:
    return oracle.handle(LOCK, oracle.tag(subject, SALT))


def _revoke_openly(person: Person, **changes: Any) -> Any:
    signature = person.sign("Revoke", handle=_handle(person.address))
    arguments = {"subject": person.address, "lock": LOCK, "salt": oracle.salt_hash(SALT), "signature": signature}
    return person.chain.registry.functions.revokeOpenlyFor(*{**arguments, **changes}.values())


def _revoke_all(person: Person, until: int, **changes: Any) -> Any:
    arguments = {"subject": person.address, "until": until, "signature": person.sign("RevokeAll", issuedUntil=until)}
    return person.chain.registry.functions.revokeAllFor(*{**arguments, **changes}.values())


def _retire(person: Person, **changes: Any) -> Any:
    arguments = {"subject": person.address, "signature": person.sign("Retire")}
    return person.chain.registry.functions.retireFor(*{**arguments, **changes}.values())


def _each(person: Person, **changes: Any) -> list[Any]:
    return [
        _revoke_openly(person, **changes),
        _revoke_all(person, person.chain.now, **changes),
        _retire(person, **changes),
    ]


def test_a_signed_revoke(chain: Chain, ada: Person) -> None:
    receipt = chain.send(_revoke_openly(ada))
    assert chain.events(receipt) == [("Revoked", {"handle": _handle(ada.address)})]
    assert chain.facts(handle=_handle(ada.address)) == (0, chain.now, 0)


def test_a_signed_revoke_is_for_one_consent(chain: Chain, ada: Person) -> None:
    for changes in ({"lock": keccak(text="other")}, {"salt": oracle.salt_hash(keccak(text="other"))}):
        assert chain.refusal(_revoke_openly(ada, **changes)) == ("InvalidSignature", (ada.address.lower(),))


def test_a_signed_kill_switch(chain: Chain, ada: Person) -> None:
    until = chain.now - 86_400
    receipt = chain.send(_revoke_all(ada, until))
    assert chain.events(receipt) == [("RevokedAll", {"subject": ada.address, "issuedUntil": until})]
    assert chain.facts(subject=ada.address) == (0, 0, until)


@pytest.mark.parametrize("ahead", [0, 1, 899, 900])
def test_up_to_15_minutes_ahead_is_clamped_to_now(chain: Chain, ada: Person, ahead: int) -> None:
    time = chain.now + 100
    chain.tester.time_travel(time)
    receipt = chain.send(_revoke_all(ada, time + ahead))
    assert chain.events(receipt) == [("RevokedAll", {"subject": ada.address, "issuedUntil": time})]
    assert chain.facts(subject=ada.address) == (0, 0, time)


@pytest.mark.parametrize("ahead", [901, 86_400, 2**63])
def test_further_ahead_is_refused(chain: Chain, ada: Person, ahead: int) -> None:
    time = chain.now + 100
    chain.travel_to(time)
    assert chain.refusal(_revoke_all(ada, time + ahead)) == ("InTheFuture", (time + ahead,))


def test_the_largest_cutoff_cannot_be_signed_as_a_kill_switch(chain: Chain, ada: Person) -> None:
    assert chain.refusal(_revoke_all(ada, oracle.RETIRED)) == ("InTheFuture", (oracle.RETIRED,))


def test_a_replay_never_lowers_the_cutoff(chain: Chain, ada: Person) -> None:
    older, newer = chain.now - 1000, chain.now
    for until in (older, newer):
        chain.send(_revoke_all(ada, until))
    for until in (older, newer, 0):
        receipt = chain.send(_revoke_all(ada, until))
        assert (receipt["status"], chain.events(receipt)) == (1, [])
    assert chain.facts(subject=ada.address) == (0, 0, newer)


def test_a_signed_retirement_and_replays_after_it(chain: Chain, ada: Person) -> None:
    receipt = chain.send(_retire(ada))
    assert chain.events(receipt) == [("RevokedAll", {"subject": ada.address, "issuedUntil": oracle.RETIRED})]
    for call in (_retire(ada), _revoke_all(ada, chain.now)):
        assert chain.events(chain.send(call)) == []
    assert chain.facts(subject=ada.address) == (0, 0, oracle.RETIRED)


def test_replaying_a_revoke_changes_nothing(chain: Chain, ada: Person) -> None:
    chain.send(_revoke_openly(ada))
    first = chain.now
    assert chain.events(chain.send(_revoke_openly(ada))) == []
    assert chain.facts(handle=_handle(ada.address)) == (0, first, 0)


def test_nobody_signs_for_somebody_else(chain: Chain, ada: Person) -> None:
    victim = oracle.account("victim").address
    for call in _each(ada, subject=victim):
        assert chain.refusal(call) == ("InvalidSignature", (victim.lower(),))


def test_one_kind_of_signature_is_no_other(chain: Chain, ada: Person) -> None:
    retire = ada.sign("Retire")
    for call in _each(ada, signature=retire)[:2]:
        assert chain.refusal(call) == ("InvalidSignature", (ada.address.lower(),))


@pytest.mark.parametrize("domain", ["chain", "registry"])
def test_another_domain_s_signature_is_refused(chain: Chain, ada: Person, domain: str) -> None:
    elsewhere = {
        "chain": oracle.Domain(chain.domain.chain_id + 1, chain.registry.address),
        "registry": oracle.Domain(chain.domain.chain_id, chain.verifier.address),
    }[domain]
    signature = elsewhere.sign(ada.key, "Retire", {"subject": ada.address})
    assert chain.refusal(_retire(ada, signature=signature)) == ("InvalidSignature", (ada.address.lower(),))


def _mangled(signature: bytes) -> dict[str, bytes]:
    return {
        "empty": b"",
        "one byte": signature[:1],
        "64 bytes": signature[:64],
        "compact": oracle.compact(signature),
        "66 bytes": signature + b"\x00",
        "high s": oracle.high_s(signature),
        "v 0 or 1": signature[:64] + bytes([signature[64] - 27]),
        "v 29": signature[:64] + b"\x1d",
        "the other v": signature[:64] + bytes([55 - signature[64]]),
        "zeros": bytes(65),
    }


@pytest.mark.parametrize("name", _mangled(bytes(64) + b"\x1b"))
def test_other_forms_of_a_signature_are_refused(chain: Chain, ada: Person, name: str) -> None:
    signature = _mangled(ada.sign("Retire"))[name]
    assert chain.refusal(_retire(ada, signature=signature)) == ("InvalidSignature", (ada.address.lower(),))


def test_the_high_s_form_would_recover_the_same_address(chain: Chain, ada: Person) -> None:
    """So it is refused for its form alone: two encodings of one signature would be two commitments."""
    digest = chain.domain.digest("Retire", {"subject": ada.address})
    signature = ada.sign("Retire")
    assert oracle.recovers(digest, signature) == oracle.recovers(digest, oracle.high_s(signature)) == ada.address


def test_the_address_zero_signed_nothing(chain: Chain) -> None:
    zero = "0x" + "00" * 20
    for signature in (bytes(65), bytes(64) + b"\x1b", b""):
        assert chain.refusal(chain.registry.functions.retireFor(zero, signature)) == ("InvalidSignature", (zero,))


def test_a_contract_wallet_judges_its_own_signatures(chain: Chain, ada: Person, deploy: Deployer) -> None:
    wallet = deploy("OwnedWallet", ada.address)
    account = Person(chain, "Ada", wallet.address)
    calls = [
        _revoke_openly(account, signature=oracle.compact(account.sign("Revoke", handle=_handle(wallet.address)))),
        _revoke_all(account, 5, signature=oracle.compact(account.sign("RevokeAll", issuedUntil=5))),
        _retire(account, signature=oracle.compact(account.sign("Retire"))),
    ]
    revoked, cutoff, retired = [chain.events(chain.send(call)) for call in calls]
    assert revoked == [("Revoked", {"handle": _handle(wallet.address)})]
    assert [name for name, _ in cutoff + retired] == ["RevokedAll", "RevokedAll"]
    assert chain.facts(subject=wallet.address) == (0, 0, oracle.RETIRED)


def test_the_owner_s_key_is_not_the_wallet(chain: Chain, ada: Person, deploy: Deployer) -> None:
    account = Person(chain, "Ada", deploy("OwnedWallet", ada.address).address)
    assert chain.refusal(_retire(account)) == ("InvalidSignature", (account.address.lower(),))
    stranger = Person(chain, "stranger", account.address)
    signature = oracle.compact(stranger.sign("Retire"))
    assert chain.refusal(_retire(account, signature=signature)) == ("InvalidSignature", (account.address.lower(),))


def test_a_contract_wallet_acts_as_sender(chain: Chain, ada: Person, deploy: Deployer) -> None:
    wallet = deploy("OwnedWallet", chain.relayer)
    inner = chain.registry.functions.revokeOpenly(LOCK, oracle.salt_hash(SALT))._encode_transaction_data()
    receipt = chain.send(wallet.functions.execute(chain.registry.address, inner))
    assert chain.events(receipt) == [("Revoked", {"handle": _handle(wallet.address)})]


@pytest.mark.parametrize("answer", ODD_ANSWERS)
def test_no_odd_answer_is_a_yes(chain: Chain, ada: Person, deploy: Deployer, answer: int) -> None:
    odd = Person(chain, "Ada", deploy("OddWallet", answer).address)
    for call in _each(odd):
        assert chain.refusal(call) == ("InvalidSignature", (odd.address.lower(),))


def test_an_eip_7702_account_still_signs_with_its_key(chain: Chain, ada: Person, deploy: Deployer) -> None:
    """Its code says no to everything, and OpenZeppelin's isValidSignatureNow would ask nobody else."""
    chain.delegate(ada.key, deploy("OddWallet", 0).address)
    assert chain.events(chain.send(_revoke_openly(ada))) == [("Revoked", {"handle": _handle(ada.address)})]
    assert chain.events(chain.send(_retire(ada))) != []
