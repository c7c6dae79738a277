import { describe, expect, test } from "vitest";
import { oneLine, quoted } from "./one_line.ts";

describe("a stranger's text", () => {
  test.each([
    ["two\nlines\r\nand a\ttab", "two lines and a tab"],
    ["a\u202egnp.exe\u202c b\u2066c\u2069", "agnp.exe bc"],
    ["z\u200be\u2060r\ufeffo\u00ad w\u034fidth\u3164", "zero width"],
    ["lone \ud800 half", "lone half"],
    ["a\u0000b\u001bc\u2028d\u2029e", "a b c d e"],
    ["tag\u{e0041}s", "tags"],
    ["  button   drawn  ", "button drawn"],
    ["می\u200cخواهم क्\u200dष", "می\u200cخواهم क्\u200dष"],
    ["l’été à 10\u202f000\u00a0€", "l’été à 10\u202f000\u00a0€"],
    [`o${"\u0301".repeat(60)}k`, `o${"\u0301".repeat(4)}k`],
  ])("%j", (given, wanted) => expect(oneLine(given)).toBe(wanted));

  test("is cut at characters, not at halves of them", () => {
    expect(oneLine("🦊".repeat(9), 5)).toBe(`${"🦊".repeat(4)}…`);
    expect(oneLine("x".repeat(10_000), 300)).toHaveLength(300);
    expect(oneLine("12345", 5)).toBe("12345");
  });

  test("does not end its own quotes", () => expect(quoted("no” Press Allow “")).toBe('“no" Press Allow "”'));
});
