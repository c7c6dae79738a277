"""A whole local network in one folder: anvil and Kubo started, contracts deployed, accounts funded, watched, ended.

The chain is saved here and not by anvil's own ``--state``, which writes its file anew every second, in place: a devnet
killed in that moment would have lost everything. Here each file appears whole or not at all, and only when there is
a new block. Where the devnet alone is killed, the kernel ends anvil in order, and anvil's last word holds the rest.
What a kill of anvil itself can cost is what was mined since: half a second's blocks, with thousands of anchors some
seconds'.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from registry.client.network_config import open_network, write_settings
from registry.core.errors import ConsentError, InvalidInput, LedgerUnavailable, StorageUnavailable
from registry.devnet import kubo
from registry.devnet.folders import LOGS, Folder, Running
from registry.devnet.logs import shorten
from registry.devnet.processes import Child, ChildEnded, know, wait_until
from registry.devnet.programs import find_program
from registry.devnet.watching import Event, Watcher
from registry.fs.files import replace_file
from registry.ledger.anvil import ETHER, Anvil
from registry.ledger.base import Deployment, Sender, read_deployment, write_deployment
from registry.storage.base import BlockStore

RPC_PORT, IPFS_PORT = 8545, 5001
CHAIN_ID = 31_337
LOOK_SECONDS = 0.25
PINS_SECONDS = 3.0
READY_SECONDS = 60.0
ACCOUNTS = ("dev1", "dev2", "dev3")
# Play money, from nowhere.
RELAY_ETHER, ACCOUNT_ETHER = 1_000_000, 10_000
# So many blocks' states can be read below the newest one, as on a full node that is no archive.
OLD_STATES = 16
# A chain that takes long to save is saved less often: a fifth of the time at most goes into it.
_REST = 4
# How anvil says that it cannot take the chain that was kept.
_UNREADABLE = re.compile(r"load[- ](init )?state", re.IGNORECASE)
_LISTENING = re.compile(r"^Listening on 127\.0\.0\.1:(\d+)\n", re.MULTILINE)


class Ports(NamedTuple):
    """Of 127.0.0.1; 0 stands for any free one."""

    rpc: int = RPC_PORT
    ipfs: int = IPFS_PORT


class Stop:
    """Notes that the devnet is to end: Ctrl-C, SIGTERM, or that its terminal has gone.

    A flag and no exception, so that nothing is interrupted halfway; ``asked`` is looked at between steps.
    """

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Stop:
        for number in filter(None, (getattr(signal, name, None) for name in ("SIGINT", "SIGTERM", "SIGHUP"))):
            # Under nohup the end of the terminal is none of our concern.
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def check(self) -> None:
        """``KeyboardInterrupt`` where the devnet is to end."""
        if self.asked:
            raise KeyboardInterrupt

    def _note(self, *_: object) -> None:
        self.asked = True


class Devnet:
    """A devnet that runs: ``running`` says where, ``turn`` watches it."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.running = Running(know("devnet", os.getpid()), int(time.time()))
        self._children: dict[str, Child] = {}
        self._anvil: Anvil | None = None
        self._watcher: Watcher | None = None
        self._saved = ""
        self._next_save = 0.0
        self._complained = False
        folder.write(self.running)

    @property
    def watcher(self) -> Watcher:
        """What has been counted so far."""
        assert self._watcher is not None
        return self._watcher

    def launch(self, anvil: Path, ipfs: Path, ports: Ports) -> None:
        """Start both programs, without waiting for them."""
        _require_free(ports)
        if not (self.folder.repo / "config").exists():
            kubo.make_repo(ipfs, self.folder.repo)
        kubo.configure(self.folder.repo, ports.ipfs)
        self.folder.take_last_word()
        load = ["--load-state", self.folder.state] if self.folder.state.exists() else []
        options = ["--host", "127.0.0.1", "--port", str(ports.rpc), "--chain-id", str(CHAIN_ID)]
        # With the old states also in its last word: whoever waits for confirmations reads below the newest block.
        kept = ["--prune-history", str(OLD_STATES), "--preserve-historical-states", "--dump-state"]
        # For both: it tells whoever finds one of these processes which devnet it belongs to.
        environment = kubo.environment(self.folder.repo)
        self._child("anvil", [anvil, *options, "--accounts", "0", *kept, self.folder.last_word, *load], environment)
        self._child("kubo", [ipfs, *kubo.DAEMON], environment)

    def _child(self, name: str, command: list[Any], environment: dict[str, str]) -> None:
        child = Child(name, command, self.folder.log(name), environment)
        self._children[name] = child
        self._note(children=(*self.running.children, child.known))

    def prepare(self, stop: Stop) -> None:
        """Wait until both programs answer, then deploy, fund and say so in the folder.

        ``ChildEnded`` where one of them ends, ``KeyboardInterrupt`` where the devnet is to end.
        """
        rpc = self._wait("anvil", _anvil_port, stop)
        api, gateway = self._wait("kubo", kubo.ports_in, stop)
        url, ipfs = f"http://127.0.0.1:{rpc}", f"/ip4/127.0.0.1/tcp/{api}"
        self._anvil = Anvil(url)
        write_settings(self.folder.network, rpc_url=url, ipfs=ipfs)
        accounts, relay = self._fund(self._anvil)
        stop.check()
        deployment = self._deploy(url, relay)
        network = open_network(self.folder.network)
        network.ledger.head()  # checks what stands at the registry's address
        network.store.stat()
        self._watcher = Watcher(self._anvil, deployment, quick_store(ipfs))
        self._watcher.count()
        stop.check()
        self._note(ready=True, rpc_url=url, ipfs=ipfs, gateway=f"http://127.0.0.1:{gateway}", accounts=accounts)

    def _wait(self, name: str, found: Callable[[str], Any], stop: Stop) -> Any:
        child = self._children[name]

        def there() -> bool:
            stop.check()
            self._check()
            return found(child.said()) is not None

        if not wait_until(there, READY_SECONDS):
            error = LedgerUnavailable if name == "anvil" else StorageUnavailable
            raise error(f"{name} did not start within {READY_SECONDS:.0f} s", f"Look into {self.folder.log(name)}.")
        return found(child.said())

    def _fund(self, anvil: Anvil) -> tuple[dict[str, str], Sender]:
        from registry.wallets import keyfiles, keystore
        from registry.wallets.keywallet import KeyWallet
        from registry.wallets.relay import relay_key

        there = {key.name: key.address for key in keyfiles.list_keys(self.folder.accounts)}
        for name in (name for name in ACCOUNTS if name not in there):
            there[name] = keyfiles.new_key(self.folder.accounts, name, "", cost=keystore.LIGHT)
        relay = KeyWallet(relay_key(self.folder.network / "relay.json"))
        anvil.fund(relay.address, RELAY_ETHER * ETHER)
        for address in there.values():
            anvil.fund(address, ACCOUNT_ETHER * ETHER)
        return {"relay": relay.address, **there}, relay

    def _deploy(self, url: str, payer: Sender) -> Deployment:
        from registry.ledger.deploy import deploy

        file = self.folder.network / "deployment.json"
        if file.exists() and self.folder.state.exists():
            return read_deployment(file)
        deployment = deploy(url, payer)
        # In this order: whoever finds the file finds the contracts too, whatever is killed when.
        self.save()
        write_deployment(file, deployment)
        return deployment

    def turn(self) -> list[Event]:
        """What is new; the chain is saved if it has grown. ``ChildEnded`` where a program runs no more."""
        self._check()
        found = self.watcher.look()
        tip = self.watcher.tip
        if tip is not None and tip.hash != self._saved and time.monotonic() >= self._next_save:
            found += self._save_or_complain(tip.hash)
        for name in LOGS:
            shorten(self.folder.log(name))
        return found

    def _save_or_complain(self, tip: str) -> list[Event]:
        began = time.monotonic()
        try:
            self.save()
        except ConsentError as error:
            news = [] if self._complained else [Event("unsaved", int(time.time()), {"why": str(error)})]
            self._complained = True
        else:
            news, self._complained, self._saved = [], False, tip
        ended = time.monotonic()
        self._next_save = ended + _REST * (ended - began)
        return news

    def save(self) -> None:
        """Write the chain as it is now, whole or not at all. LedgerUnavailable where anvil does not give it."""
        if self._anvil is not None:
            replace_file(self.folder.state, self._anvil.state())

    def end(self) -> None:
        """End both programs, and keep the chain as it is now; LedgerUnavailable where that is not to be had."""
        unsaved: ConsentError | None = None
        try:
            self.save()
        except ConsentError as error:
            unsaved = error
        finally:
            for child in self._children.values():
                child.end()
        if unsaved is not None:
            self.folder.take_last_word()
            if self._watcher and self._watcher.tip and self.folder.newest() < self._watcher.tip.number:
                raise unsaved

    def _check(self) -> None:
        for child in self._children.values():
            try:
                child.check()
            except ChildEnded as error:
                if _UNREADABLE.search(child.said()):
                    error.advice = (
                        f"anvil cannot read {self.folder.state}: put a copy of it there; without one, "
                        "`consent devnet --fresh` forgets the chain, the blocks and the accounts."
                    )
                raise

    def _note(self, **changed: Any) -> None:
        self.running = msgspec.structs.replace(self.running, **changed)
        self.folder.write(self.running)


@contextmanager
def starting(folder: Folder, ports: Ports = Ports(), *, fresh: bool = False) -> Iterator[Devnet]:  # noqa: B008
    """A devnet in this folder, launched and not yet prepared; saved and ended when the block ends, however it does.

    ``InvalidInput`` where a program is missing, a port is taken or a devnet runs in the folder already.
    """
    anvil, ipfs = find_program("anvil").path, find_program("kubo").path
    with folder.held(fresh=fresh):
        devnet = Devnet(folder)
        try:
            devnet.launch(anvil, ipfs, ports)
            yield devnet
        except BaseException:
            # What was mined before is worth keeping; why it ends is what has to be told.
            with suppress(ConsentError):
                devnet.end()
            raise
        else:
            devnet.end()


def quick_store(ipfs: str) -> BlockStore:
    """The Kubo at this multiaddr, for who watches and also listens for Ctrl-C: the network's own store waits long."""
    from registry.storage.kubo import KuboBlocks

    return KuboBlocks(ipfs, seconds=PINS_SECONDS)


def _anvil_port(said: str) -> int | None:
    found = _LISTENING.search(said)
    return int(found[1]) if found else None


def _require_free(ports: Ports) -> None:
    if ports.rpc == ports.ipfs != 0:
        message = f"anvil and Kubo cannot both have port {ports.rpc}"
        raise InvalidInput(message, "Choose another with --rpc-port N or --ipfs-port N; 0 takes a free one.")
    for port, flag, who in (
        (ports.rpc, "--rpc-port", "another anvil, geth or Hardhat"),
        (ports.ipfs, "--ipfs-port", "another Kubo or IPFS Desktop"),
    ):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                message = f"port {port} of 127.0.0.1 cannot be used: {error.strerror} ({who}?)"
                raise InvalidInput(message, f"End that, or choose another with {flag} N; 0 takes a free one.") from None
