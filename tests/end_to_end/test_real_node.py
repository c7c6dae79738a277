"""The command line on real parts, anvil and Kubo, with nothing but the network's folder; and with one of them gone."""

from __future__ import annotations

import json
import random
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from registry.config.network_file import write_settings
from registry.net.json_rpc import Call
from registry.net.json_rpc import Node as Endpoint
from tests.support.kubo_node import Node, running
from tests.support.paths import ROOT
from tests.support.real_network import DATUM, anvil, consent, document_of, make_network, make_parties, start

pytestmark = pytest.mark.slow
PURCHASES = ROOT / "registry" / "data" / "purchases.csv"
PATIENCE = 60.0


@pytest.fixture(scope="module")
def kubo() -> Iterator[Node]:
    with running() as node:
        yield node


@pytest.fixture(scope="module")
def chain() -> Iterator[str]:
    with anvil() as url:
        yield url


@pytest.fixture
def network(tmp_path: Path, chain: str, kubo: Node) -> Path:
    return make_network(tmp_path / "network", chain, ipfs=kubo.address)


@pytest.fixture
def world(tmp_path: Path, network: Path) -> Path:
    return make_parties(tmp_path, network)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_whole_story(world: Path, network: Path) -> None:
    alice, aurelle = world / "alice", world / "aurelle"
    consent(network, alice, "vault", "add", PURCHASES, "--category", DATUM)
    given = consent(network, alice, "grant", world / "request.json", "--yes")
    accepted = consent(network, aurelle, "accept", given["file"])["file"]
    assert consent(network, aurelle, "verify", accepted, "--accepted")["verified"] is True
    opened = consent(network, aurelle, "open", accepted, "--out", world / "opened")["bundles"]
    line = json.loads(Path(opened[0]["path"]).read_bytes())
    assert (world / "opened" / line["file"]["path"]).read_bytes() == PURCHASES.read_bytes()
    assert consent(network, alice, "revoke", given["file"])["transaction"]
    assert consent(network, aurelle, "verify", accepted, code=1)["error"] == "Revoked"
    assert consent(network, aurelle, "open", accepted, "--out", world / "again", code=1)["error"] == "Revoked"
    assert not (network / "blocks.sqlite").exists() and not (network / "chain.sqlite").exists()


def test_the_node_keeps_what_a_vault_holds(world: Path, network: Path, kubo: Node) -> None:
    alice = world / "alice"
    consent(network, alice, "vault", "add", PURCHASES, "--category", DATUM)
    kubo.run("repo", "gc", "--quiet")
    consent(network, alice, "grant", world / "request.json", "--yes")
    kubo.run("repo", "gc", "--quiet")
    index = consent(network, alice, "vault", "list")["index"]
    assert kubo.run("cat", index).startswith(b"age-encryption.org/v1\n")
    assert consent(network, alice, "vault", "sync")["state"] == "live"


def test_a_kubo_node_that_dies_in_the_middle_leaves_nothing_half_done(tmp_path: Path, chain: str) -> None:
    large = tmp_path / "large.bin"
    large.write_bytes(random.Random(7).randbytes(80_000_000))
    with running() as node:
        network = make_network(tmp_path / "network", chain, ipfs=node.address)
        world = make_parties(tmp_path, network)
        alice, aurelle = world / "alice", world / "aurelle"
        consent(network, alice, "vault", "add", PURCHASES, "--category", DATUM)
        given = consent(network, alice, "grant", world / "request.json", "--yes")
        before = len(node.block_files())
        adding = start(network, alice, "vault", "add", large, "--category", DATUM)
        wait_for(lambda: len(node.block_files()) > before or adding.poll() is not None)
        node.kill()
        assert document_of(adding, 3)["error"] in ("StorageDown", "StorageCut")
        refused = consent(network, alice, "grant", world / "request.json", "--yes", "--again", code=3)
        assert refused["error"] == "StorageDown" and "cannot be reached" in refused["message"]
        assert consent(network, aurelle, "open", given["file"], "--out", world / "opened", code=3)["exit"] == 3
        assert not (world / "opened").exists() and len(list((alice / "evidence").iterdir())) == 1
        # The chain decides, and it is there: verifying and revoking need no store.
        assert consent(network, aurelle, "verify", given["file"])["verified"] is True
        node.start()
        write_settings(network, ipfs=node.address)
        assert len(consent(network, alice, "vault", "list")["records"]) == 1
        consent(network, alice, "vault", "add", large, "--category", DATUM)
        assert len(consent(network, alice, "vault", "list")["records"]) == 2
        assert consent(network, aurelle, "open", given["file"], "--out", world / "opened")["bundles"]


def test_a_chain_that_dies_is_neither_yes_nor_no(tmp_path: Path, kubo: Node) -> None:
    state = ("--state", str(tmp_path / "state.json"))
    with anvil(*state) as url:
        network = make_network(tmp_path / "network", url, ipfs=kubo.address)
        world = make_parties(tmp_path, network)
        alice, aurelle = world / "alice", world / "aurelle"
        given = consent(network, alice, "grant", world / "request.json", "--yes")
    commands = (("grant", world / "request.json", "--yes"), ("verify", given["file"]), ("revoke", given["file"]))
    for command in (*commands, ("status",)):
        assert consent(network, alice, *command, code=3)["error"] == "LedgerUnavailable"
    assert len(list((alice / "evidence").iterdir())) == 1
    with anvil(*state) as url:
        write_settings(network, rpc_url=url)
        assert consent(network, aurelle, "verify", given["file"])["verified"] is True
        consent(network, alice, "revoke", given["file"])
        assert consent(network, aurelle, "verify", given["file"], code=1)["error"] == "Revoked"


def test_who_waits_no_longer_completes_it_later(tmp_path: Path, kubo: Node) -> None:
    with anvil() as url:
        network = make_network(tmp_path / "network", url, ipfs=kubo.address)
        world = make_parties(tmp_path, network)
        alice = world / "alice"
        consent(network, alice, "vault", "add", PURCHASES, "--category", DATUM)
        # Her account for this brand is noted in the vault's index, which stays; after this it is there.
        consent(network, alice, "refuse", world / "request.json", "--yes")
        before, kept = kubo.block_files(), list((alice / "evidence").iterdir())
        Endpoint(url, 10).ask(Call("evm_setAutomine", (False,)))
        granting = start(network, alice, "grant", world / "request.json", "--yes", "-v")
        assert granting.stderr is not None
        # Its transaction is with the node, which makes no block.
        while "waiting for a block" not in (line := granting.stderr.readline()):
            assert line, granting.communicate(timeout=PATIENCE)
        granting.send_signal(signal.SIGINT)
        granting.communicate(timeout=PATIENCE)
        assert granting.returncode == 130
        # The bundle's segment and head, the capsule, and an index and a book in place of the ones before; each in a
        # block of its own with its pin.
        assert len(set(kubo.block_files()) - set(before)) > 4
        assert list((alice / "evidence").iterdir()) == kept
        Endpoint(url, 10).ask(Call("evm_setAutomine", (True,)))
        Endpoint(url, 10).ask(Call("evm_mine"))
        consent(network, alice, "status")
        assert len(list((alice / "evidence").iterdir())) == len(kept) + 1
