// A consent that comes back from its saved file.

import { toHex } from "../core/bytes.ts";
import type { Accounts } from "../core/accounts.ts";
import { InvalidInput } from "../core/errors.ts";
import { canonicalEvidence, parseEvidence } from "../core/evidence.ts";
import { signedLanguage } from "../core/fitting.ts";
import type { Json } from "../core/json.ts";
import { lockOf, revocationSecret } from "../core/locks.ts";
import { type Kept, UNSEEN } from "../client/kept.ts";
import { freshId } from "./store/sealed.ts";

/** Returns what is kept of a saved file, and its notice. Throws `Malformed`, and `InvalidInput` where another key made it. */
export function readSaved(raw: Uint8Array, seed: Uint8Array, accounts: Accounts, now: number): { kept: Kept; notice: string } {
  const { statement, signature, anchor, notice, acceptance, read, digest } = parseEvidence(canonicalEvidence(raw));
  const isAnswer = statement.primaryType === "Grant" || statement.primaryType === "Refusal";
  if (!isAnswer || notice === undefined || read === undefined || anchor === undefined) throw new InvalidInput("that is no file of a consent", "Give the file of a grant.");
  const { message } = statement;
  const isByUs = accounts.generationOf(message.controller, message.subject) !== undefined;
  const isOwn = "revocation" in message ? lockOf(revocationSecret(seed, message.salt)) === message.revocation : isByUs;
  if (!isOwn) throw new InvalidInput("this key did not make it", "Use the 24 words with which it was made.");
  const { name, domain, account } = read.notice.controller;
  const kept: Kept = {
    id: freshId(), kind: statement.primaryType, digest: toHex(digest), brand: { name, domain, account }, by: isByUs ? "seed" : "wallet",
    domain: statement.domain, message, language: signedLanguage(read.notice, message) ?? "en", signature, keptAt: now,
    anchor: anchor as unknown as Json, inbox: "", delivery: "hand", seen: UNSEEN,
    ...(acceptance === undefined ? {} : { acceptance: acceptance as unknown as Json }),
  };
  return { kept, notice };
}
