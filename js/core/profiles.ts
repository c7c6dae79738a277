// A brand's profile: which accounts speak for its domain (docs/formats.md, "Profile").
// The brand serves it at https://DOMAIN/.well-known/consent.json. It is not signed: TLS says whose it is. Fetching is the caller's work.

import type { Domain } from "./eip712.ts";
import { malformed } from "./errors.ts";
import type { Evidence } from "./evidence.ts";
import { encode, parseCanonical, type Json, type JsonObject } from "./json.ts";
import { asRecipient, checkHost, checkPlain } from "./notice.ts";
import { NAME, SENTENCE } from "./plain_text.ts";
import { asAddress, asTerm, checkDistinct, type Address } from "./scalars.ts";
import { asInteger, asList, asObject, asText, checkConstant } from "./shapes.ts";

export const PROFILE_PATH = "/.well-known/consent.json";
export const MAX_PROFILE = 64 * 1024;
const MOST = 64;
const URL = /^https?:\/\/[!-~]{1,2000}$/;

/** An account of the brand on one registry. `until` (unix seconds) is the last moment at which it speaks for the brand. */
export interface ProfileAccount {
  readonly chainId: number;
  readonly registry: Address;
  readonly account: Address;
  /** The age recipients that data is sealed to, newest first. */
  readonly recipients: readonly string[];
  readonly until?: number;
}

/** A notary whose promises the brand believes. */
export interface ProfileNotary {
  readonly url: string;
  readonly account: Address;
}

/** What a domain says of the brand behind it. `inbox` is the URL that takes evidence. */
export interface Profile {
  readonly type: "ConsentProfile";
  readonly version: 1;
  readonly domain: string;
  readonly name: string;
  readonly accounts: readonly ProfileAccount[];
  readonly inbox: string;
  readonly notaries: readonly ProfileNotary[];
  readonly terms: readonly string[];
  readonly contact: string;
  readonly issuedAt: number;
}

/** How a brand's account stands with its domain. */
export type Standing = "confirmed" | "not confirmed" | "changed";

/** What a domain says of an account, and why it is not simply confirmed. `before` is the account of last time. */
export interface Confirmation {
  readonly standing: Standing;
  readonly domain: string;
  readonly account: Address;
  readonly why?: string;
  readonly before?: Address;
  /** The URL that takes answers, where the account is not "not confirmed". */
  readonly inbox?: string;
}

const MEMBERS = ["type", "version", "domain", "name", "accounts", "inbox", "notaries", "terms", "contact", "issuedAt"] as const;

/** Parses a profile from RFC 8785 bytes, at most 64 KiB; everything else is `Malformed`. */
export function parseProfile(raw: Uint8Array): Profile {
  const found = asObject(parseCanonical(raw, MAX_PROFILE), "profile", MEMBERS);
  checkConstant(found["type"], "ConsentProfile", "type");
  checkConstant(found["version"], 1, "version");
  const profile: Profile = Object.freeze({
    type: "ConsentProfile",
    version: 1,
    domain: checkHost(asText(found["domain"], "domain"), "domain"),
    name: checkPlain(asText(found["name"], "name"), NAME, "name"),
    accounts: Object.freeze(asList(found["accounts"], "accounts", asAccount, 0, MOST)),
    inbox: asUrl(found["inbox"], "inbox"),
    notaries: Object.freeze(asList(found["notaries"], "notaries", asNotary, 0, MOST)),
    terms: Object.freeze(asList(found["terms"], "terms", asTerm, 0, MOST)),
    contact: checkPlain(asText(found["contact"], "contact"), SENTENCE, "contact"),
    issuedAt: asInteger(found["issuedAt"], "issuedAt"),
  });
  checkDistinct(profile.accounts.map(({ chainId, registry, account }) => `${chainId} ${registry} ${account}`), "an account");
  checkDistinct(profile.notaries.map(({ account }) => account), "a notary");
  checkDistinct(profile.terms, "an agreement");
  return profile;
}

/** The bytes that the brand serves. */
export const writeProfile = (profile: Profile): Uint8Array => encode(profile as unknown as JsonObject);

/**
 * Says why a profile does not speak for the account of a brand's Request; undefined where it confirms it.
 *
 * `request` is verified, and the profile was fetched from its notice's domain. `now` is in unix seconds.
 */
export function whyUnconfirmed(profile: Profile, domain: Domain, request: Evidence, now: number): string | undefined {
  if (request.statement.primaryType !== "Request" || request.read === undefined) return "no request of the brand's is at hand";
  const { controller } = request.read.notice;
  if (profile.domain !== controller.domain) return `the profile is of ${profile.domain}`;
  const found = profile.accounts.find(
    (each) => each.chainId === domain.chainId && each.registry === domain.verifyingContract && each.account === controller.account,
  );
  if (found === undefined) return `${controller.domain} does not name the account ${controller.account} on this registry`;
  if (found.until !== undefined && found.until < now) return `${controller.domain} says that this account speaks for it no more`;
  if (!found.recipients.includes(controller.recipient)) return `${controller.domain} does not name the key that data would be sealed to`;
  return undefined;
}

/**
 * Says how the account of a brand's Request stands with its domain.
 *
 * `profile` is what was fetched, or a sentence why nothing was: that is "not confirmed". `before` is the account that this domain
 * confirmed last time, undefined where it is new.
 */
export function standingOf(profile: Profile | string, domain: Domain, request: Evidence, now: number, before?: Address): Confirmation {
  if (request.read === undefined) throw malformed("a request has its notice");
  const { domain: host, account } = request.read.notice.controller;
  const other = before === undefined || before === account ? {} : { before };
  const why = typeof profile === "string" ? profile : whyUnconfirmed(profile, domain, request, now);
  if (why !== undefined || typeof profile === "string") return { standing: "not confirmed", domain: host, account, why: why ?? "", ...other };
  const { inbox } = profile;
  if (other.before === undefined) return { standing: "confirmed", domain: host, account, inbox };
  return { standing: "changed", domain: host, account, why: `last time ${host} named ${other.before}`, before: other.before, inbox };
}

function asAccount(value: Json, name: string): ProfileAccount {
  const found = asObject(value, name, ["chainId", "registry", "account", "recipients"], ["until"]);
  const recipients = Object.freeze(asList(found["recipients"], `${name}.recipients`, asRecipient, 1, MOST));
  checkDistinct(recipients, "a recipient");
  return Object.freeze({
    chainId: asInteger(found["chainId"], `${name}.chainId`, 1),
    registry: asAddress(found["registry"], `${name}.registry`),
    account: asAddress(found["account"], `${name}.account`),
    recipients,
    ...(found["until"] === undefined ? {} : { until: asInteger(found["until"], `${name}.until`) }),
  });
}

function asNotary(value: Json, name: string): ProfileNotary {
  const found = asObject(value, name, ["url", "account"]);
  return Object.freeze({ url: asUrl(found["url"], `${name}.url`), account: asAddress(found["account"], `${name}.account`) });
}

function asUrl(value: Json | undefined, name: string): string {
  const text = asText(value, name);
  if (!URL.test(text)) throw malformed(`not valid: ${name} is no http address`);
  return text;
}
