// What a person keeps of one answer: the signed statement, how far it is, and what was seen of it.
//
// It is plain data, so that it can be sealed and kept after each step: whatever ends the program, the next start goes on.

import type { Domain } from "../core/eip712.ts";
import { encode, type Json } from "../core/json.ts";
import type { Grant, Refusal } from "../core/messages.ts";
import type { Address, Hex, Word } from "../core/scalars.ts";

export interface Brand {
  readonly name: string;
  readonly domain: string;
  readonly account: Address;
}

/** What the chain and the brand told, and when. Times are unix seconds; 0 stands for "not known, or never". */
export interface Seen {
  readonly checkedAt: number;
  readonly anchoredAt: number;
  readonly endedAt: number;
  /** The name of the error that judging gave; empty where it holds. */
  readonly verdict: string;
  readonly acceptedAt: number;
  readonly acknowledgedAt: number;
  /** What the brand says: when it last used the data; -1 where it says never. */
  readonly usedAt: number;
  /** The brand's word for how it stands there. */
  readonly brandSays: string;
}

/** How far the brand has it. `hand`: no domain confirms where to send it. */
export type Delivery = "hand" | "waiting" | "promised" | "taken" | "refused" | "closed";

export interface Promised {
  readonly notary: string;
  readonly signed: Json;
  readonly due: number;
}

/** What the brand's use log told. `state`: it fits, it has changed since it was seen, or a proof in it is wrong. */
export interface LogSeen {
  readonly checkedAt: number;
  readonly count: number;
  /** Readings that go beyond the grant, by the brand's own words. */
  readonly beyond: number;
  readonly state: "fits" | "changed" | "wrong";
  readonly why: string;
  /** Why the last look could not be made; the rest is of an earlier one then. */
  readonly trouble?: string;
}

export interface Kept {
  readonly id: string;
  readonly kind: "Grant" | "Refusal";
  readonly digest: Word;
  readonly brand: Brand;
  readonly by: "seed" | "wallet";
  readonly domain: Domain;
  readonly message: Grant | Refusal;
  readonly language: string;
  /** Empty until it is signed. */
  readonly signature: Hex;
  readonly keptAt: number;
  /** The notary's promise as it came, and who gave it. */
  readonly promise?: Promised;
  /** A promise whose time went by without an anchor. Another notary is asked; the promise proves who failed. */
  readonly late?: Promised;
  readonly anchor?: Json;
  readonly inbox: string;
  readonly delivery: Delivery;
  readonly capability?: string;
  readonly acceptance?: Json;
  /** Why the last step did not go on; gone once it does. */
  readonly trouble?: string;
  /** When the person asked to end it, not before which time it is sent, and what a notary promised of that. */
  readonly ending?: { readonly askedAt: number; readonly after?: number; readonly notary?: string; readonly due?: number };
  /** When the brand's request was dated, and when the brand took the answer. */
  readonly askedAt?: number;
  readonly deliveredAt?: number;
  readonly log?: LogSeen;
  /** Whether the brand has heard that it ended. */
  readonly told?: boolean;
  readonly seen: Seen;
}

/** Returns it with other things seen of it. */
export const withSeen = (kept: Kept, changes: Partial<Seen>): Kept => ({ ...kept, seen: { ...kept.seen, ...changes } });

/** Returns it without the trouble of an earlier try. */
export function untroubled({ trouble: _, ...bare }: Kept): Kept {
  return bare;
}

export const UNSEEN: Seen = {
  checkedAt: 0, anchoredAt: 0, endedAt: 0, verdict: "", acceptedAt: 0, acknowledgedAt: 0, usedAt: 0, brandSays: "",
};

/** Keeps answers durably, and the notices that they name. The app seals them; a test has a map. */
export interface Shelf {
  /** Changes an answer as it is kept now, which may be newer than the caller's copy. Returns it as it is kept then. */
  change(id: string, change: (newest: Kept) => Kept): Promise<Kept>;
  notice(digest: Word): Promise<string>;
}

/** How an answer stands, as far as it was seen. */
export type State = "waiting" | "live" | "ending" | "ended" | "expired" | "refused" | "unchecked" | "invalid";

export function stateOf(kept: Kept, now: number): State {
  if (kept.seen.endedAt > 0 || kept.seen.verdict === "Revoked") return "ended";
  if (kept.kind === "Grant" && (kept.message as Grant).expiresAt <= now) return "expired";
  if (kept.ending !== undefined) return "ending";
  if (kept.anchor === undefined) return "waiting";
  if (kept.seen.verdict !== "") return "invalid";
  if (kept.seen.checkedAt === 0) return "unchecked";
  return kept.kind === "Refusal" ? "refused" : "live";
}

/** Whether something of it is left to do. Nobody needs to record or to get what has ended. */
export function isUnfinished(kept: Kept): boolean {
  if (kept.signature === "" || kept.seen.endedAt > 0) return false;
  return kept.ending !== undefined || kept.anchor === undefined || kept.delivery === "waiting" || kept.delivery === "promised";
}

/** Whether the brand has still to be told of an end. */
export const isUntold = (kept: Kept): boolean => kept.seen.endedAt > 0 && kept.capability !== undefined && kept.told !== true;

const statementOf = (kept: Kept): Json =>
  ({ primaryType: kept.kind, domain: kept.domain, message: kept.message }) as unknown as Json;

/** Returns the bytes of the evidence file; without an anchor those that a brand gets beside a promise are made from it. */
export function fileOf(kept: Kept, notice: string): Uint8Array {
  return encode(fileObject(kept, notice));
}

function fileObject(kept: Kept, notice: string): Json {
  const parts = { type: "ConsentEvidence", version: 1, statement: statementOf(kept), signature: kept.signature, notice };
  const anchored = kept.anchor === undefined ? parts : { ...parts, anchor: kept.anchor };
  return (kept.acceptance === undefined ? anchored : { ...anchored, acceptance: kept.acceptance }) as Json;
}

/** Returns what a brand gets of a statement that a notary has promised to anchor. */
export function pendingFileOf(kept: Kept, notice: string): Uint8Array {
  const { acceptance: _, anchor: __, ...bare } = kept;
  return encode({ evidence: fileObject(bare, notice), promise: kept.promise?.signed as Json });
}
