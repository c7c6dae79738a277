// The contract's `facts` call and its answer as bytes, and the question whether a contract accepts a signature (ERC-1271).

import { concat, fromInteger, utf8 } from "./bytes.ts";
import { addressWord } from "./eip712.ts";
import { CouldNotCheck } from "./errors.ts";
import { handleOfQuery, type AnchorFacts, type FactQuery, type SignatureQuery } from "./facts.ts";
import { keccak256 } from "./keccak.ts";
import { bytesOf } from "./scalars.ts";

/** The gas of one `signatureProbe`. With each node's own limit, a contract could accept on one node and refuse on another. */
export const PROBE_GAS = 10_000_000;

/** The first four bytes of the hash of a function's signature. */
export const selector = (signature: string): Uint8Array => keccak256(utf8(signature)).subarray(0, 4);

const FACTS = selector("facts(bytes32,bytes32,address)");
const IS_VALID = selector("isValidSignature(bytes32,bytes)");
const WORD = 32;
// 0x5a is the length of both halves with the signer's 20 bytes between them. The call data begins there.
const BEFORE_SIGNER = bytesOf(
  "0x" +
    "60206020" + // PUSH1 32, PUSH1 32: up to a word of the answer goes to memory from 32 on
    "605a380380605a604039" + // copies the call data, which follows this code, to memory from 64 on
    "604073", // PUSH1 64, PUSH20 signer
);
const AFTER_SIGNER = concat(
  bytesOf("0x5afa"), // GAS, STATICCALL
  bytesOf("0x601f3d1116"), // and RETURNDATASIZE > 31
  bytesOf("0x6020517f"),
  IS_VALID,
  new Uint8Array(28),
  bytesOf("0x1416"), // and the word is the magic value
  bytesOf("0x60005260206000f3"), // returned as a word
);

/** The call data of `facts(root, handle, subject)`. */
export function encodeFacts(query: FactQuery): Uint8Array {
  return concat(FACTS, bytesOf(query.root), bytesOf(handleOfQuery(query)), addressWord(query.subject));
}

/** Decodes three uint64; `LedgerUnavailable` if the answer is anything else. A value beyond 53 bits is rounded, and still beyond every date. */
export function decodeFacts(answer: Uint8Array): AnchorFacts {
  const [anchoredAt, revokedAt, cutoff] = [0, WORD, 2 * WORD].map((at) => readInteger(answer.subarray(at, at + WORD)));
  if (answer.length !== 3 * WORD || [anchoredAt, revokedAt, cutoff].some((value) => value === undefined)) {
    throw new CouldNotCheck("LedgerUnavailable", `the contract at the registry's address is not a ConsentRegistry (${answer.length} bytes)`);
  }
  return { anchoredAt: anchoredAt as number, revokedAt: revokedAt as number, cutoff: cutoff as number };
}

/**
 * Creation code that calls the signer's `isValidSignature` (ERC-1271), and returns 1 for yes, else 0.
 *
 * Run it by an `eth_call` without `to`, with `PROBE_GAS`. The answer is then the same whether the signer refuses, fails or burns
 * all its gas; nodes report the failure of a direct call each in their own words.
 */
export function signatureProbe({ signer, digest, signature }: SignatureQuery): Uint8Array {
  const bytes = bytesOf(signature);
  const padding = new Uint8Array((WORD - (bytes.length % WORD)) % WORD);
  const data = concat(IS_VALID, digest, fromInteger(2 * WORD), fromInteger(bytes.length), bytes, padding);
  return concat(BEFORE_SIGNER, bytesOf(signer), AFTER_SIGNER, data);
}

/** Decodes the answer of `signatureProbe`; `LedgerUnavailable` if it is neither 0 nor 1. */
export function decodeProbe(answer: Uint8Array): boolean {
  const value = answer.length === WORD ? readInteger(answer) : undefined;
  if (value !== 0 && value !== 1) {
    throw new CouldNotCheck("LedgerUnavailable", `the node did not run the code that it was given (${answer.length} bytes)`);
  }
  return value === 1;
}

/** Reads a word as an integer of 64 bits; undefined where it is larger. */
function readInteger(word: Uint8Array): number | undefined {
  const isLarger = word.subarray(0, WORD - 8).some((byte) => byte !== 0);
  return isLarger ? undefined : word.reduce((sum, byte) => sum * 256 + byte, 0);
}
