// On which network the app works, and whom it may ask: `/config.json`, or what a person typed.

import { type Domain, domainOf } from "../core/eip712.ts";
import { parseJson } from "../core/json.ts";
import { asAddress } from "../core/scalars.ts";
import { asAnyObject, asInteger, asList, asObject, asText, checkConstant, memberOf } from "../core/shapes.ts";
import type { Json } from "../core/json.ts";
import type { Domains } from "./web.ts";

/** A notary that may be asked. Without an account its own word for it counts. */
export interface NotaryName {
  readonly url: string;
  readonly account: string | undefined;
}

export interface NetworkConfig {
  readonly domain: Domain;
  readonly rpc: readonly string[];
  readonly notaries: readonly NotaryName[];
  readonly domains: Domains;
  /** Blocks that must lie above an anchor. */
  readonly confirmations: number;
  /** The largest age of the newest block, in seconds; undefined where none is set. */
  readonly maxFactsAge: number | undefined;
}

export const MAX_CONFIG = 64 * 1024;
const MOST = 16;
const REQUIRED = ["type", "version", "chainId", "registry", "rpc"];
const OPTIONAL = ["verifier", "block", "notaries", "gateways", "domains", "confirmations", "maxFactsAge"];

/** Parses `/config.json`. Throws `Malformed`. */
export function parseConfig(raw: Uint8Array): NetworkConfig {
  const found = asObject(parseJson(raw, MAX_CONFIG), "config", REQUIRED, OPTIONAL);
  checkConstant(found["type"], "ConsentApp", "type");
  checkConstant(found["version"], 1, "version");
  const age = found["maxFactsAge"] ?? null;
  return {
    domain: domainOf(asInteger(found["chainId"], "chainId", 1), asAddress(found["registry"], "registry")),
    rpc: asList(found["rpc"], "rpc", asText, 1, MOST),
    notaries: asList(found["notaries"] ?? [], "notaries", asNotary, 0, MOST),
    domains: asDomains(found["domains"] ?? {}),
    confirmations: asInteger(found["confirmations"] ?? 0, "confirmations"),
    maxFactsAge: age === null ? undefined : asInteger(age, "maxFactsAge"),
  };
}

function asNotary(value: Json, name: string): NotaryName {
  const found = asObject(value, name, ["url"], ["account"]);
  const account = found["account"] ?? null;
  const url = asText(found["url"], `${name}.url`, 1, 2048).replace(/\/$/, "");
  return { url, account: account === null ? undefined : asAddress(account, `${name}.account`) };
}

function asDomains(value: Json): Domains {
  const found = asAnyObject(value, "domains");
  return Object.fromEntries(Object.keys(found).map((host) => [host, asText(memberOf(found, host), host, 1, 2048).replace(/\/$/, "")]));
}
