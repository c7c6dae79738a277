import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { utf8 } from "./bytes.ts";
import { ConsentError, NOT_CONSENTED, NotConsented } from "./errors.ts";
import { acceptanceIn, makeEvidence, parseEvidence, withAcceptance, writeEvidence, type Evidence } from "./evidence.ts";
import { factQueries, keyOfQuery, presentOf, type Facts } from "./facts.ts";
import { signedLanguage } from "./fitting.ts";
import { judge, VerifiedGrant, VerifiedStatement } from "./judge.ts";
import { chosenLanguage } from "./notice.ts";
import { askedBy, makePolicy, type Conditions } from "./policy.ts";
import type { Grant } from "./messages.ts";
import { makeStatement, typedData } from "./statements.ts";

const vector = JSON.parse(readFileSync(new URL("../../tests/vectors/evidence/valid-accepted.json", import.meta.url), "utf8"));
const evidence: Evidence = parseEvidence(utf8(vector.evidence));
const grant = evidence.statement.message as Grant;
const conditions: Conditions = vector.policy;

function facts(changes: Partial<Facts> = {}): Facts {
  const answers = factQueries(evidence).anchors.map((query) => [keyOfQuery(query), { anchoredAt: vector.facts.anchoredAt, revokedAt: 0, cutoff: 0 }] as const);
  return { ...vector.facts, blockHash: "0x", asOf: undefined, anchors: new Map(answers), signatures: new Map(), ...changes };
}

const nameOf = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    return (error as Error).name;
  }
  return "nothing was thrown";
};

test("only judge makes a verified grant, and nobody alters one", () => {
  const verified = judge(evidence, facts(), makePolicy(conditions), vector.now);
  expect(verified).toBeInstanceOf(VerifiedGrant);
  expect(verified.acceptance).toBe("verified");
  expect(() => new VerifiedStatement(Symbol("only judge() makes a verified statement"), verified)).toThrow(TypeError);
  expect(() => Object.assign(verified, { acceptance: "none" })).toThrow(TypeError);
  expect(Object.isFrozen(evidence) && Object.isFrozen(grant) && Object.isFrozen(grant.purposes)).toBe(true);
});

test("what was not read from the chain is neither yes nor no", () => {
  const policy = makePolicy(conditions);
  for (const changes of [{ anchors: new Map() }, { chainId: 1 }, { asOf: vector.now }]) {
    expect(nameOf(() => judge(evidence, facts(changes), policy, vector.now))).toBe("LedgerUnavailable");
  }
  expect(presentOf({ clock: 5, blockTime: 9 })).toBe(9);
});

test("conditions that make no sense are refused, and those that hold are told", () => {
  const bad = [{ purposes: [] }, { data: "pd:Purchase" }, { confirmations: -1 }, { maxFactsAge: 1.5 }, { controllers: undefined }];
  for (const change of bad) expect(nameOf(() => makePolicy({ ...conditions, ...change } as Conditions)), JSON.stringify(change)).toBe("InvalidInput");
  expect(nameOf(() => makePolicy({ ...conditions, controllers: [grant.controller.toLowerCase()] }))).toBe("Malformed");
  const asked = askedBy(makePolicy({ ...conditions, terms: null, confirmations: 3, purposes: ["dpv:B", "dpv:A"] }));
  expect([asked["terms"], asked["confirmations"], asked["purposes"], asked["acceptance"]]).toEqual(["not asked", "3", "dpv:A, dpv:B", "required"]);
});

test("a caller's list that changes later does not change the policy", () => {
  const controllers = [grant.controller];
  const policy = makePolicy({ ...conditions, controllers });
  controllers.pop();
  expect([...(policy.controllers ?? [])]).toEqual([grant.controller]);
});

test("evidence that is made is checked as if it had been read", () => {
  const { statement, signature, anchor, notice } = evidence;
  const alone = makeEvidence(statement, signature, { anchor, notice } as Pick<Evidence, "anchor" | "notice">);
  expect(alone.acceptance).toBeUndefined();
  const whole = withAcceptance(alone, acceptanceIn(evidence) as Evidence);
  expect(writeEvidence(whole)).toEqual(utf8(vector.evidence));
  expect(nameOf(() => withAcceptance(alone, evidence))).toBe("Malformed");
  expect(nameOf(() => makeEvidence(statement, signature))).toBe("Malformed");
  expect(nameOf(() => makeEvidence(statement, "0x", { anchor, notice } as Pick<Evidence, "anchor" | "notice">))).toBe("Malformed");
});

test("a statement is checked before anybody signs it", () => {
  const { domain } = evidence.statement;
  expect(typedData(makeStatement("Grant", domain, grant)).message).toEqual(grant);
  for (const change of [{ expiresAt: 0 }, { purposes: ["b:b", "a:a"] }, { subject: grant.subject.toLowerCase() }, { salt: "0x12" }, { more: 1 }]) {
    expect(nameOf(() => makeStatement("Grant", domain, { ...grant, ...change })), JSON.stringify(change)).toBe("Malformed");
  }
});

test("a notice is shown in the language that was signed, or that is asked for", () => {
  const notice = evidence.read?.notice;
  if (notice === undefined) throw new Error("a grant has its notice");
  expect(signedLanguage(notice, grant)).toBe("en");
  expect(signedLanguage(notice, { ...grant, statement: "I allow everything." })).toBeUndefined();
  expect([chosenLanguage(notice), chosenLanguage(notice, "fr")]).toEqual(["en", "fr"]);
  expect(nameOf(() => chosenLanguage(notice, "xx"))).toBe("InvalidInput");
});

test("every error says what to do", () => {
  for (const name of NOT_CONSENTED) expect(new NotConsented(name, "no").advice, name).toMatch(/\.$/);
  const error = new NotConsented("Expired", "it ended", "Ask again.");
  expect([error.name, error.message, error.advice, error instanceof ConsentError]).toEqual(["Expired", "it ended", "Ask again.", true]);
});
