// Checks that a brand's use log only grows: against the heads and entries that a person's software saw before.
//
// A log that was rewritten, shortened, or is shown to two people in two ways is `LogChanged`, which brings a file with the signed
// heads. `readChange` tells what such a file proves to anybody (docs/formats.md, "Uses").

import { sameDomain } from "./eip712.ts";
import { ConsentError, malformed, NotConsented } from "./errors.ts";
import { asEvidence, authorOfEvidence, documentOf, type Evidence } from "./evidence.ts";
import { canonical, encode, parseCanonical, type Json } from "./json.ts";
import { checkConsistency, checkInclusion } from "./merkle_log.ts";
import type { Grant, UseLog } from "./messages.ts";
import { bytesOf, CLOCK_SKEW } from "./scalars.ts";
import { asList, asObject, checkConstant } from "./shapes.ts";
import { asLoggedUse, leafOf, messageOf, siblingsOf, type LoggedUse, type LogHead, type Use } from "./uses.ts";

export const MAX_CHANGE = 256 * 1024;
const ADVICE = "Keep the file that tells of it, and ask the brand; a supervisory authority can check it too.";

/** A brand's use log is not a continuation of what was seen of it. `file` holds what proves it. */
export class LogChanged extends ConsentError {
  readonly file: Uint8Array;

  constructor(words: string, change: ChangedLog) {
    super("LogChanged", `the brand's log has changed: ${words}`, ADVICE);
    this.file = writeChange(change);
  }
}

/**
 * What a file of a changed log proves by itself, once its heads are verified as any evidence.
 *
 * `split`: two heads of one size differ. `shortened`: a later head has fewer entries. Both are proofs. `unshown`: the brand did not
 * show that one head continues the other. `missing`: an entry was under a signed head, and is not shown any more. `unsigned`: an
 * entry that no head covered is gone.
 */
export type Shown = "split" | "shortened" | "unshown" | "missing" | "unsigned";

/** How a reading goes beyond its grant. `ahead`: it is dated after the brand had signed and anchored it, so its date is false. */
export type Beyond = "purpose" | "data" | "before" | "after" | "ahead";

/** Heads of one log that do not fit together, the one that was seen first before the other; or an entry that is gone, with its head. */
export interface ChangedLog {
  readonly heads: readonly Evidence[];
  readonly use?: LoggedUse;
}

/**
 * Returns how an entry goes beyond its grant, by the brand's own words; empty where it does not.
 *
 * `endedAt` is when the person ended the grant, 0 if they did not; `anchoredAt` when the entry's head was anchored, undefined if it was
 * not (unix seconds). Clocks may differ by 15 minutes.
 */
export function beyond(use: Use, grant: Grant, endedAt = 0, anchoredAt?: number): readonly Beyond[] {
  const over = Math.min(grant.expiresAt, endedAt || grant.expiresAt);
  const found: readonly (readonly [Beyond, boolean])[] = [
    ["purpose", !grant.purposes.includes(use.purpose)],
    ["data", !use.data.every((datum) => grant.data.includes(datum))],
    ["before", use.at < grant.notBefore - CLOCK_SKEW],
    ["after", use.at > over + CLOCK_SKEW],
    ["ahead", anchoredAt !== undefined && use.at > anchoredAt + CLOCK_SKEW],
  ];
  return found.filter(([, holds]) => holds).map(([how]) => how);
}

/** Returns all heads by their sizes, where those that a brand serves continue the known ones; both lists are in order of size. */
export function joinedHeads(known: readonly LogHead[], served: readonly LogHead[]): ReadonlyMap<number, LogHead> {
  const heads = new Map(known.map((head) => [messageOf(head).size, head]));
  const sizes = served.map((head) => messageOf(head).size);
  if (!isRising(sizes)) throw malformed("the brand's heads are not in order");
  let last = known.at(-1);
  for (const head of served) last = join(heads, last, head);
  return heads;
}

/** Takes one served head among the others; returns the largest. */
function join(heads: Map<number, LogHead>, last: LogHead | undefined, head: LogHead): LogHead {
  const { size, root } = messageOf(head);
  const same = heads.get(size);
  if (same !== undefined) {
    if (messageOf(same).root !== root) throw changed("the brand signed two states of one length for its log", same, head);
    const anew = { ...same, evidence: head.evidence }; // it may have been anchored anew
    heads.set(size, anew);
    return last === undefined || last === same ? anew : last;
  }
  if (last === undefined && head.before > 0) throw malformed("a head names one before it that the brand does not show");
  if (last !== undefined) checkContinues(last, head);
  heads.set(size, head);
  return head;
}

function checkContinues(last: LogHead, head: LogHead): void {
  const [one, other] = [messageOf(last), messageOf(head)];
  if (other.size < one.size) throw changed("the brand shows another state of its log than before", last, head);
  if (head.before > one.size) throw malformed("a head names one before it that the brand does not show");
  if (head.before < one.size) throw changed("the brand leaves out a state of its log that it signed", last, head);
  if (other.issuedAt <= one.issuedAt) throw malformed("the brand's heads are not dated in their order");
  onNotIncluded(
    () => checkConsistency(one.size, other.size, siblingsOf(head), bytesOf(one.root), bytesOf(other.root)),
    () => changed("the newer state does not continue the older one", last, head),
  );
}

/** The error for a brand that does not show this head any more, and no later one. */
export const missingHead = (head: LogHead): LogChanged => changed("the brand does not show a state of its log that it signed", head);

/**
 * Checks the entries that a brand serves: each is under its head, and each that was `seen` is still there.
 *
 * Throws `NotIncluded` for a proof that is wrong or missing, `Malformed` for a bad order, `LogChanged` for what is gone.
 */
export function checkEntries(heads: ReadonlyMap<number, LogHead>, seen: readonly LoggedUse[], served: readonly LoggedUse[]): void {
  if (!isRising(served.map(({ index }) => index))) throw malformed("the brand's entries are not in order");
  const newest = [...heads.keys()].reduce((one, other) => Math.max(one, other), 0);
  for (const each of served) checkEntry(heads, newest, each);
  const now = new Map(served.map(({ index, use }) => [index, textOf(use)]));
  const lost = seen.find(({ index, use }) => now.get(index) !== textOf(use));
  if (lost !== undefined) throw gone(heads, lost);
}

function checkEntry(heads: ReadonlyMap<number, LogHead>, newest: number, each: LoggedUse): void {
  if (each.head === undefined) {
    if (each.index < newest) throw new NotConsented("NotIncluded", `the brand shows no proof for entry ${each.index}, which it signed`, ADVICE);
    return;
  }
  const head = heads.get(each.head);
  if (head === undefined) throw malformed(`entry ${each.index} is under a head that the brand does not show`);
  onNotIncluded(
    () => checkInclusion(each.index, messageOf(head).size, leafOf(each.use), siblingsOf(each), bytesOf(messageOf(head).root)),
    (why) => new NotConsented("NotIncluded", `entry ${each.index} is not in the log that the brand signed: ${why}`, ADVICE),
  );
}

function gone(heads: ReadonlyMap<number, LogHead>, seen: LoggedUse): LogChanged {
  const words = `the brand does not show entry ${seen.index} any more, which you saw before`;
  const head = seen.head === undefined ? undefined : heads.get(seen.head);
  if (head !== undefined) return new LogChanged(words, { heads: [head.evidence], use: seen });
  // Where the heads that were seen were lost, nothing signed tells of it.
  return new LogChanged(words, { heads: [], use: { index: seen.index, use: seen.use } });
}

const changed = (words: string, ...heads: readonly LogHead[]): LogChanged => new LogChanged(words, { heads: heads.map(({ evidence }) => evidence) });

/** Parses the file of a changed log, at most 256 KiB; its heads are evidence, which `judge` judges. Throws `Malformed` and `NotIncluded`. */
export function readChange(raw: Uint8Array): ChangedLog {
  const found = asObject(parseCanonical(raw, MAX_CHANGE), "file", ["type", "version", "heads"], ["use"]);
  checkConstant(found["type"], "ConsentChangedLog", "type");
  checkConstant(found["version"], 1, "version");
  const heads = asList(found["heads"], "heads", (value) => asEvidence(value), 0, 2);
  const change = found["use"] === undefined ? { heads } : { heads, use: asLoggedUse(found["use"], "use") };
  checkOneBrand(change);
  shownBy(change);
  return change;
}

/** Returns the bytes of the file. */
export function writeChange({ heads, use }: ChangedLog): Uint8Array {
  const parts = { type: "ConsentChangedLog", version: 1, heads: heads.map(documentOf) };
  return encode((use === undefined ? parts : { ...parts, use }) as unknown as Json);
}

function checkOneBrand({ heads, use }: ChangedLog): void {
  const [first, second] = heads;
  if (first === undefined && use === undefined) throw malformed("it holds neither a head nor an entry");
  if (first === undefined || second === undefined) return;
  const isOne = authorOfEvidence(first) === authorOfEvidence(second) && sameDomain(first.statement.domain, second.statement.domain);
  if (!isOne) throw malformed("the heads are of two brands, chains or registries");
}

/** What it proves; `Malformed` where it holds no contradiction, `NotIncluded` for an entry without proof. */
export function shownBy({ heads, use }: ChangedLog): Shown {
  const [first, second] = heads.map((evidence) => messageOf({ evidence }));
  if (use !== undefined) return missingOrUnsigned(use, first, second);
  if (first === undefined || second === undefined) return "unshown";
  if (first.size === second.size) {
    if (first.root === second.root) throw malformed("the two heads are of one log: they do not differ");
    return "split";
  }
  const [earlier, later] = second.issuedAt < first.issuedAt ? [second, first] : [first, second];
  return earlier.issuedAt < later.issuedAt && later.size < earlier.size ? "shortened" : "unshown";
}

function missingOrUnsigned(use: LoggedUse, first: UseLog | undefined, second: UseLog | undefined): Shown {
  if (first === undefined) return "unsigned";
  if (second !== undefined || use.head !== first.size) throw malformed("an entry that is gone stands beside its own head alone");
  checkInclusion(use.index, first.size, leafOf(use.use), siblingsOf(use), bytesOf(first.root));
  return "missing";
}

/** Does `work`; where it throws `NotIncluded`, throws the other error instead. */
function onNotIncluded(work: () => void, other: (why: string) => Error): void {
  try {
    work();
  } catch (error) {
    if (error instanceof NotConsented && error.name === "NotIncluded") throw other(error.message);
    throw error;
  }
}

const textOf = (use: Use): string => canonical(use as unknown as Json);
const isRising = (numbers: readonly number[]): boolean => numbers.every((number, place) => place === 0 || (numbers[place - 1] as number) < number);
