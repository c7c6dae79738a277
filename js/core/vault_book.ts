// The book: all that a vault knows besides its records (docs/formats.md, "Index and book").

import { STREAM_BYTES } from "./bundle_keys.ts";
import type { DocumentKind, Signed } from "./documents.ts";
import { malformed } from "./errors.ts";
import { isDay } from "./instants.ts";
import type { Json, JsonObject } from "./json.ts";
import { checkCid, checkIdentityShape, checkSchema, checkTime, OWN_ID } from "./records.ts";
import { asAddress, asWord, checkDistinct, type Address, type Word } from "./scalars.ts";
import { asInteger, asList, asObject, asText } from "./shapes.ts";
import { checkHex, hasLength } from "./texts.ts";
import { HOME_BYTES } from "./vault_index.ts";
import { asView, type View } from "./views.ts";

export const MAX_BOOK = 64 << 20;
export const MARK_BYTES = 32;
const MAX_SCHEMA = 64 * 1024;
const MAX_GENERATION = 2 ** 32 - 1;
const MAX_REASON = 200;
const SECRET_BYTES = 32;
const EPSILON = /^(?:0|[1-9][0-9]{0,8})(?:\.[0-9]{0,8}[1-9])?$/;

/** The number of the last head that a home made of a bundle, or that a head takes account of. */
export interface Writer {
  readonly home: string;
  readonly number: number;
}

/** A head that another home made apart. A brand may have read it, so the next head must outdo what it says. */
export interface Branch {
  readonly head: string;
  readonly number: number;
  readonly writers: readonly Writer[];
}

/** One bundle: for whom, what it shows, its secrets, and the locks of the grants that hand it over. */
export interface Bundle extends Branch {
  readonly name: string;
  readonly subject: Address;
  readonly controller: Address;
  readonly view: View;
  readonly secret: string;
  readonly identity: string;
  readonly locks: readonly Word[];
  readonly ended: boolean;
  readonly apart?: readonly Branch[];
}

/** An account that was used: the controller that it is for, and its generation. */
export interface NotedAccount {
  readonly controller: Address;
  readonly generation: number;
  readonly address?: Address;
}

/** A record that is kept and not used until a day; a reason makes it a legal hold. Without a day it is in use again. */
export interface Restricted {
  readonly record: string;
  readonly counter: number;
  readonly until?: string;
  readonly reason?: string;
}

export interface VaultBook extends Signed {
  readonly type: "VaultBook";
  readonly bundles: readonly Bundle[];
  readonly accounts: readonly NotedAccount[];
  readonly schemas: readonly { readonly name: string; readonly schema: string }[];
  readonly spent: readonly { readonly request: Word; readonly epsilon: string }[];
  readonly shredded: readonly string[];
  readonly restricted: readonly Restricted[];
}

export const VAULT_BOOK: DocumentKind<VaultBook> = {
  type: "VaultBook",
  maxSealed: MAX_BOOK,
  maxPlain: MAX_BOOK,
  members: ["bundles", "accounts", "schemas", "spent", "shredded", "restricted"],
  check(found) {
    asList(found["bundles"], "bundles", asBundle);
    asList(found["accounts"], "accounts", asAccount);
    asList(found["schemas"], "schemas", asOwnSchema);
    asList(found["spent"], "spent", asSpent);
    asList(found["shredded"], "shredded", (mark) => checkHex(asText(mark, "a mark"), MARK_BYTES, "a shredded mark"));
    asList(found["restricted"], "restricted", asRestricted);
  },
  checkLists(book) {
    checkDistinct(book.bundles.map((one) => one.name), "a bundle");
    checkDistinct(book.bundles.flatMap(branchesOf).map((one) => one.head), "a head");
    book.bundles.forEach(checkBundleLists);
    checkDistinct(book.accounts.map((one) => `${one.controller} ${one.generation}`), "an account");
    checkDistinct(book.schemas.map((one) => one.name), "a schema");
    checkDistinct(book.spent.map((one) => one.request), "a study");
    checkDistinct(book.shredded, "a shredded mark");
    checkDistinct(book.restricted.map((one) => one.record), "a restricted record");
  },
};

/** Returns the branches of a bundle: its newest head, and then those that were made apart. */
export const branchesOf = (bundle: Bundle): readonly Branch[] => [bundle, ...(bundle.apart ?? [])];

function checkBundleLists(bundle: Bundle): void {
  checkDistinct(bundle.locks, "a lock");
  for (const branch of branchesOf(bundle)) checkDistinct(branch.writers.map((one) => one.home), "a writer");
}

const BRANCH = ["head", "number", "writers"] as const;
const BUNDLE = [...BRANCH, "name", "subject", "controller", "view", "secret", "identity", "locks", "ended"] as const;

function asBundle(value: Json, name: string): Bundle {
  const found = asObject(value, name, BUNDLE, ["apart"]);
  checkBranch(found, name);
  checkHex(asText(found["name"], `${name}.name`), STREAM_BYTES, "the bundle's name");
  asAddress(found["subject"], `${name}.subject`);
  asAddress(found["controller"], `${name}.controller`);
  asView(found["view"], `${name}.view`);
  checkHex(asText(found["secret"], `${name}.secret`), SECRET_BYTES, "the bundle's secret");
  checkIdentityShape(asText(found["identity"], `${name}.identity`));
  asList(found["locks"], `${name}.locks`, asWord);
  if (typeof found["ended"] !== "boolean") throw malformed(`not valid: ${name}.ended is no boolean`);
  if (Object.hasOwn(found, "apart")) asList(found["apart"], `${name}.apart`, asBranch, 1);
  return found as unknown as Bundle;
}

function asBranch(value: Json, name: string): Branch {
  const found = asObject(value, name, BRANCH);
  checkBranch(found, name);
  return found as unknown as Branch;
}

function checkBranch(found: JsonObject, name: string): void {
  checkCid(asText(found["head"], `${name}.head`));
  asInteger(found["number"], `${name}.number`, 1);
  asList(found["writers"], `${name}.writers`, asWriter);
}

function asWriter(value: Json, name: string): Writer {
  const found = asObject(value, name, ["home", "number"]);
  checkHex(asText(found["home"], `${name}.home`), HOME_BYTES, "the home");
  asInteger(found["number"], `${name}.number`, 1);
  return found as unknown as Writer;
}

function asAccount(value: Json, name: string): NotedAccount {
  const found = asObject(value, name, ["controller", "generation"], ["address"]);
  asAddress(found["controller"], `${name}.controller`);
  asInteger(found["generation"], `${name}.generation`, 0, MAX_GENERATION);
  if (Object.hasOwn(found, "address")) asAddress(found["address"], `${name}.address`);
  return found as unknown as NotedAccount;
}

function asOwnSchema(value: Json, name: string): void {
  const found = asObject(value, name, ["name", "schema"]);
  checkSchema(asText(found["name"], `${name}.name`));
  if (!hasLength(asText(found["schema"], `${name}.schema`), 0, MAX_SCHEMA)) throw malformed(`not valid: ${name}.schema is too long`);
}

function asSpent(value: Json, name: string): void {
  const found = asObject(value, name, ["request", "epsilon"]);
  asWord(found["request"], `${name}.request`);
  if (!EPSILON.test(asText(found["epsilon"], `${name}.epsilon`))) throw malformed("an epsilon is malformed");
}

function asRestricted(value: Json, name: string): void {
  const found = asObject(value, name, ["record", "counter"], ["until", "reason"]);
  if (!OWN_ID.test(asText(found["record"], `${name}.record`))) throw malformed("a restricted record is malformed");
  asInteger(found["counter"], `${name}.counter`, 1);
  if (!Object.hasOwn(found, "until")) {
    if (Object.hasOwn(found, "reason")) throw malformed("a restriction without a day has no reason");
    return;
  }
  if (!isDay(checkTime(asText(found["until"], `${name}.until`)))) throw malformed("a restriction ends on a day, not at a time");
  if (Object.hasOwn(found, "reason") && !hasLength(asText(found["reason"], `${name}.reason`), 1, MAX_REASON)) {
    throw malformed(`a reason has 1 to ${MAX_REASON} characters`);
  }
}
