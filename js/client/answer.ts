// A person's answer to a request, before it is signed: what they chose, checked, as a message with its sentence.

import { toHex } from "../core/bytes.ts";
import { InvalidInput } from "../core/errors.ts";
import { checkFits } from "../core/fitting.ts";
import { lockOf, revocationSecret } from "../core/locks.ts";
import type { Grant, Refusal, Request } from "../core/messages.ts";
import { chosenLanguage, languagesOf, type Notice } from "../core/notice.ts";
import { randomBytes } from "../core/random.ts";
import { checkRecipient } from "../core/recipients.ts";
import { DAY, render } from "../core/rendering.ts";
import { type Address, type Word, ZERO_WORD } from "../core/scalars.ts";

/** A request that was fetched, parsed and judged. `noticeText` is the notice exactly as it came. */
export interface Asked {
  readonly digest: Word;
  readonly message: Request;
  readonly notice: Notice;
  readonly noticeText: string;
  readonly link: string;
}

export interface Choice {
  readonly purposes: readonly string[];
  readonly data: readonly string[];
  readonly days: number;
  readonly language: string;
}

/** The person's language where the notice has it, else English or the notice's first. */
export function languageFor(notice: Notice, wanted: string): string {
  const all = languagesOf(notice);
  const found = all.find((tag) => tag === wanted) ?? all.find((tag) => tag.toLowerCase().split("-")[0] === wanted);
  return found ?? chosenLanguage(notice);
}

/**
 * Returns the grant of what was chosen, with its sentence. Nothing is signed.
 *
 * `date` is the date of the statement (unix seconds), `supersedes` the digest of the grant that it replaces. Throws `InvalidInput` for
 * a choice that the request does not offer, and `NoticeMismatch` for one that does not fit its notice. A notice to whose key nothing
 * can be sealed is `InvalidInput` too.
 */
export function composeGrant(asked: Asked, choice: Choice, subject: Address, seed: Uint8Array, date: number, supersedes: Word = ZERO_WORD): Grant {
  if (!Number.isInteger(choice.days) || choice.days < 1 || choice.days > asked.notice.maxDays) {
    throw new InvalidInput(`${choice.days} days are not possible`, `The notice allows 1 to ${asked.notice.maxDays} days.`);
  }
  // A notice is read by the recipient's spelling alone. Who allows something must be able to hand it over.
  checkRecipient(asked.notice.controller.recipient);
  const salt = freshSalt();
  const draft: Grant = {
    statement: "",
    subject,
    controller: asked.message.controller,
    request: asked.digest,
    purposes: chosen("purpose", choice.purposes, asked.message.purposes),
    data: chosen("datum", choice.data, asked.message.data),
    terms: asked.message.terms,
    notice: asked.message.notice,
    // Nothing is handed over: the vault is not in the browser yet.
    content: ZERO_WORD,
    supersedes,
    issuedAt: date,
    notBefore: date,
    expiresAt: date + choice.days * DAY,
    revocation: lockOf(revocationSecret(seed, salt)),
    salt,
  };
  return worded(asked, choice.language, draft);
}

/** Returns the refusal of all that is asked, with its sentence. Nothing is signed. */
export function composeRefusal(asked: Asked, language: string, subject: Address, date: number): Refusal {
  const { controller, purposes, notice } = asked.message;
  const draft: Refusal = { statement: "", subject, controller, request: asked.digest, purposes, notice, issuedAt: date, salt: freshSalt() };
  return worded(asked, language, draft);
}

/** Returns the sentence that a choice will have, for the person to read while they choose; empty where it has none yet. */
export function sentenceOf(asked: Asked, choice: Choice, date: number): string {
  if (choice.purposes.length === 0 || choice.data.length === 0) return "";
  const shown = { purposes: [...choice.purposes].sort(), data: [...choice.data].sort(), expiresAt: date + choice.days * DAY, revocation: "" };
  return render(asked.notice, choice.language, shown as unknown as Grant);
}

function worded<Message extends Grant | Refusal>(asked: Asked, language: string, draft: Message): Message {
  const message = { ...draft, statement: render(asked.notice, language, draft) };
  checkFits(asked.notice, asked.message.notice, message);
  return message;
}

function chosen(what: string, picked: readonly string[], asked: readonly string[]): readonly string[] {
  if (picked.length === 0) throw new InvalidInput(`no ${what} is chosen`, "Choose at least one, or refuse the request.");
  const foreign = picked.find((term) => !asked.includes(term));
  if (foreign !== undefined) throw new InvalidInput(`the ${what} ${foreign} was not asked for`, "Choose among what is asked.");
  // Terms are ASCII, so the order of UTF-16 is that of UTF-8.
  return [...new Set(picked)].sort();
}

const freshSalt = (): Word => toHex(randomBytes(32));
