"""The ERC-7730 descriptors are fresh, follow the schema, and cover every member of every statement."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from registry.core.scalars import ZERO_WORD
from registry.core.statements.messages import TYPES, fields_of
from scripts import make_descriptors
from scripts.make_descriptors import (
    HIDDEN,
    INTENTS,
    LABELS,
    OUTPUT,
    calldata_descriptor,
    eip712_descriptor,
    files,
    main,
)

ROOT = Path(__file__).resolve().parent
SCHEMA = Draft202012Validator(json.loads((ROOT / "data" / "erc7730" / "erc7730-v2.schema.json").read_bytes()))
REGISTRY = "0x34d01Cf2cccCf33c1131E48F9481F0D4E4a85DC5"
PLACES = [(1, REGISTRY), (20, "0x2feED90b31B522e80D3d22e4c8a73CF3c0b9174a")]
EIP712, CALLDATA = eip712_descriptor(PLACES), calldata_descriptor(PLACES)
SMALL_SCREEN = 16


def formats(descriptor: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = descriptor["display"]["formats"]
    return found


def shown(kind: str) -> list[dict[str, Any]]:
    fields: list[dict[str, Any]] = formats(EIP712)[TYPES[kind]]["fields"]
    return fields


def test_the_files_are_fresh() -> None:
    assert {path.name: path.read_bytes() for path in OUTPUT.iterdir()} == files()


@pytest.mark.parametrize("places", [[], PLACES])
def test_they_follow_the_schema(places: list[tuple[int, str]]) -> None:
    Draft202012Validator.check_schema(SCHEMA.schema)
    for content in files(places).values():
        SCHEMA.validate(json.loads(content))


@pytest.mark.parametrize("change", ["format", "visible", "unknown", "key"])
def test_the_schema_refuses_errors(change: str) -> None:
    wrong = copy.deepcopy(EIP712)
    field = formats(wrong)[TYPES["Retire"]]["fields"][0]
    if change == "key":
        formats(wrong)["Retire"] = formats(wrong).pop(TYPES["Retire"])
    else:
        field |= {"format": {"format": "words"}, "visible": {"visible": "seldom"}, "unknown": {"hint": "x"}}[change]
    with pytest.raises(ValidationError):
        SCHEMA.validate(wrong)


def test_every_type_is_there_exactly() -> None:
    assert list(formats(EIP712)) == list(TYPES.values()) and INTENTS.keys() == TYPES.keys()


@pytest.mark.parametrize("kind", TYPES)
def test_every_member_is_shown_or_hidden_on_purpose(kind: str) -> None:
    paths = [field["path"] for field in shown(kind) if "path" in field]
    assert sorted(paths) == sorted(f"{n}.[]" if t.endswith("[]") else n for n, t in fields_of(kind))
    hidden = {field["path"] for field in shown(kind) if field.get("visible") == "never"}
    assert hidden == HIDDEN & set(paths)


@pytest.mark.parametrize("kind", TYPES)
def test_each_member_has_its_format(kind: str) -> None:
    wanted = {"address": "addressName", "uint64": "date", "string": "raw", "string[]": "raw", "bytes32": "raw"}
    wanted |= {"bytes32[]": "raw", "address[]": "addressName"}
    types = dict(fields_of(kind))
    for field in shown(kind):
        if "path" in field:
            is_count = field["path"] in ("size", "number")  # a number, and no time
            assert field["format"] == ("raw" if is_count else wanted[types[field["path"].removesuffix(".[]")]])
        if field["format"] == "date":
            assert field["params"] == {"encoding": "timestamp"}


def test_the_members_that_matter_are_always_shown_and_come_first() -> None:
    always = [field["path"] for field in shown("Grant") if "visible" not in field]
    assert always[:5] == ["statement", "controller", "purposes.[]", "data.[]", "notBefore"]
    assert set(always) == {"statement", "controller", "purposes.[]", "data.[]", "notBefore", "expiresAt", "terms",
                           "subject", "issuedAt"}  # fmt: skip
    unless_zero = {f["path"] for f in shown("Grant") if f.get("visible") == {"ifNotIn": [ZERO_WORD]}}
    assert unless_zero == {"supersedes", "content"}


def test_no_sentence_replaces_the_fields() -> None:
    """A wallet may show an `interpolatedIntent` alone."""
    assert "interpolatedIntent" not in json.dumps([EIP712, CALLDATA])


def test_words_fit_a_small_screen() -> None:
    intents = [one["intent"] for descriptor in (EIP712, CALLDATA) for one in formats(descriptor).values()]
    assert all(len(text) <= SMALL_SCREEN for text in (*intents, *LABELS.values()))


def test_a_new_member_ends_the_script(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TYPES, "Retire", "Retire(address subject,string why)")
    with pytest.raises(make_descriptors.InvalidInput, match="new member why"):
        eip712_descriptor()


def test_the_functions_are_those_of_the_contract() -> None:
    artifact = json.loads((ROOT.parent / "registry" / "artifacts" / "IConsentRegistry.json").read_bytes())
    functions = [item for item in artifact["abi"] if item["type"] == "function"]
    inputs = {f["name"]: ",".join(f"{one['type']} {one['name']}" for one in f["inputs"]) for f in functions}
    signatures = {f"{name}({arguments})" for name, arguments in inputs.items()}
    assert set(formats(CALLDATA)) <= signatures


def test_without_a_deployment_nothing_is_bound() -> None:
    binding = eip712_descriptor()["context"]["eip712"]
    assert binding == {"domain": {"name": "ConsentRegistry", "version": "1"}, "deployments": []}
    assert calldata_descriptor()["context"]["contract"] == {"deployments": []}


def test_a_deployment_is_bound_to_its_chain_and_address(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    named = [f"--deployment=eip155:{chain}:{address}" for chain, address in PLACES]
    assert main([*named, "--out", str(tmp_path)]) == 0
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == files(PLACES)
    assert capsys.readouterr().out.split() == [str(tmp_path / name) for name in files()]
    bound = EIP712["context"]["eip712"]["deployments"]
    assert bound == [{"chainId": chain, "address": address} for chain, address in PLACES]


@pytest.mark.parametrize(
    "line",
    [
        ["--deployment", f"1:{REGISTRY}", "--out", "x"],
        ["--deployment", f"eip155:0:{REGISTRY}", "--out", "x"],
        ["--deployment", f"eip155:1:{REGISTRY.lower()}", "--out", "x"],
        ["--deployment", f"eip155:1:{REGISTRY}"],
        ["--out", "x"],
    ],
)
def test_half_a_deployment_is_refused(
    line: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(line) == 2 and list(tmp_path.iterdir()) == []
    assert capsys.readouterr().err
