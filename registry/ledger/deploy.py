"""Puts the two contracts on a chain, under the same addresses on every chain where that can be had.

The deployer at `DEPLOYER` takes a salt and creation code, and creates by CREATE2, so that an address follows from the
code alone: keccak256(0xff || deployer || salt || keccak256(creation code))[12:]. The verifier's code ends with the
registry's address, so its own follows too. Where a chain has no such deployer the contracts are created plainly, and
their addresses follow from the payer's account and nonce.

What stands there already is checked, never paid for again: a deployment that was interrupted is completed by running
it once more. Nobody has any power over the contracts afterwards.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from registry.core.errors import InvalidInput, LedgerUnavailable
from registry.core.scalars import to_hex
from registry.ledger.artifacts import EVM_VERSIONS, PRAGUE, SHANGHAI, creation_code
from registry.ledger.base import Deployment, Sender
from registry.ledger.blocks import chain_id_in
from registry.ledger.contract_addresses import (
    DEPLOYER,
    DEPLOYER_CODE,
    REGISTRY,
    SALT,
    VERIFIER,
    Site,
    addresses,
    block_of,
    code_call,
    code_in,
    number,
    own_sites,
    stands,
)
from registry.ledger.rpc import DEFAULT_MAX_FEE, DEFAULT_TIMEOUT, RECEIPT_SECONDS
from registry.net.json_rpc import Call, Node, NodeError, hex_bytes

if TYPE_CHECKING:
    from registry.ledger.transactions import Sent
    from registry.ledger.tx_tracker import Progress

# A node behind a load balancer may be some blocks behind the one that took the transaction.
_APPEARS_SECONDS, _PAUSE = 30.0, 0.25
# Creation code that returns the number one: after an MCOPY of nothing, all that the newer build needs beyond the
# older one; and with PUSH0 alone.
_PROBES = {PRAGUE: bytes.fromhex("5f5f5f5e60015f5260205ff3"), SHANGHAI: bytes.fromhex("60015f5260205ff3")}
_ONE = (1).to_bytes(32, "big")
# In the words of geth, Besu, Nethermind, reth and anvil; a node that is merely busy says something else.
_UNKNOWN_OPCODE = re.compile("opcode|instruction|evm|activated", re.IGNORECASE)


class Plan(NamedTuple):
    """What a deployment finds and what it will do. ``gas`` in units, ``price`` and ``balance`` in wei."""

    chain_id: int
    evm: str
    everywhere: bool  # the addresses are the same on every chain that has the deployer and takes this build
    payer: str
    registry: Site
    verifier: Site
    gas: int
    price: int
    balance: int

    @property
    def missing(self) -> list[str]:
        """The contracts that have to be created."""
        return [n for n, site in ((REGISTRY, self.registry), (VERIFIER, self.verifier)) if not site.stands]


def survey(url: str, payer: str, *, evm: str | None = None, timeout: float = DEFAULT_TIMEOUT) -> Plan:
    """What `deploy` would do, without doing it; ``payer`` is a checksummed address.

    ``evm`` is the build, one of `EVM_VERSIONS`; by default the newest that the chain runs. ``InvalidInput`` where the
    chain does not run it, ``LedgerUnavailable`` where the node does not say or something else lies at an address.
    """
    node = Node(url, timeout)
    chain_id, deployer, balance, price = node.ask_all(
        [Call("eth_chainId"), code_call(DEPLOYER), Call("eth_getBalance", (payer, "latest")), Call("eth_gasPrice")]
    )
    chain, everywhere = chain_id_in(node, chain_id), code_in(node, deployer) == DEPLOYER_CODE
    build = _build(node, evm)
    if everywhere:
        registry, verifier = addresses(build)
        found = Site(registry, stands(node, chain, REGISTRY, registry, registry, build))
        beside = Site(verifier, stands(node, chain, VERIFIER, verifier, registry, build))
    else:
        found, beside = own_sites(node, chain, build, payer)
    plan = Plan(chain, build, everywhere, payer, found, beside, 0, number(node, price), number(node, balance))
    return plan._replace(gas=_gas(node, plan))


def deploy(
    url: str,
    sender: Sender | None,
    *,
    plan: Plan | None = None,
    evm: str | None = None,
    timeout: float = DEFAULT_TIMEOUT,
    max_fee: int = DEFAULT_MAX_FEE,
    receipt_seconds: float = RECEIPT_SECONDS,
    confirmations: int = 0,
    progress: Progress | None = None,
) -> Deployment:
    """Create what is missing of ConsentRegistry and ConsentVerifier on the chain behind ``url``; ``sender`` pays.

    ``plan`` is what `survey` found there for the same payer, by default asked for now. ``sender`` may be None where
    nothing is missing. The other limits are `RpcLedger`'s. ``InvalidInput`` where the account cannot pay.
    """
    if plan is None:
        if sender is None:
            raise InvalidInput("no account was named that pays", "Name one.")
        plan = survey(url, sender.address, evm=evm, timeout=timeout)
    job = _Job(Node(url, timeout), plan, sender, (max_fee, receipt_seconds, confirmations), progress)
    registry, block = job.place(REGISTRY, plan.registry.address)
    verifier, _ = job.place(VERIFIER, plan.verifier.address, registry)
    return Deployment(plan.chain_id, registry, verifier, block_of(job.node, registry) if block is None else block)


def check_deployment(url: str, deployment: Deployment, *, timeout: float = DEFAULT_TIMEOUT) -> None:
    """``LedgerUnavailable`` unless both contracts of the deployment are on the chain behind ``url``, in one of our
    builds, made for that chain and for one another."""
    node = Node(url, timeout)
    for contract, address in ((REGISTRY, deployment.registry), (VERIFIER, deployment.verifier)):
        if not stands(node, deployment.chain_id, contract, address, deployment.registry):
            advice = "Ask a node of the right chain; if the chain itself was begun anew, deploy into another folder."
            raise LedgerUnavailable(f"{node.name}: there is no {contract} at {address}", advice)


class _Job(NamedTuple):
    node: Node
    plan: Plan
    sender: Sender | None
    limits: tuple[int, float, int]
    progress: Progress | None

    def place(self, contract: str, address: str, *constructor: str) -> tuple[str, int | None]:
        """Its address, and the block of its creation if that was now."""
        if self._stands(contract, address, *constructor):
            return address, None
        try:
            sent = self._create(contract, *constructor)
        except InvalidInput:
            # Anybody may create it, and somebody may have been quicker.
            if self._stands(contract, address, *constructor):
                return address, None
            raise
        if not self.plan.everywhere:
            address = self._created(sent)
        ends = time.monotonic() + _APPEARS_SECONDS
        while not self._stands(contract, address, *constructor):
            if time.monotonic() > ends:
                why = f"transaction {sent.receipt.transaction} succeeded, but nothing is at {address}"
                advice = "Run it again; if that says the same, this chain creates contracts in a way of its own."
                raise LedgerUnavailable(f"{self.node.name}: {why}", advice)
            time.sleep(_PAUSE)
        return address, sent.receipt.block

    def _created(self, sent: Sent) -> str:
        if sent.contract is None:
            raise self.node.unavailable("its receipt names no contract")
        return sent.contract

    def _stands(self, contract: str, address: str, *constructor: str) -> bool:
        registry = constructor[0] if constructor else address
        return stands(self.node, self.plan.chain_id, contract, address, registry, self.plan.evm)

    def _create(self, contract: str, *constructor: str) -> Sent:
        from registry.ledger.transactions import Submission
        from registry.ledger.tx_tracker import Limits

        if self.sender is None or self.sender.address != self.plan.payer:
            raise InvalidInput(f"{contract} has to be created, and {self.plan.payer} is not here to pay", "Name it.")
        to, data = _creation(self.plan, contract, *constructor)
        limits = Limits(*self.limits)
        return Submission(self.node, self.plan.chain_id, self.sender, to, data, limits, self.progress).wait()


def _creation(plan: Plan, contract: str, *constructor: str) -> tuple[str | None, bytes]:
    code = creation_code(contract, *constructor, evm=plan.evm)
    return (DEPLOYER, SALT + code) if plan.everywhere else (None, code)


def _build(node: Node, wanted: str | None) -> str:
    """The build that the chain runs: the one wanted, or the newest."""
    if wanted not in (None, *EVM_VERSIONS):
        raise InvalidInput(f"there is no build {wanted!r}", f"Use one of {', '.join(EVM_VERSIONS)}.")
    calls = [Call("eth_call", ({"data": to_hex(code)}, "latest")) for code in _PROBES.values()]
    answers = dict(zip(_PROBES, node.ask_all(calls), strict=True))
    if hex_bytes(answers[SHANGHAI]) != _ONE:
        advice = "The contracts need a chain with the rules of Shanghai (PUSH0) or later, and a node with eth_call."
        raise LedgerUnavailable(f"{node.name}: it does not run the simplest code: {_why(answers[SHANGHAI])}", advice)
    if wanted == SHANGHAI or hex_bytes(answers[PRAGUE]) == _ONE:
        return wanted or PRAGUE
    if _UNKNOWN_OPCODE.search(_why(answers[PRAGUE])) is None:
        advice = f"Try again, or name the build for chains without Cancun: --evm {SHANGHAI}."
        raise LedgerUnavailable(f"{node.name}: it does not say if it knows MCOPY: {_why(answers[PRAGUE])}", advice)
    if wanted == PRAGUE:
        advice = f"Use the build for such chains (--evm {SHANGHAI}), or let the chain decide."
        raise InvalidInput(f"this chain does not run the build {PRAGUE}: it has no MCOPY (Cancun)", advice)
    return SHANGHAI


def _why(answer: Any) -> str:
    return answer.message if isinstance(answer, NodeError) else "its answer makes no sense"


def _gas(node: Node, plan: Plan) -> int:
    """About what the missing contracts cost; the verifier's constructor asks for the registry, so as long as that is
    missing too its share is judged by the length of its code."""
    if not plan.missing:
        return 0
    first = plan.missing[0]
    constructors = {REGISTRY: (), VERIFIER: (plan.registry.address,)}
    to, data = _creation(plan, first, *constructors[first])
    tx = {"from": plan.payer, "data": to_hex(data)} | ({} if to is None else {"to": to})
    answer = node.ask(Call("eth_estimateGas", (tx,)))
    if isinstance(answer, NodeError):
        raise node.unavailable(f"it cannot say what {first} would cost: {answer.message}")
    lengths = [len(_creation(plan, name, *constructors[name])[1]) for name in plan.missing]
    return number(node, answer) * sum(lengths) // lengths[0]
