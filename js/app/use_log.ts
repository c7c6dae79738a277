// Looks at a brand's use log for one answer, and keeps what was seen of it, so that a later change is noticed.

import { ConsentError, CouldNotCheck } from "../core/errors.ts";
import { parseEvidence } from "../core/evidence.ts";
import type { Json } from "../core/json.ts";
import type { Grant } from "../core/messages.ts";
import { LogChanged } from "../core/use_audit.ts";
import { BrandClient } from "../client/brand.ts";
import { fileOf, type Kept, type LogSeen } from "../client/kept.ts";
import type { Network } from "../client/network.ts";
import { beyondOf, headsAsJson, lookAtUses, readHeads, readUses, type UsesReport } from "../client/uses.ts";

/** Where it is kept; `name` seals the name of a row. */
export interface UseRows {
  get<T>(id: string): Promise<T | undefined>;
  put(...values: readonly (readonly [string, unknown])[]): Promise<void>;
  name(kind: string, name: string): string;
}

/** What a look gave: the answer with what is known now, and what the brand shows, where all of it held. */
export interface Look {
  readonly kept: Kept;
  readonly report: UsesReport | undefined;
}

const HEADS = "h:";
const USES = "u:";
const CHANGED = "x:";

/** Looks once. What could not be checked changes nothing that was seen, and `log.trouble` says so. */
export async function lookAndKeep(network: Network, rows: UseRows, kept: Kept, notice: string): Promise<Look> {
  const { capability } = kept;
  if (kept.kind !== "Grant" || capability === undefined || kept.anchor === undefined) return { kept, report: undefined };
  const [heads, uses] = [rows.name(HEADS, kept.message.controller), rows.name(USES, kept.digest)];
  try {
    const seen = { heads: readHeads((await rows.get<Json[]>(heads)) ?? []), uses: readUses((await rows.get<Json[]>(uses)) ?? []) };
    const client = new BrandClient(network.web, network.config.domains, kept.inbox);
    const report = await lookAtUses(network, client, capability, parseEvidence(fileOf(kept, notice)), seen);
    await rows.put([heads, headsAsJson(report.heads)], [uses, report.uses]);
    return { kept: withReport(kept, report, network.clock()), report };
  } catch (error) {
    if (!(error instanceof ConsentError)) throw error;
    if (error instanceof LogChanged) await rows.put([rows.name(CHANGED, kept.digest), new TextDecoder().decode(error.file)]);
    return { kept: { ...kept, log: failed(kept.log, error, network.clock()) }, report: undefined };
  }
}

/** The file that tells of a changed log; undefined where none was kept. */
export const changedFile = (rows: UseRows, digest: string): Promise<string | undefined> => rows.get<string>(rows.name(CHANGED, digest));

function withReport(kept: Kept, report: UsesReport, now: number): Kept {
  const grant = kept.message as Grant;
  const wrong = report.uses.filter((each) => beyondOf(report, each, grant, kept.seen.endedAt).length > 0).length;
  const last = report.uses.reduce((time, { use }) => Math.max(time, use.at), 0);
  const log: LogSeen = { checkedAt: now, count: report.uses.length, beyond: wrong, state: "fits", why: "" };
  return { ...kept, log, seen: { ...kept.seen, usedAt: last || -1 } };
}

function failed(before: LogSeen | undefined, error: ConsentError, now: number): LogSeen {
  const known = before ?? { checkedAt: 0, count: 0, beyond: 0, state: "fits", why: "" };
  if (error instanceof CouldNotCheck || error.name === "BrandRefused") return { ...known, trouble: error.message };
  const { trouble: _, ...bare } = known;
  return { ...bare, checkedAt: now, state: error instanceof LogChanged ? "changed" : "wrong", why: error.message };
}
