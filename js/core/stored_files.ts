// Reads sealed files by their CIDs, within a bound for all that one reader takes.

import { concat } from "./bytes.ts";
import type { GetBlock } from "./cid.ts";
import { InvalidInput } from "./errors.ts";
import { damaged } from "./sealing.ts";
import { readFile } from "./unixfs.ts";

export const MAX_OPENED = 2 ** 30;

/** Counts what is fetched, and what it unpacks to. Throws `InvalidInput` as soon as one of the two is over the limit (bytes). */
export class Budget {
  readonly #limit: number;
  #fetched = 0;
  #opened = 0;

  constructor(limit = MAX_OPENED) {
    this.#limit = limit;
  }

  fetched(count: number): void {
    this.#fetched += count;
    this.#check(this.#fetched);
  }

  opened(count: number): void {
    this.#opened += count;
    this.#check(this.#opened);
  }

  #check(total: number): void {
    if (total > this.#limit) throw new InvalidInput(`it holds more than ${this.#limit} bytes`, "Raise the limit if you trust its source.");
  }
}

/** Returns the sealed file with this CID, every block checked. Throws `DamagedSeal` if it is none, or has more than `most` bytes. */
export async function readStored(cid: string, get: GetBlock, most: number, budget: Budget): Promise<Uint8Array> {
  let count = 0;
  let byStore: unknown;
  const counted = async (wanted: string): Promise<Uint8Array> => {
    try {
      const data = await get(wanted);
      count += data.length;
      return data;
    } catch (error) {
      byStore = error; // what a store refuses says nothing of the file
      throw error;
    }
  };
  const parts: Uint8Array[] = [];
  try {
    for await (const part of readFile(cid, counted, most)) parts.push(part);
  } catch (error) {
    if (error instanceof InvalidInput && error !== byStore) throw damaged(`${cid} is no sealed file of ours: ${error.message}`);
    throw error;
  }
  budget.fetched(count);
  return concat(...parts);
}
