"""Write the ERC-7730 (version 2) descriptors, with which hardware wallets show our statements in words.

    python scripts/make_descriptors.py
    python scripts/make_descriptors.py --deployment eip155:1:0x... --deployment eip155:20:0x... --out FOLDER

Without a deployment, the script writes registry/data/erc7730/. These files name no chain, so no wallet uses them for
any contract. With ``--deployment`` (CAIP-10: chain and address) the same files name those chains, as the public
registry of descriptors requires. Only the deployer of the registry knows its address. The script decides how each
member of each type is shown, and fails if one is missing.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from registry.core.eip712 import domain_of
from registry.core.errors import ConsentError, InvalidInput
from registry.core.scalars import ZERO_WORD, check_address
from registry.core.statements.messages import TYPES, fields_of

OUTPUT = Path(__file__).parent.parent / "registry" / "data" / "erc7730"
_SCHEMA = "https://eips.ethereum.org/assets/eip-7730/erc7730-v2.schema.json"
_CAIP10 = re.compile(r"eip155:([1-9][0-9]{0,15}):(0x[0-9a-fA-F]{40})")
_ZERO_ADDRESS = "0x" + "00" * 20

# The wallet shows the intent first, before any field. There is no `interpolatedIntent`, because a wallet may show that
# sentence alone, and a sentence without purposes or data would be a blind signature. `statement` cannot be the intent
# either, because the asking party wrote it.
INTENTS = {
    "Request": "Ask for consent",
    "Grant": "Give consent",
    "Refusal": "Refuse consent",
    "Acceptance": "Accept consent",
    "Acknowledgement": "Confirm the end",
    "UseLog": "Sign the use log",
    "MailboxMessage": "Send a message",
    "Mandate": "Give a mandate",
    "Revoke": "End a consent",
    "RevokeAll": "End all consents",
    "Retire": "Retire address",
    "Intent": "Ask for offers",
    "Offer": "Make an offer",
    "Bids": "List the bids",
    "Deal": "Accept an offer",
    "Receipt": "Confirm receipt",
}
# In the order of the screen: parties and data come before hashes. A member has the same label in every type.
LABELS = {
    "statement": "I sign",
    "controller": "Company",
    "delegate": "Who acts for me",
    "powers": "May sign",
    "controllers": "Only with",
    "recipient": "To",
    "category": "Category",
    "purposes": "What for",
    "data": "Which data",
    "notBefore": "From",
    "expiresAt": "Until",
    "issuedUntil": "Issued until",
    "offersUntil": "Offers until",
    "terms": "Terms",
    "subject": "Person",
    "author": "Signer",
    "issuedAt": "Dated",
    "size": "Entries",
    "number": "Number",
    "root": "Log",
    "grant": "Consent",
    "offer": "Offer",
    "counter": "Counter-offer",
    "intent": "Intent",
    "answers": "In answer to",
    "commitments": "Bids",
    "details": "Document",
    "handle": "Consent",
    "supersedes": "Replaces",
    "content": "Hands over",
    "request": "Answers",
    "notice": "Notice",
    "lock": "Consent",
    "revocation": "Lock",
    "salt": "Salt",
    "saltHash": "Salt",
}
# Random bytes and the lock: nobody can decide anything by them.
HIDDEN = frozenset({"revocation", "salt", "saltHash"})
# A number, and no time.
_COUNTS = frozenset({"size", "number"})
# Zero means "none".
_UNLESS_ZERO = frozenset({"supersedes", "content"})
# Hashes of content that a screen cannot show. The signature covers them all the same.
_IF_THERE_IS_ROOM = frozenset({"request", "notice"})
_FINAL = "For ever. Nobody can undo it."
_ENDING = "The company must stop. Nobody can undo it."
_SEEN = "Your address is seen on the chain, for ever."
NOTES = {"Revoke": _ENDING, "RevokeAll": _ENDING, "Retire": _FINAL}

# The calls that a person pays for openly: function, intent, effect.
CALLS = {
    "revokeOpenly(bytes32 lock,bytes32 saltHash)": ("End a consent", _ENDING),
    "revokeAll()": ("End all consents", _ENDING),
    "retire()": ("Retire address", _FINAL),
}


def eip712_descriptor(deployments: Sequence[tuple[int, str]] = ()) -> dict[str, Any]:
    """Return how to show every statement; ``deployments`` are (chain id, checksummed registry)."""
    domain = domain_of(0, _ZERO_ADDRESS)
    binding = {"domain": {"name": domain.name, "version": domain.version}, "deployments": _deployments(deployments)}
    return _descriptor({"eip712": binding}, {TYPES[kind]: _statement(kind) for kind in TYPES})


def calldata_descriptor(deployments: Sequence[tuple[int, str]] = ()) -> dict[str, Any]:
    """Return how to show the transactions of `CALLS`; ``deployments`` are (chain id, checksummed registry)."""
    return _descriptor({"contract": {"deployments": _deployments(deployments)}}, dict(map(_call, CALLS)))


def files(deployments: Sequence[tuple[int, str]] = ()) -> dict[str, bytes]:
    """Return both files, by their names in the public registry of descriptors."""
    made = {"eip712": eip712_descriptor(deployments), "calldata": calldata_descriptor(deployments)}
    return {f"{kind}-ConsentRegistry.json": json.dumps(d, indent=2).encode() + b"\n" for kind, d in made.items()}


def _descriptor(binding: dict[str, Any], formats: dict[str, Any]) -> dict[str, Any]:
    return {
        "$schema": _SCHEMA,
        "context": {"$id": "ConsentRegistry"} | binding,
        "metadata": {"owner": "Consent Registry", "contractName": "ConsentRegistry"},
        "display": {"formats": formats},
    }


def _deployments(deployments: Sequence[tuple[int, str]]) -> list[dict[str, Any]]:
    return [{"chainId": chain, "address": check_address(address)} for chain, address in deployments]


def _statement(kind: str) -> dict[str, Any]:
    return _format(kind, INTENTS[kind], [*_fields(fields_of(kind)), *_notes(NOTES.get(kind))])


def _call(signature: str) -> tuple[str, dict[str, Any]]:
    intent, effect = CALLS[signature]
    name, arguments = signature.rstrip(")").split("(")
    pairs = [argument.split(" ") for argument in arguments.split(",") if argument]
    who = {"path": "@.from", "label": LABELS["subject"]} | _format_of("address")
    told = [*_notes(effect), *_notes(_SEEN, "In public")]
    return signature, _format(name, intent, [who, *_fields((argument, kind) for kind, argument in pairs), *told])


def _fields(members: Iterable[tuple[str, str]]) -> list[dict[str, Any]]:
    types = dict(members)
    if unknown := types.keys() - LABELS.keys():
        raise InvalidInput(f"there is a new member {min(unknown)}", "Decide in LABELS how a wallet shows it.")
    return [_field(name, types[name]) for name in LABELS if name in types]


def _field(name: str, solidity: str) -> dict[str, Any]:
    path = f"{name}.[]" if solidity.endswith("[]") else name
    field = {"path": path, "label": LABELS[name]} | _format_of("" if name in _COUNTS else solidity)
    if name in HIDDEN:
        field["visible"] = "never"
    if name in _UNLESS_ZERO:
        field["visible"] = {"ifNotIn": [ZERO_WORD]}
    if name in _IF_THERE_IS_ROOM:
        field["visible"] = "optional"
    return field


def _format_of(solidity: str) -> dict[str, Any]:
    if solidity.removesuffix("[]") == "address":
        return {"format": "addressName", "params": {"types": ["wallet", "eoa", "contract"]}}
    if solidity == "uint64":
        return {"format": "date", "params": {"encoding": "timestamp"}}
    return {"format": "raw"}


def _format(name: str, intent: str, fields: list[dict[str, Any]]) -> dict[str, Any]:
    return {"$id": name, "intent": intent, "fields": fields}


def _notes(text: str | None, label: str = "Effect") -> Iterator[dict[str, Any]]:
    if text is not None:
        yield {"value": text, "label": label, "format": "raw"}


def _deployment(text: str) -> tuple[int, str]:
    found = _CAIP10.fullmatch(text)
    if found is None:
        raise InvalidInput(f"{text!r} is no deployment", "Write eip155:CHAIN:ADDRESS, as eip155:1:0x....")
    return int(found[1]), check_address(found[2])


def main(arguments: Sequence[str]) -> int:
    """Write the files; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deployment", action="append", default=[], help="eip155:CHAIN:ADDRESS; repeat")
    parser.add_argument("--out", type=Path, help="the folder to write into")
    options = parser.parse_args(arguments)
    try:
        if bool(options.deployment) != bool(options.out):
            raise InvalidInput("a bound descriptor needs --deployment and --out", "Give both, or neither.")
        made = files([_deployment(text) for text in options.deployment])
    except ConsentError as error:
        print(f"{type(error).__name__}: {error}\n{error.advice}", file=sys.stderr)
        return 2
    folder = options.out or OUTPUT
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in made.items():
        (folder / name).write_bytes(content)
        print(folder / name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
