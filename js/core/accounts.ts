// A vault seed's accounts, one for each controller: m/44'/60'/n'/0/0 (BIP-32, BIP-44, BIP-39's 24 words).
// The number n comes from the seed and the controller's address, so every device finds the same account. The derivation is hardened:
// knowing some of these accounts neither reveals the others nor links them.

import { secp256k1 } from "@noble/curves/secp256k1.js";
import { HDKey } from "@scure/bip32";
import { mnemonicToSeedSync } from "@scure/bip39";
import { concat } from "./bytes.ts";
import { InvalidInput } from "./errors.ts";
import { keccak256 } from "./keccak.ts";
import { wordsOf } from "./mnemonic.ts";
import { checksum, type Address, type Hex } from "./scalars.ts";
import { accountNumber } from "./seeds.ts";

export const NUMBERS = 2 ** 31;
// Nobody retires more accounts for one controller. A stranger's file costs as many derivations.
export const GENERATIONS = 100;

/** An account: its secret never leaves the closure. `sign` makes a plain signature of a digest (32 bytes): low s, v 27 or 28. */
export interface Account {
  readonly address: Address;
  readonly sign: (digest: Uint8Array) => Uint8Array;
}

/** All accounts of a seed. Making one takes a moment, because BIP-39 stretches the words; each account then takes a millisecond. */
export class Accounts {
  readonly #seed: Uint8Array;
  readonly #root: HDKey;

  constructor(seed: Uint8Array) {
    this.#seed = seed;
    this.#root = HDKey.fromMasterSeed(mnemonicToSeedSync(wordsOf(seed).join(" "))).derive("m/44'/60'");
  }

  /** Returns the account with this number, 0 to 2^31 - 1. */
  at(number: number): Account {
    if (!Number.isInteger(number) || number < 0 || number >= NUMBERS) {
      throw new InvalidInput(`there is no account ${number}`, `Accounts have numbers from 0 to ${NUMBERS - 1}.`);
    }
    const { privateKey } = this.#root.derive(`m/${number}'/0/0`);
    if (privateKey === null) throw new InvalidInput(`there is no account ${number}`, "Take another number.");
    return accountWith(privateKey);
  }

  /** Returns the account for a controller (an address) or a salt; after each retirement the next generation is used. */
  for(name: Hex, generation = 0): Account {
    return this.at(accountNumber(this.#seed, name, generation));
  }

  /** Returns which account for this controller has this address, of the generations that are ever used; undefined if none has. */
  generationOf(controller: Address, address: Address): number | undefined {
    for (let generation = 0; generation < GENERATIONS; generation += 1) {
      if (this.for(controller, generation).address === address) return generation;
    }
    return undefined;
  }
}

/** Returns the account of a secret key (32 bytes). */
export function accountWith(secret: Uint8Array): Account {
  return Object.freeze({
    address: checksum(keccak256(secp256k1.getPublicKey(secret, false).subarray(1)).subarray(12)),
    sign: (digest: Uint8Array) => signDigest(secret, digest),
  });
}

function signDigest(secret: Uint8Array, digest: Uint8Array): Uint8Array {
  if (digest.length !== 32) throw new InvalidInput("a digest has 32 bytes", "Hash what is to be signed first.");
  // The library puts the recovery id first, Ethereum puts it last and counts from 27.
  const recovered = secp256k1.sign(digest, secret, { prehash: false, lowS: true, format: "recovered" });
  return concat(recovered.subarray(1), Uint8Array.of((recovered[0] as number) + 27));
}
