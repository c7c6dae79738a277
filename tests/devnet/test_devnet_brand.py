"""The devnet's brand asks by a link, takes a grant, and still knows it after a kill."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from registry.brand.consent_client import ConsentClient
from registry.client.home import Home
from registry.config.network_file import read_domains
from registry.core.evidence.file import parse_evidence, write_evidence
from tests.support.devnet_runs import ANY_PORTS, PATIENCE, Run, consent, document, nothing_is_left_of
from tests.support.notary_runs import until
from tests.support.tools import tool

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="what is left running is looked up in /proc"),
]
WHAT = ("dpv:Personalisation", ["pd:Purchase"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tool("anvil")
    tool("kubo")
    return tmp_path / "devnet"


def granted(run: Run, home: Path) -> tuple[str, str]:
    """Alice answers the brand's link, as the shop's README says; return her address and the place of the answer."""
    where = {"CONSENT_NETWORK": run.network, "CONSENT_HOME": str(home)}
    Home(home).create("", key=None)
    said = consent(home.parent, "grant", run.ready["request"], "--yes", "--days", "30", "--json", **where)
    assert said.returncode == 0, said
    assert "Nobody has confirmed" not in said.stderr
    evidence = parse_evidence(next((home / "evidence").glob("0x*.json")).read_bytes())
    message: Any = evidence.statement.message
    until(lambda: ConsentClient(run.ready["brandInternal"]).allowed(message.subject, *WHAT))
    url, headers = f"{run.ready['brand']}/v1/evidence", {"Content-Type": "application/json"}
    sent = httpx.post(url, content=write_evidence(evidence), headers=headers, timeout=30)
    assert sent.status_code in (201, 202), sent.text
    return message.subject, sent.headers["location"]


@pytest.mark.parametrize("victims", [["devnet"], ["devnet", "anvil", "kubo", "notary", "brand"]])
def test_what_it_took_before_a_kill_it_knows_after_it(folder: Path, victims: list[str]) -> None:
    with Run(folder) as run:
        assert read_domains(folder / "network") == {"shop.example": run.ready["brand"]}
        subject, place = granted(run, folder.with_name("alice"))
        until(lambda: httpx.get(f"{run.ready['brand']}{place}/evidence").status_code == 200)
        assert ConsentClient(run.ready["brandInternal"]).allowed(subject, *WHAT)
        link = run.ready["request"]
        pids = {name: run.process.pid if name == "devnet" else run.child(name) for name in victims}
        for name in victims:
            os.kill(pids[name], signal.SIGKILL)
        run.process.wait(PATIENCE)
        assert nothing_is_left_of(folder)
    with Run(folder) as run:
        assert run.ready["request"].rsplit("/", 1)[1] == link.rsplit("/", 1)[1]
        assert httpx.get(run.ready["request"]).status_code == 200
        assert read_domains(folder / "network") == {"shop.example": run.ready["brand"]}
        status = httpx.get(f"{run.ready['brand']}{place}").json()
        assert status["kind"] == "Grant"
        client = ConsentClient(run.ready["brandInternal"])
        if victims == ["devnet"]:  # a killed anvil may lose the newest blocks, and the grant's anchor with them
            assert client.allowed(subject, *WHAT)


def test_it_is_shown_and_its_log_too(folder: Path) -> None:
    with Run(folder, *ANY_PORTS) as run:
        status = document(consent(folder.parent, "devnet", "status", "--dir", folder, "--json"))
        for name in ("brand", "brandInternal", "request"):
            assert status[name] == run.ready[name] and status[name].startswith("http://127.0.0.1:")
        shown = consent(folder.parent, "devnet", "status", "--dir", folder).stdout
        assert run.ready["brand"] in shown and run.ready["request"] in shown
        logs = consent(folder.parent, "devnet", "logs", "--dir", folder).stdout
        assert f"brand  | Public on {run.ready['brand']}" in logs
        where = {"CONSENT_NETWORK": run.network, "CONSENT_HOME": str(folder / "brand" / "home")}
        inbox = consent(folder.parent, "brand", "inbox", "--dir", folder / "brand", "--json", **where)
        assert document(inbox)["counts"] == []
        assert b"Traceback" not in (folder / "logs" / "brand.log").read_bytes()
    before = run.ready["accounts"]["brand"]
    with Run(folder, *ANY_PORTS, "--fresh") as run:
        assert run.ready["accounts"]["brand"] != before
