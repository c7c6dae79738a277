"""ConsentRegistry: every function that needs no signature, every event, and that repeating changes nothing."""

from __future__ import annotations

import pytest
from eth_utils import keccak

from tests.support import consent_oracle as oracle
from tests.support.consent_chain import Chain, Person

pytestmark = pytest.mark.slow

ROOT, MANIFEST = keccak(text="root"), keccak(text="manifest")


def test_the_domain_separator_is_that_of_eip_712(chain: Chain) -> None:
    assert chain.registry.functions.domainSeparator().call() == chain.domain.separator


def test_a_fork_with_another_chain_id_has_another_domain(
    chain: Chain, ada: Person, brand: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed = ada.anchored(brand)
    assert chain.status(signed) is oracle.Status.Valid
    monkeypatch.setattr(type(chain.tester.backend.chain), "chain_id", 7)
    fork = oracle.Domain(7, chain.registry.address)
    assert chain.registry.functions.domainSeparator().call() == fork.separator
    assert chain.status(signed) is oracle.Status.BadSignature


def test_nothing_is_known_at_first(chain: Chain, ada: Person) -> None:
    assert chain.facts(ROOT, MANIFEST, ada.address) == (0, 0, 0)


def test_anyone_anchors(chain: Chain) -> None:
    receipt = chain.send(chain.registry.functions.anchor(ROOT, MANIFEST), chain.accounts[5])
    assert chain.events(receipt) == [("Anchored", {"root": ROOT, "manifest": MANIFEST})]
    assert chain.facts(ROOT) == (chain.now, 0, 0)


def test_the_first_anchor_counts_and_a_repeat_is_logged(chain: Chain) -> None:
    chain.send(chain.registry.functions.anchor(ROOT, keccak(text="bogus")))
    first = chain.now
    chain.travel_to(first + 1000)
    receipt = chain.send(chain.registry.functions.anchor(ROOT, MANIFEST))
    assert chain.events(receipt) == [("Anchored", {"root": ROOT, "manifest": MANIFEST})]
    assert chain.facts(ROOT) == (first, 0, 0)


def test_the_root_zero_is_refused_and_stays_unknown(chain: Chain) -> None:
    assert chain.refusal(chain.registry.functions.anchor(oracle.ZERO, MANIFEST)) == ("ZeroRoot", ())
    chain.send(chain.registry.functions.anchor(b"\x00" * 31 + b"\x01", MANIFEST))
    assert chain.facts(oracle.ZERO) == (0, 0, 0)


def test_whoever_knows_the_secret_revokes(chain: Chain, ada: Person, brand: str) -> None:
    grant = ada.grant(brand)
    handle = oracle.grant_handle(grant)
    call = chain.registry.functions.revoke(ada.secret, oracle.tag(ada.address, grant["salt"]))
    assert chain.events(chain.send(call, chain.accounts[7])) == [("Revoked", {"handle": handle})]
    assert chain.facts(handle=handle) == (0, chain.now, 0)


def test_a_second_revocation_succeeds_and_changes_nothing(chain: Chain) -> None:
    call = chain.registry.functions.revoke(keccak(text="secret"), keccak(text="tag"))
    handle = oracle.handle(oracle.lock(keccak(text="secret")), keccak(text="tag"))
    chain.send(call)
    first = chain.now
    receipt = chain.send(call)
    assert (receipt["status"], chain.events(receipt)) == (1, [])
    assert chain.facts(handle=handle) == (0, first, 0)


@pytest.mark.parametrize("wrong", ["secret", "tag"])
def test_another_secret_or_tag_ends_something_else(chain: Chain, wrong: str) -> None:
    opening = {"secret": keccak(text="secret"), "tag": keccak(text="tag")}
    handle = oracle.handle(oracle.lock(opening["secret"]), opening["tag"])
    opening[wrong] = keccak(text="wrong")
    chain.send(chain.registry.functions.revoke(*opening.values()))
    assert chain.facts(handle=handle) == (0, 0, 0)


def test_the_lock_itself_is_no_key(chain: Chain, ada: Person, brand: str) -> None:
    """The brand holds the grant, and so lock, salt and subject; that must not let it revoke in the subject's name."""
    grant = ada.grant(brand)
    tag = oracle.tag(ada.address, grant["salt"])
    chain.send(chain.registry.functions.revoke(grant["revocation"], tag), brand)
    chain.send(chain.registry.functions.revokeOpenly(grant["revocation"], oracle.salt_hash(grant["salt"])), brand)
    assert chain.facts(handle=oracle.grant_handle(grant)) == (0, 0, 0)


def test_a_batch_revokes_each_once(chain: Chain) -> None:
    openings = [(keccak(text=f"secret {i}"), keccak(text=f"tag {i}")) for i in (0, 1, 2, 1)]
    handles = [oracle.handle(oracle.lock(secret), tag) for secret, tag in openings]
    chain.send(chain.registry.functions.revoke(*openings[0]))
    first = chain.now
    receipt = chain.send(chain.registry.functions.revokeBatch(openings))
    assert chain.events(receipt) == [("Revoked", {"handle": handle}) for handle in handles[1:3]]
    assert [chain.facts(handle=handle)[1] for handle in handles] == [first] + 3 * [chain.now]


def test_an_empty_batch_does_nothing(chain: Chain) -> None:
    assert chain.events(chain.send(chain.registry.functions.revokeBatch([]))) == []


def test_the_subject_revokes_openly_without_the_secret(chain: Chain, ada: Person, brand: str) -> None:
    """Whoever made the lock: here a hostile page did."""
    grant = ada.grant(brand, revocation=keccak(text="a lock without any key"))
    call = chain.registry.functions.revokeOpenly(grant["revocation"], oracle.salt_hash(grant["salt"]))
    receipt = ada.send_as_self(call)
    handle = oracle.grant_handle(grant)
    assert chain.events(receipt) == [("Revoked", {"handle": handle})]
    assert chain.facts(handle=handle) == (0, chain.now, 0)


def test_openly_and_in_private_are_the_same_revocation(chain: Chain, ada: Person, brand: str) -> None:
    grant = ada.grant(brand)
    chain.send(chain.registry.functions.revoke(ada.secret, oracle.tag(ada.address, grant["salt"])))
    call = chain.registry.functions.revokeOpenly(grant["revocation"], oracle.salt_hash(grant["salt"]))
    assert chain.events(ada.send_as_self(call)) == []


def test_revoke_all_raises_the_senders_cutoff_to_now(chain: Chain) -> None:
    sender = chain.accounts[3]
    for _ in range(2):
        receipt = chain.send(chain.registry.functions.revokeAll(), sender)
        assert chain.events(receipt) == [("RevokedAll", {"subject": sender, "issuedUntil": chain.now})]
        assert chain.facts(subject=sender) == (0, 0, chain.now)
    assert chain.facts(subject=chain.accounts[4]) == (0, 0, 0)


def test_two_in_one_block_are_logged_once(chain: Chain, ada: Person) -> None:
    calls = [
        chain.registry.functions.revokeAllFor(ada.address, until, ada.sign("RevokeAll", issuedUntil=until))
        for until in (chain.now + 300, chain.now + 400)
    ]
    first, second = chain.send_in_one_block((calls[0], chain.relayer), (calls[1], chain.accounts[2]))
    assert chain.events(first) == [("RevokedAll", {"subject": ada.address, "issuedUntil": chain.now})]
    assert (second["status"], chain.events(second)) == (1, [])


def test_retiring_is_for_ever(chain: Chain) -> None:
    sender = chain.accounts[3]
    receipt = chain.send(chain.registry.functions.retire(), sender)
    assert chain.events(receipt) == [("RevokedAll", {"subject": sender, "issuedUntil": oracle.RETIRED})]
    for call in (chain.registry.functions.revokeAll(), chain.registry.functions.retire()):
        assert chain.events(chain.send(call, sender)) == []
        assert chain.facts(subject=sender) == (0, 0, oracle.RETIRED)


def test_it_takes_no_ether_and_has_no_other_function(chain: Chain) -> None:
    functions = {item["name"]: item["stateMutability"] for item in chain.registry.abi if item["type"] == "function"}
    writing = {name for name, kind in functions.items() if kind == "nonpayable"}
    assert writing == {
        "anchor", "revoke", "revokeBatch", "revokeOpenly", "revokeOpenlyFor",
        "revokeAll", "revokeAllFor", "retire", "retireFor",
    }  # fmt: skip
    assert {name: kind for name, kind in functions.items() if name not in writing} == {
        "facts": "view",
        "domainSeparator": "view",
    }
    assert not {"fallback", "receive"} & {item["type"] for item in chain.registry.abi}
