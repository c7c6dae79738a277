// A network as the app works on it: its registry, its nodes, and the facts that they tell.

import { decodeFacts, decodeProbe, encodeFacts, PROBE_GAS, signatureProbe } from "../core/abi.ts";
import { fromHex, toHex } from "../core/bytes.ts";
import { InvalidInput } from "../core/errors.ts";
import { type AnchorFacts, type FactQuery, type Facts, keyOfQuery, keyOfSignature, presentOf, type SignatureQuery } from "../core/facts.ts";
import type { Json } from "../core/json.ts";
import { type Address, CLOCK_SKEW, MAX_SAFE_INTEGER, ZERO_WORD } from "../core/scalars.ts";
import { breather, inTurn } from "./breathe.ts";
import type { NetworkConfig } from "./config.ts";
import { type Head, isNodeError, Node, type NodeError, unavailable } from "./rpc.ts";
import type { Web } from "./web.ts";

/** Unix seconds. */
export type Clock = () => number;

const ownClock: Clock = () => Math.floor(Date.now() / 1000);
const ATTEMPTS = 3;
const PAUSE = 200;

export class Network {
  readonly config: NetworkConfig;
  readonly web: Web;
  readonly node: Node;
  readonly clock: Clock;

  constructor(config: NetworkConfig, web: Web, clock: Clock = ownClock) {
    this.config = config;
    this.web = web;
    this.clock = clock;
    this.node = new Node(web, config.rpc);
  }

  /** Reads facts at the newest block, which is named by its hash, so that all are of one moment. Throws `LedgerUnavailable`. */
  async facts(anchors: readonly FactQuery[], signatures: readonly SignatureQuery[] = [], depth = this.config.confirmations): Promise<Facts> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#factsAt(await this.#head(), anchors, signatures, depth);
      } catch (error) {
        // Between two requests a block may leave the chain, or another node may answer that does not have it yet.
        if (!(error instanceof BlockUnread) || attempt === ATTEMPTS) throw error instanceof BlockUnread ? unavailable(error.message) : error;
        await new Promise((go) => setTimeout(go, PAUSE));
      }
    }
  }

  /** Returns max(own clock, head's time), unix seconds. */
  async present(): Promise<number> {
    return Math.max(this.clock(), (await this.#head()).time);
  }

  /**
   * Returns the date of a new statement by this author: max(own clock, head's time, cutoff + 1).
   *
   * Throws `InvalidInput` for a retired address, and `LedgerUnavailable` if that date is over 15 minutes ahead.
   */
  async dateFor(author: Address): Promise<number> {
    const query: FactQuery = { root: ZERO_WORD, subject: author };
    const facts = await this.facts([query], [], 0);
    const cutoff = facts.anchors.get(keyOfQuery(query))?.cutoff ?? 0;
    if (cutoff > MAX_SAFE_INTEGER) throw new InvalidInput(`${author} was retired for ever`, "Use another account.");
    const date = Math.max(presentOf(facts), cutoff + 1);
    if (date > this.clock() + CLOCK_SKEW) throw unavailable("the chain's clock runs more than 15 minutes ahead of this device's");
    return date;
  }

  /** Tells whether this account was retired for ever. */
  async isRetired(account: Address): Promise<boolean> {
    const query: FactQuery = { root: ZERO_WORD, subject: account };
    return ((await this.facts([query], [], 0)).anchors.get(keyOfQuery(query))?.cutoff ?? 0) > MAX_SAFE_INTEGER;
  }

  async #head(): Promise<Head> {
    const head = await this.node.head();
    const age = this.clock() - head.time;
    const { maxFactsAge } = this.config;
    if (maxFactsAge !== undefined && age > maxFactsAge) throw unavailable(`the chain's newest block is ${age} s old`);
    return head;
  }

  async #factsAt(head: Head, queries: readonly FactQuery[], signatures: readonly SignatureQuery[], depth: number): Promise<Facts> {
    const { chainId, verifyingContract } = this.config.domain;
    const latest = { blockHash: head.hash };
    const deep = `0x${Math.max(head.number - depth, 0).toString(16)}`;
    // Each question has hashes to compute: thousands of them take seconds.
    const asked = await inTurn(queries, breather(), (query) => toHex(encodeFacts(query)));
    const facts = (block: Json) => asked.map((data) => ({ method: "eth_call", params: [{ to: verifyingContract, data }, block] }));
    const probes = signatures.map((query) => ({ method: "eth_call", params: [{ data: toHex(signatureProbe(query)), gas: `0x${PROBE_GAS.toString(16)}` }, latest] }));
    const calls = [{ method: "eth_chainId", params: [] }, ...facts(latest), ...(depth > 0 ? facts(deep) : []), ...probes];
    const [id, ...answers] = await this.node.askAll(calls);
    if (typeof id !== "string" || Number(id) !== chainId) throw unavailable("the node is of another chain than the network's");
    const now = queries.map((_, at) => decodeFacts(bytesIn(answers[at])));
    const past = depth > 0 ? queries.map((_, at) => factsBefore(answers[queries.length + at])) : now;
    const first = queries.length * (depth > 0 ? 2 : 1);
    const joined = queries.map((query, at) => [keyOfQuery(query), { ...(now[at] as AnchorFacts), anchoredAt: (past[at] as AnchorFacts).anchoredAt }] as const);
    const told = signatures.map((query, at) => [keyOfSignature(query), decodeProbe(bytesIn(answers[first + at]))] as const);
    return {
      chainId, blockNumber: head.number, blockHash: head.hash, blockTime: head.time, clock: this.clock(), depth,
      anchors: new Map(joined), signatures: new Map(told),
    };
  }
}

class BlockUnread extends Error {}

function bytesIn(answer: Json | NodeError | undefined): Uint8Array {
  if (isNodeError(answer)) throw new BlockUnread(`the chain's node cannot read a block: ${answer.message}`);
  const bytes = typeof answer === "string" ? fromHex(answer) : undefined;
  if (bytes === undefined) throw unavailable("the chain's node answered what makes no sense");
  return bytes;
}

/** At a depth, the block may be older than the registry. */
function factsBefore(answer: Json | NodeError | undefined): AnchorFacts {
  const bytes = bytesIn(answer);
  return bytes.length === 0 ? { anchoredAt: 0, revokedAt: 0, cutoff: 0 } : decodeFacts(bytes);
}
