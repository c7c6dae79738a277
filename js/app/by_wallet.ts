// What a wallet of the browser does on this network: it signs a statement, or pays a transaction that ends a grant.

import { equal } from "../core/bytes.ts";
import type { Opening } from "../core/endings.ts";
import { type Address, bytesOf } from "../core/scalars.ts";
import { recoverAddress } from "../core/signatures.ts";
import { revocationCall } from "../client/end.ts";
import type { Network } from "../client/network.ts";
import { accountOf, moveTo, send, signTypedData, type Wallet, WalletTrouble } from "./wallets.ts";

/** Returns the wallet's signature once it is known to be this account's. Throws `WalletTrouble`. */
export async function signedByWallet(network: Network, wallet: Wallet, subject: Address, typed: unknown, digest: Uint8Array): Promise<string> {
  await moveTo(wallet, network.config.domain.chainId, network.config.rpc[0] as string);
  const found = await signTypedData(wallet, subject, JSON.stringify(typed));
  const signer = recoverAddress(digest, bytesOf(found));
  if (signer === undefined || !equal(signer, bytesOf(subject))) throw new WalletTrouble("foreign", "another account signed");
  return found;
}

/** Has the wallet send the transaction that ends a grant. What came of it, the chain shows. */
export async function sentByWallet(network: Network, wallet: Wallet, opening: Opening): Promise<void> {
  const { chainId, verifyingContract } = network.config.domain;
  const from = await accountOf(wallet);
  await moveTo(wallet, chainId, network.config.rpc[0] as string);
  await send(wallet, from, verifyingContract, revocationCall(opening));
}
