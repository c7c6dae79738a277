// Wallets that the browser has (EIP-6963). Their keys stay in them. What they answer is checked, never believed.

import { ConsentError } from "../core/errors.ts";
import { oneLine } from "../core/one_line.ts";

export interface Provider {
  request(call: { method: string; params?: readonly unknown[] }): Promise<unknown>;
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

/** Why a wallet did not do it. `name` is a word of ours (`sign.rejected` and so on), `values` stand in it. */
export class WalletTrouble extends ConsentError {
  declare readonly name: Why;
  readonly values: Readonly<Record<string, string | number>>;

  constructor(name: Why, message: string, values: Readonly<Record<string, string | number>> = {}) {
    super(name, message, "Put that right in the wallet, then try again.");
    this.values = values;
  }
}

const MOST = 32;
const MAX_NAME = 60;
const MAX_ID = 200;
// A picture of 24 pixels; some wallets announce theirs in print quality.
const MAX_ICON = 256 * 1024;
const ICON = /^data:image\/(?:svg\+xml|png|webp|jpeg|gif)[;,]/;
const ADDRESS = /^0x[0-9a-fA-F]{40}$/;
const SIGNATURE = /^0x(?:[0-9a-fA-F]{2}){1,8192}$/;
// EIP-1193 and EIP-1474, and -32002 as MetaMask has it: it waits for an answer to an earlier question.
const CODES: Readonly<Record<string, Why>> = {
  4001: "rejected", 4100: "locked", 4200: "unsupported", "-32601": "unsupported", "-32004": "unsupported", 4900: "locked", "-32002": "pending",
};
const UNKNOWN_CHAIN = 4902;

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

/** Returns the wallet's first account, as it spells it, once the person has let the page see it. */
export async function accountOf(wallet: Wallet, stop?: AbortSignal): Promise<string> {
  return firstIn(await ask(wallet, stop, "eth_requestAccounts"));
}

/** Throws `WalletTrouble` unless the wallet is still on this account. It asks the person nothing. */
export async function checkAccount(wallet: Wallet, account: string, stop?: AbortSignal): Promise<void> {
  const found = firstIn(await ask(wallet, stop, "eth_accounts"));
  if (found.toLowerCase() !== account.toLowerCase()) throw changedTo(found);
}

const changedTo = (account: string): WalletTrouble => new WalletTrouble("changed", "the wallet is on another account", { account });

function firstIn(accounts: unknown): string {
  const first = Array.isArray(accounts) ? (accounts as unknown[])[0] : undefined;
  if (first === undefined) throw new WalletTrouble("locked", "the wallet shows no account");
  if (typeof first !== "string" || !ADDRESS.test(first)) throw new WalletTrouble("badwallet", "the wallet offers what is no account");
  return first;
}

/** Calls `changed` when the wallet leaves this account, until `stop` is aborted. Wallets need not tell it. */
export function watchAccount({ provider }: Wallet, account: string, changed: (why: WalletTrouble) => void, stop: AbortSignal): void {
  const listener = (accounts: unknown): void => {
    const [first] = Array.isArray(accounts) ? (accounts as unknown[]) : [];
    if (typeof first === "string" && first.toLowerCase() === account.toLowerCase()) return;
    changed(typeof first === "string" && ADDRESS.test(first) ? changedTo(first) : new WalletTrouble("locked", "the wallet shows no account"));
  };
  try {
    provider.on?.("accountsChanged", listener);
    stop.addEventListener("abort", () => provider.removeListener?.("accountsChanged", listener), { once: true });
  } catch {
    // It does not tell. What it signs is checked anyway.
  }
}

/** Moves the wallet to this chain; a node's URL is offered where the wallet does not know it, unless the URL may hold a key. */
export async function moveTo(wallet: Wallet, chainId: number, rpc: string, stop?: AbortSignal): Promise<void> {
  if (await isOn(wallet, chainId, stop)) return;
  const wanted = `0x${chainId.toString(16)}`;
  const move = (): Promise<unknown> => ask(wallet, stop, "wallet_switchEthereumChain", { chainId: wanted });
  const elsewhere = (): WalletTrouble => new WalletTrouble("chain", "the wallet stays on another chain", { chain: chainId });
  try {
    await move();
  } catch (error) {
    if (error instanceof WalletTrouble && ["rejected", "pending", "left"].includes(error.name)) throw error;
    if (!isUnknownChain((error as Error).cause) || !isPublic(rpc)) throw elsewhere();
    const currency = { name: "Ether", symbol: "ETH", decimals: 18 };
    await ask(wallet, stop, "wallet_addEthereumChain", { chainId: wanted, chainName: `Chain ${chainId}`, rpcUrls: [rpc], nativeCurrency: currency });
    // A wallet may add a chain and stay where it is (EIP-3085).
    if (!(await isOn(wallet, chainId, stop))) await move();
  }
  if (!(await isOn(wallet, chainId, stop))) throw elsewhere();
}

function isUnknownChain(cause: unknown): boolean {
  const { code, data } = (cause ?? {}) as { code?: unknown; data?: { originalError?: { code?: unknown } } };
  return code === UNKNOWN_CHAIN || data?.originalError?.code === UNKNOWN_CHAIN;
}

/** Whether a URL holds nothing that looks like a password or a provider's key, which the wallet would keep. */
function isPublic(url: string): boolean {
  const parts = URL.parse(url);
  if (parts === null || !/^https?:$/.test(parts.protocol)) return false;
  return parts.username + parts.password + parts.search + parts.hash === "" && parts.pathname.split("/").every((piece) => piece.length < 16);
}

/** Returns the wallet's signature of typed data as it came; the caller checks who signed. */
export async function signTypedData(wallet: Wallet, account: string, typed: string, stop?: AbortSignal): Promise<string> {
  const found = await ask(wallet, stop, "eth_signTypedData_v4", account, typed);
  if (typeof found !== "string" || !SIGNATURE.test(found)) throw new WalletTrouble("badwallet", "the wallet returned no signature");
  return found.toLowerCase();
}

/** Has the wallet send a transaction that it pays. What came of it, the chain shows. */
export async function send(wallet: Wallet, from: string, to: string, data: string, stop?: AbortSignal): Promise<void> {
  await ask(wallet, stop, "eth_sendTransaction", { from, to, data });
}

async function isOn(wallet: Wallet, chainId: number, stop?: AbortSignal): Promise<boolean> {
  const found = await ask(wallet, stop, "eth_chainId");
  return typeof found === "string" && /^0x[0-9a-fA-F]{1,14}$/.test(found) && Number(found) === chainId;
}

/** Asks the wallet, until the person leaves: what it answers after that, nobody reads. */
async function ask(wallet: Wallet, stop: AbortSignal | undefined, method: string, ...params: readonly unknown[]): Promise<unknown> {
  const left = new Promise<never>((_, failed) => {
    const leave = (): void => failed(stop?.reason instanceof WalletTrouble ? stop.reason : new WalletTrouble("left", "you left before the wallet answered"));
    if (stop?.aborted) leave();
    else stop?.addEventListener("abort", leave, { once: true });
  });
  left.catch(() => undefined);
  if (stop?.aborted) return left;
  try {
    return await Promise.race([wallet.provider.request(params.length > 0 ? { method, params } : { method }), left]);
  } catch (error) {
    throw error instanceof WalletTrouble ? error : troubleOf(error);
  }
}

function troubleOf(error: unknown): WalletTrouble {
  const { code, message } = (typeof error === "object" && error !== null ? error : {}) as { code?: unknown; message?: unknown };
  const why = oneLine(typeof message === "string" ? message : "", MAX_ID);
  const trouble = new WalletTrouble(CODES[String(code)] ?? "failed", `the wallet answered with an error: ${why}`, { why: why || String(code ?? "?").slice(0, 20) });
  trouble.cause = error;
  return trouble;
}
