// Locks, tags and handles: the hashes by which a grant is revoked (docs/formats.md, "Statements").
// The holder of the secret opens a grant's lock in private. The subject's own address can revoke openly without it.

import { hkdf } from "@noble/hashes/hkdf.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { concat, toHex, utf8 } from "./bytes.ts";
import { addressWord } from "./eip712.ts";
import { keccak256 } from "./keccak.ts";
import { bytesOf, type Address, type Word } from "./scalars.ts";

const INFO = utf8("ConsentRegistry/1/revocation");

/** The 32 bytes that open the lock of the grant with this salt, from the vault seed (32 bytes). */
export function revocationSecret(seed: Uint8Array, salt: Word): Uint8Array {
  return hkdf(sha256, seed, bytesOf(salt), INFO, 32);
}

/** The lock that this 32-byte secret opens: the grant's `revocation`. */
export const lockOf = (secret: Uint8Array): Word => toHex(keccak256(secret));

/** keccak256(abi.encode(salt)): the subject can revoke openly with it and keep the salt secret. */
export const saltHash = (salt: Word): Word => toHex(keccak256(bytesOf(salt)));

/** keccak256(abi.encode(subject, saltHash)): binds the lock to its subject without revealing the subject. */
export const tagOf = (subject: Address, salt: Word): Word => tagFrom(subject, saltHash(salt));

/** The same from the salt's hash. */
export const tagFrom = (subject: Address, hashOfSalt: Word): Word => toHex(keccak256(concat(addressWord(subject), bytesOf(hashOfSalt))));

/** keccak256(abi.encode(lock, tag)): the value that the contract marks as revoked. */
export const handleOf = (lock: Word, tag: Word): Word => toHex(keccak256(concat(bytesOf(lock), bytesOf(tag))));

/** The handle of a grant with these members. */
export const handleFor = (subject: Address, revocation: Word, salt: Word): Word => handleOf(revocation, tagOf(subject, salt));
