"""RSA blind signatures, by the official vectors (RFC 9474, appendix A.3), and what each step refuses."""

from __future__ import annotations

import json
from functools import cache
from typing import NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from registry.core.crypto.blind_rsa import blind, blind_sign, finalize, is_signed
from registry.core.errors import InvalidInput
from tests.support.paths import DATA


class Vector(NamedTuple):
    key: rsa.RSAPrivateKey
    message: bytes
    salt: bytes
    factor: int
    blinded: bytes
    blind_signature: bytes
    signature: bytes
    inverse: int


@cache
def vector() -> Vector:
    found = json.loads((DATA / "rfc9474" / "vectors.json").read_bytes())["RSABSSA-SHA384-PSS-Deterministic"]
    p, q, n, e, d, inverse = (int(found[name], 16) for name in ("p", "q", "n", "e", "d", "inv"))
    public = rsa.RSAPublicNumbers(e, n)
    key = rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), public).private_key()
    names = ("blinded_msg", "blind_sig", "sig")
    texts = [bytes.fromhex(found[name]) for name in names]
    message, salt = bytes.fromhex(found["prepared_msg"]), bytes.fromhex(found["salt"])
    return Vector(key, message, salt, pow(inverse, -1, n), *texts, inverse)


def test_each_step_is_that_of_the_rfc() -> None:
    v = vector()
    public = v.key.public_key()
    assert blind(public, v.message, salt=v.salt, factor=v.factor) == (v.blinded, v.inverse)
    assert blind_sign(v.key, v.blinded) == v.blind_signature
    assert finalize(public, v.message, v.blind_signature, v.inverse) == v.signature
    assert is_signed(public, v.message, v.signature) and not is_signed(public, v.message + b"!", v.signature)


def test_a_signer_sees_another_message_each_time() -> None:
    v = vector()
    (first, one), (second, other) = (blind(v.key.public_key(), b"token") for _ in range(2))
    assert first != second
    signatures = [
        finalize(v.key.public_key(), b"token", blind_sign(v.key, blinded), inverse)
        for blinded, inverse in ((first, one), (second, other))
    ]
    assert all(is_signed(v.key.public_key(), b"token", signature) for signature in signatures)


@pytest.mark.parametrize("change", [lambda b: b[1:], lambda b: b + b"\0", lambda b: b"\xff" * len(b), lambda b: b""])
def test_what_is_not_blinded_for_this_key_is_refused(change: object) -> None:
    with pytest.raises(InvalidInput, match="no message blinded for this key"):
        blind_sign(vector().key, change(vector().blinded))  # type: ignore[operator]


def test_another_signature_is_refused() -> None:
    v = vector()
    for wrong in (bytes(512), v.blinded, v.blind_signature[:-1]):
        with pytest.raises(InvalidInput):
            finalize(v.key.public_key(), v.message, wrong, v.inverse)


def test_a_faulty_private_operation_gives_nothing_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A signature that is wrong modulo one prime only gives the key away (Boneh, DeMillo, Lipton 1997)."""
    import gmpy2

    real = gmpy2.powmod_sec
    monkeypatch.setattr(gmpy2, "powmod_sec", lambda base, exponent, prime: real(base, exponent, prime) ^ 1)
    with pytest.raises(RuntimeError, match="nothing is given out"):
        blind_sign(vector().key, vector().blinded)
