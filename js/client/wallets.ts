// Wallets that the browser has (EIP-6963). Their keys stay in them. What they answer is checked, never believed.
// The app and the loopback page of the command line (js/wallet) share them.

import { ConsentError } from "../core/errors.ts";

export interface Provider {
  request(call: { method: string; params?: readonly unknown[] }): Promise<unknown>;
  /** Tells of changes (EIP-1193); some wallets cannot. */
  on?(event: string, listener: (value: unknown) => void): unknown;
}

export interface Wallet {
  readonly name: string;
  readonly icon: string;
  readonly rdns: string;
  readonly provider: Provider;
}

/** Why a wallet did not do it; `name` is a word of ours (`sign.rejected` and so on). */
export class WalletTrouble extends ConsentError {
  /** The code and the words of the wallet's own error (EIP-1193, EIP-1474), where it answered with one. */
  readonly code: number | undefined;
  readonly said: string;

  constructor(name: "rejected" | "foreign" | "badwallet" | "chain", message: string, code?: number, said = "") {
    super(name, message, "Put that right in the wallet, then try again.");
    this.code = code;
    this.said = said;
  }
}

const MOST = 32;
const MAX_NAME = 60;
const ICON = /^data:image\/(?:svg\+xml|png|webp|jpeg|gif)[;,]/;
const ADDRESS = /^0x[0-9a-fA-F]{40}$/;
const CHAIN = /^(?:0x[0-9a-fA-F]{1,64}|[0-9]{1,78})$/;
const MAX_SAID = 200;
// The wallet waits for the person already, and does not know the chain.
const PENDING = -32002;
const UNKNOWN_CHAIN = 4902;

/** Tells of wallets as they announce themselves, until `stop` is aborted. */
export function watchWallets(found: (wallets: readonly Wallet[]) => void, stop: AbortSignal): void {
  const known = new Map<string, Wallet>();
  window.addEventListener("eip6963:announceProvider", (event) => {
    const wallet = readWallet((event as CustomEvent<unknown>).detail);
    if (wallet === undefined || known.size >= MOST) return;
    known.set(wallet.rdns, wallet);
    found([...known.values()].sort((one, other) => one.name.localeCompare(other.name)));
  }, { signal: stop });
  window.dispatchEvent(new Event("eip6963:requestProvider"));
}

function readWallet(detail: unknown): Wallet | undefined {
  const { info, provider } = (detail ?? {}) as { info?: Record<string, unknown>; provider?: Provider };
  if (typeof info?.["name"] !== "string" || typeof info["rdns"] !== "string" || typeof provider?.request !== "function") return undefined;
  const icon = typeof info["icon"] === "string" && ICON.test(info["icon"]) ? info["icon"] : "";
  return { name: info["name"].slice(0, MAX_NAME), rdns: info["rdns"].slice(0, 200), icon, provider };
}

/** Returns the wallet's first account, as it spells it, once the person has let the page see it. */
export async function accountOf(wallet: Wallet): Promise<string> {
  const [first] = await accountsOf(wallet, "eth_requestAccounts");
  if (first === undefined) throw new WalletTrouble("badwallet", "the wallet offers no account");
  return first;
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
  if (!(await isOn(wallet, chainId))) throw new WalletTrouble("chain", "the wallet stays on another chain");
}

/** Adds a chain that the wallet could not switch to; throws why it could not where adding is no way out. */
async function add(wallet: Wallet, chain: object, chainId: number, rpc: string | undefined, error: unknown): Promise<void> {
  const code = error instanceof WalletTrouble ? error.code : undefined;
  if (!(error instanceof WalletTrouble) || error.name === "rejected" || code === PENDING) throw error;
  if (rpc === undefined) throw new WalletTrouble("chain", "the wallet stays on another chain", code);
  const currency = { name: "Ether", symbol: "ETH", decimals: 18 };
  await ask(wallet, "wallet_addEthereumChain", { ...chain, chainName: `Chain ${chainId}`, rpcUrls: [rpc], nativeCurrency: currency });
}

/** Returns the wallet's signature of typed data as it came; the caller checks who signed. */
export async function signTypedData(wallet: Wallet, account: string, typed: string): Promise<string> {
  const found = await ask(wallet, "eth_signTypedData_v4", account, typed);
  if (typeof found !== "string" || !/^0x[0-9a-fA-F]{2,16384}$/.test(found)) throw new WalletTrouble("badwallet", "the wallet returned no signature");
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
    const said = textOf(error);
    const code = codeOf(error);
    if (code === 4001) throw new WalletTrouble("rejected", "you said no in the wallet", code, said);
    throw new WalletTrouble("badwallet", `the wallet answered with an error: ${said}`, code, said);
  }
}

const textOf = (error: unknown): string => String((error as { message?: unknown } | null)?.message ?? "").slice(0, MAX_SAID);

/** The error's code; wallets on phones wrap that of an unknown chain in a general one. */
function codeOf(error: unknown): number | undefined {
  const { code, data } = (error ?? {}) as { code?: unknown; data?: { originalError?: { code?: unknown } } };
  if (data?.originalError?.code === UNKNOWN_CHAIN) return UNKNOWN_CHAIN;
  return typeof code === "number" ? code : undefined;
}
