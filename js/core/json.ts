// Strict JSON. Documents of the formats have one encoding, RFC 8785; every other one is `Malformed`.
// What people and services write in their own layout is read by `parseJson`, which refuses what two readers could read in two ways.

import { utf8 } from "./bytes.ts";
import { malformed } from "./errors.ts";

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export type JsonObject = { readonly [name: string]: Json };

export const MAX_NESTING = 128;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const BYTE_ORDER_MARK = "\ufeff";
const LONE_SURROGATE = /\p{Surrogate}/u;
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[[\]{}:]|-?[0-9][0-9.eE+-]*/g;

/** Parses the document whose one encoding (RFC 8785) is `raw`, at most `limit` bytes. Throws `Malformed`. */
export function parseCanonical(raw: Uint8Array, limit: number): Json {
  const text = decode(raw, limit);
  const value = engineParse(text);
  // This also refuses member names that stand twice: the engine keeps the last one only.
  if (canonical(value) !== text) throw malformed("this JSON is not in its one canonical form (RFC 8785: sorted keys, no white space)");
  return value;
}

/** Parses JSON in any layout, at most `limit` bytes. Throws `Malformed`, also for a member name that stands twice in one object. */
export function parseJson(raw: Uint8Array, limit: number): Json {
  return parseText(decode(raw, limit));
}

/** Rewrites JSON in any layout as RFC 8785 bytes, without a byte order mark. A changed value stays changed. Throws `Malformed`. */
export function restored(raw: Uint8Array, limit: number): Uint8Array {
  const text = decode(raw, limit);
  return encode(parseText(text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text));
}

/** Returns the value as RFC 8785 bytes. Throws `Malformed` for what JSON cannot say. */
export function encode(value: Json): Uint8Array {
  return utf8(canonical(value));
}

/** Returns the value as RFC 8785 text. Throws `Malformed` for NaN, half a surrogate pair, and more than 128 levels. */
export function canonical(value: Json, depth = 0): string {
  if (typeof value === "string") return quoted(value);
  if (typeof value === "number" && !Number.isFinite(value)) throw malformed(`${value} is not JSON`);
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (depth >= MAX_NESTING) throw malformed(`it is nested more than ${MAX_NESTING} deep`);
  if (isList(value)) return `[${value.map((item) => canonical(item, depth + 1)).join(",")}]`;
  // The sort is by UTF-16 code units, as RFC 8785 asks.
  const members = Object.keys(value).sort().map((name) => `${quoted(name)}:${canonical(value[name] as Json, depth + 1)}`);
  return `{${members.join(",")}}`;
}

export function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

/** Whether text has no half of a surrogate pair, so that it has a UTF-8 form. */
export const isWellFormed = (text: string): boolean => !LONE_SURROGATE.test(text);

function quoted(text: string): string {
  if (!isWellFormed(text)) throw malformed("a text holds half of a surrogate pair");
  return JSON.stringify(text);
}

function decode(raw: Uint8Array, limit: number): string {
  if (raw.length > limit) throw malformed(`it is longer than ${limit} bytes, the most that it may have`);
  try {
    return decoder.decode(raw);
  } catch {
    throw malformed("not valid: it is not UTF-8");
  }
}

function engineParse(text: string): Json {
  if (text.startsWith(BYTE_ORDER_MARK)) throw malformed("it begins with a byte order mark (EF BB BF), which an editor added");
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    // An engine that reads JSON by recursion throws RangeError for many brackets.
    throw malformed(error instanceof RangeError ? "it is nested too deeply" : "not valid: this is no JSON");
  }
}

function parseText(text: string): Json {
  const value = engineParse(text);
  checkTokens(text);
  return value;
}

/** Checks what the engine lets pass in text that is known to be JSON: repeated names, depth, integers that it rounded. */
function checkTokens(text: string): void {
  const open: Set<string>[] = [];
  let previous = "";
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === "{" || token === "[") open.push(new Set());
    else if (token === "}" || token === "]") open.pop();
    else if (token === ":") checkName(open.at(-1), JSON.parse(previous) as string);
    else if (token.startsWith('"')) checkText(token);
    else checkNumber(token);
    if (open.length > MAX_NESTING) throw malformed(`it is nested more than ${MAX_NESTING} deep`);
    previous = token;
  }
}

function checkName(names: Set<string> | undefined, name: string): void {
  if (names?.has(name)) throw malformed("a member name appears twice in one object");
  names?.add(name);
}

function checkText(token: string): void {
  if (token.includes("\\") && !isWellFormed(JSON.parse(token) as string)) throw malformed("a text holds half of a surrogate pair");
}

function checkNumber(token: string): void {
  const value = Number(token);
  if (!Number.isFinite(value)) throw malformed("a number is too large");
  const isInteger = !/[.eE]/.test(token);
  // RFC 8785 writes the double 1e20 as digits. Any other large integer would be rounded.
  if (isInteger && !Number.isSafeInteger(value) && String(value) !== token) throw malformed("an integer is too large to be read exactly");
}
