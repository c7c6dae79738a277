// Recovers the signer of a digest: plain secp256k1, one accepted spelling of each signature.

import { secp256k1 } from "@noble/curves/secp256k1.js";
import { keccak256 } from "./keccak.ts";

const { Signature } = secp256k1;

/**
 * Recovers the 20-byte address that made this ECDSA signature, or undefined where it is not a plain one.
 *
 * A plain signature has 65 bytes r || s || v, with s in the lower half (EIP-2) and v 27 or 28. Any other may be a contract's
 * (ERC-1271), which only the chain can decide.
 */
export function recoverAddress(digest: Uint8Array, signature: Uint8Array): Uint8Array | undefined {
  const v = signature[64];
  if (digest.length !== 32 || signature.length !== 65 || (v !== 27 && v !== 28)) return undefined;
  try {
    const plain = Signature.fromBytes(signature.subarray(0, 64), "compact");
    if (plain.hasHighS()) return undefined;
    const key = plain.addRecoveryBit(v - 27).recoverPublicKey(digest).toBytes(false);
    return keccak256(key.subarray(1)).subarray(12);
  } catch {
    return undefined; // r or s out of range, or r is no point's
  }
}
