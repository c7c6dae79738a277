import { expect, test } from "vitest";
import { utf8 } from "./bytes.ts";
import { crc32, pack, padme, SMALLEST, unpack } from "./frames.ts";

const LIMIT = 1 << 20;

test("a frame is padded by Padmé, and holds what was packed", async () => {
  const data = utf8("a record\n".repeat(2000));
  const framed = await pack(data, LIMIT);
  expect(framed.length).toBe(SMALLEST);
  expect(await unpack(framed, data.length)).toEqual(data);
  expect([1, 4096, 4097, 9000, 1_000_000].map(padme)).toEqual([1, 4096, 4352, 9216, 1_015_808]);
});

test("the check value of CRC-32", () => expect(crc32(utf8("123456789"))).toBe(0xcbf43926));

test("nothing may stand between the deflate stream and its trailer", async () => {
  const framed = await pack(utf8("x"), LIMIT);
  const length = new DataView(framed.buffer).getUint32(0);
  const longer = framed.slice();
  longer.copyWithin(4 + length - 7, 4 + length - 8, 4 + length);
  longer[4 + length - 8] = 0;
  new DataView(longer.buffer).setUint32(0, length + 1);
  await expect(unpack(longer, LIMIT)).rejects.toMatchObject({ name: "DamagedSeal" });
});

test("a frame over its limit is refused on both sides", async () => {
  const noise = crypto.getRandomValues(new Uint8Array(8192));
  await expect(pack(noise, SMALLEST)).rejects.toMatchObject({ name: "InvalidInput" });
  await expect(unpack(await pack(noise, LIMIT), noise.length - 1)).rejects.toMatchObject({ name: "DamagedSeal" });
});
