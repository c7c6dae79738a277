// What this tab knows: the language, the place, and how far the person is with opening their key.
//
// Only what the first screen needs is imported here. Everything else comes when it is needed.

import { ConsentError, InvalidInput } from "../core/errors.ts";
import type { Confirmation } from "../core/profiles.ts";
import type { Fetched } from "../client/request.ts";
import type { Choice } from "../client/answer.ts";
import type { Network } from "../client/network.ts";
import type { Person } from "./person.svelte.ts";
import { oneLine } from "../core/one_line.ts";
import { type Place, readPlace, writePlace } from "./place.ts";
import { forgetWord, remember, remembered } from "./remembered.ts";
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

const MOST_WORDS = 1_000;
/** A Date ends in the year 275760 (unix seconds); a stranger's file may name a later one. */
const LAST = 8.64e12;
const LANGUAGE = "consent-language";
const HAD = "consent-had";
const TABS = "consent-tabs";
const DOOR = "consent-door";
/** What one tab tells the others: there is a key now, it was locked, or all was erased. */
type Told = "made" | "locked" | "erased";

/** These words are of another key than the one that sealed what is kept here. */
export class OtherKey extends ConsentError {
  constructor() {
    super("OtherKey", "these words are of another key", "Use the words of the key that this browser has.");
  }
}

export class Session {
  stage = $state<Stage>("loading");
  language = $state<Language>("en");
  words = $state.raw<Words>(en);
  place = $state.raw<Place>({ at: "list" });
  person = $state.raw<Person | undefined>(undefined);
  door = $state.raw<Door | undefined>(undefined);
  /** The browser had no room: before anything was signed, or for what came after. */
  full = $state<"" | "before" | "after">("");
  /** The browser's data was cleared while this tab had it open. */
  isWiped = $state(false);
  decided = $state.raw<Decided | undefined>(undefined);
  /** A word for screen readers about what has just happened. */
  said = $state("");
  readonly database = new Database();
  readonly #tabs = new BroadcastChannel(TABS);
  #network: Promise<Network> | undefined;

  async start(): Promise<void> {
    const own = remembered(LANGUAGE);
    await this.speak(own !== null && Object.hasOwn(LANGUAGES, own) ? (own as Language) : bestLanguage(navigator.languages), false);
    this.place = readPlace(location.hash);
    addEventListener("hashchange", () => (this.place = readPlace(location.hash)));
    // A page that comes back from the browser's memory has missed what other tabs did.
    addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
    this.#tabs.onmessage = ({ data }: MessageEvent<Told>) => void this.#hear(data);
    this.database.lost = () => void this.#lost();
    await this.#find();
  }

  async #find(): Promise<void> {
    try {
      this.door = await findDoor(this.database);
      this.stage = this.door !== undefined ? "locked" : remembered(HAD) === null ? "new" : "lost";
    } catch {
      this.stage = "broken";
    }
  }

  async #hear(told: Told): Promise<void> {
    if (told === "made" && this.person !== undefined && (await this.#isSameDoor())) return void (this.isWiped = false);
    if (told === "locked" && this.person === undefined) return;
    this.#shut();
    await this.#find();
  }

  async #isSameDoor(): Promise<boolean> {
    const found = await findDoor(this.database).catch(() => undefined);
    return found !== undefined && found.sealed.length === this.door?.sealed.length && found.sealed.every((byte, at) => byte === this.door?.sealed[at]);
  }

  /** The database went away under this tab. */
  async #lost(): Promise<void> {
    const isThere = await findDoor(this.database).then((door) => door !== undefined, () => false);
    if (isThere || this.door === undefined) return;
    // What an open tab still knows, the person may keep again.
    if (this.person !== undefined) this.isWiped = true;
    else await this.#find();
  }

  async speak(language: Language, keep = true): Promise<void> {
    this.words = await loadWords(language);
    this.language = language;
    document.documentElement.lang = language;
    if (keep) remember(LANGUAGE, language);
  }

  t(name: Name, values?: Values): string {
    return fill(this.words[name], values);
  }

  /** A text that depends on a count. */
  count(name: string, count: number, values: Values = {}): string {
    const rule = new Intl.PluralRules(this.language).select(count) === "one" ? "one" : "other";
    return this.t(`${name}.${rule}` as Name, { ...values, count: count.toLocaleString(this.language) });
  }

  /** The language as the reader's country writes dates and numbers in it. */
  get #locale(): string {
    return navigator.languages.find((tag) => tag.toLowerCase().split("-")[0] === this.language) ?? this.language;
  }

  date(seconds: number): string {
    return seconds > LAST ? `${seconds} s` : new Intl.DateTimeFormat(this.#locale, { dateStyle: "medium" }).format(seconds * 1000);
  }

  time(seconds: number): string {
    return seconds > LAST ? `${seconds} s` : new Intl.DateTimeFormat(this.#locale, { dateStyle: "medium", timeStyle: "short" }).format(seconds * 1000);
  }

  go(place: Place, replace = false): void {
    const hash = writePlace(place);
    if (replace) history.replaceState(null, "", hash);
    else history.pushState(null, "", hash);
    this.place = place;
  }

  /** The network of the open key, which may have a node of the person's own; without a key that of the page. */
  async network(): Promise<Network> {
    const { person } = this;
    if (person === undefined) return this.#ofPage();
    await person.node.findPage();
    return person.network;
  }

  /** The network of `/config.json`, loaded once. */
  #ofPage(): Promise<Network> {
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

  /**
   * Keeps a new or restored key, and opens it. `replaces` says that the person wants it in place of another key that is here.
   *
   * Throws `StorageFull`, `InvalidInput` where another tab has made a key meanwhile, and `OtherKey`.
   */
  async begin(door: Door, seed: Uint8Array, replaces = false): Promise<void> {
    // Without its code the key could not be opened: that is found out before anything is kept.
    await import("./person.svelte.ts");
    await this.guard(() => navigator.locks.request(DOOR, () => this.#keepNew(door, seed, replaces)));
    remember(HAD, "1");
    this.door = door;
    this.#tabs.postMessage("made" satisfies Told);
    await this.open(seed);
  }

  async #keepNew(door: Door, seed: Uint8Array, replaces: boolean): Promise<void> {
    const before = await findDoor(this.database);
    // `checked` tells that it comes from words.
    if (before !== undefined && !door.checked) {
      await this.#find();
      throw new InvalidInput("another tab of this browser has made a key meanwhile", "Open that one.");
    }
    const { Sealed, sealingKey } = await import("./store/sealed.ts");
    if (!replaces && !(await new Sealed(this.database, await sealingKey(seed)).fits())) throw new OtherKey();
    await keepDoor(this.database, door);
  }

  async open(seed: Uint8Array): Promise<void> {
    const { Person: Opened } = await import("./person.svelte.ts");
    // Another tab may have seen meanwhile that the words were written down.
    this.door = (await findDoor(this.database)) ?? this.door;
    // Without the page's own network the person can still name a node.
    this.person = await Opened.open(() => this.#ofPage(), seed, this.database);
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

  /** Locks the key in all tabs. */
  lock(): void {
    this.#shut();
    this.#tabs.postMessage("locked" satisfies Told);
    this.stage = "locked";
    this.go({ at: "list" });
  }

  /** Erases everything in this browser. */
  async forget(): Promise<void> {
    this.#shut();
    const { eraseAll } = await import("./store/answers.svelte.ts");
    await eraseAll(this.database);
    forgetWord(HAD);
    this.#tabs.postMessage("erased" satisfies Told);
    this.door = undefined;
    this.go({ at: "list" });
    this.stage = "new";
  }

  /** Keeps again what this tab still knows, after the browser's data was cleared. */
  async keepAgain(): Promise<void> {
    const { person, door } = this;
    if (person === undefined || door === undefined) return;
    await this.guard(async () => {
      await keepDoor(this.database, door);
      await person.answers.keepAgain();
      await person.node.keepAgain();
    });
    remember(HAD, "1");
    this.isWiped = false;
    this.#tabs.postMessage("made" satisfies Told);
  }

  #shut(): void {
    this.person?.close();
    this.person = undefined;
    [this.isWiped, this.full] = [false, ""];
  }

  /** Does what keeps something; a browser without room gets a screen of its own, and the error goes on. */
  async guard<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof StorageFull) this.full = "before";
      throw error;
    }
  }

  #goOn(): void {
    const { person } = this;
    if (person === undefined) return;
    // What waits goes on by itself; each screen shows how far it is.
    void person.keepGoing((error) => this.#failed(error));
    void person.looks.check().then(() => person.looks.askBrands()).catch((error: unknown) => this.#failed(error));
  }

  #failed(error: unknown): void {
    if (error instanceof StorageFull) this.full ||= "after";
    else if (!(error instanceof ConsentError)) reportError(error);
  }
}

export const session = new Session();
export const t = (name: Name, values?: Values): string => session.t(name, values);

/** Returns an error's own words, for people; what is no error of ours is only said to have failed. */
export function wordsOfError(error: unknown): string {
  const { advice, message } = error as { advice?: unknown; message?: unknown };
  // A server's own words may be in it.
  return typeof advice === "string" && typeof message === "string" ? oneLine(`${message}. ${advice}`, MOST_WORDS) : t("error");
}
