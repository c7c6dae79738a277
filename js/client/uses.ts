// What a brand read of a person's data: its use log is fetched, all of it is checked, and compared with what was seen before.

import { toHex } from "../core/bytes.ts";
import { CouldNotCheck, NotConsented } from "../core/errors.ts";
import { documentOf, type Evidence } from "../core/evidence.ts";
import type { Json } from "../core/json.ts";
import type { Grant } from "../core/messages.ts";
import { beyond, checkEntries, joinedHeads, missingHead, readChange, shownBy, type Beyond, type Shown } from "../core/use_audit.ts";
import { asHead, asLoggedUse, messageOf, parsePage, type LoggedUse, type LogHead, type UsesPage } from "../core/uses.ts";
import type { Network } from "./network.ts";
import { policyOf, verifyMany } from "./verify.ts";

/** A page has 100 entries and heads at most. A head may come while pages are read, and they are read again. */
const MOST_PAGES = 500;
const TRIES = 3;

/** The brand's service, as far as the log needs it. */
export interface UsesSource {
  readonly host: string;
  uses(capability: string, from: number, size: number): Promise<Uint8Array>;
}

/** What was seen of a brand's log: its heads, and one grant's entries, both in order. */
export interface SeenUses {
  readonly heads: readonly LogHead[];
  readonly uses: readonly LoggedUse[];
}

/** What a brand shows of its readings, checked. `anchored` has the time of each head's anchor that the chain shows now, by size. */
export interface UsesReport extends SeenUses {
  readonly anchored: ReadonlyMap<number, number>;
}

export const NOTHING_SEEN: SeenUses = { heads: [], uses: [] };

/**
 * Fetches what the brand shows of this grant, and checks it by the chain and by what was seen before.
 *
 * Throws `LogChanged`, with a file that tells of it, where the log is no continuation of what was seen; another `NotConsented` where a
 * signature or a proof is wrong; `BrandUnavailable` and `LedgerUnavailable` where it could not be checked.
 */
export async function lookAtUses(network: Network, client: UsesSource, capability: string, grant: Evidence, seen: SeenUses): Promise<UsesReport> {
  const last = seen.heads.at(-1);
  const shows = (heads: readonly LogHead[]): boolean => last === undefined || heads.some((head) => messageOf(head).size === messageOf(last).size);
  // The newest head that is known must be shown again, so the brand is asked from the one before it.
  const before = seen.heads.at(-2);
  let served = await fetched(client, capability, grant, before === undefined ? 0 : messageOf(before).size);
  if (!shows(served.heads)) served = await fetched(client, capability, grant, 0);
  const times = await anchorTimes(network, grant, seen.heads, served.heads);
  const heads = joinedHeads(seen.heads, served.heads);
  if (last !== undefined && !shows(served.heads)) throw missingHead(last);
  checkEntries(heads, seen.uses, served.uses);
  const every = [...heads.values()].sort((one, other) => messageOf(one).size - messageOf(other).size);
  const anchored = every.map((head) => [messageOf(head).size, times.get(toHex(head.evidence.digest)) ?? 0] as const);
  return { uses: served.uses, heads: every, anchored: new Map(anchored.filter(([, time]) => time > 0)) };
}

/** When an entry's head was anchored; undefined for an entry that nothing proves yet. */
export const anchoredAt = (report: UsesReport, { head }: LoggedUse): number | undefined => (head === undefined ? undefined : report.anchored.get(head));

/** How an entry goes beyond its grant, by the brand's own words. `endedAt` is 0 for a grant that the person has not ended. */
export const beyondOf = (report: UsesReport, each: LoggedUse, grant: Grant, endedAt: number): readonly Beyond[] =>
  beyond(each.use, grant, endedAt, anchoredAt(report, each));

/** What was seen, as JSON that can be kept. */
export const headsAsJson = (heads: readonly LogHead[]): Json =>
  heads.map(({ evidence, before, proof }) => ({ evidence: documentOf(evidence), before, proof })) as unknown as Json;

/** Reads heads that were kept. Throws `Malformed`. */
export const readHeads = (kept: readonly Json[]): readonly LogHead[] => kept.map((each) => asHead(each));

/** Reads entries that were kept. Throws `Malformed`. */
export const readUses = (kept: readonly Json[]): readonly LoggedUse[] => kept.map((each) => asLoggedUse(each));

/**
 * Verifies the file of a changed log by the chain; returns what it proves, and what is wrong with each of its heads, or nothing.
 *
 * Throws `Malformed` or `NotIncluded` for a file that shows nothing, `LedgerUnavailable` where the chain could not be asked.
 */
export async function judgeChange(network: Network, raw: Uint8Array): Promise<{ readonly shown: Shown; readonly heads: readonly Evidence[]; readonly wrong: readonly string[] }> {
  const change = readChange(raw);
  const answers = change.heads.length === 0 ? [] : await verifyMany(network, change.heads);
  const wrong = answers.map((answer) => {
    if (answer instanceof CouldNotCheck) throw answer;
    return answer instanceof NotConsented ? `${answer.name}: ${answer.message}` : "";
  });
  return { shown: shownBy(change), heads: change.heads, wrong };
}

/** Verifies heads by the chain; returns the times of their anchors by digest, 0 for one that it does not show now. */
async function anchorTimes(network: Network, grant: Evidence, known: readonly LogHead[], served: readonly LogHead[]): Promise<ReadonlyMap<string, number>> {
  const every = new Map([...known, ...served].map(({ evidence }) => [toHex(evidence.digest), evidence]));
  if (every.size === 0) return new Map();
  // A head that held when it was seen first stays: the brand's contract may have new owners.
  const seen = new Set(known.map(({ evidence }) => toHex(evidence.digest)));
  const policy = policyOf(network, [(grant.statement.message as Grant).controller]);
  const answers = await verifyMany(network, [...every.values()], policy);
  return new Map([...every.keys()].map((digest, at) => {
    const answer = answers[at];
    if (answer instanceof CouldNotCheck) throw answer;
    if (!(answer instanceof NotConsented)) return [digest, answer?.anchoredAt ?? 0];
    // A reorganisation may have taken the anchor, for a while.
    if (answer.name !== "NotAnchored" && !seen.has(digest)) throw answer;
    return [digest, 0];
  }));
}

/** Returns all heads of more than `size` entries, and all entries of the grant. */
async function fetched(client: UsesSource, capability: string, grant: Evidence, size: number): Promise<SeenUses> {
  let found = NOTHING_SEEN;
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    found = await allPages(client, capability, grant, size);
    const newest = Math.max(0, ...found.heads.slice(-1).map((head) => messageOf(head).size));
    // A head that came between two pages covers entries of the first, which was without it.
    if (!found.uses.some(({ head, index }) => head === undefined && index < newest)) break;
  }
  return found;
}

async function allPages(client: UsesSource, capability: string, grant: Evidence, start: number): Promise<SeenUses> {
  const heads: LogHead[] = [];
  const uses: LoggedUse[] = [];
  let size = start;
  for (let count = 0; count < MOST_PAGES; count += 1) {
    const page = await onePage(client, capability, grant, (uses.at(-1)?.index ?? -1) + 1, size);
    heads.push(...page.heads);
    uses.push(...page.uses);
    if (!page.more) return { heads, uses };
    size = Math.max(size, ...page.heads.map((head) => messageOf(head).size));
  }
  throw new CouldNotCheck("BrandUnavailable", `${client.host} shows more than ${MOST_PAGES} pages of its log`, "Ask the brand.");
}

async function onePage(client: UsesSource, capability: string, grant: Evidence, from: number, size: number): Promise<UsesPage> {
  const page = read(client, await client.uses(capability, from, size));
  if (page.grant !== toHex(grant.digest)) throw new CouldNotCheck("BrandUnavailable", `${client.host} showed the uses of another grant`);
  return page;
}

function read(client: UsesSource, raw: Uint8Array): UsesPage {
  try {
    return parsePage(raw);
  } catch (error) {
    throw new CouldNotCheck("BrandUnavailable", `${client.host} answered what is no use log: ${(error as Error).message}`);
  }
}
