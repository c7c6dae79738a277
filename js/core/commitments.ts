// What is anchored of a statement: 32 bytes that reveal neither the statement nor its signature.

import { concat } from "./bytes.ts";
import { keccak256 } from "./keccak.ts";

/** keccak256(abi.encode(digest, keccak256(signature))), over the exact bytes of the signature. */
export const commitmentOf = (digest: Uint8Array, signature: Uint8Array): Uint8Array => keccak256(concat(digest, keccak256(signature)));
