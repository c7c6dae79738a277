// Records: one version of one fact of a person's life (docs/formats.md, "The personal database"). A version is never changed. Of two
// versions of one id the one with the larger counter is newer, then the one with the larger home, a tombstone too.

import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { isCid } from "./cid.ts";
import { malformed, type NotConsented } from "./errors.ts";
import { microseconds } from "./instants.ts";
import { isList, type Json, type JsonObject } from "./json.ts";
import { looksLikeIdentity } from "./recipients.ts";
import { asAddress, checkTerm, type Address } from "./scalars.ts";
import { asInteger, asObject, asText, memberOf } from "./shapes.ts";
import { fromBase64, hasLength, isSorted } from "./texts.ts";

export const MAX_BODY_DEPTH = 32;
export const MAX_INLINE_FILE = 1 << 20;
export const MAX_SOURCE = 200;
export const MAX_TAGS = 32;
export const MAX_TAG = 64;

export const OWN_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const BUNDLE_ID = /^[0-9a-f]{32}$/;
const KEY = /^[0-9a-f]{32}(?:[0-9a-f]{32})?$/;
const HOME = /^[0-9a-f]{16}$/;
const SCHEMA = /^[a-z0-9-]{1,40}\/[1-9][0-9]{0,3}$/;
const SHA256 = /^[0-9a-f]{64}$/;
const FILE_NAME = /^[^\x00-\x1f\x7f/\\]{1,255}$/u;
const MEDIA_TYPE = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}$/;
const ORIGIN_ID = /^[!-~]{1,200}$/;
const ADVICE = "Correct the record; if it came from other software, ask its author for a new one.";

/** A file of a record: its bytes in base64 (`data`), or the CID of its sealed bytes with the identity that opens them. */
export interface FileRef {
  readonly name: string;
  readonly mediaType: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly data?: string;
  readonly cid?: string;
  readonly identity?: string;
}

/** The brand that sent a record, and its own name for it. */
export interface Origin {
  readonly controller: Address;
  readonly id: string;
}

/** A version. In a bundle it has the bundle's id for it, and neither home nor key. Absent members are not there at all. */
export interface Version {
  readonly id: string;
  readonly counter: number;
  readonly home?: string;
  readonly category?: string;
  readonly schema?: string;
  readonly time?: string;
  readonly source?: string;
  readonly tags?: readonly string[];
  readonly body?: JsonObject;
  readonly file?: FileRef;
  readonly key?: string;
  readonly origin?: Origin;
  readonly deleted?: true;
}

const OPTIONAL = ["home", "category", "schema", "time", "source", "tags", "body", "file", "key", "origin", "deleted"] as const;
const FACTS = ["category", "schema", "time", "source", "tags", "body", "file", "origin"] as const;

/** Returns parsed JSON as a version; `Malformed` says what is wrong. The size of its body is for who has its line. */
export function asVersion(value: Json): Version {
  const found = asObject(value, "record", ["id", "counter"], OPTIONAL);
  asInteger(found["counter"], "counter", 1);
  const id = asText(found["id"], "id");
  if (Object.hasOwn(found, "home")) {
    checkPattern(id, OWN_ID, "the id of an own record");
    checkHome(asText(found["home"], "home"));
    if (Object.hasOwn(found, "key")) checkPattern(asText(found["key"], "key"), KEY, "the key");
  } else {
    checkPattern(id, BUNDLE_ID, "the id of a bundle's record");
    if (Object.hasOwn(found, "key")) throw refused("a record in a bundle has no key");
  }
  if (Object.hasOwn(found, "deleted")) checkTombstone(found);
  else checkContent(found);
  return found as unknown as Version;
}

/** Whether `one` is a newer version than `other` of the same id. */
export function isNewer(one: Version, other: Version): boolean {
  return one.counter !== other.counter ? one.counter > other.counter : (one.home ?? "") > (other.home ?? "");
}

/** Returns the bytes of a file that lies in its record, already checked. */
export const fileData = (file: FileRef): Uint8Array => fromBase64(file.data ?? "") ?? new Uint8Array();

/** Requires that JSON of a body is within our bounds; `depth` is its own. */
export function checkBody(value: Json, depth = 1): void {
  if (typeof value === "number" && !Number.isFinite(value)) throw refused("the body holds what JSON cannot, such as NaN");
  if (typeof value !== "object" || value === null) return;
  if (depth > MAX_BODY_DEPTH) throw refused(`the body is nested more than ${MAX_BODY_DEPTH} deep`);
  for (const one of isList(value) ? value : Object.values(value)) checkBody(one, depth + 1);
}

/** Requires a full-date, or a date-time with an offset (RFC 3339); otherwise `Malformed`. */
export function checkTime(text: string): string {
  microseconds(text);
  return text;
}

export function checkCid(text: string): string {
  if (!isCid(text)) throw refused("not a CIDv1 of a raw or dag-pb block under SHA-256");
  return text;
}

/** Requires the shape of an age identity; otherwise `Malformed`. Messages never show it. */
export function checkIdentityShape(text: string): string {
  if (!looksLikeIdentity(text)) throw refused("the identity is not one of age");
  return text;
}

export const checkHome = (text: string): string => checkPattern(text, HOME, "the home");
export const checkSchema = (text: string): string => checkPattern(text, SCHEMA, "the schema");

/** A brand's own name for something: 1 to 200 printable ASCII characters without a space. */
export const checkOriginId = (text: string): string => checkPattern(text, ORIGIN_ID, "the brand's id");

function checkTombstone(found: JsonObject): void {
  if (found["deleted"] !== true) throw refused("deleted is true, or absent");
  if (FACTS.some((name) => Object.hasOwn(found, name))) throw refused("a tombstone has id, counter, home and key alone");
}

function checkContent(found: JsonObject): void {
  checkTerm(asText(found["category"], "category"), "category");
  checkSchema(asText(found["schema"], "schema"));
  checkTime(asText(found["time"], "time"));
  if (Object.hasOwn(found, "source") && !hasLength(asText(found["source"], "source"), 1, MAX_SOURCE)) {
    throw refused(`a source has 1 to ${MAX_SOURCE} characters`);
  }
  if (Object.hasOwn(found, "tags")) checkTags(found["tags"] as Json);
  if (Object.hasOwn(found, "origin")) checkOrigin(found["origin"] as Json);
  if (Object.hasOwn(found, "file")) checkFile(found["file"] as Json);
  const body = memberOf(found, "body");
  if (body === undefined && !Object.hasOwn(found, "file")) throw refused("a record has a body, a file, or both");
  if (body !== undefined) checkObject(body);
}

/** Requires that a body is an object within our bounds. */
export function checkObject(body: Json): void {
  if (typeof body !== "object" || body === null || isList(body)) throw refused("a body is a JSON object");
  checkBody(body);
}

function checkTags(value: Json): void {
  const tags = isList(value) ? value.map((tag) => asText(tag, "a tag")) : [];
  if (tags.length < 1 || tags.length > MAX_TAGS || !tags.every((tag) => hasLength(tag, 1, MAX_TAG))) {
    throw refused(`a record has 1 to ${MAX_TAGS} tags of 1 to ${MAX_TAG} characters, or no member for them`);
  }
  if (!isSorted(tags)) throw refused("tags must be sorted by their UTF-8 bytes, with no repeats");
}

function checkOrigin(value: Json): void {
  const found = asObject(value, "origin", ["controller", "id"]);
  asAddress(found["controller"], "origin.controller");
  checkOriginId(asText(found["id"], "origin.id"));
}

function checkFile(value: Json): void {
  const found = asObject(value, "file", ["name", "mediaType", "bytes", "sha256"], ["data", "cid", "identity"]);
  const name = checkPattern(asText(found["name"], "file.name"), FILE_NAME, "the file's name");
  if (name === "." || name === "..") throw refused("the file's name is that of a folder");
  checkPattern(asText(found["mediaType"], "file.mediaType"), MEDIA_TYPE, "the file's media type");
  checkPattern(asText(found["sha256"], "file.sha256"), SHA256, "the file's SHA-256");
  const bytes = asInteger(found["bytes"], "file.bytes");
  if (!Object.hasOwn(found, "data")) {
    checkCid(asText(found["cid"], "file.cid"));
    checkIdentityShape(asText(found["identity"], "file.identity"));
  } else if (Object.hasOwn(found, "cid") || Object.hasOwn(found, "identity")) throw refused("a file has its data or a CID, not both");
  else checkData(asText(found["data"], "file.data"), bytes, found["sha256"] as string);
}

function checkData(text: string, size: number, hash: string): void {
  const data = fromBase64(text);
  if (data === undefined) throw refused("the file's data is not base64 in its one spelling");
  if (data.length !== size || data.length > MAX_INLINE_FILE || bytesToHex(sha256(data)) !== hash) {
    throw refused("the file's data is not what its size and SHA-256 say");
  }
}

function checkPattern(text: string, pattern: RegExp, what: string): string {
  if (!pattern.test(text)) throw refused(`${what} is malformed: ${JSON.stringify(text.slice(0, 80))}`);
  return text;
}

export const refused = (message: string): NotConsented => malformed(message, ADVICE);
