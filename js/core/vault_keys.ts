// The Ed25519 keys that sign what a vault seals (RFC 8032). Their secret never leaves the closure.

import { ed25519 } from "@noble/curves/ed25519.js";
import { bytesOf, type Hex, type Word } from "./scalars.ts";
import { toHex } from "./bytes.ts";

/** A key of a vault: `publicKey` is 32 bytes, `sign` returns 64. */
export interface SigningKey {
  readonly publicKey: Word;
  readonly sign: (message: Uint8Array) => Hex;
}

/** Returns the key with this secret of 32 bytes. */
export function signingKey(secret: Uint8Array): SigningKey {
  return Object.freeze({
    publicKey: toHex(ed25519.getPublicKey(secret)),
    sign: (message: Uint8Array) => toHex(ed25519.sign(message, secret)),
  });
}

/** Whether this public key made the signature; also false for what is no key and no signature. */
export function isSignedWith(publicKey: Word, message: Uint8Array, signature: Hex): boolean {
  try {
    // By RFC 8032, as OpenSSL does, and not by ZIP 215, which takes second encodings.
    return ed25519.verify(bytesOf(signature), message, bytesOf(publicKey), { zip215: false });
  } catch {
    return false;
  }
}
