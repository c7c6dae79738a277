// Reads a bundle as the brand that got its key: the newest version of each record, first whole, and then only what is new.

import type { BundleKey } from "./bundle_keys.ts";
import type { GetBlock } from "./cid.ts";
import { InvalidInput } from "./errors.ts";
import { isNewer, type Version } from "./records.ts";
import type { Word } from "./scalars.ts";
import { Budget } from "./stored_files.ts";
import { StreamReader } from "./streams.ts";
import { checkShown } from "./views.ts";

/**
 * What was read of a bundle: the newest versions by id, tombstones too, at the head with this number. `read` are the CIDs of the
 * segments and lists that were taken; they never change.
 */
export interface ReadBundle {
  readonly head: string;
  readonly number: number;
  readonly newest: ReadonlyMap<string, Version>;
  readonly read: ReadonlySet<string>;
}

/**
 * Reads a bundle. With `before`, only the segments that were not read yet are fetched. `vaultKey` must have signed its lists.
 * Nothing of it counts unless this returns. Throws `WrongCapsule`, `DamagedSeal` (also for what the view does not show), `Malformed`,
 * and `InvalidInput` over the budget, or for a head that is older than what was read.
 */
export async function readBundle(
  key: BundleKey, vaultKey: Word, get: GetBlock, budget = new Budget(), before?: ReadBundle,
): Promise<ReadBundle> {
  const reader = new StreamReader({ stream: key.stream, identity: key.identity, signer: vaultKey }, get, budget);
  const head = await reader.head(key.head);
  if (before !== undefined && head.number < before.number) {
    throw new InvalidInput(`this head is number ${head.number}, and ${before.number} was read already`, "Ask the person for a newer update.");
  }
  const known = before?.read ?? new Set<string>();
  const [newest, read] = [new Map(before?.newest), new Set(known)];
  for await (const part of reader.parts(head, known)) {
    if (part.older !== null) read.add(part.older);
    for (const segment of part.segments) {
      if (read.has(segment.cid)) continue;
      read.add(segment.cid);
      for (const version of await reader.versions(segment)) take(newest, version, key);
    }
  }
  return { head: key.head, number: head.number, newest, read };
}

/** Returns the records that are there: the newest versions without tombstones. */
export const aliveIn = ({ newest }: ReadBundle): readonly Version[] => [...newest.values()].filter((one) => !one.deleted);

function take(newest: Map<string, Version>, version: Version, key: BundleKey): void {
  if (!version.deleted) checkShown(version, key.view);
  const known = newest.get(version.id);
  if (known === undefined || isNewer(version, known)) newest.set(version.id, version);
}
