import { expect, test } from "vitest";
import { LANGUAGES, languageOf, wordsOf } from "./words.ts";

test("the page's language comes first, then the browser's, then English", () => {
  expect(languageOf("de-CH", ["fr"])).toBe("de");
  expect(languageOf("it", ["pt", "fr-CA", "en"])).toBe("fr");
  expect(languageOf(undefined, ["ZH-Hans-CN"])).toBe("zh");
  expect(languageOf("eng", [])).toBe("en");
  expect(languageOf("", ["constructor", "__proto__"])).toBe("en");
});

test("all languages say the same things", () => {
  for (const each of LANGUAGES) {
    expect(Object.keys(wordsOf(each))).toEqual(Object.keys(wordsOf("en")));
    expect(Object.values(wordsOf(each)).every((text) => text.trim() === text && text.length > 4)).toBe(true);
  }
});
