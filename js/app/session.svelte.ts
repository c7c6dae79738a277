// What this tab knows: the language, the place, and how far the person is with opening their key.
//
// Only what the first screen needs is imported here. Everything else comes when it is needed.

import type { Confirmation } from "../core/profiles.ts";
import type { Fetched } from "../client/request.ts";
import type { Choice } from "../client/answer.ts";
import type { Network } from "../client/network.ts";
import type { Person } from "./person.svelte.ts";
import { type Place, readPlace, writePlace } from "./place.ts";
import { Database, StorageFull } from "./store/database.ts";
import { type Door, findDoor, keepDoor } from "./store/door.ts";
import en from "./words/en.json";
import { bestLanguage, fill, type Language, LANGUAGES, loadWords, type Name, type Values, type Words } from "./words/words.ts";

/** `new`: no key here. `lost`: there was one. `words`: the person has still to show that they wrote the words down. */
export type Stage = "loading" | "new" | "locked" | "words" | "open" | "lost" | "broken";

/** What the person decided before they had a key. */
export interface Decided {
  readonly link: string;
  readonly choice: Choice | undefined;
  readonly days: number;
}

const LANGUAGE = "consent-language";
const HAD = "consent-had";

export class Session {
  stage = $state<Stage>("loading");
  language = $state<Language>("en");
  words = $state.raw<Words>(en);
  place = $state.raw<Place>({ at: "list" });
  person = $state.raw<Person | undefined>(undefined);
  door = $state.raw<Door | undefined>(undefined);
  isFull = $state(false);
  decided = $state.raw<Decided | undefined>(undefined);
  /** A word for screen readers about what has just happened. */
  said = $state("");
  readonly database = new Database();
  #network: Promise<Network> | undefined;

  async start(): Promise<void> {
    const own = localStorage.getItem(LANGUAGE);
    await this.speak(own !== null && Object.hasOwn(LANGUAGES, own) ? (own as Language) : bestLanguage(navigator.languages), false);
    this.place = readPlace(location.hash);
    addEventListener("hashchange", () => (this.place = readPlace(location.hash)));
    try {
      this.door = await findDoor(this.database);
      this.stage = this.door !== undefined ? "locked" : localStorage.getItem(HAD) === null ? "new" : "lost";
    } catch {
      this.stage = "broken";
    }
  }

  async speak(language: Language, keep = true): Promise<void> {
    this.words = await loadWords(language);
    this.language = language;
    document.documentElement.lang = language;
    if (keep) localStorage.setItem(LANGUAGE, language);
  }

  t(name: Name, values?: Values): string {
    return fill(this.words[name], values);
  }

  /** A text that depends on a count. */
  count(name: string, count: number, values: Values = {}): string {
    const rule = new Intl.PluralRules(this.language).select(count) === "one" ? "one" : "other";
    return this.t(`${name}.${rule}` as Name, { ...values, count: count.toLocaleString(this.language) });
  }

  date(seconds: number): string {
    return new Intl.DateTimeFormat(this.language, { dateStyle: "medium" }).format(seconds * 1000);
  }

  time(seconds: number): string {
    return new Intl.DateTimeFormat(this.language, { dateStyle: "medium", timeStyle: "short" }).format(seconds * 1000);
  }

  go(place: Place, replace = false): void {
    const hash = writePlace(place);
    if (replace) history.replaceState(null, "", hash);
    else history.pushState(null, "", hash);
    this.place = place;
  }

  /** The network of `/config.json`, loaded once. */
  network(): Promise<Network> {
    if (this.person !== undefined) return Promise.resolve(this.person.network);
    this.#network ??= import("./network.ts").then(({ loadNetwork }) => loadNetwork());
    this.#network.catch(() => (this.#network = undefined));
    return this.#network;
  }

  /** Fetches a brand's request, and asks its domain who speaks for it. */
  async fetch(link: string): Promise<Fetched & { confirmation: Confirmation }> {
    const [network, { fetchRequest, confirm }] = await Promise.all([this.network(), import("../client/request.ts")]);
    const found = await fetchRequest(network, link);
    const before = await this.person?.confirmedBefore(found.asked.notice.controller.domain);
    return { ...found, confirmation: await confirm(network, found.evidence, before) };
  }

  /** Keeps a new or restored key, and opens it. */
  async begin(door: Door, seed: Uint8Array): Promise<void> {
    await this.guard(() => keepDoor(this.database, door));
    localStorage.setItem(HAD, "1");
    this.door = door;
    await this.open(seed);
  }

  async open(seed: Uint8Array): Promise<void> {
    // Without the page's own network the person can still name a node.
    const [network, { Person: Opened }] = await Promise.all([this.network().catch(() => undefined), import("./person.svelte.ts")]);
    this.person = await Opened.open(network, seed, this.database);
    this.stage = this.door?.checked === true ? "open" : "words";
    if (this.stage === "open") this.#goOn();
  }

  /** The person has shown that they wrote the words down. */
  async checked(): Promise<void> {
    const door = { ...(this.door as Door), checked: true };
    await this.guard(() => keepDoor(this.database, door));
    this.door = door;
    this.stage = "open";
    this.#goOn();
  }

  lock(): void {
    this.person?.close();
    this.person = undefined;
    this.stage = "locked";
    this.go({ at: "list" });
  }

  async forget(): Promise<void> {
    this.person?.close();
    this.person = undefined;
    await this.database.clear();
    localStorage.removeItem(HAD);
    this.door = undefined;
    this.go({ at: "list" });
    this.stage = "new";
  }

  /** Does what keeps something; a browser without room gets a screen of its own, and the error goes on. */
  async guard<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof StorageFull) this.isFull = true;
      throw error;
    }
  }

  #goOn(): void {
    const { person } = this;
    // What waits goes on by itself; each screen shows how far it is.
    void this.guard(async () => {
      await person?.goOnAll();
      await person?.check();
      await person?.askBrands();
    }).catch(() => undefined);
  }
}

export const session = new Session();
export const t = (name: Name, values?: Values): string => session.t(name, values);

/** Returns an error's own words, for people; what is no error of ours is only said to have failed. */
export function wordsOfError(error: unknown): string {
  const { advice, message } = error as { advice?: unknown; message?: unknown };
  return typeof advice === "string" && typeof message === "string" ? `${message}. ${advice}` : t("error");
}
