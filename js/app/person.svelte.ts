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
import { revokeCall } from "../core/calls.ts";
import { awaitEnd, endByNotary, openingOf } from "../client/end.ts";
import { goOn, type Going } from "../client/go_on.ts";
import { isUnfinished, isUntold, type Kept, type Shelf, UNSEEN } from "../client/kept.ts";
import { Network } from "../client/network.ts";
import { askNode, isNamed, NO_NETWORK, type OwnNetwork, withOwn } from "../client/own_network.ts";
import { pay, type Quote, quoteFor } from "../client/payer.ts";
import type { UsesReport } from "../client/uses.ts";
import { Web } from "../client/web.ts";
import { askBrand, look, tellBrand } from "../client/status.ts";
import { type Database } from "./store/database.ts";
import { freshId, Sealed, sealingKey } from "./store/sealed.ts";
import { changedFile, lookAndKeep, type UseRows } from "./use_log.ts";
import { accountOf, moveTo, send, signTypedData, type Wallet, WalletTrouble } from "./wallets.ts";

const ANSWER = "a:";
const NOTICE = "n:";
const CONFIRMED = "c:";
const OWN_NETWORK = "o:network";
const CHANNEL = "consent";
/** What a grant replaces ends so many seconds after it was recorded: at a time of its own, so that nothing links the two. */
const LATER = [20, 90] as const;
/** So many brands are asked at most when everything is looked at. */
const MOST_ASKED = 40;
const GENERATIONS = 100;

const sleep = (seconds: number): Promise<void> => new Promise((go) => setTimeout(go, seconds * 1000));

export class Person {
  /** Everything that is kept, newest first. */
  kept = $state.raw<readonly Kept[]>([]);
  /** When the chain was read last (unix seconds), 0 for never, and why the last reading failed. */
  checkedAt = $state(0);
  unchecked = $state("");
  /** The network of the page, or with the person's own node. */
  network = $state.raw(undefined as unknown as Network);
  ownRpc = $state("");
  readonly #page: Network;
  readonly #seed: Uint8Array;
  readonly #sealed: Sealed;
  readonly #others = new BroadcastChannel(CHANNEL);
  readonly #notices = new Map<Word, string>();
  #accounts: Accounts | undefined;
  #isOver = false;

  private constructor(network: Network, seed: Uint8Array, sealed: Sealed) {
    [this.network, this.#page] = [network, network];
    this.#seed = seed;
    this.#sealed = sealed;
    this.#others.onmessage = () => void this.#reload();
  }

  /** Opens what this key sealed. `network` is that of the page, undefined where the page has none (any more). */
  static async open(network: Network | undefined, seed: Uint8Array, database: Database): Promise<Person> {
    const person = new Person(network ?? new Network(NO_NETWORK, new Web()), seed, new Sealed(database, await sealingKey(seed)));
    const own = await person.#sealed.get<OwnNetwork>(OWN_NETWORK).catch(() => undefined);
    if (own !== undefined) person.#use(own);
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
  async sign(asked: Asked, compose: (subject: Address, seed: Uint8Array, date: number) => Grant | Refusal, how: { wallet?: Wallet; language: string; inbox: string; replaces?: Word }): Promise<Kept> {
    return navigator.locks.request(`consent:${asked.digest}`, async () => {
      await this.#reload();
      const answered = this.answerTo(asked);
      if (answered !== undefined && answered.digest !== how.replaces) throw new InvalidInput("you have answered this request already", "See it in your list.");
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
        askedAt: asked.message.issuedAt, inbox: how.inbox, delivery: how.inbox === "" ? "hand" : "waiting", seen: UNSEEN,
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
      const wait = (newest.ending?.after ?? 0) - this.now;
      if (wait > 0) return void setTimeout(() => void this.goOn(newest).catch(() => undefined), wait * 1000);
      if (newest.ending !== undefined) await this.end(newest).catch(() => undefined);
      else await this.#endReplaced(await goOn(this.#going(), newest));
    });
  }

  /** Has the grant end that a recorded one replaces: later and apart. */
  async #endReplaced({ anchor, message }: Kept): Promise<void> {
    const old = "supersedes" in message ? this.find(message.supersedes) : undefined;
    if (this.#isOver || anchor === undefined || old === undefined || old.seen.endedAt > 0 || old.ending !== undefined) return;
    const [least, most] = LATER;
    const after = this.now + least + (crypto.getRandomValues(new Uint32Array(1))[0] as number) % (most - least + 1);
    await this.#keep({ ...old, ending: { askedAt: this.now, after } });
    void this.goOn(old).catch(() => undefined);
  }

  /** Goes on with everything that is left to do; each brand and notary is asked apart. */
  async goOnAll(): Promise<void> {
    // A tab that was closed right after a grant was recorded has not noted yet what ends with it.
    for (const kept of this.kept) await this.#endReplaced(kept);
    for (const kept of this.kept.filter(isUnfinished)) if (!this.#isOver) await this.goOn(kept);
    for (const kept of this.kept.filter(isUntold)) if (!this.#isOver) await this.#tell(kept);
  }

  /** Takes the person's own node for everything from now on, once it has shown the registry. Throws as `askNode`. */
  async useNode(typed: string): Promise<void> {
    const domain = isNamed(this.#page.config) ? this.#page.config.domain : this.kept[0]?.domain;
    if (domain === undefined) throw new InvalidInput("it is not known yet which registry to look for", "Open the saved file of a consent first.");
    const own = await askNode(this.network.web, typed, domain);
    await this.#sealed.put([OWN_NETWORK, own]);
    this.#use(own);
  }

  /** Goes back to the network of the page. */
  async forgetNode(): Promise<void> {
    await this.#sealed.delete(OWN_NETWORK);
    [this.network, this.ownRpc] = [this.#page, ""];
  }

  /** Looks at the brand's use log for one answer; returns what it shows, undefined where that did not hold or could not be checked. */
  lookAtUses(kept: Kept): Promise<UsesReport | undefined> {
    return navigator.locks.request(`consent-log:${kept.message.controller}`, async () => {
      const found = await lookAndKeep(this.network, this.#rows(), this.find(kept.digest) ?? kept, await this.notice(kept.message.notice));
      const newest = this.find(kept.digest);
      if (newest !== undefined && found.kept.log !== undefined) {
        await this.#keep({ ...newest, log: found.kept.log, seen: { ...newest.seen, usedAt: found.kept.seen.usedAt } });
      }
      return found.report;
    });
  }

  /** The file that tells of a changed log. */
  changedLog(kept: Kept): Promise<string | undefined> {
    return changedFile(this.#rows(), kept.digest);
  }

  /** Asks the brands of the grants that were asked longest ago: how they stand there, and what was used. */
  async askBrands(): Promise<void> {
    const age = (kept: Kept): number => kept.log?.checkedAt ?? 0;
    const asked = this.kept.filter(({ kind, capability, seen }) => kind === "Grant" && capability !== undefined && !(seen.endedAt > 0 && seen.acknowledgedAt > 0));
    for (const kept of [...asked].sort((one, other) => age(one) - age(other)).slice(0, MOST_ASKED)) {
      if (this.#isOver) return;
      await this.askBrand(this.find(kept.digest) ?? kept);
      await this.lookAtUses(kept);
    }
  }

  /** What it costs at most to end this grant by a transaction of the seed's own account for that brand. */
  quoteEnd(kept: Kept): Promise<Quote> {
    return quoteFor(this.network, this.#payer(kept).address, revokeCall(openingOf(this.network, kept, this.#seed)));
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
  endOne(kept: Kept, by?: Wallet | Quote): Promise<void> {
    return navigator.locks.request(`consent:${kept.digest}`, () => this.end(this.find(kept.digest) ?? kept, by));
  }

  /**
   * Ends one grant through a notary, or by a transaction: of a wallet, or of the seed's own account for what was quoted.
   *
   * It is kept that the person wants it, first.
   */
  async end(kept: Kept, by?: Wallet | Quote): Promise<void> {
    const opening = openingOf(this.network, kept, this.#seed);
    let newest: Kept = { ...kept, ending: kept.ending ?? { askedAt: this.now } };
    await this.#keep(newest);
    const waiting = { sleep, isOver: () => this.#isOver };
    const promised = async (notary: string, due: number): Promise<void> => {
      newest = { ...newest, ending: { ...(newest.ending as NonNullable<Kept["ending"]>), notary, due } };
      await this.#keep(newest);
    };
    if (by !== undefined && "provider" in by) {
      const { chainId, verifyingContract } = this.network.config.domain;
      const from = await accountOf(by);
      await moveTo(by, chainId, this.network.config.rpc[0] as string);
      await send(by, from, verifyingContract, revokeCall(opening));
    } else if (by !== undefined) {
      await pay(this.network, this.#payer(kept), by);
    }
    const endedAt = by === undefined ? await endByNotary(this.network, opening, { ...waiting, promised }) : await awaitEnd(this.network, opening, waiting);
    const { trouble: _, ...bare } = this.find(kept.digest) ?? newest;
    await this.#keep({ ...bare, seen: { ...bare.seen, endedAt, verdict: "Revoked", checkedAt: this.now } });
    await this.#tell(bare);
  }

  async #tell(kept: Kept): Promise<void> {
    if (!(await tellBrand(this.network, kept))) return;
    const newest = this.find(kept.digest);
    if (newest !== undefined) await this.#keep({ ...newest, told: true });
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

  #use(own: OwnNetwork): void {
    this.network = new Network(withOwn(this.#page.config, own), this.#page.web);
    this.ownRpc = own.rpc;
  }

  #rows(): UseRows {
    return { get: (id) => this.#sealed.get(id), put: (...values) => this.#sealed.put(...values), name: (kind, name) => this.#row(kind, name) };
  }

  /** The seed's account that signed this, or the first one for its brand. */
  #payer({ message, brand }: Kept): Account {
    return this.#own().for(brand.account, this.#own().generationOf(brand.account, message.subject) ?? 0);
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
