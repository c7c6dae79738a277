"""`consent brand data` against the running service: the list, the reading, the no after the end. Real processes."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest

from registry.brand.custody import FILE as BLOCKS
from registry.brand.data_client import DataClient
from registry.core.errors import CouldNotCheck, InvalidInput, PurposeNotGranted, Revoked
from registry.core.evidence.file import parse_evidence, write_evidence
from registry.core.scalars import to_hex
from registry.storage.sqlite_store import SqliteBlocks
from tests.brand.test_brand_story import FILE, Served, serving, until
from tests.support.real_network import DATUM, anvil, consent, make_network, make_parties

pytestmark = pytest.mark.slow
PERSONAL = "dpv:Personalisation"


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def a_brand(network: Path, home: Path, folder: Path) -> None:
    named = ("--name", "Maison Aurelle", "--domain", "aurelle.example", "--contact", "privacy@aurelle.example")
    consent(network, home, "brand", "init", *named, "--url", "https://aurelle.example", "--dir", folder)
    settings = folder / "brand.toml"
    text = settings.read_text().replace("# port = 8700", "port = 0")
    text = text.replace("# internal_port = 8701", f"internal_port = {free_port()}")
    # The request here is a file that the brand's service did not publish.
    settings.write_text(text.replace("# asked_only = true", "asked_only = false"))


def granted(tmp_path: Path, network: Path) -> Any:
    """Alice adds a file and a fact, and grants; return her evidence."""
    alice, receipt = tmp_path / "alice", tmp_path / "receipt.txt"
    receipt.write_bytes(b"mushrooms, 12.50\n" * 100_000)
    consent(network, alice, "vault", "add", receipt, "--category", DATUM)
    consent(network, alice, "grant", tmp_path / "request.json", "--yes", "--days", "30", "--names")
    return parse_evidence(next((alice / "evidence").glob("0x*.json")).read_bytes())


def deliver(served: Served, evidence: Any) -> None:
    sent = httpx.post(f"{served.public}/v1/evidence", content=write_evidence(evidence), headers={"Content-Type": FILE})
    assert sent.status_code in (201, 202), sent.text


def test_what_was_handed_over_is_read_until_the_end(tmp_path: Path) -> None:
    with anvil() as url:
        network = make_network(tmp_path / "network", url)
        make_parties(tmp_path, network)
        home, folder = tmp_path / "aurelle", tmp_path / "brand"
        a_brand(network, home, folder)
        where = ("--dir", folder)
        consent(network, home, "brand", "data", *where, code=3)  # the service does not run
        with serving(network, home, folder) as served:
            evidence = granted(tmp_path, network)
            digest = to_hex(evidence.digest)
            deliver(served, evidence)
            until(lambda: served.asks(evidence.statement.message.subject).json().get("allowed"))
            # They share the network's store on this machine, so nothing needs to be sent.
            out = tmp_path / "out"
            read = consent(network, home, "brand", "data", "show", digest, "--purpose", PERSONAL, "--out", out, *where)
            assert (read["records"], read["files"]) == (1, 1)
            (line,) = [json.loads(each) for each in (out / "records.jsonl").read_text().splitlines()]
            assert (out / line["path"]).read_bytes() == (tmp_path / "receipt.txt").read_bytes()
            (held,) = consent(network, home, "brand", "data", *where)["grants"]
            assert (held["grant"], held["complete"]) == (digest, True)
            shown = consent(
                network,
                home,
                "brand",
                "data",
                "show",
                evidence.statement.message.subject,
                "--purpose",
                PERSONAL,
                *where,
            )
            assert [each["id"] for each in shown["records"]] == [line["id"]]
            consent(network, home, "brand", "data", "show", digest, "--purpose", "dpv:Advertising", *where, code=1)
            consent(network, home, "brand", "data", "show", "0x12", "--purpose", PERSONAL, *where, code=2)
            clients_raise(served, digest)

            consent(network, tmp_path / "alice", "revoke", digest, "--yes")
            until(lambda: served.asks(evidence.statement.message.subject).json().get("allowed") is False)
            consent(network, home, "brand", "data", "show", digest, "--purpose", PERSONAL, *where, code=1)
            with pytest.raises(Revoked):
                list(DataClient(served.internal).records(PERSONAL, grant=digest))
            with SqliteBlocks(folder / BLOCKS) as store:
                until(lambda: store.stat().blocks == 0)
        # Alice's own copy is where it was.
        consent(network, tmp_path / "alice", "vault", "check")


def clients_raise(served: Served, digest: str) -> None:
    """The client tells each answer apart."""
    client = DataClient(served.internal, system="shop")
    assert [each.grant for each in client.held()] == [digest]
    with pytest.raises(PurposeNotGranted):
        list(client.records("dpv:Advertising", grant=digest))
    with pytest.raises(InvalidInput):
        list(client.records("no term", grant=digest))
    with pytest.raises(InvalidInput):
        list(client.records(PERSONAL, grant="0x" + "07" * 32))
    with pytest.raises(CouldNotCheck):
        list(DataClient(f"http://127.0.0.1:{free_port()}").held())
