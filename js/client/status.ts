// Looks how all answers stand: on the chain, in one reading, and with each brand. "Could not check" changes nothing that was seen.

import { toHex } from "../core/bytes.ts";
import { ConsentError, CouldNotCheck, NotConsented } from "../core/errors.ts";
import { type Evidence, parseEvidence } from "../core/evidence.ts";
import { keyOfQuery } from "../core/facts.ts";
import type { Grant } from "../core/messages.ts";
import { ZERO_WORD } from "../core/scalars.ts";
import { BrandClient } from "./brand.ts";
import { breather, inTurn } from "./breathe.ts";
import { acceptanceOf, acceptedBy } from "./go_on.ts";
import { fileOf, type Kept, withSeen } from "./kept.ts";
import type { Network } from "./network.ts";
import { policyOf, verify, verifyMany } from "./verify.ts";

type Notice = (kept: Kept) => Promise<string>;

/**
 * Returns the answers with what the chain shows of them now. What cannot be read here is left out: nobody checked it.
 *
 * Throws `LedgerUnavailable` where the chain could not be asked.
 */
export async function look(network: Network, all: readonly Kept[], notice: Notice): Promise<Kept[]> {
  const read = await inTurn(all.filter((kept) => kept.anchor !== undefined), breather(), (kept) => readable(kept, notice));
  const found = read.filter((each) => each !== undefined);
  const anchored = found.map(({ kept }) => kept);
  const [answers, ends] = await Promise.all([verifyMany(network, found.map(({ evidence }) => evidence)), endsOf(network, anchored)]);
  const now = network.clock();
  return anchored.map((kept, at) => {
    const answer = answers[at];
    if (answer instanceof CouldNotCheck) return kept;
    const isNo = answer instanceof NotConsented;
    const verdict = isNo && answer.name !== "Expired" ? answer.name : "";
    const anchoredAt = isNo ? kept.seen.anchoredAt : (answer?.anchoredAt ?? 0);
    return withSeen(kept, { checkedAt: now, verdict, anchoredAt, endedAt: ends[at] ?? 0 });
  });
}

async function readable(kept: Kept, notice: Notice): Promise<{ kept: Kept; evidence: Evidence } | undefined> {
  try {
    return { kept, evidence: parseEvidence(fileOf(kept, await notice(kept))) };
  } catch (error) {
    // One damaged thing must not keep all others from being checked.
    if (error instanceof ConsentError) return undefined;
    throw error;
  }
}

/** When each ended, as the chain shows: by its own end, or with everything of its account. */
async function endsOf(network: Network, all: readonly Kept[]): Promise<number[]> {
  const grants = all.map(({ kind, message }) => {
    if (kind !== "Grant") return undefined;
    const { subject, revocation, salt } = message as Grant;
    return { root: ZERO_WORD, subject, lock: revocation, salt };
  });
  const facts = await network.facts(grants.filter((query) => query !== undefined), [], 0);
  return all.map(({ message }, at) => {
    const query = grants[at];
    const found = query === undefined ? undefined : facts.anchors.get(keyOfQuery(query));
    if (found === undefined) return 0;
    return found.revokedAt > 0 ? found.revokedAt : message.issuedAt <= found.cutoff ? Math.min(found.cutoff, facts.blockTime) : 0;
  });
}

/**
 * Asks the brand how one answer stands, and takes its counter-signature and its acknowledgement of an end, verified.
 *
 * Returns what is known then. Throws `BrandUnavailable` and `LedgerUnavailable`: nothing of that is a no.
 */
export async function askBrand(network: Network, kept: Kept, notice: string): Promise<Kept> {
  if (kept.capability === undefined || kept.anchor === undefined) return kept;
  const client = new BrandClient(network.web, network.config.domains, kept.inbox);
  let found = withSeen(kept, { brandSays: await client.state(kept.capability) });
  if (kept.kind !== "Grant") return found;
  if (kept.acceptance === undefined) {
    const raw = await client.file(kept.capability, "evidence");
    const whole = raw === undefined ? undefined : await acceptanceOf(network, kept, raw);
    if (whole !== undefined) found = { ...found, ...acceptedBy(found, whole) };
  }
  if (found.seen.endedAt > 0 && found.seen.acknowledgedAt === 0) {
    const raw = await client.file(kept.capability, "acknowledgement");
    if (raw !== undefined) found = withSeen(found, { acknowledgedAt: await acknowledged(network, kept, notice, raw) });
  }
  return found;
}

/** Lets the brand look at the chain at once; returns whether it heard. It reads the chain by itself too, so no failure matters. */
export async function tellBrand(network: Network, kept: Kept): Promise<boolean> {
  if (kept.capability === undefined) return false;
  try {
    await new BrandClient(network.web, network.config.domains, kept.inbox).tellEnded(kept.capability);
    return true;
  } catch (error) {
    if (!(error instanceof ConsentError)) throw error;
    return false;
  }
}

/** Returns when an acknowledgement of this grant's end was anchored. Throws `BrandUnavailable` for anything else. */
async function acknowledged(network: Network, kept: Kept, notice: string, raw: Uint8Array): Promise<number> {
  const fault = (why: string): CouldNotCheck => new CouldNotCheck("BrandUnavailable", `the brand's acknowledgement does not hold: ${why}`);
  try {
    const told = parseEvidence(raw);
    const grant = parseEvidence(fileOf(kept, notice));
    const { primaryType, message } = told.statement;
    if (primaryType !== "Acknowledgement" || message.grant !== toHex(grant.digest)) throw fault("it is another statement");
    return (await verify(network, told, policyOf(network, [kept.message.controller]), grant)).anchoredAt ?? 0;
  } catch (error) {
    if (error instanceof NotConsented) throw fault(error.message);
    throw error;
  }
}

