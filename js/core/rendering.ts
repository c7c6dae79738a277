// Renders the sentence that is signed.

import { NotConsented } from "./errors.ts";
import type { Grant, Mandate, Refusal } from "./messages.ts";
import type { Notice, Text } from "./notice.ts";
import { ZERO_ADDRESS } from "./scalars.ts";

export const DAY = 86_400;
const LAST_DAY = Date.UTC(9999, 11, 31) / 1000 / DAY;
const BRACED = /(\{[a-z]+\})/;

export const mismatch = (message: string): NotConsented => new NotConsented("NoticeMismatch", message);

/** Renders the sentence for this message in this language; `NoticeMismatch` if the notice has none. */
export function render(notice: Notice, language: string, message: Grant | Refusal | Mandate): string {
  const text = notice.text.get(language);
  if (text === undefined) throw mismatch(`the notice is not written in ${JSON.stringify(language.slice(0, 40))}`);
  const kind = isMandate(message) ? "Mandate" : isGrant(message) ? "Grant" : "Refusal";
  const template = text[kind];
  if (template === undefined) throw mismatch(`the notice has no sentence for a ${kind}`);
  const named = `${notice.controller.name} (${notice.controller.domain})`;
  const values = new Map([
    ["{controller}", named],
    ["{delegate}", named],
    ["{purposes}", listed(text, message.purposes)],
  ]);
  if (isMandate(message)) {
    values.set("{powers}", listed(text, message.powers.map((power) => `power:${power}`)));
    values.set("{controllers}", message.controllers[0] === ZERO_ADDRESS ? labelOf(text, "controller:any") : joined(text, message.controllers));
  }
  if ("data" in message) values.set("{data}", listed(text, message.data)).set("{expires}", dayOf(message.expiresAt));
  // Split first, then substitute, so that values are not searched for placeholders.
  return template.split(BRACED).map((piece) => values.get(piece) ?? piece).join("");
}

/** The brand's label for a term; `NoticeMismatch` if it has none. */
export function labelOf(text: Text, term: string): string {
  const label = text.labels.get(term);
  if (label === undefined) throw mismatch(`the notice has no label for ${term}`);
  return label;
}

/** The UTC date of a unix time, YYYY-MM-DD; `NoticeMismatch` past the year 9999, which no notice allows. */
export function dayOf(seconds: number): string {
  const day = Math.floor(seconds / DAY);
  if (day > LAST_DAY) throw mismatch("a date lies after the year 9999");
  return new Date(day * DAY * 1000).toISOString().slice(0, 10);
}

export const isGrant = (message: object): message is Grant => "revocation" in message && !isMandate(message);
export const isMandate = (message: object): message is Mandate => "delegate" in message;

function listed(text: Text, terms: readonly string[]): string {
  return joined(text, terms.map((term) => labelOf(text, term)));
}

function joined(text: Text, labels: readonly string[]): string {
  if (labels.length < 2) return labels.join("");
  return `${labels.slice(0, -1).join(", ")} ${text.and} ${labels.at(-1)}`;
}
