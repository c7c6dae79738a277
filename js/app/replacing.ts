// What a newer grant replaces: it ends by itself, later and apart.

import type { Kept } from "../client/kept.ts";

/** It ends so many seconds after the new one was recorded: at a time of its own, so that nothing links the two. */
const LATER = [20, 90] as const;

/** Returns the grants that recorded ones replace, and that nobody has wanted ended yet. */
export function replacedIn(all: readonly Kept[]): readonly Kept[] {
  const old = new Set(all.flatMap(({ anchor, message }) => (anchor !== undefined && "supersedes" in message ? [message.supersedes] : [])));
  return all.filter((kept) => old.has(kept.digest) && kept.seen.endedAt === 0 && kept.ending === undefined);
}

/** Returns it with the wish that it ends later. */
export function endingLater(kept: Kept, now: number): Kept {
  if (kept.ending !== undefined) return kept;
  const [least, most] = LATER;
  const after = now + least + (crypto.getRandomValues(new Uint32Array(1))[0] as number) % (most - least + 1);
  return { ...kept, ending: { askedAt: now, after } };
}

/** How many seconds its ending has still to wait. */
export const waitOf = ({ ending }: Kept, now: number): number => Math.max(0, (ending?.after ?? 0) - now);
