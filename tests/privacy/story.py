"""One whole story on real parts, recorded on every hop: two people, two brands, a notary, an auditor, real nodes."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from registry.client.home import Home
from registry.client.network_config import open_network
from registry.config.network_file import read_settings, settings_of, write_settings
from registry.core.evidence.file import Evidence, parse_evidence
from registry.core.scalars import to_hex
from registry.ledger.anvil import ETHER, Anvil
from registry.ledger.base import Deployment, write_deployment
from registry.vault.database import Database
from registry.vault.draft import Draft
from tests.support.devnet_runs import CONSENT, document, environment
from tests.support.forked_commands import Commands, commands
from tests.support.http_tap import Tap
from tests.support.kubo_node import Node
from tests.support.levers import AnvilLevers, running_anvil
from tests.support.notary_runs import Notary, make_notary
from tests.support.paths import ROOT
from tests.support.postgres import PostgresServer

PEOPLE, BRANDS = ("alice", "bob"), ("aurelle", "boreal")
# Names that no other text holds, so that a find is a find.
NAMES = {"aurelle": "Maison Aurelle Zwirn", "boreal": "Boreal Quellgrund"}
SECONDS = 90.0


def until(look: Callable[[], Any], seconds: float = SECONDS) -> Any:
    """Return what ``look`` finds, once that is true."""
    ends = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < ends, "it never came"
        time.sleep(0.1)
    return found


def at_once(*works: Callable[[], Any]) -> None:
    """Do all of these, each in a thread of its own; raise what the first of them raised."""
    with ThreadPoolExecutor(len(works)) as pool:
        for done in [pool.submit(work) for work in works]:
            done.result()


@dataclass
class BrandRun:
    """A brand's service as its operator runs it, with a tap before each of its listeners."""

    name: str
    folder: Path
    database: str
    public: Tap = field(default_factory=Tap)
    internal: Tap = field(default_factory=Tap)

    @property
    def log(self) -> Path:
        """What its three processes write to stderr, at the level that an operator uses to look for faults."""
        return self.folder.with_name(f"{self.name}.log")

    @contextmanager
    def running(self, environ: dict[str, str]) -> Iterator[None]:
        line = [*CONSENT, "brand", "serve", "-v", "--json", "--dir", str(self.folder)]
        with self.log.open("ab") as log:
            process = subprocess.Popen(line, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        assert process.stdout is not None
        try:
            for told in (json.loads(process.stdout.readline()) for _ in range(2)):
                tap = self.public if told["part"] == "public" else self.internal
                tap.target = int(told["url"].rpartition(":")[2])
            yield
        finally:
            process.terminate()
            process.wait(SECONDS)
            process.stdout.close()
        assert process.returncode == 0, self.log.read_text()


@dataclass
class Story:
    """The world, and what was said and written in it. ``links`` has the requests' by brand, and capabilities."""

    folder: Path
    chain: str
    deployment: Deployment
    kubo: Node
    postgres: PostgresServer
    commands: Commands
    notary_account: str = ""
    taps: dict[str, Tap] = field(default_factory=dict)
    brands: dict[str, BrandRun] = field(default_factory=dict)
    given: list[tuple[str, str, Evidence]] = field(default_factory=list)
    links: dict[str, str] = field(default_factory=dict)
    ended: list[Evidence] = field(default_factory=list)
    verified: tuple[int, int] = (0, 0)
    """The newest block before and after everybody verified."""
    _guard: threading.Lock = field(default_factory=threading.Lock)

    @property
    def network(self) -> Path:
        return self.folder / "network"

    def tap(self, name: str, target: int = 0) -> Tap:
        """Return the tap of this name; the first time it is made."""
        with self._guard:
            if name not in self.taps:
                self.taps[name] = Tap(target)
            return self.taps[name]

    def around(self, who: str) -> dict[str, str]:
        """Return what is in a party's environment: the network by way of its own taps."""
        port = int(self.chain.rpartition(":")[2])
        around = {"CONSENT_NETWORK": str(self.network), "CONSENT_HOME": str(self.folder / who)}
        notary = self.tap("notary to brands" if who in BRANDS else "notary to people")
        around["CONSENT_NOTARY"] = f"{notary.url}#{self.notary_account}"
        around["CONSENT_RPC_URL"] = self.tap(f"node to {who}", port).url
        if who in PEOPLE:  # brands and the notary have a store of their own
            around["CONSENT_IPFS"] = f"/ip4/127.0.0.1/tcp/{self.tap('store', self.kubo.api).port}"
        return around

    def told(self, who: str, *words: object) -> dict[str, Any]:
        """Run a command of this party, and return the JSON that it prints."""
        return document(self.run(who, *words, "--json"))

    def run(self, who: str, *words: object, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a command of this party; `more` are variables of its environment."""
        around = environment(self.folder, **self.around(who) | more)
        return self.commands.run([str(each) for each in words], around)

    def tip(self) -> int:
        """Return the number of the chain's newest block."""
        return Anvil(self.chain).tip().number

    def settle(self) -> None:
        """Let the chain's clock be the machine's: a block of now."""
        AnvilLevers(self.chain, self.deployment).mine(1)

    def vault(self, who: str) -> Database:
        """Open a person's vault, by way of the tap before its store."""
        settings = settings_of(read_settings(self.network) | {"ipfs": self.around(who)["CONSENT_IPFS"]}, "the story")
        return self.home(who).open_vault(open_network(self.network, settings), "")

    def home(self, who: str) -> Home:
        """Return a party's home."""
        return Home(self.folder / who)


@contextmanager
def told_story(folder: Path, postgres: PostgresServer) -> Iterator[Story]:
    """Tell the story, and yield it while its chain and its store still run; the services have ended."""
    with ExitStack() as stack:
        chain, deployment = stack.enter_context(running_anvil())
        kubo = stack.enter_context(Node(folder / "kubo"))
        story = Story(folder, chain, deployment, kubo, postgres, stack.enter_context(commands()))
        stack.callback(lambda: [tap.close() for tap in story.taps.values()])
        with ExitStack() as services:
            _open_network(story, services)
            at_once(*(partial(_open_brand, story, name, services) for name in BRANDS))
            _tell(story)
        yield story


def _open_network(story: Story, services: ExitStack) -> None:
    story.network.mkdir()
    write_deployment(story.network / "deployment.json", story.deployment)
    write_settings(story.network, rpc_url=story.chain)
    for name in BRANDS:
        url = story.postgres.new_database() if name == "boreal" else ""
        story.brands[name] = BrandRun(name, story.folder / f"{name} service", url)
    write_settings(story.network, domains={f"{name}.example": run.public.url for name, run in story.brands.items()})
    story.notary_account = make_notary(story.folder / "notary")
    Anvil(story.chain).fund(story.notary_account, ETHER)
    notary = services.enter_context(Notary(story.folder / "notary", story.network, "-v"))
    for name in ("notary to people", "notary to brands"):
        story.tap(name, int(notary.url.rpartition(":")[2]))
    for name in (*PEOPLE, *BRANDS, "auditor"):
        story.home(name).create("")
    story.settle()
    until(notary.is_ready)


def _open_brand(story: Story, name: str, services: ExitStack) -> None:
    """Make a brand's folder; it asks for purchases by a link; its service runs."""
    brand = story.brands[name]
    notice = _notice(story, name)
    who = ("--name", NAMES[name], "--domain", f"{name}.example", "--contact", f"privacy@{name}.example")
    how = ("--url", f"https://{name}.example", "--database", brand.database, "--dir", brand.folder)
    story.told(name, "brand", "init", *who, *how)
    settings = brand.folder / "brand.toml"
    text = settings.read_text().replace("# port = 8700", "port = 0")
    settings.write_text(text.replace("# internal_port = 8701", "internal_port = 0"))
    asked = story.told(name, "brand", "request", "--notice", notice, "--data", "pd:Purchase", "--dir", brand.folder)
    story.links[name] = asked["link"]
    services.enter_context(brand.running(environment(story.folder, **story.around(name))))


def _notice(story: Story, name: str) -> Path:
    draft = json.loads((ROOT / "registry" / "data" / "demo_notice.json").read_bytes())
    draft["controller"]["name"] = NAMES[name]
    path, out = story.folder / f"{name} draft.json", story.folder / f"{name} notice.json"
    text = (
        json.dumps(draft)
        .replace('"Maison Aurelle"', json.dumps(NAMES[name]))
        .replace("aurelle.example", f"{name}.example")
    )
    path.write_text(text)
    story.told(name, "notice", "new", path, "--out", out)
    story.told(name, "notice", "publish", out)
    return out


def _fill(story: Story, who: str, *numbers: int) -> None:
    """Give a person records whose words stand nowhere else."""
    with story.vault(who) as vault:
        vault.add(_purchase(who, number) for number in numbers)


def _purchase(who: str, number: int) -> Draft:
    body = {
        "name": f"{who} Sternwurz-Tinktur {number:02}",
        "orderDate": f"2026-0{number}-11",
        "price": f"73{number}.19",
        "priceCurrency": "EUR",
        "seller": f"Kräuterhaus {who} Zaunkönig",
        "description": f"{who} kept to herself: Mondraute {number:02}",
    }
    return Draft("pd:Purchase", "purchase/1", body=body)


def _alice(story: Story) -> None:
    _fill(story, "alice", *range(1, 8))
    for _ in range(2):  # the same grant twice
        _answers(story, "alice", "aurelle", "grant", "--again")
    _answers(story, "alice", "boreal", "grant")


def _bob(story: Story) -> None:
    _fill(story, "bob", *range(1, 8))
    _answers(story, "bob", "aurelle", "grant")
    _answers(story, "bob", "boreal", "refuse")


def _tell(story: Story) -> None:
    at_once(partial(_alice, story), partial(_bob, story))
    story.given.sort(key=lambda each: each[:2])
    _use(story)
    _fill(story, "alice", 8)
    story.told("alice", "vault", "sync")
    _verify(story)
    story.told("alice", "uses", to_hex(story.given[1][2].digest))
    _ends(story, story.given[0][2])


def _answers(story: Story, who: str, brand: str, *words: object) -> None:
    """Follow a brand's link and answer; wait for what the brand makes of it."""
    done = story.told(who, words[0], story.links[brand], "--yes", *words[1:])
    assert done["delivery"]["state"] == "delivered", done
    until(lambda: story.told(who, "status", "--brand", done["digest"])["brandSays"] == "complete")
    evidence = parse_evidence((story.folder / who / "evidence" / f"{done['digest']}.json").read_bytes())
    delivery = story.home(who).deliveries(story.network).find(done["digest"])
    assert delivery is not None
    story.links[f"{who} {brand} {len(story.given)}"] = str(delivery.capability)
    story.given.append((who, brand, evidence))


def _use(story: Story) -> None:
    """Each brand asks whether it may, reads what was handed over, and writes to its people, who fetch it."""
    at_once(*(partial(_uses, story, *each) for each in story.given))
    at_once(*(partial(story.told, who, "vault", "pull") for who in PEOPLE))


def _uses(story: Story, who: str, brand: str, evidence: Evidence) -> None:
    message: Any = evidence.statement.message
    question = {"subject": message.subject, "purpose": message.purposes[0], "data": ["pd:Purchase"]}
    internal = story.brands[brand].internal.url
    may = httpx.post(f"{internal}/v1/allowed", json=question, timeout=SECONDS)
    assert may.json()["allowed"] is (evidence.kind == "Grant"), may.text
    if evidence.kind == "Grant":
        _reads_and_writes(story, brand, who, evidence)


def _reads_and_writes(story: Story, brand: str, who: str, evidence: Evidence) -> None:
    run, digest = story.brands[brand], to_hex(evidence.digest)
    out = story.folder / f"{brand} read {who} {digest[:8]}"
    where = ("--purpose", "dpv:Personalisation", "--url", run.internal.url, "--dir", run.folder, "--out", out)
    story.told(brand, "brand", "data", "show", digest, *where)
    body = {"name": f"{brand} Dankgabe Eibisch", "orderDate": "2026-10-11", "seller": f"{brand} Hofladen"}
    record = {"id": "gift", "category": "pd:Purchase", "schema": "purchase/1", "body": body}
    letter = {"grant": digest, "text": f"{brand} writes: your Eibisch is on its way.", "records": [record]}
    until(lambda: httpx.post(f"{run.internal.url}/v1/messages", json=letter, timeout=SECONDS).status_code == 201)


def _verify(story: Story) -> None:
    """An auditor and a brand verify every file; the chain must not notice."""
    before = story.tip()
    readers = ("auditor", *BRANDS)
    at_once(*(partial(_verified, story, reader) for reader in readers))
    story.verified = (before, story.tip())


def _verified(story: Story, reader: str) -> None:
    for who, brand, evidence in story.given:
        if reader in ("auditor", brand):
            file = story.folder / who / "evidence" / f"{to_hex(evidence.digest)}.json"
            assert story.told(reader, "verify", file)["verified"] is True


def _ends(story: Story, evidence: Evidence) -> None:
    """Alice ends a grant in private, and hears that the brand has stopped."""
    digest = to_hex(evidence.digest)
    story.told("alice", "revoke", digest, "--yes")
    story.ended.append(evidence)
    until(lambda: story.told("alice", "status", "--brand", digest)["acknowledged"])
