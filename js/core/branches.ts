// Bundles that two homes continued apart: which head knows of which, and what a brand may show that read either. A bundle's newest
// head is one branch; its `apart` are the others. Of each record a brand shows the version with the largest counter that it read, and
// of two with one counter the first. So the next head must outdo all branches.

import { versionText } from "./record_lines.ts";
import type { Version } from "./records.ts";
import { branchesOf, type Bundle, type Writer } from "./vault_book.ts";

/**
 * What a brand holds: of each record the newest version in any branch. `doubtful` are the records of which brands may show different
 * things; `settled` is what the newest head says of these, if no branch has deleted them.
 */
export interface Held {
  readonly newest: ReadonlyMap<string, Version>;
  readonly doubtful: ReadonlySet<string>;
  readonly settled: ReadonlyMap<string, Version>;
}

/** Returns the bundle with a head that `home` made of it, and that takes account of all branches. */
export function movedOn(bundle: Bundle, home: string, head: string, number: number): Bundle {
  const known = new Map<string, number>();
  for (const writer of branchesOf(bundle).flatMap((one) => one.writers)) {
    known.set(writer.home, Math.max(known.get(writer.home) ?? 0, writer.number));
  }
  known.set(home, number);
  const writers: Writer[] = [...known].map(([one, last]) => ({ home: one, number: last })).sort((one, other) => (one.home < other.home ? -1 : 1));
  const { apart: _, ...rest } = bundle;
  return { ...rest, head, number, writers };
}

/** Returns what a brand may hold of these branches, given by the newest version of each record; the head's first. */
export function heldIn(branches: readonly ReadonlyMap<string, Version>[]): Held {
  const head = branches[0] ?? new Map<string, Version>();
  const newest = new Map(head);
  const doubtful = new Set<string>();
  const settled = new Map<string, Version>();
  for (const name of new Set(branches.slice(1).flatMap((branch) => [...branch.keys()]))) {
    const some = branches.flatMap((branch) => branch.get(name) ?? []);
    newest.set(name, some.reduce(newer));
    if (some.every((one) => one.deleted) || isOutdone(head.get(name), some)) continue;
    doubtful.add(name);
    const mine = head.get(name);
    if (mine !== undefined && !some.some((one) => one.deleted)) settled.set(name, mine);
  }
  return { newest, doubtful, settled };
}

// Of equal counters a tombstone counts as the newer one, then the first.
function newer(one: Version, other: Version): Version {
  if (one.counter !== other.counter) return other.counter > one.counter ? other : one;
  return other.deleted && !one.deleted ? other : one;
}

/** Whether who reads this version too shows it, whatever they read before of these. */
const isOutdone = (mine: Version | undefined, some: readonly Version[]): boolean =>
  mine !== undefined && some.every((one) => one.counter < mine.counter || versionText(one) === versionText(mine));
