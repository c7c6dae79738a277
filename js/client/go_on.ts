// Goes on with an answer that is signed: promised, delivered, anchored, delivered whole. Each step is kept before the next one.
//
// A program that ends at any moment loses nothing: the next start goes on from what is kept. Sending anything again does no harm.

import { bytesOf, type Word } from "../core/scalars.ts";
import { toHex } from "../core/bytes.ts";
import { commitmentOf } from "../core/commitments.ts";
import { ConsentError, CouldNotCheck, NotConsented } from "../core/errors.ts";
import { acceptanceIn, type Anchor, type Evidence, isIncluded, parseEvidence } from "../core/evidence.ts";
import type { Json } from "../core/json.ts";
import { BrandClient, BrandRefused } from "./brand.ts";
import { fileOf, type Kept, pendingFileOf, type Shelf } from "./kept.ts";
import type { Network } from "./network.ts";
import { NotaryClient } from "./notary.ts";
import { policyOf, verify } from "./verify.ts";

export interface Going {
  readonly network: Network;
  readonly shelf: Shelf;
  /** Waits between two looks; tests make it short. */
  readonly sleep: (seconds: number) => Promise<void>;
  /** Called with each newer state, once that is kept. */
  readonly tell: (kept: Kept) => void;
  /** Whether to stop before the next look, because the person left or locked it. */
  readonly isOver: () => boolean;
}

const POLL = 1;
const MAX_POLL = 5;

/** Returns the commitment of a signed answer. */
export const commitmentOfKept = (kept: Kept): Word => toHex(commitmentOf(bytesOf(kept.digest), bytesOf(kept.signature)));

/** Goes on until it is done, or cannot go on now; then `trouble` says why. It throws only what the shelf throws. */
export async function goOn(going: Going, start: Kept): Promise<Kept> {
  const { tell, shelf } = going;
  let kept = start;
  const save = async (changes: Partial<Kept>): Promise<void> => {
    const { trouble: _, ...bare } = kept;
    kept = { ...bare, ...changes };
    await shelf.keep(kept);
    tell(kept);
  };
  try {
    const notice = await shelf.notice(kept.message.notice);
    if (kept.anchor === undefined) {
      if (kept.promise === undefined) await save({ promise: await promised(going.network, kept) });
      if (kept.delivery === "waiting") await attempt(save, async () => save(await handedOver(going.network, kept, pendingFileOf(kept, notice), "promised")));
      const shown = await anchored(going, kept, notice);
      await save({ anchor: shown.anchor as unknown as Json, seen: { ...kept.seen, anchoredAt: shown.time, checkedAt: going.network.clock(), verdict: "" } });
    }
    if (kept.delivery === "waiting" || kept.delivery === "promised") await attempt(save, async () => save(await handedOver(going.network, kept, fileOf(kept, notice), "taken")));
  } catch (error) {
    if (!(error instanceof ConsentError)) throw error;
    await save({ trouble: error.message });
  }
  return kept;
}

/** Does a step of the delivery. What fails there never keeps the anchor waiting. */
async function attempt(save: (changes: Partial<Kept>) => Promise<void>, step: () => Promise<void>): Promise<void> {
  try {
    await step();
  } catch (error) {
    if (error instanceof BrandRefused) return save({ delivery: "refused", trouble: error.message });
    if (error instanceof CouldNotCheck && error.name === "BrandUnavailable") return save({ trouble: error.message });
    throw error;
  }
}

/** Asks one notary after another to promise it. Throws the last one's `NotaryUnavailable`. */
async function promised(network: Network, kept: Kept): Promise<NonNullable<Kept["promise"]>> {
  const now = await network.present();
  let last: Error = new CouldNotCheck("NotaryUnavailable", "no notary is named for this network");
  for (const client of notariesOf(network)) {
    try {
      const found = await client.promiseToAnchor(commitmentOfKept(kept), now);
      return { notary: client.name.url, signed: found.json, due: found.due };
    } catch (error) {
      if (!(error instanceof CouldNotCheck)) throw error;
      last = error;
    }
  }
  throw last;
}

export const notariesOf = (network: Network): NotaryClient[] =>
  network.config.notaries.map((name) => new NotaryClient(network.web, network.config.domain, name));

/** Waits until the chain shows the anchor that the notary names. The chain decides, and not the notary's word. */
async function anchored(going: Going, kept: Kept, notice: string): Promise<{ anchor: Anchor; time: number }> {
  const { network } = going;
  const client = notariesOf(network).find((each) => each.name.url === kept.promise?.notary);
  if (client === undefined) throw new CouldNotCheck("NotaryUnavailable", "the notary that promised it is not named any more");
  for (let pause = POLL; !going.isOver(); pause = Math.min(pause * 1.25, MAX_POLL)) {
    const anchor = (await client.stateOf(commitmentOfKept(kept)))?.anchor;
    const time = anchor === undefined ? undefined : await shownTime(network, kept, anchor, notice);
    if (anchor !== undefined && time !== undefined) return { anchor, time };
    if ((await network.present()) > (kept.promise?.due ?? 0)) throw new CouldNotCheck("NotaryUnavailable", `the notary ${client.host} has not recorded it in time`);
    await going.sleep(pause);
  }
  throw new CouldNotCheck("NotYetAnchored", "it is promised, and not recorded yet");
}

/** Returns when the chain shows it, undefined where it does not (yet). */
async function shownTime(network: Network, kept: Kept, anchor: Anchor, notice: string): Promise<number | undefined> {
  const evidence = parseEvidence(fileOf({ ...kept, anchor: anchor as unknown as Json }, notice));
  if (!isIncluded(evidence)) return undefined;
  try {
    return (await verify(network, evidence, policyOf(network, null))).anchoredAt;
  } catch (error) {
    if (error instanceof NotConsented && error.name === "NotAnchored") return undefined;
    // It is on the chain, and ended already.
    if (error instanceof NotConsented && (error.name === "Revoked" || error.name === "Expired")) return network.clock();
    throw error;
  }
}

async function handedOver(network: Network, kept: Kept, file: Uint8Array, delivery: "promised" | "taken"): Promise<Partial<Kept>> {
  const client = new BrandClient(network.web, network.config.domains, kept.inbox);
  const taken = await client.send(file);
  const found = taken.file.length === 0 ? undefined : await acceptanceOf(network, kept, taken.file);
  return { delivery, deliveredAt: network.clock(), capability: taken.capability, ...(found === undefined ? {} : acceptedBy(kept, found)) };
}

/** Takes a counter-signature that was verified into what is kept. */
export function acceptedBy(kept: Kept, whole: Evidence): Partial<Kept> {
  const { acceptance } = whole;
  if (acceptance === undefined) return {};
  return { acceptance: acceptance as unknown as Json, seen: { ...kept.seen, acceptedAt: acceptance.statement.message.issuedAt } };
}

/**
 * Checks the file with which a brand answered; returns it where it holds a counter-signature that verifies.
 *
 * Throws `BrandUnavailable` for another file, and for a counter-signature that does not hold. Nothing else of it is kept.
 */
export async function acceptanceOf(network: Network, kept: Kept, raw: Uint8Array): Promise<Evidence | undefined> {
  if (kept.kind !== "Grant") return undefined;
  const theirs = parsed(raw, kept);
  if (acceptanceIn(theirs) === undefined) return undefined;
  try {
    await verify(network, theirs, policyOf(network, null, true));
    return theirs;
  } catch (error) {
    if (error instanceof NotConsented && error.name === "NotAccepted") throw new CouldNotCheck("BrandUnavailable", `the brand's counter-signature does not hold: ${error.message}`);
    if (error instanceof ConsentError) return undefined;
    throw error;
  }
}

function parsed(raw: Uint8Array, kept: Kept): Evidence {
  let theirs: Evidence;
  try {
    theirs = parseEvidence(raw);
  } catch (error) {
    throw new CouldNotCheck("BrandUnavailable", `the brand answered with a file that cannot be read: ${(error as Error).message}`);
  }
  if (toHex(theirs.digest) !== kept.digest || theirs.signature !== kept.signature) {
    throw new CouldNotCheck("BrandUnavailable", "the brand answered with another file than the one that it got");
  }
  return theirs;
}

