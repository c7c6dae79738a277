"""The map of accounts and controllers: kept in the sealed index, each number given once, restored from its CID."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest

from registry.core.age.stream import seal_bytes
from registry.core.crypto.seeds import owner_identity
from registry.core.errors import DamagedSeal, InvalidInput, Malformed, StorageUnavailable
from registry.storage.sqlite_store import SqliteBlocks
from registry.vault.index import Account, Index, open_index
from registry.vault.vault import Vault, set_floor, set_index
from tests.support.builders import NOW, SEED
from tests.support.fake_storage import MemoryBlocks
from tests.vault.test_vault import COMMON, run

ONE, OTHER, THIRD = ("0x" + digit * 40 for digit in "123")


def given(vault: Vault) -> dict[int, str]:
    return {account.number: account.controller for account in vault.index().accounts}


def test_each_controller_has_its_own_number_for_ever(vault: Vault) -> None:
    assert (vault.number_for(ONE), vault.number_for(OTHER), vault.roots()) == (0, 0, [])  # asking gives nothing
    vault.claim(0, ONE)
    vault.claim(vault.number_for(OTHER), OTHER)
    assert given(vault) == {0: ONE, 1: OTHER}
    assert (vault.number_for(ONE), vault.number_for(OTHER), vault.number_for(THIRD)) == (0, 1, 2)


def test_the_same_again_changes_nothing(vault: Vault) -> None:
    vault.claim(0, ONE)
    roots = vault.roots()
    vault.claim(0, ONE)
    assert vault.roots() == roots


def test_what_another_process_gave_away_meanwhile(vault: Vault, store: MemoryBlocks, tmp_path: Path) -> None:
    number = vault.number_for(ONE)
    Vault(tmp_path / "vault", SEED, store).claim(number, OTHER)
    with pytest.raises(StorageUnavailable, match="another controller") as caught:
        vault.claim(number, ONE)
    assert "Nothing was signed" in caught.value.advice and given(vault) == {0: OTHER}


def test_a_new_account_for_a_controller_that_knew_one(vault: Vault) -> None:
    vault.claim(0, ONE)
    vault.claim(1, OTHER)
    vault.claim(vault.next_number(), ONE)
    assert (vault.number_for(ONE), vault.number_for(OTHER), vault.number_for(THIRD)) == (2, 1, 3)


def test_accounts_outlive_every_other_change(vault: Vault) -> None:
    vault.claim(0, ONE)
    vault.add(io.BytesIO(b"x"), category="pd:Purchase", name="n", media_type="text/plain", now=NOW)
    vault.claim(1, OTHER)
    vault.share(["pd:Purchase"])
    assert given(vault) == {0: ONE, 1: OTHER} and [stream.shared for stream in vault.index().streams] == [True]


def test_the_indexs_cid_restores_them(vault: Vault, store: MemoryBlocks, tmp_path: Path) -> None:
    vault.claim(0, ONE)
    set_index(tmp_path / "again", vault.roots()[0])
    assert given(Vault(tmp_path / "again", SEED, store)) == {0: ONE}


def test_after_a_loss_numbers_go_on_from_the_floor(vault: Vault, tmp_path: Path) -> None:
    set_floor(tmp_path / "vault", 1_300)
    assert vault.number_for(ONE) == 1_300
    vault.claim(4, OTHER)  # found again by the evidence that a brand sent back
    vault.claim(1_300, ONE)
    assert (vault.number_for(OTHER), vault.number_for(ONE), vault.next_number()) == (4, 1_300, 1_301)


@pytest.mark.parametrize("text", [b"", b"-1\n", b"many", b"9" * 40])
def test_a_damaged_floor_gives_no_number(vault: Vault, tmp_path: Path, text: bytes) -> None:
    set_floor(tmp_path / "vault", 7)
    (tmp_path / "vault" / "floor").write_bytes(text)
    with pytest.raises(InvalidInput, match="floor"):
        vault.next_number()


def test_a_store_that_fails_gives_nothing(vault: Vault, store: MemoryBlocks) -> None:
    vault.claim(0, ONE)
    store.down = True
    with pytest.raises(StorageUnavailable):
        vault.claim(1, OTHER)
    store.down = False
    assert given(vault) == {0: ONE}


CLAIMING = (
    COMMON
    + """
from registry.core.errors import StorageUnavailable
from registry.core.scalars import checksum
for number in range(6):
    controller = checksum(bytes([ord(word), number] * 10))
    while True:
        try:
            vault.claim(vault.number_for(controller), controller)
            break
        except StorageUnavailable as error:
            assert "has just been given" in str(error), error
"""
)


def test_two_processes_never_give_two_brands_one_number(tmp_path: Path) -> None:
    running: list[subprocess.Popen[bytes]] = [run(CLAIMING, tmp_path, word) for word in "ab"]
    assert [process.wait(120) for process in running] == [0, 0], sys.executable
    with SqliteBlocks(tmp_path / "blocks.sqlite") as store:
        found = given(Vault(tmp_path / "vault", bytes(range(32)), store))
    assert sorted(found) == list(range(12)) and len(set(found.values())) == 12


class TestFormat:
    def stored(self, store: MemoryBlocks, raw: bytes) -> str:
        from registry.core.age.recipients import recipient_of
        from registry.core.ipld.cid import Block, cid_of_block

        sealed = seal_bytes(raw, [recipient_of(owner_identity(SEED))])
        store.put([Block(cid_of_block(sealed), sealed)])
        return cid_of_block(sealed)

    def opened(self, store: MemoryBlocks, raw: bytes) -> Index:
        return open_index(self.stored(store, raw), store, owner_identity(SEED))

    def test_to_the_byte(self, store: MemoryBlocks) -> None:
        raw = b'{"accounts":[{"controller":"%s","number":3}],"streams":[],"type":"VaultIndex","version":2}'
        assert self.opened(store, raw % ONE.encode()) == Index(accounts=(Account(3, ONE),))

    @pytest.mark.parametrize(
        "raw",
        [
            b'{"accounts":[],"streams":[],"type":"VaultIndex","version":1}',
            b'{"streams":[],"type":"VaultIndex","version":2}',
            b'{"accounts":[],"streams":[],"type":"VaultIndex","version":3}',
            b'{"accounts":[{"controller":"0x%s","number":3}],"streams":[],"type":"VaultIndex","version":2}'
            % (b"aB" * 20),
            b'{"accounts":[{"controller":"0x%s","number":-1}],"streams":[],"type":"VaultIndex","version":2}'
            % (b"1" * 40),
            b'{"accounts":[{"controller":"0x%s","number":2147483648}],"streams":[],"type":"VaultIndex","version":2}'
            % (b"1" * 40),
        ],
    )
    def test_what_is_none(self, store: MemoryBlocks, raw: bytes) -> None:
        with pytest.raises(DamagedSeal, match="index"):
            self.opened(store, raw)

    @pytest.mark.parametrize("numbers", [(1, 0), (1, 1)])
    def test_each_number_once_and_in_order(self, numbers: tuple[int, int]) -> None:
        with pytest.raises(Malformed, match="order"):
            Index(accounts=tuple(Account(number, ONE) for number in numbers))
