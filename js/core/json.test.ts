import { expect, test } from "vitest";
import { toHex, utf8 } from "./bytes.ts";
import { canonical, encode, MAX_NESTING, parseCanonical, parseJson, restored, type Json } from "./json.ts";

const LIMIT = 100_000;
const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);
const refusal = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    return (error as Error).name;
  }
  return "nothing was thrown";
};

test("the example of RFC 8785, section 3.2.2, is written as its section 3.2.3 says", () => {
  const value = {
    numbers: [333333333.33333329, 1e30, 4.5, 2e-3, 0.000000000000000000000000001],
    string: "\u20ac$\u000f\nA'B\"\\\\\"/",
    literals: [null, true, false],
  };
  expect(canonical(value)).toBe(
    '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
  );
});

test("members are sorted by UTF-16 code units, as the example of RFC 8785, section 3.2.3", () => {
  const value = { "\u20ac": "Euro Sign", "\r": "Carriage Return", "\ufb33": "Hebrew Letter Dalet With Dagesh", "1": "One",
    "\ud83d\ude00": "Emoji: Grinning Face", "\u0080": "Control", "\u00f6": "Latin Small Letter O With Diaeresis" };
  const names = [...canonical(value).matchAll(/:"([^"]*)"/g)].map(([, name]) => name);
  expect(names).toEqual(["Carriage Return", "One", "Control", "Latin Small Letter O With Diaeresis", "Euro Sign",
    "Emoji: Grinning Face", "Hebrew Letter Dalet With Dagesh"]);
});

test("what has one encoding is read, and every second encoding of it is refused", () => {
  const good = '{"a":[1,-0.5,"é"],"b":{}}';
  expect(parseCanonical(utf8(good), LIMIT)).toEqual({ a: [1, -0.5, "é"], b: {} });
  const second = [' {"a":1}', '{"a" :1}', '{"b":1,"a":2}', '{"a":1,"a":1}', '{"a":1e0}', '{"a":1.0}', '{"a":-0}', '{"a":"\\u0041"}',
    '{"a":"\\/"}', '{"a":9007199254740993}', '{"a":1E400}', '{"a":1}\n', '\ufeff{"a":1}', '{"a":"\\ud800"}', "{'a':1}", '{"a":01}', "NaN", ""];
  for (const text of second) expect(refusal(() => parseCanonical(utf8(text), LIMIT)), text).toBe("Malformed");
});

test("sizes and depths are bounded", () => {
  expect(parseCanonical(utf8("[1]"), 3)).toEqual([1]);
  expect(refusal(() => parseCanonical(utf8("[1]"), 2))).toBe("Malformed");
  for (const parse of [parseCanonical, parseJson]) {
    parse(utf8(nested(MAX_NESTING)), LIMIT);
    for (const depth of [MAX_NESTING + 1, 40_000]) expect(refusal(() => parse(utf8(nested(depth)), LIMIT))).toBe("Malformed");
  }
});

test("bytes that are not UTF-8 are refused", () => {
  for (const bytes of [[0x22, 0xff, 0x22], [0x22, 0xed, 0xa0, 0x80, 0x22], [0x22, 0xc0, 0xaf, 0x22]]) {
    expect(refusal(() => parseJson(Uint8Array.from(bytes), LIMIT))).toBe("Malformed");
  }
});

test("any layout is read, but nothing that two readers could read in two ways", () => {
  expect(parseJson(utf8(' { "b" : [ 1e3 , "\\u0041\\"" ], "a" : { "b" : 1 } } '), LIMIT)).toEqual({ b: [1000, 'A"'], a: { b: 1 } });
  const bad = ['{"a":1,"\\u0061":2}', '{"a":{"b":1,"b":1}}', '[{"a":"\\udc00"}]', '{"\\ud800":1}', "[9007199254740993]", "[1e400]", "[1,]", "[-]"];
  for (const text of bad) expect(refusal(() => parseJson(utf8(text), LIMIT)), text).toBe("Malformed");
  expect(parseJson(utf8('["{","a:",":"]'), LIMIT)).toEqual(["{", "a:", ":"]);
});

test("a member may have any name, also those of an object's own methods", () => {
  const text = '{"__proto__":1,"constructor":2}';
  expect(canonical(parseCanonical(utf8(text), LIMIT))).toBe(text);
  expect(refusal(() => parseJson(utf8('{"__proto__":1,"__proto__":1}'), LIMIT))).toBe("Malformed");
});

test("a re-formatted document is restored, and a large double keeps its digits", () => {
  expect(toHex(restored(utf8('\ufeff{ "b":100000000000000000000, "a":-0 }'), LIMIT))).toBe(toHex(utf8('{"a":0,"b":100000000000000000000}')));
});

test("what JSON cannot say is not written", () => {
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, "\ud800", { "\udfff": 1 }] as Json[]) {
    expect(refusal(() => encode(value))).toBe("Malformed");
  }
});
