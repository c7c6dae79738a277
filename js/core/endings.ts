// What ends consent, as a relay takes it: openings in private, or the three signed statements that the contract knows.

import { malformed } from "./errors.ts";
import { signingHash, type Domain } from "./eip712.ts";
import { parseJson, type Json } from "./json.ts";
import { handleOf, lockOf, tagFrom } from "./locks.ts";
import { asMessage, type Messages } from "./messages.ts";
import { asSignature, asWord, bytesOf, type Hex, type Word } from "./scalars.ts";
import { asAnyObject, asList, asObject } from "./shapes.ts";
import { structHash } from "./statements.ts";

/** Openings of one transaction. One request holds no more. */
export const MAX_ENDINGS = 100;
const MAX_BODY = 2 * 1024 * 1024;

/** What reveals a lock in private: its secret, and the tag of the grant's subject (32 bytes each). */
export interface Opening {
  readonly secret: Word;
  readonly tag: Word;
}

/** A Revoke with what the contract needs; the lock and the salt's hash must make its handle. */
export interface SignedRevoke {
  readonly primaryType: "Revoke";
  readonly message: Messages["Revoke"];
  readonly lock: Word;
  readonly saltHash: Word;
  readonly signature: Hex;
}

export interface SignedRevokeAll {
  readonly primaryType: "RevokeAll";
  readonly message: Messages["RevokeAll"];
  readonly signature: Hex;
}

export interface SignedRetire {
  readonly primaryType: "Retire";
  readonly message: Messages["Retire"];
  readonly signature: Hex;
}

export type SignedEnding = SignedRevoke | SignedRevokeAll | SignedRetire;

/** The body of `POST /v1/revocations`: either openings or signed endings, 1 to 100. */
export type Endings = { readonly openings: readonly Opening[] } | { readonly signed: readonly SignedEnding[] };

/** The handle that an opening revokes. */
export const handleOfOpening = ({ secret, tag }: Opening): Word => handleOf(lockOf(bytesOf(secret)), tag);

/** The EIP-712 signing hash of a signed ending, 32 bytes. */
export function endingDigest(domain: Domain, ending: SignedEnding): Uint8Array {
  return signingHash(domain, structHash(ending.primaryType, ending.message));
}

/** Reads one signed ending; `Malformed` for anything else. */
export function asSignedEnding(value: Json): SignedEnding {
  const kind = asAnyObject(value, "signed ending")["primaryType"];
  if (kind === "Revoke") return asSignedRevoke(value);
  if (kind !== "RevokeAll" && kind !== "Retire") throw malformed("not valid: this statement ends nothing");
  const found = asObject(value, kind, ["primaryType", "message", "signature"]);
  const signature = asSignature(found["signature"], "signature");
  if (kind === "Retire") return Object.freeze({ primaryType: kind, message: asMessage(kind, found["message"]), signature });
  return Object.freeze({ primaryType: kind, message: asMessage(kind, found["message"]), signature });
}

/** Parses the body of `POST /v1/revocations` in any layout; `Malformed` for anything else. */
export function parseEndings(raw: Uint8Array): Endings {
  const found = asObject(parseJson(raw, MAX_BODY), "the request", [], ["openings", "signed"]);
  const openings = asList(found["openings"] ?? [], "openings", asOpening, 0, MAX_ENDINGS);
  const signed = asList(found["signed"] ?? [], "signed", asSignedEnding, 0, MAX_ENDINGS);
  if (openings.length > 0 === signed.length > 0) throw malformed("the request holds either openings or signed endings");
  return openings.length > 0 ? { openings } : { signed };
}

function asOpening(value: Json): Opening {
  const found = asObject(value, "opening", ["secret", "tag"]);
  return Object.freeze({ secret: asWord(found["secret"], "secret"), tag: asWord(found["tag"], "tag") });
}

function asSignedRevoke(value: Json): SignedRevoke {
  const found = asObject(value, "Revoke", ["primaryType", "message", "lock", "saltHash", "signature"]);
  const message = asMessage("Revoke", found["message"]);
  const lock = asWord(found["lock"], "lock");
  const saltHash = asWord(found["saltHash"], "saltHash");
  if (handleOf(lock, tagFrom(message.subject, saltHash)) !== message.handle) throw malformed("the lock and the saltHash do not make this handle");
  return Object.freeze({ primaryType: "Revoke", message, lock, saltHash, signature: asSignature(found["signature"], "signature") });
}
