"""Every official age vector for binary files: its outcome, and exactly the plaintext that may be released."""

from __future__ import annotations

import hashlib
import io
import zlib
from typing import NamedTuple

import pytest

from registry.core.age.recipients import Passphrase
from registry.core.age.stream import open_sealed
from registry.core.errors import ConsentError, DamagedSeal, NotARecipient, WrongPassphrase
from tests.support.paths import DATA

DATA = DATA / "age"
NAMES = sorted(path.name for path in (DATA / "vectors").iterdir())


class Vector(NamedTuple):
    expect: str
    payload: str
    identities: list[str | Passphrase]
    sealed: bytes


def read(name: str) -> Vector:
    head, sealed = (DATA / "vectors" / name).read_bytes().split(b"\n\n", 1)
    pairs = [line.split(": ", 1) for line in head.decode().split("\n")]
    fields = {pair[0]: pair[1] for pair in pairs}
    identities: list[str | Passphrase] = [value for key, value in pairs if key == "identity"]
    identities += [Passphrase(value) for key, value in pairs if key == "passphrase"]
    sealed = zlib.decompress(sealed) if fields.get("compressed") == "zlib" else sealed
    return Vector(fields["expect"], fields.get("payload", hashlib.sha256(b"").hexdigest()), identities, sealed)


def outcome(vector: Vector, sink: io.BytesIO) -> str:
    try:
        open_sealed(io.BytesIO(vector.sealed), sink, vector.identities)
    except ConsentError as error:
        return name_of(error)
    return "success"


def name_of(error: ConsentError) -> str:
    if isinstance(error, NotARecipient | WrongPassphrase):
        return "no match"
    assert isinstance(error, DamagedSeal)
    if str(error) == "the header's MAC does not match":
        return "HMAC failure"
    return "header failure" if str(error).startswith("the header ") else "payload failure"


@pytest.mark.parametrize("name", NAMES)
def test_vector(name: str) -> None:
    vector, sink = read(name), io.BytesIO()
    assert outcome(vector, sink) == vector.expect
    assert hashlib.sha256(sink.getvalue()).hexdigest() == vector.payload


def test_the_set_is_whole() -> None:
    left_out = (DATA / "left_out.txt").read_text().split()
    assert len(NAMES) + len(left_out) == 143
    assert all(name.startswith("armor_") for name in left_out)
    assert {read(name).expect for name in NAMES} == {
        "success", "no match", "HMAC failure", "header failure", "payload failure",
    }  # fmt: skip


def test_a_wrong_passphrase_is_told_from_a_wrong_identity() -> None:
    vector = read("scrypt_no_match")
    with pytest.raises(WrongPassphrase):
        open_sealed(io.BytesIO(vector.sealed), io.BytesIO(), vector.identities)
    with pytest.raises(NotARecipient):
        open_sealed(io.BytesIO(vector.sealed), io.BytesIO(), read("x25519").identities)
