// Checks that a statement fits its notice: step 7 of the verification.

import type { Grant, Mandate, Refusal, Request } from "./messages.ts";
import { languagesOf, type Notice } from "./notice.ts";
import { DAY, mismatch, render } from "./rendering.ts";
import { NotConsented } from "./errors.ts";
import type { Word } from "./scalars.ts";

/** Throws `NoticeMismatch`, naming the difference, unless the notice with this digest allows the message. */
export function checkFits(notice: Notice, digest: Word, message: Grant | Refusal | Request | Mandate): void {
  if (message.notice !== digest) throw mismatch("the notice is not the one that was signed (its SHA-256 differs)");
  const [who, account] = "delegate" in message ? ["delegate", message.delegate] : ["controller", message.controller];
  if (account !== notice.controller.account) throw mismatch(`the ${who} is not the account that the notice names`);
  if ("terms" in message && message.terms !== notice.terms) throw mismatch("the terms are not the notice's");
  if ("revocation" in message && message.expiresAt - message.issuedAt > notice.maxDays * DAY) {
    throw mismatch(`it lasts longer than the notice's ${notice.maxDays} days`);
  }
  checkScopes(notice, message.purposes, "data" in message ? message.data : []);
  if ("statement" in message && !languagesOf(notice).some((language) => render(notice, language, message) === message.statement)) {
    throw mismatch("the statement is not the notice's sentence in any of its languages");
  }
}

/** The language of the notice in which the message has its sentence; undefined if it has the sentence in none. */
export function signedLanguage(notice: Notice, message: Grant | Refusal | Mandate): string | undefined {
  try {
    return languagesOf(notice).find((language) => render(notice, language, message) === message.statement);
  } catch (error) {
    if (error instanceof NotConsented) return undefined;
    throw error;
  }
}

function checkScopes(notice: Notice, purposes: readonly string[], data: readonly string[]): void {
  for (const purpose of purposes) {
    // A set for each purpose: a search for each pair in each scope takes minutes for a hostile notice of 64 KiB.
    const allowed = new Set(notice.scopes.filter((scope) => scope.purposes.includes(purpose)).flatMap((scope) => scope.data));
    const foreign = data.find((datum) => !allowed.has(datum));
    if (foreign !== undefined) throw mismatch(`${purpose} with ${foreign} lies in no scope of the notice`);
    if (allowed.size === 0) throw mismatch(`${purpose} lies in no scope of the notice`);
  }
}
