"""A 32-byte secret under a passphrase: Ethereum's Web3 Secret Storage, version 3, through eth-account.

`seal_secret` leaves out ``address``, so that a vault seed's file does not say which account the same bytes would
be. What somebody else may have written is bounded here, before the library does the work it asks for.
eth-account takes its time to load, so it loads with the first key.
"""

from __future__ import annotations

import os
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from registry.core.errors import InvalidInput, WrongPassphrase
from registry.lazy_py_ecc import eth_account

SECRET_BYTES = 32
# secp256k1's; a key lies between zero and it (SEC 2, section 2.4.1).
CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
MAX_KEYSTORE_BYTES = 16_384
MAX_PASSPHRASE_BYTES = 4_096
# A keystore names its own cost, and somebody else may have written it: a gibibyte and a minute are enough.
MAX_SCRYPT_BYTES = 2**30
MAX_SCRYPT_WORK = 2**24
MAX_ITERATIONS = 10_000_000

# scrypt's N (RFC 7914) with r = 8 and p = 1. LIGHT is for what an empty passphrase seals: no work protects that.
STANDARD = 262_144
LIGHT = 1_024

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


def random_key() -> bytes:
    """A new secp256k1 key, 32 bytes from the system's random source."""
    while not 0 < int.from_bytes(key := os.urandom(SECRET_BYTES), "big") < CURVE_ORDER:
        continue
    return key


def seal_secret(secret: bytes, passphrase: str, cost: int = STANDARD) -> dict[str, Any]:
    """Keystore JSON, without an address, that holds these 32 bytes; ``cost`` is scrypt's N."""
    if len(secret) != SECRET_BYTES:
        raise InvalidInput(f"a secret has {SECRET_BYTES} bytes", "Seal exactly those.")
    document: dict[str, Any] = dict(
        eth_account().Account.encrypt(secret, _checked_passphrase(passphrase), "scrypt", cost)
    )
    del document["address"]
    return document


def open_secret(document: Any, passphrase: str) -> bytes:
    """The 32 bytes in keystore JSON. ``WrongPassphrase``, or ``InvalidInput`` where it is no keystore of version 3."""
    keystore = _checked(document)
    checked = _checked_passphrase(passphrase)
    try:
        return bytes(eth_account().Account.decrypt(keystore, checked))
    except ValueError:
        # Everything but the MAC was checked before.
        raise WrongPassphrase("the passphrase does not open it") from None


def _checked(document: Any) -> dict[str, Any]:
    """The members that were checked and no others: the library reads "N" as "n" and lets the last of them count."""
    keystore = _converted(document, _Keystore)
    if keystore.version != 3:
        raise InvalidInput(f"a keystore of version {keystore.version} is not supported", "Export it as version 3.")
    check = {"scrypt": _check_scrypt, "pbkdf2": _check_pbkdf2}.get(keystore.crypto.kdf)
    if keystore.crypto.cipher != "aes-128-ctr" or check is None:
        raise InvalidInput("the keystore uses a cipher or key derivation that version 3 does not have", _ADVICE)
    parameters = check(keystore.crypto.kdfparams)
    plain: dict[str, Any] = msgspec.to_builtins(keystore)
    plain["crypto"]["kdfparams"] = msgspec.to_builtins(parameters)
    return plain


def _check_scrypt(parameters: dict[str, Any]) -> _ScryptParameters:
    p = _converted(parameters, _ScryptParameters)
    if 128 * p.n * p.r > MAX_SCRYPT_BYTES or p.n * p.r * p.p > MAX_SCRYPT_WORK:
        raise InvalidInput("the keystore asks for more memory or time than any wallet does", _ADVICE)
    if p.n < 2 or p.n & (p.n - 1) or p.dklen != 32:
        raise InvalidInput("the keystore's scrypt parameters make no sense", _ADVICE)
    return p


def _check_pbkdf2(parameters: dict[str, Any]) -> _Pbkdf2Parameters:
    p = _converted(parameters, _Pbkdf2Parameters)
    if p.c > MAX_ITERATIONS:
        raise InvalidInput("the keystore asks for more time than any wallet does", _ADVICE)
    if p.prf != "hmac-sha256" or p.dklen != 32:
        raise InvalidInput("the keystore's PBKDF2 parameters make no sense", _ADVICE)
    return p


def _converted(value: Any, kind: type[_T]) -> _T:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"the keystore is damaged: {error}", _ADVICE) from None


def _checked_passphrase(text: str) -> str:
    try:
        raw = text.encode()
    except UnicodeEncodeError:
        raise InvalidInput("the passphrase holds what is no character", "Type it again.") from None
    if len(raw) > MAX_PASSPHRASE_BYTES:
        raise InvalidInput(f"a passphrase has at most {MAX_PASSPHRASE_BYTES:,} bytes", "Use a shorter one.")
    return text
