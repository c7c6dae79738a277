import { expect, test } from "vitest";
import { toHex, utf8 } from "../core/bytes.ts";
import { domainOf } from "../core/eip712.ts";
import { canonical, type Json, type JsonObject } from "../core/json.ts";
import type { Grant } from "../core/messages.ts";
import { noticeDigest, parseNotice, TEXTS } from "../core/notice.ts";
import { processingOf } from "../core/processing.ts";
import { render } from "../core/rendering.ts";
import { safeDigest, safeMessage } from "../core/safe.ts";
import { ZERO_WORD } from "../core/scalars.ts";
import { digestOf, makeStatement, typedData } from "../core/statements.ts";
import draft from "../../registry/data/demo_notice.json";
import { verdictOn, type Part } from "./check.ts";
import type { Question, Summary, Term } from "./protocol.ts";

const ALICE = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
const BRAND = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
const SAFE = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC";
const CHAIN = 31337;
const DOMAIN = domainOf(CHAIN, "0x5FbDB2315678afecb367f032d93F642f64180aa3");
const RECIPIENT = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
const TEXT_OF_NOTICE = canonical({ ...draft, controller: { ...draft.controller, account: BRAND, recipient: RECIPIENT } } as unknown as JsonObject);
const NOTICE = parseNotice(utf8(TEXT_OF_NOTICE));
const [SCOPE] = NOTICE.scopes;

const textOf = (value: unknown): string => canonical(value as Json);
const described = (terms: readonly string[], labels: ReadonlyMap<string, string> = new Map()): Term[] =>
  terms.map((term) => ({ term, words: "", label: labels.get(term) ?? "", special: false }));

function grantOf(subject: string): Grant {
  const bare: Grant = {
    statement: "", subject, controller: BRAND, request: ZERO_WORD, purposes: SCOPE?.purposes ?? [], data: SCOPE?.data ?? [], terms: NOTICE.terms,
    notice: noticeDigest(utf8(TEXT_OF_NOTICE)), content: ZERO_WORD, supersedes: ZERO_WORD, issuedAt: 1_790_000_000, notBefore: 1_790_000_000,
    expiresAt: 1_795_000_000, revocation: ZERO_WORD, salt: ZERO_WORD,
  };
  return { ...bare, statement: render(NOTICE, "en", bare) };
}

function summaryOf(message: Grant): Summary {
  const text = NOTICE.text.get("en");
  return {
    act: "Grant", name: NOTICE.controller.name, domain: NOTICE.controller.domain, account: BRAND, standing: "", language: "en",
    sentence: message.statement, purposes: described(message.purposes, text?.labels), data: described(message.data, text?.labels),
    processing: described(processingOf(NOTICE, message.purposes, message.data)), training: "no", until: message.expiresAt,
    terms: { term: message.terms, words: "", label: "", special: false }, records: [], risks: [], texts: TEXTS.map((name) => [name, text?.[name] ?? ""]),
    payer: "", notary: false, whose: "", loose: false, notice: TEXT_OF_NOTICE,
  };
}

function questionOf(message: Grant, words: Partial<Summary> = {}): Question {
  const statement = makeStatement("Grant", DOMAIN, message);
  const exact = textOf(typedData(statement));
  return { words: { ...summaryOf(message), ...words }, method: "eth_signTypedData_v4", params: [ALICE, exact], digest: toHex(digestOf(statement)), statement: "" };
}

const GRANT = grantOf(ALICE);
const faultOf = (question: Question, account = ALICE, chainId = CHAIN): Part | undefined => verdictOn(question, account, chainId).fault;

test("what agrees is agreed, and the sentence is written from the notice", () => {
  expect(verdictOn(questionOf(GRANT), ALICE, CHAIN)).toEqual({ fault: undefined, isWritten: true });
});

test("without its notice a statement is compared by itself", () => {
  expect(verdictOn(questionOf(GRANT, { notice: "" }), ALICE, CHAIN)).toEqual({ fault: undefined, isWritten: false });
});

test("another account or chain than the page's is noticed", () => {
  expect(faultOf(questionOf(GRANT), BRAND)).toBe("account");
  expect(faultOf(questionOf(GRANT, { whose: SAFE }))).toBe("account");
  expect(faultOf(questionOf(GRANT), ALICE, 1)).toBe("chain");
});

const MORE = described(["dpv:Marketing"]);
const CHANGED: readonly (readonly [Partial<Summary>, Part])[] = [
  [{ act: "Refusal" }, "act"],
  [{ sentence: "I allow nothing." }, "sentence"],
  [{ account: ALICE }, "account"],
  [{ purposes: MORE }, "scope"],
  [{ data: [] }, "scope"],
  [{ until: null }, "scope"],
  [{ until: GRANT.expiresAt - 1 }, "scope"],
  [{ terms: null }, "scope"],
  [{ processing: MORE }, "scope"],
  [{ training: "yes" }, "scope"],
  [{ name: "Another brand" }, "notice"],
  [{ domain: "other.example" }, "notice"],
  [{ language: "fr" }, "sentence"],
  [{ language: "xx" }, "form"],
  [{ texts: [] }, "notice"],
  [{ purposes: described(GRANT.purposes) }, "notice"],
  [{ notice: TEXT_OF_NOTICE.replace("Aurelle", "Bertin") }, "notice"],
  [{ notice: `${TEXT_OF_NOTICE} ` }, "form"],
];

test.each(CHANGED)("words that say something else are noticed: %j", (words, part) => {
  expect(faultOf(questionOf(GRANT, words))).toBe(part);
});

test("another hash, another type and broken JSON are noticed", () => {
  const question = questionOf(GRANT);
  const exact = String(question.params[1]);
  expect(faultOf({ ...question, digest: ZERO_WORD })).toBe("hash");
  expect(faultOf({ ...question, params: [ALICE, exact.replace('"uint64"', '"uint256"')] })).toBe("form");
  expect(faultOf({ ...question, params: [ALICE, exact.slice(1)] })).toBe("form");
  expect(faultOf({ ...question, params: [ALICE, exact.replace("{", '{"primaryType":"Grant",')] })).toBe("form");
  expect(faultOf({ ...question, params: [BRAND, exact] })).toBe("account");
});

test("a sentence that the notice does not write is noticed, though it is what would be signed", () => {
  const message = { ...GRANT, statement: `${GRANT.statement} And more.` };
  expect(faultOf(questionOf(message))).toBe("sentence");
});

test("a Safe's message has to be about the statement that is shown", () => {
  const message = grantOf(SAFE);
  const question = questionOf(message, { whose: SAFE });
  const signed = digestOf(makeStatement("Grant", DOMAIN, message));
  const digest = toHex(safeDigest(CHAIN, SAFE, signed));
  const asked = (safe: string, about: Uint8Array): Question =>
    ({ ...question, params: [ALICE, textOf(safeMessage(CHAIN, safe, about))], statement: String(question.params[1]), digest });
  expect(faultOf(asked(SAFE, signed))).toBeUndefined();
  expect(faultOf(asked(BRAND, signed))).toBe("form");
  expect(faultOf(asked(SAFE, new Uint8Array(32)))).toBe("form");
  expect(faultOf({ ...asked(SAFE, signed), digest: question.digest })).toBe("hash");
});

test("a transaction does what the page says, for whom it says", () => {
  const revokeAllFor = `0x${"a5a3f8b3"}`;
  const send = (words: Partial<Summary>, call: Record<string, unknown>): Question =>
    ({ ...questionOf(GRANT, words), method: "eth_sendTransaction", params: [{ from: ALICE, ...call }], digest: "" });
  expect(faultOf(send({ act: "Transaction" }, { data: revokeAllFor, chainId: "0x7a69" }))).toBeUndefined();
  expect(faultOf(send({ act: "Transaction" }, {}))).toBeUndefined();
  expect(faultOf(send({ act: "Retire" }, {}))).toBe("call");
  expect(faultOf(send({ act: "Transaction" }, { chainId: "0x1" }))).toBe("chain");
  expect(faultOf(send({ act: "Transaction" }, { from: BRAND }))).toBe("account");
});
