// Small rules for texts: their order, their length in characters, base64, hex without 0x.

import { hexToBytes } from "@noble/hashes/utils.js";
import { malformed } from "./errors.ts";

const HEX = /^[0-9a-f]*$/;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** Compares texts by their UTF-8 bytes, as sorted lists of the formats ask: JavaScript's own order is that of UTF-16. */
export function byUtf8(one: string, other: string): number {
  const length = Math.min(one.length, other.length);
  for (let at = 0; at < length; at += 1) {
    const left = one.charCodeAt(at);
    const right = other.charCodeAt(at);
    if (left !== right) return rank(left) - rank(right);
  }
  return one.length - other.length;
}

/** Whether the texts stand in the order of their UTF-8 bytes, none twice. */
export const isSorted = (texts: readonly string[]): boolean =>
  texts.every((text, place) => place === 0 || byUtf8(texts[place - 1] as string, text) < 0);

/** Whether the text has `least` to `most` characters (code points). */
export function hasLength(text: string, least: number, most: number): boolean {
  if (text.length <= most) return text.length >= least && (least < 2 || [...text].length >= least);
  return text.length <= 2 * most && [...text].length <= most;
}

/** Requires `size` bytes in lower-case hex without 0x; otherwise `Malformed`. The message does not show it: it may be a secret. */
export function checkHex(text: string, size: number, what: string): string {
  if (text.length !== 2 * size || !HEX.test(text)) throw malformed(`${what} is not ${size} bytes in lower-case hex without 0x`);
  return text;
}

/** Returns the bytes of base64 in its one spelling (RFC 4648, with padding); undefined for everything else. */
export function fromBase64(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0 || !BASE64.test(text)) return undefined;
  try {
    const binary = atob(text);
    return btoa(binary) === text ? Uint8Array.from(binary, (letter) => letter.charCodeAt(0)) : undefined;
  } catch {
    return undefined;
  }
}

/** Returns base64 with padding (RFC 4648). */
export function toBase64(bytes: Uint8Array): string {
  let binary = "";
  // One call takes a bounded number of arguments.
  for (let at = 0; at < bytes.length; at += 8192) binary += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(binary);
}

/** Returns the 16 bytes of a record's id: a UUID of an own record, or the hex of a bundle's. */
export const idBytes = (id: string): Uint8Array => hexToBytes(id.replaceAll("-", ""));

// Surrogates stand for characters above all others of UTF-16.
const rank = (unit: number): number => (unit >= 0xe000 ? unit - 0x800 : unit >= 0xd800 ? unit + 0x2000 : unit);
