// How a person ends consent: in private, by revealing a grant's secret; a notary sends it, or their own wallet's transaction.
//
// Nobody can stop these, and no brand or notary has to help: with a node of the chain and the file, an ending works.

import { toHex } from "../core/bytes.ts";
import { CouldNotCheck, InvalidInput } from "../core/errors.ts";
import { sameDomain } from "../core/eip712.ts";
import { handleOfOpening, type Opening } from "../core/endings.ts";
import { keyOfQuery } from "../core/facts.ts";
import { lockOf, revocationSecret, tagOf } from "../core/locks.ts";
import type { Grant } from "../core/messages.ts";
import { type Address, ZERO_ADDRESS, ZERO_WORD } from "../core/scalars.ts";
import { notariesOf } from "./go_on.ts";
import type { Kept } from "./kept.ts";
import type { Network } from "./network.ts";

/** An ending without a promise is waited for so many seconds before the next notary gets it. */
const PATIENCE = 300;

export interface Waiting {
  readonly sleep: (seconds: number) => Promise<void>;
  readonly isOver: () => boolean;
  /** Called once a notary has promised it: its host, and by when. */
  readonly promised: (host: string, due: number) => void | Promise<void>;
}

/**
 * Returns the secret and the tag that end this grant in private.
 *
 * Throws `InvalidInput` where they would not end it: another seed made its lock, or it belongs to another registry. A secret that
 * is revealed on another chain would end nothing there, and let anyone end the grant where it lives.
 */
export function openingOf(network: Network, kept: Pick<Kept, "message" | "domain">, seed: Uint8Array): Opening {
  const grant = kept.message as Grant;
  if (!("revocation" in grant)) throw new InvalidInput("this is a Refusal, not a Grant", "Only grants are ended.");
  if (!sameDomain(kept.domain, network.config.domain)) throw new InvalidInput("the grant belongs to another chain or registry", "End it with that network's configuration.");
  const secret = revocationSecret(seed, grant.salt);
  if (lockOf(secret) !== grant.revocation) throw new InvalidInput("this key did not make the lock of that grant", "Use the 24 words with which it was granted.");
  return { secret: toHex(secret), tag: tagOf(grant.subject, grant.salt) };
}

/** Tells when the chain shows the end: unix seconds, 0 where it does not. Throws `LedgerUnavailable`. */
export async function endedAt(network: Network, opening: Opening, subject: Address = ZERO_ADDRESS): Promise<number> {
  const query = { root: ZERO_WORD, subject, handle: handleOfOpening(opening) };
  return (await network.facts([query], [], 0)).anchors.get(keyOfQuery(query))?.revokedAt ?? 0;
}

/**
 * Ends a grant through the notaries, one after another, and returns when the chain shows it (unix seconds).
 *
 * Throws `NotaryUnavailable` where none of them did: then the person's own transaction is left (`revokeCall`).
 */
export async function endByNotary(network: Network, opening: Opening, waiting: Waiting): Promise<number> {
  const done = await endedAt(network, opening);
  if (done > 0) return done;
  let last: Error = new CouldNotCheck("NotaryUnavailable", "no notary is named for this network");
  for (const client of notariesOf(network)) {
    try {
      const now = await network.present();
      const promise = await client.relay(opening, handleOfOpening(opening), now);
      const due = promise?.due ?? now + PATIENCE;
      await waiting.promised(client.host, due);
      const shown = await shownBy(network, opening, due, waiting);
      if (shown > 0) return shown;
      last = new CouldNotCheck("NotaryUnavailable", `the notary ${client.host} has not ended it in time`);
    } catch (error) {
      if (!(error instanceof CouldNotCheck) || error.name !== "NotaryUnavailable") throw error;
      last = error;
    }
  }
  throw last;
}

async function shownBy(network: Network, opening: Opening, due: number, { sleep, isOver }: Waiting): Promise<number> {
  for (let pause = 0.5; !isOver(); pause = Math.min(pause * 1.25, 3)) {
    const shown = await endedAt(network, opening);
    if (shown > 0) return shown;
    if ((await network.present()) > due) return 0;
    await sleep(pause);
  }
  throw new CouldNotCheck("NotYetAnchored", "the notary has promised to end it, and the chain does not show it yet");
}

/** Waits until the chain shows an end that was sent. Throws `LedgerUnavailable` where it does not within the time. */
export async function awaitEnd(network: Network, opening: Opening, waiting: Omit<Waiting, "promised">, seconds = PATIENCE): Promise<number> {
  const shown = await shownBy(network, opening, (await network.present()) + seconds, { ...waiting, promised: () => undefined });
  if (shown === 0) throw new CouldNotCheck("LedgerUnavailable", "it was sent, but the chain does not show the end", "Try again: that does no harm.");
  return shown;
}
