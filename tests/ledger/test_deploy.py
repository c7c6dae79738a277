"""Deployment on anvil and geth: the same addresses everywhere, nothing paid twice, only our own code accepted."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from web3.utils.address import get_create2_address, get_create_address

from registry.core.errors import InvalidInput, LedgerUnavailable
from registry.core.facts import FactQuery
from registry.ledger.artifacts import EVM_VERSIONS, PRAGUE, SHANGHAI, creation_code, is_code_of
from registry.ledger.base import Deployment
from registry.ledger.contract_addresses import DEPLOYER, DEPLOYER_CODE, SALT, block_of, domain_word
from registry.ledger.contract_addresses import _create as created_by
from registry.ledger.deploy import addresses, check_deployment, deploy, survey
from registry.ledger.rpc import RpcLedger
from registry.net.json_rpc import Call, NodeError
from registry.wallets.keywallet import KeyWallet
from tests.support.fake_node import NOBODY, Answers, FakeNode, Refused
from tests.support.levers import ANVIL_KEY, GETH_PAYER, asker, start_anvil, start_geth, stop

pytestmark = pytest.mark.slow

# Users rely on these addresses on every chain.
REGISTRY, VERIFIER = "0x34d01Cf2cccCf33c1131E48F9481F0D4E4a85DC5", "0xDE28648FDacF287A9C73564f497f44411704b944"
OLDER_VERIFIER = "0x2E27E0D4515FE6Adde7BBFDa845152E0Ef87a3D6"
PAYER = KeyWallet(ANVIL_KEY)
ROOT = "0x" + "ab" * 32
NO_DEPLOYER = "--disable-default-create2-deployer"


class Chain:
    """A node, and the calls that many tests make."""

    def __init__(self, url: str, payer: KeyWallet = PAYER) -> None:
        self.url, self.ask, self.payer = url, asker(url), payer

    def code(self, address: str) -> bytes:
        return bytes.fromhex(self.ask("eth_getCode", address, "latest")[2:])

    def sent(self) -> int:
        """Return how many transactions the payer has sent."""
        return int(self.ask("eth_getTransactionCount", self.payer.address, "latest"), 16)


@contextmanager
def anvil(*options: str) -> Iterator[Chain]:
    process, url = start_anvil(*options)
    try:
        yield Chain(url)
    finally:
        stop(process)


@pytest.fixture
def chain() -> Iterator[Chain]:
    with anvil() as made:
        yield made


@pytest.fixture
def plain() -> Iterator[Chain]:
    """A chain without the deployer."""
    with anvil(NO_DEPLOYER) as made:
        yield made


@pytest.fixture
def fresh_geth(tmp_path: Path) -> Iterator[Chain]:
    """A development chain on the next fork's rules, with nothing on it."""
    process, url = start_geth(tmp_path)
    try:
        yield Chain(url, GETH_PAYER)
    finally:
        stop(process)


def anchored_through(chain: Chain, deployment: Deployment) -> bool:
    ledger = RpcLedger(chain.url, deployment)
    ledger.transact("anchor", ROOT, ROOT, sender=chain.payer)
    question = FactQuery(ROOT, NOBODY)
    return ledger.facts([question]).anchors[question].anchored_at > 0


class Failing:
    """A payer whose wallet calls ``then``, which may raise, after ``last`` signatures."""

    def __init__(self, last: int, then: Callable[[], None]) -> None:
        self.address = PAYER.address
        self._left, self._then = last, then

    def sign_transaction(self, tx: dict[str, Any]) -> bytes:
        if self._left == 0:
            self._then()
        self._left -= 1
        return PAYER.sign_transaction(tx)


def _unplugged() -> None:
    raise InvalidInput("the wallet was unplugged")


def interrupted(chain: Chain) -> None:
    """The registry is there, the verifier is not."""
    with pytest.raises(InvalidInput, match="unplugged"):
        deploy(chain.url, Failing(1, _unplugged))
    assert chain.sent() == 1


class TestAddresses:
    def test_they_follow_from_the_code_as_the_deployer_makes_them(self) -> None:
        for evm in EVM_VERSIONS:
            registry, verifier = addresses(evm)
            assert registry == get_create2_address(DEPLOYER, "0x" + SALT.hex(), creation("ConsentRegistry", evm=evm))
            code = creation("ConsentVerifier", registry, evm=evm)
            assert verifier == get_create2_address(DEPLOYER, "0x" + SALT.hex(), code)

    def test_they_never_change(self) -> None:
        assert addresses() == addresses(PRAGUE) == (REGISTRY, VERIFIER)
        assert addresses(SHANGHAI) == (REGISTRY, OLDER_VERIFIER)

    @pytest.mark.parametrize("nonce", [0, 1, 127, 128, 255, 256, 65_535, 65_536, 2**40])
    def test_plain_ones_follow_from_account_and_nonce(self, nonce: int) -> None:
        assert created_by(PAYER.address, nonce) == get_create_address(PAYER.address, nonce)


def creation(contract: str, *constructor: str, evm: str) -> str:
    return "0x" + creation_code(contract, *constructor, evm=evm).hex()


def gas_since(chain: Chain, block: int) -> int:
    head = int(chain.ask("eth_blockNumber"), 16)
    return sum(int(chain.ask("eth_getBlockByNumber", hex(n), False)["gasUsed"], 16) for n in range(block, head + 1))


def test_the_same_addresses_on_chains_with_other_ids_and_clients(fresh_geth: Chain, tmp_path: Path) -> None:
    """geth's development chain has the next fork's prices: the estimate has to hold there too."""
    with anvil("--chain-id", "5777") as chain:
        for one, chain_id in ((chain, 5777), (fresh_geth, 1337)):
            plan = survey(one.url, one.payer.address)
            assert survey(one.url, NOBODY).gas == plan.gas  # without a balance too
            done = deploy(one.url, one.payer)
            assert done == Deployment(chain_id, REGISTRY, VERIFIER, done.block)
            assert gas_since(one, done.block) == pytest.approx(plan.gas, rel=0.15)
            check_deployment(one.url, done)
            assert anchored_through(one, done)
        # The domain differs with the chain, so a signature for one chain is void on the other.
        assert chain.code(REGISTRY) != fresh_geth.code(REGISTRY)
    check_deployment(str(tmp_path / "geth.ipc"), done)


def test_what_is_there_is_found_and_nothing_is_paid_twice(chain: Chain) -> None:
    chain.ask("anvil_mine", hex(20))
    plan = survey(chain.url, PAYER.address)
    assert plan.missing == ["ConsentRegistry", "ConsentVerifier"] and plan.everywhere and plan.evm == PRAGUE
    first = deploy(chain.url, PAYER, plan=plan)
    assert first.block == 21 and survey(chain.url, PAYER.address).balance < plan.balance
    chain.ask("anvil_mine", hex(30))
    assert survey(chain.url, PAYER.address)[4:7] == ((REGISTRY, True), (VERIFIER, True), 0)
    assert deploy(chain.url, PAYER) == first
    assert deploy(chain.url, None, plan=survey(chain.url, NOBODY)) == first
    assert chain.sent() == 2


def test_an_interrupted_deployment_is_completed(chain: Chain) -> None:
    interrupted(chain)
    plan = survey(chain.url, PAYER.address)
    assert plan.missing == ["ConsentVerifier"] and 500_000 < plan.gas < 1_500_000
    done = deploy(chain.url, PAYER)
    assert chain.sent() == 2 and done.block == 1
    check_deployment(chain.url, done)


@pytest.mark.parametrize("contract", [0, 1])
@pytest.mark.parametrize("kind", ["other", "one byte", "another registry's"])
def test_other_code_at_an_address_is_refused(chain: Chain, contract: int, kind: str) -> None:
    good = deploy(chain.url, PAYER)
    place = (good.registry, good.verifier)[contract]
    code = bytearray(chain.code(place))
    code[100] ^= 1
    if kind == "another registry's":
        # Exactly our code, but created on another chain: it would judge another domain's signatures.
        with anvil(NO_DEPLOYER) as elsewhere:
            other = deploy(elsewhere.url, PAYER)
            code = bytearray(elsewhere.code((other.registry, other.verifier)[contract]))
        assert is_code_of(("ConsentRegistry", "ConsentVerifier")[contract], bytes(code))
    chain.ask("anvil_setCode", place, "0x6001" if kind == "other" else "0x" + code.hex())
    sent = chain.sent()
    for attempt in (lambda: deploy(chain.url, PAYER), lambda: check_deployment(chain.url, good)):
        with pytest.raises(LedgerUnavailable, match=f"the code at {place} is not our") as caught:
            attempt()
        assert caught.value.advice
    assert chain.sent() == sent


def test_without_the_deployer_the_contracts_are_created_plainly(plain: Chain) -> None:
    plan = survey(plain.url, PAYER.address)
    assert not plan.everywhere and len(plan.missing) == 2
    done = deploy(plain.url, PAYER, plan=plan)
    assert (done.registry, done.verifier) == (plan.registry.address, plan.verifier.address)
    assert done.registry == get_create_address(PAYER.address, 0) != REGISTRY
    check_deployment(plain.url, done)
    assert anchored_through(plain, done)
    # The payer's nonces lead to the contracts. Without the deployer no old state is trusted, so logs are read from 0.
    assert deploy(plain.url, PAYER) == Deployment(31_337, done.registry, done.verifier, 0)
    assert plain.sent() == 3


def test_an_interrupted_plain_deployment_is_completed(plain: Chain) -> None:
    interrupted(plain)
    found = survey(plain.url, PAYER.address)
    assert found.missing == ["ConsentVerifier"] and found.registry.address == get_create_address(PAYER.address, 0)
    done = deploy(plain.url, PAYER)
    assert plain.sent() == 2 and done.registry == found.registry.address
    check_deployment(plain.url, done)


def test_something_else_at_the_deployers_address_is_not_used(chain: Chain) -> None:
    chain.ask("anvil_setCode", DEPLOYER, "0x00")
    assert not survey(chain.url, PAYER.address).everywhere


def test_an_account_without_funds_deploys_nothing(chain: Chain) -> None:
    poor = KeyWallet(b"\x5b" * 32)
    plan = survey(chain.url, poor.address)
    assert plan.balance == 0 < plan.gas * plan.price
    with pytest.raises(InvalidInput, match="cannot pay"):
        deploy(chain.url, poor, plan=plan)
    assert chain.code(REGISTRY) == b""


def test_somebody_else_may_be_quicker(chain: Chain) -> None:
    other = KeyWallet(b"\x5c" * 32)
    chain.ask("anvil_setBalance", other.address, hex(10**20))
    done = deploy(chain.url, Failing(0, lambda: deploy(chain.url, other)))
    # The chain refused the late transaction, and nothing was left to create.
    assert (done.registry, done.verifier, done.block) == (REGISTRY, VERIFIER, 1) and chain.sent() == 1


def test_nobody_pays_for_another_ones_plan(chain: Chain) -> None:
    plan = survey(chain.url, PAYER.address)
    for sender in (None, KeyWallet(b"\x5b" * 32)):
        with pytest.raises(InvalidInput, match="not here to pay"):
            deploy(chain.url, sender, plan=plan)
    with pytest.raises(InvalidInput, match="no account"):
        deploy(chain.url, None)


def test_another_chain_behind_the_url_stops_it_before_anything_is_signed(chain: Chain) -> None:
    plan = survey(chain.url, PAYER.address)
    chain.ask("anvil_setChainId", 5)
    with pytest.raises(LedgerUnavailable, match="it is on chain 5, not on 31337"):
        deploy(chain.url, Failing(0, _unplugged), plan=plan)


def test_another_chain_between_the_two_contracts_stops_it_and_nothing_is_lost(chain: Chain) -> None:
    with pytest.raises((LedgerUnavailable, InvalidInput)):
        deploy(chain.url, Failing(1, lambda: chain.ask("anvil_setChainId", 5)))
    assert chain.code(REGISTRY) and not chain.code(VERIFIER)
    chain.ask("anvil_setChainId", 31_337)
    check_deployment(chain.url, deploy(chain.url, PAYER))
    assert chain.sent() == 2


@pytest.fixture
def shanghai() -> Iterator[Chain]:
    with anvil("--hardfork", "shanghai") as made:
        yield made


def test_a_chain_without_cancun_gets_the_build_that_it_runs(shanghai: Chain) -> None:
    done = deploy(shanghai.url, PAYER)
    assert (done.registry, done.verifier) == (REGISTRY, OLDER_VERIFIER)
    check_deployment(shanghai.url, done)
    assert anchored_through(shanghai, done)
    assert deploy(shanghai.url, PAYER, evm=SHANGHAI) == done


def test_a_chain_without_cancun_is_not_given_the_newer_build(shanghai: Chain) -> None:
    with pytest.raises(InvalidInput, match="no MCOPY") as caught:
        deploy(shanghai.url, PAYER, evm=PRAGUE)
    assert "--evm shanghai" in caught.value.advice and shanghai.sent() == 0


def test_the_older_build_may_be_asked_for_anywhere(chain: Chain) -> None:
    done = deploy(chain.url, PAYER, evm=SHANGHAI)
    assert (done.registry, done.verifier) == (REGISTRY, OLDER_VERIFIER)
    assert deploy(chain.url, PAYER).registry == REGISTRY
    with pytest.raises(InvalidInput, match="no build 'london'"):
        deploy(chain.url, PAYER, evm="london")


def test_a_chain_before_shanghai_gets_nothing() -> None:
    with anvil("--hardfork", "london") as chain:
        for evm in (None, *EVM_VERSIONS):
            with pytest.raises(LedgerUnavailable, match="does not run the simplest code"):
                deploy(chain.url, PAYER, evm=evm)
        assert chain.sent() == 0


def test_a_deployment_that_is_not_there_is_not_confirmed(chain: Chain) -> None:
    with pytest.raises(LedgerUnavailable, match="there is no ConsentRegistry"):
        check_deployment(chain.url, Deployment(31_337, REGISTRY, VERIFIER, 0))
    with pytest.raises(LedgerUnavailable, match="on chain 31337, not on 1"):
        check_deployment(chain.url, Deployment(1, REGISTRY, VERIFIER, 0))


class OldStates:
    """A node for `block_of`: the registry appeared at ``created``, and states exist from ``kept`` on.

    For an older state it answers with an error, or if ``silent``, as if there were no code.
    """

    def __init__(self, created: int, kept: int, head: int, silent: bool) -> None:
        self._created, self._kept, self._head, self._silent = created, kept, head, silent

    def ask(self, call: Call) -> Any:
        if call.method == "eth_getBlockByNumber":
            return {"number": hex(self._head), "hash": "0x" + "11" * 32, "timestamp": "0x1"}
        address, number = call.params[0], int(call.params[1], 16)
        if number < self._kept:
            return "0x" if self._silent else NodeError(-32000, "missing trie node", b"")
        return "0x" + (DEPLOYER_CODE if address == DEPLOYER or number >= self._created else b"").hex()

    def ask_all(self, calls: list[Call]) -> list[Any]:
        return [self.ask(call) for call in calls]


@given(st.integers(1, 200), st.integers(0, 200), st.integers(0, 100), st.booleans())
def test_the_block_is_never_too_late(created: int, kept: int, more: int, silent: bool) -> None:
    found = block_of(OldStates(created, kept, created + more, silent), REGISTRY)  # type: ignore[arg-type]
    assert found == (created if kept < created else 0)


def test_the_block_of_what_is_there_is_found_or_said_to_be_unknown() -> None:
    with anvil("--prune-history", "5") as chain:
        deploy(chain.url, PAYER)
        assert deploy(chain.url, PAYER).block == 1
        chain.ask("anvil_mine", hex(20))
        assert deploy(chain.url, PAYER).block == 0


def saying(**changes: Any) -> Answers:
    """Answer for a node of an empty chain, with changed methods: values, errors or functions of the parameters."""
    known = {"eth_chainId": "0x1", "eth_getBalance": "0x0", "eth_gasPrice": "0x1", "eth_getTransactionCount": "0x0"}
    known |= {"eth_getCode": "0x", "eth_call": "0x" + f"{1:064x}", "eth_estimateGas": "0x1"}

    def answer(method: str, params: list[Any]) -> Any:
        value = (known | changes)[method]
        value = value(params) if callable(value) else value
        if isinstance(value, Exception):
            raise value
        return value

    return answer


Serve = Callable[[Answers], FakeNode]
BUSY = Refused(-32005, "too many requests")


@pytest.mark.parametrize(
    "method",
    ["eth_chainId", "eth_getCode", "eth_gasPrice", "eth_getBalance", "eth_getTransactionCount", "eth_estimateGas"],
)
@pytest.mark.parametrize("wrong", [None, "0x1g", "-0x1", {}, BUSY], ids=["null", "text", "minus", "object", "error"])
def test_a_node_that_says_nothing_useful_is_unavailable(serve: Serve, method: str, wrong: Any) -> None:
    assert survey(serve(saying()).url, PAYER.address).chain_id == 1
    with pytest.raises(LedgerUnavailable):
        survey(serve(saying(**{method: wrong})).url, PAYER.address)


def test_a_busy_node_does_not_decide_how_it_is_done(serve: Serve) -> None:
    """It causes neither plain creation nor the older build: both would change the addresses for no reason."""
    busy = saying(eth_getCode=lambda params: BUSY if params[0] == DEPLOYER else "0x")
    with pytest.raises(LedgerUnavailable):
        survey(serve(busy).url, PAYER.address)

    def called(said: str) -> Answers:
        one = "0x" + f"{1:064x}"
        return saying(eth_call=lambda params: Refused(-32000, said) if "5e" in params[0]["data"] else one)

    with pytest.raises(LedgerUnavailable, match="too many requests"):
        survey(serve(called("too many requests")).url, PAYER.address)
    for said in ("invalid opcode: MCOPY", "invalid opcode: opcode 0x5e not defined", "EVM error NotActivated"):
        assert survey(serve(called(said)).url, PAYER.address).evm == SHANGHAI
    assert survey(serve(called("too many requests")).url, PAYER.address, evm=SHANGHAI).evm == SHANGHAI


def test_a_verifier_for_another_domain_is_refused() -> None:
    """A verifier that named our registry but judged by another domain once passed for ours.

    Its deployer sets a contract's immutable values freely, so each of them must be compared.
    """
    process, url = start_anvil()
    try:
        deployment, ask = deploy(url, PAYER), asker(url)
        check_deployment(url, deployment)
        good = bytes.fromhex(ask("eth_getCode", deployment.verifier, "latest")[2:])
        domain = domain_word(deployment.chain_id, deployment.registry)
        assert good.count(domain) == 1
        other = good.replace(domain, os.urandom(32))
        assert is_code_of("ConsentVerifier", other)
        ask("anvil_setCode", deployment.verifier, "0x" + other.hex())
        for check in (lambda: check_deployment(url, deployment), lambda: deploy(url, PAYER)):
            with pytest.raises(LedgerUnavailable, match="is not our ConsentVerifier"):
                check()
    finally:
        stop(process)
