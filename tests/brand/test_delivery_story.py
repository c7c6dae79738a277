"""From a link to the acknowledgement of its end: a person's commands and a brand's real processes, on anvil."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from registry.config.network_file import write_settings
from tests.brand.test_brand_story import serving, until
from tests.support.notary_load import free_port
from tests.support.real_network import anvil, consent, make_network, make_parties, start

pytestmark = pytest.mark.slow
HOST = "aurelle.example"


def test_from_the_link_to_the_acknowledgement(tmp_path: Path) -> None:
    with anvil() as url:
        network = make_network(tmp_path / "network", url)
        make_parties(tmp_path, network)
        home, alice, folder, port = tmp_path / "aurelle", tmp_path / "alice", tmp_path / "brand", free_port()
        write_settings(network, domains={HOST: f"http://127.0.0.1:{port}"})
        named = ("--name", "Maison Aurelle", "--domain", HOST, "--contact", "privacy@aurelle.example")
        where = ("--dir", folder)
        consent(network, home, "brand", "init", *named, "--url", f"https://{HOST}", *where)
        settings = folder / "brand.toml"
        text = settings.read_text().replace("# port = 8700", f"port = {port}")
        settings.write_text(text.replace("# internal_port = 8701", "internal_port = 0"))
        svg = tmp_path / "link.svg"
        asked = consent(
            network, home, "brand", "request", "--notice", tmp_path / "notice.json", *where, "--svg", svg, "--qr"
        )
        assert svg.read_bytes().startswith(b"<?xml")
        link = asked["link"]

        # The brand is away: what cannot be fetched is no answer, and nothing is left behind.
        consent(network, alice, "grant", link, "--yes", code=3)
        assert not (alice / "evidence").exists() and not (alice / "deliveries").exists()
        with serving(network, home, folder):
            given = consent(network, alice, "grant", link, "--yes", "--days", "30")
            assert given["delivery"]["state"] == "delivered", given["delivery"]
            digest = given["digest"]
            seen = until(lambda: _accepted(network, alice, digest))
            assert seen["brandSays"] == "complete"
            assert consent(network, alice, "verify", digest, "--accepted")["verified"]
            consent(network, alice, "revoke", digest, "--yes")
            assert _view(network, alice, digest)["brandSays"] == "ended"
            told = until(lambda: _acknowledged(network, alice, digest))
            assert 0 <= told["acknowledgedAfter"] < 60
        # The acknowledgement is kept, and a brand that is gone takes nothing back.
        (left,) = consent(network, alice, "status")["deliveries"]
        assert left["state"] == "delivered"
        assert (alice / "evidence" / f"{told['acknowledged']}.json").is_file()
        gone = start(network, alice, "status", "--brand", HOST)
        said = [json.loads(line) for line in gone.communicate(timeout=60)[0].splitlines()]
        assert gone.returncode == 3 and said[0]["notKnown"] and said[1]["error"] == "BrandUnavailable"


def _view(network: Path, home: Path, digest: str) -> dict[str, object]:
    return consent(network, home, "status", "--brand", digest)


def _accepted(network: Path, home: Path, digest: str) -> dict[str, object] | None:
    view = _view(network, home, digest)
    return view if view["accepted"] else None


def _acknowledged(network: Path, home: Path, digest: str) -> dict[str, object] | None:
    view = _view(network, home, digest)
    return view if view["acknowledged"] else None
