// Heads and lists say which segments a stream has, newest first, so that one more costs the same in any vault.

import type { GetBlock } from "./cid.ts";
import { STREAM_BYTES } from "./bundle_keys.ts";
import { openDocument, type DocumentKind, type Signed } from "./documents.ts";
import { malformed, SealedDataError } from "./errors.ts";
import type { Json, JsonObject } from "./json.ts";
import { checkCid, type Version } from "./records.ts";
import { damaged } from "./sealing.ts";
import { checkDistinct, type Word } from "./scalars.ts";
import { MAX_SEGMENT, MAX_VERSIONS, readSegment } from "./segments.ts";
import { asInteger, asList, asObject, asText } from "./shapes.ts";
import { Budget, readStored } from "./stored_files.ts";
import { checkHex } from "./texts.ts";

export const MAX_SEGMENTS = 64;
export const MAX_LISTS = 1_024;
const MAX_SEALED = 64 * 1024;

/** A segment: the CID of its sealed file, and how many versions it holds. */
export interface SegmentRef {
  readonly cid: string;
  readonly records: number;
}

/** The newest segments of a stream at version `number`, and the list of the older ones. */
export interface StreamHead extends Signed {
  readonly type: "StreamHead";
  readonly stream: string;
  readonly number: number;
  readonly segments: readonly SegmentRef[];
  readonly older: string | null;
}

/** Older segments of a stream, and the list of the ones before. */
export interface SegmentList extends Signed {
  readonly type: "SegmentList";
  readonly stream: string;
  readonly segments: readonly SegmentRef[];
  readonly older: string | null;
}

type Part = StreamHead | SegmentList;

export const STREAM_HEAD: DocumentKind<StreamHead> = {
  type: "StreamHead",
  maxSealed: MAX_SEALED,
  maxPlain: MAX_SEALED,
  members: ["stream", "number", "segments", "older"],
  check(found) {
    asInteger(found["number"], "number", 1);
    checkPart(found, 0);
  },
  checkLists: (head) => checkDistinct(cidsOf(head), "a CID"),
};

export const SEGMENT_LIST: DocumentKind<SegmentList> = {
  type: "SegmentList",
  maxSealed: MAX_SEALED,
  maxPlain: MAX_SEALED,
  members: ["stream", "segments", "older"],
  check: (found) => checkPart(found, 1),
  checkLists: (list) => checkDistinct(cidsOf(list), "a CID"),
};

/** What reads one stream: `identity` opens it, and the public key `signer` must have signed its heads and lists. */
export interface StreamKey {
  readonly stream: string;
  readonly identity: string;
  readonly signer: Word;
}

/** Reads one stream. `get` returns a block, and `budget` bounds what is read in all. */
export class StreamReader {
  readonly #key: StreamKey;
  readonly #get: GetBlock;
  readonly #budget: Budget;

  constructor(key: StreamKey, get: GetBlock, budget = new Budget()) {
    this.#key = key;
    this.#get = get;
    this.#budget = budget;
  }

  /** Reads a head. Throws `WrongCapsule` if it is another stream's, or not signed by the vault. */
  head(cid: string): Promise<StreamHead> {
    return this.#checked(STREAM_HEAD, cid);
  }

  /** Reads a list of older segments, with the errors of `head`. */
  older(cid: string): Promise<SegmentList> {
    return this.#checked(SEGMENT_LIST, cid);
  }

  /** Returns all segments, newest first. Throws `Malformed` for a CID that stands twice in the head and its lists. */
  async segments(head: StreamHead): Promise<readonly SegmentRef[]> {
    const found: SegmentRef[] = [];
    for await (const part of this.parts(head)) found.push(...part.segments);
    return found;
  }

  /** Yields the head and its lists, newest first, until a list that is known: it never changes. The errors are those of `segments`. */
  async *parts(head: StreamHead, known: ReadonlySet<string> = new Set()): AsyncGenerator<Part> {
    const seen = new Set<string>();
    let part: Part = head;
    for (let count = 0; count <= MAX_LISTS; count += 1) {
      for (const cid of cidsOf(part)) {
        if (seen.has(cid)) throw repeated();
        seen.add(cid);
      }
      yield part;
      if (part.older === null || known.has(part.older)) return;
      part = await this.older(part.older);
    }
    throw malformed(`a stream has more than ${MAX_LISTS} lists of segments`);
  }

  /** Returns the versions of one segment, with the errors of `readSegment`. */
  async versions(segment: SegmentRef): Promise<readonly Version[]> {
    const sealed = await readStored(segment.cid, this.#get, MAX_SEGMENT, this.#budget);
    const versions = await readSegment(sealed, this.#key.identity, (count) => this.#budget.opened(count));
    if (versions.length === segment.records) return versions;
    throw damaged(`a segment holds ${versions.length} records, its list says ${segment.records}`);
  }

  async #checked<P extends Part>(kind: DocumentKind<P>, cid: string): Promise<P> {
    const sealed = await readStored(cid, this.#get, MAX_SEALED, this.#budget);
    const part = await openDocument(kind, sealed, this.#key.identity, this.#key.signer);
    if (part.stream !== this.#key.stream) throw new SealedDataError("WrongCapsule", "it belongs to another stream");
    return part;
  }
}

function checkPart(found: JsonObject, least: number): void {
  checkHex(asText(found["stream"], "stream"), STREAM_BYTES, "the stream's name");
  asList(found["segments"], "segments", asSegmentRef, least, MAX_SEGMENTS);
  if (found["older"] !== null) checkCid(asText(found["older"], "older"));
}

function asSegmentRef(value: Json, name: string): SegmentRef {
  const found = asObject(value, name, ["cid", "records"]);
  checkCid(asText(found["cid"], `${name}.cid`));
  asInteger(found["records"], `${name}.records`, 1, MAX_VERSIONS);
  return found as unknown as SegmentRef;
}

const cidsOf = ({ segments, older }: Part): readonly string[] => [...segments.map((one) => one.cid), ...(older === null ? [] : [older])];
const repeated = (): Error =>
  malformed("a stream's lists repeat a CID", "Ask its author for a new one: software of ours writes none.");
