// Transactions of an account's own: RLP, EIP-1559 and the older form with a gas price (EIP-155), signed by a key of the seed.

import { concat, toHex } from "./bytes.ts";
import type { Account } from "./accounts.ts";
import { InvalidInput } from "./errors.ts";
import { keccak256 } from "./keccak.ts";
import { bytesOf, type Address, type Hex, type Word } from "./scalars.ts";

/** What a transaction costs for each unit of gas, in wei: EIP-1559's two fees, or a price on chains that have no base fee. */
export type Fees = { readonly maxFeePerGas: bigint; readonly maxPriorityFeePerGas: bigint } | { readonly gasPrice: bigint };

/** A call that the account pays; it sends no money. */
export interface Transaction {
  readonly chainId: number;
  readonly nonce: number;
  readonly gas: bigint;
  readonly to: Address;
  readonly data: Hex;
  readonly fees: Fees;
}

export interface SignedTransaction {
  /** The bytes for `eth_sendRawTransaction`. */
  readonly raw: Hex;
  readonly hash: Word;
}

type Item = Uint8Array | readonly Item[];

const DYNAMIC = Uint8Array.of(2);
const WORD_BITS = 256n;

/** The highest price of a unit of gas, in wei. */
export const priceOf = (fees: Fees): bigint => ("gasPrice" in fees ? fees.gasPrice : fees.maxFeePerGas);

/** Returns the transaction, signed. Throws `InvalidInput` for a number that none can hold. */
export function signTransaction(transaction: Transaction, account: Account): SignedTransaction {
  const raw = "gasPrice" in transaction.fees ? signedOld(transaction, transaction.fees.gasPrice, account) : signedDynamic(transaction, transaction.fees, account);
  return Object.freeze({ raw: toHex(raw), hash: toHex(keccak256(raw)) });
}

/** EIP-2718 and EIP-1559: 0x02 || rlp([chainId, nonce, tip, fee, gas, to, value, data, accessList, yParity, r, s]). */
function signedDynamic(transaction: Transaction, fees: Exclude<Fees, { readonly gasPrice: bigint }>, account: Account): Uint8Array {
  const { chainId, nonce, gas, to, data } = transaction;
  const fields: readonly Item[] = [
    integer(chainId), integer(nonce), integer(fees.maxPriorityFeePerGas), integer(fees.maxFeePerGas), integer(gas), bytesOf(to), integer(0), bytesOf(data), [],
  ];
  const { r, s, parity } = signatureOf(account, concat(DYNAMIC, rlp(fields)));
  return concat(DYNAMIC, rlp([...fields, integer(parity), r, s]));
}

/** EIP-155: rlp([nonce, gasPrice, gas, to, value, data, v, r, s]). */
function signedOld({ chainId, nonce, gas, to, data }: Transaction, gasPrice: bigint, account: Account): Uint8Array {
  const fields: readonly Item[] = [integer(nonce), integer(gasPrice), integer(gas), bytesOf(to), integer(0), bytesOf(data)];
  const { r, s, parity } = signatureOf(account, rlp([...fields, integer(chainId), integer(0), integer(0)]));
  return rlp([...fields, integer(BigInt(chainId) * 2n + 35n + BigInt(parity)), r, s]);
}

function signatureOf(account: Account, unsigned: Uint8Array): { r: Uint8Array; s: Uint8Array; parity: number } {
  const signature = account.sign(keccak256(unsigned));
  return { r: shortest(signature.subarray(0, 32)), s: shortest(signature.subarray(32, 64)), parity: (signature[64] as number) - 27 };
}

/** Returns the RLP of a byte string or a list (Ethereum's Yellow Paper, appendix B). */
export function rlp(item: Item): Uint8Array {
  if (item instanceof Uint8Array) return item.length === 1 && (item[0] as number) < 0x80 ? item : concat(prefix(item.length, 0x80), item);
  const whole = concat(...item.map(rlp));
  return concat(prefix(whole.length, 0xc0), whole);
}

function prefix(length: number, offset: number): Uint8Array {
  if (length < 56) return Uint8Array.of(offset + length);
  const size = integer(length);
  return concat(Uint8Array.of(offset + 55 + size.length), size);
}

/** A number in the fewest bytes, big-endian; none for 0. */
function integer(value: number | bigint): Uint8Array {
  const whole = BigInt(value);
  if (whole < 0n || whole >> WORD_BITS > 0n) throw new InvalidInput("a transaction holds no such number", "Try again later: the node's answer makes no sense.");
  const digits = whole === 0n ? "" : whole.toString(16);
  return bytesOf(`0x${digits.length % 2 === 1 ? "0" : ""}${digits}`);
}

const shortest = (bytes: Uint8Array): Uint8Array => bytes.subarray(bytes.findIndex((byte) => byte !== 0));
