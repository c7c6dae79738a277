// The contract's functions that end consent, as call data (contracts/IConsentRegistry.sol).

import { selector } from "./abi.ts";
import { concat, fromInteger, toHex } from "./bytes.ts";
import { addressWord } from "./eip712.ts";
import type { Opening, SignedEnding } from "./endings.ts";
import { bytesOf, type Hex, type Word } from "./scalars.ts";

const WORD = 32;

/** `revoke(secret, tag)`: whoever sends it ends the grant, and the chain shows the sender's address alone. */
export const revokeCall = ({ secret, tag }: Opening): Hex => toHex(concat(selector("revoke(bytes32,bytes32)"), bytesOf(secret), bytesOf(tag)));

/** `revokeOpenly(lock, saltHash)`: the sender must be the grant's subject. */
export const revokeOpenlyCall = (lock: Word, saltHash: Word): Hex => toHex(concat(selector("revokeOpenly(bytes32,bytes32)"), bytesOf(lock), bytesOf(saltHash)));

/** `revokeAll()`: ends everything that the sender issued until now. */
export const revokeAllCall = (): Hex => toHex(selector("revokeAll()"));

/** `retire()`: the sender is never believed again. */
export const retireCall = (): Hex => toHex(selector("retire()"));

/** The call with which anybody carries a signed ending to the chain. */
export function signedCall(ending: SignedEnding): Hex {
  const { subject } = ending.message;
  const signature = bytesOf(ending.signature);
  if (ending.primaryType === "Revoke") {
    return withBytes("revokeOpenlyFor(address,bytes32,bytes32,bytes)", [addressWord(subject), bytesOf(ending.lock), bytesOf(ending.saltHash)], signature);
  }
  if (ending.primaryType === "RevokeAll") {
    return withBytes("revokeAllFor(address,uint64,bytes)", [addressWord(subject), fromInteger(ending.message.issuedUntil)], signature);
  }
  return withBytes("retireFor(address,bytes)", [addressWord(subject)], signature);
}

/** A call whose last argument is `bytes`, after arguments of one word each. */
function withBytes(signature: string, words: readonly Uint8Array[], last: Uint8Array): Hex {
  const padding = new Uint8Array((WORD - (last.length % WORD)) % WORD);
  return toHex(concat(selector(signature), ...words, fromInteger((words.length + 1) * WORD), fromInteger(last.length), last, padding));
}
