"""What a brand read, as its person sees it, by real processes on anvil; and a log that is rewritten."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from registry.brand.store import FILE, open_store
from registry.brand.uses import note_use
from registry.config.network_file import write_settings
from registry.core.scalars import unhex
from tests.brand.test_brand_story import serving, until
from tests.support.brand_stores import word
from tests.support.notary_load import free_port
from tests.support.real_network import anvil, consent, make_network, make_parties

pytestmark = pytest.mark.slow
HOST = "aurelle.example"


def test_a_reading_is_proved_and_a_rewritten_log_is_found(tmp_path: Path) -> None:
    with anvil() as url:
        network = make_network(tmp_path / "network", url)
        make_parties(tmp_path, network)
        home, alice, folder, port = tmp_path / "aurelle", tmp_path / "alice", tmp_path / "brand", free_port()
        write_settings(network, domains={HOST: f"http://127.0.0.1:{port}"})
        named = ("--name", "Maison Aurelle", "--domain", HOST, "--contact", "privacy@aurelle.example")
        consent(network, home, "brand", "init", *named, "--url", f"https://{HOST}", "--dir", folder)
        settings = folder / "brand.toml"
        changes = {"port = 8700": f"port = {port}", "internal_port = 8701": "internal_port = 0"}
        changes["head_seconds = 86400"] = "head_seconds = 1"
        text = settings.read_text()
        for old, new in changes.items():
            text = text.replace(f"# {old}", new)
        settings.write_text(text)
        link = consent(network, home, "brand", "request", "--notice", tmp_path / "notice.json", "--dir", folder)["link"]
        with serving(network, home, folder):
            digest = consent(network, alice, "grant", link, "--yes", "--days", "30")["digest"]
            assert consent(network, alice, "uses", digest)["readings"] == []
            read(folder, digest, 3)
            (first,) = until(lambda: proved(network, alice, digest, 1))
            assert (first["count"], first["purpose"], first["system"]) == (3, "dpv:Personalisation", "shop")
            read(folder, digest, 5)
            assert [each["count"] for each in until(lambda: proved(network, alice, digest, 2))] == [3, 5]
        rewrite(folder)
        with serving(network, home, folder):
            # The same entry is noted again: the new log has the old one's length, and not its root.
            read(folder, digest, 3)
            read(folder, digest, 5)
            until(open_store(folder).newest_head)
            said = consent(network, alice, "uses", digest, code=1)
            assert said["error"] == "LogChanged"
        (file,) = (alice / "uses").glob("changed-*.json")
        # A stranger with the file, and without a home, checks it by the chain.
        shown = consent(network, tmp_path / "stranger", "uses", file)
        assert shown["holds"] and shown["shown"] in ("split", "shortened")


def read(folder: Path, digest: str, count: int) -> None:
    """Note a reading, as the brand's own code does before it hands data out; and one of another person's data."""
    store, of = open_store(folder), {"purpose": "dpv:Personalisation", "data": ["pd:Purchase"]}
    for grant in (unhex(digest), word("another person's grant")):
        note_use(store, grant, at=1_800_000_000, count=count, system="shop", **of)  # type: ignore[arg-type]


def proved(network: Path, home: Path, digest: str, count: int) -> list[dict[str, Any]]:
    """Return the readings once so many of them are anchored."""
    readings: list[dict[str, Any]] = consent(network, home, "uses", digest)["readings"]
    return readings if len(readings) == count and all(each["anchoredAt"] for each in readings) else []


def rewrite(folder: Path) -> None:
    """Forget the log, as a brand does that wants to hide what it read."""
    tables = ("uses", "use_nodes", "use_heads")
    script = "; ".join([*(f"DELETE FROM {table}" for table in tables), "UPDATE use_log SET size = 0"])
    line = [sys.executable, "-c", "import sqlite3, sys; sqlite3.connect(sys.argv[1]).executescript(sys.argv[2])"]
    subprocess.run([*line, str(folder / FILE), script], check=True, timeout=60)
