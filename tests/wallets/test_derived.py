"""The accounts of a seed: where BIP-32 and BIP-44 put them, and found again by their controllers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from eth_account import Account
from eth_account.hdaccount import HDPath
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.core.crypto.seeds import account_number
from registry.core.errors import InvalidInput
from registry.wallets.derived import GENERATIONS, account, account_for, accounts_for, generation_of
from registry.wallets.mnemonic import words_of
from tests.support.base58 import private_key
from tests.support.builders import SEED

OFFICIAL = json.loads((Path(__file__).parents[1] / "data" / "bip32" / "vectors.json").read_bytes())
CHAINS = [(vector["seed"], path, key) for vector in OFFICIAL for path, key in vector["chain"].items()]
ONE, OTHER = ("0x" + digit * 40 for digit in "12")


@pytest.mark.parametrize(("seed", "path", "key"), CHAINS)
def test_the_official_vectors(seed: str, path: str, key: str) -> None:
    assert HDPath(path).derive(bytes.fromhex(seed)) == private_key(key)


def test_an_account_that_every_wallet_shows_for_these_words() -> None:
    # "abandon ... art" at m/44'/60'/0'/0/0.
    assert account(bytes(32), 0).address == "0xF278cF59F82eDcf871d630F28EcC8056f25C1cdb"


@settings(max_examples=10)
@given(st.binary(min_size=32, max_size=32), st.integers(0, 2**31 - 1))
def test_any_account_is_where_other_wallets_have_it(seed: bytes, number: int) -> None:
    Account.enable_unaudited_hdwallet_features()
    path = f"m/44'/60'/{number}'/0/0"
    assert account(seed, number).address == Account.from_mnemonic(" ".join(words_of(seed)), account_path=path).address


@settings(max_examples=5)
@given(st.binary(min_size=32, max_size=32))
def test_no_two_numbers_have_one_address(seed: bytes) -> None:
    assert len({account(seed, number).address for number in range(10)}) == 10


@pytest.mark.parametrize("number", [-1, 2**31, 2**32])
def test_there_is_no_such_number(number: int) -> None:
    with pytest.raises(InvalidInput, match="no account"):
        account(SEED, number)


@settings(max_examples=5)
@given(st.binary(min_size=32, max_size=32), st.binary(min_size=20, max_size=20), st.integers(0, 2**32 - 1))
def test_an_accounts_number_is_that_of_its_controller(seed: bytes, controller: bytes, generation: int) -> None:
    name = "0x" + controller.hex()
    number = account_number(seed, name, generation)
    assert account_for(seed, name, generation).address == account(seed, number).address


def test_a_controller_and_an_address_lead_to_the_generation() -> None:
    addresses = [wallet.address for wallet, _ in zip(accounts_for(SEED, ONE), range(3), strict=False)]
    assert addresses == [account_for(SEED, ONE, generation).address for generation in range(3)]
    assert [generation_of(SEED, ONE, address) for address in addresses] == [0, 1, 2]
    assert generation_of(SEED, OTHER, addresses[0]) is None and generation_of(bytes(32), ONE, addresses[0]) is None


def test_the_search_ends() -> None:
    last = account_for(SEED, ONE, GENERATIONS - 1).address
    assert generation_of(SEED, ONE, last) == GENERATIONS - 1
    assert generation_of(SEED, ONE, account_for(SEED, ONE, GENERATIONS).address) is None


def test_nothing_shows_the_key() -> None:
    wallet = account(SEED, 0)
    assert repr(wallet) == f"KeyWallet({wallet.address})"
