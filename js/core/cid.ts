// Content identifiers (multiformats, CIDv1) of raw and dag-pb blocks under SHA-256, checked on every read: no store is trusted.

import { sha256 } from "@noble/hashes/sha2.js";
import { concat, equal } from "./bytes.ts";
import { CouldNotCheck, InvalidInput } from "./errors.ts";

export const MAX_BLOCK_BYTES = 1 << 20;
export const CID_BYTES = 36;
const DIGEST_LENGTH = 32;
// The beginnings of binary CIDs: version, codec, hash function, digest length. The digest follows.
export const RAW = Uint8Array.of(1, 0x55, 0x12, DIGEST_LENGTH);
export const DAG_PB = Uint8Array.of(1, 0x70, 0x12, DIGEST_LENGTH);
// The pattern admits one spelling of each identifier: the last letter has two bits, and the rest of it is zero.
const CID = /^(?:bafkrei|bafybei)[a-h][a-z2-7]{50}[aeimquy4]$/;
const LETTERS = "abcdefghijklmnopqrstuvwxyz234567";

/** A block: `cid` is that of `data`, at most 1 MiB. */
export type Block = { readonly cid: string; readonly data: Uint8Array };
/** Returns the block with this CID. Its errors pass through. */
export type GetBlock = (cid: string) => Uint8Array | Promise<Uint8Array>;

/** Returns the CID (raw) of one block, "bafkrei..". */
export const cidOfBlock = (data: Uint8Array): string => cidFromDigest(sha256(data));

/** Returns the CID (raw) of the block with this SHA-256. */
export function cidFromDigest(digest: Uint8Array): string {
  if (digest.length !== DIGEST_LENGTH) throw new InvalidInput("a SHA-256 digest has 32 bytes", "Give the digest itself, not its hex.");
  return textOfCid(concat(RAW, digest));
}

/** Returns the SHA-256 that a CID names. Throws `InvalidInput` for every other or second encoding. */
export const digestOfCid = (cid: string): Uint8Array => binaryCid(cid).subarray(4);

export const isCid = (text: string): boolean => CID.test(text);

/** Whether this block of a file is a leaf, which holds content, rather than a node of its tree. */
export const isLeaf = (cid: string): boolean => cid.startsWith("bafkrei");

/** Requires that `data` is the block that `cid` names: `StorageUnavailable` if not, `InvalidInput` for a CID that is not ours. */
export function checkBlock(cid: string, data: Uint8Array): void {
  const digest = digestOfCid(cid);
  if (data.length > MAX_BLOCK_BYTES || !equal(sha256(data), digest)) {
    const advice = "The store returned the wrong bytes; try another source, and do not trust this one.";
    throw new CouldNotCheck("StorageUnavailable", `the bytes given for ${cid} do not match it`, advice);
  }
}

/** Returns the text of a binary CID of ours (36 bytes). */
export function textOfCid(binary: Uint8Array): string {
  let text = "b";
  let held = 0;
  let bits = 0;
  for (const byte of binary) {
    held = ((held << 8) | byte) & 0xfff;
    for (bits += 8; bits >= 5; bits -= 5) text += LETTERS[(held >>> (bits - 5)) & 31];
  }
  return bits > 0 ? text + LETTERS[(held << (5 - bits)) & 31] : text;
}

/** Returns the 36 bytes of a CID's text. Throws `InvalidInput` for every other or second encoding. */
export function binaryCid(cid: string): Uint8Array {
  if (!CID.test(cid)) throw new InvalidInput("not a CIDv1 of a raw or dag-pb block under SHA-256", "Use the form bafkrei.. or bafybei..");
  const binary = new Uint8Array(CID_BYTES);
  let at = 0;
  let held = 0;
  let bits = 0;
  for (const letter of cid.slice(1)) {
    held = ((held << 5) | LETTERS.indexOf(letter)) & 0xfff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    binary[at] = held >>> bits;
    at += 1;
  }
  return binary;
}

/** Whether the binary CID begins as ours do. */
export function isOurs(binary: Uint8Array): boolean {
  const start = binary.subarray(0, 4);
  return binary.length === CID_BYTES && (equal(start, RAW) || equal(start, DAG_PB));
}

/** Returns the unsigned varint of a number below 2^53 (multiformats), least significant group first. */
export function varint(value: number): Uint8Array {
  const out: number[] = [];
  for (let left = value; ; left = Math.floor(left / 128)) {
    if (left < 128) return Uint8Array.from([...out, left]);
    out.push((left % 128) + 128);
  }
}

/** Returns the number whose shortest varint begins at a place, and the place behind it; undefined where none does. */
export function readVarint(raw: Uint8Array, at: number, most: number): readonly [number, number] | undefined {
  let value = 0;
  for (let place = 0; place < most; place += 1) {
    const byte = raw[at + place];
    if (byte === undefined) return undefined;
    value += (byte & 0x7f) * 128 ** place;
    if (byte < 128) return place > 0 && byte === 0 ? undefined : [value, at + place + 1];
  }
  return undefined;
}
