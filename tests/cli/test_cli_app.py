"""``consent app serve``: a real process, from its first line to SIGTERM; and the networks that no browser can reach."""

from __future__ import annotations

import json
import signal
import subprocess
import urllib.request
from pathlib import Path

import pytest

from registry.client.network_config import make_network as make_embedded
from registry.config.network_file import write_settings
from registry.ledger.base import Deployment, write_deployment
from tests.support.devnet_runs import CONSENT, consent, environment

SECONDS = 60


def make_network(folder: Path, **settings: object) -> Path:
    """A network whose node is never asked."""
    folder.mkdir()
    write_deployment(folder / "deployment.json", Deployment(31337, "0x" + "11" * 20, "0x" + "22" * 20, 0))
    write_settings(folder, {"shop.example": "http://127.0.0.1:8700"}, **settings)
    return folder


@pytest.mark.slow
def test_it_serves_until_it_is_ended_and_needs_no_node_meanwhile(tmp_path: Path) -> None:
    network = make_network(tmp_path / "network", rpc_url="http://127.0.0.1:9", gateways=["http://127.0.0.1:8080"])
    line = [*CONSENT, "app", "serve", "--port", "0", "--network", str(network), "--json"]
    with subprocess.Popen(line, env=environment(tmp_path), stdout=subprocess.PIPE, text=True) as served:
        try:
            assert served.stdout is not None
            url = json.loads(served.stdout.readline())["url"]
            assert url.startswith("http://localhost:")
            with urllib.request.urlopen(f"{url}config.json", timeout=10) as answer:
                told = json.load(answer)
            assert told["rpc"] == ["http://127.0.0.1:9"] and told["gateways"] == ["http://127.0.0.1:8080"]
            assert told["domains"] == {"shop.example": "http://127.0.0.1:8700"}
            served.send_signal(signal.SIGTERM)
            assert json.loads(served.stdout.readline()) == {"event": "ended"}
            assert served.wait(SECONDS) == 0
        finally:
            served.kill()
    assert not (tmp_path / "consent-registry").exists()  # reading made no home


@pytest.mark.slow
@pytest.mark.parametrize("rpc_url", ["/run/node.ipc", "http://192.168.7.7:8545"])
def test_a_node_that_no_browser_can_ask(tmp_path: Path, rpc_url: str) -> None:
    network = make_network(tmp_path / "network", rpc_url=rpc_url)
    done = consent(tmp_path, "app", "serve", "--port", "0", "--network", network)
    assert done.returncode == 2 and "a browser" in done.stderr and "https" in done.stderr


@pytest.mark.slow
def test_the_embedded_chain_is_in_a_file(tmp_path: Path) -> None:
    make_embedded(tmp_path / "network")
    done = consent(tmp_path, "app", "serve", "--port", "0", "--network", tmp_path / "network")
    assert done.returncode == 2 and "consent devnet" in done.stderr
