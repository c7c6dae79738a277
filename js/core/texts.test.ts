import { expect, test } from "vitest";
import { microseconds } from "./instants.ts";
import { byUtf8, fromBase64, hasLength, isSorted, toBase64 } from "./texts.ts";

test("texts are sorted by their UTF-8 bytes, where UTF-16 has another order", () => {
  expect(["🦊", "～", "é", "a"].sort(byUtf8)).toEqual(["a", "é", "～", "🦊"]);
  expect(isSorted(["～", "🦊"])).toBe(true);
  expect(isSorted(["a", "a"])).toBe(false);
});

test("a character is a code point", () => {
  expect(hasLength("🦊🦊", 2, 2)).toBe(true);
  expect(hasLength("🦊🦊🦊", 0, 2)).toBe(false);
  expect(hasLength("", 1, 2)).toBe(false);
});

test("base64 has one spelling", () => {
  expect(fromBase64(toBase64(Uint8Array.of(97, 98)))).toEqual(Uint8Array.of(97, 98));
  for (const bad of ["YWJ=", "YWI", " YWI=", "YW_=", "YWI=\n", "===="]) expect(fromBase64(bad)).toBeUndefined();
});

test("days of early years and offsets are exact", () => {
  expect(microseconds("1970-01-01T01:00:00.000001+01:00")).toBe(1n);
  expect(microseconds("0001-01-01")).toBe(-62_135_596_800_000_000n);
  for (const bad of ["2026-02-29", "2100-02-29", "2026-01-31T24:00:00Z", "2026-01-31T10:00:60Z", "0000-01-01"]) expect(() => microseconds(bad)).toThrow();
});
