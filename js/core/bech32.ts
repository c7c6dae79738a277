// Bech32 (BIP 173) for age keys: no length limit, one accepted spelling for each value (c2sp.org/age, "Conventions").
// The prefix's case is the case of the whole text: "age1..", but "AGE-SECRET-KEY-1..".

import { InvalidInput } from "./errors.ts";

const ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const CHECKSUM_LENGTH = 6;
const GENERATOR = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];
const ADVICE = "Copy the whole key again, without changing anything in it.";

/** Returns `data` as Bech32 under `prefix`, in the prefix's case. */
export function encodeBech32(prefix: string, data: Uint8Array): string {
  const values = regroup(data, 8, 5);
  const rest = (data.length * 8) % 5;
  if (rest > 0) values.push(((data.at(-1) ?? 0) << (5 - rest)) & 31);
  const check = polymod([...expanded(prefix), ...values, ...new Array<number>(CHECKSUM_LENGTH).fill(0)]) ^ 1;
  for (let place = CHECKSUM_LENGTH - 1; place >= 0; place -= 1) values.push((check >>> (5 * place)) & 31);
  return `${prefix}1${cased(prefix, values.map((value) => ALPHABET[value]).join(""))}`;
}

/**
 * Returns the `length` bytes of `text`, whose prefix and case must be those of `prefix`. Throws `InvalidInput` for everything else,
 * also for padding bits that are not zero. The message never repeats the text, which may be a secret.
 */
export function decodeBech32(prefix: string, text: string, length: number): Uint8Array {
  const longest = prefix.length + 1 + Math.floor((length * 8 + 4) / 5) + CHECKSUM_LENGTH;
  if (text.length > longest || text !== cased(prefix, text)) throw refused("not a Bech32 text of the expected length and case");
  if (!text.startsWith(`${prefix}1`)) throw refused(`not a Bech32 text that begins with ${prefix}1`);
  const values = [...text.slice(prefix.length + 1).toLowerCase()].map((letter) => ALPHABET.indexOf(letter));
  if (values.length < CHECKSUM_LENGTH || values.includes(-1)) throw refused("a Bech32 text holds a character that is not allowed");
  if (polymod([...expanded(prefix), ...values]) !== 1) throw refused("a Bech32 text has a wrong checksum");
  const groups = values.slice(0, -CHECKSUM_LENGTH);
  const data = Uint8Array.from(regroup(groups, 5, 8));
  // Written again it must be the same: then there are no spare groups, and the padding bits are zero.
  if (data.length !== length || encodeBech32(prefix, data) !== text) throw refused(`not a Bech32 text of ${length} bytes`);
  return data;
}

/** Splits numbers of `from` bits into whole ones of `to` bits; what is left over is dropped. */
function regroup(values: Iterable<number>, from: number, to: number): number[] {
  const groups: number[] = [];
  let held = 0;
  let bits = 0;
  for (const value of values) {
    held = ((held << from) | value) & 0xfff;
    bits += from;
    while (bits >= to) {
      bits -= to;
      groups.push((held >>> bits) & ((1 << to) - 1));
    }
  }
  return groups;
}

function polymod(values: readonly number[]): number {
  let check = 1;
  for (const value of values) {
    const top = check >>> 25;
    check = ((check & 0x1ffffff) << 5) ^ value;
    GENERATOR.forEach((word, bit) => {
      if ((top >>> bit) & 1) check ^= word;
    });
  }
  return check;
}

function expanded(prefix: string): number[] {
  const codes = [...prefix.toLowerCase()].map((letter) => letter.charCodeAt(0));
  return [...codes.map((code) => code >>> 5), 0, ...codes.map((code) => code & 31)];
}

const cased = (prefix: string, text: string): string => (prefix === prefix.toUpperCase() ? text.toUpperCase() : text.toLowerCase());
const refused = (message: string): InvalidInput => new InvalidInput(message, ADVICE);
