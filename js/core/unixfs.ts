// Files as trees of blocks, each checked on every read (docs/formats.md, "Sealed data"): exactly those of `ipfs add --cid-version=1`.
// Raw leaves of 256 KiB stand under balanced dag-pb nodes of at most 174 links. Each file has one accepted tree.

import { sha256 } from "@noble/hashes/sha2.js";
import { concat, equal } from "./bytes.ts";
import {
  binaryCid, checkBlock, CID_BYTES, DAG_PB, isLeaf, isOurs, RAW, readVarint, textOfCid, varint, type Block, type GetBlock,
} from "./cid.ts";
import { InvalidInput } from "./errors.ts";

export const LEAF_BYTES = 256 * 1024;
export const LINKS_PER_NODE = 174;
// A root declares its file's size. This bounds what a hostile root can make a reader fetch.
export const MAX_FILE_BYTES = 2 ** 40;
const MAX_VARINT = 8;

/** One entry of a node: bytes of the whole subtree with its nodes (`tree`), and bytes of the file below it (`size`). */
type Link = { readonly cid: Uint8Array; readonly tree: number; readonly size: number };

/** Returns the blocks of a file in memory: children before parents, the root last. */
export function fileBlocks(data: Uint8Array): readonly Block[] {
  const tree = new TreeBuilder();
  const blocks: Block[] = [];
  for (let at = 0; at < data.length || at === 0; at += LEAF_BYTES) blocks.push(...tree.add(data.subarray(at, at + LEAF_BYTES)));
  return [...blocks, ...tree.finish()];
}

/** Yields the blocks of a file that comes in pieces of any size, like `fileBlocks`, in constant memory. */
export async function* streamedFileBlocks(source: AsyncIterable<Uint8Array>): AsyncGenerator<Block> {
  const tree = new TreeBuilder();
  const leaf = new Uint8Array(LEAF_BYTES);
  let used = 0;
  let hasLeaf = false;
  for await (const piece of source) {
    for (let at = 0; at < piece.length; ) {
      const taken = piece.subarray(at, at + LEAF_BYTES - used);
      leaf.set(taken, used);
      used += taken.length;
      at += taken.length;
      if (used < LEAF_BYTES) continue;
      yield* tree.add(leaf.slice());
      used = 0;
      hasLeaf = true;
    }
  }
  if (used > 0 || !hasLeaf) yield* tree.add(leaf.slice(0, used));
  yield* tree.finish();
}

/**
 * Yields the content of a file in order, one leaf at a time, each block checked before use. The errors of `get` pass through;
 * `StorageUnavailable` for wrong bytes, `InvalidInput` where the CID names no such tree, or one of more than `most` bytes.
 */
export async function* readFile(cid: string, get: GetBlock, most = MAX_FILE_BYTES): AsyncGenerator<Uint8Array> {
  const data = await get(cid);
  checkBlock(cid, data);
  const links = isLeaf(cid) ? [] : parseNode(data);
  const size = links.length > 0 ? total(links, "size") : data.length;
  if (size > most) throw new InvalidInput(`the file has more than ${most} bytes`, "Raise the limit if you trust its source.");
  if (links.length === 0) yield data;
  else if (size <= LEAF_BYTES) throw noFile("its root is a node where one leaf is enough");
  else yield* readNode(links, size, heightOf(size), get);
}

/** Returns the CIDs below a node of a file's tree. Throws `InvalidInput` for what is no such node. */
export const children = (node: Uint8Array): readonly string[] => parseNode(node).map((link) => textOfCid(link.cid));

class TreeBuilder {
  readonly #levels: Link[][] = [[]];

  *add(leaf: Uint8Array): Generator<Block> {
    const cid = concat(RAW, sha256(leaf));
    yield { cid: textOfCid(cid), data: leaf };
    yield* this.#push(0, { cid, tree: leaf.length, size: leaf.length });
  }

  /** Yields the nodes that are left. A single link with nothing above it is the root itself. */
  *finish(): Generator<Block> {
    for (let height = 0; height < this.#levels.length; height += 1) {
      const count = this.#levels[height]?.length ?? 0;
      if (count > 1 || (count > 0 && height + 1 < this.#levels.length)) yield* this.#close(height);
    }
  }

  *#push(height: number, link: Link): Generator<Block> {
    const level = (this.#levels[height] ??= []);
    level.push(link);
    if (level.length === LINKS_PER_NODE) yield* this.#close(height);
  }

  *#close(height: number): Generator<Block> {
    const links = this.#levels[height] ?? [];
    this.#levels[height] = [];
    const data = nodeOf(links);
    const cid = concat(DAG_PB, sha256(data));
    yield { cid: textOfCid(cid), data };
    yield* this.#push(height + 1, { cid, tree: data.length + total(links, "tree"), size: total(links, "size") });
  }
}

// DAG-PB: links before data. UnixFS: Type = File (2), no Data, filesize, then a blocksize for each link.
function nodeOf(links: readonly Link[]): Uint8Array {
  const sizes = links.flatMap((link) => [Uint8Array.of(0x20), varint(link.size)]);
  const unixfs = concat(Uint8Array.of(8, 2, 0x18), varint(total(links, "size")), ...sizes);
  return concat(...links.map(linkBytes), Uint8Array.of(0x0a), varint(unixfs.length), unixfs);
}

// Hash, an empty Name (written out, as Kubo does), Tsize.
function linkBytes(link: Link): Uint8Array {
  const body = concat(Uint8Array.of(0x0a, CID_BYTES), link.cid, Uint8Array.of(0x12, 0, 0x18), varint(link.tree));
  return concat(Uint8Array.of(0x12, body.length), body);
}

async function* readNode(links: readonly Link[], size: number, height: number, get: GetBlock): AsyncGenerator<Uint8Array> {
  // The file's size determines the whole shape of its tree: its depth, its links and the length of each leaf.
  const shares = sharesOf(size, height);
  if (links.length !== shares.length || links.some((link, place) => link.size !== shares[place])) {
    throw noFile("its tree is not the balanced one for its size");
  }
  for (const link of links) {
    const cid = textOfCid(link.cid);
    const data = await get(cid);
    checkBlock(cid, data);
    if (isLeaf(cid) !== (height === 1)) throw noFile("its tree has a leaf in place of a node, or the reverse");
    if (height > 1) yield* readNode(parseNode(data), link.size, height - 1, get);
    else if (data.length === link.size) yield data;
    else throw noFile("the length of a leaf is not the one that its parent gives");
  }
}

function heightOf(size: number): number {
  let height = 1;
  while (size > LEAF_BYTES * LINKS_PER_NODE ** height) height += 1;
  return height;
}

function sharesOf(size: number, height: number): readonly number[] {
  const share = LEAF_BYTES * LINKS_PER_NODE ** (height - 1);
  // More links than a node may have are never equal to those of a node.
  const whole = new Array<number>(Math.min(Math.floor(size / share), LINKS_PER_NODE + 1)).fill(share);
  return size % share > 0 ? [...whole, size % share] : whole;
}

function parseNode(data: Uint8Array): readonly Link[] {
  const links = linksOf(data);
  // Reading is loose. This comparison refuses every second encoding of the same node.
  if (links === undefined || !equal(nodeOf(links), data)) throw noFile("one of its nodes is not in its canonical encoding");
  return links;
}

function linksOf(data: Uint8Array): readonly Link[] | undefined {
  const found: { readonly cid: Uint8Array; readonly tree: number }[] = [];
  let at = 0;
  for (; data[at] === 0x12 && found.length < LINKS_PER_NODE; at += 2 + (data[at + 1] as number)) {
    const cid = data.subarray(at + 4, at + 4 + CID_BYTES);
    const tree = readVarint(data, at + 4 + CID_BYTES + 3, MAX_VARINT)?.[0];
    if (!isOurs(cid) || tree === undefined) return undefined;
    found.push({ cid, tree });
  }
  const sizes = sizesAt(data, at);
  if (found.length === 0 || sizes?.length !== found.length) return undefined;
  return found.map((link, place) => ({ ...link, size: sizes[place] as number }));
}

/** Returns the sizes in the UnixFS part of a node, which begins at a place; undefined where it is malformed. */
function sizesAt(data: Uint8Array, start: number): readonly number[] | undefined {
  let at = readVarint(data, start + 1, MAX_VARINT)?.[1];
  at = at === undefined ? undefined : readVarint(data, at + 3, MAX_VARINT)?.[1];
  const sizes: number[] = [];
  while (at !== undefined && at < data.length) {
    const found = readVarint(data, at + 1, MAX_VARINT);
    if (found === undefined || data[at] !== 0x20) return undefined;
    sizes.push(found[0]);
    at = found[1];
  }
  return at === undefined ? undefined : sizes;
}

const total = (links: readonly Link[], of: "tree" | "size"): number => links.reduce((sum, link) => sum + link[of], 0);
const noFile = (why: string): InvalidInput =>
  new InvalidInput(`the identifier names no file: ${why}`, "Ask for one made by `ipfs add --cid-version=1`.");

/** Returns the CIDs of all blocks of a file, the root first. The errors are those of `readFile`. */
export async function blocksOf(root: string, get: GetBlock): Promise<readonly string[]> {
  const seen: string[] = [];
  const noted = (cid: string): ReturnType<GetBlock> => {
    seen.push(cid);
    return get(cid);
  };
  binaryCid(root);
  for await (const _ of readFile(root, noted)) void _;
  return seen;
}
