"""docs/networks.md: its commands run on a node that fits their section, and its figures are measured again."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from eth_account import Account

from registry.config.network_file import NAMES, settings_of
from registry.ledger.artifacts import EVM_VERSIONS
from registry.ledger.base import read_deployment
from registry.ledger.contract_addresses import DEPLOYER, DEPLOYER_CODE
from registry.ledger.deploy import addresses, deploy
from registry.ledger.rpc import RpcLedger
from registry.wallets.keywallet import KeyWallet
from tests.support.levers import ANVIL_KEY, GETH_PAYER, asker, start_anvil, start_geth, stop
from tests.support.tools import tool

pytestmark = pytest.mark.slow
PAGE = (Path(__file__).resolve().parents[1] / "docs" / "networks.md").read_text()
SECTIONS = {part.partition("\n")[0]: part for part in PAGE.split("\n## ")}
# The options of anvil for a section about a special chain. Other sections use an ordinary one.
NODES = {
    "A Shanghai chain": ("--hardfork", "shanghai"),
    "A chain without the deployer": ("--disable-default-create2-deployer",),
}
# A shell function that plays a person with money and a passphrase who says yes.
PERSON = """\
consent() {
    case "$1" in
    init) command consent "$@" --passphrase-fd 3 3<<< "a long sentence" ;;
    deploy)
        for address in $(command consent keys list --home ~/operator | cut -d' ' -f1); do
            cast rpc anvil_setBalance "$address" 0x8ac7230489e80000 --rpc-url "$URL" > /dev/null
        done
        command consent "$@" --yes --passphrase-fd 3 3<<< "a long sentence" ;;
    *) command consent "$@" ;;
    esac
}
"""


def commands_in(section: str) -> list[tuple[str, str]]:
    """Return each command with the output that is shown under it, if any."""
    blocks = re.findall(r"^```console\n(.*?)^```$", section, re.M | re.S)
    entries = [entry for block in blocks for entry in re.split(r"^\$ ", block, flags=re.M)[1:]]
    return [(command, shown) for command, _, shown in (entry.partition("\n") for entry in entries)]


def run(command: str, url: str, home: Path) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CONSENT_")}
    path = os.pathsep.join([str(Path(sys.executable).parent), str(tool("cast").parent), kept.get("PATH", "")])
    done = subprocess.run(
        ["bash", "-c", f"set -e\n{PERSON}{command}"],
        cwd=home,
        env=kept | {"HOME": str(home), "PATH": path, "URL": url},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_its_commands_print_the_shown_output(tmp_path: Path) -> None:
    nodes = {options: start_anvil(*options) for options in {NODES.get(title, ()) for title in SECTIONS}}
    try:
        for title, section in SECTIONS.items():
            url = nodes[NODES.get(title, ())][1]
            for command, shown in commands_in(section):
                if command.startswith("cast publish"):
                    raw = command.split()[-1]
                    signer = Account.recover_transaction(raw)
                    assert f"`{signer}`" in section
                    asker(url)("anvil_setBalance", signer, hex(10**16))
                printed = run(command, url, tmp_path)
                assert not shown or printed == shown
        made = {name: read_deployment(tmp_path / name / "deployment.json") for name in ("mynet", "older", "brought")}
        assert [made[name].registry for name in made] == [addresses(e)[0] for e in ("prague", "shanghai", "prague")]
        code = asker(nodes[NODES["A chain without the deployer"]][1])("eth_getCode", DEPLOYER, "latest")
        assert code == "0x" + DEPLOYER_CODE.hex()
    finally:
        for process, _ in nodes.values():
            stop(process)


def test_its_addresses_are_those_of_the_builds() -> None:
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| `(0x\w+)` \| `(0x\w+)` \|$", SECTIONS["Addresses"], re.M)
    assert rows == [(evm, *addresses(evm)) for evm in EVM_VERSIONS]


def test_its_settings_exist() -> None:
    shown = re.search(r"^```toml\n(.*?)^```$", PAGE, re.M | re.S)
    assert shown is not None
    settings = tomllib.loads(shown[1])
    assert settings_of(settings, "the page") and set(settings) < set(NAMES)


def test_its_gas_figures_are_measured(tmp_path: Path) -> None:
    rows = re.findall(r"^\| [a-z]\w*(?: \w+)? \| ([\d,]+) \| ([\d,]+) \|$", SECTIONS["Gas"], re.M)
    written = [[int(figure.replace(",", "")) for figure in column] for column in zip(*rows, strict=True)]
    started = [(start_anvil(), KeyWallet(ANVIL_KEY)), (start_geth(tmp_path), GETH_PAYER)]
    try:
        for ((_, url), payer), figures in zip(started, written, strict=True):
            assert paid(url, payer) == pytest.approx(figures, rel=0.005)
    finally:
        for (process, _), _ in started:
            stop(process)


def paid(url: str, payer: KeyWallet) -> list[int]:
    """Return the gas of the two contracts and of the first anchor."""
    deployment = deploy(url, payer)
    anchored = RpcLedger(url, deployment).transact("anchor", "0x" + "ab" * 32, "0x" + "cd" * 32, sender=payer)
    blocks = (deployment.block, deployment.block + 1)
    used = [int(asker(url)("eth_getBlockByNumber", hex(n), False)["gasUsed"], 16) for n in blocks]
    return [*used, anchored.gas_used]
