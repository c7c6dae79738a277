"""What a contract account is, as the chain tells it, and who is missing to sign for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from registry.core.errors import InvalidInput, LedgerUnavailable
from registry.ledger.base import Deployment
from registry.wallets.contract import ContractWallet, SafeWallet, contract_wallet
from registry.wallets.keywallet import KeyWallet
from tests.support.fake_node import FakeNode, Refused, but
from tests.support.levers import AnvilLevers, asker, start_anvil, stop
from tests.support.safes import Accounts

ADA, BOB, CYD, DAN = (KeyWallet(bytes([number]) * 32) for number in (0xA1, 0xB0, 0xC1, 0xD1))
EVERYBODY = ADA.address, BOB.address, CYD.address
HERE = "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    process, url = start_anvil()
    yield url
    stop(process)


@pytest.fixture(scope="module")
def made(url: str) -> Accounts:
    return Accounts(AnvilLevers(url, Deployment(31_337, HERE, HERE, 0)))


def _signers(wallet: Any) -> list[str]:
    return [owner.address for owner in wallet.owners]


def test_a_safe(url: str, made: Accounts) -> None:
    wallet = contract_wallet(url, safe := made.safe(*EVERYBODY), [BOB])
    assert isinstance(wallet, SafeWallet) and (wallet.address, _signers(wallet)) == (safe, [BOB.address])


def test_as_many_sign_as_have_to_the_first_ones_named(url: str, made: Accounts) -> None:
    wallet = contract_wallet(url, made.safe(*EVERYBODY, threshold=2), [CYD, ADA, BOB])
    assert set(_signers(wallet)) == {CYD.address, ADA.address}


def test_who_is_missing(url: str, made: Accounts) -> None:
    safe = made.safe(*EVERYBODY, threshold=2)
    for named in ([BOB], []):
        with pytest.raises(InvalidInput, match=f"2 owners have to sign .* {safe}, and {len(named)} of them") as caught:
            contract_wallet(url, safe, named)
        assert caught.value.advice.startswith(f"Name {2 - len(named)} more of ")
        assert (BOB.address in caught.value.advice) is (not named)
        assert all(owner in caught.value.advice for owner in (ADA.address, CYD.address))


def test_who_owns_nothing_of_it(url: str, made: Accounts) -> None:
    with pytest.raises(InvalidInput, match=f"{DAN.address} does not own") as caught:
        contract_wallet(url, made.safe(*EVERYBODY), [ADA, DAN])
    assert all(owner in caught.value.advice for owner in EVERYBODY)


def test_another_contract_has_one_owner(url: str, made: Accounts) -> None:
    plain = made.plain(ADA.address)
    assert isinstance(contract_wallet(url, plain, [ADA]), ContractWallet)
    for named in ([], [ADA, BOB]):
        with pytest.raises(InvalidInput, match=f"is no Safe, and {len(named)} owners"):
            contract_wallet(url, plain, named)


@pytest.mark.parametrize("kind", ["megabyte of zeros", "megabyte that begins with yes", "reverting with a megabyte"])
def test_long_answers_are_no_safe(url: str, made: Accounts, kind: str) -> None:
    """They are answers to every question, also to getOwners() (item 12)."""
    account = AnvilLevers(url, Deployment(31_337, HERE, HERE, 0)).contract(kind)
    assert isinstance(contract_wallet(url, account, [ADA]), ContractWallet)


def test_no_contract_at_all(url: str) -> None:
    with pytest.raises(InvalidInput, match="no contract at") as caught:
        contract_wallet(url, BOB.address, [ADA])
    assert "Deploy" in caught.value.advice


def test_an_account_with_a_key_of_its_own(url: str, made: Accounts) -> None:
    asker(url)("anvil_setCode", DAN.address, "0xef0100" + made.plain(ADA.address)[2:])
    with pytest.raises(InvalidInput, match="key of its own"):
        contract_wallet(url, DAN.address, [ADA])


def _word(number: int) -> str:
    return f"{number:064x}"


def _answers(version: str, threshold: str, owners: str) -> Callable[[list[Any]], Any]:
    selectors = {"0xffa1ad74": version, "0xe75235b8": threshold, "0xa0e67e2b": owners}
    return lambda params: selectors[params[0]["data"]]


_VERSION = "0x" + _word(32) + _word(5) + b"1.4.1".hex().ljust(64, "0")
_OWNERS = "0x" + _word(32) + _word(1) + _word(int(ADA.address, 16))


@pytest.mark.parametrize(
    ("version", "threshold", "owners"),
    [
        ("0x", "0x" + _word(1), _OWNERS),
        ("0x" + _word(32) + _word(2**255) + b"1.4.1".hex().ljust(64, "0"), "0x", _OWNERS),
        ("0x" + "ff" * 4096, "0x" + _word(1), _OWNERS),
        (_VERSION, "0x", _OWNERS),
        (_VERSION, "0x" + _word(1), "0x"),
        (_VERSION, "0x" + _word(1), _OWNERS + "00"),
        (_VERSION, "0x" + _word(1), "0x" + _word(32) + _word(2**200) + _word(1)),
        (_VERSION, "0x" + _word(1), "0x" + _word(32) + _word(1) + "ff" * 32),
        (_VERSION, "0x" + _word(1), "0x" + _word(32) + _word(0)),
        (_VERSION, "0x" + _word(1), "0x" + _word(32) + _word(5_000) + _word(1) * 5_000),
    ],
)
def test_what_answers_like_no_safe_is_none(
    serve: Callable[..., FakeNode], version: str, threshold: str, owners: str
) -> None:
    node = serve(but(eth_call=_answers(version, threshold, owners)))
    assert isinstance(contract_wallet(node.url, HERE, [ADA]), ContractWallet)
    node = serve(but(eth_call=_answers(_VERSION, "0x" + _word(1), _OWNERS)))
    assert isinstance(contract_wallet(node.url, HERE, [ADA]), SafeWallet)


def test_a_safe_that_is_too_old(serve: Callable[..., FakeNode]) -> None:
    version = _VERSION.replace(b"1.4.1".hex(), b"1.1.1".hex())
    node = serve(but(eth_call=_answers(version, "0x" + _word(1), _OWNERS)))
    with pytest.raises(InvalidInput, match=r"of version 1\.1\.1") as caught:
        contract_wallet(node.url, HERE, [ADA])
    assert "1.3.0" in caught.value.advice


def test_a_contract_that_refuses_to_say_is_no_safe(serve: Callable[..., FakeNode]) -> None:
    node = serve(but(eth_call=Refused(3, "execution reverted")))
    assert isinstance(contract_wallet(node.url, HERE, [ADA]), ContractWallet)


@pytest.mark.parametrize(
    "changes",
    [
        {"eth_call": Refused(-32000, "too many requests")},
        {"eth_call": 7},
        {"eth_getCode": None},
        {"eth_getCode": Refused(-32000, "busy")},
    ],
)
def test_a_node_that_does_not_say_tells_nothing(serve: Callable[..., FakeNode], changes: dict[str, Any]) -> None:
    with pytest.raises(LedgerUnavailable):
        contract_wallet(serve(but(**changes)).url, HERE, [ADA])


@pytest.fixture
def serve() -> Iterator[Callable[..., FakeNode]]:
    nodes: list[FakeNode] = []

    def start(*args: Any) -> FakeNode:
        nodes.append(FakeNode(*args))
        return nodes[-1]

    yield start
    for node in nodes:
        node.close()
