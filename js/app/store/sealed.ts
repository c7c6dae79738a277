// What the app keeps, each thing sealed (AES-256-GCM) by a key of the seed. Whoever copies the browser's files reads nothing.

import { hkdf } from "@noble/hashes/hkdf.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { toHex, utf8 } from "../../core/bytes.ts";
import { CouldNotCheck } from "../../core/errors.ts";
import type { Database } from "./database.ts";

interface SealedRow {
  readonly id: string;
  readonly nonce: Uint8Array<ArrayBuffer>;
  readonly sealed: ArrayBuffer;
}

const INFO = utf8("ConsentRegistry/1/app");
/** Rows to try with a key: all were sealed by one, or by a few where a key was replaced. */
const SAMPLE = 1000;
const decoder = new TextDecoder();

/** Returns the key that seals what the app keeps; it never leaves the browser's own cryptography. */
export function sealingKey(seed: Uint8Array): Promise<CryptoKey> {
  const raw = hkdf(sha256, seed, undefined, INFO, 32) as Uint8Array<ArrayBuffer>;
  return crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt", "decrypt"]);
}

/** Returns a new random name, which says nothing of what is kept under it. */
export const freshId = (): string => toHex(crypto.getRandomValues(new Uint8Array(16))).slice(2);

export class Sealed {
  readonly #database: Database;
  readonly #key: CryptoKey;

  constructor(database: Database, key: CryptoKey) {
    this.#database = database;
    this.#key = key;
  }

  /** Keeps values (what JSON can say) under their names, all or none. Throws `StorageFull`. */
  async put(...values: readonly (readonly [string, unknown])[]): Promise<void> {
    await this.#database.put("kept", ...(await Promise.all(values.map(([id, value]) => this.#seal(id, value)))));
  }

  async get<T>(id: string): Promise<T | undefined> {
    const row = await this.#database.get<SealedRow>("kept", id);
    return row === undefined ? undefined : this.#open<T>(row);
  }

  /** Returns those under these names, in order; undefined where there is none. */
  async some<T>(ids: readonly string[]): Promise<(T | undefined)[]> {
    const rows = await this.#database.some<SealedRow>("kept", ids);
    return Promise.all(rows.map((row) => (row === undefined ? undefined : this.#open<T>(row))));
  }

  /** Returns everything that this key opens and whose name begins so. What another seed sealed is left alone. */
  async all<T>(prefix: string): Promise<T[]> {
    const rows = (await this.#database.all<SealedRow>("kept")).filter((row) => row.id.startsWith(prefix));
    const opened = await Promise.allSettled(rows.map((row) => this.#open<T>(row)));
    return opened.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
  }

  /** Whether this key opens anything that is kept, or there is nothing to open. */
  async fits(): Promise<boolean> {
    const rows = await this.#database.all<SealedRow>("kept");
    const opened = await Promise.allSettled(rows.slice(0, SAMPLE).map((row) => this.#open(row)));
    return rows.length === 0 || opened.some(({ status }) => status === "fulfilled");
  }

  delete(...ids: readonly string[]): Promise<void> {
    return this.#database.delete("kept", ...ids);
  }

  async #seal(id: string, value: unknown): Promise<SealedRow> {
    const nonce = crypto.getRandomValues(new Uint8Array(12));
    const plain = utf8(JSON.stringify(value)) as Uint8Array<ArrayBuffer>;
    return { id, nonce, sealed: await crypto.subtle.encrypt(this.#how(id, nonce), this.#key, plain) };
  }

  async #open<T>(row: SealedRow): Promise<T> {
    try {
      const plain = await crypto.subtle.decrypt(this.#how(row.id, row.nonce), this.#key, row.sealed);
      return JSON.parse(decoder.decode(plain)) as T;
    } catch {
      throw new CouldNotCheck("StorageUnavailable", "something that is kept here is damaged", "Open the consent's file instead.");
    }
  }

  #how(id: string, nonce: Uint8Array<ArrayBuffer>): AesGcmParams {
    // The name is sealed along: two rows cannot be swapped.
    return { name: "AES-GCM", iv: nonce, additionalData: utf8(id) as Uint8Array<ArrayBuffer> };
  }
}
