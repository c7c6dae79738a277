// Judges a file that somebody gave: evidence, or the file of a brand's changed log.

import { CouldNotCheck, NotConsented } from "../core/errors.ts";
import { type Evidence, parseEvidence } from "../core/evidence.ts";
import type { Network } from "../client/network.ts";
import { judgeChange } from "../client/uses.ts";
import { policyOf, verify } from "../client/verify.ts";

export interface Judged {
  readonly is: "yes" | "no" | "unknown";
  readonly evidence: Evidence;
  readonly anchoredAt?: number | undefined;
  readonly accepted: string;
  readonly error?: NotConsented | CouldNotCheck;
}

const MARK = '"type":"ConsentChangedLog"';

/** Returns the answer; throws the error of a file that is none of these. */
export async function judgeFile(network: Network, raw: Uint8Array): Promise<Judged | Awaited<ReturnType<typeof judgeChange>>> {
  if (isChange(raw)) return judgeChange(network, raw);
  const evidence = parseEvidence(raw);
  try {
    const found = await verify(network, evidence, policyOf(network, null));
    return { is: "yes", evidence, anchoredAt: found.anchoredAt, accepted: found.acceptance };
  } catch (error) {
    if (error instanceof NotConsented) return { is: "no", evidence, accepted: "", error };
    if (error instanceof CouldNotCheck) return { is: "unknown", evidence, accepted: "", error };
    throw error;
  }
}

export const isUnknown = (error: unknown): boolean => error instanceof CouldNotCheck;

/** Only such a file has this member at its top: the others name their own type. */
function isChange(raw: Uint8Array): boolean {
  const text = new TextDecoder().decode(raw);
  return text.includes(MARK) && text.startsWith('{"heads":');
}
