// A transaction that an account of the seed pays itself, with a node alone: no notary, no brand and no wallet has to help.
//
// What it costs is read first and shown; what is sent then costs no more than that.

import type { Account } from "../core/accounts.ts";
import { InvalidInput } from "../core/errors.ts";
import { isList, type Json } from "../core/json.ts";
import type { Address, Hex, Word } from "../core/scalars.ts";
import { asAnyObject, memberOf } from "../core/shapes.ts";
import { type Fees, priceOf, signTransaction } from "../core/transactions.ts";
import type { Network } from "./network.ts";
import { isNodeError, type NodeError, quantity, unavailable } from "./rpc.ts";

/** What a call costs at most, and what the account has, in the chain's smallest unit (wei). */
export interface Quote {
  readonly from: Address;
  readonly data: Hex;
  readonly gas: bigint;
  readonly fees: Fees;
  readonly cost: bigint;
  readonly balance: bigint;
}

/** A contract's state may change between the estimate and the block. */
const MARGIN = 120n;
const SMALL_TIP = 1_000_000_000n;
const DECIMALS = 18;
const SHOWN = 8;
const ALREADY = /already ?(?:known|imported|exists|in )|\bknown transaction/i;

/** Returns what this call of the registry would cost the account. Throws `InvalidInput` where the contract refuses it. */
export async function quoteFor(network: Network, from: Address, data: Hex): Promise<Quote> {
  const { chainId, verifyingContract: to } = network.config.domain;
  const [id, block, estimate, balance, tip, price] = await network.node.askAll([
    { method: "eth_chainId", params: [] },
    { method: "eth_getBlockByNumber", params: ["latest", false] },
    { method: "eth_estimateGas", params: [{ from, to, data }] },
    { method: "eth_getBalance", params: [from, "latest"] },
    { method: "eth_maxPriorityFeePerGas", params: [] },
    { method: "eth_gasPrice", params: [] },
  ]);
  if (isNodeError(id) || quantity(id, "the chain's id") !== chainId) throw unavailable("the node is of another chain than the network's");
  if (isNodeError(estimate)) throw new InvalidInput(`the contract would refuse it: ${estimate.message}`, "Look whether it has ended already.");
  const gas = (amount(estimate, "gas") * MARGIN) / 100n;
  const fees = feesFrom(block, tip, price);
  return { from, data, gas, fees, cost: gas * priceOf(fees), balance: amount(balance, "balance") };
}

/** Signs what was quoted, and sends it. Whether it worked, the chain's facts show. Throws `InvalidInput` and `LedgerUnavailable`. */
export async function pay(network: Network, account: Account, quote: Quote): Promise<Word> {
  const { chainId, verifyingContract: to } = network.config.domain;
  const counts = await network.node.askAll(["pending", "latest"].map((block) => ({ method: "eth_getTransactionCount", params: [account.address, block] })));
  // A node may leave out what waits, but not what is in blocks.
  const nonce = Math.max(...counts.filter((each) => !isNodeError(each)).map((each) => quantity(each as Json, "the account's number")));
  if (!Number.isSafeInteger(nonce)) throw unavailable("the chain's node does not tell the account's next number");
  const { raw, hash } = signTransaction({ chainId, nonce, gas: quote.gas, to, data: quote.data, fees: quote.fees }, account);
  const [answer] = await network.node.askAll([{ method: "eth_sendRawTransaction", params: [raw] }]);
  if (isNodeError(answer) && !ALREADY.test(answer.message)) throw new InvalidInput(`the node did not take the transaction: ${answer.message}`, "Look what it costs now, and try again.");
  return hash;
}

/** An amount in the chain's own currency, rounded up to eight decimals. */
export function formatAmount(wei: bigint): string {
  const step = 10n ** BigInt(DECIMALS - SHOWN);
  const digits = ((wei + step - 1n) / step).toString().padStart(SHOWN + 1, "0");
  return `${digits.slice(0, -SHOWN)}.${digits.slice(-SHOWN)}`.replace(/\.?0+$/, "");
}

/** EIP-1559 fees with room for the base fee to double; a gas price where the chain has no base fee. */
function feesFrom(block: Json | NodeError | undefined, tip: Json | NodeError | undefined, price: Json | NodeError | undefined): Fees {
  if (block === undefined || block === null || isNodeError(block) || isList(block)) throw unavailable("the chain's node has no newest block");
  const base = memberOf(asAnyObject(block, "block"), "baseFeePerGas");
  if (base === undefined || base === null) return { gasPrice: amount(price, "gas price") };
  const baseFee = amount(base, "base fee");
  const maxPriorityFeePerGas = isNodeError(tip) || tip === null ? tipIn(price, baseFee) : amount(tip, "tip");
  return { maxPriorityFeePerGas, maxFeePerGas: 2n * baseFee + maxPriorityFeePerGas };
}

function tipIn(price: Json | NodeError | undefined, baseFee: bigint): bigint {
  if (isNodeError(price)) return SMALL_TIP;
  const over = amount(price, "gas price") - baseFee;
  return over > 0n ? over : SMALL_TIP;
}

function amount(value: Json | NodeError | undefined, name: string): bigint {
  if (typeof value !== "string" || !/^0x[0-9a-fA-F]{1,64}$/.test(value)) throw unavailable(`the chain's node tells no ${name}`);
  return BigInt(value);
}
