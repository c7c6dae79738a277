"""Reading the facts of a thousand grants from anvil over HTTP: best of two runs.

Three ways are measured: one batch (`RpcLedger.facts` with all of them), one grant after the other, and web3.py's plain
contract calls one after the other. The last ones check neither the chain nor that all answers are of one block.
"""

from __future__ import annotations

from collections.abc import Iterator

from registry.core.facts import AnchorFacts, FactQuery
from registry.core.scalars import checksum, to_hex
from registry.ledger.deploy import deploy
from registry.ledger.rpc import RpcLedger
from registry.wallets.keywallet import KeyWallet
from scripts.benchmarks.figures import Figure, best_of
from scripts.benchmarks.nodes import ANVIL_KEY, Chain, anvil, artifact, word

GRANTS = 1_000
RUNS = 2


def measure() -> Iterator[Figure]:
    """Time all three ways on one node."""
    with anvil() as url:
        chain, deployment = Chain(url), deploy(url, KeyWallet(ANVIL_KEY))
        contract = chain.at(deployment.registry, artifact("ConsentRegistry")).functions
        ledger, questions = RpcLedger(url, deployment), _questions()
        chain.send(contract.anchor(questions[0].root, word("manifest")))

        def batch() -> list[AnchorFacts]:
            return list(ledger.facts(questions).anchors.values())

        def singly() -> list[AnchorFacts]:
            return [ledger.facts([question]).anchors[question] for question in questions]

        plain = [(question.root, question.handle, question.subject) for question in questions]

        def plainly() -> list[AnchorFacts]:
            return [AnchorFacts(*contract.facts(*asked).call()) for asked in plain]

        assert batch() == plainly() and all(facts.anchored_at for facts in batch())
        best = best_of({"batch": batch, "singly": singly, "plainly": plainly}, RUNS)
    yield Figure("grants in one batch", GRANTS / best["batch"], "a second")
    yield Figure("grants one by one", GRANTS / best["singly"], "a second")
    yield Figure("grants one by one, web3.py's contract calls", GRANTS / best["plainly"], "a second")
    yield Figure("one batch against one by one", best["singly"] / best["batch"], "times as fast")
    yield Figure("one batch against web3.py's contract calls", best["plainly"] / best["batch"], "times as fast")


def _questions() -> list[FactQuery]:
    """Return the questions about a thousand people's grants under one root."""
    root = to_hex(word("root"))
    names = ("subject", "lock", "salt")
    people = ([word(f"{name} {i}") for name in names] for i in range(GRANTS))
    return [FactQuery(root, checksum(subject[:20]), to_hex(lock), to_hex(salt)) for subject, lock, salt in people]
