// A statement is a message in its domain. Its digest is what is signed, and names it.

import { concat, fromInteger } from "./bytes.ts";
import { addressWord, asDomain, DOMAIN_FIELDS, signingHash, type Domain, type Field } from "./eip712.ts";
import { malformed } from "./errors.ts";
import { canonical, type Json } from "./json.ts";
import { hashText, keccak256 } from "./keccak.ts";
import { asMessage, FIELDS, isKind, TYPES, type Kind, type Messages } from "./messages.ts";
import { bytesOf, hashTexts, type Address } from "./scalars.ts";
import { asObject } from "./shapes.ts";

/** One statement of any kind: `primaryType` says which, and so which members `message` has. */
export type Statement = { readonly [K in Kind]: StatementOf<K> }[Kind];
export interface StatementOf<K extends Kind> {
  readonly primaryType: K;
  readonly domain: Domain;
  readonly message: Messages[K];
}

/** The argument of `eth_signTypedData_v4`. */
export interface TypedData<K extends Kind = Kind> extends StatementOf<K> {
  readonly types: { readonly [name: string]: readonly Field[] };
}

const TYPE_HASHES = Object.fromEntries(Object.entries(TYPES).map(([kind, type]) => [kind, hashText(type)])) as Readonly<Record<Kind, Uint8Array>>;
const MOST_KNOWN = 1_024;
const MOST_CHARACTERS = 1_024;
const knownScopes = new Map<string, Uint8Array>();

/** Puts a message into its domain. The message is checked as if it had been read; `Malformed` where it breaks a rule. */
export function makeStatement<K extends Kind>(primaryType: K, domain: Domain, message: Messages[K]): StatementOf<K> {
  return Object.freeze({ primaryType, domain, message: asMessage(primaryType, message as unknown as Json) });
}

/** Reads `{"primaryType", "domain", "message"}`, whose type is one of `kinds`. */
export function asStatement<K extends Kind>(value: Json | undefined, kinds: readonly K[], name = "statement"): { [T in K]: StatementOf<T> }[K] {
  const found = asObject(value, name, ["primaryType", "domain", "message"]);
  const kind = kinds.find((one) => one === found["primaryType"]);
  if (kind === undefined) throw malformed(`not valid: ${name} has a primaryType that does not belong here`);
  return Object.freeze({ primaryType: kind, domain: asDomain(found["domain"]), message: asMessage(kind, found["message"]) });
}

/** `hashStruct` of EIP-712: keccak256(typeHash || encodeData), 32 bytes. */
export function structHash<K extends Kind>(kind: K, message: Messages[K]): Uint8Array {
  const members = message as unknown as Readonly<Record<string, unknown>>;
  return keccak256(concat(TYPE_HASHES[kind], ...FIELDS[kind].map(({ name, type }) => wordOf(type, name, members[name]))));
}

/** The EIP-712 signing hash: keccak256(0x1901 || domainSeparator || hashStruct), 32 bytes. */
export function digestOf(statement: Statement): Uint8Array {
  return signingHash(statement.domain, structHash(statement.primaryType, statement.message));
}

/** What a wallet is given to sign: types, primaryType, domain and message. */
export function typedData<K extends Kind>(statement: StatementOf<K>): TypedData<K> {
  return { types: typesOf(statement.primaryType), ...statement };
}

/** Reads typed data whose types are exactly ours; otherwise `Malformed`. */
export function asTypedData(value: Json): Statement {
  const found = asObject(value, "typed data", ["types", "primaryType", "domain", "message"]);
  const kind = found["primaryType"];
  if (!isKind(kind)) throw malformed("this is not a statement type of this registry");
  if (canonical(found["types"] as Json) !== canonical(typesOf(kind) as unknown as Json)) throw malformed(`the type definition is not that of ${kind}`);
  const statement = asStatement({ primaryType: kind, domain: found["domain"] as Json, message: found["message"] as Json }, [kind]) as Statement;
  digestOf(statement); // refuses halves of surrogate pairs, which have no UTF-8 and so no digest
  return statement;
}

/** The address that must have signed: the subject, or the controller of what a brand signs. */
export function authorOf({ message }: Statement): Address {
  return "subject" in message ? message.subject : message.controller;
}

const typesOf = (kind: Kind): TypedData["types"] => ({ EIP712Domain: DOMAIN_FIELDS, [kind]: FIELDS[kind] });

/** A member's 32 bytes in the hashed structure. */
function wordOf(type: string, name: string, value: unknown): Uint8Array {
  if (type === "bytes32") return bytesOf(value as string);
  if (type === "address") return addressWord(value as string);
  if (type === "uint64") return fromInteger(value as number);
  if (type === "address[]") return keccak256(concat(...(value as readonly Address[]).map(addressWord)));
  if (type === "string[]") return hashOfScope((value as readonly string[]).join("\n"), () => hashTexts(value as readonly string[]));
  return name === "terms" ? hashOfScope(`\n${value as string}`, () => hashText(value as string)) : hashText(value as string);
}

/** Purposes, data and terms recur in the statements of one brand, so their hashes are remembered. A term holds no line feed. */
function hashOfScope(key: string, make: () => Uint8Array): Uint8Array {
  const known = knownScopes.get(key);
  if (known !== undefined) return known;
  const made = make();
  if (knownScopes.size >= MOST_KNOWN) knownScopes.clear();
  if (key.length <= MOST_CHARACTERS) knownScopes.set(key, made);
  return made;
}
