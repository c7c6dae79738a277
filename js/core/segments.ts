// Segments: sealed sets of versions, one line of JSON each. A reader takes the newest version of each id, so the order of the lines
// and of the segments does not matter.

import { concat } from "./bytes.ts";
import { ConsentError, malformed } from "./errors.ts";
import { pack } from "./frames.ts";
import { unsealed } from "./documents.ts";
import { MAX_LINE, parseVersion, writeVersion } from "./record_lines.ts";
import type { Version } from "./records.ts";
import { damaged, sealBytes } from "./sealing.ts";

export const MAX_FRAME = 4 << 20;
export const MAX_VERSIONS = 16_384;
export const MAX_UNPACKED = 64 << 20;
// A frame, its chunks' tags, and a header for a few recipients.
export const MAX_SEGMENT = MAX_FRAME + (16 << 10);
// Deflate makes nothing longer by more than a thousandth, so these bytes fit a frame whatever they are.
const MOST_LINES = MAX_FRAME - (64 << 10);
const LINE_FEED = Uint8Array.of(0x0a);

/** A sealed segment, as it is stored in a file of its own, and how many versions it holds. */
export interface Segment {
  readonly sealed: Uint8Array;
  readonly records: number;
}

/** Versions that come one after another, also such as have to be waited for. */
export type Versions = Iterable<Version> | AsyncIterable<Version>;

/**
 * Seals versions to a stream's recipient, in few segments; none for no versions. Memory holds one segment. Throws `Malformed` for a
 * version that cannot be written, and for one that stands twice in a segment.
 */
export async function* makeSegments(versions: Versions, recipient: string): AsyncGenerator<Segment> {
  let segment = new OpenSegment();
  for await (const version of versions) {
    const line = concat(writeVersion(version), LINE_FEED);
    if (!segment.hasRoom(line)) {
      yield await segment.seal(recipient);
      segment = new OpenSegment();
    }
    segment.add(version, line);
  }
  if (segment.count > 0) yield await segment.seal(recipient);
}

/**
 * Returns the versions of a sealed segment; `opened` hears how many bytes it unpacks to. Throws `NotARecipient` for another identity,
 * `DamagedSeal` for what is no segment, `Malformed` for a version that stands twice in it.
 */
export async function readSegment(sealed: Uint8Array, identity: string, opened: (count: number) => void = () => undefined): Promise<readonly Version[]> {
  const plain = await unsealed(sealed, identity, MAX_SEGMENT, MAX_UNPACKED);
  opened(plain.length);
  if (plain.length === 0) throw damaged("a segment holds no record");
  if (plain.at(-1) !== LINE_FEED[0]) throw damaged("the last line of a segment does not end in a line feed");
  const versions: Version[] = [];
  const known = new Set<string>();
  for (const line of linesOf(plain)) {
    const version = versionOf(line, versions.length + 1);
    if (versions.length === MAX_VERSIONS) throw damaged(`a segment holds more than ${MAX_VERSIONS} records`);
    addVersion(known, version);
    versions.push(version);
  }
  return versions;
}

class OpenSegment {
  readonly #known = new Set<string>();
  readonly #lines: Uint8Array[] = [];
  #size = 0;

  get count(): number {
    return this.#lines.length;
  }

  hasRoom(line: Uint8Array): boolean {
    return this.count === 0 || (this.count < MAX_VERSIONS && this.#size + line.length <= MOST_LINES);
  }

  add(version: Version, line: Uint8Array): void {
    addVersion(this.#known, version);
    this.#lines.push(line);
    this.#size += line.length;
  }

  async seal(recipient: string): Promise<Segment> {
    return { sealed: await sealBytes(await pack(concat(...this.#lines), MAX_FRAME), [recipient]), records: this.count };
  }
}

function* linesOf(plain: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < plain.length; ) {
    const end = plain.indexOf(LINE_FEED[0] as number, at);
    if (end - at > MAX_LINE) throw damaged(`a line of a segment is longer than ${MAX_LINE} bytes`);
    yield plain.subarray(at, end);
    at = end + 1;
  }
}

function versionOf(line: Uint8Array, number: number): Version {
  try {
    return parseVersion(line);
  } catch (error) {
    if (!(error instanceof ConsentError)) throw error;
    throw damaged(`line ${number} of a segment is no record: ${error.message}`);
  }
}

function addVersion(known: Set<string>, version: Version): void {
  const key = versionKey(version);
  if (known.has(key)) throw malformed("a segment repeats a version", "Ask its author for a new one: software of ours writes none.");
  known.add(key);
}

/** A text that two versions share only if they are one: id, counter and home name it. */
export const versionKey = ({ id, counter, home = "" }: Version): string => `${id} ${counter} ${home}`;
