// Notices: the text that a person sees, with the templates of the signed sentence (docs/formats.md, "Notice").
// `consent-notice/1` and its renderer are frozen; later versions come beside it, so an old sentence stays the same.

import { sha256 } from "@noble/hashes/sha2.js";
import { toHex } from "./bytes.ts";
import { InvalidInput, malformed } from "./errors.ts";
import { parseCanonical, type Json, type JsonObject } from "./json.ts";
import { AND, findEqual, findFault, LABEL, NAME, SENTENCE, TEXT, type TextKind } from "./plain_text.ts";
import { asAddress, asTerm, asTerms, type Address, type Word } from "./scalars.ts";
import { asAnyObject, asInteger, asList, asObject, asText, checkConstant } from "./shapes.ts";

export const MAX_NOTICE = 64 * 1024;

export const PLACEHOLDERS = {
  Grant: ["{controller}", "{data}", "{purposes}", "{expires}"],
  Refusal: ["{controller}", "{purposes}"],
  Mandate: ["{delegate}", "{powers}", "{purposes}", "{data}", "{controllers}", "{expires}"],
} as const;
export type SentenceKind = keyof typeof PLACEHOLDERS;

/** The texts of a language, in reading order. */
export const TEXTS = ["retention", "recipients", "transfers", "rights", "withdrawal", "trace"] as const;

const SENTENCES = Object.keys(PLACEHOLDERS) as readonly SentenceKind[];
const LANGUAGE = /^[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*$/;
const HOST = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+$/;
const MAX_HOST = 253;
const RECIPIENT = /^age1[a-z0-9]+$/;
const BRACED = /(\{[a-z]*\})/;
const CORRECT = "Ask the brand to correct its notice; docs/formats.md says what plain text may hold.";

/** The brand: `account` signs, and data is sealed to `recipient` (an age recipient). */
export interface Controller {
  readonly name: string;
  readonly account: Address;
  readonly recipient: string;
  readonly domain: string;
  readonly contact: string;
}

/** Allows every one of its purposes with every one of its data, by the operations in `processing` only. */
export interface Scope {
  readonly purposes: readonly string[];
  readonly data: readonly string[];
  readonly processing: readonly string[];
}

/** One language: a sentence for each primary type, a label for each term, and the texts that the law requires. */
export type Text = { readonly [name in (typeof TEXTS)[number]]: string } & { readonly [kind in SentenceKind]?: string } & {
  readonly labels: ReadonlyMap<string, string>;
  readonly and: string;
};

/** A notice, made only by `parseNotice`, which checks it. */
export interface Notice {
  readonly controller: Controller;
  readonly scopes: readonly Scope[];
  readonly terms: string;
  readonly maxDays: number;
  readonly more: JsonObject;
  /** By language (BCP 47), sorted. */
  readonly text: ReadonlyMap<string, Text>;
}

/** SHA-256 of the stored bytes, 0x hex. Statements carry it, and it makes the notice's content identifier. */
export const noticeDigest = (raw: Uint8Array): Word => toHex(sha256(raw));

/** Parses a notice from RFC 8785 bytes, at most 64 KiB; everything else is `Malformed`. */
export function parseNotice(raw: Uint8Array): Notice {
  const found = asObject(parseCanonical(raw, MAX_NOTICE), "notice", ["schema", "controller", "scopes", "terms", "maxDays", "more", "text"]);
  checkConstant(found["schema"], "consent-notice/1", "schema");
  const text = new Map(Object.entries(asAnyObject(found["text"], "text")).map(([language, value]) => [language, asLanguage(value, language)]));
  const notice: Notice = Object.freeze({
    controller: asController(found["controller"]),
    scopes: Object.freeze(asList(found["scopes"], "scopes", asScope, 1)),
    terms: asTerm(found["terms"], "terms"),
    maxDays: asInteger(found["maxDays"], "maxDays", 1, 3650),
    more: asAnyObject(found["more"], "more"),
    text,
  });
  checkLanguages(notice);
  return notice;
}

/** The notice's languages, sorted. */
export const languagesOf = (notice: Notice): string[] => [...notice.text.keys()].sort();

/** The text in `wanted`, by default English or the first language; `InvalidInput` if the notice is not written in it. */
export function chosenLanguage(notice: Notice, wanted?: string): string {
  const all = languagesOf(notice);
  if (wanted === undefined) return all.includes("en") ? "en" : (all[0] as string);
  if (!all.includes(wanted)) throw new InvalidInput(`the notice is not written in ${JSON.stringify(wanted.slice(0, 40))}`, `It has: ${all.join(", ")}.`);
  return wanted;
}

/** Every purpose and datum of every scope, sorted. Each needs a label; processing is told in our own words. */
export function termsOf(notice: Notice): string[] {
  return [...new Set(notice.scopes.flatMap(({ purposes, data }) => [...purposes, ...data]))].sort();
}

/** `Malformed` unless it is a lower-case host name with a dot. */
export function checkHost(text: string, name: string): string {
  if (text.length > MAX_HOST || !HOST.test(text)) throw malformed(`${name} ${JSON.stringify(text.slice(0, 80))} is not a lower-case host name`);
  return text;
}

/** `Malformed` unless it is plain text of this kind. */
export function checkPlain(text: string, kind: TextKind, name: string): string {
  const fault = findFault(text, kind);
  if (fault !== undefined) throw malformed(`${name.slice(0, 120)} ${fault}`, CORRECT);
  return text;
}

/** An age recipient, by its spelling. */
export function asRecipient(value: Json | undefined, name: string): string {
  const text = asText(value, name);
  if (!RECIPIENT.test(text)) throw malformed(`not valid: ${name} is no age recipient`);
  return text;
}

function asController(value: Json | undefined): Controller {
  const found = asObject(value, "controller", ["name", "account", "recipient", "domain", "contact"]);
  return Object.freeze({
    name: checkPlain(asText(found["name"], "controller.name"), NAME, "controller.name"),
    account: asAddress(found["account"], "controller.account"),
    recipient: asRecipient(found["recipient"], "controller.recipient"),
    domain: checkHost(asText(found["domain"], "controller.domain"), "controller.domain"),
    contact: checkPlain(asText(found["contact"], "controller.contact"), SENTENCE, "controller.contact"),
  });
}

function asScope(value: Json, name: string): Scope {
  const found = asObject(value, name, ["purposes", "data", "processing"]);
  return Object.freeze({
    purposes: asTerms(found["purposes"], `${name}.purposes`),
    data: asTerms(found["data"], `${name}.data`),
    processing: asTerms(found["processing"], `${name}.processing`),
  });
}

function asLanguage(value: Json, language: string): Text {
  if (!LANGUAGE.test(language)) throw malformed(`${JSON.stringify(language.slice(0, 40))} is not a language tag (BCP 47)`);
  const name = `text.${language}`;
  const found = asObject(value, name, ["labels", "and", ...TEXTS], SENTENCES);
  const labels = Object.entries(asAnyObject(found["labels"], `${name}.labels`)).map(
    ([term, label]) => [term, checkPlain(asText(label, `${name}.labels`), LABEL, `${name}.labels.${term}`)] as const,
  );
  const texts = TEXTS.map((member) => [member, checkPlain(asText(found[member], `${name}.${member}`), TEXT, `${name}.${member}`)]);
  const sentences = SENTENCES.filter((kind) => Object.hasOwn(found, kind)).map((kind) => [kind, asSentence(found[kind], kind, `${name}.${kind}`)]);
  const and = checkPlain(asText(found["and"], `${name}.and`), AND, `${name}.and`);
  return Object.freeze({ ...Object.fromEntries([...texts, ...sentences]), and, labels: new Map(labels) }) as Text;
}

function asSentence(value: Json | undefined, kind: SentenceKind, name: string): string {
  const sentence = checkPlain(asText(value, name), SENTENCE, name);
  const pieces = sentence.split(BRACED);
  const places = pieces.filter((_, at) => at % 2 === 1).sort();
  const wanted = [...PLACEHOLDERS[kind]].sort();
  if (places.join() !== wanted.join()) throw malformed(`${name} must hold each of ${PLACEHOLDERS[kind].join(", ")} exactly once, and no other`);
  if (pieces.some((piece, at) => at % 2 === 0 && /[{}]/.test(piece))) throw malformed(`${name} holds a stray brace`);
  return sentence;
}

function checkLanguages(notice: Notice): void {
  const terms = termsOf(notice);
  const kindsOf = (text: Text): string => SENTENCES.filter((kind) => text[kind] !== undefined).join();
  const [first] = notice.text.values();
  if (first === undefined) throw malformed("not valid: text has no language");
  for (const [language, text] of notice.text) {
    checkLabels(text, terms, `text.${language}`);
    if (kindsOf(text) !== kindsOf(first)) throw malformed(`text.${language} has other sentences than the first language`);
    if (kindsOf(text) === "") throw malformed(`text.${language} has no sentence for a Grant, a Refusal or a Mandate`);
  }
}

function checkLabels(text: Text, terms: readonly string[], name: string): void {
  const missing = terms.find((term) => !text.labels.has(term));
  if (missing !== undefined) throw malformed(`${name}.labels has no label for ${missing}`);
  if (/[{}]/.test(text.and)) throw malformed(`${name}.and holds a brace`);
  const same = findEqual(text.labels.values());
  if (same !== undefined) throw malformed(`${name} has labels that read the same: ${JSON.stringify(same[0])} and ${JSON.stringify(same[1])}`, CORRECT);
}
