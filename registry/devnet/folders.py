"""A devnet's folder: where its files are, which process uses it, and what a killed devnet left behind.

A running devnet holds a lock, which the system releases when the process ends, however that happens. Its
``running.json`` names the process and the programs that it started.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from registry.core.errors import CouldNotCheck, InvalidInput
from registry.devnet.processes import END_SECONDS, ProcessIdentity, end_process, is_alive, wait_until
from registry.fs.files import file_lock, replace_file
from registry.ledger.anvil import DUMP_SECONDS

MAX_RECORD_BYTES = 64 * 1024
# `is_held` takes the lock for a moment to test it, which must not look like a devnet.
LOOK_SECONDS = 1.0
# A devnet that starts first ends five programs of a killed one, perhaps by force, and clears their files.
STARTING_SECONDS = 6 * END_SECONDS
LOGS = ("anvil", "kubo", "notary", "brand", "app", "devnet")
_MADE = ("chain", "ipfs", "network", "accounts", "notary", "brand")


class _Block(msgspec.Struct):
    number: str


class _Chain(msgspec.Struct):
    block: _Block


class Running(msgspec.Struct, frozen=True):
    """The record of a devnet: its process, its children, and their addresses once it is ``ready``.

    ``rpc_url``, ``gateway``, ``notary``, ``brand`` (its public listener), ``internal``, ``request`` (what the brand
    asks) and ``app`` are URLs, ``ipfs`` a multiaddr, ``accounts`` addresses by name, ``since`` unix seconds. What does
    not run is empty.
    """

    process: ProcessIdentity
    since: int
    children: tuple[ProcessIdentity, ...] = ()
    ready: bool = False
    rpc_url: str = ""
    ipfs: str = ""
    gateway: str = ""
    notary: str = ""
    brand: str = ""
    internal: str = ""
    request: str = ""
    app: str = ""
    accounts: dict[str, str] = {}


class Folder:
    """One devnet's folder; making this object reads and writes nothing.

    ``network`` is for ``CONSENT_NETWORK``. ``state`` is the chain as the devnet last saved it, ``exit_dump`` as anvil
    wrote it when it ended, perhaps incomplete. ``repo`` is Kubo's.
    ``notary`` and ``brand`` are theirs. ``accounts`` are keystores that hold play money.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.network = path / "network"
        self.state = path / "chain" / "state.json"
        self.exit_dump = path / "chain" / "last.json"
        self.repo = path / "ipfs"
        self.accounts = path / "accounts"
        self.notary, self.brand = path / "notary", path / "brand"
        self._lock = path / "devnet.lock"
        self._record = path / "running.json"
        self._trash = path / ".cleared"

    def log(self, name: str) -> Path:
        """Return the log file of "anvil", "kubo", the "notary", the "brand", the "app" or the "devnet" itself."""
        return self.path / "logs" / f"{name}.log"

    def adopt_exit_dump(self) -> None:
        """Replace the saved chain by anvil's exit dump, if that is whole and not older."""
        # At the same block the dump is better: it holds the old states, whatever their size.
        if self.exit_dump.exists() and newest_block(self.exit_dump) >= max(newest_block(self.state), 0):
            self.exit_dump.replace(self.state)
        self.exit_dump.unlink(missing_ok=True)

    @contextmanager
    def held(self, *, fresh: bool = False) -> Iterator[None]:
        """Make the folder and hold its lock, after ending what a killed devnet left behind.

        ``fresh`` deletes the chain, the blocks and the accounts, but keeps homes and logs. ``InvalidInput`` if a
        devnet runs in the folder, or if it holds something else.
        """
        self.claim()
        try:
            lock = file_lock(self._lock, LOOK_SECONDS)
        except TimeoutError:
            found = self._live_record()
            who = f" (process {found.process.pid}{', ' + found.rpc_url if found.ready else ''})" if found else ""
            advice = (
                "See `consent devnet status`, end it with `consent devnet stop`, or name another folder with --dir."
            )
            raise InvalidInput(f"a devnet runs in {self.path} already{who}", advice) from None
        except OSError as error:
            advice = "Choose a folder on a disk that can lock files, with --dir."
            raise InvalidInput(f"{self.path} cannot be locked: {error.strerror}", advice) from None
        with lock:
            try:
                self._end_orphans()
                # A devnet that was killed while it cleared the folder left its trash.
                self._empty_trash()
                if fresh:
                    self._clear()
                for folder in (self.state.parent, self.network, self.accounts):
                    folder.mkdir(mode=0o700, exist_ok=True)
                yield
            finally:
                self._record.unlink(missing_ok=True)

    def is_held(self) -> bool:
        """Tell whether a devnet runs or starts here."""
        if not self._lock.exists():
            return False
        try:
            # If the recorded process runs, there is nothing to wait for.
            with file_lock(self._lock, 0 if self._live_record() else LOOK_SECONDS):
                return False
        except TimeoutError:
            return True

    def write(self, running: Running) -> None:
        """Record the devnet that runs here."""
        replace_file(self._record, msgspec.json.encode(running))

    def read(self) -> Running | None:
        """Return the record of the devnet that runs here, or that was killed here; None if there is none."""
        try:
            with self._record.open("rb") as file:
                return msgspec.json.decode(file.read(MAX_RECORD_BYTES), type=Running)
        except (OSError, msgspec.MsgspecError):
            return None

    def running(self) -> Running | None:
        """Return the record of the devnet that runs here now; None if none runs, or if it wrote no record yet."""
        return self._live_record() if self.is_held() else None

    def _live_record(self) -> Running | None:
        record = self.read()
        # A system that says nothing about its processes gives no proof. Then the record has to do.
        ended = record is not None and record.process.proof != "" and not is_alive(record.process)
        return None if ended else record

    def is_ready(self, pid: int) -> bool:
        """Tell whether this process has recorded that its devnet is ready."""
        record = self.read()
        return record is not None and record.ready and record.process.pid == pid

    def _end_orphans(self) -> bool:
        """End the recorded children that provably still run, and forget the record; return whether there were any."""
        record = self.read()
        ended = [end_process(child) for child in (record.children if record else ())]
        self._record.unlink(missing_ok=True)
        return any(ended)

    def stop(self) -> bool:
        """End the devnet that runs here; return whether there was one. ``CouldNotCheck`` if it does not end."""
        if (ended_orphans := self._end_orphans_unless_held()) is not None:
            return ended_orphans
        # A devnet takes the lock first, and writes its record a moment later.
        wait_until(lambda: self._live_record() is not None or not self.is_held(), STARTING_SECONDS)
        running = self._live_record()
        # It may have to finish one save of the chain, save once more, and end five programs.
        if running is not None and end_process(running.process, 2 * (DUMP_SECONDS + END_SECONDS) + 5 * END_SECONDS):
            wait_until(lambda: not self.is_held(), END_SECONDS)
        if self._end_orphans_unless_held() is None:
            raise CouldNotCheck(f"the devnet in {self.path} did not end", "Look for its process, and end that.")
        return True

    def _end_orphans_unless_held(self) -> bool | None:
        """End what a killed devnet left behind; return whether there was anything, or None if a devnet runs.

        It holds the lock meanwhile, so that it never ends the programs of a devnet that has just started.
        """
        if not self._lock.exists():
            return False
        try:
            with file_lock(self._lock, LOOK_SECONDS):
                return self._end_orphans()
        except TimeoutError:
            return None

    def _clear(self) -> None:
        # Renaming is atomic: a kill never leaves half a repository in its place.
        self._trash.mkdir(mode=0o700)
        for name in _MADE:
            with suppress(FileNotFoundError):
                (self.path / name).rename(self._trash / name)
        self._empty_trash()

    def _empty_trash(self) -> None:
        if self._trash.exists():
            shutil.rmtree(self._trash)

    def claim(self) -> None:
        """Make the folder, for its owner alone; ``InvalidInput`` if it holds something else."""
        if str(self.path).encode(errors="replace") != os.fsencode(self.path):
            why = f"the name of {self.path} is not UTF-8, which anvil needs"
            raise InvalidInput(why, "Name another folder with --dir.")
        try:
            # Look for the lock last: another first start makes it before anything else.
            if self.path.exists() and any(self.path.iterdir()) and not self._lock.exists():
                raise InvalidInput(f"{self.path} holds something else than a devnet", "Name a new or an empty folder.")
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            with suppress(OSError):  # some disks have no modes
                self.path.chmod(0o700)
            self._lock.touch(0o600)
            (self.path / "logs").mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            advice = "Choose a folder that you may write to, with --dir."
            raise InvalidInput(f"{self.path} cannot be made: {error.strerror}", advice) from None


def default_folder() -> Folder:
    """Return the folder ``devnet`` under the user's data folder."""
    from platformdirs import user_data_path

    return Folder(user_data_path("consent-registry") / "devnet")


def newest_block(file: Path) -> int:
    """Return the newest block of a chain that anvil wrote; -1 if the file is missing or not whole."""
    try:
        return int(msgspec.json.decode(file.read_bytes(), type=_Chain).block.number, 16)
    except (FileNotFoundError, ValueError, RecursionError):
        return -1
