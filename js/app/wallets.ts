// Wallets that the browser has (EIP-6963). Their keys stay in them. What they answer is checked, never believed.

import { ConsentError } from "../core/errors.ts";

export interface Provider {
  request(call: { method: string; params?: readonly unknown[] }): Promise<unknown>;
}

export interface Wallet {
  readonly name: string;
  readonly icon: string;
  readonly rdns: string;
  readonly provider: Provider;
}

/** Why a wallet did not do it; `name` is a word of ours (`sign.rejected` and so on). */
export class WalletTrouble extends ConsentError {
  constructor(name: "rejected" | "foreign" | "badwallet" | "chain", message: string) {
    super(name, message, "Put that right in the wallet, then try again.");
  }
}

const MOST = 32;
const MAX_NAME = 60;
const ICON = /^data:image\/(?:svg\+xml|png|webp|jpeg|gif)[;,]/;
const ADDRESS = /^0x[0-9a-fA-F]{40}$/;

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
  const accounts = await ask(wallet, "eth_requestAccounts");
  const first = Array.isArray(accounts) ? (accounts as unknown[])[0] : undefined;
  if (typeof first !== "string" || !ADDRESS.test(first)) throw new WalletTrouble("badwallet", "the wallet offers no account");
  return first;
}

/** Moves the wallet to this chain; a node's URL is offered where the wallet does not know it. */
export async function moveTo(wallet: Wallet, chainId: number, rpc: string): Promise<void> {
  const wanted = `0x${chainId.toString(16)}`;
  if (await isOn(wallet, chainId)) return;
  try {
    await ask(wallet, "wallet_switchEthereumChain", { chainId: wanted });
  } catch (error) {
    if (error instanceof WalletTrouble && error.name === "rejected") throw error;
    const currency = { name: "Ether", symbol: "ETH", decimals: 18 };
    await ask(wallet, "wallet_addEthereumChain", { chainId: wanted, chainName: `Chain ${chainId}`, rpcUrls: [rpc], nativeCurrency: currency });
  }
  if (!(await isOn(wallet, chainId))) throw new WalletTrouble("chain", "the wallet stays on another chain");
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
  const found = await ask(wallet, "eth_chainId");
  return typeof found === "string" && /^0x[0-9a-fA-F]{1,14}$/.test(found) && Number(found) === chainId;
}

async function ask(wallet: Wallet, method: string, ...params: readonly unknown[]): Promise<unknown> {
  try {
    return await wallet.provider.request(params.length > 0 ? { method, params } : { method });
  } catch (error) {
    const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
    if (code === 4001) throw new WalletTrouble("rejected", "you said no in the wallet");
    throw new WalletTrouble("badwallet", `the wallet answered with an error: ${String(message ?? "").slice(0, 200)}`);
  }
}
