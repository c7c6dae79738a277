"""Recipients and identities of age v1, which wrap a 16-byte file key: post-quantum, X25519, passphrase (c2sp.org/age).

The primitives come from ``cryptography``. Nothing here stores, logs or prints an identity.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass, field
from functools import lru_cache
from typing import ClassVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, hpke
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from registry.core.age import bech32
from registry.core.age.header import Stanza, decode64, encode64
from registry.core.errors import DamagedSeal, InvalidInput
from registry.core.scalars import spellings

FILE_KEY_LENGTH = 16
WORK_FACTOR = 18
# 2^20 needs 1 GiB and some seconds. A hostile file must not cause more.
MAX_WORK_FACTOR = 20
MAX_PASSPHRASE_BYTES = 4096

_HYBRID, _X25519, _SCRYPT = "mlkem768x25519", "X25519", "scrypt"
_HYBRID_INFO = b"age-encryption.org/mlkem768x25519"
_X25519_INFO = b"age-encryption.org/v1/X25519"
_SCRYPT_LABEL = b"age-encryption.org/v1/scrypt"
_HYBRID_RECIPIENT, _X25519_RECIPIENT = "age1pq", "age"
_HYBRID_IDENTITY, _X25519_IDENTITY = "AGE-SECRET-KEY-PQ-", "AGE-SECRET-KEY-"
_SEED_LENGTH = _SHARE_LENGTH = 32
_MLKEM_PUBLIC_LENGTH, _MLKEM_SEED_LENGTH = 1184, 64
_ENC_LENGTH = 1120
_SALT_LENGTH = 16
_WRAPPED_LENGTH = FILE_KEY_LENGTH + 16
_ZERO_NONCE = bytes(12)
_SUITE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305)
_DECIMAL = re.compile(r"[1-9][0-9]?")


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class _HybridRecipient:
    kind: ClassVar[str] = _HYBRID
    key: hpke.MLKEM768X25519PublicKey

    def wrap(self, file_key: bytes) -> Stanza:
        try:
            sealed = _SUITE.encrypt(file_key, self.key, info=_HYBRID_INFO)
        except ValueError:
            raise _low_order() from None
        return Stanza((_HYBRID, encode64(sealed[:_ENC_LENGTH])), sealed[_ENC_LENGTH:])


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class _HybridIdentity:
    key: hpke.MLKEM768X25519PrivateKey
    x25519: X25519PrivateKey

    def unwrap(self, stanza: Stanza) -> bytes | None:
        if stanza.args[0] != _HYBRID:
            return None
        enc = _argument(stanza, 2, _ENC_LENGTH)
        try:
            return _SUITE.decrypt(enc + stanza.body, self.key, info=_HYBRID_INFO)
        except InvalidTag:
            # HPKE does not say why. An all-zero shared secret means a malformed header, not another recipient.
            _exchange(self.x25519, enc[-_SHARE_LENGTH:])
            return None


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class _X25519Recipient:
    kind: ClassVar[str] = _X25519
    key: X25519PublicKey

    def wrap(self, file_key: bytes) -> Stanza:
        ephemeral = X25519PrivateKey.generate()
        share = ephemeral.public_key().public_bytes_raw()
        try:
            secret = ephemeral.exchange(self.key)
        except ValueError:
            raise _low_order() from None
        return Stanza((_X25519, encode64(share)), _wrapped(_x25519_key(secret, share, self.key), file_key))


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class _X25519Identity:
    key: X25519PrivateKey

    def unwrap(self, stanza: Stanza) -> bytes | None:
        if stanza.args[0] != _X25519:
            return None
        share = _argument(stanza, 2, _SHARE_LENGTH)
        key = _x25519_key(_exchange(self.key, share), share, self.key.public_key())
        return _unwrapped(key, stanza.body)


@dataclass(frozen=True, slots=True)
class Passphrase:
    """A passphrase that seals and opens, the only recipient of its file (c2sp.org/age, "The scrypt recipient type").

    ``work_factor`` is the base-two logarithm of scrypt's N when sealing, 1 to MAX_WORK_FACTOR; 18 takes 256 MiB and
    about a second. Sealing uses the text's UTF-8 bytes without normalisation, so that ``age -d`` agrees. Opening tries
    the text's other `spellings` too.
    """

    kind: ClassVar[str] = _SCRYPT
    text: str = field(repr=False)
    work_factor: int = WORK_FACTOR

    def __post_init__(self) -> None:
        if not 0 < len(self.text.encode()) <= MAX_PASSPHRASE_BYTES:
            raise InvalidInput("a passphrase has 1 to 4,096 bytes", "Choose another passphrase.")
        if not 1 <= self.work_factor <= MAX_WORK_FACTOR:
            raise InvalidInput("scrypt's work factor is out of range", f"Take one from 1 to {MAX_WORK_FACTOR}.")

    def wrap(self, file_key: bytes) -> Stanza:
        salt = secrets.token_bytes(_SALT_LENGTH)
        key = self._key(salt, self.work_factor, self.text)
        return Stanza((_SCRYPT, encode64(salt), str(self.work_factor)), _wrapped(key, file_key))

    def unwrap(self, stanza: Stanza) -> bytes | None:
        if stanza.args[0] != _SCRYPT:
            return None
        salt = _argument(stanza, 3, _SALT_LENGTH)
        if not _DECIMAL.fullmatch(stanza.args[2]) or int(stanza.args[2]) > MAX_WORK_FACTOR:
            raise DamagedSeal("the header asks for a malformed or too high scrypt work factor")
        for text in spellings(self.text):
            if (file_key := _unwrapped(self._key(salt, int(stanza.args[2]), text), stanza.body)) is not None:
                return file_key
        return None

    def _key(self, salt: bytes, work_factor: int, text: str) -> bytes:
        return Scrypt(_SCRYPT_LABEL + salt, 32, 1 << work_factor, r=8, p=1).derive(text.encode())


# A recipient wraps a file key. All recipients of a file are of one ``kind``.
Recipient = _HybridRecipient | _X25519Recipient | Passphrase
# An identity unwraps it: None for another recipient's stanza, DamagedSeal for a malformed one of its own kind.
Identity = _HybridIdentity | _X25519Identity | Passphrase


def generate_identity() -> str:
    """Generate a post-quantum identity, ``AGE-SECRET-KEY-PQ-1...``: a secret that the caller must keep."""
    return identity_from_seed(secrets.token_bytes(_SEED_LENGTH))


def identity_from_seed(seed: bytes) -> str:
    """The post-quantum identity whose X-Wing seed is ``seed`` (32 secret, uniformly random bytes)."""
    if len(seed) != _SEED_LENGTH:
        raise InvalidInput("an identity's seed has 32 bytes", "Derive it with HKDF-SHA256.")
    return bech32.encode(_HYBRID_IDENTITY, seed)


def recipient_of(identity: str) -> str:
    """The public recipient, ``age1pq1...`` or ``age1...``, of an identity string; InvalidInput if it is none."""
    if identity.startswith(_HYBRID_IDENTITY):
        mlkem, x25519 = _hybrid_keys(identity)
        public = mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()
        return bech32.encode(_HYBRID_RECIPIENT, public)
    return bech32.encode(_X25519_RECIPIENT, _x25519_private(identity).public_key().public_bytes_raw())


def is_post_quantum(recipient: str) -> bool:
    """Tell whether what is sealed to this recipient resists quantum computers (ML-KEM-768 with X25519)."""
    return recipient.startswith(f"{_HYBRID_RECIPIENT}1")


@lru_cache(maxsize=256)
def parse_recipient(text: str) -> Recipient:
    """Parse a recipient string, ``age1pq1...`` or ``age1...``. Raises InvalidInput if it is none."""
    if not text.startswith(_HYBRID_RECIPIENT + "1"):
        raw = bech32.decode(_X25519_RECIPIENT, text, _SHARE_LENGTH)
        return _X25519Recipient(X25519PublicKey.from_public_bytes(raw))
    raw = bech32.decode(_HYBRID_RECIPIENT, text, _MLKEM_PUBLIC_LENGTH + _SHARE_LENGTH)
    try:
        mlkem = MLKEM768PublicKey.from_public_bytes(raw[:_MLKEM_PUBLIC_LENGTH])
    except ValueError:
        raise InvalidInput("the recipient holds no valid ML-KEM-768 key", "Ask its owner for it again.") from None
    x25519 = X25519PublicKey.from_public_bytes(raw[_MLKEM_PUBLIC_LENGTH:])
    return _HybridRecipient(hpke.MLKEM768X25519PublicKey(mlkem, x25519))


def parse_identity(text: str) -> Identity:
    """Parse an identity string, which takes 0.2 ms and serves many files. Raises InvalidInput if it is none."""
    # Not cached: a secret lives only as long as the caller keeps it.
    if text.startswith(_HYBRID_IDENTITY):
        mlkem, x25519 = _hybrid_keys(text)
        return _HybridIdentity(hpke.MLKEM768X25519PrivateKey(mlkem, x25519), x25519)
    return _X25519Identity(_x25519_private(text))


def _hybrid_keys(identity: str) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
    # X-Wing's key expansion (draft-connolly-cfrg-xwing-kem, section 5.2).
    seed = bech32.decode(_HYBRID_IDENTITY, identity, _SEED_LENGTH)
    expanded = hashlib.shake_256(seed).digest(_MLKEM_SEED_LENGTH + _SHARE_LENGTH)
    mlkem = MLKEM768PrivateKey.from_seed_bytes(expanded[:_MLKEM_SEED_LENGTH])
    return mlkem, X25519PrivateKey.from_private_bytes(expanded[_MLKEM_SEED_LENGTH:])


def _x25519_private(identity: str) -> X25519PrivateKey:
    return X25519PrivateKey.from_private_bytes(bech32.decode(_X25519_IDENTITY, identity, _SHARE_LENGTH))


def _argument(stanza: Stanza, count: int, length: int) -> bytes:
    # Check the body's length first: this prevents a partitioning oracle attack (c2sp.org/age).
    if len(stanza.args) != count or len(stanza.body) != _WRAPPED_LENGTH:
        raise DamagedSeal("the header has a stanza of the wrong shape")
    value = decode64(stanza.args[1])
    if len(value) != length:
        raise DamagedSeal("the header has a stanza argument of the wrong length")
    return value


def _exchange(key: X25519PrivateKey, share: bytes) -> bytes:
    try:
        return key.exchange(X25519PublicKey.from_public_bytes(share))
    except ValueError:
        raise DamagedSeal("the header holds a low-order X25519 share") from None


def _x25519_key(secret: bytes, share: bytes, recipient: X25519PublicKey) -> bytes:
    return HKDF(hashes.SHA256(), 32, share + recipient.public_bytes_raw(), _X25519_INFO).derive(secret)


def _wrapped(key: bytes, file_key: bytes) -> bytes:
    return ChaCha20Poly1305(key).encrypt(_ZERO_NONCE, file_key, None)


def _unwrapped(key: bytes, body: bytes) -> bytes | None:
    try:
        return ChaCha20Poly1305(key).decrypt(_ZERO_NONCE, body, None)
    except InvalidTag:
        return None


def _low_order() -> InvalidInput:
    return InvalidInput(
        "the recipient's X25519 key is of low order", "Ask its owner for another; never seal to this one."
    )
