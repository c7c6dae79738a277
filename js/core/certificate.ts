// The certificate of an erasure: what was shredded, where it was looked for afterwards, and what stays out of reach.
// The owner's key signs it (docs/formats.md). It holds no id and no content, only marks.

import { asDocument, checkSignature, type DocumentKind, type Signed } from "./documents.ts";
import { malformed } from "./errors.ts";
import { parseCanonical, type Json, type JsonObject } from "./json.ts";
import { checkTime } from "./records.ts";
import { asAddress, asTerm, asWord, checkDistinct, type Address, type Word } from "./scalars.ts";
import { asInteger, asList, asObject, asText } from "./shapes.ts";
import { checkHex, hasLength } from "./texts.ts";
import { MARK_BYTES } from "./vault_book.ts";

export const MAX_CERTIFICATE = 64 << 20;
const MAX_TEXT = 1_000;
const SELECTIONS = ["RECORDS", "CATEGORY", "ALL", "DUE"] as const;

/** Where blocks were looked for after they were erased: each is absent, still there, or could not be checked. */
export interface Searched {
  readonly place: string;
  readonly blocks: number;
  readonly absent: number;
  readonly there: number;
  readonly unknown: number;
}

export interface ShredCertificate extends Signed {
  readonly type: "ShredCertificate";
  readonly owner: Word;
  readonly at: string;
  readonly selection: (typeof SELECTIONS)[number];
  readonly records: number;
  readonly versions: number;
  readonly categories: readonly { readonly category: string; readonly records: number }[];
  readonly marks: readonly string[];
  readonly kept: readonly { readonly mark: string; readonly until: string; readonly reason: string }[];
  readonly places: readonly Searched[];
  readonly takenBack: readonly { readonly controller: Address; readonly records: number; readonly erased: boolean }[];
  readonly copy: { readonly pages: number; readonly lookedFor: number; readonly found: number; readonly trouble: string | null };
  readonly files: readonly string[];
  readonly remains: readonly string[];
}

export const SHRED_CERTIFICATE: DocumentKind<ShredCertificate> = {
  type: "ShredCertificate",
  maxSealed: MAX_CERTIFICATE,
  maxPlain: MAX_CERTIFICATE,
  members: ["owner", "at", "selection", "records", "versions", "categories", "marks", "kept", "places", "takenBack", "copy", "files", "remains"],
  check(found) {
    asWord(found["owner"], "owner");
    checkTime(asText(found["at"], "at"));
    if (!SELECTIONS.some((one) => one === found["selection"])) throw malformed("not valid: selection");
    asInteger(found["versions"], "versions");
    asList(found["categories"], "categories", checkCounted);
    checkMarks(found);
    asList(found["kept"], "kept", checkKept);
    asList(found["places"], "places", checkSearched);
    asList(found["takenBack"], "takenBack", checkTakenBack);
    checkCopy(found["copy"]);
    asList(found["files"], "files", checkWords);
    asList(found["remains"], "remains", checkWords);
  },
  checkLists(made) {
    checkDistinct(made.marks, "a mark");
    checkDistinct(made.categories.map((one) => one.category), "a category");
    checkDistinct(made.places.map((one) => one.place), "a place");
  },
};

/** Parses a certificate, and checks that its `owner` signed it. Throws `Malformed` or `WrongCapsule` otherwise. */
export function parseCertificate(raw: Uint8Array): ShredCertificate {
  const made = asDocument(SHRED_CERTIFICATE, parseCanonical(raw, MAX_CERTIFICATE));
  SHRED_CERTIFICATE.checkLists(made);
  checkSignature(made, made.owner);
  return made;
}

/** Whether all that we control was looked into, and nothing of the records was found. */
export const isComplete = ({ places, copy, files }: ShredCertificate): boolean =>
  places.every((one) => one.absent === one.blocks) && copy.trouble === null && copy.found === 0 && files.length === 0;

function checkMarks(found: JsonObject): void {
  const marks = asList(found["marks"], "marks", (mark) => checkHex(asText(mark, "a mark"), MARK_BYTES, "a mark"));
  const isAscending = marks.every((mark, place) => place === 0 || (marks[place - 1] as string) <= mark);
  if (!isAscending || marks.length !== asInteger(found["records"], "records")) {
    throw malformed("a certificate has one mark for each record, in ascending order");
  }
}

function checkCounted(value: Json, name: string): void {
  const found = asObject(value, name, ["category", "records"]);
  asTerm(found["category"], `${name}.category`);
  asInteger(found["records"], `${name}.records`);
}

function checkKept(value: Json, name: string): void {
  const found = asObject(value, name, ["mark", "until", "reason"]);
  checkHex(asText(found["mark"], `${name}.mark`), MARK_BYTES, "a mark");
  checkTime(asText(found["until"], `${name}.until`));
  checkWords(found["reason"], `${name}.reason`);
}

function checkSearched(value: Json, name: string): void {
  const found = asObject(value, name, ["place", "blocks", "absent", "there", "unknown"]);
  checkWords(found["place"], `${name}.place`);
  const [blocks = 0, ...parts] = ["blocks", "absent", "there", "unknown"].map((member) => asInteger(found[member], `${name}.${member}`));
  if (parts.reduce((sum, part) => sum + part, 0) !== blocks) throw malformed("absent, there and unknown blocks are not all blocks");
}

function checkTakenBack(value: Json, name: string): void {
  const found = asObject(value, name, ["controller", "records", "erased"]);
  asAddress(found["controller"], `${name}.controller`);
  asInteger(found["records"], `${name}.records`);
  if (typeof found["erased"] !== "boolean") throw malformed(`not valid: ${name}.erased is no boolean`);
}

function checkCopy(value: Json | undefined): void {
  const found = asObject(value, "copy", ["pages", "lookedFor", "found", "trouble"]);
  for (const member of ["pages", "lookedFor", "found"]) asInteger(found[member], `copy.${member}`);
  if (found["trouble"] !== null) asText(found["trouble"], "copy.trouble");
}

function checkWords(value: Json | undefined, name: string): void {
  if (!hasLength(asText(value, name), 1, MAX_TEXT)) throw malformed(`not valid: ${name} has 1 to ${MAX_TEXT} characters`);
}
