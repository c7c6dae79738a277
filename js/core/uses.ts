// The use log of a brand: each reading of what a grant handed over is a leaf of a Merkle log (docs/formats.md, "Uses").

import { malformed } from "./errors.ts";
import { asEvidence, type Evidence } from "./evidence.ts";
import { encode, parseCanonical, type Json } from "./json.ts";
import { leafHash, MAX_LOG_PROOF } from "./merkle_log.ts";
import type { UseLog } from "./messages.ts";
import { findFault, SENTENCE } from "./plain_text.ts";
import { asTerm, asTerms, asWord, bytesOf, type Word } from "./scalars.ts";
import { asInteger, asList, asObject, asText, checkConstant } from "./shapes.ts";

export const MAX_USE = 16 * 1024;
export const MAX_PAGE = 4 * 1024 * 1024;
/** A page has so many entries, and so many heads, at most. */
const MOST_ON_A_PAGE = 100;
const MOST_KINDS = 64;
const MAX_SYSTEM = 100;
const USE = ["type", "version", "grant", "at", "purpose", "data", "count", "system", "salt"];

/** One reading: `count` records of these kinds of data. An empty `system` stands for one that was not named. */
export interface Use {
  readonly type: "ConsentUse";
  readonly version: 1;
  readonly grant: Word;
  /** Unix seconds. */
  readonly at: number;
  readonly purpose: string;
  readonly data: readonly string[];
  readonly count: number;
  readonly system: string;
  readonly salt: Word;
}

/** An entry with its number in the log, from 0, and its inclusion proof; an entry that no anchored head covers has neither. */
export interface LoggedUse {
  readonly index: number;
  readonly use: Use;
  readonly head?: number;
  readonly proof?: readonly Word[];
}

/** An anchored head, with the consistency proof to the head of `before` entries; 0 and no proof for the first. */
export interface LogHead {
  readonly evidence: Evidence;
  readonly before: number;
  readonly proof: readonly Word[];
}

/** What a brand shows to the person of a grant: heads of its log, and the entries of that grant alone. */
export interface UsesPage {
  readonly grant: Word;
  readonly heads: readonly LogHead[];
  readonly uses: readonly LoggedUse[];
  readonly more: boolean;
}

/** The signed head. */
export function messageOf({ evidence: { statement } }: Pick<LogHead, "evidence">): UseLog {
  if (statement.primaryType !== "UseLog") throw malformed(`a head of the log is a UseLog, and this is a ${statement.primaryType}`);
  return statement.message;
}

/** The hash of an entry as a leaf of the log, 32 bytes. */
export const leafOf = (use: Use): Uint8Array => leafHash(encode(use as unknown as Json));

/** Parses an entry; `Malformed` for anything but its one encoding. */
export const parseUse = (raw: Uint8Array): Use => asUse(parseCanonical(raw, MAX_USE), "use");

/** Parses a page, at most 4 MiB; `Malformed` for anything but its one encoding. */
export function parsePage(raw: Uint8Array): UsesPage {
  const found = asObject(parseCanonical(raw, MAX_PAGE), "page", ["type", "version", "grant", "heads", "uses", "more"]);
  checkConstant(found["type"], "ConsentUses", "type");
  checkConstant(found["version"], 1, "version");
  const { more } = found;
  if (typeof more !== "boolean") throw malformed("not valid: more is neither true nor false");
  const page = {
    grant: asWord(found["grant"], "grant"),
    heads: asList(found["heads"], "heads", asHead, 0, MOST_ON_A_PAGE),
    uses: asList(found["uses"], "uses", asLoggedUse, 0, MOST_ON_A_PAGE),
    more,
  };
  if (page.uses.some(({ use }) => use.grant !== page.grant)) throw malformed("an entry is of another grant");
  return page;
}

/** Reads a head from parsed JSON. */
export function asHead(value: Json, name = "head"): LogHead {
  const found = asObject(value, name, ["evidence", "before", "proof"]);
  const head = { evidence: asEvidence(found["evidence"]), before: asInteger(found["before"], "before"), proof: asProof(found["proof"], "proof") };
  messageOf(head);
  return head;
}

/** Reads an entry with its place from parsed JSON. */
export function asLoggedUse(value: Json, name = "entry"): LoggedUse {
  const found = asObject(value, name, ["index", "use"], ["head", "proof"]);
  if ((found["head"] === undefined) !== (found["proof"] === undefined)) throw malformed("an entry has a head and a proof, or neither");
  const entry = { index: asInteger(found["index"], "index"), use: asUse(found["use"], "use") };
  if (found["head"] === undefined) return entry;
  return { ...entry, head: asInteger(found["head"], "head"), proof: asProof(found["proof"], "proof") };
}

/** The hashes of a proof. */
export const siblingsOf = ({ proof }: { readonly proof?: readonly Word[] }): readonly Uint8Array[] => (proof ?? []).map(bytesOf);

function asUse(value: Json | undefined, name: string): Use {
  const found = asObject(value, name, USE);
  checkConstant(found["type"], "ConsentUse", "type");
  checkConstant(found["version"], 1, "version");
  const data = asTerms(found["data"], "data");
  if (data.length > MOST_KINDS) throw malformed("not valid: data has too many items");
  return {
    type: "ConsentUse",
    version: 1,
    grant: asWord(found["grant"], "grant"),
    at: asInteger(found["at"], "at"),
    purpose: asTerm(found["purpose"], "purpose"),
    data,
    count: asInteger(found["count"], "count"),
    system: asSystem(found["system"]),
    salt: asWord(found["salt"], "salt"),
  };
}

function asSystem(value: Json | undefined): string {
  const text = asText(value, "system");
  if ([...text].length > MAX_SYSTEM) throw malformed("not valid: system is too long");
  const fault = text === "" ? undefined : findFault(text, SENTENCE);
  if (fault !== undefined) throw malformed(`the system's name ${fault}`);
  return text;
}

const asProof = (value: Json | undefined, name: string): readonly Word[] => asList(value, name, asWord, 0, MAX_LOG_PROOF);
