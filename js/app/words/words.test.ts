import { expect, test } from "vitest";
import { bestLanguage, fill, LANGUAGES, type Language, loadWords } from "./words.ts";

const places = (text: string): string[] => [...text.matchAll(/\{\w+\}/g)].map(([whole]) => whole).sort();

test("each language has each text with each of its placeholders, and texts of its own", async () => {
  const english = await loadWords("en");
  for (const language of Object.keys(LANGUAGES).filter((tag) => tag !== "en") as Language[]) {
    const words = await loadWords(language);
    expect(Object.keys(words).sort()).toEqual(Object.keys(english).sort());
    for (const [name, text] of Object.entries(words)) {
      expect(places(text), `${language} ${name}`).toEqual(places(english[name as keyof typeof english]));
      expect(text.trim(), name).toBe(text);
    }
    const same = Object.entries(words).filter(([name, text]) => text === english[name as keyof typeof english]);
    expect(same.length, JSON.stringify(same)).toBeLessThan(6);
  }
});

test("the first language that we have is taken, else English", () => {
  expect(bestLanguage(["nl-NL", "fr-CA", "de"])).toBe("fr");
  expect(bestLanguage(["zh-Hant-TW"])).toBe("zh");
  expect(bestLanguage(["constructor", "nl"])).toBe("en");
});

test("what is put into a text is not searched for placeholders", () => {
  expect(fill("{name} has {count}", { name: "{count}", count: 2 })).toBe("{count} has 2");
  expect(fill("{toString}", {})).toBe("{toString}");
});
