// A brand's service as a person's software sees it. Nothing is taken on its word, and its addresses are built here.
//
// Of a `Location` the random name alone is used: a brand that names another server gets nothing sent there.

import { ConsentError, CouldNotCheck, InvalidInput } from "../core/errors.ts";
import { MAX_EVIDENCE } from "../core/evidence.ts";
import { parseJson } from "../core/json.ts";
import { oneLine, quoted } from "../core/one_line.ts";
import { asAnyObject, memberOf } from "../core/shapes.ts";
import { MAX_PAGE } from "../core/uses.ts";
import { type Answer, type Ask, type Domains, parseUrl, pauseOf, placed, type Problem, problemIn, type Web } from "./web.ts";

export const INBOX_PATH = "/v1/evidence";
export const EVIDENCE_TYPE = "application/vnd.consent-evidence+json";
const JSON_TYPE = "application/json";
const MAX_SMALL = 64 * 1024;
const DONE = [200, 201, 204];
const LATER = 202;
/** The brand has looked at what it got, and does not take it. */
const JUDGED = [409, 410, 413, 422];
/** What a no may become by itself: the chain, or the brand, is not so far yet. */
const NOT_YET = ["NotAnchored", "NotYetValid", "UnknownGrant", "TooSlow"];
const NAMED = /\/v1\/grants\/([0-9a-f]{32})$/;

/** A brand's service judged what it got, and refused it. `title` is its problem's name. */
export class BrandRefused extends ConsentError {
  readonly title: string;

  constructor(message: string, advice: string | undefined, title: string) {
    super("BrandRefused", message, advice ?? "Hand the file over by hand, or ask the brand.");
    this.title = title;
  }
}

/** A server's advice, shown as the server's: it might send people elsewhere in our name. Undefined where it gives none. */
export const adviceIn = ({ advice }: Problem): string | undefined => (advice === "" ? undefined : `Its advice: ${quoted(advice)}`);

/** What a brand answered to a file: its capability, and the completed file, empty where it is not done with it. */
export interface Taken {
  readonly capability: string;
  readonly file: Uint8Array;
}

/** The service behind an inbox. Every error is a `BrandUnavailable`, a `BrandRefused`, or `InvalidInput`. */
export class BrandClient {
  readonly #web: Web;
  readonly #domains: Domains;
  readonly #inbox: string;

  constructor(web: Web, domains: Domains, inbox: string) {
    if (!inbox.endsWith(INBOX_PATH)) throw new InvalidInput(`the brand's inbox does not end in ${INBOX_PATH}`, "Hand the file over by hand.");
    this.#web = web;
    this.#domains = domains;
    this.#inbox = inbox;
  }

  /** How it is called before people. */
  get host(): string {
    return parseUrl(this.#inbox).host;
  }

  /** Hands over evidence, or a signed statement with a notary's promise. */
  async send(file: Uint8Array): Promise<Taken> {
    const answer = await this.#ask(INBOX_PATH, { method: "POST", body: file, mediaType: EVIDENCE_TYPE, maxBytes: MAX_EVIDENCE });
    if (!DONE.includes(answer.status) && answer.status !== LATER) throw this.#no(answer);
    return { capability: this.#capability(answer), file: answer.status === 201 ? answer.body : new Uint8Array() };
  }

  /** Lets the brand look at the chain: the grant has ended. It believes nothing of this. */
  async tellEnded(capability: string): Promise<void> {
    const answer = await this.#ask(`/v1/grants/${capability}/ended`, { method: "POST", mediaType: JSON_TYPE });
    // A service without the route, or that has lost the statement, has nothing to look at.
    if (![...DONE, LATER, 404, 405].includes(answer.status)) throw this.#no(answer);
  }

  /** Returns the brand's word for how an answer stands with it. */
  async state(capability: string): Promise<string> {
    const answer = await this.#ask(`/v1/grants/${capability}`, {});
    if (answer.status !== 200) throw this.#no(answer);
    const word = memberOf(this.#object(answer), "state");
    return typeof word === "string" ? oneLine(word, 40) : "";
  }

  /** Returns a file below a capability: `evidence` or `acknowledgement`; undefined where there is none yet. */
  async file(capability: string, name: "evidence" | "acknowledgement"): Promise<Uint8Array | undefined> {
    const answer = await this.#ask(`/v1/grants/${capability}/${name}`, { maxBytes: MAX_EVIDENCE });
    if (answer.status === LATER || answer.status === 404) return undefined;
    if (answer.status !== 200) throw this.#no(answer);
    return answer.body;
  }

  /** Returns a page of the use log: this grant's entries from a number on, and heads of more than `size` entries. */
  async uses(capability: string, from: number, size: number): Promise<Uint8Array> {
    const answer = await this.#ask(`/v1/grants/${capability}/uses`, { maxBytes: MAX_PAGE }, `?from=${from}&size=${size}`);
    if (answer.status !== 200) throw this.#no(answer);
    return answer.body;
  }

  async #ask(path: string, ask: Ask, query = ""): Promise<Answer> {
    const url = placed(this.#inbox.slice(0, -INBOX_PATH.length) + path, this.#domains) + query;
    return this.#web.ask("BrandUnavailable", this.host, url, { accept: `${EVIDENCE_TYPE}, ${JSON_TYPE}`, maxBytes: MAX_SMALL, ...ask });
  }

  #object(answer: Answer): ReturnType<typeof asAnyObject> {
    try {
      return asAnyObject(parseJson(answer.body, MAX_SMALL), "answer");
    } catch {
      throw new CouldNotCheck("BrandUnavailable", `${this.host} answered what cannot be read`);
    }
  }

  #capability(answer: Answer): string {
    const base = placed(this.#inbox, this.#domains);
    const place = URL.parse(answer.header("Location"), base);
    const found = place === null ? null : NAMED.exec(place.pathname);
    const isHere = place !== null && (place.origin === new URL(base).origin || place.origin === new URL(this.#inbox).origin);
    if (found === null || !isHere) throw new CouldNotCheck("BrandUnavailable", `${this.host} answered without a place where the answer is found`);
    return found[1] as string;
  }

  #no(answer: Answer): ConsentError {
    const found = problemIn(answer);
    const pause = pauseOf(answer);
    const what = `${this.host} says ${quoted(found.words)}${pause > 0 ? ` (try again in ${pause} s)` : ""}`;
    if (JUDGED.includes(answer.status) && !NOT_YET.includes(found.title)) return new BrandRefused(what, adviceIn(found), found.title);
    // A proxy before the service, or one that is set up wrongly, judges nothing.
    return new CouldNotCheck("BrandUnavailable", what, adviceIn(found));
  }
}
