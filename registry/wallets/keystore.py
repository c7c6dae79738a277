"""Seals a 32-byte secret with a passphrase: Ethereum's Web3 Secret Storage, version 3, through eth-account.

`seal_secret` leaves out ``address``, so that a vault seed's file does not reveal the account of the same bytes.
A keystore names the work of its own key derivation, so that work is bounded before the library does it.
"""

from __future__ import annotations

import os
from contextlib import suppress
from math import prod
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from registry.core.errors import InvalidInput, WrongPassphrase
from registry.core.scalars import spellings
from registry.lazy_py_ecc import eth_account

SECRET_BYTES = 32
# The order n of secp256k1; a key is between 1 and n - 1 (SEC 2, section 2.4.1).
CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
MAX_KEYSTORE_BYTES = 16_384
MAX_PASSPHRASE_BYTES = 4_096
# A stranger's keystore may ask for a gibibyte and a minute, no more.
MAX_SCRYPT_BYTES = 2**30
MAX_SCRYPT_WORK = 2**24
MAX_ITERATIONS = 10_000_000
# zxcvbn reads no more characters, and calls a score below 3 of 4 guessable.
MAX_ESTIMATED = 72
MIN_SCORE = 3

# scrypt's N (RFC 7914), with r = 8 and p = 1. LIGHT is for an empty passphrase, which no work can protect.
STANDARD = 262_144
LIGHT = 1_024
LIGHT_WORK = LIGHT * 8

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

    def __post_init__(self) -> None:
        if 128 * self.n * self.r > MAX_SCRYPT_BYTES or self.n * self.r * self.p > MAX_SCRYPT_WORK:
            raise InvalidInput("the keystore asks for more memory or time than any wallet does", _ADVICE)
        if self.n < 2 or self.n & (self.n - 1) or self.dklen != 32:
            raise InvalidInput("the keystore's scrypt parameters are invalid", _ADVICE)


class _Pbkdf2Parameters(msgspec.Struct):
    c: _Positive
    prf: str
    salt: _Hex
    dklen: int

    def __post_init__(self) -> None:
        if self.c > MAX_ITERATIONS:
            raise InvalidInput("the keystore asks for more time than any wallet does", _ADVICE)
        if self.prf != "hmac-sha256" or self.dklen != 32:
            raise InvalidInput("the keystore's PBKDF2 parameters are invalid", _ADVICE)


_PARAMETERS: dict[str, type[msgspec.Struct]] = {"scrypt": _ScryptParameters, "pbkdf2": _Pbkdf2Parameters}


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


def lower_names(document: dict[str, Any], depth: int = 3) -> dict[str, Any]:
    """Write the names of members in lower case, as geth and eth-account read them: old tools wrote ``Crypto``.

    A name that is in lower case already goes before its other spellings.
    """
    lowered = {name.lower(): value for name, value in document.items()} | document
    inner = {
        name: lower_names(value, depth - 1) for name, value in lowered.items() if depth and isinstance(value, dict)
    }
    return lowered | inner


def random_key() -> bytes:
    """Return a new secp256k1 key, 32 bytes from the system's random source."""
    while not 0 < int.from_bytes(key := os.urandom(SECRET_BYTES), "big") < CURVE_ORDER:
        continue
    return key


def refuse_guessable(passphrase: str) -> None:
    """``InvalidInput`` tells why a new passphrase is easy to guess. An empty one is its caller's own decision."""
    from zxcvbn import zxcvbn  # word lists of a megabyte, for new passphrases alone

    if not passphrase or (found := zxcvbn(passphrase[:MAX_ESTIMATED]))["score"] >= MIN_SCORE:
        return
    seconds = found["crack_times_display"]["offline_slow_hashing_1e4_per_second"]
    why = (found["feedback"]["warning"] or "It is too short").rstrip(".")
    advice = f"{why}; choose four words that do not belong together."
    raise InvalidInput(f"the passphrase is guessable: a thief of the file needs {seconds}", advice)


def is_light(document: Any) -> bool:
    """Tell whether opening takes so little work that the passphrase is empty, or may as well be."""
    parameters = _checked(document)["crypto"]["kdfparams"]
    work: int = parameters.get("c", 1) * prod(parameters.get(name, 1) for name in "nrp")
    return work <= LIGHT_WORK


def seal_secret(secret: bytes, passphrase: str, cost: int = STANDARD) -> dict[str, Any]:
    """Return keystore JSON, without an address, that holds these 32 bytes; ``cost`` is scrypt's N."""
    if len(secret) != SECRET_BYTES:
        raise InvalidInput(f"a secret has {SECRET_BYTES} bytes", f"Pass exactly {SECRET_BYTES} bytes.")
    document = eth_account().Account.encrypt(secret, _checked_passphrase(passphrase), "scrypt", cost)
    return {name: value for name, value in document.items() if name != "address"}


def open_secret(document: Any, passphrase: str) -> bytes:
    """Return the 32 bytes in keystore JSON, whichever way the passphrase's accents are composed.

    ``WrongPassphrase``; ``InvalidInput`` if it is no version 3 keystore."""
    keystore = _checked(document)
    for spelling in spellings(_checked_passphrase(passphrase)):
        # Only the MAC can still be wrong: the rest was checked before.
        with suppress(ValueError):
            return bytes(eth_account().Account.decrypt(keystore, spelling))
    raise WrongPassphrase("the passphrase does not open it")


def _checked(document: Any) -> dict[str, Any]:
    """Return only the members that were checked: the library would read "N" as "n", and take the last of them."""
    keystore = _converted(lower_names(document) if isinstance(document, dict) else document, _Keystore)
    if keystore.version != 3:
        raise InvalidInput(f"a keystore of version {keystore.version} is not supported", "Export it as version 3.")
    crypto = keystore.crypto
    if crypto.cipher != "aes-128-ctr" or crypto.kdf not in _PARAMETERS:
        raise InvalidInput("the keystore uses a cipher or key derivation that version 3 does not have", _ADVICE)
    crypto.kdfparams = msgspec.to_builtins(_converted(crypto.kdfparams, _PARAMETERS[crypto.kdf]))
    return dict(msgspec.to_builtins(keystore))


def _converted(value: Any, kind: type[_T]) -> _T:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"the keystore is damaged: {error}", _ADVICE) from None


def _checked_passphrase(text: str) -> str:
    try:
        raw = text.encode()
    except UnicodeEncodeError:
        raise InvalidInput("the passphrase is not valid UTF-8", "Type it again.") from None
    if len(raw) > MAX_PASSPHRASE_BYTES:
        raise InvalidInput(f"a passphrase has at most {MAX_PASSPHRASE_BYTES:,} bytes", "Use a shorter one.")
    return text
