// What the page knows at this moment, and in which language it speaks.

import type { Wallet } from "../client/wallets.ts";
import type { Verdict } from "./check.ts";
import type { State } from "./protocol.ts";
import { bestLanguage, isLanguage, piecesOf, type Language, type Values } from "./words/words.ts";

/** How the session ended: the code of a word, and the terminal's own words; or the link for another browser. */
export interface End {
  readonly code: string;
  readonly detail?: string;
  readonly token?: string;
}

/** What is said below the view. A problem can be put right, and tried again. */
export interface Note {
  readonly name: string;
  readonly values: Values;
  readonly isProblem: boolean;
}

const LANGUAGE = "language";

class Session {
  state: State | undefined;
  /** The outcome of reading the question again. */
  verdict: Verdict | undefined;
  wallets: readonly Wallet[] = [];
  wallet: Wallet | undefined;
  /** The accounts to choose from, where the wallet has several. */
  offered: readonly string[] | undefined;
  end: End | undefined;
  /** What the last problem's words are about, for the end. */
  values: Values = {};
  /** When the time is over, by `performance.now()`, in milliseconds. */
  deadline = 0;
  language: Language = firstLanguage();
  #note: Note | undefined;

  /** What is said below the view: first of all that the page reads something else than the terminal. */
  get note(): Note | undefined {
    const part = this.verdict?.fault;
    return part === undefined ? this.#note : { name: "differs", values: { part }, isProblem: true };
  }

  set note(note: Note | undefined) {
    this.#note = note;
  }

  /** May the wallet be asked to sign or send? */
  get isAgreed(): boolean {
    return this.verdict !== undefined && this.verdict.fault === undefined;
  }

  speak(language: Language): void {
    sessionStorage.setItem(LANGUAGE, language);
    this.language = language;
  }
}

function firstLanguage(): Language {
  const kept = sessionStorage.getItem(LANGUAGE) ?? "";
  return isLanguage(kept) ? kept : bestLanguage(navigator.languages);
}

export const session = new Session();

/** The word of this name in the page's language, with text in its places. */
export const t = (name: string, values: Values = {}): string => piecesOf(session.language, name, values).join("");

/** The account and the chain that this is about, as the page's words name them. */
export function about(): Values {
  return { account: short(session.state?.account ?? ""), chain: session.state?.chain.id ?? "" };
}

export const short = (address: string): string => (address === "" ? "" : `${address.slice(0, 6)}…${address.slice(-4)}`);
