// A chain's node over JSON-RPC. What it answers is read strictly; what it does not answer is `LedgerUnavailable`.

import { CouldNotCheck } from "../core/errors.ts";
import { encode, type Json, isList, parseJson } from "../core/json.ts";
import { oneLine } from "../core/one_line.ts";
import { asAnyObject, memberOf } from "../core/shapes.ts";
import type { Web } from "./web.ts";

export interface Call {
  readonly method: string;
  readonly params: readonly Json[];
}

/** A node's refusal of one call. It is data: some refusals have a meaning. */
export interface NodeError {
  readonly code: number;
  readonly message: string;
}

export interface Head {
  readonly number: number;
  readonly hash: string;
  /** Unix seconds. */
  readonly time: number;
}

const SECONDS = 15;
const MAX_ANSWER = 4 * 1024 * 1024;
// Nodes bound a batch; this many small calls pass everywhere.
const BATCH = 100;

export const unavailable = (why: string, advice?: string): CouldNotCheck => new CouldNotCheck("LedgerUnavailable", why, advice);

/** Nodes of one chain, asked in turn until one answers. `urls` may hold keys: no message names them. */
export class Node {
  readonly #web: Web;
  readonly #urls: readonly string[];

  constructor(web: Web, urls: readonly string[]) {
    this.#web = web;
    this.#urls = urls;
  }

  /** Returns the result of one call. Throws `LedgerUnavailable` where the node refuses it or does not answer. */
  async ask(method: string, ...params: readonly Json[]): Promise<Json> {
    const [answer] = await this.askAll([{ method, params }]);
    if (isNodeError(answer)) throw unavailable(`the chain's node refused ${method}: ${answer.message}`);
    return answer as Json;
  }

  /** Returns the answers of several calls, in order. Throws `LedgerUnavailable` where no node answers. */
  async askAll(calls: readonly Call[]): Promise<readonly (Json | NodeError)[]> {
    let last: Error = unavailable("no node of the chain is named");
    for (const url of this.#urls) {
      try {
        return await this.#askOne(url, calls);
      } catch (error) {
        last = error as Error;
      }
    }
    throw last;
  }

  /** Returns the newest block. */
  async head(): Promise<Head> {
    return headIn(await this.ask("eth_getBlockByNumber", "latest", false));
  }

  async chainId(): Promise<number> {
    return quantity(await this.ask("eth_chainId"), "the chain's id");
  }

  async #askOne(url: string, calls: readonly Call[]): Promise<readonly (Json | NodeError)[]> {
    const answers: (Json | NodeError)[] = [];
    for (let at = 0; at < calls.length; at += BATCH) answers.push(...(await this.#batch(url, calls.slice(at, at + BATCH))));
    return answers;
  }

  async #batch(url: string, calls: readonly Call[]): Promise<readonly (Json | NodeError)[]> {
    const body = encode(calls.map(({ method, params }, id) => ({ jsonrpc: "2.0", id, method, params })));
    const ask = { method: "POST", body, mediaType: "application/json", seconds: SECONDS, maxBytes: MAX_ANSWER } as const;
    const answer = await this.#web.ask("LedgerUnavailable", "the chain's node", url, ask);
    const found = read(answer.body);
    if (!isList(found) || found.length !== calls.length) throw unavailable(`the chain's node answered ${answer.status}, which makes no sense`);
    const byId = new Map(found.map((each) => [memberOf(asAnyObject(each, "answer"), "id"), asAnyObject(each, "answer")]));
    return calls.map((_, id) => resultIn(byId.get(id)));
  }
}

function read(body: Uint8Array): Json {
  try {
    return parseJson(body, MAX_ANSWER);
  } catch {
    throw unavailable("the chain's node answered what is no JSON");
  }
}

function resultIn(answer: ReturnType<typeof asAnyObject> | undefined): Json | NodeError {
  if (answer === undefined) throw unavailable("the chain's node left out an answer");
  const error = memberOf(answer, "error");
  if (error === undefined || error === null) return memberOf(answer, "result") ?? null;
  const said = asAnyObject(error, "error");
  const [code, message] = [memberOf(said, "code"), memberOf(said, "message")];
  return { code: typeof code === "number" ? code : 0, message: typeof message === "string" ? oneLine(message, 200) : "" };
}

export function isNodeError(answer: Json | NodeError | undefined): answer is NodeError {
  return typeof answer === "object" && answer !== null && !isList(answer as Json) && "code" in answer && "message" in answer;
}

/** Returns a block's number, hash and time. Throws `LedgerUnavailable` where the answer is no block. */
export function headIn(answer: Json): Head {
  if (typeof answer !== "object" || answer === null || isList(answer)) throw unavailable("the chain's node has no newest block");
  const hash = memberOf(answer, "hash");
  if (typeof hash !== "string" || !/^0x[0-9a-f]{64}$/.test(hash)) throw unavailable("the chain's node names no block");
  return { hash, number: quantity(memberOf(answer, "number"), "a block's number"), time: quantity(memberOf(answer, "timestamp"), "a block's time") };
}

/** Returns a quantity of 53 bits. */
export function quantity(value: Json | undefined, name: string): number {
  const found = typeof value === "string" && /^0x[0-9a-fA-F]{1,14}$/.test(value) ? Number(value) : Number.NaN;
  if (!Number.isSafeInteger(found)) throw unavailable(`the chain's node tells no ${name}`);
  return found;
}
