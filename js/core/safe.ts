// The message that a Safe's owners sign, so that the Safe has signed a digest (safe-smart-account 1.4.1).
// They sign `SafeMessage(bytes message)` in the Safe's own EIP-712 domain; the message is the digest's 32 bytes.

import { concat, fromInteger, toHex } from "./bytes.ts";
import { addressWord } from "./eip712.ts";
import type { JsonObject } from "./json.ts";
import { hashText, keccak256 } from "./keccak.ts";
import type { Address } from "./scalars.ts";

const DOMAIN_TYPE = hashText("EIP712Domain(uint256 chainId,address verifyingContract)");
const MESSAGE_TYPE = hashText("SafeMessage(bytes message)");
const SIGNED = Uint8Array.of(0x19, 0x01);

/** The EIP-712 JSON, for `eth_signTypedData_v4`, whose digest is `safeDigest`. */
export function safeMessage(chainId: number, safe: Address, signed: Uint8Array): JsonObject {
  return {
    types: {
      EIP712Domain: [{ name: "chainId", type: "uint256" }, { name: "verifyingContract", type: "address" }],
      SafeMessage: [{ name: "message", type: "bytes" }],
    },
    primaryType: "SafeMessage",
    domain: { chainId, verifyingContract: safe },
    message: { message: toHex(signed) },
  };
}

/** The 32 bytes that the owners of this Safe sign, so that it has signed the digest `signed`. */
export function safeDigest(chainId: number, safe: Address, signed: Uint8Array): Uint8Array {
  const domain = keccak256(concat(DOMAIN_TYPE, fromInteger(chainId), addressWord(safe)));
  return keccak256(concat(SIGNED, domain, keccak256(concat(MESSAGE_TYPE, keccak256(signed)))));
}
