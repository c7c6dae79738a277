"""registry/artifacts is what the sources compile to, and the compile script says so when it is not."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from registry.ledger.artifacts import EVM_VERSIONS, PRAGUE, is_code_of
from tests.support.consent_chain import ROOT, Chain

CANCUN = {"TLOAD": 0x5C, "TSTORE": 0x5D, "MCOPY": 0x5E, "BLOBHASH": 0x49, "BLOBBASEFEE": 0x4A}
MAX_CODE = 24_576  # EIP-170

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def built(compiler: ModuleType) -> dict[str, dict[str, Any]]:
    artifacts: dict[str, dict[str, Any]] = compiler.build_artifacts(download=False)
    return artifacts


@pytest.fixture
def prebuilt(compiler: ModuleType, built: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """main() with what was compiled already, since compiling is what takes the time."""
    monkeypatch.setattr(compiler, "build_artifacts", lambda: built)
    return built


def test_the_artifacts_are_fresh(compiler: ModuleType, built: dict[str, Any]) -> None:
    assert compiler.stale_artifacts(built) == []
    folder = ROOT / "registry" / "artifacts"
    assert {path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.json")} == built.keys()


def test_check_is_silent_when_fresh(
    compiler: ModuleType, prebuilt: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert compiler.main(["--check"]) == 0
    assert capsys.readouterr() == ("", "")


def test_check_names_what_is_stale_and_the_remedy(
    compiler: ModuleType, prebuilt: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compiler.main(["--out", str(tmp_path)]) == 0
    assert compiler.main(["--check", "--out", str(tmp_path)]) == 0
    stale = copy.deepcopy(prebuilt["ConsentRegistry"])
    stale["sourceHash"] = "0x" + "00" * 32
    (tmp_path / "ConsentRegistry.json").write_text(compiler.render(stale))
    (tmp_path / "shanghai" / "ConsentVerifier.json").unlink()
    assert compiler.main(["--check", "--out", str(tmp_path)]) == 1
    message = capsys.readouterr().err
    assert "ConsentRegistry, shanghai/ConsentVerifier." in message
    assert "python scripts/compile_contracts.py" in message


def test_the_script_writes_the_committed_bytes(compiler: ModuleType, prebuilt: dict[str, Any], tmp_path: Path) -> None:
    compiler.main(["--out", str(tmp_path)])
    for name in prebuilt:
        committed = ROOT / "registry" / "artifacts" / f"{name}.json"
        assert (tmp_path / f"{name}.json").read_bytes() == committed.read_bytes()


def test_a_source_that_does_not_compile_is_an_error_with_the_compiler_s_words(compiler: ModuleType) -> None:
    with pytest.raises(compiler.CompileError, match="ParserError"):
        compiler.compile_sources({"contracts/Broken.sol": "contract {"}, download=False)


def test_a_missing_import_is_named(compiler: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(compiler, "ROOT", tmp_path)
    source = tmp_path / "A.sol"
    source.write_text('import {B} from "./missing/B.sol";')
    with pytest.raises(compiler.CompileError, match=r"missing/B\.sol"):
        compiler.gather_sources([source])


def test_line_ends_of_the_checkout_do_not_matter(
    compiler: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(compiler, "ROOT", tmp_path)
    source = tmp_path / "A.sol"
    source.write_bytes(b"contract A {\r\n}\r\n")
    assert compiler.gather_sources([source]) == {"A.sol": "contract A {\n}\n"}


def test_a_warning_is_an_error(compiler: ModuleType) -> None:
    source = (
        "// SPDX-License-Identifier: Apache-2.0\npragma solidity 0.8.30;\n"
        "contract Warned { function f() external pure { uint256 unused; } }\n"
    )
    with pytest.raises(compiler.CompileError, match="Unused local variable"):
        compiler.compile_sources({"contracts/Warned.sol": source}, download=False)


def test_what_an_artifact_holds(built: dict[str, Any]) -> None:
    for name, artifact in built.items():
        older = name.startswith("shanghai/")
        assert artifact["contractName"] == name.removeprefix("shanghai/")
        assert (ROOT / artifact["sourceName"]).is_file()
        assert artifact["compiler"] == {
            "name": "solc",
            "version": "0.8.30",
            "evmVersion": "shanghai" if older else "prague",
            "optimizer": {"enabled": True, "runs": 1_000_000},
            "viaIR": True,
            "metadata": {"bytecodeHash": "none"},
        }
    abstract = {name for name, artifact in built.items() if artifact["bytecode"] == "0x"}
    assert abstract == {"ConsentGate", "IConsentRegistry"}


def test_the_registry_s_abi_is_the_interface_s(built: dict[str, Any]) -> None:
    def entries(name: str) -> set[str]:
        return {json.dumps(item, sort_keys=True) for item in built[name]["abi"] if item["type"] != "constructor"}

    assert entries("ConsentRegistry") == entries("IConsentRegistry")


def test_the_deployed_code_is_the_artifact_s_but_for_its_immutables(chain: Chain) -> None:
    for contract, name in ((chain.registry, "ConsentRegistry"), (chain.verifier, "ConsentVerifier")):
        artifact = chain.load_artifact(name)
        code = bytearray(chain.w3.eth.get_code(contract.address))
        for place in artifact["immutables"]:
            end = place["start"] + place["length"]
            code[place["start"] : end] = bytes(place["length"])
        assert artifact["immutables"]
        assert "0x" + code.hex() == artifact["deployedBytecode"]
        assert len(code) < MAX_CODE


def _opcodes(code: bytes) -> set[int]:
    found, position = set(), 0
    while position < len(code):
        opcode = code[position]
        found.add(opcode)
        position += opcode - 0x5E if 0x60 <= opcode <= 0x7F else 1
    return found


def test_the_build_for_shanghai_needs_nothing_of_cancun(built: dict[str, Any]) -> None:
    """And the other verifier needs MCOPY alone, which is how `registry.ledger.deploy` tells the chains apart."""
    for name, needed in {"ConsentRegistry": set(), "ConsentVerifier": {CANCUN["MCOPY"]}}.items():
        assert built[f"shanghai/{name}"]["abi"] == built[name]["abi"]
        assert not _opcodes(_runtime(built[f"shanghai/{name}"])) & set(CANCUN.values())
        assert _opcodes(_runtime(built[name])) & set(CANCUN.values()) == needed


def test_the_registry_is_the_same_in_both_builds(built: dict[str, Any]) -> None:
    """So it has one address on all chains with the deployer, as docs/networks.md says (item 12)."""
    older, newer = built["shanghai/ConsentRegistry"], built["ConsentRegistry"]
    assert (older["bytecode"], older["deployedBytecode"]) == (newer["bytecode"], newer["deployedBytecode"])


def _runtime(artifact: dict[str, Any]) -> bytes:
    """The code up to where the CBOR of the compiler's version begins."""
    code = bytes.fromhex(artifact["deployedBytecode"][2:])
    return code[: -2 - int.from_bytes(code[-2:], "big")]


@pytest.mark.parametrize("name", ["ConsentRegistry", "ConsentVerifier"])
def test_a_chain_s_code_is_recognised(chain: Chain, name: str) -> None:
    other = {"ConsentRegistry": "ConsentVerifier", "ConsentVerifier": "ConsentRegistry"}[name]
    contract = {"ConsentRegistry": chain.registry, "ConsentVerifier": chain.verifier}[name]
    code = bytes(chain.w3.eth.get_code(contract.address))
    assert is_code_of(name, code)
    assert not is_code_of(other, code)
    for wrong in (b"", code[:-1], code + b"\0", code[:100], bytes(len(code))):
        assert not is_code_of(name, wrong)


@pytest.mark.parametrize("evm", EVM_VERSIONS)
@pytest.mark.parametrize("name", ["ConsentRegistry", "ConsentVerifier"])
def test_only_what_the_constructor_sets_may_differ(chain: Chain, name: str, evm: str) -> None:
    artifact = chain.load_artifact(name if evm == PRAGUE else f"{evm}/{name}")
    code = bytes.fromhex(artifact["deployedBytecode"][2:])
    free = {place["start"] + i for place in artifact["immutables"] for i in range(place["length"])}
    for position in range(len(code)):
        altered = bytearray(code)
        altered[position] ^= 1
        assert is_code_of(name, bytes(altered)) is (position in free)
