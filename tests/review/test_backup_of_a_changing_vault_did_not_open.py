"""A file was added to the vault while a backup ran: the backup named one index and held the blocks of the next."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from registry.client import backup
from registry.client.backup import back_up, restore
from registry.client.home import Home
from registry.core.age.recipients import Passphrase
from registry.vault.index import Index
from registry.vault.vault import Vault
from tests.support.fake_storage import MemoryBlocks
from tests.support.stage import PURCHASES, Stage


def test_what_comes_back_is_a_whole_vault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backup, "Passphrase", lambda text: Passphrase(text, work_factor=10))
    stage = Stage.of(tmp_path / "parties")
    home = Home(tmp_path / "alice")
    home.create("")
    stage.alice = stage.person_of(home)
    stage.keep(b"before")
    read = 0

    class Busy(Vault):
        def index(self) -> Index:
            nonlocal read
            found = super().index()
            read += 1
            if read == 1:
                stage.keep(b"meanwhile")
            return found

    back_up(home, Busy(home.path / "vault", home.seed(""), stage.store), stage.store, tmp_path / "b.age", "a phrase")
    store, again = MemoryBlocks(), Home(tmp_path / "again")
    restore(tmp_path / "b.age", again, store, "a phrase")
    restored = Vault(again.path / "vault", again.seed(""), store)
    (stream,) = restored.index().streams
    assert stream.category == PURCHASES
    assert all(store.get(record.cid) for record in stream.records)
    # And it goes on from there.
    restored.add(io.BytesIO(b"after"), category=PURCHASES, name="c", media_type="text/csv", now=1)
    assert len(restored.index().streams[0].records) == len(stream.records) + 1
