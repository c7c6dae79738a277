"""Deploy the two contracts, at the same addresses on every chain that allows it.

The deployer at `DEPLOYER` creates by CREATE2. So an address follows from the code alone: keccak256(0xff || deployer ||
salt || keccak256(creation code))[12:]. The verifier's code ends with the registry's address. On a chain without the
deployer the payer creates the contracts, and their addresses follow from the payer's address and nonce.

A contract that exists is checked and not paid for again, so a second run completes an interrupted deployment.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from registry.core.errors import InvalidInput
from registry.core.scalars import to_hex
from registry.ledger.artifacts import EVM_VERSIONS, PRAGUE, SHANGHAI, creation_code
from registry.ledger.base import Deployment, Sender
from registry.ledger.blocks import chain_id_in, quantity
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
    own_sites,
    stands,
)
from registry.ledger.rpc import DEFAULT_MAX_FEE, DEFAULT_TIMEOUT, RECEIPT_SECONDS
from registry.ledger.tx_tracker import Limits, Progress, named
from registry.net.json_rpc import Call, Node, NodeError, hex_bytes

if TYPE_CHECKING:
    from registry.ledger.transactions import Sent

# Behind a load balancer, one node may be some blocks behind the node that took the transaction.
_APPEARS_SECONDS, _PAUSE = 30.0, 0.25
# Creation code that returns the number one. The first uses MCOPY, which only the newer build needs; the second PUSH0.
_PROBES = {PRAGUE: bytes.fromhex("5f5f5f5e60015f5260205ff3"), SHANGHAI: bytes.fromhex("60015f5260205ff3")}
_ONE = (1).to_bytes(32, "big")
# The words of geth, Besu, Nethermind, reth and anvil for an unknown opcode. A busy node says something else.
_UNKNOWN_OPCODE = re.compile("opcode|instruction|evm|activated", re.IGNORECASE)


class Plan(NamedTuple):
    """The state of a chain and what `deploy` will do. ``gas`` in units, ``price`` and ``balance`` in wei."""

    chain_id: int
    evm: str
    everywhere: bool  # whether the addresses are those of every chain with the deployer and this build
    payer: str
    registry: Site
    verifier: Site
    gas: int
    price: int
    balance: int

    @property
    def missing(self) -> list[str]:
        """The names of the contracts to create."""
        return [n for n, site in ((REGISTRY, self.registry), (VERIFIER, self.verifier)) if not site.stands]


def survey(url: str, payer: str, *, evm: str | None = None, timeout: float = DEFAULT_TIMEOUT) -> Plan:
    """Return what `deploy` would do; ``payer`` is a checksummed address.

    ``evm`` is the build, one of `EVM_VERSIONS`; by default the newest that the chain runs. ``InvalidInput`` if the
    chain does not run it. ``LedgerUnavailable`` if the node does not say, or other code is at an address.
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
    funds = quantity(node, balance, 2**256)
    plan = Plan(chain, build, everywhere, payer, found, beside, 0, quantity(node, price), funds)
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
    """Create ConsentRegistry and ConsentVerifier on the chain behind ``url`` unless they exist; ``sender`` pays.

    ``plan`` is the result of `survey` for the same payer; by default this makes one. ``sender`` may be None if nothing
    is missing. The other limits are `RpcLedger`'s. ``InvalidInput`` if the account cannot pay.
    """
    if plan is None:
        if sender is None:
            raise InvalidInput("no account pays for the deployment", "Name an account.")
        plan = survey(url, sender.address, evm=evm, timeout=timeout)
    job = _Job(Node(url, timeout), plan, sender, Limits(max_fee, receipt_seconds, confirmations), progress)
    registry, block = job.place(REGISTRY, plan.registry.address, plan.registry.address)
    verifier, _ = job.place(VERIFIER, plan.verifier.address, registry)
    return Deployment(plan.chain_id, registry, verifier, block_of(job.node, registry) if block is None else block)


def check_deployment(url: str, deployment: Deployment, *, timeout: float = DEFAULT_TIMEOUT) -> None:
    """Require both contracts of the deployment on the chain behind ``url``, made for that chain and for each other.

    ``LedgerUnavailable`` if one is missing, differs from our builds, or the node does not say.
    """
    node = Node(url, timeout)
    for contract, address in ((REGISTRY, deployment.registry), (VERIFIER, deployment.verifier)):
        if not stands(node, deployment.chain_id, contract, address, deployment.registry):
            advice = "Use a node of the right chain. If that chain was reset, deploy into another folder."
            raise node.unavailable(f"there is no {contract} at {address}", advice)


class _Job(NamedTuple):
    node: Node
    plan: Plan
    sender: Sender | None
    limits: Limits
    progress: Progress | None

    def place(self, contract: str, address: str, registry: str) -> tuple[str, int | None]:
        """Return the contract's address, and the block of its creation if this call created it."""
        if self._stands(contract, address, registry):
            return address, None
        try:
            sent = self._create(contract, registry)
        except InvalidInput:
            # Anybody may create it, and another program may have been faster.
            if self._stands(contract, address, registry):
                return address, None
            raise
        with named(sent.receipt.transaction):
            return self._appeared(contract, address, registry, sent), sent.receipt.block

    def _appeared(self, contract: str, address: str, registry: str, sent: Sent) -> str:
        """Return the address of the contract that was created, once the node shows it."""
        if not self.plan.everywhere:
            if sent.contract is None:
                raise self.node.unavailable("its receipt names no contract")
            address = sent.contract
        ends = time.monotonic() + _APPEARS_SECONDS
        while not self._stands(contract, address, registry):
            if time.monotonic() > ends:
                why = f"transaction {sent.receipt.transaction} succeeded, but nothing is at {address}"
                advice = "Run it again. If it fails again, this chain computes contract addresses in another way."
                raise self.node.unavailable(why, advice)
            time.sleep(_PAUSE)
        return address

    def _stands(self, contract: str, address: str, registry: str) -> bool:
        return stands(self.node, self.plan.chain_id, contract, address, registry, self.plan.evm)

    def _create(self, contract: str, registry: str) -> Sent:
        from registry.ledger.transactions import Submission

        if self.sender is None or self.sender.address != self.plan.payer:
            problem = f"{contract} must be created, and {self.plan.payer} is not here to pay"
            raise InvalidInput(problem, "Name that account.")
        to, data = _creation(self.plan, contract, registry)
        return Submission(self.node, self.plan.chain_id, self.sender, to, data, self.limits, self.progress).wait()


def _creation(plan: Plan, contract: str, registry: str) -> tuple[str | None, bytes]:
    constructor = (registry,) if contract == VERIFIER else ()
    code = creation_code(contract, *constructor, evm=plan.evm)
    return (DEPLOYER, SALT + code) if plan.everywhere else (None, code)


def _build(node: Node, wanted: str | None) -> str:
    """Return the wanted build, or the newest that the chain runs."""
    if wanted not in (None, *EVM_VERSIONS):
        raise InvalidInput(f"there is no build {wanted!r}", f"Use one of {', '.join(EVM_VERSIONS)}.")
    builds = [SHANGHAI] if wanted == SHANGHAI else list(EVM_VERSIONS)
    calls = [Call("eth_call", ({"data": to_hex(_PROBES[build])}, "latest")) for build in builds]
    answers = dict(zip(builds, node.ask_all(calls), strict=True))
    if hex_bytes(answers[SHANGHAI]) != _ONE:
        advice = "The contracts need a chain with Shanghai (PUSH0) or a later fork, and a node with eth_call."
        raise node.unavailable(f"it does not run the simplest code: {_why(answers[SHANGHAI])}", advice)
    if wanted == SHANGHAI or hex_bytes(answers[PRAGUE]) == _ONE:
        return wanted or PRAGUE
    if _UNKNOWN_OPCODE.search(_why(answers[PRAGUE])) is None:
        advice = f"Try again, or name the build for chains without Cancun: --evm {SHANGHAI}."
        raise node.unavailable(f"it does not say if it knows MCOPY: {_why(answers[PRAGUE])}", advice)
    if wanted == PRAGUE:
        advice = f"Use the build for such chains (--evm {SHANGHAI}), or leave out --evm."
        raise InvalidInput(f"this chain does not run the build {PRAGUE}: it has no MCOPY (Cancun)", advice)
    return SHANGHAI


def _why(answer: Any) -> str:
    return answer.message if isinstance(answer, NodeError) else "its answer makes no sense"


def _gas(node: Node, plan: Plan) -> int:
    """Return about the gas that the missing contracts need.

    The verifier's constructor calls the registry. While that is missing too, guess from the length of the code.
    """
    if not plan.missing:
        return 0
    creations = [_creation(plan, contract, plan.registry.address) for contract in plan.missing]
    to, data = creations[0]
    tx = {"from": plan.payer, "data": to_hex(data)} | ({} if to is None else {"to": to})
    answer = node.ask(Call("eth_estimateGas", (tx,)))
    if isinstance(answer, NodeError):
        raise node.unavailable(f"it cannot say what {plan.missing[0]} would cost: {answer.message}")
    return quantity(node, answer) * sum(len(code) for _, code in creations) // len(data)
