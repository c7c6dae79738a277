// A version as a line of JSON. We write members sorted and without white space; readers take any layout, but nothing that two readers
// could read in two ways: no member twice, no integer outside of 53 bits, no null in place of an absent member.

import { utf8 } from "./bytes.ts";
import { malformed } from "./errors.ts";
import { canonical, isList, parseJson, type Json } from "./json.ts";
import { asVersion, refused, type Version } from "./records.ts";
import { byUtf8 } from "./texts.ts";

export const MAX_BODY = 1 << 20;
// A body and a file, each of the largest size, with all else that a record may have.
export const MAX_LINE = 3 << 20;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[[\]{}:,]|-?[0-9][0-9.eE+-]*|[a-z]+/g;
const MANY_DIGITS = /[0-9]{16}/;
// Doubles from here on have an exponent in JavaScript's own spelling.
const SPELLED_OUT = 1e21;

/** Returns a version as a line without its line feed. Throws `Malformed` for what is no version, and for a body over 1 MiB. */
export function writeVersion(version: Version): Uint8Array {
  asVersion(version as unknown as Json);
  const line = utf8(written(version as unknown as Json));
  checkSizes(line, version);
  return line;
}

/** Parses a line without its line feed; `Malformed` says what is wrong. */
export function parseVersion(line: Uint8Array): Version {
  if (line.length > MAX_LINE) throw malformed(`it is longer than ${MAX_LINE} bytes, the most that it may have`);
  const text = textOf(line);
  const version = asVersion(parsed(text));
  if (written(version as unknown as Json) !== text) {
    // Only lines of other software come here. What the engine read may not be all that stands there.
    parseJson(line, MAX_LINE);
    checkIntegers(text);
  }
  checkSizes(line, version, text);
  return version;
}

/** Refuses digits without point and exponent that are no integer of 53 bits: another reader would keep them exactly. */
export function checkIntegers(text: string): void {
  if (!MANY_DIGITS.test(text)) return;
  for (const [token] of text.matchAll(TOKEN)) {
    if (/^-?[0-9]+$/.test(token) && !Number.isSafeInteger(Number(token))) {
      throw refused("the record holds an integer outside ±(2^53-1); write it as a text");
    }
  }
}

function textOf(line: Uint8Array): string {
  try {
    return decoder.decode(line);
  } catch {
    throw refused("not valid: it is not UTF-8");
  }
}

function parsed(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    throw refused("not valid: this is no JSON");
  }
}

/** JSON with members sorted by their UTF-8 bytes. A double that is no integer of ours has an exponent, so that no reader takes it for one. */
function written(value: Json): string {
  if (typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value) && Math.abs(value) < SPELLED_OUT) {
    return value.toExponential();
  }
  if (typeof value !== "object" || value === null) return canonical(value);
  if (isList(value)) return `[${value.map(written).join(",")}]`;
  const names = Object.keys(value).sort(byUtf8);
  return `{${names.map((name) => `${canonical(name)}:${written(value[name] as Json)}`).join(",")}}`;
}

function checkSizes(line: Uint8Array, version: Version, text?: string): void {
  if (line.length > MAX_LINE) throw malformed(`it is longer than ${MAX_LINE} bytes, the most that it may have`);
  if (version.body === undefined || line.length <= MAX_BODY) return;
  const body = text === undefined ? written(version.body) : bodyIn(text);
  if (utf8(body).length > MAX_BODY) throw refused(`the body is longer than ${MAX_BODY} bytes`);
}

/** Returns the member `body` as it stands in a line that is known to be an object with one. */
function bodyIn(text: string): string {
  let depth = 0;
  let start: number | undefined;
  let [before, last, end] = ["", "", 0];
  for (const found of text.matchAll(TOKEN)) {
    const [token] = found;
    if (depth === 1 && start !== undefined && (token === "," || token === "}")) return text.slice(start, end);
    if (depth === 1 && token === "{" && last === ":" && JSON.parse(before) === "body") start = found.index;
    if (token === "{" || token === "[") depth += 1;
    if (token === "}" || token === "]") depth -= 1;
    [before, last, end] = [last, token, found.index + token.length];
  }
  return text;
}

/** A text that two versions share only if all their members are equal. */
export const versionText = (version: Version): string => written(version as unknown as Json);
