// Asks the browser's wallets: for the account first, then to sign or send. Each trouble is told here and at the terminal.

import { accountsOf, ask, moveTo, watchWallets, WalletTrouble, type Provider, type Wallet } from "../client/wallets.ts";
import { draw, tell } from "./page.ts";
import { post, say, SEND, type Question } from "./protocol.ts";
import { about, session, short, t } from "./session.ts";
import type { Values } from "./words/words.ts";

/** Why it did not go on; `code` is the name of a word, and of an ending of registry/wallets/browser.py. */
class Trouble extends Error {
  readonly code: string;
  readonly values: Values;

  constructor(code: string, values: Values = {}) {
    super(code);
    this.code = code;
    this.values = values;
  }
}

// EIP-1193 and EIP-1474.
const CODES: Readonly<Record<number, string>> = {
  4001: "rejected", 4100: "locked", [-32002]: "locked", 4200: "unsupported", [-32601]: "unsupported", 4900: "disconnected", 4901: "disconnected",
};
const UNKNOWN_CHAIN = 4902;

const heard = new WeakSet<Provider>();
let turn = 0;
let isWaiting = false;
let reported: Promise<void> = Promise.resolve();
let watching = new AbortController();

const isSame = (one: unknown, other: unknown): boolean => String(one).toLowerCase() === String(other).toLowerCase();

function troubleOf(error: unknown): Trouble {
  if (error instanceof Trouble) return error;
  if (!(error instanceof WalletTrouble)) return new Trouble("wallet", { detail: "" });
  if (error.name === "chain") return new Trouble(error.code === UNKNOWN_CHAIN ? "chain-unknown" : "chain");
  return new Trouble(CODES[error.code ?? 0] ?? "wallet", { detail: error.said });
}

function report(error: unknown): void {
  const { code, values } = troubleOf(error);
  turn += 1;
  isWaiting = false;
  if (code === "rejected") return void say("stop", code);
  session.values = values;
  tell({ name: code, values: { ...about(), ...values }, isProblem: true });
  reported = say("problem", code);
}

/** Tells the terminal at once that the page reads the question in another way. */
export function reportDifference(): void {
  session.values = session.note?.values ?? {};
  reported = say("problem", "differs");
}

/** Has one request to the wallet at a time. After a change, an older one is no longer awaited. */
async function inTurn(work: (isCurrent: () => boolean) => Promise<void>): Promise<void> {
  if (isWaiting) return;
  turn += 1;
  const own = turn;
  const isCurrent = (): boolean => own === turn && session.end === undefined;
  isWaiting = true;
  tell({ name: "waiting", values: { wallet: session.wallet?.name }, isProblem: false });
  try {
    await work(isCurrent);
  } catch (error) {
    if (isCurrent()) report(error);
  }
  if (own === turn) isWaiting = false;
}

/** The accounts of the wallet; `Trouble` where it has none, or not the one that this is for. */
async function held(wallet: Wallet, method: "eth_accounts" | "eth_requestAccounts"): Promise<readonly string[]> {
  const found = await accountsOf(wallet, method);
  if (found[0] === undefined) throw new Trouble("locked");
  const wanted = session.state?.account;
  if (wanted !== undefined && !found.some((one) => isSame(one, wanted))) throw new Trouble("account", { found: short(found[0]) });
  return found;
}

async function moveToChain(wallet: Wallet): Promise<void> {
  const chain = session.state?.chain;
  if (chain !== undefined) await moveTo(wallet, chain.id, chain.rpc ?? undefined);
}

/** Connects the page with this wallet. The person may choose another one while one does not answer. */
export function connect(wallet: Wallet): void {
  isWaiting = false;
  session.wallet = wallet;
  void inTurn(async (isCurrent) => {
    try {
      const accounts = await held(wallet, "eth_requestAccounts");
      if (!isCurrent()) return;
      await moveToChain(wallet);
      if (isCurrent()) takeAccounts(wallet, accounts);
    } catch (error) {
      if (isCurrent()) session.wallet = undefined;
      throw error;
    }
  });
}

function takeAccounts(wallet: Wallet, accounts: readonly string[]): void {
  listen(wallet.provider);
  session.note = undefined;
  const isKnown = session.state?.account !== undefined;
  if (!isKnown && accounts.length === 1) return choose(accounts[0] as string);
  session.offered = isKnown ? undefined : accounts;
  draw();
}

/** Tells the terminal which account signs. */
export function choose(account: string): void {
  if (session.state !== undefined) session.state = { ...session.state, stage: "busy" };
  draw();
  void say("account", account);
}

function listen(provider: Provider): void {
  if (typeof provider.on !== "function" || heard.has(provider)) return;
  heard.add(provider);
  const changed = (code: string, found = ""): void => {
    const isOurs = session.wallet?.provider === provider && session.state?.stage === "question" && session.end === undefined;
    if (isOurs) report(new Trouble(code, { found }));
  };
  provider.on("accountsChanged", (accounts) => {
    const all: readonly unknown[] = Array.isArray(accounts) ? accounts : [];
    if (!all.some((one) => isSame(one, session.state?.account))) changed(all.length > 0 ? "account-changed" : "locked", short(String(all[0] ?? "")));
  });
  provider.on("chainChanged", (chain) => {
    if (Number(chain) !== session.state?.chain.id) changed("chain-changed");
  });
  provider.on("disconnect", () => changed("disconnected"));
}

/** Has the wallet sign or send what is asked, after the page itself has read it. */
export function sign(): void {
  const { wallet, state } = session;
  const question = state?.question;
  if (wallet === undefined || !question || !session.isAgreed) return;
  void inTurn(async (isCurrent) => {
    await held(wallet, "eth_accounts");
    await moveToChain(wallet);
    if (isCurrent()) await answer(wallet, question, isCurrent);
  });
}

async function answer(wallet: Wallet, { method, params }: Question, isCurrent: () => boolean): Promise<void> {
  const sends = method === SEND;
  // From here the wallet may send, however the page ends, unless it clearly says that it did not.
  if (sends) await post("asked", 1);
  const found = await ask(wallet, method, ...params).catch(async (error: unknown) => {
    if (sends && ["rejected", "unsupported"].includes(troubleOf(error).code)) await say("asked", -1);
    throw error;
  });
  // What was sent is sent, whatever changed meanwhile.
  if (isCurrent() || (sends && Boolean(found))) await post("answer", typeof (found ?? "") === "string" ? (found ?? null) : "?");
}

/** Says no, with the problem that made the person say it. The terminal hears of the problem first. */
export async function refuse(): Promise<void> {
  await reported;
  const { note } = session;
  await say("stop", note?.isProblem === true ? note.name : "said-no");
}

/** Looks for wallets: those that announce themselves (EIP-6963), else the one at window.ethereum (EIP-1193). */
export function look(): void {
  watching.abort();
  watching = new AbortController();
  watchWallets((found) => {
    session.wallets = found;
    if (session.state !== undefined && session.wallet === undefined && session.end === undefined) draw(false);
  }, watching.signal);
  const { ethereum } = window as { ethereum?: Provider };
  if (session.wallets.length === 0 && typeof ethereum?.request === "function") {
    session.wallets = [{ uuid: "", name: t("other"), rdns: "", icon: "", provider: ethereum }];
  }
  if (session.state !== undefined && session.end === undefined) draw();
}
