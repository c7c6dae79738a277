// A notary as its client sees it: each request by itself, and nothing taken on its word.

import { CouldNotCheck } from "../core/errors.ts";
import { type Domain, sameDomain } from "../core/eip712.ts";
import type { Opening, SignedEnding } from "../core/endings.ts";
import { asAnchor, type Anchor } from "../core/evidence.ts";
import { encode, type Json, type JsonObject, parseJson } from "../core/json.ts";
import { oneLine } from "../core/one_line.ts";
import { asSignedPromise, notaryOf, type Promised, type SignedPromise } from "../core/promises.ts";
import { type Address, asAddress, CLOCK_SKEW, type Word } from "../core/scalars.ts";
import { asAnyObject, asInteger, memberOf } from "../core/shapes.ts";
import type { NotaryName } from "./config.ts";
import { type Answer, type Ask, pauseOf, problemIn, type Web } from "./web.ts";

/** A promise for later helps nobody; and who is asked for an ending might have reason to keep it waiting. */
const MAX_SPAN = 86_400;
const MAX_RELAY_SPAN = 3_600;
const MAX_ANSWER = 2 * 1024 * 1024;

/** What a notary tells of itself, as far as a client needs it. */
interface Info {
  readonly account: Address;
  readonly maxSeconds: number;
}

/** How far the notary says that something is. Only the chain shows whether that is so. */
export interface Progress {
  readonly state: string;
  readonly anchor: Anchor | undefined;
  readonly why: string;
}

/** A promise that was checked, with the JSON as it came. */
export interface CheckedPromise {
  readonly promise: SignedPromise;
  readonly json: Json;
  readonly due: number;
}

/** One notary. Every error is a `NotaryUnavailable` that names it. */
export class NotaryClient {
  readonly name: NotaryName;
  readonly #domain: Domain;
  readonly #web: Web;
  #info: Info | undefined;

  constructor(web: Web, domain: Domain, name: NotaryName) {
    this.#web = web;
    this.#domain = domain;
    this.name = name;
  }

  /** How it is called before people. */
  get host(): string {
    return URL.parse(this.name.url)?.host ?? this.name.url;
  }

  /** Hands over one commitment (0x hex) at the time `now`, and returns the checked promise. */
  async promiseToAnchor(commitment: Word, now: number): Promise<CheckedPromise> {
    const found = await this.#posted("/v1/commitments", { commitments: [commitment] });
    return this.#checked(found, "Promise", commitment, now);
  }

  /** Hands over one ending; `item` is its handle or digest. Returns the checked promise, undefined where it gave none. */
  async relay(ending: Opening | SignedEnding, item: Word, now: number): Promise<CheckedPromise | undefined> {
    const kind = "secret" in ending ? "openings" : "signed";
    const found = await this.#posted("/v1/revocations", { [kind]: [ending as unknown as Json] });
    const promise = memberOf(asAnyObject(found, "answer"), "promise") ?? null;
    return promise === null ? undefined : this.#checked(promise, "RelayPromise", item, now);
  }

  /** Asks how far a commitment is; undefined where the notary does not know it. */
  stateOf(commitment: Word): Promise<Progress | undefined> {
    return this.#state(`/v1/commitments/${commitment}`);
  }

  /** Asks how far an ending is, by its handle or digest; undefined where the notary does not know it. */
  endingState(item: Word): Promise<Progress | undefined> {
    return this.#state(`/v1/revocations/${item}`);
  }

  async #state(path: string): Promise<Progress | undefined> {
    const answer = await this.#ask(path, {});
    if (answer.status === 404) return undefined;
    const found = asAnyObject(this.#read(this.#accepted(answer)), "answer");
    const [state, why, anchor] = ["state", "why", "anchor"].map((name) => memberOf(found, name));
    return {
      state: typeof state === "string" ? state.slice(0, 40) : "",
      why: typeof why === "string" ? oneLine(why, 300) : "",
      anchor: anchor === undefined || anchor === null ? undefined : this.#reading(() => asAnchor(anchor)),
    };
  }

  #checked(json: Json, kind: Promised["primaryType"], item: Word, now: number): Promise<CheckedPromise> {
    return this.#about().then((info) => {
      const promise = this.#reading(() => asSignedPromise(json));
      const fault = faultOf(promise, kind, item, now, this.#domain, this.name.account ?? info.account, info.maxSeconds);
      if (fault !== undefined) throw this.#error(`gave a promise that does not count: ${fault}`);
      return { promise, json, due: promise.promised.due };
    });
  }

  /** What it tells of itself; refused where it serves another registry, or is not the account that is known. */
  async #about(): Promise<Info> {
    if (this.#info !== undefined) return this.#info;
    const found = asAnyObject(this.#read(this.#accepted(await this.#ask("/v1/info", {}))), "info");
    const info = this.#reading(() => ({ account: asAddress(found["account"], "account"), maxSeconds: asInteger(found["maxSeconds"], "maxSeconds", 1) }));
    if (found["chainId"] !== this.#domain.chainId || found["registry"] !== this.#domain.verifyingContract) throw this.#error("serves another chain or registry");
    if (this.name.account !== undefined && this.name.account !== info.account) throw this.#error(`is the account ${info.account}, not ${this.name.account}`);
    this.#info = info;
    return info;
  }

  /** Posts one item, once the notary is known to be the right one. */
  async #posted(path: string, body: JsonObject): Promise<Json> {
    await this.#about();
    return this.#read(this.#accepted(await this.#ask(path, { method: "POST", body: encode(body), mediaType: "application/json" })));
  }

  #ask(path: string, ask: Ask): Promise<Answer> {
    return this.#web.ask("NotaryUnavailable", `the notary ${this.host}`, this.name.url + path, { maxBytes: MAX_ANSWER, ...ask });
  }

  #accepted(answer: Answer): Answer {
    if (answer.status === 200 || answer.status === 202) return answer;
    const pause = pauseOf(answer);
    throw this.#error(`refused: ${problemIn(answer).words}${pause > 0 ? `; it asks to wait for ${pause} s` : ""}`);
  }

  #read(answer: Answer): Json {
    return this.#reading(() => parseJson(answer.body, MAX_ANSWER));
  }

  #reading<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw this.#error(`gave an answer that cannot be read: ${(error as Error).message}`);
    }
  }

  #error(what: string): CouldNotCheck {
    return new CouldNotCheck("NotaryUnavailable", `the notary ${this.host} ${what}`);
  }
}

/** Says why a promise does not count; undefined where it does (docs/formats.md, "Promises"). */
export function faultOf(
  promise: SignedPromise, kind: Promised["primaryType"], item: Word, now: number, domain: Domain, account: Address, maxSeconds: number,
): string | undefined {
  const { primaryType, receivedAt, due, items } = promise.promised;
  const signer = signerOf(promise);
  const span = due - receivedAt;
  const longest = kind === "Promise" ? MAX_SPAN : MAX_RELAY_SPAN;
  const checks: readonly (readonly [boolean, string])[] = [
    [primaryType === kind, `it is no ${kind}`],
    [sameDomain(promise.promised.domain, domain), "it is for another chain or registry"],
    [signer === account, `${signer ?? "nobody"} signed it, not ${account}`],
    [items.length === 1 && items[0] === item, "it does not name what was sent alone"],
    [Math.abs(receivedAt - now) <= CLOCK_SKEW, "it is dated more than 15 minutes from now"],
    [span <= Math.min(maxSeconds, longest), `it takes ${span} seconds`],
  ];
  return checks.find(([holds]) => !holds)?.[1];
}

function signerOf(promise: SignedPromise): Address | undefined {
  try {
    return notaryOf(promise);
  } catch {
    return undefined; // it is not signed by plain ECDSA
  }
}
