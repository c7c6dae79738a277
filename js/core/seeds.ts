// The keys and secrets of a vault seed (32 random bytes), by HKDF-SHA256 (RFC 5869; docs/formats.md, "Keys").

import { hkdf } from "@noble/hashes/hkdf.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { concat, utf8 } from "./bytes.ts";
import { InvalidInput } from "./errors.ts";
import { identityFromSeed, recipientOf } from "./recipients.ts";
import { bytesOf, checkAddress, type Address, type Hex } from "./scalars.ts";
import { signingKey, type SigningKey } from "./vault_keys.ts";

export { revocationSecret } from "./locks.ts";

const PREFIX = "ConsentRegistry/1/";
const NAME_BYTES = 16;
const ID_BYTES = 16;
const SCOPES = [20, 32];
const MAX_GENERATION = 2 ** 32 - 1;

/** The age identity to which the vault's index and book are sealed. */
export const ownerIdentity = (seed: Uint8Array): string => identityFromSeed(derive(seed, "owner"));

/** The owner's key: it signs index, book, and the heads and lists of own streams. */
export const vaultKey = (seed: Uint8Array): SigningKey => signingKey(derive(seed, "vault"));

/** The key of a subject's account and a controller, whose public half is `vaultKey`: it signs all of a bundle. */
export const relationshipKey = (seed: Uint8Array, subject: Address, controller: Address): SigningKey =>
  signingKey(derive(seed, "vault/", both(subject, controller)));

/** The age identity of a relationship, for what the brand sends back; its recipient stands in the capsule. */
export const mailboxIdentity = (seed: Uint8Array, subject: Address, controller: Address): string =>
  identityFromSeed(derive(seed, "mailbox/", both(subject, controller)));

/** The 32 bytes that encrypt a working copy. */
export const searchKey = (seed: Uint8Array): Uint8Array => derive(seed, "search");

/** The name under which all homes of a seed leave their newest index: 16 bytes, as hex without 0x. */
export const homesName = (seed: Uint8Array): string => bytesToHex(derive(seed, "homes", new Uint8Array(), NAME_BYTES));

/** Returns a function that marks the id (16 bytes) of a shredded record, as the book keeps it: hex without 0x. */
export function shreddedMarks(seed: Uint8Array): (id: Uint8Array) => string {
  const key = derive(seed, "shredded");
  return (id) => bytesToHex(hmac(sha256, key, id));
}

/** Returns 20 hex digits, in fours, of the SHA-256 of the owner's recipient: they name a seed in the open. */
export async function fingerprint(seed: Uint8Array): Promise<string> {
  const digits = bytesToHex(sha256(utf8(await recipientOf(ownerIdentity(seed))))).slice(0, 20);
  return digits.replace(/(.{4})(?=.)/g, "$1 ");
}

/**
 * Returns the number n, below 2^31, of the account m/44'/60'/n'/0/0. `name` is a controller's address (20 bytes), or the salt (32) of
 * an Intent or Mandate that has an account of its own. Throws `InvalidInput` for another one, or for another generation.
 */
export function accountNumber(seed: Uint8Array, name: Hex, generation: number): number {
  const scope = bytesOf(name);
  if (!SCOPES.includes(scope.length) || !Number.isInteger(generation) || generation < 0 || generation > MAX_GENERATION) {
    const advice = "Name 20 or 32 bytes, and a generation of 0 to 4,294,967,295.";
    throw new InvalidInput(`there is no account ${generation} for ${JSON.stringify(name.slice(0, 80))}`, advice);
  }
  const order = new Uint8Array(4);
  new DataView(order.buffer).setUint32(0, generation);
  const derived = derive(seed, "account/", concat(scope, order));
  return new DataView(derived.buffer, derived.byteOffset).getUint32(0) >>> 1;
}

/** Returns the id that a bundle gives to a record (its own id, 16 bytes): two bundles of one record cannot be compared by it. */
export const idInBundle = (secret: Uint8Array, id: Uint8Array): string => bytesToHex(hmac(sha256, secret, id).subarray(0, ID_BYTES));

const both = (subject: Address, controller: Address): Uint8Array =>
  concat(bytesOf(checkAddress(subject)), bytesOf(checkAddress(controller)));

const derive = (seed: Uint8Array, info: string, more: Uint8Array = new Uint8Array(), length = 32): Uint8Array =>
  hkdf(sha256, seed, undefined, concat(utf8(PREFIX + info), more), length);
