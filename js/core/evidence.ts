// The evidence file: one statement with everything that proves it (docs/formats.md, "Evidence file").
// `application/vnd.consent-evidence+json`, RFC 8785, at most 1 MiB.

import { equal, utf8 } from "./bytes.ts";
import { commitmentOf } from "./commitments.ts";
import { sameDomain } from "./eip712.ts";
import { malformed } from "./errors.ts";
import { encode, parseCanonical, restored, type Json, type JsonObject } from "./json.ts";
import { handleFor } from "./locks.ts";
import { MAX_PROOF, rootFrom } from "./merkle.ts";
import { noticeDigest, parseNotice, type Notice } from "./notice.ts";
import { asSignature, asWord, bytesOf, type Address, type Hex, type Word } from "./scalars.ts";
import { asInteger, asList, asObject, asText, checkConstant } from "./shapes.ts";
import { asStatement, authorOf, digestOf, type StatementOf } from "./statements.ts";

export const MAX_EVIDENCE = 1024 * 1024;

export const EVIDENCE_KINDS = ["Grant", "Request", "Refusal", "Acceptance", "Acknowledgement", "UseLog", "Mandate"] as const;
export type EvidenceKind = (typeof EVIDENCE_KINDS)[number];
export type EvidenceStatement = { readonly [K in EvidenceKind]: StatementOf<K> }[EvidenceKind];

/** Where the commitment is on the chain. `transaction` and `block` are hints, never shown as proved. */
export interface Anchor {
  readonly root: Word;
  readonly proof: readonly Word[];
  readonly transaction: Word;
  readonly block: number;
}

/** The controller's counter-signature as a part of a grant's evidence. */
export interface SignedAcceptance {
  readonly statement: StatementOf<"Acceptance">;
  readonly signature: Hex;
  readonly anchor: Anchor;
}

/** The mandate under which a delegate signed, as a part of the evidence of what it signed. */
export interface SignedMandate {
  readonly statement: StatementOf<"Mandate">;
  readonly signature: Hex;
  readonly anchor: Anchor;
  readonly notice: string;
}

/** One statement, its signature, and its anchor, notice and acceptance where it has them. Made by `parseEvidence`, or by `makeEvidence`. */
export interface Evidence {
  readonly statement: EvidenceStatement;
  readonly signature: Hex;
  readonly anchor?: Anchor;
  /** The notice document, exactly as stored. */
  readonly notice?: string;
  readonly mandate?: SignedMandate;
  readonly acceptance?: SignedAcceptance;
  /** The statement's EIP-712 signing hash, 32 bytes. It also names the file. */
  readonly digest: Uint8Array;
  /** The notice, and the SHA-256 of its document. */
  readonly read?: ReadNotice;
}

/** The address to which a statement says that it was given: its controller, or the delegate of a mandate. */
export const addresseeOf = ({ statement: { message } }: Pick<Evidence, "statement">): Address => ("delegate" in message ? message.delegate : message.controller);

interface ReadNotice {
  readonly notice: Notice;
  readonly digest: Word;
}

const PARTS = ["anchor", "notice", "mandate", "acceptance"] as const;
type Part = (typeof PARTS)[number];
const SHAPES: Readonly<Record<EvidenceKind, { readonly required: readonly Part[]; readonly optional: readonly Part[] }>> = {
  Grant: { required: ["anchor", "notice"], optional: ["mandate", "acceptance"] },
  Refusal: { required: ["anchor", "notice"], optional: ["mandate"] },
  Request: { required: ["notice"], optional: [] },
  Acceptance: { required: ["anchor"], optional: [] },
  Acknowledgement: { required: ["anchor"], optional: [] },
  UseLog: { required: ["anchor"], optional: [] },
  Mandate: { required: ["anchor", "notice"], optional: [] },
};
const MOST_KNOWN = 128;
const knownNotices = new Map<Word, { readonly text: string; readonly read: ReadNotice }>();

/** Parses the one encoding of evidence (step 0 of `judge`); everything else is `Malformed`. */
export function parseEvidence(raw: Uint8Array): Evidence {
  return asEvidence(parseCanonical(raw, MAX_EVIDENCE));
}

/** Reads evidence from parsed JSON, as answers carry it; `Malformed` for anything else. */
export function asEvidence(value: Json | undefined): Evidence {
  const found = asObject(value, "evidence", ["type", "version", "statement", "signature"], PARTS);
  checkConstant(found["type"], "ConsentEvidence", "type");
  checkConstant(found["version"], 1, "version");
  const statement = asStatement(found["statement"], EVIDENCE_KINDS);
  checkParts(statement.primaryType, found);
  const evidence = Object.freeze({
    statement,
    signature: asSignature(found["signature"], "signature"),
    ...(found["anchor"] === undefined ? {} : { anchor: asAnchor(found["anchor"]) }),
    ...(found["notice"] === undefined ? {} : readNotice(asText(found["notice"], "notice"), statement)),
    ...(found["mandate"] === undefined ? {} : { mandate: asMandate(found["mandate"]) }),
    ...(found["acceptance"] === undefined ? {} : { acceptance: asAcceptance(found["acceptance"]) }),
    digest: digestOf(statement),
  });
  if (evidence.acceptance !== undefined && !sameDomain(evidence.acceptance.statement.domain, statement.domain)) {
    throw malformed("the acceptance names another domain than the grant");
  }
  if (evidence.mandate !== undefined && !sameDomain(evidence.mandate.statement.domain, statement.domain)) {
    throw malformed("the mandate names another domain than what was signed under it");
  }
  return evidence;
}

/** Makes evidence of its parts, checked as if it had been read. */
export function makeEvidence(statement: EvidenceStatement, signature: Hex, parts: Partial<Pick<Evidence, Part>> = {}): Evidence {
  return asEvidence(documentOf({ statement, signature, ...parts }));
}

/** The bytes of an evidence file. */
export const writeEvidence = (evidence: Evidence): Uint8Array => encode(documentOf(evidence));

/** Restores the one encoding of a file that an editor or tool re-formatted; a changed value stays changed. */
export function canonicalEvidence(raw: Uint8Array): Uint8Array {
  const bytes = restored(raw, MAX_EVIDENCE);
  parseEvidence(bytes);
  return bytes;
}

/** The address that must have signed: the subject of grants and refusals, the controller of the others. */
export const authorOfEvidence = (evidence: Evidence): Address => authorOf(evidence.statement);

/** The address that must have signed: the author, or the delegate of the mandate beside it. */
export const signerOfEvidence = (evidence: Evidence): Address => evidence.mandate?.statement.message.delegate ?? authorOfEvidence(evidence);

/** The handle that the contract marks when this grant or mandate is revoked; undefined for other kinds. */
export function handleOfEvidence({ statement }: Evidence): Word | undefined {
  if (statement.primaryType !== "Grant" && statement.primaryType !== "Mandate") return undefined;
  return handleFor(statement.message.subject, statement.message.revocation, statement.message.salt);
}

/** The acceptance in a grant's evidence as separate evidence, or undefined. */
export function acceptanceIn({ acceptance }: Evidence): Evidence | undefined {
  return acceptance === undefined ? undefined : Object.freeze({ ...acceptance, digest: digestOf(acceptance.statement) });
}

/** The mandate beside an act as separate evidence, or undefined. */
export function mandateIn({ mandate }: Evidence): Evidence | undefined {
  if (mandate === undefined) return undefined;
  const { notice, ...rest } = mandate;
  return Object.freeze({ ...rest, ...readNotice(notice, rest.statement), digest: digestOf(rest.statement) });
}

/** Returns the grant with the controller's counter-signature in it. */
export function withAcceptance(grant: Evidence, acceptance: Evidence): Evidence {
  const { statement, signature, anchor } = acceptance;
  if (statement.primaryType !== "Acceptance" || anchor === undefined) throw malformed("this is not an anchored acceptance");
  return makeEvidence(grant.statement, grant.signature, { ...grant, acceptance: { statement, signature, anchor } });
}

/** keccak256(abi.encode(digest, keccak256(signature))), 32 bytes. */
export const commitmentOfEvidence = (evidence: Evidence): Uint8Array => commitmentOf(evidence.digest, bytesOf(evidence.signature));

/** Whether the anchor's proof leads from this statement and signature to the anchor's root. */
export function isIncluded(evidence: Evidence): boolean {
  const { anchor } = evidence;
  return anchor !== undefined && equal(rootFrom(commitmentOfEvidence(evidence), anchor.proof.map(bytesOf)), bytesOf(anchor.root));
}

export function asAnchor(value: Json): Anchor {
  const found = asObject(value, "anchor", ["root", "proof", "transaction", "block"]);
  return Object.freeze({
    root: asWord(found["root"], "root"),
    proof: Object.freeze(asList(found["proof"], "proof", asWord, 0, MAX_PROOF)),
    transaction: asWord(found["transaction"], "transaction"),
    block: asInteger(found["block"], "block"),
  });
}

function asAcceptance(value: Json): SignedAcceptance {
  const found = asObject(value, "acceptance", ["statement", "signature", "anchor"]);
  return Object.freeze({
    statement: asStatement(found["statement"], ["Acceptance"]),
    signature: asSignature(found["signature"], "signature"),
    anchor: asAnchor(found["anchor"] as Json),
  });
}

function asMandate(value: Json | undefined): SignedMandate {
  const found = asObject(value, "mandate", ["statement", "signature", "anchor", "notice"]);
  const statement = asStatement(found["statement"], ["Mandate"]);
  return Object.freeze({
    statement,
    signature: asSignature(found["signature"], "signature"),
    anchor: asAnchor(found["anchor"] as Json),
    notice: readNotice(asText(found["notice"], "notice"), statement).notice,
  });
}

function checkParts(kind: EvidenceKind, found: JsonObject): void {
  const { required, optional } = SHAPES[kind];
  const missing = required.find((part) => !Object.hasOwn(found, part));
  if (missing !== undefined) throw malformed(`evidence of a ${kind} needs its ${missing}`);
  const foreign = PARTS.find((part) => Object.hasOwn(found, part) && !required.includes(part) && !optional.includes(part));
  if (foreign !== undefined) throw malformed(`evidence of a ${kind} has no ${foreign}`);
}

/** Thousands of files hold the same notice, so it is parsed and checked once for all of them. */
function readNotice(text: string, { message }: EvidenceStatement): { notice: string; read: ReadNotice } {
  const named = "notice" in message ? message.notice : "";
  const known = knownNotices.get(named);
  if (known?.text === text) return { notice: text, read: known.read };
  const raw = utf8(text);
  const read = Object.freeze({ notice: parseNotice(raw), digest: noticeDigest(raw) });
  if (knownNotices.size >= MOST_KNOWN) knownNotices.clear();
  // A wrong digest in a hostile file must not replace another notice.
  if (read.digest === named) knownNotices.set(named, { text, read });
  return { notice: text, read };
}

/** The members of an evidence file, as JSON. */
export function documentOf(evidence: Pick<Evidence, "statement" | "signature" | Part>): JsonObject {
  const { statement, signature, anchor, notice, mandate, acceptance } = evidence;
  const given = Object.entries({ anchor, notice, mandate, acceptance }).filter(([, value]) => value !== undefined);
  return { type: "ConsentEvidence", version: 1, statement, signature, ...Object.fromEntries(given) } as unknown as JsonObject;
}
