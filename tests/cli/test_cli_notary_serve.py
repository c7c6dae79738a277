"""A notary as an operator runs it: real processes on anvil, from `serve` to SIGTERM, and what happens in between."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from registry.core.crypto.keccak import keccak256
from registry.core.facts import HandleQuery
from registry.core.merkle import root_from
from registry.core.promises import parse_signed_promise
from registry.core.scalars import ZERO_WORD, to_hex, unhex
from registry.ledger.anvil import ETHER, Anvil
from registry.ledger.base import Deployment
from registry.ledger.rpc import RpcLedger
from tests.support.devnet_runs import CONSENT, PATIENCE, consent, environment
from tests.support.notary_runs import Notary, commitment, make_network, make_notary, until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="the parts of a notary are looked up in /proc"),
]


class Site:
    """A network on anvil, and a notary with play money that has not run yet."""

    def __init__(self, folder: Path, node: tuple[str, Deployment], **settings: Any) -> None:
        self.anvil, self.ledger = Anvil(node[0]), RpcLedger(*node)
        self.network = make_network(folder / "network", node)
        self.folder = folder / "notary"
        self.account = make_notary(self.folder, **settings)
        self.anvil.fund(self.account, 10 * ETHER)

    def serve(self, *options: str, **more: str) -> Notary:
        return Notary(self.folder, self.network, *options, **more)

    def anchored_at(self, item: str, anchor: dict[str, Any]) -> int:
        """The chain's word, after the proof was checked."""
        assert to_hex(root_from(unhex(item), map(unhex, anchor["proof"]))) == anchor["root"]
        query = HandleQuery(anchor["root"], ZERO_WORD)
        return self.ledger.facts([query]).anchors[query].anchored_at


@pytest.fixture
def site(tmp_path: Path, anvil: tuple[str, Deployment]) -> Site:
    return Site(tmp_path, anvil)


def test_an_operators_day(site: Site) -> None:
    before = site.serve().run("status")
    assert before.returncode == 2 and "has not run yet" in before.stderr
    first, second = commitment(), commitment()
    with site.serve() as notary:
        promise = notary.anchor(first)
        parsed = parse_signed_promise(json.dumps(promise).encode())
        assert parsed.notary == site.account and parsed.message.items == (first,)
        assert notary.anchor(first) == promise  # a repeat
        anchor = notary.anchored(first)
        assert 0 < site.anchored_at(first, anchor) <= parsed.message.due

        status = notary.run("status")
        found = json.loads(status.stdout)
        assert status.returncode == 0 and found["troubles"] == [] and found["anchored"] == 1, found
        assert 0 < int(found["spent"]) < int(found["ceiling"]) and found["gasAGrant"] > 20_000
        assert found["account"] == site.account and found["waiting"] == 0 and found["block"] > 0

        # A sponsor is known at once, without a restart.
        added = json.loads(notary.run("sponsors", "add", "aurelle", "--budget", "3").stdout)
        assert json.loads(notary.run("sponsors", "list").stdout)["sponsors"][0]["name"] == "aurelle"
        assert len(added["key"]) >= 43

        # An ending, by its opening.
        secret, tag = os.urandom(32), os.urandom(32)
        body = {"openings": [{"secret": to_hex(secret), "tag": to_hex(tag)}]}
        code, ending = notary.ask("POST", "/v1/revocations", body)
        assert code == 202
        handle = to_hex(keccak256(keccak256(secret) + tag))
        query = HandleQuery(ZERO_WORD, handle)
        revoked: int = until(lambda: site.ledger.facts([query]).anchors[query].revoked_at)
        assert revoked <= parse_signed_promise(json.dumps(ending["promise"]).encode()).message.due
        notary.anchor(second)
        assert notary.end() == 0
    # What got a 202 is anchored after a restart, if it was not before.
    with site.serve() as notary:
        assert site.anchored_at(second, notary.anchored(second)) > 0
        assert "Traceback" not in notary.errors.read_text()
        assert not any(secret_ in notary.errors.read_text() for secret_ in (added["key"], to_hex(secret)))


@pytest.mark.parametrize("part", ["api", "worker"])
def test_a_part_that_dies_is_started_again(site: Site, part: str) -> None:
    with site.serve() as notary:
        first, second = commitment(), commitment()
        notary.anchor(first)
        victim = notary.part(part)
        os.kill(victim, signal.SIGKILL)
        if part == "api":
            notary.listens()
        assert until(lambda: notary.part(part) != victim)
        notary.anchor(second)
        for each in (first, second):
            assert site.anchored_at(each, notary.anchored(each)) > 0
        assert f"the {part} has ended (signal 9)" in notary.errors.read_text()


def test_the_passphrase_stays_in_a_file_and_in_pipes(tmp_path: Path, anvil: tuple[str, Deployment]) -> None:
    phrase = "correct horse battery staple"
    site, file = Site(tmp_path, anvil, phrase=phrase), tmp_path / "phrase"
    file.write_text(f"{phrase}\n")
    file.chmod(0o600)
    with site.serve(CONSENT_PASSPHRASE_FILE=str(file)) as notary:
        pids = [notary.process.pid, notary.part("api"), notary.part("worker")]
        for pid, name in itertools.product(pids, ("cmdline", "environ")):
            assert phrase.encode() not in Path(f"/proc/{pid}/{name}").read_bytes()
        file.unlink()  # a part that dies gets it from the supervisor
        os.kill(pids[2], signal.SIGKILL)
        item = commitment()
        notary.anchor(item)
        assert site.anchored_at(item, notary.anchored(item)) > 0
        assert phrase not in notary.errors.read_text()
    file.write_text("wrong horse battery staple\n")
    file.chmod(0o600)
    line = [*CONSENT, "notary", "serve", "--dir", str(site.folder), "--passphrase-file", str(file)]
    wrong = subprocess.run(line, env=notary.environment, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert wrong.returncode == 2 and "does not open it" in wrong.stderr


def test_nothing_is_left_when_the_supervisor_is_killed(site: Site) -> None:
    notary = site.serve()
    notary.__enter__()
    parts = [notary.part(name) for name in ("api", "worker")]
    notary.process.kill()
    notary.process.wait(PATIENCE)
    assert until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in parts))
    notary.close()


def test_parts_on_their_own_and_a_flush(tmp_path: Path, anvil: tuple[str, Deployment]) -> None:
    """An API without a worker promises nothing; what it took before is anchored by `flush`, without a worker."""
    site = Site(tmp_path, anvil, batch_seconds=50)
    items = [commitment() for _ in range(5)]
    with site.serve("--only", "api") as api:
        status, problem = api.ask("POST", "/v1/commitments", {"commitments": items})
        assert status == 503 and problem["type"].endswith("WorkerSilent")
        with site.serve("--only", "worker"):
            api.anchor(*items)
            assert api.ask("GET", f"/v1/commitments/{items[0]}")[1]["state"] == "waiting"
        flushed = api.run("flush")
        assert flushed.returncode == 0, flushed
        assert json.loads(flushed.stdout) == {"batches": 1, "commitments": 5}
        assert all(site.anchored_at(item, api.anchored(item)) for item in items)
        assert json.loads(api.run("flush").stdout) == {"batches": 0, "commitments": 0}
    with site.serve() as notary:  # and with a worker that runs
        item = commitment()
        notary.anchor(item)
        assert json.loads(notary.run("flush", "--wait", "30").stdout) == {"batches": 1, "commitments": 1}
        assert site.anchored_at(item, notary.anchored(item)) > 0


def test_rebuild_restores_what_the_chain_and_the_store_hold(site: Site) -> None:
    items = [commitment() for _ in range(3)]
    with site.serve() as notary:
        notary.anchor(*items)
        anchor = notary.anchored(items[0])
        notary.end()
        for file in site.folder.glob("chain.sqlite*"):
            file.unlink()
        restored = notary.run("rebuild")
        assert restored.returncode == 0, restored
        found = json.loads(restored.stdout)
        assert (found["restored"], found["commitments"], found["missing"]) == (1, 3, [])
        assert json.loads(notary.run("rebuild").stdout)["known"] == 1
        # A manifest that is lost is reported.
        for file in (*site.folder.glob("chain.sqlite*"), site.network / "blocks.sqlite"):
            file.unlink()
        lost = notary.run("rebuild")
        assert lost.returncode == 3 and [one["root"] for one in json.loads(lost.stdout)["missing"]] == [anchor["root"]]


def test_what_is_missing_is_said(tmp_path: Path, anvil: tuple[str, Deployment]) -> None:
    site = Site(tmp_path, anvil)
    site.anvil._answer("anvil_setBalance", site.account, "0x0")
    with site.serve() as notary:
        assert f"Send the chain's currency to {site.account}" in notary.errors.read_text()
        status = until(lambda: _in_trouble(notary))
        assert status.returncode == 1 and "has no funds" in status.stdout
        # Once, and not by each of its processes.
        assert notary.errors.read_text().count("Send the chain's currency") == 1
        # Refilled, it works without a restart.
        site.anvil.fund(site.account, ETHER)
        item = commitment()
        notary.anchor(item)
        assert site.anchored_at(item, notary.anchored(item)) > 0


def test_what_reads_no_key_takes_no_passphrase(site: Site) -> None:
    for name in ("status", "rebuild"):
        done = consent(site.folder.parent, "notary", name, "--passphrase-fd", "0")
        assert done.returncode == 2 and "no such option" in done.stderr


def test_a_port_that_is_taken_ends_it(site: Site) -> None:
    with site.serve() as notary:
        port = notary.url.rpartition(":")[2]
        line = [*CONSENT, "notary", "serve", "--dir", str(site.folder), "--port", port]
        done = subprocess.run(
            line, env=notary.environment, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    assert done.returncode == 2 and f"cannot listen on 127.0.0.1 port {port}" in done.stderr


def test_a_machine_more_on_one_postgresql(tmp_path: Path, anvil: tuple[str, Deployment], postgres_url: str) -> None:
    site = Site(tmp_path, anvil, database=postgres_url)
    items = [commitment() for _ in range(3)]
    with site.serve() as notary, site.serve("--only", "worker") as second:
        notary.anchor(items[0])
        # Whichever of them sends, the other one takes over.
        os.kill(notary.part("worker"), signal.SIGKILL)
        notary.anchor(items[1])
        until(lambda: notary.ask("GET", f"/v1/commitments/{items[1]}")[1].get("anchor"))
        assert second.end() == 0
        notary.anchor(items[2])
        assert all(site.anchored_at(item, notary.anchored(item)) for item in items)
        assert notary.run("status").returncode == 0
    assert not list(site.folder.glob("*.sqlite"))


def _refusal(notary: Notary) -> dict[str, Any] | None:
    status, answer = notary.ask("GET", "/readyz")
    return answer if status == 503 and not answer["type"].endswith("WorkerSilent") else None


def _in_trouble(notary: Notary) -> subprocess.CompletedProcess[str] | None:
    done = notary.run("status")
    return done if "one transaction may take" in done.stdout else None


def test_a_wrong_network_ends_it_and_a_node_that_is_away_does_not(
    tmp_path: Path, anvil: tuple[str, Deployment]
) -> None:
    site = Site(tmp_path, anvil, promise_seconds=20, relay_seconds=20)
    other = make_network(tmp_path / "other", (anvil[0], Deployment(5, anvil[1].registry, anvil[1].verifier, 0)))
    line = [*CONSENT, "notary", "serve", "--dir", str(site.folder), "--network"]
    wrong = subprocess.run(
        [*line, str(other)], env=environment(tmp_path), capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert wrong.returncode == 2 and "is on chain 31337, and the network on 5" in wrong.stderr
    nowhere = ["--rpc-url", "http://127.0.0.1:9"]
    with site.serve(*nowhere) as notary:
        assert "waits" in notary.errors.read_text()
        assert notary.ask("GET", "/healthz")[0] == 200
        problem = until(lambda: _refusal(notary))  # after a quarter of the promise's span
        assert problem["type"].endswith("LedgerUnavailable")
        status = notary.run("status", *nowhere)
        assert status.returncode == 3 and json.loads(status.stdout)["block"] is None
