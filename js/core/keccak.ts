// Keccak-256 as Ethereum uses it, and the hash of a text.

import { keccak_256 } from "@noble/hashes/sha3.js";
import { utf8 } from "./bytes.ts";
import { malformed } from "./errors.ts";
import { isWellFormed } from "./json.ts";

export const keccak256 = (bytes: Uint8Array): Uint8Array => keccak_256(bytes);

/** keccak256 of the UTF-8 bytes, which is how EIP-712 encodes a string. `Malformed` for half of a surrogate pair. */
export function hashText(text: string): Uint8Array {
  if (!isWellFormed(text)) throw malformed("a text holds half of a surrogate pair");
  return keccak256(utf8(text));
}
