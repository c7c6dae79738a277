"""A 32-byte secret under a passphrase: Ethereum's Web3 Secret Storage, version 3.

The same JSON as geth, ethers and eth-keyfile read and write; written here from the definition because the
library loads for a second. `seal_secret` writes it without ``address``, so that a vault seed's file does not
say which account the same bytes would be.
"""

from __future__ import annotations

import hmac
import os
from typing import Annotated, Any, NamedTuple, TypeVar
from uuid import uuid4

import msgspec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from msgspec import Meta

from registry.core.errors import InvalidInput, WrongPassphrase
from registry.core.keccak import keccak256

SECRET_BYTES = 32
MAX_KEYSTORE_BYTES = 16_384
MAX_PASSPHRASE_BYTES = 4_096
# A keystore names its own cost, and somebody else may have written it: a gibibyte and a minute are enough.
MAX_SCRYPT_BYTES = 2**30
MAX_SCRYPT_WORK = 2**24
MAX_ITERATIONS = 10_000_000


class Cost(NamedTuple):
    """scrypt's parameters (RFC 7914): 128 * n * r bytes of memory, p times."""

    n: int = 262_144
    r: int = 8
    p: int = 1


STANDARD = Cost()
LIGHT = Cost(n=1024)

_Hex = Annotated[str, Meta(pattern=r"\A(?:[0-9a-fA-F]{2}){1,64}\Z")]
_Word = Annotated[str, Meta(pattern=r"\A[0-9a-fA-F]{64}\Z")]
_Block = Annotated[str, Meta(pattern=r"\A[0-9a-fA-F]{32}\Z")]
_Positive = Annotated[int, Meta(ge=1, le=2**32)]
_T = TypeVar("_T")
_ADVICE = "Restore the file from a backup; what is in it cannot be opened."


class _CipherParameters(msgspec.Struct):
    iv: _Block


class _ScryptParameters(msgspec.Struct):
    n: _Positive
    r: _Positive
    p: _Positive
    salt: _Hex
    dklen: int


class _Pbkdf2Parameters(msgspec.Struct):
    c: _Positive
    prf: str
    salt: _Hex
    dklen: int


class _Crypto(msgspec.Struct):
    cipher: str
    cipherparams: _CipherParameters
    ciphertext: _Word
    kdf: str
    kdfparams: dict[str, Any]
    mac: _Word


class _Keystore(msgspec.Struct):
    version: int
    crypto: _Crypto


def seal_secret(secret: bytes, passphrase: str, cost: Cost = STANDARD) -> dict[str, Any]:
    """Keystore JSON, without an address, that holds these 32 bytes."""
    if len(secret) != SECRET_BYTES:
        raise InvalidInput(f"a secret has {SECRET_BYTES} bytes", "Seal exactly those.")
    salt, iv = os.urandom(32), os.urandom(16)
    kdfparams = {"n": cost.n, "r": cost.r, "p": cost.p, "dklen": 32, "salt": salt.hex()}
    derived = _scrypt(kdfparams, _passphrase(passphrase))
    sealed = _aes_ctr(derived, iv, secret)
    return {
        "version": 3,
        "id": str(uuid4()),
        "crypto": {
            "cipher": "aes-128-ctr",
            "cipherparams": {"iv": iv.hex()},
            "ciphertext": sealed.hex(),
            "kdf": "scrypt",
            "kdfparams": kdfparams,
            "mac": keccak256(derived[16:] + sealed).hex(),
        },
    }


def open_secret(document: Any, passphrase: str) -> bytes:
    """The 32 bytes in keystore JSON. ``WrongPassphrase``, or ``InvalidInput`` where it is no keystore of ours."""
    crypto = _checked(document).crypto
    derive = {"scrypt": _scrypt, "pbkdf2": _pbkdf2}.get(crypto.kdf)
    if crypto.cipher != "aes-128-ctr" or derive is None:
        raise InvalidInput("the keystore uses a cipher or key derivation that version 3 does not have", _ADVICE)
    derived = derive(crypto.kdfparams, _passphrase(passphrase))
    sealed = bytes.fromhex(crypto.ciphertext)
    if not hmac.compare_digest(keccak256(derived[16:] + sealed), bytes.fromhex(crypto.mac)):
        raise WrongPassphrase("the passphrase does not open it")
    return _aes_ctr(derived, bytes.fromhex(crypto.cipherparams.iv), sealed)


def _checked(document: Any) -> _Keystore:
    keystore = _converted(document, _Keystore)
    if keystore.version != 3:
        raise InvalidInput(f"a keystore of version {keystore.version} is not supported", "Export it as version 3.")
    return keystore


def _scrypt(parameters: dict[str, Any], passphrase: bytes) -> bytes:
    p = _converted(parameters, _ScryptParameters)
    if 128 * p.n * p.r > MAX_SCRYPT_BYTES or p.n * p.r * p.p > MAX_SCRYPT_WORK:
        raise InvalidInput("the keystore asks for more memory or time than any wallet does", _ADVICE)
    if p.n < 2 or p.n & (p.n - 1) or p.dklen != 32:
        raise InvalidInput("the keystore's scrypt parameters make no sense", _ADVICE)
    return Scrypt(bytes.fromhex(p.salt), 32, p.n, p.r, p.p).derive(passphrase)


def _pbkdf2(parameters: dict[str, Any], passphrase: bytes) -> bytes:
    p = _converted(parameters, _Pbkdf2Parameters)
    if p.c > MAX_ITERATIONS:
        raise InvalidInput("the keystore asks for more time than any wallet does", _ADVICE)
    if p.prf != "hmac-sha256" or p.dklen != 32:
        raise InvalidInput("the keystore's PBKDF2 parameters make no sense", _ADVICE)
    return PBKDF2HMAC(SHA256(), 32, bytes.fromhex(p.salt), p.c).derive(passphrase)


def _converted(value: Any, kind: type[_T]) -> _T:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"the keystore is damaged: {error}", _ADVICE) from None


def _passphrase(text: str) -> bytes:
    try:
        raw = text.encode()
    except UnicodeEncodeError:
        raise InvalidInput("the passphrase holds what is no character", "Type it again.") from None
    if len(raw) > MAX_PASSPHRASE_BYTES:
        raise InvalidInput(f"a passphrase has at most {MAX_PASSPHRASE_BYTES:,} bytes", "Use a shorter one.")
    return raw


def _aes_ctr(derived: bytes, iv: bytes, data: bytes) -> bytes:
    return Cipher(algorithms.AES(derived[:16]), modes.CTR(iv)).encryptor().update(data)
