"""Who signed a digest: plain secp256k1 recovery, one spelling of each signature.

coincurve (libsecp256k1) where it is installed, else the pure-Python backend of eth-keys: the same answers,
about a hundred times slower.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from registry.core.crypto.keccak import keccak256

HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
_LARGEST_S = HALF_ORDER.to_bytes(32, "big")
_PublicKey = Callable[[bytes, bytes, int], bytes | None]  # from a digest, a signature, and its v as 0 or 1


def recover_address(digest: bytes, signature: bytes) -> bytes | None:
    """The 20-byte address that made this ECDSA signature, or None where it is not a plain one.

    Plain is: 65 bytes r || s || v, s in the lower half (EIP-2), v 27 or 28. Anything else might still be a
    contract's (ERC-1271), which only the chain can tell.
    """
    if len(digest) != 32 or len(signature) != 65:  # C reads as many bytes, whether they are there or not
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

    def memory() -> Any:
        text = new("unsigned char[65]")
        parsed, key = new("secp256k1_ecdsa_recoverable_signature *"), new("secp256k1_pubkey *")
        return parsed, key, text, new("size_t *", 65), ffi.buffer(text)

    def public_key(digest: bytes, signature: bytes, recovery_id: int) -> bytes | None:
        # What `PublicKey.from_signature_and_message` and its `format` do, less the objects and copies between them.
        # Threads recover at the same time: each takes memory that no other uses, and lays it back.
        try:
            own = spare.pop()
        except IndexError:
            own = memory()
        parsed, key, text, length, view = own
        if not read(context, parsed, signature, recovery_id) or not find(context, key, parsed, digest):
            return None
        write(context, text, length, key, EC_UNCOMPRESSED)
        point: bytes = view[1:]
        spare.append(own)
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
    except (ImportError, AttributeError):  # or a version of it that binds the library otherwise
        return _with_eth_keys()


_public_key = _fastest()
