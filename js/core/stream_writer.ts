// Adds versions to a stream, an own one or a bundle's, and merges its small segments. It puts new blocks and erases nothing: what
// nothing names any more is in the answer, and goes once the caller's change is durable.

import type { Block, GetBlock } from "./cid.ts";
import { sealDocument, sign } from "./documents.ts";
import { recipientOf } from "./recipients.ts";
import { isNewer, type Version } from "./records.ts";
import { MAX_SEGMENT, makeSegments, readSegment, versionKey, type Versions } from "./segments.ts";
import {
  MAX_SEGMENTS, SEGMENT_LIST, STREAM_HEAD, StreamReader, type SegmentList, type SegmentRef, type StreamHead,
} from "./streams.ts";
import { Budget, readStored } from "./stored_files.ts";
import { fileBlocks } from "./unixfs.ts";
import type { SigningKey } from "./vault_keys.ts";

// So many segments of one size are merged into one of the next size, as long as that holds at most so many versions.
const FANOUT = 8;
const MOST_MERGED = 512;
// A merge for one new record must stay cheap: segments of large records stay as they are.
const MAX_MERGED_BYTES = 128 * 1024;
// The oldest segments of a full head go into a list, so many at once.
const SPILLED = MAX_SEGMENTS / 2;
// A vault is its owner's own: no bound but against a loop.
const MAX_OPENED = 2 ** 44;

/** A stream that is written: its name and identity, and its newest head with its number, unless it is new. */
export interface WrittenStream {
  readonly stream: string;
  readonly identity: string;
  readonly head?: string;
  readonly number?: number;
}

/** A stream after a change: its newest head, and the files (CIDs) that nothing names any more. */
export interface Grown {
  readonly head: string;
  readonly number: number;
  readonly replaced: readonly string[];
}

/**
 * Reads and writes streams that `key` signs. `keep` tells whether a merged segment still holds a version: those of a deleted record
 * go.
 */
export class StreamWriter {
  readonly #key: SigningKey;
  readonly #get: GetBlock;
  readonly #put: (blocks: readonly Block[]) => void | Promise<void>;
  readonly #keep: (version: Version) => boolean;

  constructor(
    key: SigningKey, get: GetBlock, put: (blocks: readonly Block[]) => void | Promise<void>, keep: (version: Version) => boolean = () => true,
  ) {
    this.#key = key;
    this.#get = get;
    this.#put = put;
    this.#keep = keep;
  }

  /** Returns what reads this stream. */
  reader(stream: WrittenStream): StreamReader {
    return new StreamReader({ ...stream, signer: this.#key.publicKey }, this.#get, new Budget(MAX_OPENED));
  }

  /** Seals and puts versions as segments. No head names them yet. */
  async store(stream: WrittenStream, versions: Versions): Promise<readonly SegmentRef[]> {
    const made: SegmentRef[] = [];
    for await (const { sealed, records } of makeSegments(versions, await recipientOf(stream.identity))) {
      made.push({ cid: await this.#putFile(sealed), records });
    }
    return made;
  }

  /** Puts a head that names these segments too, given oldest first, and merges small ones. */
  async grow(stream: WrittenStream, added: readonly SegmentRef[]): Promise<Grown> {
    const old = stream.head === undefined ? undefined : await this.reader(stream).head(stream.head);
    const segments = [...added].reverse().concat(old?.segments ?? []);
    const replaced = await this.#merge(stream, segments);
    const older = await this.#spill(stream, segments, old?.older ?? null);
    const number = (old?.number ?? 0) + 1;
    const head = await this.#putHead(stream, { stream: stream.stream, number, segments, older });
    return { head, number, replaced: stream.head === undefined ? replaced : [...replaced, stream.head] };
  }

  /** Returns the newest version of each record of a stream, tombstones too. */
  async newest(stream: WrittenStream): Promise<Map<string, Version>> {
    const newest = new Map<string, Version>();
    if (stream.head === undefined) return newest;
    const reader = this.reader(stream);
    for (const segment of await reader.segments(await reader.head(stream.head))) {
      for (const version of await reader.versions(segment)) {
        const known = newest.get(version.id);
        if (known === undefined || isNewer(version, known)) newest.set(version.id, version);
      }
    }
    return newest;
  }

  /** Returns the CIDs of all files of a stream: its head, its lists and its segments. */
  async files(stream: WrittenStream): Promise<readonly string[]> {
    if (stream.head === undefined) return [];
    const reader = this.reader(stream);
    const files = [stream.head];
    for await (const part of reader.parts(await reader.head(stream.head))) {
      files.push(...part.segments.map((one) => one.cid), ...(part.older === null ? [] : [part.older]));
    }
    return files;
  }

  /** Merges the newest segments in place, as long as there are enough of one size; returns those that went. */
  async #merge(stream: WrittenStream, segments: SegmentRef[]): Promise<string[]> {
    const replaced: string[] = [];
    for (let run = mergeable(segments); run > 0; run = mergeable(segments)) {
      const merged = segments.slice(0, run);
      const files: Uint8Array[] = [];
      for (const { cid } of merged) files.push(await readStored(cid, this.#get, MAX_SEGMENT, new Budget()));
      if (files.reduce((sum, file) => sum + file.length, 0) > MAX_MERGED_BYTES) break;
      const made = await this.store(stream, await this.#united(stream, files));
      replaced.push(...merged.map((one) => one.cid));
      segments.splice(0, run, ...[...made].reverse());
      if (made.length > 1) break;
    }
    return replaced;
  }

  async #united(stream: WrittenStream, files: readonly Uint8Array[]): Promise<Iterable<Version>> {
    const versions = new Map<string, Version>();
    for (const file of [...files].reverse()) {
      for (const one of await readSegment(file, stream.identity)) if (this.#keep(one)) versions.set(versionKey(one), one);
    }
    return versions.values();
  }

  /** Moves the oldest segments into lists until the rest fits a head; returns the newest list. */
  async #spill(stream: WrittenStream, segments: SegmentRef[], last: string | null): Promise<string | null> {
    let older = last;
    while (segments.length > MAX_SEGMENTS) {
      const list = sign<SegmentList>(SEGMENT_LIST, { stream: stream.stream, segments: segments.splice(-SPILLED), older }, this.#key);
      older = await this.#putFile(await sealDocument(SEGMENT_LIST, list, await recipientOf(stream.identity)));
    }
    return older;
  }

  async #putHead(stream: WrittenStream, draft: Omit<StreamHead, "type" | "version" | "signature">): Promise<string> {
    const head = sign<StreamHead>(STREAM_HEAD, draft, this.#key);
    return this.#putFile(await sealDocument(STREAM_HEAD, head, await recipientOf(stream.identity)));
  }

  async #putFile(sealed: Uint8Array): Promise<string> {
    const blocks = fileBlocks(sealed);
    await this.#put(blocks);
    return (blocks.at(-1) as Block).cid;
  }
}

/** Returns how many of the newest segments to merge: those of the newest one's size, if there are enough. */
function mergeable(segments: readonly SegmentRef[]): number {
  if (segments.length === 0) return 0;
  const size = sizeOf(segments[0] as SegmentRef);
  const end = segments.findIndex((one) => sizeOf(one) !== size);
  const run = end < 0 ? segments.length : end;
  const versions = segments.slice(0, run).reduce((sum, one) => sum + one.records, 0);
  // Tried at every eighth only: segments that are too large for a merge must not be read at each change.
  return run % FANOUT === 0 && versions <= MOST_MERGED ? run : 0;
}

const sizeOf = ({ records }: SegmentRef): number => Math.floor((31 - Math.clz32(records)) / 3);
