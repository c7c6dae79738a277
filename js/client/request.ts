// Takes a brand's link: fetches the request behind it, checks that it is the one that the link names, and asks its domain.

import { toHex } from "../core/bytes.ts";
import { CouldNotCheck, InvalidInput, malformed } from "../core/errors.ts";
import { type Evidence, MAX_EVIDENCE, parseEvidence } from "../core/evidence.ts";
import { oneLine, quoted } from "../core/one_line.ts";
import { MAX_PROFILE, parseProfile, type Profile, PROFILE_PATH, type Confirmation, standingOf } from "../core/profiles.ts";
import type { Address, Word } from "../core/scalars.ts";
import type { Asked } from "./answer.ts";
import { adviceIn, EVIDENCE_TYPE } from "./brand.ts";
import type { Network } from "./network.ts";
import { policyOf, verify } from "./verify.ts";
import { parseUrl, placed, problemIn } from "./web.ts";

const SECONDS = 15;
const PROFILE_SECONDS = 10;
const MAX_WHY = 400;
const LINK = /\/r\/(0x[0-9a-f]{64})$/;

/** A request that was fetched and judged, with its evidence. */
export interface Fetched {
  readonly asked: Asked;
  readonly evidence: Evidence;
}

/** Returns the digest that a brand's link ends in. Throws `InvalidInput` for another URL. */
export function digestIn(link: string): Word {
  const found = LINK.exec(parseUrl(link).pathname);
  if (found === null) throw new InvalidInput("that is no link to a request", "It ends in /r/ and the request's digest: copy it whole.");
  return found[1] as Word;
}

/**
 * Returns the request behind a brand's link: the one that the link names, signed by the account that asks, and in force.
 *
 * Throws `BrandUnavailable` where the server does not answer, `InvalidInput` where it gives no request (any more), the
 * `NotConsented` that tells what is wrong with it, and `LedgerUnavailable` where the chain could not be asked.
 */
export async function fetchRequest(network: Network, link: string): Promise<Fetched> {
  const digest = digestIn(link);
  const { host } = parseUrl(link);
  const url = placed(link, network.config.domains);
  const answer = await network.web.ask("BrandUnavailable", host, url, { accept: EVIDENCE_TYPE, seconds: SECONDS, maxBytes: MAX_EVIDENCE });
  if (answer.status === 404 || answer.status === 410) {
    const problem = problemIn(answer);
    throw new InvalidInput(`${host} gives no request there, and says ${quoted(problem.words)}`, adviceIn(problem) ?? "Ask the brand.");
  }
  if (answer.status !== 200) throw new CouldNotCheck("BrandUnavailable", `${host} answered ${answer.status} and no request`, "Try again later, or ask the brand.");
  const evidence = parseEvidence(answer.body);
  const { statement, read, notice } = evidence;
  if (statement.primaryType !== "Request" || read === undefined || notice === undefined || toHex(evidence.digest) !== digest) {
    throw malformed(`${host} gave another file than the request that the link names`, "Do not answer it; ask the brand for its link again.");
  }
  await verify(network, evidence, policyOf(network, null));
  return { evidence, asked: { digest, message: statement.message, notice: read.notice, noticeText: notice, link } };
}

/** Asks the notice's domain whether the account speaks for it. What cannot be fetched is "not confirmed". */
export async function confirm(network: Network, request: Evidence, before?: Address): Promise<Confirmation> {
  const host = request.read?.notice.controller.domain ?? "";
  return standingOf(await fetchProfile(network, host), network.config.domain, request, network.clock(), before);
}

/** Returns a domain's profile, or a sentence why there is none. */
async function fetchProfile(network: Network, host: string): Promise<Profile | string> {
  try {
    const url = placed(`https://${host}${PROFILE_PATH}`, network.config.domains);
    const answer = await network.web.exchange(url, { seconds: PROFILE_SECONDS, maxBytes: MAX_PROFILE });
    return answer.status === 200 ? parseProfile(answer.body) : `${host} answered ${answer.status} and no profile`;
  } catch (error) {
    return oneLine(`${host}: ${(error as Error).message}`, MAX_WHY);
  }
}
