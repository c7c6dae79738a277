"""Every write of the client, on disks that refuse one thing: it succeeds whole, or says clearly that it did not."""

from __future__ import annotations

import errno
import itertools
import json
import os
import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from registry.client import backup
from registry.client.accept import open_data
from registry.client.backup import back_up, restore
from registry.client.grant import grant
from registry.client.home import Home
from registry.client.network_config import make_network, open_network
from registry.client.revoke import revoke
from registry.config.network_file import read_settings, write_settings
from registry.core.age.recipients import Passphrase
from registry.core.errors import ConsentError, LedgerUnavailable, StorageUnavailable
from registry.core.evidence.file import parse_evidence
from registry.fs.files import creating, making_folder, replace_file
from registry.storage.sqlite_store import SqliteBlocks
from registry.wallets import keystore
from registry.wallets.keyfiles import list_keys, new_key
from tests.support.disks import DURABLE, ESSENTIAL, FAILURES, REFUSALS, break_disk
from tests.support.fake_storage import MemoryBlocks
from tests.support.killed import killed_while_making
from tests.support.stage import Stage, files_in

PHRASE = "seven quiet lamps"
Act = Callable[[], object]


@pytest.fixture(autouse=True)
def _light(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keystore, "STANDARD", keystore.LIGHT)
    monkeypatch.setattr(backup, "Passphrase", lambda text: Passphrase(text, work_factor=2))


def key(folder: Path) -> Act:
    def act() -> None:
        new_key(folder / "keys", "main", "", cost=keystore.LIGHT)
        assert [info.name for info in list_keys(folder / "keys")] == ["main"]

    return act


def home(folder: Path) -> Act:
    def act() -> None:
        Home(folder / "alice").create("")
        assert len(Home(folder / "alice").seed("")) == 32

    return act


def _backed_up(folder: Path) -> tuple[Home, Stage]:
    own, stage = Home(folder / "alice"), Stage.of(folder / "parties")
    own.create("")
    return own, stage


def saving(folder: Path) -> Act:
    own, stage = _backed_up(folder)
    vault = own.open_vault(stage.network, "")

    def act() -> None:
        back_up(own, vault, stage.store, folder / "new" / "b.age", PHRASE)
        assert (folder / "new" / "b.age").read_bytes().startswith(b"age-encryption.org/v1\n")

    return act


def restoring(folder: Path) -> Act:
    saving(folder)()

    def act() -> None:
        restore(folder / "new" / "b.age", Home(folder / "again"), MemoryBlocks(), PHRASE)
        assert Home(folder / "again").seed("") == Home(folder / "alice").seed("")

    return act


def opening(folder: Path) -> Act:
    stage = Stage.of(folder / "parties")
    stage.keep(b"bought")
    evidence = stage.granted().evidence

    def act() -> None:
        (opened,) = open_data(stage.brand, evidence, folder / "new")
        assert json.loads(opened.path.read_bytes())["file"]["bytes"] == 6

    return act


def granting(folder: Path) -> Act:
    stage = Stage.of(folder / "parties")
    request = stage.request()

    def act() -> None:
        done = grant(stage.alice, request)
        assert parse_evidence(Path(done.kept).read_bytes()).digest == done.evidence.digest

    return act


def filling(folder: Path) -> Act:
    stage = Stage.of(folder / "parties")

    def act() -> None:
        stage.keep(b"bought")
        assert [record.file and record.file.bytes for record in stage.alice.vault.select("")] == [6]

    return act


def filling_again(folder: Path) -> Act:
    """Do the same, in a vault that has an index to erase."""
    stage = Stage.of(folder / "parties")
    stage.keep(b"before")
    return lambda: stage.keep(b"bought")


def settings(folder: Path) -> Act:
    def act() -> None:
        write_settings(folder / "network", ipfs="http://127.0.0.1:5001")
        assert read_settings(folder / "network") == {"ipfs": "http://127.0.0.1:5001"}

    return act


def chain(folder: Path) -> Act:
    def act() -> None:
        make_network(folder / "network")
        assert open_network(folder / "network").ledger.head().number > 0

    return act


def blocks(folder: Path) -> Act:
    (folder / "blocks.sqlite").touch(0o666)

    def act() -> None:
        with SqliteBlocks(folder / "blocks.sqlite") as store:
            assert store.stat().blocks == 0

    return act


WRITES = (key, home, saving, restoring, opening, granting, filling, filling_again, settings, chain, blocks)
# These need a lock: two processes at once would lose what one of them wrote.
LOCKING = (filling, filling_again, chain)


def each_errno(numbers: set[int], folder: Path, prepare: Callable[[Path], Act]) -> Iterator[tuple[int, Path, Act]]:
    for number in sorted(numbers):
        place = folder / errno.errorcode[number]
        place.mkdir()
        yield number, place, prepare(place)


@pytest.mark.parametrize(("fault", "write"), list(itertools.product(DURABLE, WRITES)))
def test_what_only_makes_a_write_durable_may_be_refused(
    fault: str, write: Callable[[Path], Act], tmp_path: Path
) -> None:
    """A key, a backup and a home could not be made on exFAT, and a vault's change ended as "unexpected" (item 22)."""
    for number, place, act in each_errno(REFUSALS, tmp_path, write):
        with pytest.MonkeyPatch.context() as patch:
            break_disk(patch, fault, number)
            act()
        assert [name for name in files_in(place) if name.endswith(".part")] == []


@pytest.mark.parametrize("write", WRITES)
def test_a_disk_without_locks(write: Callable[[Path], Act], tmp_path: Path) -> None:
    """A lock that is refused ended as "unexpected"; where no lock is needed, it stopped the work (item 22)."""
    for number, _, act in each_errno(REFUSALS - {errno.EACCES}, tmp_path, write):
        with pytest.MonkeyPatch.context() as patch:
            break_disk(patch, "lock", number)
            if write not in LOCKING:
                act()
                continue
            with pytest.raises((StorageUnavailable, LedgerUnavailable), match=os.strerror(number)) as caught:
                act()
            assert "lock" in caught.value.advice
        act()


@pytest.mark.parametrize(("fault", "write"), list(itertools.product(ESSENTIAL, WRITES)))
def test_a_disk_that_fails_is_told_clearly(fault: str, write: Callable[[Path], Act], tmp_path: Path) -> None:
    """A full disk ended as "unexpected" (item 22). After the error, the same work succeeds."""
    for number, place, act in each_errno(FAILURES, tmp_path, write):
        before = files_in(place)
        try:
            with pytest.MonkeyPatch.context() as patch:
                break_disk(patch, fault, number)
                act()
        except ConsentError as error:
            assert error.advice
            assert [name for name in set(files_in(place)) - set(before) if ".part" in name or "/." in name] == []
            if write is not granting:
                act()


@pytest.mark.parametrize("write", [saving, restoring, opening])
def test_a_disk_that_fills_up(write: Callable[[Path], Act], tmp_path: Path) -> None:
    """A disk that was full in the middle of a backup ended as "unexpected" (item 22)."""
    act, before = write(tmp_path), files_in(tmp_path)
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4, old[1]))
    try:
        with pytest.raises(ConsentError, match="File too large"):
            act()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
    assert set(files_in(tmp_path)) - set(before) <= {"new"}


def test_a_taken_name_stays_taken_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without hard links, a file is still never replaced (item 22)."""
    break_disk(monkeypatch, "hard link", errno.EPERM)
    (tmp_path / "file").write_bytes(b"older")
    with pytest.raises(FileExistsError), creating(tmp_path / "file") as sink:
        sink.write(b"newer")
    break_disk(monkeypatch, "rename", errno.EIO)
    with pytest.raises(OSError, match="Input/output"), creating(tmp_path / "other") as sink:
        sink.write(b"newer")
    assert files_in(tmp_path) == ["file"] and (tmp_path / "file").read_bytes() == b"older"


@pytest.mark.parametrize("name", ["x" * 255, "é" * 127, "a" * 200 + ".json", os.fsdecode(b"\xff" * 255)])
def test_a_name_of_any_length(name: str, tmp_path: Path) -> None:
    """A temporary name was longer than 255 bytes, although the file's own name was not (item 22)."""
    replace_file(tmp_path / "replaced" / name, b"whole")
    with creating(tmp_path / name) as sink:
        sink.write(b"whole")
    (tmp_path / name).unlink()
    killed_while_making(tmp_path / name)
    with making_folder(tmp_path / name) as made:
        (made / "whole").touch()
    assert files_in(tmp_path / "replaced") == [name]
    assert {path.name for path in tmp_path.iterdir()} == {name, "replaced"}


def test_an_ending_holds_on_a_disk_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ends a consent changes no file of the vault, so a lock that is refused stops no ending (item 22)."""
    stage = Stage.of(tmp_path)
    stage.keep(b"bought")
    evidence = stage.granted().evidence
    break_disk(monkeypatch, "lock", errno.ENOLCK)
    assert revoke(stage.alice, evidence) and stage.holds(evidence) == "Revoked"


def test_what_was_left_stays_on_a_disk_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without locks nobody can tell a live process's folder from a dead one's, so none is removed (item 22)."""
    with monkeypatch.context() as patch:
        break_disk(patch, "lock", errno.ENOLCK)
        making = making_folder(tmp_path / "out")
        (making.__enter__() / "half").touch()
    with making_folder(tmp_path / "out") as made:
        (made / "whole").touch()
    assert any("half" in name for name in files_in(tmp_path))


def test_results_go_into_a_pipe(tmp_path: Path) -> None:
    """A result was renamed over the pipe or the device that it was meant for (item 22)."""
    os.mkfifo(tmp_path / "pipe")
    reading = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    replace_file(tmp_path / "pipe", b"whole")
    assert os.read(reading, 10) == b"whole" and (tmp_path / "pipe").is_fifo()
    os.close(reading)
