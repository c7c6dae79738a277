"""Any sequence of calls leaves the registry as a few plain dictionaries say, and its events tell the same story."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from eth_utils import keccak
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from tests.support import consent_oracle as oracle
from tests.support.consent_chain import Chain, Person
from tests.support.soak import examples

pytestmark = pytest.mark.slow

ROOTS = [keccak(text=f"root {i}") for i in range(3)]
SECRETS = [keccak(text=f"secret {i}") for i in range(2)]
SALT = keccak(text="salt")
PEOPLE = ["Ada", "Bo"]

roots = st.sampled_from(ROOTS)
secrets = st.sampled_from(SECRETS)
names = st.sampled_from(PEOPLE)
offsets = st.sampled_from([-(10**6), -1, 0, 1, 899, 900, 901, 10**6])


class RegistryMachine(RuleBasedStateMachine):
    """Calls in any order, each into a block of its own whose time is known beforehand."""

    chain: ClassVar[Chain]

    def __init__(self) -> None:
        super().__init__()
        self.snapshot = self.chain.tester.take_snapshot()
        self.calls = self.chain.registry.functions
        self.people = {name: Person(self.chain, name) for name in PEOPLE}
        self.anchored: dict[bytes, int] = {}
        self.revoked: dict[bytes, int] = {}
        self.cutoff: dict[str, int] = {}
        self.time = self.chain.now

    def teardown(self) -> None:
        self.chain.tester.revert_to_snapshot(self.snapshot)

    def handle(self, secret: bytes, name: str) -> bytes:
        return oracle.handle(oracle.lock(secret), oracle.tag(self.people[name].address, SALT))

    def send(self, call: Any, expected: list[tuple[str, dict[str, Any]]]) -> None:
        """Into a block at ``self.time``, which each rule sets first."""
        receipt = self.chain.send(call)
        assert (receipt["status"], self.chain.now) == (1, self.time)
        assert self.chain.events(receipt) == expected

    def tick(self) -> int:
        self.time = self.chain.now + 2
        self.chain.tester.time_travel(self.time)
        return self.time

    def revocations(self, handles: list[bytes]) -> list[tuple[str, dict[str, Any]]]:
        fresh = [handle for handle in dict.fromkeys(handles) if handle not in self.revoked]
        self.revoked.update(dict.fromkeys(fresh, self.time))
        return [("Revoked", {"handle": handle}) for handle in fresh]

    def cutoffs(self, name: str, until: int) -> list[tuple[str, dict[str, Any]]]:
        subject = self.people[name].address
        if until <= self.cutoff.get(subject, 0):
            return []
        self.cutoff[subject] = until
        return [("RevokedAll", {"subject": subject, "issuedUntil": until})]

    @rule(seconds=st.sampled_from([2, 60, 10**6]))
    def wait(self, seconds: int) -> None:
        self.chain.travel_to(self.chain.now + seconds)

    @rule(root=roots, manifest=roots)
    def anchor(self, root: bytes, manifest: bytes) -> None:
        self.anchored.setdefault(root, self.tick())
        self.send(self.calls.anchor(root, manifest), [("Anchored", {"root": root, "manifest": manifest})])

    @rule(secret=secrets, name=names)
    def revoke(self, secret: bytes, name: str) -> None:
        self.tick()
        call = self.calls.revoke(secret, oracle.tag(self.people[name].address, SALT))
        self.send(call, self.revocations([self.handle(secret, name)]))

    @rule(pairs=st.lists(st.tuples(secrets, names), max_size=5))
    def revoke_batch(self, pairs: list[tuple[bytes, str]]) -> None:
        self.tick()
        openings = [(secret, oracle.tag(self.people[name].address, SALT)) for secret, name in pairs]
        handles = [self.handle(*pair) for pair in pairs]
        self.send(self.calls.revokeBatch(openings), self.revocations(handles))

    @rule(secret=secrets, name=names)
    def revoke_openly_for(self, secret: bytes, name: str) -> None:
        self.tick()
        person, handle = self.people[name], self.handle(secret, name)
        signature = person.sign("Revoke", handle=handle)
        lock, salt_hash = oracle.lock(secret), oracle.salt_hash(SALT)
        call = self.calls.revokeOpenlyFor(person.address, lock, salt_hash, signature)
        self.send(call, self.revocations([handle]))

    @rule(secret=secrets, name=names, thief=names)
    def revoke_openly_for_somebody_else(self, secret: bytes, name: str, thief: str) -> None:
        person = self.people[name]
        signature = self.people[thief].sign("Revoke", handle=self.handle(secret, name))
        lock, salt_hash = oracle.lock(secret), oracle.salt_hash(SALT)
        call = self.calls.revokeOpenlyFor(person.address, lock, salt_hash, signature)
        if thief != name:
            assert self.chain.refusal(call) == ("InvalidSignature", (person.address.lower(),))

    @rule(name=names, offset=offsets)
    def revoke_all_for(self, name: str, offset: int) -> None:
        person, now = self.people[name], self.tick()
        until = now + offset
        signature = person.sign("RevokeAll", issuedUntil=until)
        call = self.calls.revokeAllFor(person.address, until, signature)
        if offset > oracle.SKEW:
            self.chain.tester.mine_block()
            assert self.chain.refusal(call) == ("InTheFuture", (until,))
        else:
            self.send(call, self.cutoffs(name, min(until, now)))

    @precondition(lambda self: len(self.cutoff) == len(PEOPLE))
    @rule(name=names)
    def retire_for(self, name: str) -> None:
        self.tick()
        person = self.people[name]
        call = self.calls.retireFor(person.address, person.sign("Retire"))
        self.send(call, self.cutoffs(name, oracle.RETIRED))

    @invariant()
    def the_facts_are_the_dictionaries(self) -> None:
        handles = [(self.handle(secret, name), name) for secret in SECRETS for name in PEOPLE]
        for index, (handle, name) in enumerate(handles):
            root, subject = ROOTS[index % len(ROOTS)], self.people[name].address
            expected = self.anchored.get(root, 0), self.revoked.get(handle, 0), self.cutoff.get(subject, 0)
            assert self.chain.facts(root, handle, subject) == expected


@pytest.mark.slow
def test_the_registry_behaves_like_plain_dictionaries(session_chain: Chain) -> None:
    machine = type("Machine", (RegistryMachine,), {"chain": session_chain})
    checks = list(HealthCheck)  # the EVM is slower than Hypothesis likes
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples(8, 60),
            stateful_step_count=examples(15, 50),
            deadline=None,
            suppress_health_check=checks,
        ),
    )
