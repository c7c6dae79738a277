"""Recover the signer of a digest: plain secp256k1, one accepted spelling of each signature.

coincurve (libsecp256k1) does it if it is installed, else eth-keys in pure Python, about a hundred times slower.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from registry.core.crypto.keccak import keccak256

HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
_LARGEST_S = HALF_ORDER.to_bytes(32, "big")
_PublicKey = Callable[[bytes, bytes, int], bytes | None]  # (digest, signature, v as 0 or 1) -> 64 bytes x || y


def recover_address(digest: bytes, signature: bytes) -> bytes | None:
    """Recover the 20-byte address that made this ECDSA signature, or None if it is not a plain one.

    A plain signature has 65 bytes r || s || v, with s in the lower half (EIP-2) and v 27 or 28. Any other may be a
    contract's (ERC-1271), which only the chain can decide.
    """
    if len(digest) != 32 or len(signature) != 65:  # the C library does not check lengths
        return None
    if not 27 <= signature[64] <= 28 or signature[32:64] > _LARGEST_S:
        return None
    key = _public_key(digest, signature, signature[64] - 27)
    return None if key is None else keccak256(key)[12:]


def _with_coincurve() -> _PublicKey:
    from coincurve import GLOBAL_CONTEXT
    from coincurve._libsecp256k1 import ffi, lib
    from coincurve.flags import EC_UNCOMPRESSED

    context, new = GLOBAL_CONTEXT.ctx, ffi.new
    read, find = lib.secp256k1_ecdsa_recoverable_signature_parse_compact, lib.secp256k1_ecdsa_recover
    write = lib.secp256k1_ec_pubkey_serialize
    spare: list[Any] = []

    def allocate() -> Any:
        text = new("unsigned char[65]")
        parsed, key = new("secp256k1_ecdsa_recoverable_signature *"), new("secp256k1_pubkey *")
        return parsed, key, text, new("size_t *", 65), ffi.buffer(text)

    def public_key(digest: bytes, signature: bytes, recovery_id: int) -> bytes | None:
        # The C calls of `PublicKey.from_signature_and_message` and `format`, without their objects and copies: a whole
        # verification is 5% faster. Threads call this concurrently, so each takes its own buffers and returns them.
        try:
            buffers = spare.pop()
        except IndexError:
            buffers = allocate()
        parsed, key, text, length, view = buffers
        if not read(context, parsed, signature, recovery_id) or not find(context, key, parsed, digest):
            return None
        write(context, text, length, key, EC_UNCOMPRESSED)
        point: bytes = view[1:]
        spare.append(buffers)
        return point

    return public_key


def _with_eth_keys() -> _PublicKey:
    from eth_keys.backends.native.main import NativeECCBackend
    from eth_keys.datatypes import Signature
    from eth_keys.exceptions import BadSignature
    from eth_utils.exceptions import ValidationError

    backend = NativeECCBackend()

    def public_key(digest: bytes, signature: bytes, recovery_id: int) -> bytes | None:
        plain = signature[:64] + bytes([recovery_id])
        try:
            key = Signature(plain, backend=backend).recover_public_key_from_msg_hash(digest)
        except (BadSignature, ValidationError, ValueError):
            return None
        return key.to_bytes()

    return public_key


def _fastest() -> _PublicKey:
    try:
        return _with_coincurve()
    except (ImportError, AttributeError):  # not installed, or a version with other bindings
        return _with_eth_keys()


_public_key = _fastest()
