// Looks at a brand's use log for one answer, and keeps what was seen of it, so that a later change is noticed.

import { ConsentError, NotConsented } from "../core/errors.ts";
import { parseEvidence } from "../core/evidence.ts";
import type { Json } from "../core/json.ts";
import type { Grant } from "../core/messages.ts";
import { LogChanged } from "../core/use_audit.ts";
import { BrandClient } from "../client/brand.ts";
import { fileOf, type Kept, type LogSeen } from "../client/kept.ts";
import type { Network } from "../client/network.ts";
import { beyondOf, headsAsJson, lookAtUses, readHeads, readUses, type UsesReport } from "../client/uses.ts";
import type { Answers, Rows } from "./store/answers.svelte.ts";
import { StorageFull } from "./store/database.ts";

const HEADS = "h:";
const USES = "u:";
const CHANGED = "x:";

/**
 * Looks once, in one tab at a time; returns what the brand shows, undefined where that did not hold or could not be checked.
 *
 * What could not be checked changes nothing that was seen, and `log.trouble` says so. Throws `StorageFull`.
 */
export function lookAndKeep(network: Network, answers: Answers, { id, message }: Kept): Promise<UsesReport | undefined> {
  return navigator.locks.request(`consent-log:${message.controller}`, async () => {
    const kept = await answers.newest(id);
    if (kept?.kind !== "Grant" || kept.capability === undefined || kept.anchor === undefined) return undefined;
    const now = network.clock();
    try {
      const report = await looked(network, answers, kept, kept.capability);
      await answers.changeAll([id], (newest) => withReport(newest, report, now));
      return report;
    } catch (error) {
      if (!(error instanceof ConsentError) || error instanceof StorageFull) throw error;
      if (error instanceof LogChanged) await answers.put([[CHANGED, kept.digest, new TextDecoder().decode(error.file)]], id);
      await answers.changeAll([id], (newest) => ({ ...newest, log: failed(newest.log, error, now) }));
      return undefined;
    }
  }) as Promise<UsesReport | undefined>;
}

/** The file that tells of a changed log; undefined where none was kept. */
export const changedFile = (rows: Rows, digest: string): Promise<string | undefined> => rows.get<string>(CHANGED, digest);

/** Looks, and keeps the heads and the entries once all of them held. */
async function looked(network: Network, answers: Answers, kept: Kept, capability: string): Promise<UsesReport> {
  const { digest, message: { controller, notice } } = kept;
  const [heads, uses] = [await answers.get<Json[]>(HEADS, controller), await answers.get<Json[]>(USES, digest)];
  const seen = { heads: readHeads(heads ?? []), uses: readUses(uses ?? []) };
  const client = new BrandClient(network.web, network.config.domains, kept.inbox);
  const report = await lookAtUses(network, client, capability, parseEvidence(fileOf(kept, await answers.notice(notice))), seen);
  await answers.put([[HEADS, controller, headsAsJson(report.heads)], [USES, digest, report.uses]], kept.id);
  return report;
}

function withReport(kept: Kept, report: UsesReport, now: number): Kept {
  const grant = kept.message as Grant;
  const wrong = report.uses.filter((each) => beyondOf(report, each, grant, kept.seen.endedAt).length > 0).length;
  const last = report.uses.reduce((time, { use }) => Math.max(time, use.at), 0);
  const log: LogSeen = { checkedAt: now, count: report.uses.length, beyond: wrong, state: "fits", why: "" };
  return { ...kept, log, seen: { ...kept.seen, usedAt: last || -1 } };
}

function failed(before: LogSeen | undefined, error: ConsentError, now: number): LogSeen {
  const known = before ?? { checkedAt: 0, count: 0, beyond: 0, state: "fits", why: "" };
  const isFault = error instanceof LogChanged || error instanceof NotConsented || error.name === "Malformed";
  // What fails in this browser is no fault of the brand's log.
  if (!isFault) return { ...known, trouble: error.message };
  const { trouble: _, ...bare } = known;
  return { ...bare, checkedAt: now, state: error instanceof LogChanged ? "changed" : "wrong", why: error.message };
}
