"""The list of controllers and accounts: kept in the sealed index, restored from its CID, the same for all processes."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import pytest

from registry.core.age.stream import seal_bytes
from registry.core.crypto.seeds import owner_identity
from registry.core.errors import DamagedSeal, Malformed, StorageUnavailable
from registry.storage.sqlite_store import SqliteBlocks
from registry.vault.index import Account, Index, open_index
from registry.vault.vault import Vault, set_index
from tests.support.builders import NOW, SEED
from tests.support.fake_storage import MemoryBlocks
from tests.vault.test_vault import COMMON, run

ONE, OTHER = ("0x" + digit * 40 for digit in "12")


def noted(vault: Vault) -> list[tuple[str, int]]:
    return [(account.controller, account.generation) for account in vault.index().accounts]


def test_they_are_listed_in_one_order(vault: Vault) -> None:
    assert (noted(vault), vault.roots()) == ([], [])
    for controller, generation in ((OTHER, 0), (ONE, 1), (ONE, 0)):
        vault.note_account(controller, generation)
    assert noted(vault) == [(ONE, 0), (ONE, 1), (OTHER, 0)]


def test_the_same_again_changes_nothing(vault: Vault) -> None:
    vault.note_account(ONE, 0)
    roots = vault.roots()
    vault.note_account(ONE, 0)
    assert vault.roots() == roots


def test_what_another_process_noted_meanwhile(vault: Vault, store: MemoryBlocks, tmp_path: Path) -> None:
    Vault(tmp_path / "vault", SEED, store).note_account(ONE, 0)
    vault.note_account(ONE, 0)
    assert noted(vault) == [(ONE, 0)]


def test_accounts_outlive_every_other_change(vault: Vault) -> None:
    vault.note_account(ONE, 0)
    vault.add(io.BytesIO(b"x"), category="pd:Purchase", name="n", media_type="text/plain", now=NOW)
    vault.note_account(OTHER, 0)
    vault.share(["pd:Purchase"])
    assert noted(vault) == [(ONE, 0), (OTHER, 0)] and [stream.shared for stream in vault.index().streams] == [True]


def test_the_indexs_cid_restores_them(vault: Vault, store: MemoryBlocks, tmp_path: Path) -> None:
    vault.note_account(ONE, 3)
    set_index(tmp_path / "again", vault.roots()[0])
    assert noted(Vault(tmp_path / "again", SEED, store)) == [(ONE, 3)]


def test_a_store_that_fails_notes_nothing(vault: Vault, store: MemoryBlocks) -> None:
    vault.note_account(ONE, 0)
    store.down = True
    with pytest.raises(StorageUnavailable):
        vault.note_account(OTHER, 0)
    store.down = False
    assert noted(vault) == [(ONE, 0)]


NOTING = (
    COMMON
    + """
from registry.core.scalars import checksum
for number in range(6):
    vault.note_account(checksum(bytes([ord(word), number] * 10)), 0)
    vault.note_account("0x" + "1" * 40, number)
"""
)


def test_two_processes_lose_nothing_of_each_other(tmp_path: Path) -> None:
    running: list[subprocess.Popen[bytes]] = [run(NOTING, tmp_path, word) for word in "ab"]
    assert [process.wait(120) for process in running] == [0, 0]
    with SqliteBlocks(tmp_path / "blocks.sqlite") as store:
        found = noted(Vault(tmp_path / "vault", bytes(range(32)), store))
    assert len(found) == 18 and [generation for one, generation in found if one == ONE] == list(range(6))


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
        raw = b'{"accounts":[{"controller":"%s","generation":3}],"streams":[],"type":"VaultIndex","version":2}'
        assert self.opened(store, raw % ONE.encode()) == Index(accounts=(Account(ONE, 3),))

    @pytest.mark.parametrize(
        "raw",
        [
            b'{"accounts":[],"streams":[],"type":"VaultIndex","version":1}',
            b'{"streams":[],"type":"VaultIndex","version":2}',
            b'{"accounts":[],"streams":[],"type":"VaultIndex","version":3}',
            b'{"accounts":[{"controller":"0x%s","generation":3}],"streams":[],"type":"VaultIndex","version":2}'
            % (b"aB" * 20),
            b'{"accounts":[{"controller":"0x%s","generation":-1}],"streams":[],"type":"VaultIndex","version":2}'
            % (b"1" * 40),
            b'{"accounts":[{"controller":"0x%s","generation":4294967296}],"streams":[],"type":"VaultIndex","version":2}'
            % (b"1" * 40),
        ],
    )
    def test_what_is_none(self, store: MemoryBlocks, raw: bytes) -> None:
        with pytest.raises(DamagedSeal, match="index"):
            self.opened(store, raw)

    @pytest.mark.parametrize("generations", [(1, 0), (1, 1)])
    def test_each_once_and_in_order(self, generations: tuple[int, int]) -> None:
        with pytest.raises(Malformed, match="order"):
            Index(accounts=tuple(Account(ONE, generation) for generation in generations))
