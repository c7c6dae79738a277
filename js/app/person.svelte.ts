// The person, once their key is open: what they keep, and what they do with it. The seed never leaves this object.

import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { equal, fromHex, toHex, utf8 } from "../core/bytes.ts";
import { Accounts, type Account } from "../core/accounts.ts";
import { ConsentError, InvalidInput } from "../core/errors.ts";
import { canonicalEvidence, parseEvidence } from "../core/evidence.ts";
import type { Json } from "../core/json.ts";
import { lockOf, revocationSecret } from "../core/locks.ts";
import type { Grant, Refusal } from "../core/messages.ts";
import { wordsOf } from "../core/mnemonic.ts";
import { type Address, bytesOf, checksum, type Word } from "../core/scalars.ts";
import { recoverAddress } from "../core/signatures.ts";
import { digestOf, makeStatement, typedData } from "../core/statements.ts";
import { signedLanguage } from "../core/fitting.ts";
import type { Asked } from "../client/answer.ts";
import { awaitEnd, endByNotary, openingOf, revocationCall } from "../client/end.ts";
import { goOn, type Going } from "../client/go_on.ts";
import { isUnfinished, type Kept, type Shelf, UNSEEN } from "../client/kept.ts";
import type { Network } from "../client/network.ts";
import { askBrand, look, tellBrand } from "../client/status.ts";
import { type Database } from "./store/database.ts";
import { freshId, Sealed, sealingKey } from "./store/sealed.ts";
import { accountOf, moveTo, send, signTypedData, type Wallet, WalletTrouble } from "../client/wallets.ts";

const ANSWER = "a:";
const NOTICE = "n:";
const CONFIRMED = "c:";
const CHANNEL = "consent";
const GENERATIONS = 100;

const sleep = (seconds: number): Promise<void> => new Promise((go) => setTimeout(go, seconds * 1000));

export class Person {
  /** Everything that is kept, newest first. */
  kept = $state.raw<readonly Kept[]>([]);
  /** When the chain was read last (unix seconds), 0 for never, and why the last reading failed. */
  checkedAt = $state(0);
  unchecked = $state("");
  readonly network: Network;
  readonly #seed: Uint8Array;
  readonly #sealed: Sealed;
  readonly #others = new BroadcastChannel(CHANNEL);
  readonly #notices = new Map<Word, string>();
  #accounts: Accounts | undefined;
  #isOver = false;

  private constructor(network: Network, seed: Uint8Array, sealed: Sealed) {
    this.network = network;
    this.#seed = seed;
    this.#sealed = sealed;
    this.#others.onmessage = () => void this.#reload();
  }

  static async open(network: Network, seed: Uint8Array, database: Database): Promise<Person> {
    const person = new Person(network, seed, new Sealed(database, await sealingKey(seed)));
    await person.#reload();
    return person;
  }

  /** Forgets the key in this tab. */
  close(): void {
    this.#isOver = true;
    this.#others.close();
    this.#seed.fill(0);
  }

  get words(): readonly string[] {
    return wordsOf(this.#seed);
  }

  get now(): number {
    return this.network.clock();
  }

  find(digest: string): Kept | undefined {
    return this.kept.find((each) => each.digest === digest);
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
  async confirmedBefore(domain: string): Promise<Address | undefined> {
    return (await this.#sealed.get<{ account: Address }>(this.#row(CONFIRMED, domain)))?.account;
  }

  /**
   * Has an answer signed, and keeps it, before anything is sent.
   *
   * A place for it is kept first, so that a full browser signs nothing. One tab at a time answers one request. Throws
   * `StorageFull`, `InvalidInput` where the request was answered meanwhile, and `WalletTrouble`.
   */
  async sign(asked: Asked, compose: (subject: Address, seed: Uint8Array, date: number) => Grant | Refusal, how: { wallet?: Wallet; language: string; inbox: string }): Promise<Kept> {
    return navigator.locks.request(`consent:${asked.digest}`, async () => {
      await this.#reload();
      if (this.answerTo(asked) !== undefined) throw new InvalidInput("you have answered this request already", "See it in your list.");
      const account = how.wallet === undefined ? await this.accountFor(asked.message.controller) : undefined;
      const subject = account?.address ?? checksum(fromHex((await accountOf(how.wallet as Wallet)).toLowerCase(), 20) as Uint8Array);
      const message = compose(subject, this.#seed, await this.network.dateFor(subject));
      const kind = "revocation" in message ? "Grant" : "Refusal";
      const statement = makeStatement<"Grant" | "Refusal">(kind, this.network.config.domain, message);
      const digest = digestOf(statement as never);
      const { name, domain, account: brand } = asked.notice.controller;
      const draft: Kept = {
        id: freshId(), kind, digest: toHex(digest), brand: { name, domain, account: brand }, by: how.wallet === undefined ? "seed" : "wallet",
        domain: this.network.config.domain, message, language: how.language, signature: "", keptAt: this.now,
        inbox: how.inbox, delivery: how.inbox === "" ? "hand" : "waiting", seen: UNSEEN,
      };
      await this.#sealed.put([this.#row(NOTICE, message.notice), asked.noticeText], [ANSWER + draft.id, { ...draft, signature: `0x${"00".repeat(65)}`, draft: true }]);
      try {
        const signature = account === undefined ? await this.#byWallet(how.wallet as Wallet, subject, typedData(statement as never), digest) : toHex(account.sign(digest));
        const kept = { ...draft, signature };
        await this.#keep(kept);
        if (how.inbox !== "") await this.#sealed.put([this.#row(CONFIRMED, domain), { account: brand }]);
        return kept;
      } catch (error) {
        await this.#sealed.delete(ANSWER + draft.id);
        throw error;
      }
    });
  }

  /** Goes on with one answer, in one tab at a time. */
  async goOn(kept: Kept): Promise<void> {
    await navigator.locks.request(`consent:${kept.digest}`, { ifAvailable: true }, async (lock) => {
      const newest = this.find(kept.digest);
      if (lock === null || newest === undefined || !isUnfinished(newest)) return;
      if (newest.ending !== undefined) await this.end(newest).catch(() => undefined);
      else await goOn(this.#going(), newest);
    });
  }

  /** Goes on with everything that is left to do; each brand and notary is asked apart. */
  async goOnAll(): Promise<void> {
    for (const kept of this.kept.filter(isUnfinished)) if (!this.#isOver) await this.goOn(kept);
  }

  /** Reads the chain for everything. What could not be checked stays as it was seen, and `unchecked` says so. */
  async check(): Promise<void> {
    try {
      const found = await look(this.network, this.kept, (kept) => this.notice(kept.message.notice));
      await this.#keep(...found.filter((each) => JSON.stringify(each.seen) !== JSON.stringify(this.find(each.digest)?.seen)));
      this.checkedAt = this.now;
      this.unchecked = "";
    } catch (error) {
      if (!(error instanceof ConsentError)) throw error;
      this.unchecked = error.message;
    }
  }

  /** Asks the brand of one answer how it stands there; returns why that could not be learned, empty where it was. */
  async askBrand(kept: Kept): Promise<string> {
    try {
      const found = await askBrand(this.network, kept, await this.notice(kept.message.notice));
      await this.#keep(found);
      return "";
    } catch (error) {
      if (!(error instanceof ConsentError)) throw error;
      return error.message;
    }
  }

  /** Ends one grant, in one tab at a time; see `end`. */
  endOne(kept: Kept, wallet?: Wallet): Promise<void> {
    return navigator.locks.request(`consent:${kept.digest}`, () => this.end(this.find(kept.digest) ?? kept, wallet));
  }

  /** Ends one grant through a notary, or by a transaction that `wallet` pays. It is kept that the person wants it, first. */
  async end(kept: Kept, wallet?: Wallet): Promise<void> {
    const opening = openingOf(this.network, kept, this.#seed);
    let newest: Kept = { ...kept, ending: kept.ending ?? { askedAt: this.now } };
    await this.#keep(newest);
    const waiting = { sleep, isOver: () => this.#isOver };
    const promised = async (notary: string, due: number): Promise<void> => {
      newest = { ...newest, ending: { ...(newest.ending as NonNullable<Kept["ending"]>), notary, due } };
      await this.#keep(newest);
    };
    if (wallet !== undefined) {
      const { chainId, verifyingContract } = this.network.config.domain;
      const from = await accountOf(wallet);
      await moveTo(wallet, chainId, this.network.config.rpc[0] as string);
      await send(wallet, from, verifyingContract, revocationCall(opening));
    }
    const endedAt = wallet === undefined ? await endByNotary(this.network, opening, { ...waiting, promised }) : await awaitEnd(this.network, opening, waiting);
    const { trouble: _, ...bare } = this.find(kept.digest) ?? newest;
    await this.#keep({ ...bare, seen: { ...bare.seen, endedAt, verdict: "Revoked", checkedAt: this.now } });
    await tellBrand(this.network, bare);
  }

  /** Returns the notice of an answer, exactly as it was stored. */
  async notice(digest: Word): Promise<string> {
    const found = this.#notices.get(digest) ?? (await this.#sealed.get<string>(this.#row(NOTICE, digest)));
    if (found === undefined) throw new InvalidInput("its notice is not kept here any more", "Open the consent's file again.");
    this.#notices.set(digest, found);
    return found;
  }

  /** Keeps a consent from a saved file, if this key made it. Throws `Malformed` and `InvalidInput`. */
  async take(raw: Uint8Array): Promise<Kept> {
    const evidence = parseEvidence(canonicalEvidence(raw));
    const { statement, signature, anchor, notice, acceptance, read } = evidence;
    const isAnswer = statement.primaryType === "Grant" || statement.primaryType === "Refusal";
    if (!isAnswer || notice === undefined || read === undefined || anchor === undefined) throw new InvalidInput("that is no file of a consent", "Give the file of a grant.");
    const { message } = statement;
    const isOwn = "revocation" in message ? lockOf(revocationSecret(this.#seed, message.salt)) === message.revocation : this.#own().generationOf(message.controller, message.subject) !== undefined;
    if (!isOwn) throw new InvalidInput("this key did not make it", "Use the 24 words with which it was made.");
    const known = this.find(toHex(evidence.digest));
    if (known !== undefined) return known;
    const { name, domain, account } = read.notice.controller;
    const kept: Kept = {
      id: freshId(), kind: statement.primaryType, digest: toHex(evidence.digest), brand: { name, domain, account },
      by: this.#own().generationOf(message.controller, message.subject) === undefined ? "wallet" : "seed",
      domain: statement.domain, message, language: signedLanguage(read.notice, message) ?? "en", signature, keptAt: this.now,
      anchor: anchor as unknown as Json, inbox: "", delivery: "hand", seen: UNSEEN,
      ...(acceptance === undefined ? {} : { acceptance: acceptance as unknown as Json }),
    };
    await this.#sealed.put([this.#row(NOTICE, message.notice), notice]);
    await this.#keep(kept);
    return kept;
  }

  /** The name of a row. Whoever looks into the browser's files reads neither domains nor notices from names. */
  #row(kind: string, name: string): string {
    return kind + toHex(hmac(sha256, this.#seed, utf8(name))).slice(2, 34);
  }

  #own(): Accounts {
    return (this.#accounts ??= new Accounts(this.#seed));
  }

  #going(): Going {
    const shelf: Shelf = { keep: (kept) => this.#keep(kept), notice: (digest) => this.notice(digest) };
    return { network: this.network, shelf, sleep, tell: () => undefined, isOver: () => this.#isOver };
  }

  async #byWallet(wallet: Wallet, subject: Address, typed: unknown, digest: Uint8Array): Promise<string> {
    await moveTo(wallet, this.network.config.domain.chainId, this.network.config.rpc[0] as string);
    const found = await signTypedData(wallet, subject, JSON.stringify(typed));
    const signer = recoverAddress(digest, bytesOf(found));
    if (signer === undefined || !equal(signer, bytesOf(subject))) throw new WalletTrouble("foreign", "another account signed");
    return found;
  }

  async #keep(...all: readonly Kept[]): Promise<void> {
    if (all.length === 0) return;
    await this.#sealed.put(...all.map((kept) => [ANSWER + kept.id, kept] as const));
    const newer = new Map(all.map((kept) => [kept.id, kept]));
    const known = new Set(this.kept.map(({ id }) => id));
    this.kept = [...all.filter(({ id }) => !known.has(id)), ...this.kept.map((kept) => newer.get(kept.id) ?? kept)];
    this.#others.postMessage("changed");
  }

  async #reload(): Promise<void> {
    const all = await this.#sealed.all<Kept & { draft?: boolean }>(ANSWER);
    this.kept = all.filter(({ draft }) => draft !== true).sort((one, other) => other.keptAt - one.keptAt);
  }
}
