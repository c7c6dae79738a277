// Wallets that the browser has (EIP-6963). Their keys stay in them. What they answer is checked, never believed.
// The app and the loopback page of the command line (js/wallet) share them.

import { ConsentError } from "../core/errors.ts";
import { oneLine } from "../core/one_line.ts";

export interface Provider {
  request(call: { method: string; params?: readonly unknown[] }): Promise<unknown>;
  /** Tells of changes (EIP-1193); some wallets cannot. */
  on?(event: string, listener: (value: unknown) => void): unknown;
  removeListener?(event: string, listener: (value: unknown) => void): unknown;
}

/** A wallet as it announced itself. `uuid` tells it from others of the same name; it holds for this page alone. */
export interface Wallet {
  readonly uuid: string;
  readonly name: string;
  readonly icon: string;
  readonly rdns: string;
  readonly provider: Provider;
}

export type Why =
  | "rejected" | "locked" | "pending" | "unsupported" | "failed" | "left" // it did not do it
  | "chain" | "changed" // it is not where it was
  | "foreign" | "badwallet" | "undeployed"; // it answered what is of no use

/** Why a wallet did not do it. `name` is a word of ours (`sign.rejected` and so on), and `values` stand in that word. */
export class WalletTrouble extends ConsentError {
  declare readonly name: Why;
  /** The code and the words of the wallet's own error (EIP-1193, EIP-1474), where it answered with one. */
  readonly code: number | undefined;
  readonly said: string;
  readonly values: Readonly<Record<string, string | number>>;

  constructor(name: Why, message: string, how: { code?: number | undefined; said?: string; values?: Readonly<Record<string, string | number>> } = {}) {
    super(name, message, "Put that right in the wallet, then try again.");
    [this.code, this.said, this.values] = [how.code, how.said ?? "", how.values ?? {}];
  }
}

const MOST = 32;
const MAX_NAME = 60;
const MAX_ID = 200;
// A picture of 24 pixels; some wallets announce theirs in print quality.
const MAX_ICON = 256 * 1024;
const ICON = /^data:image\/(?:svg\+xml|png|webp|jpeg|gif)[;,]/;
const ADDRESS = /^0x[0-9a-fA-F]{40}$/;
const CHAIN = /^(?:0x[0-9a-fA-F]{1,64}|[0-9]{1,78})$/;
const SIGNATURE = /^0x(?:[0-9a-fA-F]{2}){1,8192}$/;
const MAX_SAID = 200;
const UNKNOWN_CHAIN = 4902;
// EIP-1193 and EIP-1474; by -32002 it says that it waits for an answer to an earlier question.
const CODES: Readonly<Record<number, Why>> = {
  4001: "rejected", 4100: "locked", 4900: "locked", [-32002]: "pending", 4200: "unsupported", [-32601]: "unsupported", [-32004]: "unsupported",
};
const changedTo = (account: string): WalletTrouble => new WalletTrouble("changed", "the wallet is on another account", { values: { account } });

/** Tells of wallets as they announce themselves, until `stop` is aborted. The first to have an id keeps it. */
export function watchWallets(found: (wallets: readonly Wallet[]) => void, stop: AbortSignal): void {
  const known = new Map<string, Wallet>();
  window.addEventListener("eip6963:announceProvider", (event) => {
    const wallet = readWallet((event as CustomEvent<unknown>).detail);
    if (wallet === undefined || known.size >= MOST || known.has(wallet.uuid)) return;
    known.set(wallet.uuid, wallet);
    found([...known.values()].sort((one, other) => one.name.localeCompare(other.name)));
  }, { signal: stop });
  window.dispatchEvent(new Event("eip6963:requestProvider"));
}

function readWallet(detail: unknown): Wallet | undefined {
  try {
    const { info, provider } = (detail ?? {}) as { info?: Record<string, unknown>; provider?: Provider };
    const text = (name: string, most: number): string => oneLine(typeof info?.[name] === "string" ? info[name] : "", most);
    const [name, rdns] = [text("name", MAX_NAME), text("rdns", MAX_ID)];
    if (typeof provider?.request !== "function" || (name || rdns) === "") return undefined;
    return { uuid: text("uuid", MAX_ID) || rdns || name, name: name || rdns, rdns, icon: iconIn(info?.["icon"]), provider };
  } catch {
    return undefined; // what another program announces may throw when it is read
  }
}

/** A picture is data of a few kinds: as an image none of them runs or loads anything. */
const iconIn = (icon: unknown): string => (typeof icon === "string" && icon.length <= MAX_ICON && ICON.test(icon) ? icon : "");

/** Returns the wallet with answers that are awaited until `stop` is aborted: what it answers after that, nobody reads. */
export function leavable(wallet: Wallet, stop: AbortSignal): Wallet {
  const { provider } = wallet;
  const why = (): unknown => (stop.reason instanceof WalletTrouble ? stop.reason : new WalletTrouble("left", "you left before the wallet answered"));
  const request: Provider["request"] = (call) =>
    new Promise((done, failed) => {
      if (stop.aborted) return failed(why());
      stop.addEventListener("abort", () => failed(why()), { once: true });
      provider.request(call).then(done, failed);
    });
  return { ...wallet, provider: { request } };
}

/** Returns the wallet's first account, as it spells it, once the person has let the page see it. */
export async function accountOf(wallet: Wallet): Promise<string> {
  const [first] = await accountsOf(wallet, "eth_requestAccounts");
  if (first === undefined) throw new WalletTrouble("locked", "the wallet offers no account");
  return first;
}

/** Throws `WalletTrouble` unless the wallet is still on this account. The person is asked nothing. */
export async function checkAccount(wallet: Wallet, account: string): Promise<void> {
  const [first] = await accountsOf(wallet, "eth_accounts");
  if (first === undefined) throw new WalletTrouble("locked", "the wallet shows no account");
  if (first.toLowerCase() !== account.toLowerCase()) throw changedTo(first);
}

/** Calls `changed` when the wallet leaves this account, until `stop` is aborted. Wallets need not tell it. */
export function watchAccount({ provider }: Wallet, account: string, changed: (why: WalletTrouble) => void, stop: AbortSignal): void {
  const listener = (accounts: unknown): void => {
    const [first] = Array.isArray(accounts) ? (accounts as unknown[]) : [];
    if (typeof first === "string" && first.toLowerCase() === account.toLowerCase()) return;
    changed(typeof first === "string" && ADDRESS.test(first) ? changedTo(first) : new WalletTrouble("locked", "the wallet shows no account"));
  };
  provider.on?.("accountsChanged", listener);
  stop.addEventListener("abort", () => provider.removeListener?.("accountsChanged", listener), { once: true });
}

/** Returns the accounts that the wallet lets the page see, as it spells them; none where it is locked. */
export async function accountsOf(wallet: Wallet, method: "eth_accounts" | "eth_requestAccounts"): Promise<string[]> {
  const found = await ask(wallet, method);
  return Array.isArray(found) ? found.filter((one): one is string => typeof one === "string" && ADDRESS.test(one)) : [];
}

/**
 * Moves the wallet to this chain; a node's URL is offered where the wallet does not know it.
 *
 * A `WalletTrouble` named "chain" has the code 4902 where the wallet does not know the chain, and there is no URL to offer.
 */
export async function moveTo(wallet: Wallet, chainId: number, rpc?: string): Promise<void> {
  const chain = { chainId: `0x${chainId.toString(16)}` };
  if (await isOn(wallet, chainId)) return;
  try {
    await ask(wallet, "wallet_switchEthereumChain", chain);
  } catch (error) {
    await add(wallet, chain, chainId, rpc, error);
    if (!(await isOn(wallet, chainId))) await ask(wallet, "wallet_switchEthereumChain", chain);
  }
  if (!(await isOn(wallet, chainId))) throw elsewhere(chainId);
}

const elsewhere = (chain: number, code?: number): WalletTrouble => new WalletTrouble("chain", "the wallet stays on another chain", { code, values: { chain } });

/** Adds a chain that the wallet could not switch to; throws why it could not where adding is no way out. */
async function add(wallet: Wallet, chain: object, chainId: number, rpc: string | undefined, error: unknown): Promise<void> {
  throwOwn(error);
  if (rpc === undefined) throw elsewhere(chainId, (error as WalletTrouble).code);
  const currency = { name: "Ether", symbol: "ETH", decimals: 18 };
  try {
    await ask(wallet, "wallet_addEthereumChain", { ...chain, chainName: `Chain ${chainId}`, rpcUrls: [rpc], nativeCurrency: currency });
  } catch (refused) {
    throwOwn(refused);
    throw elsewhere(chainId, (refused as WalletTrouble).code);
  }
}

/** Throws what says more than that the wallet is elsewhere. */
function throwOwn(error: unknown): void {
  if (!(error instanceof WalletTrouble) || ["rejected", "pending", "locked", "left", "changed"].includes(error.name)) throw error;
}

/** Returns a node's URL for the wallet to keep; undefined where it may hold a password, or a provider's key. */
export function publicUrl(url: string | undefined): string | undefined {
  const parts = url === undefined ? null : URL.parse(url);
  if (parts === null || !/^https?:$/.test(parts.protocol) || parts.username + parts.password + parts.search + parts.hash !== "") return undefined;
  return parts.pathname.split("/").every((piece) => piece.length < 16) ? url : undefined;
}

/** Returns the wallet's signature of typed data as it came; the caller checks who signed. */
export async function signTypedData(wallet: Wallet, account: string, typed: string): Promise<string> {
  const found = await ask(wallet, "eth_signTypedData_v4", account, typed);
  if (typeof found !== "string" || !SIGNATURE.test(found)) throw new WalletTrouble("badwallet", "the wallet returned no signature");
  return found.toLowerCase();
}

/** Has the wallet send a transaction that it pays. What came of it, the chain shows. */
export async function send(wallet: Wallet, from: string, to: string, data: string): Promise<void> {
  await ask(wallet, "eth_sendTransaction", { from, to, data });
}

async function isOn(wallet: Wallet, chainId: number): Promise<boolean> {
  const found = String(await ask(wallet, "eth_chainId"));
  if (!CHAIN.test(found)) throw new WalletTrouble("badwallet", "the wallet's chain makes no sense");
  return BigInt(found) === BigInt(chainId);
}

/** Asks the wallet, and returns its answer as it came; a `WalletTrouble` where it answers with an error. */
export async function ask(wallet: Wallet, method: string, ...params: readonly unknown[]): Promise<unknown> {
  try {
    return await wallet.provider.request(params.length > 0 ? { method, params } : { method });
  } catch (error) {
    if (error instanceof WalletTrouble) throw error;
    const [said, code] = [textOf(error), codeOf(error)];
    throw new WalletTrouble(CODES[code ?? 0] ?? "failed", `the wallet answered with an error: ${said}`, { code, said, values: { why: said || `${code ?? "?"}` } });
  }
}

function textOf(error: unknown): string {
  const message = (error as { message?: unknown } | null)?.message;
  return oneLine(typeof message === "string" ? message : "", MAX_SAID);
}

/** The error's code; wallets on phones wrap that of an unknown chain in a general one. */
function codeOf(error: unknown): number | undefined {
  const { code, data } = (error ?? {}) as { code?: unknown; data?: { originalError?: { code?: unknown } } };
  if (data?.originalError?.code === UNKNOWN_CHAIN) return UNKNOWN_CHAIN;
  return typeof code === "number" ? code : undefined;
}
