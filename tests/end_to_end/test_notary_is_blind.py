"""The notary learns nothing: its database, its log and its traffic over a whole story, scanned for all of it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from registry.client.home import Home
from registry.client.network_config import open_network
from registry.config.network_file import read_settings, write_settings
from registry.core.evidence.file import Evidence, parse_evidence
from registry.core.merkle import commitment
from registry.core.scalars import unhex
from registry.ledger.anvil import Anvil
from registry.net.json_rpc import Call, Node
from tests.support.devnet_runs import Run, consent, document
from tests.support.privacy_scan import Scanner, files_below, packed
from tests.support.story_secrets import handed_over, secrets_of, signed
from tests.support.tcp_proxy import Wire
from tests.support.tools import tool

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="what is left running is looked up in /proc"),
]


def told(run: Run, world: Path, who: str, *words: object) -> dict[str, Any]:
    more = {"CONSENT_NETWORK": run.network, "CONSENT_HOME": str(world / who)}
    return document(consent(run.folder.parent, *words, "--json", **more))


def story(run: Run, world: Path) -> list[Evidence]:
    """A grant with an acceptance, a refusal, and an end in private; nobody names who pays."""
    assert (
        consent(run.folder.parent, "demo", "--network", run.network, "--until", "asked", "--dir", world).returncode == 0
    )
    request = world / "request.json"
    grant = told(run, world, "alice", "grant", request, "--yes")
    accepted = told(run, world, "aurelle", "accept", grant["file"])
    told(run, world, "alice", "revoke", grant["file"], "--yes")
    refusal = told(run, world, "alice", "refuse", request, "--yes")
    return [parse_evidence(Path(one["file"]).read_bytes()) for one in (accepted, refusal)]


def test_the_notary_learns_nothing(tmp_path: Path) -> None:
    tool("anvil")
    tool("kubo")
    folder, world = tmp_path / "devnet", tmp_path / "world"
    with Run(folder) as run, Wire(int(run.ready["notary"].rpartition(":")[2])) as wire:
        (named,) = read_settings(folder / "network")["notary"]
        write_settings(folder / "network", notary=[f"{wire.url}#{named.partition('#')[2]}"])
        relay = run.ready["accounts"]["relay"]["address"]
        sent = Node(run.ready["rpcUrl"], 5).ask(Call("eth_getTransactionCount", (relay, "latest")))
        files = story(run, world)
        assert Node(run.ready["rpcUrl"], 5).ask(Call("eth_getTransactionCount", (relay, "latest"))) == sent
        assert Anvil(run.ready["rpcUrl"]).tip().number > 4
        places = [*files_below(folder / "notary"), ("log", (folder / "logs" / "notary.log").read_bytes())]
        places.append(("traffic", bytes(wire.seen)))
        with Home(world / "alice").open_vault(open_network(folder / "network"), "") as vault:
            secrets = secrets_of(files) | handed_over(vault)
    commitments = {kind: commitment(hashed, signature) for kind, _, hashed, signature in signed(files)}
    assert len(secrets) > 20 and len(wire.seen) > 1_000
    assert Scanner(secrets).scan(places) == []

    # The scan sees what is there: the notary's own business, and each of five that are planted.
    names = {found.name for found in Scanner(commitments).scan(places)}
    assert names == set(commitments) == {"Grant", "Acceptance", "Refusal"}
    check_planted(secrets, places)


def check_planted(secrets: dict[str, bytes | str], places: list[tuple[str, bytes]]) -> None:
    clean = dict(places)
    hidden: dict[str, tuple[str, Callable[[Any], bytes]]] = {
        "Grant subject 0": ("log", lambda secret: str(secret).lower().encode()),
        "Grant digest": ("intake.sqlite", lambda secret: bytes(secret)),
        "Grant purposes 0": ("traffic", lambda secret: json.dumps({"purpose": secret}).encode()),
        "bundle 0 name": ("log", lambda secret: unhex(secret)),
        "record 0 seller": ("traffic", lambda secret: json.dumps({"seller": secret}).encode()),
        "Grant content 0 CID": ("notary.toml", lambda secret: packed(str(secret).encode())),
        "Grant statement 0": ("chain.sqlite", lambda secret: str(secret).encode("utf-16-le")),
    }
    for name, (place, spelled) in hidden.items():
        found = Scanner(secrets).scan([(place, clean[place] + spelled(secrets[name]))])
        assert name in {one.name for one in found}, name
