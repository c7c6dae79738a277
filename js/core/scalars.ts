// The values of statements, each with one spelling (docs/formats.md): hex words, addresses, signatures and terms.

import { bytesToHex } from "@noble/hashes/utils.js";
import { concat, fromHex, utf8 } from "./bytes.ts";
import { malformed } from "./errors.ts";
import type { Json } from "./json.ts";
import { hashText, keccak256 } from "./keccak.ts";
import { asList, asText } from "./shapes.ts";

export const MAX_SIGNATURE = 8_192;
export const MAX_SAFE_INTEGER = Number.MAX_SAFE_INTEGER;
/** Seconds by which two clocks may differ. */
export const CLOCK_SKEW = 15 * 60;
/** Seconds: ten years. */
export const MAX_DURATION = 315_360_000;
export const ZERO_WORD = `0x${"00".repeat(32)}`;
export const ZERO_ADDRESS = `0x${"00".repeat(20)}`;

/** 0x and 64 lower-case digits. */
export type Word = string;
/** 0x and 40 digits with their EIP-55 checksum. */
export type Address = string;
/** 0x and an even number of lower-case digits. */
export type Hex = string;

const WORD = /^0x[0-9a-f]{64}$/;
const ADDRESS = /^0x[0-9a-fA-F]{40}$/;
const TERM = /^(?:[a-z][a-z0-9-]*:[A-Za-z0-9][A-Za-z0-9._~-]*|https:\/\/[!#-;=?-Z[\]_a-z~]+)$/;
// Controllers and registries recur in many files, so their checksums are remembered. The bound keeps hostile files from filling memory.
const MOST_KNOWN = 256;
const known = new Set<string>();

export function asWord(value: Json | undefined, name: string): Word {
  const text = asText(value, name);
  if (!WORD.test(text)) throw malformed(`${name} is not 32 bytes in lower-case hex with 0x`);
  return text;
}

export function asAddress(value: Json | undefined, name: string): Address {
  return checkAddress(asText(value, name), name);
}

/** A signature's spelling: 1 to 8,192 bytes. Whether it is right is another question. */
export function asSignature(value: Json | undefined, name: string): Hex {
  const text = asText(value, name, 4, 2 + 2 * MAX_SIGNATURE);
  if (fromHex(text) === undefined) throw malformed(`${name} is not lower-case hex with 0x`);
  return text;
}

/** Returns the address if it is spelled with its EIP-55 checksum; otherwise `Malformed`. */
export function checkAddress(text: string, name = "address"): Address {
  if (known.has(text)) return text;
  if (!ADDRESS.test(text) || checksum(bytesOf(text.toLowerCase())) !== text) {
    throw malformed(`${name} ${JSON.stringify(text.slice(0, 50))} is not spelled with its EIP-55 checksum`);
  }
  if (known.size >= MOST_KNOWN) known.clear();
  known.add(text);
  return text;
}

/** The EIP-55 spelling of a 20-byte address: upper case where the hash of the lower-case digits is 8 or more. */
export function checksum(address: Uint8Array): Address {
  const digits = bytesToHex(address);
  const hashed = bytesToHex(keccak256(utf8(digits)));
  let text = "0x";
  for (let at = 0; at < 40; at += 1) text += (hashed[at] as string) >= "8" ? (digits[at] as string).toUpperCase() : digits[at];
  return text;
}

/** Decodes hex that was already checked: a word, a signature, or an address. */
export function bytesOf(hex: Hex): Uint8Array {
  const bytes = fromHex(hex.length === 42 ? hex.toLowerCase() : hex);
  if (bytes === undefined) throw malformed("this is not lower-case hex with 0x");
  return bytes;
}

/** Whether this is a compact IRI (`dpv:Personalisation`) or a full `https://` one, in ASCII. */
export const isTerm = (text: string): boolean => TERM.test(text);

export function checkTerm(text: string, name: string): string {
  if (!isTerm(text)) throw malformed(`${name}: ${JSON.stringify(text.slice(0, 80))} is neither a compact IRI nor an https:// one`);
  return text;
}

export const asTerm = (value: Json | undefined, name: string): string => checkTerm(asText(value, name), name);

/** Reads a list of terms, which is sorted by UTF-8 bytes, without repeats and not empty; otherwise `Malformed`. */
export function asTerms(value: Json | undefined, name: string): readonly string[] {
  const terms = asList(value, name, asTerm);
  if (terms.length === 0) throw malformed(`${name} is empty: it needs at least one term`);
  checkSorted(terms, name);
  return terms;
}

/** Requires that texts of ASCII stand in the order of their bytes, none twice. */
export function checkSorted(texts: readonly string[], name: string): void {
  if (texts.some((text, place) => place > 0 && (texts[place - 1] as string) >= text)) {
    throw malformed(`${name} must be sorted by their UTF-8 bytes, with no repeats`);
  }
}

/** EIP-712: a list's hash is that of its members' hashes, one after another. */
export const hashTexts = (texts: readonly string[]): Uint8Array => keccak256(concat(...texts.map(hashText)));

/** Requires that no value stands twice in a list of ours; otherwise `Malformed`. */
export function checkDistinct(values: readonly string[], what: string): void {
  if (new Set(values).size === values.length) return;
  throw malformed(`a list repeats ${what}`, "Ask its author for a new one: software of ours writes no such list.");
}

/** A unix time in UTC, to the second; "never" for undefined. */
export function formatUtc(seconds: number | undefined): string {
  if (seconds === undefined) return "never";
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime()) || date.getUTCFullYear() > 9999) return `${seconds} s after 1970`;
  return `${date.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}
