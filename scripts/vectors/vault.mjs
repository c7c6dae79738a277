// The tools of a vault, written a second time: derived keys, frames, seals, signatures and blocks.
import { createHash, createHmac, createPrivateKey, createPublicKey, hkdfSync, sign } from "node:crypto";
import { createRequire } from "node:module";
import { crc32 } from "node:zlib";

import { canonical, ethers, utf8, word } from "./base.mjs";

const require = createRequire(new URL("../node/package.json", import.meta.url));
const { bech32 } = require("@scure/base");
const age = await import(new URL("../node/node_modules/age-encryption/dist/index.js", import.meta.url));

export const hex = (bytes) => Buffer.from(bytes).toString("hex");
export const base64 = (bytes) => Buffer.from(bytes).toString("base64");
/** The bytes of 0x hex. */
export const bytes = (text) => ethers.getBytes(text);
export const named = (label, length = 32) => Buffer.from(word(label).slice(2, 2 + 2 * length), "hex");

// --- Keys -----------------------------------------------------------------------------------------------------------

export function derive(seed, info, length = 32) {
  const parts = typeof info === "string" ? [info] : info;
  const whole = Buffer.concat(parts.map((part) => Buffer.from(part)));
  return Buffer.from(hkdfSync("sha256", bytes(seed), new Uint8Array(), whole, length));
}

export const identityOf = (secret) => bech32.encodeFromBytes("AGE-SECRET-KEY-PQ-", secret).toUpperCase();
export const recipientOf = (identity) => age.identityToRecipient(identity);
export const hmac = (key, data) => createHmac("sha256", key).update(data).digest();

// PKCS #8 of an Ed25519 key, up to its 32 bytes.
const PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex");
export const signingKey = (secret) => createPrivateKey({ key: Buffer.concat([PKCS8, secret]), format: "der", type: "pkcs8" });
export const publicKey = (key) => "0x" + hex(createPublicKey(key).export({ format: "der", type: "spki" }).subarray(-32));

/** Everything that is derived from a seed, for one subject and controller. */
export function keysOf(seed, subject, controller) {
  const both = [bytes(subject), bytes(controller)];
  return {
    owner: identityOf(derive(seed, "ConsentRegistry/1/owner")),
    vault: signingKey(derive(seed, "ConsentRegistry/1/vault")),
    relationship: signingKey(derive(seed, ["ConsentRegistry/1/vault/", ...both])),
    mailbox: identityOf(derive(seed, ["ConsentRegistry/1/mailbox/", ...both])),
    search: hex(derive(seed, "ConsentRegistry/1/search")),
    homes: hex(derive(seed, "ConsentRegistry/1/homes", 16)),
    shredded: derive(seed, "ConsentRegistry/1/shredded"),
  };
}

/** The number of an account: the first 31 of the derived bits. */
export function accountNumber(seed, name, generation) {
  const four = Buffer.alloc(4);
  four.writeUInt32BE(generation);
  const derived = derive(seed, ["ConsentRegistry/1/account/", bytes(name), four]);
  return Number(BigInt("0x" + hex(derived)) >> 225n);
}

// --- Frames ---------------------------------------------------------------------------------------------------------

export function padme(length) {
  const exponent = Math.floor(Math.log2(length));
  const step = 2 ** (exponent - (Math.floor(Math.log2(exponent)) + 1));
  return Math.ceil(length / step) * step;
}

/** Stored blocks (RFC 1951, 3.2.4): the same bytes with every version of zlib. */
function stored(data) {
  const blocks = [];
  for (let at = 0; at === 0 || at < data.length; at += 65_535) {
    const part = data.subarray(at, at + 65_535);
    const start = Buffer.alloc(5);
    start[0] = at + 65_535 >= data.length ? 1 : 0;
    start.writeUInt16LE(part.length, 1);
    start.writeUInt16LE(65_535 - part.length, 3);
    blocks.push(start, part);
  }
  return Buffer.concat(blocks);
}

export const HEADER = Buffer.from("1f8b08000000000000ff", "hex");

export function member(data, header = HEADER) {
  const end = Buffer.alloc(8);
  end.writeUInt32LE(crc32(data));
  end.writeUInt32LE(data.length, 4);
  return Buffer.concat([header, stored(Buffer.from(data)), end]);
}

export function frameOf(inside, length = padme(Math.max(4096, inside.length + 4))) {
  const made = Buffer.alloc(length);
  made.writeUInt32BE(inside.length);
  Buffer.from(inside).copy(made, 4);
  return made;
}

export const frame = (data) => frameOf(member(Buffer.from(data)));

// --- Seals ----------------------------------------------------------------------------------------------------------

/** Seals with random bytes that are the same at every run. Never do this elsewhere. */
export async function seal(plain, recipient, label) {
  let count = 0;
  const random = crypto.getRandomValues;
  crypto.getRandomValues = (array) => {
    for (let at = 0; at < array.byteLength; at += 32) {
      const part = createHash("sha256").update(`seal of ${label} ${count++}`).digest();
      new Uint8Array(array.buffer, array.byteOffset, array.byteLength).set(part.subarray(0, array.byteLength - at), at);
    }
    return array;
  };
  try {
    const encrypter = new age.Encrypter();
    encrypter.addRecipient(recipient);
    return Buffer.from(await encrypter.encrypt(plain));
  } finally {
    crypto.getRandomValues = random;
  }
}

/** The document with its signature, over the RFC 8785 bytes without it. */
export function signed(document, key) {
  const { signature: _, ...rest } = document;
  return { ...rest, signature: "0x" + hex(sign(null, utf8(canonical(rest)), key)) };
}

// --- Blocks ---------------------------------------------------------------------------------------------------------

const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";

/** CIDv1, raw, SHA-256, in base32: the file of at most 256 KiB that `ipfs add --cid-version=1` makes. */
export function cidOf(data) {
  if (data.length > 262_144) throw new Error("this file has several blocks");
  const raw = Buffer.concat([Buffer.from([1, 0x55, 0x12, 0x20]), createHash("sha256").update(data).digest()]);
  let [text, bits, held] = ["b", 0, 0];
  for (const byte of raw) {
    [bits, held] = [(bits << 8) | byte, held + 8];
    for (; held >= 5; held -= 5) text += ALPHABET[(bits >> (held - 5)) & 31];
    bits &= (1 << held) - 1;
  }
  return held ? text + ALPHABET[(bits << (5 - held)) & 31] : text;
}
