"""``doctor``: everything that works, and each thing that does not, with its exit code and without a secret."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from registry.config.network_file import write_settings
from registry.devnet import programs
from registry.ledger.base import read_deployment
from tests.support.consent_world import Answer, Consent, files_in
from tests.support.kubo_node import Node, announcing, running
from tests.support.real_network import anvil, make_network, make_parties

pytestmark = pytest.mark.slow
NOBODY = "http://127.0.0.1:9"
SECRET = "4f2ac3e1b0d94d7d"


@pytest.fixture(scope="module")
def kubo() -> Iterator[Node]:
    with running() as node:
        yield node


@pytest.fixture(scope="module")
def chain() -> Iterator[str]:
    with anvil() as url:
        yield url


@pytest.fixture
def real(
    chain: str, kubo: Node, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Consent:
    gateways = [f"http://127.0.0.1:{kubo.gateway}"]
    make_parties(tmp_path, make_network(tmp_path / "network", chain, ipfs=kubo.address, gateways=gateways))
    capsys.readouterr()
    return Consent(tmp_path, capsys, monkeypatch)


def checks(world: Consent, code: int = 0) -> dict[str, list[dict[str, Any]]]:
    """What it found, by name: every problem has advice, and it is what the exit code says."""
    answer = world("doctor", "--json")
    assert answer.code == code, answer
    document = answer.document
    assert document["exit"] == code and all(check["advice"] for check in document["checks"] if check["state"] != "ok")
    found: dict[str, list[dict[str, Any]]] = {}
    for check in document["checks"]:
        found.setdefault(check["name"], []).append(check)
    return found


def problems(found: dict[str, list[dict[str, Any]]]) -> dict[str, str]:
    return {name: c["detail"] for name, many in found.items() for c in many if c["state"] == "problem"}


def test_all_that_is_there(real: Consent, chain: str, kubo: Node) -> None:
    found = checks(real)
    assert problems(found) == {}
    deployment = read_deployment(real.folder / "network" / "deployment.json")
    assert found["node"][0]["detail"].startswith("anvil/") and f"at {chain}" in found["node"][0]["detail"]
    assert f"registry {deployment.registry} on chain 31337, block" in found["ledger"][0]["detail"]
    assert found["store"][0]["detail"].startswith("Kubo 0.")
    assert found["gateway"][0]["detail"] == f"http://127.0.0.1:{kubo.gateway}"
    assert found["rpc_url"][0]["detail"] == f"{chain} (from network.toml)"
    assert "1 key file" in found["home"][0]["detail"] and "relay" in found["payer"][0]["detail"]
    assert {"Python", "coincurve", "safe-pysha3", "ipfshttpclient", *programs.PROGRAMS} <= found.keys()


def test_words_say_the_same(real: Consent) -> None:
    document = real.json("doctor")
    answer = real("doctor")
    assert answer.code == 0 and answer.err == ""
    for check in document["checks"]:
        assert f"{check['state']:<9}{check['name']} " in answer.out


def test_an_embedded_network_and_nothing_at_all(asked: Consent) -> None:
    assert "block" in checks(asked)["ledger"][0]["detail"]
    before = files_in(asked.folder)
    answer = asked("doctor", "--json", "--network", asked.folder / "none", who="nobody")
    found = {check["name"]: check for check in answer.document["checks"]}
    assert answer.code == 2 and "there is no network" in found["network"]["detail"]
    assert found["home"]["state"] == "missing" and "`consent init`" in found["home"]["advice"]
    assert files_in(asked.folder) == before and not (asked.folder / "none").exists()  # looking makes nothing


@pytest.mark.parametrize("setting", ["rpc_url", "ipfs", "gateways"])
def test_what_is_configured_and_does_not_answer(real: Consent, setting: str) -> None:
    write_settings(real.folder / "network", **{setting: [NOBODY] if setting == "gateways" else NOBODY})
    started = time.monotonic()
    found = checks(real, 3)
    assert problems(found).keys() == {{"rpc_url": "ledger", "ipfs": "store", "gateways": "gateway"}[setting]}
    assert time.monotonic() - started < 30


def test_a_bad_configuration_is_told_once(real: Consent) -> None:
    (real.folder / "network" / "network.toml").write_text("rpc_url = 5\n")
    found = checks(real, 2)
    assert len(problems(found)) == 1 and "network.toml" in problems(found)["network"]
    assert found["anvil"][0]["state"] == "ok"  # the rest is looked at all the same


def test_bad_values_of_ones_own(real: Consent) -> None:
    config = real.folder / "alice" / "config.toml"
    for text in ("max_fee_gwei = 'x'\n", "confirmations = -1\n", 'rpc_url = "gopher://x"\n', "key = \n"):
        config.write_text(text)
        assert len(problems(checks(real, 2))) == 1, text


def test_a_configuration_that_is_wrong_goes_before_a_node_that_is_away(real: Consent) -> None:
    write_settings(real.folder / "network", ipfs=NOBODY)
    (real.folder / "alice" / "seed.json").chmod(0o644)
    found = problems(checks(real, 2))
    assert found.keys() == {"home", "store"} and "seed.json" in found["home"]


def test_another_chain_or_another_contract(real: Consent, chain: str) -> None:
    file = real.folder / "network" / "deployment.json"
    document = json.loads(file.read_bytes())
    for change, said in (
        ({"chainId": 1}, "chain 31337, not on 1"),
        ({"registry": document["verifier"]}, "not a ConsentRegistry"),
        ({"verifier": document["registry"]}, ""),
        ({"registry": "0x" + "11" * 20}, "no contract"),
    ):
        file.write_text(json.dumps(document | change))
        assert said in problems(checks(real, 3))["ledger"], change
    file.unlink()
    assert "deployment" in problems(checks(real, 2))["ledger"]


def test_an_old_head_is_told_where_it_matters(real: Consent) -> None:
    write_settings(real.folder / "network", max_facts_age=0)
    time.sleep(1.1)  # a second has passed since the last block, whatever made it
    assert "older than max_facts_age" in problems(checks(real, 3))["ledger"]


def test_a_store_that_announces_is_refused(real: Consent) -> None:
    """`doctor` fails, personal data stays here, a notice may go; a person may allow it for themselves (item 15)."""
    data = real.folder / "data.csv"
    data.write_text("bought\n")
    add = ("vault", "add", data, "--category", "pd:Purchase")
    with announcing() as node:
        write_settings(real.folder / "network", ipfs=node.address)
        assert "announces its blocks to the public network" in problems(checks(real, 2))["store"]
        refused = real(*add)
        assert refused.code == 2 and "announces what it holds" in refused.err
        assert real(*add, "--allow-announcing").code == 0
        (real.folder / "alice" / "config.toml").write_text("allow_announcing = true\n")
        assert real(*add, "--again").code == 0
        assert problems(checks(real)) == {}


def test_no_secret_is_shown(real: Consent, chain: str) -> None:
    secret = real.folder / "alice" / "node.txt"
    secret.touch(mode=0o600)
    secret.write_text(f"bearer {SECRET}\n")
    config = real.folder / "alice" / "config.toml"
    write_settings(real.folder / "network", rpc_url=f"{chain}/?key={SECRET}", gateways=[f"{NOBODY}/{SECRET}"])
    config.write_text(f'ipfs = "{NOBODY}/{SECRET}"\nipfs_credentials = "{secret}"\n')
    said: list[Answer] = [real("doctor", *form) for form in ([], ["--json"], ["-v"])]
    assert all(answer.code == 3 and SECRET not in answer.out + answer.err for answer in said)
    assert "bearer, in" in said[0].out


def test_what_is_not_installed_is_missing_and_no_failure(real: Consent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "CACHE", real.folder / "empty")
    monkeypatch.setenv("PATH", str(real.folder))
    found = checks(real)
    assert all(found[name][0]["state"] == "missing" for name in programs.PROGRAMS)
    assert found["kubo"][0]["detail"].endswith("not installed; for the IPFS node of `consent devnet`")
    assert "devnet" not in "".join(found[name][0]["detail"] for name in ("cast", "age", "geth"))


def test_a_program_that_does_not_fit_is_named_with_its_version(
    real: Consent, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(programs, "CACHE", tmp_path / "empty")
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "ipfs").write_text("#!/bin/sh\necho ipfs version 0.30.0\n")
    (tmp_path / "ipfs").chmod(0o755)
    (kubo,) = checks(real)["kubo"]
    assert kubo["state"] == "missing" and "0.30.0 on PATH, 0.42.0 needed" in kubo["detail"]
