"""A notary on PostgreSQL is blind too: its tables, log and traffic after a grant, tokens, sponsors, a signed ending."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from registry.core.evidence.file import parse_evidence
from registry.core.merkle import commitment
from registry.core.scalars import to_hex
from registry.ledger.anvil import ETHER, Anvil
from registry.ledger.base import Deployment
from tests.support.database_dumps import tables_of
from tests.support.devnet_runs import consent, document
from tests.support.notary_runs import Notary, make_network, make_notary
from tests.support.privacy_scan import Scanner
from tests.support.story_secrets import secrets_of, signed
from tests.support.tcp_proxy import Wire

pytestmark = pytest.mark.slow
PUBLIC = ("Grant subject 0", "Grant revocation 0")  # a signed Revoke shows whose lock it opens, on the chain too


def test_nothing_holds_what_a_notary_must_not_know(
    tmp_path: Path, own_anvil: tuple[str, Deployment], postgres_url: str
) -> None:
    network, folder, world = make_network(tmp_path / "network", own_anvil), tmp_path / "notary", tmp_path / "world"
    account = make_notary(folder, database=postgres_url)
    Anvil(own_anvil[0]).fund(account, ETHER)
    with Notary(folder, network) as notary, Wire(int(notary.url.rpartition(":")[2])) as wire:
        named = f"{wire.url}#{account}"

        def told(who: str, *words: object) -> dict[str, Any]:
            more = {"CONSENT_NETWORK": str(network), "CONSENT_HOME": str(world / who), "CONSENT_NOTARY": named}
            return document(consent(tmp_path, *words, "--json", **more))

        key = json.loads(notary.run("sponsors", "add", "aurelle", "--budget", "3").stdout)["key"]
        document(consent(tmp_path, "demo", "--network", network, "--until", "asked", "--dir", world, "--json"))
        told("alice", "notary", "draw", "--count", 2)
        file = told("alice", "grant", world / "request.json", "--yes")["file"]
        given = told("aurelle", "accept", file)["file"]
        told("alice", "revoke", file, "--open", "--yes")
        places = [*tables_of(postgres_url), ("log", notary.errors.read_bytes()), ("traffic", bytes(wire.seen))]
    assert all(dict(places)[name] for name in ("requests", "tokens", "sponsors", "endings", "batches", "transactions"))
    files = [parse_evidence(Path(given).read_bytes())]
    secrets = {name: value for name, value in secrets_of(files).items() if name not in PUBLIC} | {"key": key}
    assert len(secrets) > 15 and len(wire.seen) > 5_000 and Scanner(secrets).scan(places) == []
    # The scan sees what is there: commitments, the account that ended openly, and each planted secret.
    subject = secrets_of(files)["Grant subject 0"]
    own = {kind: commitment(hashed, signature) for kind, _, hashed, signature in signed(files)}
    assert {one.name for one in Scanner({**own, "subject": subject}).scan(places)} == {*own, "subject"}
    for name in ("Grant digest", "Grant controller 0", "Grant content 0"):
        value = secrets[name]
        row = to_hex(value) if isinstance(value, bytes) else value.lower()
        planted = [("a table", f"1\t{row}\n".encode()), ("traffic", bytes(wire.seen) + row.encode())]
        found = Scanner(secrets).scan(planted)
        assert {one.place for one in found if one.name == name} == {"a table", "traffic"}
