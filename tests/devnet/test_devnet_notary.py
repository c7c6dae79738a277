"""The notary of a devnet: it keeps its promises over a kill, is found again, and goes with the rest."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from registry.client.network_config import open_network
from registry.config.network_file import read_settings
from registry.core.facts import HandleQuery
from registry.core.scalars import ZERO_WORD
from registry.net.http import fetch
from tests.support.devnet_runs import ANY_PORTS, PATIENCE, Run, consent, nothing_is_left_of
from tests.support.notary_runs import commitment, until
from tests.support.tools import tool

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="what is left running is looked up in /proc"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tool("anvil")
    tool("kubo")
    return tmp_path / "devnet"


def ask(run: Run, method: str, path: str, document: object = None) -> dict[str, Any]:
    body = b"" if document is None else json.dumps(document).encode()
    headers = {"Content-Type": "application/json"} if body else {}
    url = f"{run.ready['notary']}{path}"
    answer = fetch(method, url, body=body, headers=headers, seconds=30, max_bytes=1 << 20)
    assert answer.status in (200, 202, 404), answer
    found: dict[str, Any] = json.loads(answer.body)
    return found


def promised(run: Run) -> str:
    """A new commitment that the notary promised to anchor."""
    item = commitment()
    ask(run, "POST", "/v1/commitments", {"commitments": [item]})
    return item


def anchored(run: Run, item: str) -> bool:
    """Wait until the notary shows its anchor, and ask the chain about it."""
    anchor = until(lambda: ask(run, "GET", f"/v1/commitments/{item}").get("anchor"))
    query = HandleQuery(anchor["root"], ZERO_WORD)
    return open_network(run.folder / "network").ledger.facts([query]).anchors[query].anchored_at > 0


@pytest.mark.parametrize("victims", [["devnet"], ["devnet", "anvil", "kubo", "notary"]])
def test_what_was_promised_before_a_kill_is_anchored_after_it(folder: Path, victims: list[str]) -> None:
    with Run(folder) as run:
        account = run.ready["accounts"]["notary"]["address"]
        assert read_settings(folder / "network")["notary"] == [f"{run.ready['notary']}#{account}"]
        first = promised(run)
        assert anchored(run, first)
        second = promised(run)
        # A killed anvil may lose what it mined since the last save, as a reorganisation would.
        pids = {name: run.process.pid if name == "devnet" else run.child(name) for name in victims}
        for name in victims:
            os.kill(pids[name], signal.SIGKILL)
        run.process.wait(PATIENCE)
        assert nothing_is_left_of(folder)
    with Run(folder) as run:
        assert run.ready["accounts"]["notary"]["address"] == account
        assert read_settings(folder / "network")["notary"] == [f"{run.ready['notary']}#{account}"]
        third = promised(run)
        for item in (first, second, third):
            assert until(lambda item=item: anchored(run, item))


def test_a_chain_that_was_lost_is_not_waited_for(folder: Path) -> None:
    with Run(folder) as run:
        assert anchored(run, promised(run))
    shutil.rmtree(folder / "chain")
    with Run(folder) as run:
        assert anchored(run, promised(run))


def test_it_is_shown_and_its_log_too(folder: Path) -> None:
    with Run(folder, *ANY_PORTS) as run:
        status = consent(folder.parent, "devnet", "status", "--dir", folder, "--json")
        assert json.loads(status.stdout)["notary"] == run.ready["notary"]
        logs = consent(folder.parent, "devnet", "logs", "--dir", folder)
        assert f"notary | Listening on {run.ready['notary']}" in logs.stdout
        own = consent(folder.parent, "notary", "status", "--dir", folder / "notary", CONSENT_NETWORK=run.network)
        assert own.returncode == 0 and "All is well." in own.stdout
        assert b"Traceback" not in (folder / "logs" / "notary.log").read_bytes()
    before = run.ready["accounts"]["notary"]
    with Run(folder, *ANY_PORTS, "--fresh") as run:
        assert run.ready["accounts"]["notary"] != before
