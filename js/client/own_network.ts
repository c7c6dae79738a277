// A network by the URL of a node that the person typed: with that and their file alone they can still end what they allowed.

import { selector } from "../core/abi.ts";
import { toHex } from "../core/bytes.ts";
import { type Domain, domainOf, domainSeparator } from "../core/eip712.ts";
import { ConsentError, InvalidInput } from "../core/errors.ts";
import { type Address, ZERO_ADDRESS } from "../core/scalars.ts";
import type { NetworkConfig } from "./config.ts";
import { Node, unavailable } from "./rpc.ts";
import type { Web } from "./web.ts";

/** What a person typed, once the node has shown that it serves this registry. */
export interface OwnNetwork {
  readonly rpc: string;
  readonly domain: Domain;
}

const LOOPBACK = ["localhost", "127.0.0.1", "[::1]"];
const ADVICE = "Write it as https://HOST, or http://127.0.0.1:PORT for a node on this device.";

/** The network of a page that has none of its own (any more). */
export const NO_NETWORK: NetworkConfig = {
  domain: domainOf(1, ZERO_ADDRESS), rpc: [], notaries: [], domains: {}, confirmations: 0, maxFactsAge: undefined,
};

export const isNamed = ({ domain }: NetworkConfig): boolean => domain.verifyingContract !== ZERO_ADDRESS;

/** Checks a typed URL: https, or http on this device alone. It may hold a key, so no error repeats it. Throws `InvalidInput`. */
export function checkedRpc(text: string): string {
  const typed = text.trim();
  const url = /^[!-~]{1,2048}$/.test(typed) ? URL.parse(typed) : null;
  if (url === null || !["http:", "https:"].includes(url.protocol)) throw new InvalidInput("that is not the URL of a node", ADVICE);
  if (url.username !== "" || url.password !== "" || url.hash !== "") throw new InvalidInput("that URL has a user's name or a fragment", ADVICE);
  if (url.protocol === "http:" && !LOOPBACK.includes(url.hostname)) throw new InvalidInput("http is for this device alone: on the way, anybody could change what the node says", ADVICE);
  return url.href;
}

/**
 * Asks the node whether it is of the chain of this registry.
 *
 * Throws `InvalidInput` where it is of another one, `LedgerUnavailable` where it does not answer.
 */
export async function askNode(web: Web, typed: string, domain: Domain): Promise<OwnNetwork> {
  const rpc = checkedRpc(typed);
  const node = new Node(web, [rpc]);
  const chain = await node.chainId();
  if (chain !== domain.chainId) throw new InvalidInput(`that node is of the chain ${chain}, not of ${domain.chainId}`, "Name a node of the chain on which your consents are recorded.");
  const call = { to: domain.verifyingContract as Address, data: toHex(selector("domainSeparator()")) };
  const found = await node.ask("eth_call", call, "latest").catch((error: unknown) => {
    if (error instanceof ConsentError) throw unavailable("that node does not tell of the registry");
    throw error;
  });
  if (found !== toHex(domainSeparator(domain))) throw new InvalidInput("that node does not have the registry of your consents", "Name another node of that chain.");
  return { rpc, domain };
}

/** The configuration with the person's own node in the place of the others. */
export const withOwn = (config: NetworkConfig, own: OwnNetwork): NetworkConfig =>
  ({ ...config, domain: isNamed(config) ? config.domain : own.domain, rpc: [own.rpc] });
