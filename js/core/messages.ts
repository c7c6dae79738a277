// The statements that people and brands sign: the members of each type, checked when they are read.
// `TYPES` is docs/formats.md, "Statements", word for word; the rest follows from it. Times are unix seconds.

import { fieldsIn, type Field } from "./eip712.ts";
import { malformed } from "./errors.ts";
import type { Json, JsonObject } from "./json.ts";
import { asAddress, asTerm, asTerms, asWord, checkSorted, MAX_DURATION, ZERO_ADDRESS, type Address, type Word } from "./scalars.ts";
import { asInteger, asList, asObject, asText } from "./shapes.ts";

/** A controller asks for consent. It is not anchored. */
export interface Request {
  readonly controller: Address;
  readonly notice: Word;
  readonly purposes: readonly string[];
  readonly data: readonly string[];
  readonly terms: string;
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly salt: Word;
}

/** A person allows every purpose with every datum, until `expiresAt` or until they revoke it. */
export interface Grant {
  readonly statement: string;
  readonly subject: Address;
  readonly controller: Address;
  readonly request: Word;
  readonly purposes: readonly string[];
  readonly data: readonly string[];
  readonly terms: string;
  readonly notice: Word;
  readonly content: Word;
  readonly supersedes: Word;
  readonly issuedAt: number;
  readonly notBefore: number;
  readonly expiresAt: number;
  readonly revocation: Word;
  readonly salt: Word;
}

/** A person refuses, provably. */
export interface Refusal {
  readonly statement: string;
  readonly subject: Address;
  readonly controller: Address;
  readonly request: Word;
  readonly purposes: readonly string[];
  readonly notice: Word;
  readonly issuedAt: number;
  readonly salt: Word;
}

/** The controller's counter-signature of a grant; it proves that both sides hold the same bytes. */
export interface Acceptance {
  readonly grant: Word;
  readonly controller: Address;
  readonly issuedAt: number;
  readonly salt: Word;
}

/** The controller has seen that the grant ended, and has stopped. */
export type Acknowledgement = Acceptance;

/** The head of the controller's use log: the Merkle root (RFC 9162) of its first `size` entries, at least one. */
export interface UseLog {
  readonly controller: Address;
  readonly root: Word;
  readonly size: number;
  readonly issuedAt: number;
  readonly salt: Word;
}

/** The controller sends something into the mailbox of a live grant. `number` is 1 for a grant's first, and rises by one. */
export interface MailboxMessage {
  readonly grant: Word;
  readonly controller: Address;
  readonly number: number;
  readonly content: Word;
  readonly issuedAt: number;
}

/** A person lets `delegate` sign statements of the types `powers` for them. The zero address alone stands for any controller. */
export interface Mandate {
  readonly statement: string;
  readonly subject: Address;
  readonly delegate: Address;
  readonly powers: readonly string[];
  readonly purposes: readonly string[];
  readonly data: readonly string[];
  readonly controllers: readonly Address[];
  readonly notice: Word;
  readonly details: Word;
  readonly issuedAt: number;
  readonly notBefore: number;
  readonly expiresAt: number;
  readonly revocation: Word;
  readonly salt: Word;
}

/** The subject revokes one grant openly, without its secret. Anybody may send it. */
export interface Revoke {
  readonly subject: Address;
  readonly handle: Word;
}

/** The kill switch: the subject revokes everything issued up to `issuedUntil`. */
export interface RevokeAll {
  readonly subject: Address;
  readonly issuedUntil: number;
}

/** Retires the address for ever, after its key was stolen. */
export interface Retire {
  readonly subject: Address;
}

export interface Messages {
  readonly Request: Request;
  readonly Grant: Grant;
  readonly Refusal: Refusal;
  readonly Acceptance: Acceptance;
  readonly Acknowledgement: Acknowledgement;
  readonly UseLog: UseLog;
  readonly MailboxMessage: MailboxMessage;
  readonly Mandate: Mandate;
  readonly Revoke: Revoke;
  readonly RevokeAll: RevokeAll;
  readonly Retire: Retire;
}
export type Kind = keyof Messages;

export const TYPES: Readonly<Record<Kind, string>> = {
  Request:
    "Request(address controller,bytes32 notice,string[] purposes,string[] data,string terms," +
    "uint64 issuedAt,uint64 expiresAt,bytes32 salt)",
  Grant:
    "Grant(string statement,address subject,address controller,bytes32 request,string[] purposes," +
    "string[] data,string terms,bytes32 notice,bytes32 content,bytes32 supersedes,uint64 issuedAt," +
    "uint64 notBefore,uint64 expiresAt,bytes32 revocation,bytes32 salt)",
  Refusal:
    "Refusal(string statement,address subject,address controller,bytes32 request,string[] purposes," +
    "bytes32 notice,uint64 issuedAt,bytes32 salt)",
  Acceptance: "Acceptance(bytes32 grant,address controller,uint64 issuedAt,bytes32 salt)",
  Acknowledgement: "Acknowledgement(bytes32 grant,address controller,uint64 issuedAt,bytes32 salt)",
  UseLog: "UseLog(address controller,bytes32 root,uint64 size,uint64 issuedAt,bytes32 salt)",
  MailboxMessage: "MailboxMessage(bytes32 grant,address controller,uint64 number,bytes32 content,uint64 issuedAt)",
  Mandate:
    "Mandate(string statement,address subject,address delegate,string[] powers,string[] purposes,string[] data," +
    "address[] controllers,bytes32 notice,bytes32 details,uint64 issuedAt,uint64 notBefore,uint64 expiresAt," +
    "bytes32 revocation,bytes32 salt)",
  Revoke: "Revoke(address subject,bytes32 handle)",
  RevokeAll: "RevokeAll(address subject,uint64 issuedUntil)",
  Retire: "Retire(address subject)",
};

/** The types of statement that a delegate may sign. */
export const POWERS: readonly string[] = ["Bids", "Deal", "Grant", "Intent", "Offer", "Refusal"];
export const MAX_CONTROLLERS = 64;

export const isKind = (name: unknown): name is Kind => typeof name === "string" && Object.hasOwn(TYPES, name);

/** Each type's fields, in hashing order. */
export const FIELDS = Object.freeze(
  Object.fromEntries(Object.entries(TYPES).map(([kind, type]) => [kind, fieldsIn(type.slice(kind.length))])),
) as Readonly<Record<Kind, readonly Field[]>>;
const NAMES = Object.fromEntries(Object.entries(FIELDS).map(([kind, fields]) => [kind, fields.map(({ name }) => name)]));

/** Reads the message of a statement; `Malformed` where a member is missing, misspelled or too much, or a rule is broken. */
export function asMessage<K extends Kind>(kind: K, value: Json | undefined): Messages[K] {
  const found = asObject(value, "message", NAMES[kind] as readonly string[]);
  const members: Record<string, Json> = {};
  for (const { name, type } of FIELDS[kind]) members[name] = asMember(found, name, type);
  checkRules(kind, members);
  return Object.freeze(members) as unknown as Messages[K];
}

function asMember(found: JsonObject, name: string, type: string): Json {
  const value = found[name];
  if (type === "bytes32") return asWord(value, name);
  if (type === "address") return asAddress(value, name);
  if (type === "uint64") return asInteger(value, name);
  if (name === "powers") return Object.freeze(asPowers(value));
  if (name === "controllers") return Object.freeze(asControllers(value));
  if (type === "string[]") return Object.freeze(asTerms(value, name));
  return name === "terms" ? asTerm(value, name) : asText(value, name);
}

function asPowers(value: Json | undefined): readonly string[] {
  const powers = asList(value, "powers", asText, 1);
  const unknown = powers.find((power) => !POWERS.includes(power));
  if (unknown !== undefined) throw malformed(`powers: ${JSON.stringify(unknown.slice(0, 80))} is none of ${POWERS.join(", ")}`);
  checkSorted(powers, "powers");
  return powers;
}

function asControllers(value: Json | undefined): readonly Address[] {
  const controllers = asList(value, "controllers", asAddress, 1, MAX_CONTROLLERS);
  // The order of the digits without their checksum is that of the bytes.
  checkSorted(controllers.map((one) => one.toLowerCase()), "controllers");
  if (controllers.length > 1 && controllers.includes(ZERO_ADDRESS)) {
    throw malformed("controllers holds the zero address, which stands for any one, beside others");
  }
  return controllers;
}

function checkRules(kind: Kind, members: JsonObject): void {
  const number = (name: string): number => members[name] as number;
  if (kind === "Request") checkWindow(number("issuedAt"), number("issuedAt"), number("expiresAt"));
  if (kind === "Grant" || kind === "Mandate") checkWindow(number("issuedAt"), number("notBefore"), number("expiresAt"));
  if (kind === "UseLog" && number("size") === 0) throw malformed("size is 0, and an empty log has no head");
  if (kind === "MailboxMessage" && number("number") === 0) throw malformed("number is 0, but the first message has 1");
}

/** `Malformed` unless the window is not empty and ends within ten years of `issuedAt`. */
export function checkWindow(issuedAt: number, notBefore: number, expiresAt: number): void {
  if (expiresAt === 0) throw malformed("expiresAt is 0, but every consent ends");
  if (expiresAt <= notBefore || expiresAt <= issuedAt) throw malformed("expiresAt is before the beginning");
  if (expiresAt - issuedAt > MAX_DURATION) throw malformed("expiresAt is more than ten years after issuedAt");
}
