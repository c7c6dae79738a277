// Bundles: what one brand gets, in streams that nobody else has a name, a key, a number or an id of. A bundle is a copy. What the
// brand holds already is read from the bundle itself, so nothing else is remembered of it.

import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";
import { heldIn, movedOn, type Held } from "./branches.ts";
import type { BundleKey } from "./bundle_keys.ts";
import type { Block, GetBlock } from "./cid.ts";
import { InvalidInput } from "./errors.ts";
import { randomBytes } from "./random.ts";
import { generateIdentity } from "./recipients.ts";
import { versionText } from "./record_lines.ts";
import type { Version } from "./records.ts";
import type { Address, Word } from "./scalars.ts";
import type { Versions } from "./segments.ts";
import { StreamWriter, type WrittenStream } from "./stream_writer.ts";
import { branchesOf, type Bundle } from "./vault_book.ts";
import type { SigningKey } from "./vault_keys.ts";
import { shown, type View } from "./views.ts";

const NAME_BYTES = 16;
const SECRET_BYTES = 32;

/** Whose bundles are written, by which home, and where blocks come from and go to. `key` is the relationship's. */
export interface BundleSide {
  readonly subject: Address;
  readonly controller: Address;
  readonly key: SigningKey;
  readonly home: string;
  readonly get: GetBlock;
  readonly put: (blocks: readonly Block[]) => void | Promise<void>;
}

/** A bundle after a change, and the files (CIDs) that may go once the book with it is durable. */
export interface Changed {
  readonly bundle: Bundle;
  readonly replaced: readonly string[];
}

/**
 * Makes a bundle of the newest versions of own records, for the grant with this lock. Nobody gets it before its keys are handed over.
 * Undefined where the view shows nothing and nothing joins later.
 */
export async function beginBundle(side: BundleSide, view: View, lock: Word, records: Versions): Promise<Bundle | undefined> {
  const stream = { stream: bytesToHex(randomBytes(NAME_BYTES)), identity: generateIdentity() };
  const secret = randomBytes(SECRET_BYTES);
  const writer = new StreamWriter(side.key, side.get, side.put);
  const segments = await writer.store(stream, allShown(records, view, secret, side.controller));
  if (segments.length === 0 && !view.continuing) return undefined;
  const { head, number } = await writer.grow(stream, segments);
  return {
    name: stream.stream,
    subject: side.subject,
    controller: side.controller,
    view,
    secret: bytesToHex(secret),
    identity: stream.identity,
    number,
    head,
    locks: [lock],
    ended: false,
    writers: [{ home: side.home, number }],
  };
}

/**
 * Adds what is new, changed or gone since the bundle's last head; the same bundle where nothing is. A bundle whose view is not
 * continuing stays as it was handed over. `records` are the newest versions of all that the vault has of the category. What another
 * home added apart is outdone, so that all brands show the same. Throws `InvalidInput` for a bundle that has ended.
 */
export async function bringUpToDate(side: BundleSide, bundle: Bundle, records: Versions): Promise<Changed> {
  if (bundle.ended) throw new InvalidInput("the bundle has ended", "Grant anew: another bundle is made.");
  const isApart = bundle.apart !== undefined;
  if (!bundle.view.continuing && !isApart) return { bundle, replaced: [] };
  const held = await heldByBrand(side, bundle);
  const changed = bundle.view.continuing ? await changesOf(records, bundle, held) : united(held);
  const gone = new Set([...held.newest.values(), ...changed].filter((one) => one.deleted).map((one) => one.id));
  const writer = new StreamWriter(side.key, side.get, side.put, (one) => one.deleted === true || !gone.has(one.id));
  const segments = await writer.store(streamOf(bundle), changed);
  if (segments.length === 0 && !isApart) return { bundle, replaced: [] };
  const { head, number, replaced } = await writer.grow(streamOf(bundle), segments);
  const moved = movedOn(bundle, side.home, head, number);
  return { bundle: moved, replaced: isApart ? await leftBehind(writer, bundle, moved, replaced) : replaced };
}

/** Reads what brands may hold, also of what another home added apart. */
export async function heldByBrand(side: BundleSide, bundle: Bundle): Promise<Held> {
  const writer = new StreamWriter(side.key, side.get, refusePut);
  const branches: ReadonlyMap<string, Version>[] = [];
  for (const { head, number } of branchesOf(bundle)) branches.push(await writer.newest({ ...streamOf(bundle), head, number }));
  return heldIn(branches);
}

/** Returns the CIDs of all files of a bundle, for its end. */
export async function filesOf(side: BundleSide, bundle: Bundle): Promise<readonly string[]> {
  const writer = new StreamWriter(side.key, side.get, refusePut);
  return allFiles(writer, bundle);
}

/** Returns what a capsule or an update hands over of a bundle. */
export const keyOf = ({ name, view, identity, head }: Bundle): BundleKey => ({ stream: name, category: view.category, view, identity, head });

async function* allShown(records: Versions, view: View, secret: Uint8Array, controller: Address): AsyncGenerator<Version> {
  for await (const record of records) {
    const made = shown(record, view, secret, 1, controller);
    if (made !== undefined) yield made;
  }
}

async function changesOf(records: Versions, bundle: Bundle, { newest, doubtful }: Held): Promise<readonly Version[]> {
  const changes: Version[] = [];
  const left = new Set([...newest.values()].filter((one) => !one.deleted).map((one) => one.id).concat([...doubtful]));
  for await (const made of allShown(records, bundle.view, hexToBytes(bundle.secret), bundle.controller)) {
    const before = newest.get(made.id);
    left.delete(made.id);
    if (before === undefined) changes.push(made);
    else if (doubtful.has(made.id) || versionText({ ...made, counter: before.counter }) !== versionText(before)) {
      changes.push({ ...made, counter: before.counter + 1 });
    }
  }
  // What was deleted, and what an edit moved out of the view.
  return [...changes, ...[...left].sort().map((name) => tombstone(name, newest))];
}

/** Returns versions after which all brands show the same, without telling any of them anything new. */
function united({ newest, doubtful, settled }: Held): readonly Version[] {
  return [...doubtful].sort().map((name) => {
    const known = settled.get(name);
    const { id, counter, ...gone } = tombstone(name, newest);
    return known === undefined ? { id, counter, ...gone } : { ...known, counter };
  });
}

const tombstone = (id: string, newest: Held["newest"]): Version => ({ id, counter: (newest.get(id)?.counter ?? 0) + 1, deleted: true });

const streamOf = ({ name, identity, head, number }: Bundle): WrittenStream => ({ stream: name, identity, head, number });

async function allFiles(writer: StreamWriter, bundle: Bundle): Promise<readonly string[]> {
  const files = new Set<string>();
  for (const { head, number } of branchesOf(bundle)) {
    for (const file of await writer.files({ ...streamOf(bundle), head, number })) files.add(file);
  }
  return [...files];
}

async function leftBehind(writer: StreamWriter, before: Bundle, after: Bundle, replaced: readonly string[]): Promise<readonly string[]> {
  const named = new Set(await allFiles(writer, after));
  return [...new Set([...replaced, ...(await allFiles(writer, before))])].filter((one) => !named.has(one));
}

function refusePut(): never {
  throw new Error("reading puts nothing");
}
