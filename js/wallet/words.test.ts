import { expect, test } from "vitest";
import shared from "../../registry/data/pages/words.json";
import english from "./words/en.json";
import french from "./words/fr.json";
import { bestLanguage, isWord, piecesOf } from "./words/words.ts";

const places = (text: string): string[] => [...text.matchAll(/\{\w+\}/g)].map(([whole]) => whole).sort();

test("both languages have each text with each of its placeholders, and texts of their own", () => {
  expect(Object.keys(french).sort()).toEqual(Object.keys(english).sort());
  for (const [name, text] of Object.entries(english)) {
    const other = french[name as keyof typeof french];
    expect(places(other), name).toEqual(places(text));
    expect([text.trim(), other.trim()], name).toEqual([text, other]);
    expect(other, name).not.toBe(text);
  }
});

test("no word stands in two places", () => {
  expect(Object.keys(english).filter((name) => name in shared.en)).toEqual([]);
});

test("both spellings of a placeholder are filled, and what is put in is not searched", () => {
  expect(piecesOf("en", "left", { time: "{time}" }).join("")).toBe("{time} left");
  expect(piecesOf("fr", "confirmed", { name: "$domain", domain: "a.example", account: "0x" }).join("")).toBe("«\u202f$domain\u202f». a.example confirme son compte 0x.");
  expect(piecesOf("en", "left").join("")).toBe(" left");
  expect(() => piecesOf("en", "toString")).toThrow();
  expect(isWord("constructor")).toBe(false);
});

test("a value may be something else than text", () => {
  const value = { element: true };
  expect(piecesOf("en", "hash", { hash: value })).toEqual(["Its hash, computed here again: ", value]);
});

test("the first language that we have is taken, else English", () => {
  expect(bestLanguage(["nl-NL", "FR-ca", "en"])).toBe("fr");
  expect(bestLanguage(["constructor"])).toBe("en");
});
