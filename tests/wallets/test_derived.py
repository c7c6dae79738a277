"""The accounts of a seed: where BIP-32 and BIP-44 put them, and found again by their addresses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from eth_account import Account
from eth_account.hdaccount import HDPath
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.core.errors import InvalidInput
from registry.wallets.derived import TRIED, account, find, first_number, likely_numbers
from registry.wallets.mnemonic import words_of
from tests.support.base58 import private_key
from tests.support.builders import NOW, SEED

OFFICIAL = json.loads((Path(__file__).parents[1] / "data" / "bip32" / "vectors.json").read_bytes())
CHAINS = [(vector["seed"], path, key) for vector in OFFICIAL for path, key in vector["chain"].items()]
DAY = 86_400


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


@pytest.mark.parametrize("number", [0, 1, 17])
def test_an_address_leads_back_to_its_number(number: int) -> None:
    assert find(SEED, account(SEED, number).address, range(20)) == number
    assert find(SEED, account(SEED, number).address, range(number)) is None
    assert find(bytes(32), account(SEED, number).address, range(20)) is None


def test_what_comes_after_a_loss_is_above_what_was_before_it() -> None:
    assert first_number(0) == TRIED
    assert first_number(NOW + DAY) == first_number(NOW) + 1
    assert first_number(NOW) in likely_numbers(NOW) and max(likely_numbers(NOW)) < first_number(NOW) + TRIED


def test_nothing_shows_the_key() -> None:
    wallet = account(SEED, 0)
    assert repr(wallet) == f"KeyWallet({wallet.address})"
