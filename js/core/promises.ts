// A notary's promises: by when it anchors a commitment, or relays an ending, and whether the chain shows that it did.
// Both are EIP-712 statements in the registry's domain, signed by plain ECDSA with the notary's account. They are not anchored.

import { concat, equal, fromInteger } from "./bytes.ts";
import { asDomain, signingHash, type Domain } from "./eip712.ts";
import { InvalidInput, malformed, NotConsented } from "./errors.ts";
import { asAnchor, type Anchor } from "./evidence.ts";
import { keyOfQuery, type FactQuery, type Facts } from "./facts.ts";
import { encode, parseCanonical, parseJson, type Json, type JsonObject } from "./json.ts";
import { hashText, keccak256 } from "./keccak.ts";
import { rootFrom } from "./merkle.ts";
import { asAddress, asSignature, asWord, bytesOf, checkDistinct, checksum, ZERO_ADDRESS, ZERO_WORD, type Address, type Hex, type Word } from "./scalars.ts";
import { asInteger, asList, asObject, checkConstant } from "./shapes.ts";
import { recoverAddress } from "./signatures.ts";

export const MAX_ITEMS = 10_000;
export const MAX_PROMISE = 2 * 1024 * 1024;

/** The names of a promise's list and of its last time, and the hash of its type. */
const KINDS = {
  Promise: { items: "commitments", due: "anchorBy", hash: hashText("Promise(bytes32[] commitments,uint64 receivedAt,uint64 anchorBy)") },
  RelayPromise: { items: "handles", due: "relayBy", hash: hashText("RelayPromise(bytes32[] handles,uint64 receivedAt,uint64 relayBy)") },
} as const;
export type PromiseKind = keyof typeof KINDS;

/**
 * The notary will have anchored each of these commitments (a `Promise`), or revoked each of these handles (a `RelayPromise`), by
 * `due`. Times are unix seconds.
 */
export interface Promised {
  readonly primaryType: PromiseKind;
  readonly domain: Domain;
  readonly items: readonly Word[];
  readonly receivedAt: number;
  readonly due: number;
}

/** A promise with the notary's signature, as answers carry it. */
export interface SignedPromise {
  readonly promised: Promised;
  readonly signature: Hex;
}

/** One promise for one commitment or handle, kept so that anybody can check whether the notary held it. */
export interface PromiseFile {
  readonly promise: SignedPromise;
  readonly item: Word;
  readonly notary: Address;
  readonly anchor?: Anchor;
}

/**
 * How a promise stands. `Late` of a RelayPromise is proof. `Late` of a Promise and `Unshown` are not: anybody can anchor a
 * commitment again, and later, so one proof of an earlier anchor clears the notary.
 */
export type PromiseState = "Kept" | "Late" | "Open" | "Unshown";

/** The EIP-712 signing hash of a promise, 32 bytes. */
export function promiseDigest({ primaryType, domain, items, receivedAt, due }: Promised): Uint8Array {
  const listed = keccak256(concat(...items.map(bytesOf)));
  return signingHash(domain, keccak256(concat(KINDS[primaryType].hash, listed, fromInteger(receivedAt), fromInteger(due))));
}

/** The account that signed, checksummed; `BadSignature` where it is not plain ECDSA. */
export function notaryOf({ promised, signature }: SignedPromise): Address {
  const found = recoverAddress(promiseDigest(promised), bytesOf(signature));
  if (found === undefined) throw new NotConsented("BadSignature", "the promise is not signed by plain ECDSA", "Ask another notary.");
  return checksum(found);
}

/** What `judgePromise` needs to know of the chain. */
export function promiseQuery({ primaryType }: Promised, item: Word, anchor?: Anchor): FactQuery {
  const isRelay = primaryType === "RelayPromise";
  return { root: isRelay ? ZERO_WORD : (anchor?.root ?? ZERO_WORD), subject: ZERO_ADDRESS, handle: isRelay ? item : ZERO_WORD };
}

/**
 * Judges one commitment or handle of a promise, by the chain's time (docs/formats.md, "Promises").
 *
 * `facts` answer `promiseQuery`. A reorganisation or a stalled chain excuses nothing. `InvalidInput` where the promise does not
 * name the item or the facts have no answer, `NotIncluded` where the anchor's proof does not lead to its root.
 */
export function judgePromise(promised: Promised, item: Word, facts: Facts, anchor?: Anchor): PromiseState {
  if (!promised.items.includes(item)) throw new InvalidInput("the promise does not name this item", "Name one of its commitments or handles.");
  const isRelay = promised.primaryType === "RelayPromise";
  if (anchor !== undefined && !isRelay && !leadsToRoot(item, anchor)) throw new NotConsented("NotIncluded", "the proof does not lead to its root");
  const known = facts.anchors.get(keyOfQuery(promiseQuery(promised, item, anchor)));
  if (known === undefined) throw new InvalidInput("the chain was not asked about this promise", "Ask it what promiseQuery says.");
  const done = isRelay ? known.revokedAt : known.anchoredAt;
  if (done > 0) return done <= promised.due ? "Kept" : "Late";
  if (facts.blockTime <= promised.due) return "Open";
  return isRelay ? "Late" : "Unshown";
}

/** Reads `{"statement", "signature"}`; `Malformed` for anything else. */
export function asSignedPromise(value: Json | undefined): SignedPromise {
  const found = asObject(value, "promise", ["statement", "signature"]);
  return Object.freeze({ promised: asPromised(found["statement"]), signature: asSignature(found["signature"], "signature") });
}

/** Parses a signed promise in any layout, as a notary answers. */
export const parseSignedPromise = (raw: Uint8Array): SignedPromise => asSignedPromise(parseJson(raw, MAX_PROMISE));

/** Parses the file of one promise, whose bytes are RFC 8785; `Malformed`, or `BadSignature` where another account signed it. */
export function parsePromiseFile(raw: Uint8Array): PromiseFile {
  const found = asObject(parseCanonical(raw, MAX_PROMISE), "promise file", ["type", "version", "promise", "item", "notary"], ["anchor"]);
  checkConstant(found["type"], "ConsentPromise", "type");
  checkConstant(found["version"], 1, "version");
  const promise = asSignedPromise(found["promise"]);
  const item = asWord(found["item"], "item");
  const notary = asAddress(found["notary"], "notary");
  const anchor = found["anchor"] === undefined ? {} : { anchor: asAnchor(found["anchor"]) };
  if (!promise.promised.items.includes(item)) throw malformed("the promise does not name this item");
  if (notaryOf(promise) !== notary) throw new NotConsented("BadSignature", "the promise is not signed by the named notary", "Do not rely on it.");
  return Object.freeze({ promise, item, notary, ...anchor });
}

/** The promise as answers and files carry it. */
export function documentOfPromise({ promised, signature }: SignedPromise): JsonObject {
  const { items, due } = KINDS[promised.primaryType];
  const message = { [items]: promised.items, receivedAt: promised.receivedAt, [due]: promised.due };
  return { statement: { primaryType: promised.primaryType, domain: promised.domain as unknown as JsonObject, message }, signature };
}

/** The bytes of a promise's file. */
export function writePromiseFile({ promise, item, notary, anchor }: PromiseFile): Uint8Array {
  const given = anchor === undefined ? {} : { anchor: anchor as unknown as JsonObject };
  return encode({ type: "ConsentPromise", version: 1, promise: documentOfPromise(promise), item, notary, ...given });
}

function asPromised(value: Json | undefined): Promised {
  const found = asObject(value, "promise", ["primaryType", "domain", "message"]);
  const kind = found["primaryType"];
  if (kind !== "Promise" && kind !== "RelayPromise") throw malformed("not valid: this statement promises nothing");
  const { items: listed, due: last } = KINDS[kind];
  const message = asObject(found["message"], "message", [listed, "receivedAt", last]);
  const items = Object.freeze(asList(message[listed], listed, asWord, 1, MAX_ITEMS));
  const receivedAt = asInteger(message["receivedAt"], "receivedAt");
  const due = asInteger(message[last], last);
  checkDistinct(items, "item of a promise");
  if (due < receivedAt) throw malformed("the promise was due before it was given");
  return Object.freeze({ primaryType: kind, domain: asDomain(found["domain"]), items, receivedAt, due });
}

function leadsToRoot(item: Word, { root, proof }: Anchor): boolean {
  return equal(rootFrom(bytesOf(item), proof.map(bytesOf)), bytesOf(root));
}
