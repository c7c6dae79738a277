// The frame inside every sealed file of ours (docs/formats.md, "The personal database"): four bytes with the length of one gzip
// member, the member, and zeros, so that the length of a sealed file tells little. The platform's deflate does the work, and our own
// code looks at the member's ends: platforms differ in what they let pass there.

import { concat, equal } from "./bytes.ts";
import { InvalidInput } from "./errors.ts";
import { damaged } from "./sealing.ts";

export const SMALLEST = 4096;
const LENGTH_BYTES = 4;
// RFC 1952: the two magic bytes, deflate, no flags, no time, no extra flags, an unknown system. Readers accept any of the last two.
const HEADER = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff);
const FIXED = 8;
const TRAILER = 8;
// Deflate grows a thousandfold at most, so a piece becomes 16 MiB at most before the limit is looked at.
const PIECE = 1 << 14;
const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let word = byte;
  for (let bit = 0; bit < 8; bit += 1) word = word & 1 ? (word >>> 1) ^ 0xedb88320 : word >>> 1;
  return word;
});

type Bytes = Uint8Array<ArrayBuffer>;

/** Returns the length to which Padmé pads `length` bytes: at most 12% more (Nikitin et al. 2019, algorithm 1). */
export function padme(length: number): number {
  const exponent = bitLength(Math.max(length, 2)) - 1;
  const step = 2 ** (exponent - bitLength(exponent));
  return Math.ceil(length / step) * step;
}

/** Returns the frame of `data`. Throws `InvalidInput` where it is longer than `limit` bytes. */
export async function pack(data: Uint8Array, limit: number): Promise<Uint8Array> {
  const member = concat(HEADER, await deflated(data), littleEndian(crc32(data)), littleEndian(data.length));
  const padded = padme(Math.max(SMALLEST, LENGTH_BYTES + member.length));
  if (padded > limit) throw new InvalidInput(`it is larger than ${limit} bytes, though compressed`, "Divide it.");
  const framed = new Uint8Array(padded);
  new DataView(framed.buffer).setUint32(0, member.length);
  framed.set(member, LENGTH_BYTES);
  return framed;
}

/** Returns what a frame holds, at most `limit` bytes. Throws `DamagedSeal` for anything but one strict frame. */
export async function unpack(framed: Uint8Array, limit: number): Promise<Uint8Array> {
  const member = memberOf(framed);
  const data = await inflated(member.subarray(HEADER.length, -TRAILER), limit);
  const trailer = concat(littleEndian(crc32(data)), littleEndian(data.length));
  if (!equal(member.subarray(-TRAILER), trailer)) throw damaged("it does not unpack: its checksum or its length is wrong");
  return data;
}

/** The CRC-32 of RFC 1952. */
export function crc32(data: Uint8Array): number {
  let word = 0xffffffff;
  for (const byte of data) word = (word >>> 8) ^ (CRC_TABLE[(word ^ byte) & 0xff] as number);
  return ~word >>> 0;
}

function memberOf(framed: Uint8Array): Uint8Array {
  if (framed.length < SMALLEST) throw damaged("the frame is too short");
  const length = new DataView(framed.buffer, framed.byteOffset).getUint32(0);
  const end = LENGTH_BYTES + length;
  // Compared with a length that is computed from the frame's own first bytes: a cut frame fails here.
  if (end > framed.length || framed.length !== padme(Math.max(SMALLEST, end))) {
    throw damaged("the frame has not the length that its first bytes ask for");
  }
  if (framed.subarray(end).some((byte) => byte !== 0)) throw damaged("the frame is not filled up with zeros");
  const member = framed.subarray(LENGTH_BYTES, end);
  if (length < HEADER.length + TRAILER || !equal(member.subarray(0, FIXED), HEADER.subarray(0, FIXED))) {
    throw damaged("the frame holds no gzip member without flags and time");
  }
  return member;
}

async function deflated(data: Uint8Array): Promise<Uint8Array> {
  const stream = new Blob([data as Bytes]).stream().pipeThrough(new CompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function inflated(deflate: Uint8Array, limit: number): Promise<Uint8Array> {
  const stream = new DecompressionStream("deflate-raw");
  const reader = stream.readable.getReader();
  // What goes wrong while it is fed is told by the reader as well.
  const feeding = feed(stream.writable.getWriter(), deflate).catch(() => undefined);
  const pieces: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read().catch(() => {
      throw damaged("it does not unpack: this is no deflate stream, or something follows it");
    });
    if (done) break;
    pieces.push(value);
    size += value.length;
    if (size > limit) {
      await reader.cancel().catch(() => undefined);
      throw damaged(`it unpacks to more than ${limit} bytes`);
    }
  }
  await feeding;
  return concat(...pieces);
}

async function feed(writer: WritableStreamDefaultWriter<BufferSource>, data: Uint8Array): Promise<void> {
  for (let at = 0; at < data.length; at += PIECE) await writer.write(data.slice(at, at + PIECE));
  await writer.close();
}

function littleEndian(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

const bitLength = (value: number): number => 32 - Math.clz32(value);
