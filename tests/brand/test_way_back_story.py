"""The way back by real processes on anvil: the brand writes, Alice pulls and corrects, the brand sees both values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from registry.config.network_file import write_settings
from tests.brand.test_brand_story import SECONDS, Served, serving, until
from tests.support.mail_stage import order
from tests.support.notary_load import free_port
from tests.support.real_network import ROOT, anvil, consent, make_network, make_parties, start

pytestmark = pytest.mark.slow
HOST = "aurelle.example"
PURPOSE = "dpv:Personalisation"


def test_what_a_brand_holds_is_reviewed_corrected_and_told_back(tmp_path: Path) -> None:
    with anvil() as url:
        network = make_network(tmp_path / "network", url)
        make_parties(tmp_path, network)
        home, alice, port = tmp_path / "aurelle", tmp_path / "alice", free_port()
        write_settings(network, domains={HOST: f"http://127.0.0.1:{port}"})
        link = _asked(tmp_path, network, home, port)
        bought = json.dumps(order(9, "mushrooms")["body"])
        consent(network, alice, "vault", "add", "--schema", "purchase/1", "--body", bought)
        with serving(network, home, tmp_path / "brand") as served:
            given = consent(network, alice, "grant", link, "--yes", "--days", "30")
            digest = given["digest"]
            assert given["delivery"]["state"] == "delivered", given["delivery"]
            until(lambda: _sent(served, digest, "What we hold on you.", order(17, "coat"), order(18, "scarf")))

            assert consent(network, alice, "vault", "pull", "--dry-run")["records"]["new"] == 3
            pulled = consent(network, alice, "vault", "pull", "maison aurelle")
            assert [one["text"] for one in pulled["messages"]] == ["What we hold on you."]
            assert pulled["records"]["new"] == 3 and pulled["refused"] == [] and pulled["missing"] == []
            (coat,) = consent(network, alice, "vault", "search", "coat")["records"]
            consent(network, alice, "vault", "edit", coat["id"], "--set", "name=blue coat")
            synced = consent(network, alice, "vault", "sync")
            assert synced["changed"], synced

            changed = until(lambda: _changes(network, home, tmp_path / "brand", served, digest))
            assert [(one["id"], one["old"], one["new"]) for one in changed] == [
                ("order-17", {"name": "coat"}, {"name": "blue coat"})
            ]
            # The brand insists. Alice keeps her value, and both are there.
            until(lambda: _sent(served, digest, "", order(17, "red coat")))
            again = consent(network, alice, "vault", "pull")
            assert again["records"]["conflict"] == 1 and again["conflicts"][0]["record"] == coat["id"]
            assert consent(network, alice, "vault", "show", coat["id"])["body"]["name"] == "blue coat"

            # A file comes by a command, and lies in her vault.
            invoice = tmp_path / "invoice.pdf"
            invoice.write_bytes(b"%PDF mushrooms" * 10_000)
            named = ("--category", "pd:PersonalDocuments", "--text", "Your invoice.", "--dir", tmp_path / "brand")
            how = ("brand", "data", "send", digest, invoice, *named, "--url", served.internal)
            until(lambda: consent(network, home, *how)["state"] == "sent")
            assert consent(network, alice, "vault", "pull")["messages"][0]["files"] == 1
            consent(network, alice, "vault", "get", "invoice.pdf", "--out", tmp_path / "hers.pdf")
            assert (tmp_path / "hers.pdf").read_bytes() == invoice.read_bytes()

            consent(network, alice, "revoke", digest, "--yes")
            until(lambda: _send(served, digest, "One more thing.").status_code == 410)
            assert consent(network, alice, "vault", "pull")["state"] == "ended"
        # Nobody is asked any more.
        assert consent(network, alice, "vault", "pull")["messages"] == []


def _asked(folder: Path, network: Path, home: Path, port: int) -> str:
    """The brand asks for purchases, and for those that follow; return the link."""
    named = ("--name", "Maison Aurelle", "--domain", HOST, "--contact", "privacy@aurelle.example")
    consent(network, home, "brand", "init", *named, "--url", f"https://{HOST}", "--dir", folder / "brand")
    settings = folder / "brand" / "brand.toml"
    text = settings.read_text().replace("# port = 8700", f"port = {port}")
    settings.write_text(text.replace("# internal_port = 8701", "internal_port = 0"))
    notice = folder / "with-fields.json"
    draft = ROOT / "registry" / "data" / "demo_notice.json"
    consent(network, home, "notice", "new", draft, "--out", notice)
    asked = ("--notice", notice, "--data", "pd:Purchase", "--dir", folder / "brand")
    return str(consent(network, home, "brand", "request", *asked)["link"])


def _send(served: Served, digest: str, text: str, *records: dict[str, Any]) -> httpx.Response:
    body = {"grant": digest} | ({"text": text} if text else {}) | ({"records": list(records)} if records else {})
    return httpx.post(f"{served.internal}/v1/messages", json=body, timeout=SECONDS)


def _sent(served: Served, digest: str, text: str, *records: dict[str, Any]) -> bool:
    """Send it, or the same again; tell whether it is signed."""
    answer = _send(served, digest, text, *records)
    assert answer.status_code in (201, 202, 404, 503), answer.text
    return answer.status_code == 201


def _changes(network: Path, home: Path, folder: Path, served: Served, digest: str) -> list[dict[str, Any]]:
    asked = ("--purpose", PURPOSE, "--dir", folder, "--url", served.internal)
    process = start(network, home, "brand", "data", "changes", digest, *asked)
    out, err = process.communicate(timeout=SECONDS)
    assert process.returncode in (0, 3) and "Traceback" not in err, out + err
    return list(json.loads(out.splitlines()[0]).get("changes", [])) if process.returncode == 0 else []
