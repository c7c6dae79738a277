// One request to a server: bounded in time and size, and with nothing that tells who asks.
//
// No cookie, no referrer, no cache, and no redirect: a server cannot learn more than what is sent to it, nor lead elsewhere.

import { CouldNotCheck, type CouldNotCheckName, InvalidInput } from "../core/errors.ts";
import { oneLine } from "../core/one_line.ts";
import { asAnyObject, memberOf } from "../core/shapes.ts";
import { type JsonObject, parseJson } from "../core/json.ts";

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** What a server said. `body` has at most the bytes that were allowed. */
export interface Answer {
  readonly status: number;
  readonly body: Uint8Array;
  /** The value of a header, empty where there is none. */
  header(name: string): string;
}

export interface Ask {
  readonly method?: "GET" | "POST" | "DELETE";
  readonly body?: Uint8Array;
  readonly mediaType?: string;
  readonly accept?: string;
  readonly seconds?: number;
  readonly maxBytes?: number;
}

/** Why nothing could be learned: no answer, one that came too late, or one that is too long. */
export class Unreachable extends Error {}

export const MAX_URL = 2048;
const SECONDS = 15;
const MAX_BYTES = 64 * 1024;
const MAX_SHOWN = 300;
const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/** Asks servers. `fetch` is the browser's own; tests give another one. */
export class Web {
  readonly #fetch: Fetch;

  constructor(fetcher: Fetch = (url, init) => fetch(url, init)) {
    this.#fetch = fetcher;
  }

  /** Returns the answer, whatever its status. Throws `Unreachable`. */
  async exchange(url: string, ask: Ask = {}): Promise<Answer> {
    const headers: Record<string, string> = { Accept: ask.accept ?? "application/json" };
    if (ask.mediaType !== undefined) headers["Content-Type"] = ask.mediaType;
    const stop = AbortSignal.timeout((ask.seconds ?? SECONDS) * 1000);
    try {
      const answer = await this.#fetch(url, {
        method: ask.method ?? "GET",
        headers,
        mode: "cors",
        credentials: "omit",
        referrerPolicy: "no-referrer",
        cache: "no-store",
        redirect: "error",
        signal: stop,
        ...(ask.body === undefined ? {} : { body: ask.body as Uint8Array<ArrayBuffer> }),
      });
      const body = await bounded(answer, ask.maxBytes ?? MAX_BYTES);
      return { status: answer.status, body, header: (name) => answer.headers.get(name) ?? "" };
    } catch (error) {
      if (error instanceof Unreachable) throw error;
      // The browser does not tell a page why a connection failed.
      throw new Unreachable(stop.aborted ? `no answer within ${ask.seconds ?? SECONDS} s` : "no connection");
    }
  }

  /** Does as `exchange`; every failure is a `CouldNotCheck` of this name, which calls the server `who`. */
  async ask(name: CouldNotCheckName, who: string, url: string, ask: Ask = {}): Promise<Answer> {
    try {
      return await this.exchange(url, ask);
    } catch (error) {
      throw new CouldNotCheck(name, `${who} did not answer: ${(error as Error).message}`);
    }
  }
}

async function bounded(answer: Response, limit: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  const reader = answer.body?.getReader();
  for (let piece = await reader?.read(); piece !== undefined && !piece.done; piece = await reader?.read()) {
    size += piece.value.length;
    if (size > limit) {
      await reader?.cancel();
      throw new Unreachable(`an answer of more than ${limit} bytes`);
    }
    pieces.push(piece.value);
  }
  const whole = new Uint8Array(size);
  pieces.reduce((at, piece) => (whole.set(piece, at), at + piece.length), 0);
  return whole;
}

/** Names of a development network, each with the origin on this machine that it stands for. */
export type Domains = Readonly<Record<string, string>>;

/**
 * Returns the URL that is asked for one that somebody else wrote. It is https, or on the development network.
 *
 * Throws `InvalidInput` for every other one, and for a user, query or fragment in it.
 */
export function placed(text: string, domains: Domains): string {
  const url = parseUrl(text);
  const origin = Object.hasOwn(domains, url.hostname) ? domains[url.hostname] : undefined;
  if (origin !== undefined) return origin + url.pathname;
  const isOwn = Object.values(domains).includes(url.origin);
  if (!isOwn && (url.protocol !== "https:" || LOOPBACK.test(url.hostname))) {
    throw new InvalidInput("that URL is without TLS", "Ask the brand for one that begins with https.");
  }
  return url.origin + url.pathname;
}

/** Returns an http or https URL of printable ASCII. Throws `InvalidInput` for everything else. */
export function parseUrl(text: string): URL {
  const advice = "Write it as the brand gave it: https://HOST/PATH.";
  const url = /^[!-~]{1,2048}$/.test(text) ? URL.parse(text) : null;
  if (url === null || !["http:", "https:"].includes(url.protocol) || url.hostname === "" || url.username !== "") {
    throw new InvalidInput("that is not the URL of a server", advice);
  }
  if (url.search !== "" || url.hash !== "") throw new InvalidInput("that URL has a query or a fragment", advice);
  return url;
}

/** A server's own words for what it did not do (RFC 9457), each of at most 300 characters. All may be empty. */
export interface Problem {
  readonly title: string;
  readonly words: string;
  readonly advice: string;
  readonly step: number | undefined;
}

/** Returns what an answer says went wrong; its status alone where it says nothing that can be read. */
export function problemIn(answer: Answer): Problem {
  const found = problemObject(answer.body);
  const text = (name: string): string => {
    const value = memberOf(found, name);
    return typeof value === "string" ? oneLine(value, MAX_SHOWN) : "";
  };
  const title = text("title") || `HTTP status ${answer.status}`;
  const step = memberOf(found, "step");
  return { title, words: text("detail") || title, advice: text("advice"), step: typeof step === "number" ? step : undefined };
}

function problemObject(body: Uint8Array): JsonObject {
  try {
    return asAnyObject(parseJson(body, MAX_BYTES), "problem");
  } catch {
    return {};
  }
}

/** Seconds that an answer asks to wait, 0 where it asks for nothing, at most a day. */
export function pauseOf(answer: Answer): number {
  const seconds = Number(answer.header("Retry-After"));
  return Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds, 86_400) : 0;
}

