// The app's own words, one file for each language. A brand's words are never here: they are shown as the brand's.

import { oneLine } from "../../core/one_line.ts";
import en from "./en.json";

export type Name = keyof typeof en;
export type Words = Readonly<Record<Name, string>>;
export type Language = "en" | "fr" | "de" | "zh";
export type Values = Readonly<Record<string, string | number>>;

/** Each language in its own words. */
export const LANGUAGES: Readonly<Record<Language, string>> = { en: "English", fr: "Français", de: "Deutsch", zh: "中文" };

// A brand may ask for many terms, each of them an address of its own.
const MOST = 64 * 1024;
const PLACEHOLDER = /\{(\w+)\}/g;

/** Returns the first of these tags (BCP 47) in which there are words, else English. */
export function bestLanguage(wished: readonly string[]): Language {
  const found = wished.map((tag) => tag.toLowerCase().split("-")[0] ?? "").find((tag) => Object.hasOwn(LANGUAGES, tag));
  return (found as Language | undefined) ?? "en";
}

export async function loadWords(language: Language): Promise<Words> {
  if (language === "fr") return (await import("./fr.json")).default;
  if (language === "de") return (await import("./de.json")).default;
  if (language === "zh") return (await import("./zh.json")).default;
  return en;
}

/** Puts values into a text. What is put in is never searched for placeholders, and turns no direction: it may be a stranger's. */
export function fill(text: string, values: Values = {}): string {
  return text.replace(PLACEHOLDER, (whole, name: string) => (Object.hasOwn(values, name) ? shown(values[name]) : whole));
}

const shown = (value: string | number | undefined): string => (typeof value === "string" ? oneLine(value, MOST) : String(value));

/** Cuts a text at its placeholders: pieces at even places are text, at odd places names. */
export const pieces = (text: string): string[] => text.split(/\{(\w+)\}/);
