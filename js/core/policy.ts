// The verifier's conditions. What is absent is reported as "not asked"; an empty list never means "anything".

import { domainOf, type Domain } from "./eip712.ts";
import { InvalidInput } from "./errors.ts";
import { checkAddress, type Address } from "./scalars.ts";

/** One verifier's conditions, as a caller writes them. */
export interface Conditions {
  readonly chainId: number;
  readonly registry: Address;
  /** The accounts that may be named as controller; null where that is not asked. It must be said, so that nobody forgets it. */
  readonly controllers: Iterable<Address> | null;
  readonly purposes?: Iterable<string> | null;
  readonly data?: Iterable<string> | null;
  readonly terms?: string | null;
  /** The controller must have counter-signed. */
  readonly accepted?: boolean;
  /** The number of blocks that must lie above the anchor. */
  readonly confirmations?: number;
  /** The seconds before its anchor at which a statement may be dated. */
  readonly maxBackdate?: number | null;
  /** The largest age in seconds of the newest block when it is read. */
  readonly maxFactsAge?: number | null;
}

/** Checked conditions. Only `makePolicy` makes them. */
export interface Policy {
  readonly domain: Domain;
  readonly controllers: ReadonlySet<Address> | undefined;
  readonly purposes: ReadonlySet<string> | undefined;
  readonly data: ReadonlySet<string> | undefined;
  readonly terms: string | undefined;
  readonly accepted: boolean;
  readonly confirmations: number;
  readonly maxBackdate: number | undefined;
  readonly maxFactsAge: number | undefined;
}

/** Checks conditions; `InvalidInput` where they make no sense, `Malformed` for an address without its checksum. */
export function makePolicy(conditions: Conditions): Policy {
  const { chainId, registry, terms, accepted, confirmations, maxBackdate, maxFactsAge } = conditions;
  if (conditions.controllers === undefined) throw new InvalidInput("controllers is absent: name the accounts, or null for 'not asked'");
  const controllers = setOf(conditions.controllers, "controllers");
  controllers?.forEach((account) => checkAddress(account, "controller"));
  return Object.freeze({
    domain: domainOf(chainId, registry),
    controllers,
    purposes: filledSet(conditions.purposes, "purposes"),
    data: filledSet(conditions.data, "data"),
    terms: terms ?? undefined,
    accepted: accepted ?? false,
    confirmations: countOf(confirmations, "confirmations") ?? 0,
    maxBackdate: countOf(maxBackdate, "maxBackdate"),
    maxFactsAge: countOf(maxFactsAge, "maxFactsAge"),
  });
}

/** For each condition its value, or "not asked". */
export function askedBy(policy: Policy): Readonly<Record<string, string>> {
  const told = (values: Iterable<string | number> | undefined): string => (values === undefined ? "not asked" : [...values].sort().join(", "));
  return Object.freeze({
    controller: told(policy.controllers),
    purposes: told(policy.purposes),
    data: told(policy.data),
    terms: told(policy.terms === undefined ? undefined : [policy.terms]),
    acceptance: told(policy.accepted ? ["required"] : undefined),
    confirmations: told(policy.confirmations > 0 ? [policy.confirmations] : undefined),
    maxBackdate: told(policy.maxBackdate === undefined ? undefined : [policy.maxBackdate]),
  });
}

function filledSet(values: Iterable<string> | null | undefined, name: string): ReadonlySet<string> | undefined {
  const found = setOf(values, name);
  if (found?.size === 0) throw new InvalidInput(`${name} is empty: ask for at least one, or leave it out for 'not asked'`);
  return found;
}

// A copy: a later change of the caller's list must not alter a policy that was already used.
function setOf(values: Iterable<string> | null | undefined, name: string): ReadonlySet<string> | undefined {
  if (typeof values === "string") throw new InvalidInput(`${name} is one value, not a list of them`);
  return values === null || values === undefined ? undefined : new Set(values);
}

function countOf(value: number | null | undefined, name: string): number | undefined {
  if (value === null || value === undefined) return undefined;
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidInput(`${name} is no whole number from 0`);
  return value;
}
