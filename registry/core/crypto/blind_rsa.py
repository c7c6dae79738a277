"""RSA blind signatures (RFC 9474), variant RSABSSA-SHA384-PSS-Deterministic, which Privacy Pass tokens are made with.

The signer signs without seeing what. The finished signature is a plain RSASSA-PSS one, which anybody can verify.
"""

from __future__ import annotations

import secrets
from hashlib import sha384
from math import gcd

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from registry.core.errors import InvalidInput

SALT_BYTES = 48
_HASH_BYTES = 48  # SHA-384
_PSS = padding.PSS(padding.MGF1(hashes.SHA384()), SALT_BYTES)


def blind(
    key: RSAPublicKey, message: bytes, *, salt: bytes | None = None, factor: int | None = None
) -> tuple[bytes, int]:
    """Return the blinded message, and the inverse that `finalize` needs (RFC 9474, section 4.2).

    ``salt`` (48 bytes) and ``factor`` are random, but for the RFC's vectors.
    """
    public = key.public_numbers()
    encoded = _encoded(message, public.n.bit_length() - 1, secrets.token_bytes(SALT_BYTES) if salt is None else salt)
    number = int.from_bytes(encoded, "big")
    if gcd(number, public.n) != 1:
        raise InvalidInput("the message shares a factor with the key", "Blind another message.")
    chosen = secrets.randbelow(public.n - 1) + 1 if factor is None else factor
    return _bytes(key, number * pow(chosen, public.e, public.n) % public.n), pow(chosen, -1, public.n)


def blind_sign(key: RSAPrivateKey, blinded: bytes) -> bytes:
    """Sign a blinded message (RFC 9474, section 4.3). ``InvalidInput`` if it has another size, or is no number below n.

    The private operation takes the same time for all keys and messages (GMP's ``mpz_powm_sec``), and is blinded once
    more. It is checked before it leaves, because a faulty one would give the key away.
    """
    from gmpy2 import invert, powmod, powmod_sec

    private = key.private_numbers()
    n, e, number = private.public_numbers.n, private.public_numbers.e, int.from_bytes(blinded, "big")
    if len(blinded) != _size(key.public_key()) or number >= n:
        raise InvalidInput("this is no message blinded for this key", "Blind it for the key in /v1/info.")
    mask = secrets.randbelow(n - 1) + 1
    masked = number * int(powmod(mask, e, n)) % n
    by_p = int(powmod_sec(masked % private.p, private.dmp1, private.p))
    by_q = int(powmod_sec(masked % private.q, private.dmq1, private.q))
    signed = (by_q + private.q * ((by_p - by_q) * private.iqmp % private.p)) * int(invert(mask, n)) % n
    if powmod(signed, e, n) != number:
        raise RuntimeError("the private operation went wrong, so nothing is given out")
    return _bytes(key.public_key(), signed)


def finalize(key: RSAPublicKey, message: bytes, blind_signature: bytes, inverse: int) -> bytes:
    """Return the signature of ``message`` (RFC 9474, section 4.4); ``InvalidInput`` if the signer gave another one."""
    if len(blind_signature) != _size(key):
        raise InvalidInput("the blind signature has another size than the key", "Ask the signer again.")
    number = int.from_bytes(blind_signature, "big") * inverse % key.public_numbers().n
    signature = _bytes(key, number)
    if not is_signed(key, message, signature):
        raise InvalidInput("the blind signature does not fit the key", "Ask the signer again.")
    return signature


def is_signed(key: RSAPublicKey, message: bytes, signature: bytes) -> bool:
    """Tell whether this is the key's RSASSA-PSS signature (SHA-384, MGF1, a salt of 48 bytes) of the message."""
    try:
        key.verify(signature, message, _PSS, hashes.SHA384())
    except InvalidSignature:
        return False
    return True


def _size(key: RSAPublicKey) -> int:
    return -(-key.key_size // 8)


def _bytes(key: RSAPublicKey, number: int) -> bytes:
    return number.to_bytes(_size(key), "big")


def _encoded(message: bytes, bits: int, salt: bytes) -> bytes:
    """EMSA-PSS-ENCODE of RFC 8017, section 9.1.1."""
    size = -(-bits // 8)
    digest = sha384(bytes(8) + sha384(message).digest() + salt).digest()
    block = bytes(size - len(salt) - _HASH_BYTES - 2) + b"\x01" + salt
    masked = bytes(a ^ b for a, b in zip(block, _mask(digest, len(block)), strict=True))
    return bytes([masked[0] & 0xFF >> (8 * size - bits)]) + masked[1:] + digest + b"\xbc"


def _mask(seed: bytes, length: int) -> bytes:
    """MGF1 of RFC 8017, appendix B.2.1."""
    count = -(-length // _HASH_BYTES)
    return b"".join(sha384(seed + number.to_bytes(4, "big")).digest() for number in range(count))[:length]
