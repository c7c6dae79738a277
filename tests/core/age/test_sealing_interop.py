"""Both directions against npm `age-encryption` 0.3.1 (the age author's own), for each kind of recipient."""

from __future__ import annotations

import json

import pytest

from registry.core.age import bech32
from registry.core.age.recipients import Passphrase, generate_identity, recipient_of
from registry.core.age.stream import open_bytes, seal_bytes
from tests.support.nodejs import run_node
from tests.support.paths import ROOT

MODULES = ROOT / "scripts" / "node"
SIZES = [0, 1, 1000, 65535, 65536, 65537, 131072, 131073]
X25519 = bech32.encode("AGE-SECRET-KEY-", bytes(range(32)))


def ask(cases: list[dict[str, object]]) -> list[str]:
    """Run the cases in one Node process."""
    answers: list[str] = json.loads(run_node("age_interop.mjs", MODULES, stdin=json.dumps({"cases": cases})))
    return answers


def body(size: int) -> bytes:
    return (b"personal data " * (size // 14 + 1))[:size]


@pytest.mark.parametrize("identity", [generate_identity(), X25519], ids=["post-quantum", "x25519"])
def test_both_directions(identity: str) -> None:
    recipient, second = recipient_of(identity), recipient_of(identity if identity == X25519 else generate_identity())
    ours = [seal_bytes(body(size), [second, recipient]) for size in SIZES]
    answers = ask(
        [{"do": "recipient", "identity": identity}]
        + [{"do": "open", "identity": identity, "data": sealed.hex()} for sealed in ours]
        + [{"do": "seal", "recipients": [second, recipient], "data": body(size).hex()} for size in SIZES]
    )
    assert answers[0] == recipient
    assert [bytes.fromhex(each) for each in answers[1 : 1 + len(SIZES)]] == [body(size) for size in SIZES]
    theirs = [bytes.fromhex(each) for each in answers[1 + len(SIZES) :]]
    assert [open_bytes(sealed, [identity]) for sealed in theirs] == [body(size) for size in SIZES]
    # Same recipients, same sizes: not one byte more or less than the other implementation writes.
    assert list(map(len, theirs)) == list(map(len, ours))


def test_passphrases_in_both_directions() -> None:
    text = "pâte à modeler"
    ours = seal_bytes(b"backup", [Passphrase(text, work_factor=5)])
    opened, sealed = ask(
        [
            {"do": "open", "passphrase": text, "data": ours.hex()},
            {"do": "seal", "passphrase": text, "data": b"backup".hex()},
        ]
    )
    assert bytes.fromhex(opened) == b"backup"
    assert open_bytes(bytes.fromhex(sealed), [Passphrase(text)]) == b"backup"


def test_identities_made_elsewhere() -> None:
    (identity,) = ask([{"do": "generate"}])
    assert open_bytes(seal_bytes(b"x", [recipient_of(identity)]), [identity]) == b"x"
