"""``consent`` as processes whose pages somebody opens, and a network on which a shop has asked."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from registry.client.home import Home
from registry.config.network_file import write_settings
from registry.ledger.base import Deployment, write_deployment
from registry.net.json_rpc import Call, Node
from registry.wallets.keyfiles import relay_key
from registry.wallets.keywallet import KeyWallet
from tests.support.browser_stage import BOB, Browser, is_refused
from tests.support.paths import ROOT

SECONDS = 60
PURPOSE, DATUM = "dpv:Personalisation", "pd:Purchase"
SIGN, SEND = ("Marmot", "Sign with"), ("Marmot", "Send with")


class Command:
    """``consent ... --json`` as a process whose page somebody opens."""

    def __init__(self, folder: Path, who: str, *arguments: object, **settings: str) -> None:
        line = [sys.executable, "-m", "registry", *map(str, arguments), "--json"]
        own = {"CONSENT_NETWORK": str(folder / "network"), "CONSENT_HOME": str(folder / who), "BROWSER": "true"}
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CONSENT_")}
        self._process = subprocess.Popen(
            line,
            env=kept | own | {f"CONSENT_{name.upper()}": value for name, value in settings.items()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.said = ""
        self._urls: list[str] = []

    @property
    def url(self) -> str:
        """Where its next page is, as it says itself."""
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.said += line
            if found := re.search(r"http://127[\d.]+:\d+/#\S+", line):
                self._urls.append(found[0])
                return found[0]
        raise AssertionError(self.said)

    def interrupt(self) -> None:
        """Ctrl-C."""
        self._process.send_signal(signal.SIGINT)

    def is_interrupted(self) -> None:
        """It has ended by Ctrl-C."""
        assert self._said(130) == "" and "Interrupted." in self.said

    def ends(self, code: int = 0) -> dict[str, Any]:
        """Its JSON, once it has ended with this exit code; by then nobody serves its pages."""
        (line,) = self._said(code).splitlines()
        document: dict[str, Any] = json.loads(line)
        return document

    def _said(self, code: int) -> str:
        try:
            out, err = self._process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise
        self.said += err
        assert self._process.returncode == code, out + self.said
        assert "Traceback" not in self.said
        assert all(is_refused(url) for url in self._urls)
        return out


class World:
    """Alice's key and her brand's are in their browsers; here they have a seed each, and a network that they share."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.notice, self.request = folder / "notice.json", folder / "request.json"

    @classmethod
    def made(cls, folder: Path, url: str, deployment: Deployment) -> World:
        """A new one, in which the shop has asked."""
        network = folder / "network"
        network.mkdir()
        write_deployment(network / "deployment.json", deployment)
        relay = KeyWallet(relay_key(network / "relay.json"))
        Node(url, 10).ask(Call("anvil_setBalance", (relay.address, hex(10**20))))
        write_settings(network, rpc_url=url)
        for name in ("alice", "shop"):
            Home(folder / name).create("", None)
        world = cls(folder)
        draft = ROOT / "registry" / "data" / "demo_notice.json"
        world.run("shop", "notice", "new", draft, "--out", world.notice, "--account", BOB)
        world.run("shop", "request", *world.asking, "--wallet", f"rpc:#{BOB}")
        return world

    @property
    def asking(self) -> tuple[object, ...]:
        """What the shop's request is made of."""
        return ("--notice", self.notice, "--out", self.request, "--data", DATUM, "--purpose", PURPOSE)

    def start(self, who: str, *arguments: object, **settings: str) -> Command:
        return Command(self.folder, who, *arguments, **settings)

    def run(self, who: str, *arguments: object, code: int = 0) -> dict[str, Any]:
        return self.start(who, *arguments).ends(code)


def at_page(browser: Browser, command: Command, *buttons: str, end: str) -> None:
    """Open its page, press these, see how it ends."""
    page = browser.open(command.url)
    for button in buttons:
        page.get_by_role("button", name=button).click()
    page.get_by_role("heading", name=end, exact=True).wait_for()
