"""Runs a local network in one folder: starts all programs, deploys, funds, saves the chain, ends all.

The devnet saves the chain itself. anvil's own ``--state`` rewrites its file in place every second, so a kill at that
moment would lose everything. Here each file appears whole or not at all, and only after a new block. If only the devnet
is killed, the kernel ends anvil in order, and anvil dumps the newest blocks at its exit. If anvil is killed, the blocks
since the last save are lost: half a second's, or some seconds' once there are thousands of anchors.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from registry.client.network_config import open_network
from registry.config.network_file import write_settings
from registry.core.errors import ConsentError, CouldNotCheck, LedgerUnavailable, StorageUnavailable
from registry.devnet import app, brand, kubo, notary
from registry.devnet.folders import LOGS, Folder, Running, newest_block
from registry.devnet.ports import Ports, free_ports, require_free
from registry.devnet.processes import Child, ChildEnded, process_identity, shorten, wait_until
from registry.devnet.programs import find_program
from registry.devnet.stopping import Stop
from registry.devnet.watching import Event, Watcher
from registry.fs.files import replace_file
from registry.ledger.anvil import ETHER, Anvil
from registry.ledger.base import Deployment, Sender, read_deployment, write_deployment
from registry.storage.base import BlockStore

CHAIN_ID = 31_337
POLL_SECONDS = 0.25
PINS_SECONDS = 3.0
READY_SECONDS = 60.0
# A service ends its answers under way first, and then its worker's step.
SERVICE_SECONDS = 20.0
ACCOUNTS = ("dev1", "dev2", "dev3")
# Play money.
RELAY_ETHER, ACCOUNT_ETHER = 1_000_000, 10_000
# States of this many blocks below the newest can be read, as on a full node that is no archive.
OLD_STATES = 16
# After a save, wait this many times as long as it took: at most a fifth of the time goes into saving.
_SAVE_PAUSE = 4
# In anvil's message that it cannot read the saved chain.
_UNREADABLE = re.compile(r"load[- ](init )?state", re.IGNORECASE)
_LISTENING = re.compile(r"^Listening on 127\.0\.0\.1:(\d+)\n", re.MULTILINE)


class Devnet:
    """A running devnet: ``running`` is its record, ``poll`` watches and saves it."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.running = Running(process_identity("devnet", os.getpid()), int(time.time()))
        self._children: dict[str, Child] = {}
        self._anvil: Anvil | None = None
        self._watcher: Watcher | None = None
        self._saved_tip = ""
        self._next_save = 0.0
        self._save_failed = False
        folder.write(self.running)

    @property
    def watcher(self) -> Watcher:
        """The watcher, with its counts."""
        assert self._watcher is not None
        return self._watcher

    def launch(self, anvil: Path, ipfs: Path, ports: Ports) -> None:
        """Start anvil and Kubo, without waiting for them."""
        require_free(ports)
        self._ports = ports
        if not (self.folder.repo / "config").exists():
            kubo.make_repo(ipfs, self.folder.repo)
        kubo.configure(self.folder.repo, ports.ipfs)
        self.folder.adopt_exit_dump()
        load = ["--load-state", self.folder.state] if self.folder.state.exists() else []
        options = ["--host", "127.0.0.1", "--port", str(ports.rpc), "--chain-id", str(CHAIN_ID)]
        # The exit dump needs the old states too: verifying with confirmations reads below the newest block.
        dump = ["--prune-history", str(OLD_STATES), "--preserve-historical-states", "--dump-state"]
        chain: list[Any] = [anvil, *options, "--accounts", "0", *dump, self.folder.exit_dump, *load]
        for name, command in {"anvil": chain, "kubo": [ipfs, *kubo.DAEMON]}.items():
            # anvil gets Kubo's variables too: they show which devnet a process belongs to.
            self._start(name, command, kubo.environment(self.folder.repo))

    def _start(self, name: str, command: list[Any], environment: Mapping[str, str]) -> None:
        child = Child(name, command, self.folder.log(name), environment)
        self._children[name] = child
        self._record(children=(*self.running.children, child.identity))

    def prepare(self, stop: Stop) -> None:
        """Wait until both programs answer, deploy, and fund the accounts.

        ``ChildEnded`` if one of them ends, ``KeyboardInterrupt`` if the devnet has to end.
        """
        rpc = self._wait_for("anvil", _LISTENING.search, stop)[1]
        api, gateway = self._wait_for("kubo", kubo.ports_in, stop)
        url, ipfs = f"http://127.0.0.1:{rpc}", f"/ip4/127.0.0.1/tcp/{api}"
        self._anvil = Anvil(url)
        write_settings(self.folder.network, rpc_url=url, ipfs=ipfs)
        accounts, relay = self._fund(self._anvil)
        stop.check()
        deployment = self._deploy(url, relay)
        network = open_network(self.folder.network)
        network.ledger.head()  # checks the code at the registry's address
        network.store.stat()
        self._watcher = Watcher(self._anvil, deployment, quick_store(ipfs))
        stop.check()
        self._record(rpc_url=url, ipfs=ipfs, gateway=f"http://127.0.0.1:{gateway}", accounts=accounts)

    def launch_notary(self) -> None:
        """Start the notary, without waiting for it. No thread may run meanwhile, because it forks."""
        if self._ports.notary is not None:
            command = notary.command(self.folder, self.running.rpc_url, self.running.ipfs, self._ports.notary)
            self._start("notary", command, notary.environment(kubo.environment(self.folder.repo)))

    def settle(self, stop: Stop) -> None:
        """Wait until the notary takes commitments, name it in ``network.toml``, and publish the brand's request."""
        url = self._wait_for("notary", notary.url_in, stop) if "notary" in self._children else ""
        self._await_ready("notary", url, stop)
        named = notary.announce(self.folder.network, url, self.running.accounts.get("notary", ""))
        if self._ports.brand is None:
            brand.withdraw(self.folder)
        link = brand.settle(self.folder, free_ports(self._ports.brand), named) if self._ports.brand is not None else ""
        self._record(notary=url, request=link)

    def launch_others(self) -> None:
        """Start the brand and the app, without waiting for them. No thread may run meanwhile, because it forks."""
        marked = kubo.environment(self.folder.repo)
        if self._ports.brand is not None:
            command = brand.command(self.folder, self.running.rpc_url, self.running.ipfs)
            self._start("brand", command, notary.environment(marked))
        if self._ports.app is not None:
            command = app.command(self.folder, self.running.rpc_url, self._ports.app)
            self._start("app", command, app.environment(marked, self.running.gateway))

    def complete(self, stop: Stop) -> None:
        """Wait until the brand takes evidence and the app is served, and record that the devnet is ready."""
        public, internal = self._wait_for("brand", brand.urls_in, stop) if "brand" in self._children else ("", "")
        self._await_ready("brand", public, stop)
        served = self._wait_for("app", app.url_in, stop) if "app" in self._children else ""
        self._record(ready=True, brand=public, internal=internal, app=served)

    def _await_ready(self, name: str, url: str, stop: Stop) -> None:
        if url and not wait_until(lambda: self._goes_on(stop) and notary.is_ready(url), READY_SECONDS):
            why = f"the {name} is not ready within {READY_SECONDS:.0f} s"
            raise CouldNotCheck(why, f"Look into {self.folder.log(name)}.")

    def _goes_on(self, stop: Stop) -> bool:
        stop.check()
        self._check_children()
        return True

    def _wait_for(self, name: str, ports_in: Callable[[str], Any], stop: Stop) -> Any:
        """Return what ``ports_in`` finds in the log of this child, once that is not None."""
        child = self._children[name]

        if not wait_until(lambda: self._goes_on(stop) and ports_in(child.output()) is not None, READY_SECONDS):
            error = {"anvil": LedgerUnavailable, "kubo": StorageUnavailable}.get(name, CouldNotCheck)
            raise error(f"{name} did not start within {READY_SECONDS:.0f} s", f"Look into {self.folder.log(name)}.")
        return ports_in(child.output())

    def _fund(self, anvil: Anvil) -> tuple[dict[str, str], Sender]:
        from registry.wallets import keyfiles, keystore
        from registry.wallets.keyfiles import relay_key
        from registry.wallets.keywallet import KeyWallet

        accounts = {key.name: key.address for key in keyfiles.list_keys(self.folder.accounts)}
        for name in (name for name in ACCOUNTS if name not in accounts):
            accounts[name] = keyfiles.new_key(self.folder.accounts, name, "", cost=keystore.LIGHT)
        if self._ports.notary is not None:
            accounts["notary"] = notary.make(self.folder.notary)
        if self._ports.brand is not None:
            accounts["brand"] = brand.make(self.folder.brand)
        relay = KeyWallet(relay_key(self.folder.network / "relay.json"))
        anvil.fund(relay.address, RELAY_ETHER * ETHER)
        for address in accounts.values():
            anvil.fund(address, ACCOUNT_ETHER * ETHER)
        return {"relay": relay.address, **accounts}, relay

    def _deploy(self, url: str, payer: Sender) -> Deployment:
        from registry.ledger.deploy import deploy

        file = self.folder.network / "deployment.json"
        if file.exists() and self.folder.state.exists():
            return read_deployment(file)
        notary.forget_chain(self.folder.notary)
        brand.forget_chain(self.folder.brand)
        deployment = deploy(url, payer)
        # Save the chain first: after a kill, the file must never name contracts that are not there.
        self.save()
        write_deployment(file, deployment)
        return deployment

    def poll(self) -> list[Event]:
        """Return what is new, and save the chain if it has grown. ``ChildEnded`` if a program has ended."""
        self._check_children()
        events = self.watcher.poll()
        tip = self.watcher.tip
        if tip.hash != self._saved_tip and time.monotonic() >= self._next_save:
            events += self._save_or_report(tip.hash)
        for name in LOGS:
            shorten(self.folder.log(name))
        return events

    def _save_or_report(self, tip: str) -> list[Event]:
        began = time.monotonic()
        events: list[Event] = []
        try:
            self.save()
        except ConsentError as error:
            if not self._save_failed:  # report it once
                events.append(Event("unsaved", int(time.time()), {"why": str(error)}))
            self._save_failed = True
        else:
            self._save_failed, self._saved_tip = False, tip
        ended = time.monotonic()
        self._next_save = ended + _SAVE_PAUSE * (ended - began)
        return events

    def save(self) -> None:
        """Write the current chain, whole or not at all. ``LedgerUnavailable`` if anvil does not return it."""
        if self._anvil is not None:
            replace_file(self.folder.state, self._anvil.state())

    def end(self) -> None:
        """End the services, save the chain, and end the others; ``LedgerUnavailable`` if blocks could not be saved."""
        unsaved: ConsentError | None = None
        try:
            for child in (self._children[name] for name in ("app", "brand", "notary") if name in self._children):
                child.end(SERVICE_SECONDS)
            self.save()
        except ConsentError as error:
            unsaved = error
        finally:
            for child in self._children.values():
                child.end()
        if unsaved is not None:
            self.folder.adopt_exit_dump()
            if self._watcher and newest_block(self.folder.state) < self._watcher.tip.number:
                raise unsaved

    def _check_children(self) -> None:
        for child in self._children.values():
            try:
                child.check()
            except ChildEnded as error:
                if _UNREADABLE.search(child.output()):
                    error.advice = (
                        f"anvil cannot read {self.folder.state}: put a copy of it there; without one, "
                        "`consent devnet --fresh` forgets the chain, the blocks and the accounts."
                    )
                raise

    def _record(self, **changed: Any) -> None:
        self.running = msgspec.structs.replace(self.running, **changed)
        self.folder.write(self.running)


@contextmanager
def starting(folder: Folder, ports: Ports, *, fresh: bool = False) -> Iterator[Devnet]:
    """Launch a devnet in this folder, for the caller to prepare; save and end it when the block ends.

    ``InvalidInput`` if a program is missing, a port is taken, or a devnet runs in the folder already.
    """
    anvil, ipfs = find_program("anvil").path, find_program("kubo").path
    with folder.held(fresh=fresh):
        devnet = Devnet(folder)
        try:
            devnet.launch(anvil, ipfs, ports)
            yield devnet
        except BaseException:
            # Save what was mined before, but report only why the devnet ends.
            with suppress(ConsentError):
                devnet.end()
            raise
        else:
            devnet.end()


def quick_store(ipfs: str) -> BlockStore:
    """Return the Kubo at this multiaddr with a short time limit, so that Ctrl-C is noticed while it is watched."""
    from registry.storage.kubo import KuboBlocks

    return KuboBlocks(ipfs, seconds=PINS_SECONDS)
