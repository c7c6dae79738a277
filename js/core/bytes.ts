// Bytes and their hexadecimal form. The formats know one spelling only: "0x" and lower-case digits.

import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";

const HEX = /^0x(?:[0-9a-f]{2})*$/;
const encoder = new TextEncoder();

export const utf8 = (text: string): Uint8Array => encoder.encode(text);

export const toHex = (bytes: Uint8Array): string => `0x${bytesToHex(bytes)}`;

/** Returns the bytes of `text`, or undefined where it is no lower-case hexadecimal text of `size` bytes. */
export function fromHex(text: string, size?: number): Uint8Array | undefined {
  if (!HEX.test(text) || (size !== undefined && text.length !== 2 + 2 * size)) return undefined;
  return hexToBytes(text.slice(2));
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export function equal(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}

/** Compares bytes as numbers of the same size: negative where `one` is smaller. */
export function compare(one: Uint8Array, other: Uint8Array): number {
  for (let at = 0; at < one.length && at < other.length; at += 1) {
    const difference = (one[at] as number) - (other[at] as number);
    if (difference !== 0) return difference;
  }
  return one.length - other.length;
}

/** Returns an integer of at most 53 bits as `size` bytes, big-endian. */
export function fromInteger(value: number, size = 32): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let at = size - 1, left = value; left > 0; at -= 1, left = Math.floor(left / 256)) bytes[at] = left % 256;
  return bytes;
}
