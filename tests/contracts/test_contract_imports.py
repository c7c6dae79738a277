"""A Foundry project imports the contracts as docs/contracts.md says, and takes evidence as call data."""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from registry.core.anchor import Anchor
from registry.core.crypto.keccak import keccak256
from registry.core.crypto.revocation import lock_of, tag_of
from registry.core.crypto.seeds import revocation_secret
from registry.core.eip712 import domain_of
from registry.core.scalars import checksum, to_hex, unhex
from registry.ledger.calldata import check_calldata, evidence_argument
from scripts.node_packages import ensure_node_modules, node_environment, node_tool
from tests.support.builders import CHAIN_ID, CONTROLLER, NOW, SEED, SUBJECT, evidence_of, grant_message
from tests.support.consent_chain import ROOT
from tests.support.tools import tool

pytestmark = pytest.mark.slow

# Foundry gives every test contract this address. The first contract that it creates has this one (its nonce is 1).
TESTER = bytes.fromhex("7fa9385be102ac3eac297483dd6233d62b3e1496")
REGISTRY = checksum(keccak256(b"\xd6\x94" + TESTER + b"\x01")[12:])
PURPOSE, DATUM = "dpv:Marketing", "pd:EmailAddress"


def granted() -> dict[str, Any]:
    """A grant for that registry, and its call data by the Python package."""
    message = grant_message(purposes=(PURPOSE,), data=(DATUM,), issued_at=NOW - 10, not_before=NOW - 10)
    evidence = evidence_of(message, domain=domain_of(CHAIN_ID, REGISTRY))
    assert isinstance(evidence.anchor, Anchor)
    secret = to_hex(revocation_secret(SEED, message.salt))
    assert lock_of(unhex(secret)) == message.revocation
    return {
        "time": NOW,
        "registry": REGISTRY,
        "subject": SUBJECT,
        "controller": CONTROLLER,
        "root": evidence.anchor.root,
        "secret": secret,
        "tag": tag_of(SUBJECT, message.salt),
        "check": to_hex(check_calldata(evidence, purpose=PURPOSE, data=DATUM)),
        "checkOther": to_hex(check_calldata(evidence, purpose="dpv:Research", data=DATUM)),
        "argument": to_hex(evidence_argument(evidence)),
    }


def install(project: Path, compiler: ModuleType) -> None:
    """Do as `npm install` does: unpack npm's own archive of contracts/ beside the OpenZeppelin that it asks for."""
    modules = project / "node_modules"
    (modules / "@openzeppelin").mkdir(parents=True)
    (modules / "@openzeppelin" / "contracts").symlink_to(ensure_node_modules() / "@openzeppelin" / "contracts")
    command = [node_tool("npm"), "pack", "--silent", "--pack-destination", project, ROOT / "contracts"]
    subprocess.run(command, env=node_environment(), capture_output=True, check=True, timeout=60)
    (archive,) = project.glob("*.tgz")
    with tarfile.open(archive) as packed:
        packed.extractall(project, filter="data")
    (project / "package").rename(modules / "consent-registry-contracts")


def forge(project: Path, compiler: ModuleType, *words: str) -> str:
    settings = {**node_environment(), "HOME": str(project), "FOUNDRY_DISABLE_NIGHTLY_WARNING": "1"}
    command = [tool("forge"), *words, "--offline", "--use", ROOT / "scripts" / "node" / "solc-shim.mjs"]
    ran = subprocess.run(command, cwd=project, env=settings, capture_output=True, text=True, check=False, timeout=240)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_a_foundry_project_imports_the_gate_and_takes_call_data(tmp_path: Path, compiler: ModuleType) -> None:
    """Solidity developers were told neither how to import the contracts nor how to pass evidence (item 20)."""
    project = tmp_path / "project"
    shutil.copytree(Path(__file__).parent / "foundry", project)
    install(project, compiler)
    (project / "evidence.json").write_text(json.dumps(granted()))
    said = forge(project, compiler, "test", "-vv")
    assert "3 passed" in said and "0 failed" in said


def test_the_package_holds_the_contracts_and_pins_what_they_are_compiled_with(compiler: ModuleType) -> None:
    package = json.loads((ROOT / "contracts" / "package.json").read_text())
    node = json.loads((ROOT / "scripts" / "node" / "package.json").read_text())
    name = "@openzeppelin/contracts"
    assert package["dependencies"] == {name: node["dependencies"][name]}
    assert f'version = "{package["version"]}"' in (ROOT / "pyproject.toml").read_text()


def test_the_documented_command_installs_what_the_contracts_import() -> None:
    """Without --install-links, npm links to the folder and leaves OpenZeppelin out (item 20)."""
    page = (ROOT / "docs" / "contracts.md").read_text()
    assert "npm install --install-links ./consent-registry/contracts" in page
    assert "npm install ./" not in page
