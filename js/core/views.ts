// Views say what a bundle shows of the records of one category: the members of their bodies, and from when until when.

import { malformed, SealedDataError } from "./errors.ts";
import { microseconds } from "./instants.ts";
import { canonical, isList, type Json, type JsonObject } from "./json.ts";
import { extensionOf } from "./media_types.ts";
import { checkSchema, checkTime, type FileRef, type Version } from "./records.ts";
import { asTerm, type Address } from "./scalars.ts";
import { idInBundle } from "./seeds.ts";
import { asObject, asText } from "./shapes.ts";
import { hasLength, idBytes, isSorted } from "./texts.ts";

const MAX_MEMBERS = 256;
const MAX_MEMBER = 200;
// The names under which a view shows the file of a record, and that file's own name. No member of a body is meant.
export const FILE = "$file";
export const NAME = "$name";
// Members of a body that hold the name of the record's file: they go along where that name does.
const NAMES_IN_BODY: Readonly<Record<string, readonly string[]>> = { "file/1": ["name", "path"] };
const FLAGS = ["source", "tags", "continuing"] as const;

/** `from` is the first moment, `until` the first one after. A view that is `continuing` takes in later records while the grant holds. */
export interface View {
  readonly category: string;
  readonly members: readonly string[];
  readonly schema?: string;
  readonly from?: string;
  readonly until?: string;
  readonly source?: true;
  readonly tags?: true;
  readonly continuing?: true;
}

/** Returns parsed JSON as a view; `Malformed` otherwise. */
export function asView(value: Json | undefined, name = "view"): View {
  const found = asObject(value, name, ["category", "members"], ["schema", "from", "until", ...FLAGS]);
  asTerm(found["category"], "category");
  checkMembers(found["members"]);
  if (Object.hasOwn(found, "schema")) checkSchema(asText(found["schema"], "schema"));
  for (const time of ["from", "until"]) if (Object.hasOwn(found, time)) checkTime(asText(found[time], time));
  for (const flag of FLAGS) {
    if (Object.hasOwn(found, flag) && found[flag] !== true) throw malformed(`a view's ${flag} is true, or absent`);
  }
  return found as unknown as View;
}

/** A text that two views share only if they show the same. */
export const viewKey = (view: View): string => canonical(view as unknown as Json);

/** Whether a version is of the category, the schema and the period of a view. */
export function isIn(version: Version, view: View): boolean {
  if (version.deleted || version.category !== view.category) return false;
  if (view.schema !== undefined && view.schema !== version.schema) return false;
  const time = microseconds(version.time ?? "");
  if (view.from !== undefined && time < microseconds(view.from)) return false;
  return view.until === undefined || time < microseconds(view.until);
}

/**
 * Returns what a bundle of the brand `controller` holds of the newest version of an own record; undefined where the view shows
 * nothing of it. `secret` is the bundle's. The brand recognises what it sent itself, and nothing that others sent.
 */
export function shown(version: Version, view: View, secret: Uint8Array, counter: number, controller: Address): Version | undefined {
  if (!isIn(version, view)) return undefined;
  const body = bodyShown(version, view);
  const file = fileShown(version, view);
  if (body === undefined && file === undefined) return undefined;
  const { category, schema, time, source, tags, origin } = version as Required<Version>;
  return {
    id: idInBundle(secret, idBytes(version.id)),
    counter,
    category,
    schema,
    time,
    ...(view.source && source !== undefined ? { source } : {}),
    ...(view.tags && tags !== undefined ? { tags } : {}),
    ...(body === undefined ? {} : { body }),
    ...(file === undefined ? {} : { file }),
    ...(origin !== undefined && origin.controller === controller ? { origin } : {}),
  };
}

/** Requires that the view shows a version of a bundle; else `DamagedSeal`: the person said yes to what it shows, and to nothing else. */
export function checkShown(version: Version, view: View): void {
  const members = new Set(view.members);
  const isShown =
    version.home === undefined &&
    isIn(version, view) &&
    (version.source === undefined || view.source === true) &&
    (version.tags === undefined || view.tags === true) &&
    (version.file === undefined || members.has(FILE)) &&
    Object.keys(version.body ?? {}).every((name) => members.has(name));
  if (isShown) return;
  throw new SealedDataError("DamagedSeal", "a bundle holds what its view does not show", "Ask the person for a new grant.");
}

function bodyShown(version: Version, view: View): JsonObject | undefined {
  const hidden = view.members.includes(NAME) ? [] : (NAMES_IN_BODY[version.schema ?? ""] ?? []);
  const names = new Set(view.members.filter((name) => !hidden.includes(name)));
  const members = Object.entries(version.body ?? {}).filter(([name]) => names.has(name));
  return members.length > 0 ? Object.fromEntries(members) : undefined;
}

function fileShown(version: Version, view: View): FileRef | undefined {
  if (version.file === undefined || !view.members.includes(FILE)) return undefined;
  if (view.members.includes(NAME)) return version.file;
  // People write into the names of files what they would not tell a brand.
  return { ...version.file, name: `file${extensionOf(version.file.mediaType)}` };
}

function checkMembers(value: Json | undefined): void {
  const members = value !== undefined && isList(value) ? value.map((name) => asText(name, "a member of a view")) : undefined;
  if (members === undefined || members.length > MAX_MEMBERS || !members.every((name) => hasLength(name, 1, MAX_MEMBER))) {
    throw malformed(`a view has at most ${MAX_MEMBERS} members of 1 to ${MAX_MEMBER} characters`);
  }
  if (!isSorted(members)) throw malformed("a view's members must be sorted by their UTF-8 bytes, with no repeats");
}
