// CAR archives (version 1), which carry many blocks in one request. There is one encoding; every other one is `Malformed`.

import { sha256 } from "@noble/hashes/sha2.js";
import { concat, equal, utf8 } from "./bytes.ts";
import { binaryCid, CID_BYTES, isOurs, MAX_BLOCK_BYTES, readVarint, textOfCid, varint, type Block } from "./cid.ts";
import { malformed, type NotConsented } from "./errors.ts";

// CBOR (RFC 8949): tag 42 and a byte string of 37 bytes, whose first is always zero, hold a CID (DAG-CBOR, "Links").
const LINK = Uint8Array.of(0xd8, 0x2a, 0x58, 0x25, 0);
const ROOTS = concat(Uint8Array.of(0xa2, 0x65), utf8("roots"));
const VERSION = concat(Uint8Array.of(0x67), utf8("version"), Uint8Array.of(1));
const ARRAY = 0x80;
// A header of so many roots has a head of one byte in CBOR.
const MAX_ROOTS = 23;
// A varint of four bytes says more than any part of an archive may have.
const MAX_VARINT = 4;
const ADVICE = "Send a CAR of version 1 with raw and dag-pb blocks under SHA-256.";

/** An archive: its roots, and its blocks in their order. */
export type Car = { readonly roots: readonly string[]; readonly blocks: readonly Block[] };

/** Returns the archive of these blocks. Its at most 23 roots need not be among them. */
export function carOf(roots: readonly string[], blocks: readonly Block[]): Uint8Array {
  const parts = blocks.flatMap(({ cid, data }) => [varint(CID_BYTES + data.length), binaryCid(cid), data]);
  return concat(headerOf(roots.map(binaryCid)), ...parts);
}

/**
 * Parses an archive with up to `maxRoots` roots and `maxBlocks` blocks of at most 1 MiB. Throws `Malformed` for anything else: a
 * second encoding of the header or of a length, a block that ends early, another kind of CID, or bytes that a CID does not name.
 */
export function parseCar(raw: Uint8Array, maxBlocks: number, maxRoots = 1): Car {
  const [length, start] = lengthAt(raw, 0);
  const roots = rootsOf(raw.subarray(start, start + length), maxRoots);
  const blocks: Block[] = [];
  for (let at = start + length; at < raw.length; ) {
    if (blocks.length === maxBlocks) throw refused(`the CAR holds more than ${maxBlocks} blocks`, "Send several.");
    const [size, begin] = lengthAt(raw, at);
    blocks.push(blockAt(raw, begin, size));
    at = begin + size;
  }
  return { roots, blocks };
}

function headerOf(roots: readonly Uint8Array[]): Uint8Array {
  if (roots.length > MAX_ROOTS) throw refused(`a CAR names more than ${MAX_ROOTS} roots`);
  const links = roots.map((root) => concat(LINK, root));
  const header = concat(ROOTS, Uint8Array.of(ARRAY + roots.length), ...links, VERSION);
  return concat(varint(header.length), header);
}

// DAG-CBOR has one encoding, so the header must equal our own for some number of roots.
function rootsOf(header: Uint8Array, most: number): readonly string[] {
  const width = LINK.length + CID_BYTES;
  for (let count = 0; count <= most; count += 1) {
    const starts = Array.from({ length: count }, (_, place) => ROOTS.length + 1 + place * width + LINK.length);
    const roots = starts.map((at) => header.subarray(at, at + CID_BYTES));
    if (equal(headerOf(roots), concat(varint(header.length), header))) return roots.map(cidText);
  }
  throw refused(`it does not begin with the header of a CAR with at most ${most} roots`);
}

function lengthAt(raw: Uint8Array, at: number): readonly [number, number] {
  const found = readVarint(raw, at, MAX_VARINT);
  if (found === undefined) throw refused(`no length stands at byte ${at} of the CAR`);
  return found;
}

function blockAt(raw: Uint8Array, at: number, length: number): Block {
  if (length < CID_BYTES || length > CID_BYTES + MAX_BLOCK_BYTES) {
    throw refused(`a block of the CAR has ${length} bytes with its CID`, "A block has at most 1 MiB.");
  }
  if (at + length > raw.length) throw refused("the CAR ends in the middle of a block", "Send it whole.");
  const binary = raw.subarray(at, at + CID_BYTES);
  const cid = cidText(binary);
  const data = raw.slice(at + CID_BYTES, at + length);
  if (!equal(sha256(data), binary.subarray(4))) {
    throw refused(`the bytes given for ${cid} do not match it`, "Read the block anew, and send it again.");
  }
  return { cid, data };
}

function cidText(binary: Uint8Array): string {
  if (!isOurs(binary)) throw refused("the CAR names a block by another kind of CID than ours");
  return textOfCid(binary);
}

const refused = (message: string, advice: string = ADVICE): NotConsented => malformed(message, advice);
