"""A devnet's folder: what lies where, who uses it now, and what a devnet that was killed left behind.

Whoever runs the devnet holds a lock that the system takes back when it ends, however that happens; ``running.json``
says who it is and what it started.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec
from filelock import FileLock, Timeout

from registry.core.errors import CouldNotCheck, InvalidInput
from registry.devnet.processes import END_SECONDS, Known, end_process, is_alive, wait_until
from registry.fs.files import replace_file
from registry.ledger.anvil import DUMP_SECONDS

MAX_RECORD_BYTES = 64 * 1024
LOOK_SECONDS = 1.0
# Who starts may first have to end two programs that do not listen, and to clear what they kept.
NAMED_SECONDS = 3 * END_SECONDS
LOGS = ("anvil", "kubo", "devnet")
_LOCK = "devnet.lock"
_CLEARED = ".cleared"
_MADE = ("chain", "ipfs", "network", "accounts", "running.json")


class _Tip(msgspec.Struct):
    number: str


class _Chain(msgspec.Struct):
    block: _Tip


class Running(msgspec.Struct, frozen=True):
    """Who runs the devnet: its process, its children, and where they are reached once ``ready``.

    ``rpc_url`` and ``gateway`` are URLs, ``ipfs`` a multiaddr; ``accounts`` addresses by name; ``since`` unix seconds.
    """

    process: Known
    since: int
    children: tuple[Known, ...] = ()
    ready: bool = False
    rpc_url: str = ""
    ipfs: str = ""
    gateway: str = ""
    accounts: dict[str, str] = {}


@dataclass(frozen=True)
class Folder:
    """One devnet's folder. Nothing is read or made before it is asked for."""

    path: Path

    @property
    def network(self) -> Path:
        """What clients take as ``CONSENT_NETWORK``."""
        return self.path / "network"

    @property
    def state(self) -> Path:
        """The chain as it was last saved."""
        return self.path / "chain" / "state.json"

    @property
    def last_word(self) -> Path:
        """The chain as anvil wrote it when it ended, perhaps not all of it."""
        return self.state.with_name("last.json")

    def take_last_word(self) -> None:
        """Go on from what anvil wrote at its end, if it is whole and not older than what was saved."""
        # Of one block it is the better one: it holds the old states, however large they are.
        if self.last_word.exists() and _newest_block(self.last_word) >= max(self.newest(), 0):
            self.last_word.replace(self.state)
        self.last_word.unlink(missing_ok=True)

    def newest(self) -> int:
        """The newest block of the chain that is kept; -1 where there is none."""
        return _newest_block(self.state)

    @property
    def repo(self) -> Path:
        """Kubo's repository."""
        return self.path / "ipfs"

    @property
    def accounts(self) -> Path:
        """Keystores of the accounts that hold play money."""
        return self.path / "accounts"

    def log(self, name: str) -> Path:
        """The log of "anvil", "kubo" or the "devnet" itself."""
        return self.path / "logs" / f"{name}.log"

    @contextmanager
    def held(self, *, fresh: bool = False) -> Iterator[None]:
        """Alone in the folder, which is made where there is none; what a killed devnet left behind is ended first.

        ``fresh`` forgets the chain, the blocks and the accounts; homes and logs stay. ``InvalidInput`` where a devnet
        runs in it, or where it holds something else than a devnet.
        """
        self.claim()
        lock = FileLock(self.path / _LOCK)
        try:
            # Whoever only looks whether it is held holds it for a moment.
            lock.acquire(timeout=LOOK_SECONDS)
        except Timeout:
            raise self._taken() from None
        try:
            self.end_orphans()
            # First what was left by one that was killed while it cleared.
            self._remove_cleared()
            if fresh:
                self._clear()
            for folder in (self.state.parent, self.network, self.accounts):
                folder.mkdir(mode=0o700, exist_ok=True)
            yield
        finally:
            (self.path / "running.json").unlink(missing_ok=True)
            lock.release()

    def is_held(self) -> bool:
        """Does a devnet run or start here?"""
        if not (self.path / _LOCK).exists():
            return False
        try:
            # As in `held`: who only looks is no devnet. Nobody waits where the one that is named runs.
            with FileLock(self.path / _LOCK).acquire(timeout=0 if self._named() else LOOK_SECONDS):
                return False
        except Timeout:
            return True

    def write(self, running: Running) -> None:
        """Say who runs here."""
        replace_file(self.path / "running.json", msgspec.json.encode(running))

    def read(self) -> Running | None:
        """Who runs here, or ran here and was killed; None where nobody says so."""
        try:
            with (self.path / "running.json").open("rb") as file:
                return msgspec.json.decode(file.read(MAX_RECORD_BYTES), type=Running)
        except (OSError, msgspec.MsgspecError):
            return None

    def running(self) -> Running | None:
        """Who runs here now; None where nobody does, or nobody who has said so."""
        return self._named() if self.is_held() else None

    def _named(self) -> Running | None:
        """As ``read``, but None where that process has ended."""
        found = self.read()
        # Where the system tells nothing of its processes, what is written has to do.
        gone = found is not None and found.process.proof != "" and not is_alive(found.process)
        return None if gone else found

    def is_ready(self, pid: int) -> bool:
        """Has this process said that its devnet is ready?"""
        found = self.read()
        return found is not None and found.ready and found.process.pid == pid

    def end_orphans(self) -> list[Known]:
        """End what a killed devnet started, where it can be proved that it is that; who was ended."""
        left = self.read()
        return [child for child in (left.children if left else ()) if end_process(child)]

    def stop(self) -> bool:
        """End the devnet that runs here, and wait until it has; whether there was one. ``CouldNotCheck`` if not."""
        if (left := self._end_left()) is not None:
            return left
        # The lock comes first, and who has it says so a moment later.
        wait_until(lambda: self._named() is not None or not self.is_held(), NAMED_SECONDS)
        running = self._named()
        # It saves the chain, perhaps once more than it had begun to, and ends two programs.
        if running is not None and end_process(running.process, 2 * (DUMP_SECONDS + END_SECONDS) + END_SECONDS):
            wait_until(lambda: not self.is_held(), END_SECONDS)
        if self._end_left() is None:
            raise CouldNotCheck(f"the devnet in {self.path} did not end", "Look for its process, and end that.")
        return True

    def _end_left(self) -> bool | None:
        """End what a killed devnet left behind; whether it left anything, None where a devnet runs.

        Under the lock: of a devnet that starts in this moment nothing may be taken for that.
        """
        if not (self.path / _LOCK).exists():
            return False
        try:
            # As in `held`: who only looks is no devnet.
            with FileLock(self.path / _LOCK).acquire(timeout=LOOK_SECONDS):
                left = bool(self.end_orphans())
                (self.path / "running.json").unlink(missing_ok=True)
                return left
        except Timeout:
            return None

    def _clear(self) -> None:
        # Aside first, in one step each: whatever is killed when, no half of a repository lies where one is looked for.
        aside = self.path / _CLEARED
        aside.mkdir(mode=0o700)
        for name in _MADE:
            with suppress(FileNotFoundError):
                (self.path / name).rename(aside / name)
        self._remove_cleared()

    def _remove_cleared(self) -> None:
        if (aside := self.path / _CLEARED).exists():
            shutil.rmtree(aside)

    def claim(self) -> None:
        """Make the folder if it is not there, for its owner alone; ``InvalidInput`` where it holds something else."""
        try:
            # In this order: another first start makes the lock before anything else.
            if self.path.exists() and any(self.path.iterdir()) and not (self.path / _LOCK).exists():
                raise InvalidInput(f"{self.path} holds something else than a devnet", "Name a new or an empty folder.")
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.chmod(0o700)
            (self.path / _LOCK).touch(0o600)
            (self.path / "logs").mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            advice = "Choose a folder that you may write to, with --dir."
            raise InvalidInput(f"{self.path} cannot be made: {error.strerror}", advice) from None

    def _taken(self) -> InvalidInput:
        running = self._named()
        who = f" (process {running.process.pid}{', ' + running.rpc_url if running.ready else ''})" if running else ""
        advice = "See `consent devnet status`, end it with `consent devnet stop`, or name another folder with --dir."
        return InvalidInput(f"a devnet runs in {self.path} already{who}", advice)


def default_folder() -> Folder:
    """``devnet`` under the user's data folder."""
    from platformdirs import user_data_path

    return Folder(user_data_path("consent-registry") / "devnet")


def _newest_block(file: Path) -> int:
    """The newest block of a chain that anvil wrote; -1 where that is not there or not whole."""
    try:
        return int(msgspec.json.decode(file.read_bytes(), type=_Chain).block.number, 16)
    except (FileNotFoundError, ValueError, RecursionError):
        return -1
