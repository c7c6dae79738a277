// What a wallet of the browser does on this network: it shows its account, signs a statement, or pays a transaction.

import { equal, fromHex } from "../core/bytes.ts";
import { revokeCall } from "../core/calls.ts";
import type { Opening } from "../core/endings.ts";
import { keyOfSignature } from "../core/facts.ts";
import { adviceOn } from "../core/judge.ts";
import { type Address, bytesOf, checksum, type Hex } from "../core/scalars.ts";
import { recoverAddress } from "../core/signatures.ts";
import type { Network } from "../client/network.ts";
import { accountOf, checkAccount, moveTo, publicUrl, send, signTypedData, type Wallet, WalletTrouble } from "../client/wallets.ts";

/** A wallet, and the account of it that the person has seen. */
export interface Connected {
  readonly wallet: Wallet;
  readonly account: Address;
}

/** Asks the wallet for its account, and moves it to the network's chain. Throws `WalletTrouble`. */
export async function connect(network: Network, wallet: Wallet): Promise<Connected> {
  const account = checksum(fromHex((await accountOf(wallet)).toLowerCase(), 20) as Uint8Array);
  await moveToChain(network, wallet);
  return { wallet, account };
}

/**
 * Returns the wallet's signature once it is known to be this account's: by its key, or by its contract (ERC-1271).
 *
 * Throws `WalletTrouble`, and `LedgerUnavailable` where the chain could not be asked about a contract.
 */
export async function signedByWallet(network: Network, { wallet, account }: Connected, typed: unknown, digest: Uint8Array): Promise<Hex> {
  await checkAccount(wallet, account);
  await moveToChain(network, wallet);
  const found = await signTypedData(wallet, account, JSON.stringify(typed));
  const plain = withUsualV(found);
  const signer = recoverAddress(digest, bytesOf(plain));
  if (signer !== undefined && equal(signer, bytesOf(account))) return plain;
  // A contract's signature stays as it is: a Safe reads another meaning from a v of 1.
  const query = { signer: account, digest, signature: found };
  if ((await network.facts([], [query], 0)).signatures.get(keyOfSignature(query)) === true) return found;
  if (adviceOn(found) !== undefined) throw new WalletTrouble("undeployed", "the account's contract is not deployed yet");
  if (signer !== undefined) throw new WalletTrouble("foreign", "another account signed, or something else was signed");
  throw new WalletTrouble("badwallet", "the wallet's signature is of no use");
}

/** Has the wallet send the transaction that ends a grant. What came of it, the chain shows. */
export async function sentByWallet(network: Network, wallet: Wallet, opening: Opening): Promise<void> {
  const from = await accountOf(wallet);
  await moveToChain(network, wallet);
  await send(wallet, from, network.config.domain.verifyingContract, revokeCall(opening));
}

const moveToChain = (network: Network, wallet: Wallet): Promise<void> => moveTo(wallet, network.config.domain.chainId, publicUrl(network.config.rpc[0]));

/** Some hardware writes 0 or 1 where evidence has 27 or 28. */
function withUsualV(signature: Hex): Hex {
  const v = signature.length === 132 ? signature.slice(-2) : "";
  return v === "00" || v === "01" ? `${signature.slice(0, -2)}${v === "00" ? "1b" : "1c"}` : signature;
}
