// What the terminal tells the page (registry/wallets/browser.py and page_protocol.py), and the page's requests to it.
// A session has one page: the first that shows the link's token gets a key. The key outlives a reload, in sessionStorage.

export interface Term {
  readonly term: string;
  readonly words: string;
  readonly label: string;
  readonly special: boolean;
}

export interface Records {
  readonly category: Term;
  readonly count: number;
  readonly members: readonly string[];
  readonly from: string;
  readonly until: string;
  readonly continuing: boolean;
  readonly file: "" | "kept" | "given";
  readonly extras: readonly string[];
}

export interface Risk {
  readonly name: string;
  readonly brands: readonly string[];
}

/** `SigningSummary` of registry/present/summary.py: what a person reads before they sign. Times are unix seconds. */
export interface Summary {
  readonly act: string;
  readonly name: string;
  readonly domain: string;
  readonly account: string;
  readonly standing: string;
  readonly language: string;
  readonly sentence: string;
  readonly purposes: readonly Term[];
  readonly data: readonly Term[];
  readonly processing: readonly Term[];
  readonly training: string;
  readonly until: number | null;
  readonly terms: Term | null;
  readonly records: readonly Records[] | null;
  readonly risks: readonly Risk[];
  readonly texts: readonly (readonly [string, string])[];
  readonly payer: string;
  readonly notary: boolean;
  readonly whose: string;
  readonly loose: boolean;
  /** The notice's document, from which the sentence is written; empty where none is at hand. */
  readonly notice: string;
}

/** What the wallet is asked, and what Python knows of it: `digest` is that of what is signed, and empty for a transaction. */
export interface Question {
  readonly words: Summary;
  readonly method: string;
  readonly params: readonly unknown[];
  readonly digest: string;
  /** The statement (typed data, as JSON) that a Safe's message is about; empty where `params` hold it. */
  readonly statement: string;
}

export interface Chain {
  readonly id: number;
  readonly rpc: string | null;
}

export interface State {
  readonly number: number;
  readonly stage: "account" | "question" | "busy" | "done";
  readonly chain: Chain;
  readonly account?: string;
  readonly question?: Question | null;
  readonly outcome?: { readonly code: string; readonly detail: string };
  /** How often the wallet was asked to send, and did not clearly say that it sent nothing. */
  readonly asked?: number;
  /** Seconds until the time is over. */
  readonly left: number;
}

export const SEND = "eth_sendTransaction";

let key = "";

/** A request to the terminal that it refused. */
export class Refused extends Error {
  readonly status: number;

  constructor(status: number) {
    super(`the terminal answered ${status}`);
    this.status = status;
  }
}

/** Asks the terminal; `Refused` where it answers with an error, and fetch's `TypeError` where nobody answers. */
export async function post<Answer>(path: string, body: unknown = null, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  const answer = await fetch(`/${path}`, {
    method: "POST",
    cache: "no-store",
    keepalive: path === "leave",
    headers: { "Content-Type": "application/json", "Consent-Key": key, ...headers },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Refused(answer.status);
  return (await answer.json()) as Answer;
}

/** Tells the terminal. If that fails, the next state says more than the error. */
export async function say(path: string, body: unknown = null): Promise<void> {
  await post(path, body).catch(() => undefined);
}

export const hasKey = (): boolean => key !== "";

/** Takes the session by the link's token, which leaves the address at once; "" if it may go on, else why it may not. */
export async function claim(): Promise<"" | "tokenless" | "taken" | "gone"> {
  const token = location.hash.slice(1);
  history.replaceState(null, "", "/");
  key = sessionStorage.getItem("owner") ?? "";
  if (token !== "") {
    try {
      ({ key } = await post<{ key: string }>("claim", null, { "Consent-Token": token }));
      sessionStorage.setItem("owner", key);
    } catch (error) {
      // It is claimed, perhaps by this tab, which followed the same link again.
      if (key === "") return reasonOf(error);
    }
  }
  return key === "" ? "tokenless" : "";
}

function reasonOf(error: unknown): "tokenless" | "taken" | "gone" {
  const status = error instanceof Refused ? error.status : 0;
  return status === 403 ? "tokenless" : status === 409 ? "taken" : "gone";
}

export function forget(): void {
  sessionStorage.removeItem("owner");
}
