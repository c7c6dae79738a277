// Goes on with an answer that is signed: promised, delivered, anchored, delivered whole. Each step is kept before the next one.
//
// A program that ends at any moment loses nothing: the next start goes on from what is kept. Sending anything again does no harm.

import { bytesOf, type Word } from "../core/scalars.ts";
import { toHex } from "../core/bytes.ts";
import { commitmentOf } from "../core/commitments.ts";
import { ConsentError, CouldNotCheck, NotConsented } from "../core/errors.ts";
import { acceptanceIn, type Anchor, type Evidence, isIncluded, parseEvidence } from "../core/evidence.ts";
import { factQueries, keyOfQuery } from "../core/facts.ts";
import type { Json } from "../core/json.ts";
import { BrandClient, BrandRefused } from "./brand.ts";
import { fileOf, type Kept, pendingFileOf, type Promised, type Shelf, untroubled, withSeen } from "./kept.ts";
import type { Network } from "./network.ts";
import { NotaryClient } from "./notary.ts";
import { policyOf, verify } from "./verify.ts";

export interface Going {
  readonly network: Network;
  readonly shelf: Shelf;
  /** Waits between two looks; tests make it short. */
  readonly sleep: (seconds: number) => Promise<void>;
  /** Whether to stop before the next look: the person left, locked it, or wants it ended. */
  readonly isOver: () => boolean;
}

type Save = (change: Partial<Kept> | ((newest: Kept) => Kept)) => Promise<Kept>;

const POLL = 1;
const MAX_POLL = 5;

/** Returns the commitment of a signed answer. */
export const commitmentOfKept = (kept: Kept): Word => toHex(commitmentOf(bytesOf(kept.digest), bytesOf(kept.signature)));

/** Goes on until it is done, or cannot go on now; then `trouble` says why. It throws only what the shelf throws. */
export async function goOn(going: Going, start: Kept): Promise<void> {
  // Each change is made to what is kept now: another tab may have changed other parts of it.
  const save: Save = (change) =>
    going.shelf.change(start.id, (newest) => (typeof change === "function" ? change(untroubled(newest)) : { ...untroubled(newest), ...change }));
  try {
    await steps(going, start, save);
  } catch (error) {
    if (!(error instanceof ConsentError)) throw error;
    if (!going.isOver()) await save({ trouble: error.message });
  }
}

async function steps(going: Going, start: Kept, save: Save): Promise<void> {
  const { network, shelf } = going;
  let kept = start;
  const notice = await shelf.notice(kept.message.notice);
  if (kept.anchor === undefined) {
    if (kept.promise === undefined) kept = await save({ promise: await promised(network, kept) });
    if (kept.delivery === "waiting") await attempt(save, async () => void (kept = await save(await handedOver(network, kept, pendingFileOf(kept, notice), "promised"))));
    const shown = await anchored(going, kept, notice).catch(async (error: unknown) => {
      if (error instanceof Late) await save(forgetPromise);
      throw error;
    });
    const seen = { anchoredAt: shown.time, checkedAt: network.clock(), verdict: "" };
    kept = await save((newest) => withSeen({ ...newest, anchor: shown.anchor as unknown as Json }, seen));
  }
  if (kept.delivery === "waiting" || kept.delivery === "promised") await attempt(save, async () => void (await save(await handedOver(network, kept, fileOf(kept, notice), "taken"))));
}

/** The notary has not kept its promise. The next try asks another one first. */
class Late extends CouldNotCheck {
  constructor(host: string) {
    super("NotaryUnavailable", `the notary ${host} has not recorded it in time`);
  }
}

function forgetPromise({ promise, ...bare }: Kept): Kept {
  return promise === undefined ? bare : { ...bare, late: promise };
}

/** Does a step of the delivery. What fails there never keeps the anchor waiting. */
async function attempt(save: Save, step: () => Promise<void>): Promise<void> {
  try {
    await step();
  } catch (error) {
    if (error instanceof BrandRefused) await save({ delivery: "refused", trouble: error.message });
    else if (error instanceof CouldNotCheck && error.name === "BrandUnavailable") await save({ trouble: error.message });
    else throw error;
  }
}

/** Asks one notary after another to promise it. Throws the last one's `NotaryUnavailable`. */
async function promised(network: Network, kept: Kept): Promise<Promised> {
  const now = await network.present();
  let last: Error = new CouldNotCheck("NotaryUnavailable", "no notary is named for this network");
  const isLate = ({ name }: NotaryClient): boolean => name.url === kept.late?.notary;
  const all = notariesOf(network);
  for (const client of [...all.filter((each) => !isLate(each)), ...all.filter(isLate)]) {
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
  const due = kept.promise?.due ?? 0;
  const client = notariesOf(network).find((each) => each.name.url === kept.promise?.notary);
  if (client === undefined) {
    if ((await network.present()) > due) throw new Late(kept.promise?.notary ?? "");
    throw new CouldNotCheck("NotaryUnavailable", "the notary that promised it is not named any more");
  }
  for (let pause = POLL; !going.isOver(); pause = Math.min(pause * 1.25, MAX_POLL)) {
    // The time is read before the chain is: an anchor of the last moment must not be missed.
    const now = await network.present();
    const anchor = (await client.stateOf(commitmentOfKept(kept)))?.anchor;
    const time = anchor === undefined ? undefined : await shownTime(network, kept, anchor, notice);
    if (anchor !== undefined && time !== undefined) return { anchor, time };
    if (now > due) throw new Late(client.host);
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
    // It is on the chain, and ended already: the chain still says since when it was there.
    if (error instanceof NotConsented && (error.name === "Revoked" || error.name === "Expired")) return anchoredTime(network, evidence);
    throw error;
  }
}

async function anchoredTime(network: Network, evidence: Evidence): Promise<number | undefined> {
  const { anchors } = factQueries(evidence);
  const query = anchors[0];
  const found = query === undefined ? undefined : (await network.facts([query])).anchors.get(keyOfQuery(query));
  return found === undefined || found.anchoredAt === 0 ? undefined : found.anchoredAt;
}

async function handedOver(network: Network, kept: Kept, file: Uint8Array, delivery: "promised" | "taken"): Promise<(newest: Kept) => Kept> {
  const client = new BrandClient(network.web, network.config.domains, kept.inbox);
  const taken = await client.send(file);
  const found = taken.file.length === 0 ? undefined : await acceptanceOf(network, kept, taken.file);
  const delivered = { delivery, deliveredAt: network.clock(), capability: taken.capability };
  return (newest) => ({ ...newest, ...delivered, ...(found === undefined ? {} : acceptedBy(newest, found)) });
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

