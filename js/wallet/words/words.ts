// The page's own words, and those that it shares with the terminal and the other pages (registry/data/pages/words.json).

import { en as sharedEnglish, fr as sharedFrench } from "../../../registry/data/pages/words.json";
import english from "./en.json";
import french from "./fr.json";

export type Language = "en" | "fr";
export type Values = Readonly<Record<string, unknown>>;

/** Each language in its own words. */
export const LANGUAGES: Readonly<Record<Language, string>> = { en: "English", fr: "Français" };

const WORDS: Readonly<Record<Language, Readonly<Record<string, string>>>> = {
  en: { ...sharedEnglish, ...english },
  fr: { ...sharedFrench, ...french },
};
const PLACEHOLDER = /\{(\w+)\}|\$(\w+)/;

export const isWord = (name: string): boolean => Object.hasOwn(WORDS.en, name);
export const isLanguage = (tag: string): tag is Language => Object.hasOwn(LANGUAGES, tag);

/** Returns the first of these tags (BCP 47) in which there are words, else English. */
export function bestLanguage(wished: readonly string[]): Language {
  return wished.map((tag) => tag.slice(0, 2).toLowerCase()).find(isLanguage) ?? "en";
}

/**
 * Returns a text cut at its placeholders, with the values in their places; a value may be an element.
 *
 * What is put in is never searched for placeholders.
 */
export function piecesOf<Value>(language: Language, name: string, values: Readonly<Record<string, Value>> = {}): (string | Value)[] {
  const text = WORDS[language][name];
  if (text === undefined) throw new Error(`there is no word ${name}`);
  // Of three parts one is text, and two are the two spellings of a placeholder.
  const parts = text.split(PLACEHOLDER) as (string | undefined)[];
  return parts.map((part, place) => (place % 3 === 0 || part === undefined ? (part ?? "") : (values[part] ?? ""))).filter((part) => part !== "");
}
