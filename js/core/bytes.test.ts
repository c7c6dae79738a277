import { expect, test } from "vitest";
import { concat, equal, fromHex, toHex } from "./bytes.ts";

test("hexadecimal text is lower case, whole bytes, and of the size that is asked for", () => {
  const bytes = Uint8Array.of(0, 1, 254, 255);
  expect(toHex(bytes)).toBe("0x0001feff");
  expect(fromHex("0x0001feff", 4)).toEqual(bytes);
  for (const bad of ["0x0001FEFF", "0001feff", "0x0001fef", "0x0001fef\n", "0x 001feff"]) expect(fromHex(bad)).toBeUndefined();
  expect(fromHex("0x0001feff", 5)).toBeUndefined();
});

test("joined bytes are compared by value", () => {
  expect(equal(concat(Uint8Array.of(1), Uint8Array.of(2, 3)), Uint8Array.of(1, 2, 3))).toBe(true);
  expect(equal(Uint8Array.of(1), Uint8Array.of(1, 0))).toBe(false);
});
