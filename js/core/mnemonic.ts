// Turns a vault seed into 24 words and back: BIP-39, the English list, without BIP-39's own passphrase.
// The words are as secret as the seed, so no message here holds one.

import { entropyToMnemonic, mnemonicToEntropy } from "@scure/bip39";
import { wordlist } from "@scure/bip39/wordlists/english.js";
import { InvalidInput } from "./errors.ts";

export const WORDS = 24;
export const SEED_BYTES = 32;
const LIST: ReadonlySet<string> = new Set(wordlist);

/** Returns the 24 words of these 32 bytes. */
export function wordsOf(seed: Uint8Array): readonly string[] {
  if (seed.length !== SEED_BYTES) throw new InvalidInput(`a seed has ${SEED_BYTES} bytes`, `Pass exactly ${SEED_BYTES} bytes.`);
  return entropyToMnemonic(seed, wordlist).split(" ");
}

/** Splits a typed text into words, in any case and with any white space between. */
export const splitWords = (text: string): readonly string[] => text.toLowerCase().split(/\s+/).filter((word) => word !== "");

/** Returns the positions, from 1, of the words that are not in the list. */
export const unknownWords = (words: readonly string[]): readonly number[] =>
  words.flatMap((word, place) => (LIST.has(word) ? [] : [place + 1]));

/** Returns the words of the list that begin so, for people who type. */
export const wordsWith = (beginning: string): readonly string[] => wordlist.filter((word) => word.startsWith(beginning.toLowerCase()));

/** Returns the 32 bytes of 24 words from `splitWords`. Throws `InvalidInput` if they are not a seed's. */
export function seedOf(words: readonly string[]): Uint8Array {
  if (words.length !== WORDS) {
    throw new InvalidInput(`${WORDS} words restore a seed, and there are ${words.length}`, "Give all of them, in order.");
  }
  const unknown = unknownWords(words);
  if (unknown.length > 0) throw new InvalidInput(`not in the list of words: number ${unknown.join(", ")}`, "Check its spelling, and try again.");
  try {
    return mnemonicToEntropy(words.join(" "), wordlist);
  } catch {
    const advice = "One word is wrong, or two are swapped; compare them with what you wrote down.";
    throw new InvalidInput("the words do not fit together (their checksum is wrong)", advice);
  }
}
