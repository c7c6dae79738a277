// Reads values of parsed JSON as what a format says they are: exact members, bounded lists, 53-bit integers. Else `Malformed`.

import { malformed } from "./errors.ts";
import { isList, type Json, type JsonObject } from "./json.ts";

/** Returns `value` as an object with all of `required`, and nothing besides them and `optional`. */
export function asObject(value: Json | undefined, name: string, required: readonly string[], optional: readonly string[] = []): JsonObject {
  const found = asAnyObject(value, name);
  const missing = required.find((member) => !Object.hasOwn(found, member));
  if (missing !== undefined) throw malformed(`not valid: ${name} needs its ${missing}`);
  const foreign = Object.keys(found).find((member) => !required.includes(member) && !optional.includes(member));
  if (foreign !== undefined) throw malformed(`not valid: ${name} has no member ${JSON.stringify(foreign.slice(0, 80))}`);
  return found;
}

/** Returns `value` as an object with whatever members. */
export function asAnyObject(value: Json | undefined, name: string): JsonObject {
  if (typeof value !== "object" || value === null || isList(value)) throw malformed(`not valid: ${name} is no object`);
  return value;
}

/** Returns `value` as a text of `least` to `most` UTF-16 code units. */
export function asText(value: Json | undefined, name: string, least = 0, most = Number.MAX_SAFE_INTEGER): string {
  if (typeof value !== "string") throw malformed(`not valid: ${name} is no text`);
  if (value.length < least || value.length > most) throw malformed(`not valid: ${name} is too short or too long`);
  return value;
}

/** Returns `value` as an integer of `least` to `most`; by default every one of 53 bits that is not negative. */
export function asInteger(value: Json | undefined, name: string, least = 0, most = Number.MAX_SAFE_INTEGER): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value)) throw malformed(`not valid: ${name} is no integer of 53 bits`);
  if (value < least || value > most) throw malformed(`not valid: ${name} is not within ${least} to ${most}`);
  return value;
}

/** Returns `value` as a list of `least` to `most` items, each read by `item`. */
export function asList<Item>(
  value: Json | undefined, name: string, item: (value: Json, name: string) => Item, least = 0, most = Number.MAX_SAFE_INTEGER,
): readonly Item[] {
  if (value === undefined || !isList(value)) throw malformed(`not valid: ${name} is no list`);
  if (value.length < least || value.length > most) throw malformed(`not valid: ${name} has too few or too many items`);
  return value.map((one, place) => item(one, `${name}[${place}]`));
}

/** Returns the member `name` of an object, undefined where it has none of its own. */
export const memberOf = (value: JsonObject, name: string): Json | undefined => (Object.hasOwn(value, name) ? value[name] : undefined);

/** Requires that a member has exactly this value, as `type` and `version` do. */
export function checkConstant(value: Json | undefined, wanted: string | number, name: string): void {
  if (value !== wanted) throw malformed(`not valid: ${name} is not ${JSON.stringify(wanted)}`);
}
