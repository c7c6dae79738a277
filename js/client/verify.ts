// Reads the facts from the configured chain, then judges evidence by them.

import { CouldNotCheck, NotConsented } from "../core/errors.ts";
import type { Evidence } from "../core/evidence.ts";
import { factQueries, presentOf } from "../core/facts.ts";
import { judge, type VerifiedStatement } from "../core/judge.ts";
import { makePolicy, type Policy } from "../core/policy.ts";
import type { Address } from "../core/scalars.ts";
import { breather, inTurn } from "./breathe.ts";
import type { Network } from "./network.ts";

export type Answer = VerifiedStatement | NotConsented | CouldNotCheck;

/** Returns the network's bounds as a policy; `controllers` are null where that is not asked. */
export function policyOf(network: Network, controllers: readonly Address[] | null, accepted = false): Policy {
  const { domain, confirmations, maxFactsAge } = network.config;
  return makePolicy({
    chainId: domain.chainId, registry: domain.verifyingContract, controllers, accepted, confirmations, maxFactsAge: maxFactsAge ?? null,
  });
}

/** Returns the judgement now. Throws the `NotConsented` that tells why not, or `LedgerUnavailable` if it could not be checked. */
export async function verify(network: Network, evidence: Evidence, policy: Policy, grant?: Evidence): Promise<VerifiedStatement> {
  const { anchors, signatures } = factQueries(evidence);
  const facts = await network.facts(anchors, signatures, policy.confirmations);
  return judge(evidence, facts, policy, presentOf(facts), grant);
}

/** Judges all with one reading of the chain. A no stands in its place. Throws `LedgerUnavailable` where the chain cannot be read. */
export async function verifyMany(network: Network, all: readonly Evidence[], policy: Policy = policyOf(network, null)): Promise<readonly Answer[]> {
  const breathe = breather();
  const queries = await inTurn(all, breathe, factQueries);
  const facts = await network.facts(queries.flatMap((each) => each.anchors), queries.flatMap((each) => each.signatures), policy.confirmations);
  return inTurn(all, breathe, (evidence) => {
    try {
      return judge(evidence, facts, policy, presentOf(facts));
    } catch (error) {
      if (error instanceof NotConsented || error instanceof CouldNotCheck) return error;
      throw error;
    }
  });
}
