// The answers that are kept, as all tabs of this browser see them. A change is made to the newest row, in one tab at a time.

import { ConsentError, InvalidInput } from "../../core/errors.ts";
import type { Word } from "../../core/scalars.ts";
import type { Kept, Shelf } from "../../client/kept.ts";
import { type Database, StorageFull } from "./database.ts";
import { Sealed } from "./sealed.ts";

const ANSWER = "a:";
const NOTICE = "n:";
const CONFIRMED = "c:";
const CHANNEL = "consent-answers";
const KEEPING = "consent-keeping";
/** A grant grows by its promise, its anchor and its counter-signature: so much is kept free for them (bytes). */
const ROOM = 16 * 1024;
/** Less than this, and nothing is begun (bytes). */
const LEAST = 256 * 1024;

type Row = Kept & { readonly draft?: string };

/** Rows of other kinds, sealed alike, under names that say nothing. */
export interface Rows {
  get<T>(kind: string, name: string): Promise<T | undefined>;
  /** Keeps all or none. What belongs to an answer is kept only while that is (`beside`, its id). Throws `StorageFull` and `Gone`. */
  put(values: readonly (readonly [kind: string, name: string, value: unknown])[], beside?: string): Promise<void>;
  delete(kind: string, name: string): Promise<void>;
}

/** It is not kept any more: the person erased it in another tab, or the browser's data was cleared. */
export class Gone extends ConsentError {
  constructor() {
    super("Gone", "it is not kept in this browser any more", "Open its saved file.");
  }
}

export class Answers implements Shelf, Rows {
  /** Everything that is kept, newest first. */
  kept = $state.raw<readonly Kept[]>([]);
  readonly #sealed: Sealed;
  readonly #nameOf: (name: string) => string;
  readonly #others = new BroadcastChannel(CHANNEL);
  readonly #notices = new Map<Word, string>();
  #isOver = false;

  /** `nameOf` makes names that say nothing; `more` is called once another tab has left more to do. */
  constructor(database: Database, key: CryptoKey, nameOf: (name: string) => string, more: () => void) {
    this.#sealed = new Sealed(database, key);
    this.#nameOf = nameOf;
    this.#others.onmessage = ({ data }: MessageEvent<readonly string[]>) => void this.#take(data).then((isMore) => (isMore ? more() : undefined), () => undefined);
  }

  close(): void {
    this.#isOver = true;
    this.#others.close();
  }

  find(digest: string): Kept | undefined {
    return this.kept.find((each) => each.digest === digest);
  }

  /** Reads everything anew. */
  async reload(): Promise<void> {
    const all = await this.#sealed.all<Row>(ANSWER);
    this.kept = all.filter(({ draft }) => draft === undefined).sort((one, other) => other.keptAt - one.keptAt);
  }

  /** Deletes the places of answers that were never signed, but for those that another tab is signing now. */
  async sweep(): Promise<void> {
    for (const { id, draft, message } of await this.#sealed.all<Row>(ANSWER)) {
      if (draft !== undefined) await navigator.locks.request(`consent:${message.request}`, { ifAvailable: true }, (lock) => (lock === null ? undefined : this.#sealed.delete(ANSWER + id)));
    }
  }

  /** Keeps a place for an answer that is not signed yet, and what belongs to it. Throws `StorageFull`: then nothing is kept. */
  async begin(draft: Kept, notice: string): Promise<void> {
    const { quota = LEAST, usage = 0 } = (await navigator.storage?.estimate?.()) ?? {};
    if (quota - usage < LEAST) throw new StorageFull();
    const { name: _, domain, account } = draft.brand;
    const confirmed = draft.inbox === "" ? [] : [[this.#row(CONFIRMED, domain), { account }] as const];
    await this.#sealed.put([this.#row(NOTICE, draft.message.notice), notice], [ANSWER + draft.id, { ...draft, draft: "-".repeat(ROOM) }], ...confirmed);
  }

  /** Keeps a signed answer in its place. Throws `Gone` where that was erased meanwhile: then it must not be sent. */
  async complete(kept: Kept): Promise<void> {
    await this.#alone(async () => {
      if ((await this.#sealed.get(ANSWER + kept.id)) === undefined) throw new Gone();
      await this.#write([kept]);
    });
  }

  /** Gives the place back where it was not signed. */
  async drop(id: string): Promise<void> {
    await this.#sealed.delete(ANSWER + id).catch(() => undefined);
  }

  /** Keeps an answer that comes from a file. */
  async add(kept: Kept, notice: string): Promise<Kept> {
    await this.#sealed.put([this.#row(NOTICE, kept.message.notice), notice]);
    await this.#alone(() => this.#write([kept]));
    return kept;
  }

  async change(id: string, change: (newest: Kept) => Kept): Promise<Kept> {
    const [found] = await this.changeAll([id], change);
    if (found === undefined) throw new Gone();
    return found;
  }

  /** Changes several, all or none; what a change returns as it was is not written. Returns those that are still kept. */
  changeAll(ids: readonly string[], change: (newest: Kept) => Kept): Promise<Kept[]> {
    return this.#alone(async () => {
      const rows = await this.#sealed.some<Row>(ids.map((id) => ANSWER + id));
      const found = rows.filter((row) => row !== undefined && row.draft === undefined) as Kept[];
      const newer = found.map(change);
      await this.#write(newer.filter((each, at) => each !== found[at]));
      return newer;
    });
  }

  /** Reads one as it is kept now; undefined where it is gone. */
  async newest(id: string): Promise<Kept | undefined> {
    const [found] = await this.#sealed.some<Row>([ANSWER + id]);
    return found?.draft === undefined ? found : undefined;
  }

  /** Returns a notice exactly as it was stored. */
  async notice(digest: Word): Promise<string> {
    const found = this.#notices.get(digest) ?? (await this.#sealed.get<string>(this.#row(NOTICE, digest)));
    if (found === undefined) throw new InvalidInput("its notice is not kept here any more", "Open the consent's file again.");
    this.#notices.set(digest, found);
    return found;
  }

  /** Returns the account that this domain confirmed last time. */
  async confirmedBefore<T>(domain: string): Promise<T | undefined> {
    return (await this.#sealed.get<{ account: T }>(this.#row(CONFIRMED, domain)))?.account;
  }

  get<T>(kind: string, name: string): Promise<T | undefined> {
    return this.#sealed.get<T>(this.#row(kind, name));
  }

  put(values: readonly (readonly [kind: string, name: string, value: unknown])[], beside?: string): Promise<void> {
    return this.#alone(async () => {
      // Nothing that was erased comes back.
      if (beside !== undefined && (await this.newest(beside)) === undefined) throw new Gone();
      await this.#sealed.put(...values.map(([kind, name, value]) => [this.#row(kind, name), value] as const));
    });
  }

  delete(kind: string, name: string): Promise<void> {
    return this.#sealed.delete(this.#row(kind, name));
  }

  /** Keeps everything that this tab still knows, after the browser's data was cleared. Returns how many. */
  async keepAgain(): Promise<number> {
    const notices = [...this.#notices].map(([digest, text]) => [this.#row(NOTICE, digest), text] as const);
    await this.#sealed.put(...notices);
    await this.#alone(() => this.#write(this.kept));
    return this.kept.length;
  }

  #row(kind: string, name: string): string {
    return kind + this.#nameOf(name);
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    return navigator.locks.request(KEEPING, work) as Promise<T>;
  }

  async #write(all: readonly Kept[]): Promise<void> {
    if (all.length === 0) return;
    await this.#sealed.put(...all.map((kept) => [ANSWER + kept.id, kept] as const));
    this.#show(all);
    if (!this.#isOver) this.#others.postMessage(all.map(({ id }) => id));
  }

  #show(all: readonly Kept[]): void {
    const newer = new Map(all.map((kept) => [kept.id, kept]));
    const known = new Set(this.kept.map(({ id }) => id));
    this.kept = [...all.filter(({ id }) => !known.has(id)), ...this.kept.map((kept) => newer.get(kept.id) ?? kept)];
  }

  async #take(ids: readonly string[]): Promise<boolean> {
    const rows = (await this.#sealed.some<Row>(ids.map((id) => ANSWER + id))).filter((row) => row !== undefined && row.draft === undefined) as Kept[];
    const before = new Map(this.kept.map((kept) => [kept.id, kept]));
    this.#show(rows);
    // Only what is new wakes: two tabs that tell each other of their troubles would never rest.
    return rows.some(({ id, ending }) => !before.has(id) || (ending !== undefined && before.get(id)?.ending === undefined));
  }
}

/** Erases everything that is kept, while no tab is writing. */
export const eraseAll = (database: Database): Promise<void> => navigator.locks.request(KEEPING, () => database.clear()) as Promise<void>;
