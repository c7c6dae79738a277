// The person, once their key is open: what they keep, and what they do with it. The seed never leaves this object.

import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { toHex, utf8 } from "../core/bytes.ts";
import { Accounts, type Account } from "../core/accounts.ts";
import { revokeCall } from "../core/calls.ts";
import { ConsentError, InvalidInput } from "../core/errors.ts";
import type { Grant, Refusal } from "../core/messages.ts";
import { wordsOf } from "../core/mnemonic.ts";
import { type Address, type Word } from "../core/scalars.ts";
import { digestOf, makeStatement, typedData } from "../core/statements.ts";
import type { Asked } from "../client/answer.ts";
import { openingOf } from "../client/end.ts";
import { goOn, type Going } from "../client/go_on.ts";
import { isUnfinished, type Kept, UNSEEN } from "../client/kept.ts";
import type { Network } from "../client/network.ts";
import { pay, type Quote, quoteFor } from "../client/payer.ts";
import type { Wallet } from "../client/wallets.ts";
import { type Connected, sentByWallet, signedByWallet } from "./by_wallet.ts";
import { endAndKeep, onlyOurs } from "./ending.ts";
import { Looks } from "./looks.svelte.ts";
import { OwnNode } from "./node.svelte.ts";
import { endingLater, replacedIn, waitOf } from "./replacing.ts";
import { Rest } from "./rest.ts";
import { readSaved } from "./saved_file.ts";
import { Answers, Gone } from "./store/answers.svelte.ts";
import type { Database } from "./store/database.ts";
import { freshId, sealingKey } from "./store/sealed.ts";

const GENERATIONS = 100;
/** Pauses before what failed is tried again, in seconds; each is twice as long as the one before. */
const FIRST_PAUSE = 2;
const LONGEST_PAUSE = 60;
/** So long one answer is waited for before the others get their turn, in seconds; and so many at a time. */
const PATIENCE = 30;
const AT_ONCE = 4;

/** The key was locked before anything was signed. */
export class Locked extends ConsentError {
  constructor() {
    super("Locked", "it was locked meanwhile", "Open it again: nothing was signed.");
  }
}

export class Person {
  /** What is being worked on now, here or in another tab, by digest. */
  going = $state.raw<ReadonlySet<string>>(new Set());
  readonly answers: Answers;
  readonly node: OwnNode;
  readonly looks: Looks;
  readonly #seed: Uint8Array;
  readonly #stop = new AbortController();
  readonly #rest = new Rest(this.#stop.signal);
  #accounts: Accounts | undefined;

  private constructor(load: () => Promise<Network>, seed: Uint8Array, database: Database, key: CryptoKey) {
    this.#seed = seed;
    this.answers = new Answers(database, key, (name) => this.#nameOf(name), () => this.#rest.wake());
    this.node = new OwnNode(load, this.answers);
    this.looks = new Looks(this.node, this.answers, this.#stop.signal);
    addEventListener("online", () => this.#rest.wake(), { signal: this.#stop.signal });
  }

  /** Opens what this key sealed. `load` gives the network of the page; without it the person can still name a node. */
  static async open(load: () => Promise<Network>, seed: Uint8Array, database: Database): Promise<Person> {
    const person = new Person(load, seed, database, await sealingKey(seed));
    await person.node.open();
    await person.answers.reload();
    await person.answers.sweep();
    return person;
  }

  /** Forgets the key in this tab. What is under way stops before its next step, and signs nothing more. */
  close(): void {
    this.#stop.abort();
    this.#rest.wake();
    this.answers.close();
    this.#seed.fill(0);
  }

  /** Everything that is kept, newest first. */
  get kept(): readonly Kept[] {
    return this.answers.kept;
  }

  get network(): Network {
    return this.node.network;
  }

  get words(): readonly string[] {
    return wordsOf(this.#seed);
  }

  get now(): number {
    return this.network.clock();
  }

  find(digest: string): Kept | undefined {
    return this.answers.find(digest);
  }

  /** Returns the account that answers this controller: the first that the chain does not show as retired. */
  async accountFor(controller: Address): Promise<Account> {
    for (let generation = 0; generation < GENERATIONS; generation += 1) {
      const account = this.#own().for(controller, generation);
      if (!(await this.network.isRetired(account.address))) return account;
    }
    throw new InvalidInput("every account for this brand was retired", "Nothing can be signed for it any more.");
  }

  /** Returns an answer of this person to the same request that waits or holds; undefined where there is none. */
  answerTo(asked: Asked): Kept | undefined {
    return this.kept.find((each) => each.message.request === asked.digest && each.seen.endedAt === 0 && each.seen.verdict === "");
  }

  /** Returns the newest grant to the same brand, which may have ended. */
  lastGrantTo(account: Address): Kept | undefined {
    return this.kept.find((each) => each.kind === "Grant" && each.brand.account === account && each.signature !== "");
  }

  /** Returns the account that this domain confirmed last time. */
  confirmedBefore(domain: string): Promise<Address | undefined> {
    return this.answers.confirmedBefore<Address>(domain);
  }

  /**
   * Has an answer signed, and keeps it, before anything is sent.
   *
   * A place for it is kept first, so that a full browser signs nothing. One tab at a time answers one request. Throws
   * `StorageFull`, `InvalidInput` where the request was answered meanwhile, `Locked`, and `WalletTrouble`.
   */
  async sign(asked: Asked, compose: (subject: Address, seed: Uint8Array, date: number) => Grant | Refusal, how: { by?: Connected; language: string; inbox: string; replaces?: Word }): Promise<Kept> {
    return navigator.locks.request(`consent:${asked.digest}`, { ifAvailable: true }, async (lock) => {
      if (lock === null) throw new InvalidInput("another tab of this browser is answering this request", "Go on there.");
      await this.answers.reload();
      const answered = this.answerTo(asked);
      if (answered !== undefined && answered.digest !== how.replaces) throw new InvalidInput("you have answered this request already", "See it in your list.");
      const account = how.by === undefined ? await this.accountFor(asked.message.controller) : undefined;
      const subject = account?.address ?? (how.by as Connected).account;
      const date = await this.network.dateFor(subject);
      // A seed that was locked is zeros: whatever it made could never be ended.
      const message = compose(subject, this.#open(), date);
      const kind = "revocation" in message ? "Grant" : "Refusal";
      const statement = makeStatement<"Grant" | "Refusal">(kind, this.network.config.domain, message);
      const digest = digestOf(statement as never);
      const { name, domain, account: brand } = asked.notice.controller;
      const draft: Kept = {
        id: freshId(), kind, digest: toHex(digest), brand: { name, domain, account: brand }, by: how.by === undefined ? "seed" : "wallet",
        domain: this.network.config.domain, message, language: how.language, signature: "0x", keptAt: this.now,
        askedAt: asked.message.issuedAt, inbox: how.inbox, delivery: how.inbox === "" ? "hand" : "waiting", seen: UNSEEN,
      };
      await this.answers.begin(draft, asked.noticeText);
      try {
        const signature = account === undefined ? await signedByWallet(this.network, how.by as Connected, typedData(statement as never), digest) : (this.#open(), toHex(account.sign(digest)));
        const kept = { ...draft, signature };
        this.#open();
        await this.answers.complete(kept);
        this.#rest.wake();
        return kept;
      } catch (error) {
        await this.answers.drop(draft.id);
        throw error;
      }
    });
  }

  /** Goes on with everything that is left, again and again, until the key is locked. `failed` gets what no try can mend. */
  async keepGoing(failed: (error: unknown) => void): Promise<void> {
    for (let pause = FIRST_PAUSE; !this.#isOver; pause = Math.min(pause * 2, LONGEST_PAUSE)) {
      const wakes = this.#rest.wakes;
      await this.#goOnAll().catch(failed);
      if (this.#isOver) return;
      const waits = this.kept.filter(isUnfinished).map((kept) => waitOf(kept, this.now) || pause);
      if (this.#rest.wakes === wakes) await this.#rest.sleep(waits.length === 0 ? undefined : Math.min(...waits));
      if (this.#rest.wakes !== wakes) pause = FIRST_PAUSE / 2;
    }
  }

  /** Endings first. One that is waited for keeps no other one waiting. */
  async #goOnAll(): Promise<void> {
    await this.node.findPage();
    // A tab that was closed right after a grant was recorded has not noted yet what ends with it.
    await this.#endReplaced();
    const left = this.kept.filter((kept) => isUnfinished(kept) && waitOf(kept, this.now) === 0).sort((one, other) => Number(other.ending !== undefined) - Number(one.ending !== undefined));
    const work = async (): Promise<void> => {
      for (let next = left.shift(); next !== undefined && !this.#isOver; next = left.shift()) await this.goOn(next, PATIENCE);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  }

  /** Goes on with one answer, in one tab at a time, and waits at most so many seconds for others. Its `trouble` says what failed. */
  async goOn({ digest }: Kept, patience = Infinity): Promise<void> {
    await this.#alone(digest, async (kept) => {
      const until = performance.now() + patience * 1000;
      const isOver = (): boolean => this.#isOver || performance.now() > until;
      if (!isUnfinished(kept) || waitOf(kept, this.now) > 0) return;
      if (kept.ending !== undefined) return void (await this.#end(kept, isOver).catch(onlyOurs));
      // Whoever wants it ended does not wait until it is recorded.
      await goOn(this.#going(() => isOver() || this.find(digest)?.ending !== undefined), kept);
      await this.#endReplaced();
    });
  }

  /** Keeps that the grants which recorded ones replace end later. */
  async #endReplaced(): Promise<void> {
    const old = replacedIn(this.kept).map(({ id }) => id);
    if (old.length === 0 || this.#isOver) return;
    await this.answers.changeAll(old, (newest) => endingLater(newest, this.now));
    this.#rest.wake();
  }

  #going(isOver: () => boolean): Going {
    return { network: this.network, shelf: this.answers, sleep: (seconds) => this.#rest.sleep(seconds), isOver };
  }

  /** What it costs at most to end this grant by a transaction of the seed's own account for that brand. */
  quoteEnd(kept: Kept): Promise<Quote> {
    return quoteFor(this.network, this.#payer(kept).address, revokeCall(openingOf(this.network, kept, this.#open())));
  }

  /** Keeps that the person wants these ended now, all or none. From then on it goes on by itself. Throws `InvalidInput` and `StorageFull`. */
  async wantEnded(all: readonly Kept[]): Promise<void> {
    for (const kept of all) openingOf(this.network, kept, this.#open());
    const ending = { askedAt: this.now };
    await this.answers.changeAll(all.map(({ id }) => id), (newest) => (newest.ending === undefined || waitOf(newest, this.now) > 0 ? { ...newest, ending } : newest));
    this.#rest.wake();
  }

  /**
   * Ends one grant through a notary, or until `stop` by a transaction: of a wallet, or of the seed's own account for what was quoted.
   *
   * It is kept that the person wants it, first.
   */
  async endOne(kept: Kept, by?: Wallet | Quote, stop?: AbortSignal): Promise<void> {
    await this.wantEnded([kept]);
    await this.#alone(kept.digest, (newest) => this.#end(newest, () => this.#isOver || stop?.aborted === true, by));
  }

  async #end(kept: Kept, isOver: () => boolean, by?: Wallet | Quote): Promise<void> {
    if (kept.seen.endedAt > 0) return;
    const opening = openingOf(this.network, kept, this.#open());
    const send = by === undefined ? undefined : () => ("provider" in by ? sentByWallet(this.network, by, opening) : pay(this.network, this.#payer(kept), by));
    await endAndKeep(this.#going(isOver), kept, opening, send);
  }

  /** Returns the notice of an answer, exactly as it was stored. */
  notice(digest: Word): Promise<string> {
    return this.answers.notice(digest);
  }

  /** Keeps a consent from a saved file, if this key made it. Throws `Malformed`, `InvalidInput` and `StorageFull`. */
  async take(raw: Uint8Array): Promise<Kept> {
    const { kept, notice } = readSaved(raw, this.#open(), this.#own(), this.now);
    return this.find(kept.digest) ?? this.answers.add(kept, notice);
  }

  /** The name of a row. Whoever looks into the browser's files reads neither domains nor notices from names. */
  #nameOf(name: string): string {
    return toHex(hmac(sha256, this.#open(), utf8(name))).slice(2, 34);
  }

  /** The seed's account that signed this, or the first one for its brand. */
  #payer({ message, brand }: Kept): Account {
    return this.#own().for(brand.account, this.#own().generationOf(brand.account, message.subject) ?? 0);
  }

  #own(): Accounts {
    return (this.#accounts ??= new Accounts(this.#open()));
  }

  get #isOver(): boolean {
    return this.#stop.signal.aborted;
  }

  /** Returns the seed, as long as it is open. */
  #open(): Uint8Array {
    if (this.#isOver) throw new Locked();
    return this.#seed;
  }

  /** Works on an answer as it is kept now, once no other tab does. */
  async #alone(digest: string, work: (newest: Kept) => Promise<void>): Promise<void> {
    this.going = new Set([...this.going, digest]);
    try {
      await navigator.locks.request(`consent:${digest}`, { signal: this.#stop.signal }, async () => {
        const id = this.find(digest)?.id;
        const newest = id === undefined ? undefined : await this.answers.newest(id);
        if (newest !== undefined && !this.#isOver) await work(newest);
      });
    } catch (error) {
      if (!this.#isOver && !(error instanceof Gone)) throw error;
    } finally {
      this.going = new Set([...this.going].filter((each) => each !== digest));
    }
  }
}
