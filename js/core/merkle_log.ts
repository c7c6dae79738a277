// Merkle trees over a list that only grows: RFC 9162, section 2.1, with SHA-256. Only what checks a proof is here.
//
// A log has at most 2^53 entries, so a place in it is a number, and is halved instead of shifted.

import { sha256 } from "@noble/hashes/sha2.js";
import { concat, equal } from "./bytes.ts";
import { NotConsented } from "./errors.ts";

/** A proof has at most so many hashes. */
export const MAX_LOG_PROOF = 54;
const [LEAF, INNER] = [Uint8Array.of(0), Uint8Array.of(1)];

const notIncluded = (message: string): NotConsented => new NotConsented("NotIncluded", message);

/** The hash of an entry as a leaf, 32 bytes. */
export const leafHash = (entry: Uint8Array): Uint8Array => sha256(concat(LEAF, entry));

/** The hash of a node with these children, 32 bytes. */
export const innerHash = (left: Uint8Array, right: Uint8Array): Uint8Array => sha256(concat(INNER, left, right));

/** Throws `NotIncluded` unless the proof leads from this leaf's hash to the root of the first `size` entries (section 2.1.3.2). */
export function checkInclusion(index: number, size: number, leaf: Uint8Array, proof: readonly Uint8Array[], root: Uint8Array): void {
  if (index >= size) throw notIncluded(`the log of ${size} entries has no entry ${index}`);
  checkLengths(leaf, root, ...proof);
  const found = climb(index, size - 1, proof, leaf, (hash, sibling, isRight) => (isRight ? innerHash(sibling, hash) : innerHash(hash, sibling)));
  if (found === undefined || !equal(found, root)) throw notIncluded("the inclusion proof does not lead from the entry to the log's root");
}

/**
 * Throws `NotIncluded` unless the log with the root `now` and `second` entries begins with the `first` entries of the root `old`.
 *
 * Section 2.1.4.2. An empty log proves nothing, so it is refused.
 */
export function checkConsistency(first: number, second: number, proof: readonly Uint8Array[], old: Uint8Array, now: Uint8Array): void {
  if (first < 1 || first > second) throw notIncluded(`a log of ${second} entries is no continuation of one of ${first}`);
  if (first === second) {
    if (proof.length > 0 || !equal(old, now)) throw notIncluded("two logs of one length have different roots");
    return;
  }
  checkLengths(old, now, ...proof);
  const rebuilt = bothRoots(first, second, isPowerOfTwo(first) ? [old, ...proof] : proof);
  if (rebuilt === undefined || !equal(rebuilt.old, old) || !equal(rebuilt.now, now)) throw notIncluded("the consistency proof does not lead from one root to the other");
}

interface Roots {
  readonly old: Uint8Array;
  readonly now: Uint8Array;
}

/** The two roots to which a consistency proof leads; undefined for one of the wrong length. */
function bothRoots(first: number, second: number, [start, ...proof]: readonly Uint8Array[]): Roots | undefined {
  if (start === undefined) return undefined;
  let [node, last] = [first - 1, second - 1];
  while (node % 2 === 1) [node, last] = [half(node), half(last)];
  return climb(node, last, proof, { old: start, now: start }, ({ old, now }, sibling, isRight) =>
    isRight ? { old: innerHash(sibling, old), now: innerHash(sibling, now) } : { old, now: innerHash(now, sibling) });
}

/** Goes up from a node, taking one sibling at each level that has one; undefined where the proof is too long or too short. */
function climb<Hash>(
  start: number, end: number, proof: readonly Uint8Array[], hash: Hash, join: (hash: Hash, sibling: Uint8Array, isRight: boolean) => Hash,
): Hash | undefined {
  let [node, last, found] = [start, end, hash];
  for (const sibling of proof) {
    if (last === 0) return undefined;
    const isRight = node % 2 === 1 || node === last;
    found = join(found, sibling, isRight);
    if (isRight) while (node % 2 === 0 && node > 0) [node, last] = [half(node), half(last)];
    [node, last] = [half(node), half(last)];
  }
  return last === 0 ? found : undefined;
}

const half = (value: number): number => Math.floor(value / 2);

function isPowerOfTwo(value: number): boolean {
  let left = value;
  while (left % 2 === 0) left /= 2;
  return left === 1;
}

function checkLengths(...hashes: readonly Uint8Array[]): void {
  if (hashes.some((hash) => hash.length !== 32)) throw notIncluded("a hash of the proof has not 32 bytes");
}
