// Ends a grant, and keeps how far that is.

import { ConsentError } from "../core/errors.ts";
import type { Opening } from "../core/endings.ts";
import { awaitEnd, endByNotary } from "../client/end.ts";
import type { Going } from "../client/go_on.ts";
import { type Kept, type Shelf, untroubled, withSeen } from "../client/kept.ts";
import type { Network } from "../client/network.ts";
import { tellBrand } from "../client/status.ts";
import { WalletTrouble } from "../client/wallets.ts";
import { StorageFull } from "./store/database.ts";

/**
 * Ends it through a notary, or by the transaction that `send` sends, and waits until the chain shows it.
 *
 * What failed is kept as its `trouble`, and thrown.
 */
export async function endAndKeep(going: Going, kept: Kept, opening: Opening, send?: () => Promise<unknown>): Promise<void> {
  const { network, shelf, isOver } = going;
  const promised = async (notary: string, due: number): Promise<void> => {
    await shelf.change(kept.id, (newest) => ({ ...newest, ending: { askedAt: network.clock(), ...newest.ending, notary, due } }));
  };
  try {
    await send?.();
    const endedAt = send === undefined ? await endByNotary(network, opening, { ...going, promised }) : await awaitEnd(network, opening, going);
    const ended = { endedAt, verdict: "Revoked", checkedAt: network.clock() };
    await tell(network, shelf, await shelf.change(kept.id, (newest) => withSeen(untroubled(newest), ended)));
  } catch (error) {
    if (error instanceof ConsentError && !(error instanceof WalletTrouble) && !isOver()) await shelf.change(kept.id, (newest) => ({ ...newest, trouble: error.message }));
    throw error;
  }
}

/** Lets the brand look at the chain at once, and keeps that it heard. */
export async function tell(network: Network, shelf: Shelf, kept: Kept): Promise<void> {
  if (await tellBrand(network, kept)) await shelf.change(kept.id, (newest) => ({ ...newest, told: true }));
}

/** What failed was kept with the answer; everything else is a fault of ours. */
export function onlyOurs(error: unknown): void {
  if (!(error instanceof ConsentError) || error instanceof StorageFull) throw error;
}
