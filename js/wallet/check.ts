// Reads again, with js/core, what the terminal asks the wallet to sign, and compares it with what the page shows.
// Python and TypeScript are two implementations of one format. Where they differ, nothing can be signed on the page.

import { selector } from "../core/abi.ts";
import { toHex, utf8 } from "../core/bytes.ts";
import { domainOf, sameDomain } from "../core/eip712.ts";
import { canonical, parseJson, type Json } from "../core/json.ts";
import { noticeDigest, parseNotice, TEXTS, type Notice } from "../core/notice.ts";
import { allowsTraining, processingOf } from "../core/processing.ts";
import { isGrant, isMandate, render } from "../core/rendering.ts";
import { safeDigest, safeMessage } from "../core/safe.ts";
import { bytesOf, checksum, type Address } from "../core/scalars.ts";
import { asTypedData, authorOf, digestOf, type Statement } from "../core/statements.ts";
import type { Grant, Mandate, Refusal } from "../core/messages.ts";
import { SEND, type Question, type Summary, type Term } from "./protocol.ts";

/** What the page and the terminal do not read in the same way. */
export type Part = "form" | "hash" | "chain" | "account" | "act" | "scope" | "notice" | "sentence" | "call";

/** The outcome. `fault` is undefined where all agrees; `isWritten` where the sentence was written again from the notice. */
export interface Verdict {
  readonly fault: Part | undefined;
  readonly isWritten: boolean;
}

const MAX_TYPED_DATA = 1024 * 1024;
const ACTS = new Map(
  Object.entries({
    "anchor(bytes32,bytes32)": "Anchor",
    "revoke(bytes32,bytes32)": "Opening",
    "revokeOpenly(bytes32,bytes32)": "Revoke",
    "revokeAll()": "RevokeAll",
    "retire()": "Retire",
    "revokeOpenlyFor(address,bytes32,bytes32,bytes)": "Revoke",
    "revokeAllFor(address,uint64,bytes)": "RevokeAll",
    "retireFor(address,bytes)": "Retire",
  }).map(([name, act]) => [toHex(selector(name)), { act, isFor: name.includes("For(address,") }] as const),
);

class Difference extends Error {
  readonly part: Part;

  constructor(part: Part) {
    super(part);
    this.part = part;
  }
}

/** Compares the question, for the wallet's `account` on the chain with this id. It throws nothing. */
export function verdictOn(question: Question, account: Address, chainId: number): Verdict {
  try {
    if (question.method === SEND) checkCall(question, account, chainId);
    else return { fault: undefined, isWritten: checkStatement(question, account, chainId) };
    return { fault: undefined, isWritten: false };
  } catch (error) {
    // What the formats refuse was never signed by software of ours.
    return { fault: error instanceof Difference ? error.part : "form", isWritten: false };
  }
}

function same(part: Part, ...pairs: readonly (readonly [unknown, unknown])[]): void {
  if (pairs.some(([one, other]) => one !== other)) throw new Difference(part);
}

const read = (text: unknown): Json => parseJson(utf8(String(text)), MAX_TYPED_DATA);
const listed = (terms: readonly string[]): string => canonical(terms);
const termsIn = (all: readonly Term[]): string => listed(all.map(({ term }) => term));

function checkStatement(question: Question, account: Address, chainId: number): boolean {
  const { words, params, statement: own } = question;
  const statement = asTypedData(read(own === "" ? params[1] : own));
  const { domain } = statement;
  same("chain", [domain.chainId, chainId], [sameDomain(domain, domainOf(chainId, domain.verifyingContract)), true]);
  const whose = words.whose === "" ? account : words.whose;
  same("account", [params[0], account], [authorOf(statement), whose]);
  const signed = own === "" ? digestOf(statement) : digestForSafe(read(params[1]), statement, whose);
  same("hash", [toHex(signed), question.digest]);
  same("act", [words.act, statement.primaryType]);
  checkScope(words, statement);
  return checkWritten(words, statement);
}

/** The digest of a Safe's message, which has to be that of this statement. */
function digestForSafe(asked: Json, statement: Statement, safe: Address): Uint8Array {
  const signed = digestOf(statement);
  same("form", [canonical(asked), canonical(safeMessage(statement.domain.chainId, safe, signed))]);
  return safeDigest(statement.domain.chainId, safe, signed);
}

/** What the statement itself says. An ending or a counter-signature names a grant, whose words the terminal alone knows. */
function checkScope(words: Summary, { message }: Statement): void {
  if ("statement" in message) same("sentence", [words.sentence, message.statement]);
  if ("purposes" in message) same("scope", [termsIn(words.purposes), listed(message.purposes)]);
  if ("data" in message) same("scope", [termsIn(words.data), listed(message.data)]);
  if ("expiresAt" in message) same("scope", [words.until, message.expiresAt]);
  if ("terms" in message) same("scope", [words.terms?.term, message.terms]);
  if ("statement" in message) same("account", [words.account, counterpart(message)]);
}

/** Writes the sentence again from the notice, if there is one; tells whether it did. */
function checkWritten(words: Summary, { message }: Statement): boolean {
  if (!("statement" in message) || words.notice === "") return false;
  const raw = utf8(words.notice);
  const notice = parseNotice(raw);
  same("notice", [noticeDigest(raw), message.notice], [notice.controller.account, counterpart(message)]);
  same("notice", [notice.controller.name, words.name], [notice.controller.domain, words.domain]);
  same("sentence", [render(notice, words.language, message), message.statement]);
  checkTexts(words, notice);
  checkUse(words, notice, message);
  return true;
}

function checkTexts(words: Summary, notice: Notice): void {
  const text = notice.text.get(words.language);
  same("notice", ...TEXTS.map((name, place) => [words.texts[place]?.join("\n"), `${name}\n${text?.[name]}`] as const));
  const terms = [...words.purposes, ...words.data];
  same("notice", ...terms.map(({ term, label }) => [label, text?.labels.get(term)] as const));
}

/** Who wrote the notice: the brand, or the fiduciary. */
const counterpart = (message: Grant | Refusal | Mandate): Address => (isMandate(message) ? message.delegate : message.controller);

function checkUse(words: Summary, notice: Notice, message: Grant | Refusal | Mandate): void {
  if (!isGrant(message)) return;
  const processing = processingOf(notice, message.purposes, message.data);
  same("scope", [termsIn(words.processing), listed(processing)], [words.training === "yes", allowsTraining(processing)]);
}

/** What a transaction does, by its call data: the act that the page names, and for whom. */
function checkCall({ words, params }: Question, account: Address, chainId: number): void {
  const call = params[0] as Readonly<Record<string, unknown>>;
  same("account", [call["from"], account]);
  if (call["chainId"] !== undefined) same("chain", [Number(call["chainId"]), chainId]);
  const data = String(call["data"] ?? "");
  const found = ACTS.get(data.slice(0, 10));
  same("call", [words.act, found?.act ?? "Transaction"]);
  if (found?.isFor === true) same("call", [words.whose, checksum(bytesOf(`0x${data.slice(34, 74)}`))]);
}
