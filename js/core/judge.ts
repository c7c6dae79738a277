// Verification: one pure function, whose steps carry the numbers of docs/formats.md, "Verification".
//
// 0. Parse strictly.                                                        Malformed
// 1. The domain is the one the policy names.                                WrongDomain
// 2. Signed by its author, or by a delegate under the author's mandate.     BadSignature, BadMandate
// 3. The commitment leads to the evidence's root.                           NotIncluded
// 4. The root is anchored, neither before nor long after it was issued.     NotAnchored, PostDated, BackDated
// 5. Not revoked, neither by handle nor by cutoff.                          Revoked
// 6. Within its window.                                                     NotYetValid, Expired
// 7. It fits its notice and the policy.          NoticeMismatch, WrongController, PurposeNotGranted, ...
//
// The first step that fails names the error. Facts that are missing, stale or of another chain are LedgerUnavailable: could not check.

import { toHex } from "./bytes.ts";
import { checkMandateCovers } from "./coverage.ts";
import { sameDomain } from "./eip712.ts";
import { CouldNotCheck, NotConsented, type NotConsentedName } from "./errors.ts";
import { acceptanceIn, addresseeOf, authorOfEvidence, isIncluded, mandateIn, parseEvidence, signerOfEvidence, type Evidence } from "./evidence.ts";
import { factQuery, isSignedByAuthor, keyOfQuery, keyOfSignature, signatureQuery, signerQuery, type AnchorFacts, type Facts } from "./facts.ts";
import { checkFits } from "./fitting.ts";
import type { Policy } from "./policy.ts";
import { CLOCK_SKEW, formatUtc, MAX_SAFE_INTEGER, type Address, type Hex, type Word } from "./scalars.ts";

// The suffix of a signature for an account whose contract is not deployed yet (ERC-6492, "Signer behavior").
const ERC6492_END = "6492".repeat(16);
const NEW_REQUEST = "Ask the brand for a new request.";
const ONLY_JUDGE = Symbol("only judge() makes a verified statement");

interface Verdict {
  readonly evidence: Evidence;
  readonly policy: Policy;
  readonly now: number;
  readonly block: number;
  readonly anchoredAt: number | undefined;
  readonly acceptance: string;
}

/**
 * A statement that passed every step that applies to its kind. Only `judge` makes one.
 *
 * `acceptance` is "verified", "none", or the reason why the attached one was not verified. Times are unix seconds; `anchoredAt` is
 * undefined for a Request, which is not anchored. `block` is the newest block that was read.
 */
export class VerifiedStatement {
  readonly evidence: Evidence;
  readonly policy: Policy;
  readonly now: number;
  readonly block: number;
  readonly anchoredAt: number | undefined;
  readonly acceptance: string;

  constructor(key: symbol, verdict: Verdict) {
    if (key !== ONLY_JUDGE) throw new TypeError("only judge() makes a verified statement");
    this.evidence = verdict.evidence;
    this.policy = verdict.policy;
    this.now = verdict.now;
    this.block = verdict.block;
    this.anchoredAt = verdict.anchoredAt;
    this.acceptance = verdict.acceptance;
    Object.freeze(this);
  }

  /** The statement's EIP-712 signing hash. */
  get digest(): Word {
    return toHex(this.evidence.digest);
  }

  /** The address that signed it. */
  get author(): Address {
    return authorOfEvidence(this.evidence);
  }
}

/** A grant that passed every step. */
export class VerifiedGrant extends VerifiedStatement {}

/**
 * Judges evidence by facts and policy at `now` (unix seconds): a `VerifiedGrant` for a grant.
 *
 * Throws the `NotConsented` error of the first step that fails, or `LedgerUnavailable` if the facts do not decide. A separate
 * Acceptance, and an Acknowledgement, is judged with its `grant`.
 */
export function judge(given: Evidence | Uint8Array, facts: Facts, policy: Policy, now: number, grant?: Evidence): VerifiedStatement {
  const evidence = given instanceof Uint8Array ? parseEvidence(given) : given; // 0
  checkUsable(facts, policy, now);
  const answer = answerAt(now, evidence, facts);
  const anchoredAt = checkProved(evidence, facts, policy, answer); // 1 to 4
  checkNotRevoked(evidence, answer); // 5
  checkSignerNotRevoked(evidence, facts, answer);
  checkInForce(evidence, now); // 6
  checkNotice(evidence, grant); // 7
  checkPolicy(evidence, policy);
  const acceptance = reportAcceptance(evidence, facts, policy, now);
  const Verified = evidence.statement.primaryType === "Grant" ? VerifiedGrant : VerifiedStatement;
  return new Verified(ONLY_JUDGE, { evidence, policy, now, block: facts.blockNumber, anchoredAt, acceptance });
}

/** Advice about a refused signature if its form allows better than the error's own; otherwise undefined. */
export function adviceOn(signature: Hex): string | undefined {
  if (!signature.endsWith(ERC6492_END)) return undefined;
  return "It was made for a contract account that is not deployed yet (ERC-6492): deploy the account, then sign again.";
}

const no = (name: NotConsentedName, message: string, advice?: string): NotConsented => new NotConsented(name, message, advice);
const unclear = (message: string): CouldNotCheck => new CouldNotCheck("LedgerUnavailable", message);

/** Takes steps 1 to 4, which apply to every kind. Returns the anchor's time, or undefined without an anchor. */
function checkProved(evidence: Evidence, facts: Facts, policy: Policy, answer: AnchorFacts): number | undefined {
  if (!sameDomain(evidence.statement.domain, policy.domain)) throw no("WrongDomain", "it names another chain or registry than the policy"); // 1
  checkSigned(evidence, facts); // 2
  checkMandate(evidence, facts, policy, answer.anchoredAt);
  if (evidence.anchor === undefined) return undefined;
  if (!isIncluded(evidence)) throw no("NotIncluded", "the proof does not lead from this statement and signature to the anchored root"); // 3
  return checkAnchored(evidence, answer, policy); // 4
}

function checkSigned(evidence: Evidence, facts: Facts): void {
  if (isSignedByAuthor(evidence)) return;
  const accepted = facts.signatures.get(keyOfSignature(signatureQuery(evidence)));
  if (accepted === undefined) throw unclear("whether the author's contract accepts the signature was not read from the chain");
  if (!accepted) throw no("BadSignature", `the signature is not that of ${signerOfEvidence(evidence)}`, adviceOn(evidence.signature));
}

/** The mandate beside an act must cover it, and must have held when the act was anchored, whatever came later. */
function checkMandate(act: Evidence, facts: Facts, policy: Policy, anchoredAt: number): void {
  const mandate = mandateIn(act);
  if (mandate === undefined) return;
  checkMandateCovers(mandate, act);
  if (anchoredAt === 0) return; // there is no time to judge it at, and step 4 refuses the act
  const answer = answerAt(anchoredAt, mandate, facts, true);
  try {
    checkProved(mandate, facts, policy, answer);
    checkNotRevoked(mandate, answer);
    checkInForce(mandate, anchoredAt);
    checkNotice(mandate, undefined);
  } catch (error) {
    if (!(error instanceof NotConsented)) throw error;
    throw no("BadMandate", `the mandate did not hold when the ${act.statement.primaryType} was anchored: ${error.name}: ${error.message}`);
  }
}

function checkAnchored(evidence: Evidence, { anchoredAt }: AnchorFacts, policy: Policy): number {
  const { issuedAt } = evidence.statement.message;
  if (anchoredAt === 0) {
    const deep = policy.confirmations > 0 ? ` under ${policy.confirmations} confirmations` : "";
    throw no("NotAnchored", `the root is not on the chain${deep}`);
  }
  if (issuedAt > anchoredAt + CLOCK_SKEW) throw no("PostDated", `issued ${issuedAt - anchoredAt} seconds after it was anchored`);
  if (policy.maxBackdate !== undefined && anchoredAt - issuedAt > policy.maxBackdate) {
    throw no("BackDated", `issued ${anchoredAt - issuedAt} seconds before it was anchored`);
  }
  return anchoredAt;
}

function checkNotRevoked(evidence: Evidence, { anchoredAt, revokedAt, cutoff }: AnchorFacts): void {
  const { primaryType, message } = evidence.statement;
  // Retired: the largest uint64, where no date of a statement reaches.
  if (cutoff > MAX_SAFE_INTEGER) throw no("Revoked", `${authorOfEvidence(evidence)} was retired for ever: no statement of it is believed`);
  if (primaryType === "Grant" || primaryType === "Mandate") {
    if (revokedAt > 0) throw no("Revoked", `the person revoked it at ${formatUtc(revokedAt)}`);
    if (Math.min(message.issuedAt, anchoredAt) <= cutoff) throw no("Revoked", "the person revoked everything issued until then");
  }
  if (primaryType === "Request" && message.issuedAt <= cutoff) throw no("Revoked", "the controller withdrew everything issued until then", NEW_REQUEST);
}

/** The cutoff of a delegate who signed counts like the subject's. */
function checkSignerNotRevoked(evidence: Evidence, facts: Facts, { anchoredAt }: AnchorFacts): void {
  if (evidence.mandate === undefined) return;
  const found = facts.anchors.get(keyOfQuery(signerQuery(evidence)));
  if (found === undefined) throw unclear("the chain was not asked about the delegate who signed");
  const { primaryType, message } = evidence.statement;
  const signer = signerOfEvidence(evidence);
  if (found.cutoff > MAX_SAFE_INTEGER) throw no("Revoked", `${signer}, who signed it, was retired for ever: no statement of it is believed`);
  if (primaryType === "Grant" && Math.min(message.issuedAt, anchoredAt) <= found.cutoff) {
    throw no("Revoked", `${signer}, who signed it, revoked everything issued until then`);
  }
}

function checkInForce({ statement }: Evidence, now: number): void {
  const { primaryType, message } = statement;
  if (primaryType !== "Grant" && primaryType !== "Request" && primaryType !== "Mandate") return;
  // A Request has no notBefore: it begins at its date, less the allowed clock skew.
  const begins = primaryType === "Request" ? message.issuedAt - CLOCK_SKEW : message.notBefore;
  if (now < begins) throw no("NotYetValid", `it begins at ${formatUtc(begins)}`);
  if (now >= message.expiresAt) throw no("Expired", `it ended at ${formatUtc(message.expiresAt)}`, primaryType === "Request" ? NEW_REQUEST : undefined);
}

function checkNotice(evidence: Evidence, grant: Evidence | undefined): void {
  const { primaryType, message } = evidence.statement;
  if (primaryType === "UseLog") return; // it stands for itself
  if (primaryType === "Acceptance" || primaryType === "Acknowledgement") return checkAnswersGrant(evidence, message, grant);
  // The parser refuses the other kinds without a notice.
  if (evidence.read === undefined) throw new TypeError("evidence is made by parseEvidence or makeEvidence");
  checkFits(evidence.read.notice, evidence.read.digest, message);
}

function checkAnswersGrant(evidence: Evidence, message: { readonly grant: Word; readonly controller: Address }, grant: Evidence | undefined): void {
  const { primaryType, domain } = evidence.statement;
  if (grant?.statement.primaryType !== "Grant") throw no("NotAccepted", `a separate ${primaryType} is judged only with its grant`);
  if (message.controller !== grant.statement.message.controller) throw no("WrongController", `the ${primaryType} is not by the grant's controller`);
  if (message.grant !== toHex(grant.digest) || !sameDomain(domain, grant.statement.domain)) throw no("NotAccepted", `the ${primaryType} is for another grant`);
}

function checkPolicy(evidence: Evidence, policy: Policy): void {
  const { message } = evidence.statement;
  const controller = addresseeOf(evidence);
  if (policy.controllers !== undefined && !policy.controllers.has(controller)) {
    throw no("WrongController", `it names ${controller} as controller`);
  }
  // A kind of statement without a member grants nothing of it.
  checkCovers("purpose", policy.purposes, "purposes" in message ? message.purposes : [], "PurposeNotGranted");
  checkCovers("datum", policy.data, "data" in message ? message.data : [], "DataNotGranted");
  const terms = "terms" in message ? message.terms : "none";
  if (policy.terms !== undefined && policy.terms !== terms) throw no("TermsNotGranted", `its terms are ${terms}`);
}

function checkCovers(what: string, asked: ReadonlySet<string> | undefined, has: readonly string[], name: NotConsentedName): void {
  const missing = [...(asked ?? [])].filter((one) => !has.includes(one)).sort()[0];
  if (missing !== undefined) throw no(name, `the ${what} ${missing} is not in it`);
}

/** The report on the attached acceptance; `NotAccepted` if the policy requires a valid one and it is not. */
function reportAcceptance(evidence: Evidence, facts: Facts, policy: Policy, now: number): string {
  const part = acceptanceIn(evidence);
  const why = part === undefined ? "none" : whyNotAccepted(part, evidence, facts, policy, now);
  if (policy.accepted && why !== undefined) throw no("NotAccepted", `the controller's counter-signature: ${why}`);
  return why ?? "verified";
}

function whyNotAccepted(part: Evidence, grant: Evidence, facts: Facts, policy: Policy, now: number): string | undefined {
  try {
    const answer = answerAt(now, part, facts);
    checkProved(part, facts, policy, answer);
    checkNotRevoked(part, answer);
    checkNotice(part, grant);
    return undefined;
  } catch (error) {
    if (error instanceof NotConsented) return `not verified: ${error.name}: ${error.message}`;
    throw error;
  }
}

function checkUsable(facts: Facts, policy: Policy, now: number): void {
  const { chainId } = policy.domain;
  if (facts.chainId !== chainId) throw unclear(`the facts are of chain ${facts.chainId}, not of ${chainId}`);
  if (facts.depth < policy.confirmations) throw unclear(`the anchor was read ${facts.depth} blocks deep, not ${policy.confirmations}`);
  const age = facts.clock - facts.blockTime;
  if (policy.maxFactsAge !== undefined && age > policy.maxFactsAge) throw unclear(`the newest block is ${age} seconds old`);
  if (facts.asOf !== (now < facts.blockTime ? now : undefined)) throw unclear("the facts were read for another time than the one in question");
}

/**
 * The chain's answer as of `now`, without later events. Where `now` `isPast`, and facts are of a later time, a cutoff that lies
 * after it was raised after it too.
 */
function answerAt(now: number, evidence: Evidence, facts: Facts, isPast = false): AnchorFacts {
  const answer = facts.anchors.get(keyOfQuery(factQuery(evidence)));
  if (answer === undefined) throw unclear("the chain was not asked about this anchor");
  if (facts.asOf === undefined && !isPast) return answer;
  const until = (time: number): number => (time <= now ? time : 0);
  return { anchoredAt: until(answer.anchoredAt), revokedAt: until(answer.revokedAt), cutoff: isPast ? until(answer.cutoff) : answer.cutoff };
}
