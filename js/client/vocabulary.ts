// The terms that may be signed, with the vocabulary's own words (DPV and IEEE 7012, in English). Signing refuses unknown terms.

import document from "../../registry/data/vocabulary.json" with { type: "json" };
import { InvalidInput } from "../core/errors.ts";

export type TermKind = "purpose" | "data" | "processing" | "agreement";

interface Entry {
  readonly kind: string;
  readonly label: string;
  readonly definition?: string;
  readonly special?: boolean;
}

/** A term for a person to read: `words` are the vocabulary's, `label` is the brand's. `words` is empty for a foreign term. */
export interface Term {
  readonly term: string;
  readonly words: string;
  readonly definition: string;
  readonly label: string;
  readonly special: boolean;
}

const terms = document.terms as Readonly<Record<string, Entry>>;
const spaces = Object.values(document.namespaces) as readonly string[];
const entryOf = (term: string): Entry | undefined => (Object.hasOwn(terms, term) ? terms[term] : undefined);

/** Returns each term with the vocabulary's words and the brand's label, if it has one. */
export function described(all: readonly string[], labels: ReadonlyMap<string, string> = new Map()): Term[] {
  return all.map((term) => {
    const entry = entryOf(term);
    return { term, words: entry?.label ?? "", definition: entry?.definition ?? "", label: labels.get(term) ?? "", special: entry?.special ?? false };
  });
}

/** Throws `InvalidInput` unless each is a known term of this kind, or belongs to another vocabulary (a full `https://` IRI). */
export function checkKnown(all: readonly string[], kind: TermKind): void {
  for (const term of all) {
    // Inside our namespaces a full IRI would be a second spelling of a compact one.
    const isForeign = term.startsWith("https://") && !spaces.some((space) => term.startsWith(space));
    if (!isForeign && entryOf(term)?.kind !== kind) {
      throw new InvalidInput(`${term.slice(0, 80)} is not a known ${kind} of DPV ${document.version}`, "Ask the brand to correct its request.");
    }
  }
}
