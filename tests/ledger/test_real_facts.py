"""Facts from anvil and geth: many at once, in batches of the size they take, of states they lack, and the same."""

from __future__ import annotations

import os
from collections.abc import Iterator

import msgspec
import pytest

from registry.core.crypto.revocation import lock_of, tag_of
from registry.core.eip712 import domain_of
from registry.core.errors import LedgerUnavailable, NotConsented
from registry.core.evidence.file import Evidence
from registry.core.facts import AnchorFacts, FactQuery, SignatureQuery
from registry.core.scalars import to_hex
from registry.core.verify.judge import judge
from registry.core.verify.queries import fact_queries
from registry.ledger.base import Deployment
from registry.ledger.history import cutoffs_in
from registry.ledger.rpc import RpcLedger
from registry.net.json_rpc import MAX_BATCH, Call, Node
from tests.support.builders import evidence_of, grant_message, policy
from tests.support.fake_node import NOBODY, ZERO
from tests.support.levers import AnvilLevers, GethLevers, RpcLevers, running_anvil, running_geth

pytestmark = pytest.mark.slow

Running = tuple[str, Deployment]


@pytest.fixture(scope="module")
def small_geth(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A geth with small batches and answers that keeps the states of its last 128 blocks."""
    limits = ["--rpc.batch-request-limit", "60", "--rpc.batch-response-max-size", "8000"]
    with running_geth(tmp_path_factory.mktemp("s"), *limits) as node:
        yield node


@pytest.fixture(scope="module")
def twin(geth: Running) -> Iterator[Running]:
    """An anvil with the chain id of geth's chain."""
    with running_anvil("--chain-id", str(geth[1].chain_id)) as node:
        yield node


def word() -> str:
    return to_hex(os.urandom(32))


@pytest.mark.parametrize("kind", ["anvil", "geth", "small_geth"])
def test_the_facts_of_many_grants(request: pytest.FixtureRequest, kind: str) -> None:
    url, deployment = request.getfixturevalue(kind)
    levers = (AnvilLevers if kind == "anvil" else GethLevers)(url, deployment)
    root = word()
    anchored = levers.ledger.transact("anchor", root, ZERO).time
    asked = [FactQuery(word(), NOBODY, word(), word()) for _ in range(1_200)]
    asked[::100] = [FactQuery(root, NOBODY, word(), word()) for _ in range(12)]
    found = levers.ledger.facts(asked).anchors
    assert list(found) == asked
    assert [facts.anchored_at for facts in found.values()] == [anchored if q.root == root else 0 for q in asked]


def test_what_a_node_takes_at_once_is_found_out_once(small_geth: Running) -> None:
    node = Node(small_geth[0], 10)
    assert node.ask_all([Call("eth_chainId")] * 200) == ["0x539"] * 200
    assert node._batch == 50 < MAX_BATCH


@pytest.mark.parametrize("kind", ["anvil", "geth"])
def test_the_cutoffs_of_many_subjects_in_the_past(request: pytest.FixtureRequest, kind: str) -> None:
    """geth takes fewer in one filter."""
    levers = (AnvilLevers if kind == "anvil" else GethLevers)(*request.getfixturevalue(kind))
    subject = levers.wallet()
    cutoff = levers.ledger.transact("revokeAll", sender=subject).time
    levers.mine(1)
    subjects = [to_hex(os.urandom(20)) for _ in range(1_100)]
    subjects[700] = subject.address.lower()
    head, node = levers.ledger.head(), Node(levers.url, 10)
    found = cutoffs_in(node, levers.ledger.deployment, subjects, 0, head.number)
    assert found == {subjects[700]: cutoff}
    question = FactQuery(ZERO, subject.address)
    for as_of, wanted in ((cutoff, cutoff), (cutoff - 1, 0)):
        assert levers.ledger.facts([question], as_of=as_of).anchors[question].cutoff == wanted


def test_old_states_that_geth_no_longer_has(small_geth: Running) -> None:
    levers = GethLevers(*small_geth)
    account = levers.contract("yes")
    created = levers.ledger.head()
    question = SignatureQuery(account, os.urandom(32), b"x")
    levers.mine(131)
    assert levers.ledger.facts([], [question]).signatures[question]
    _old_states_are_missed(levers, question, created.time)


def test_old_states_that_anvil_no_longer_has() -> None:
    with running_anvil("--prune-history", "2") as node:
        levers = AnvilLevers(*node)
        question = SignatureQuery(levers.contract("yes"), os.urandom(32), b"x")
        created = levers.ledger.head()
        levers.pass_time(10)
        levers.mine(10)
        _old_states_are_missed(levers, question, created.time)


def _old_states_are_missed(levers: RpcLevers, question: SignatureQuery, time: int) -> None:
    for how in ({"as_of": time}, {"depth": levers.ledger.head().number - levers.ledger.deployment.block}):
        with pytest.raises(LedgerUnavailable, match="cannot read block") as caught:
            levers.ledger.facts([FactQuery(word(), NOBODY)], [question], **how)
        assert "archive node" in caught.value.advice
    # Anchors, revocations and cutoffs of the past need no old state.
    facts = levers.ledger.facts([FactQuery(word(), NOBODY)], as_of=time)
    assert facts.as_of == time and list(facts.anchors.values()) == [AnchorFacts(0, 0, 0)]


def test_evidence_is_judged_alike_by_both_clients(geth: Running, twin: Running) -> None:
    """With the same chain id and address, evidence made on one client verifies on the other."""
    ledgers: list[RpcLedger] = [GethLevers(*geth).ledger, AnvilLevers(*twin).ledger]
    first = ledgers[0].deployment
    assert all(msgspec.structs.replace(each.deployment, block=first.block) == first for each in ledgers)
    secret, salt, now = os.urandom(32), word(), min(each.head().time for each in ledgers)
    message = grant_message(
        salt=salt, issued_at=now, not_before=now, expires_at=now + 86_400, revocation=lock_of(secret)
    )
    evidence = evidence_of(message, domain=domain_of(first.chain_id, first.registry))
    assert evidence.anchor is not None

    def answers() -> list[str]:
        return [_judged(evidence, each) for each in ledgers]

    assert answers() == ["NotAnchored"] * 2
    for each in ledgers:
        each.transact("anchor", evidence.anchor.root, ZERO)
    assert answers() == ["yes"] * 2
    for each in ledgers:
        each.transact("revoke", secret, tag_of(message.subject, salt))
    assert answers() == ["Revoked"] * 2


def _judged(evidence: Evidence, ledger: RpcLedger) -> str:
    facts, deployment = ledger.facts(*fact_queries(evidence)), ledger.deployment
    try:
        judge(evidence, facts, policy(chain_id=deployment.chain_id, registry=deployment.registry), facts.present)
    except NotConsented as error:
        return type(error).__name__
    return "yes"
