"""Who signed a digest: plain secp256k1 recovery, one spelling of each signature.

coincurve (libsecp256k1) where it is installed, else the pure-Python backend of eth-keys: the same answers,
about a hundred times slower.
"""

from __future__ import annotations

from collections.abc import Callable

from registry.core.keccak import keccak256

HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
_LARGEST_S = HALF_ORDER.to_bytes(32, "big")
_RECOVERY_IDS = {27: b"\0", 28: b"\1"}
_PublicKey = Callable[[bytes, bytes], bytes | None]


def recover(digest: bytes, signature: bytes) -> bytes | None:
    """The 20-byte address that made this ECDSA signature, or None where it is not a plain one.

    Plain is: 65 bytes r || s || v, s in the lower half (EIP-2), v 27 or 28. Anything else might still be a
    contract's (ERC-1271), which only the chain can tell.
    """
    if len(signature) != 65 or signature[32:64] > _LARGEST_S:
        return None
    recovery_id = _RECOVERY_IDS.get(signature[64])
    if recovery_id is None:
        return None
    key = _public_key(digest, signature[:64] + recovery_id)
    return None if key is None else keccak256(key)[12:]


def _with_coincurve() -> _PublicKey:
    from coincurve import PublicKey

    def public_key(digest: bytes, signature: bytes) -> bytes | None:
        try:
            key = PublicKey.from_signature_and_message(signature, digest, hasher=None)
        except ValueError:
            return None
        return key.format(compressed=False)[1:]

    return public_key


def _with_eth_keys() -> _PublicKey:
    from eth_keys.backends.native.main import NativeECCBackend
    from eth_keys.datatypes import Signature
    from eth_keys.exceptions import BadSignature
    from eth_utils.exceptions import ValidationError

    backend = NativeECCBackend()

    def public_key(digest: bytes, signature: bytes) -> bytes | None:
        try:
            key = Signature(signature, backend=backend).recover_public_key_from_msg_hash(digest)
        except (BadSignature, ValidationError, ValueError):
            return None
        return key.to_bytes()

    return public_key


def _fastest() -> _PublicKey:
    try:
        return _with_coincurve()
    except ImportError:
        return _with_eth_keys()


_public_key = _fastest()
