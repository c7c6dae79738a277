// How data is used: the processing operations that a notice's scopes name.

import type { Notice } from "./notice.ts";

// DPV's terms for the training of AI models (docs/decisions/0010-plain-text.md). Our clients refuse to sign the long forms, but
// evidence that other software made may have them.
const TRAINING = new Set(["ai:", "https://w3id.org/dpv/ai#"].flatMap((space) => [`${space}ModelFineTuning`, `${space}ModelTraining`]));

/** The operations that the notice allows for these purposes and data, sorted: those of every scope that covers one of the pairs. */
export function processingOf(notice: Notice, purposes: readonly string[], data: readonly string[]): string[] {
  const covers = (asked: readonly string[], has: readonly string[]): boolean => asked.some((term) => has.includes(term));
  const scopes = notice.scopes.filter((scope) => covers(purposes, scope.purposes) && covers(data, scope.data));
  return [...new Set(scopes.flatMap((scope) => scope.processing))].sort();
}

/** Whether these operations include the training of AI models. What no scope names is not allowed. */
export const allowsTraining = (processing: readonly string[]): boolean => processing.some((operation) => TRAINING.has(operation));
