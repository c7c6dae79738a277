// Recipients and identities of age: post-quantum ("age1pq1..") and X25519 ("age1.."). No message repeats an identity.

import { decodeBech32, encodeBech32 } from "./bech32.ts";
import { InvalidInput } from "./errors.ts";
import { randomBytes } from "./random.ts";

const HYBRID_RECIPIENT = "age1pq";
const X25519_RECIPIENT = "age";
const HYBRID_IDENTITY = "AGE-SECRET-KEY-PQ-";
const X25519_IDENTITY = "AGE-SECRET-KEY-";
const KEY_LENGTH = 32;
const MLKEM_LENGTH = 1184;
// ML-KEM-768: three polynomials of 256 numbers below Q, twelve bits each (FIPS 203, section 7.2).
const PACKED_LENGTH = 1152;
const Q = 3329;
const IDENTITY_SHAPE = /^AGE-SECRET-KEY-(?:PQ-)?1[02-9AC-HJ-NP-Z]{58}$/;

/** Returns a new post-quantum identity, a secret that the caller must keep. */
export const generateIdentity = (): string => identityFromSeed(randomBytes(KEY_LENGTH));

/** Returns the post-quantum identity whose X-Wing seed is `seed`: 32 secret, uniformly random bytes. */
export function identityFromSeed(seed: Uint8Array): string {
  if (seed.length !== KEY_LENGTH) throw new InvalidInput("an identity's seed has 32 bytes", "Derive it with HKDF-SHA256.");
  return encodeBech32(HYBRID_IDENTITY, seed);
}

/** Returns the public recipient of an identity. Throws `InvalidInput` if it is none. */
export async function recipientOf(identity: string): Promise<string> {
  checkIdentity(identity);
  // Who only checks a recipient loads no cryptography.
  const { identityToRecipient } = await import("age-encryption");
  return identityToRecipient(identity);
}

/** Requires that this is an age identity; otherwise `InvalidInput`. */
export function checkIdentity(text: string): void {
  decodeBech32(text.startsWith(HYBRID_IDENTITY) ? HYBRID_IDENTITY : X25519_IDENTITY, text, KEY_LENGTH);
}

/** Whether the text has the shape of an identity: documents hold many, whose checksums nobody computes. */
export const looksLikeIdentity = (text: string): boolean => IDENTITY_SHAPE.test(text);

/** Requires that this is a recipient, "age1pq1.." or "age1.."; otherwise `InvalidInput`. */
export function checkRecipient(text: string): void {
  if (!isPostQuantum(text)) decodeBech32(X25519_RECIPIENT, text, KEY_LENGTH);
  else if (!isReduced(decodeBech32(HYBRID_RECIPIENT, text, MLKEM_LENGTH + KEY_LENGTH).subarray(0, PACKED_LENGTH))) {
    throw new InvalidInput("the recipient holds no valid ML-KEM-768 key", "Ask its owner for it again.");
  }
}

/** Whether what is sealed to this recipient resists quantum computers (ML-KEM-768 with X25519). */
export const isPostQuantum = (recipient: string): boolean => recipient.startsWith(`${HYBRID_RECIPIENT}1`);

function isReduced(packed: Uint8Array): boolean {
  for (let at = 0; at < packed.length; at += 3) {
    const [low, middle, high] = packed.subarray(at, at + 3) as Uint8Array & [number, number, number];
    if ((low | ((middle & 15) << 8)) >= Q || ((middle >>> 4) | (high << 4)) >= Q) return false;
  }
  return true;
}
