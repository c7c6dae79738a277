// EIP-712 without our statements: the domain of a registry, its separator, and the digest that is signed.

import { concat, fromInteger } from "./bytes.ts";
import type { Json } from "./json.ts";
import { hashText, keccak256 } from "./keccak.ts";
import { asAddress, bytesOf, checkAddress, type Address } from "./scalars.ts";
import { asInteger, asObject, asText } from "./shapes.ts";

export interface Field {
  readonly name: string;
  readonly type: string;
}

/** One registry on one chain. */
export interface Domain {
  readonly name: string;
  readonly version: string;
  readonly chainId: number;
  readonly verifyingContract: Address;
}

export const DOMAIN_FIELDS: readonly Field[] = [
  { name: "name", type: "string" },
  { name: "version", type: "string" },
  { name: "chainId", type: "uint256" },
  { name: "verifyingContract", type: "address" },
];
const DOMAIN_TYPE = hashText(`EIP712Domain(${DOMAIN_FIELDS.map(({ name, type }) => `${type} ${name}`).join(",")})`);
const SIGNED = Uint8Array.of(0x19, 0x01);
const MOST_KNOWN = 64;
const separators = new Map<string, Uint8Array>();

/** The domain of this registry on this chain: name "ConsentRegistry", version "1". */
export function domainOf(chainId: number, registry: Address): Domain {
  return Object.freeze({ name: "ConsentRegistry", version: "1", chainId, verifyingContract: checkAddress(registry) });
}

export function asDomain(value: Json | undefined, name = "domain"): Domain {
  const found = asObject(value, name, DOMAIN_FIELDS.map((field) => field.name));
  return Object.freeze({
    name: asText(found["name"], `${name}.name`),
    version: asText(found["version"], `${name}.version`),
    chainId: asInteger(found["chainId"], `${name}.chainId`),
    verifyingContract: asAddress(found["verifyingContract"], `${name}.verifyingContract`),
  });
}

export function sameDomain(one: Domain, other: Domain): boolean {
  return domainKey(one) === domainKey(other);
}

/** `hashStruct` of the domain, 32 bytes; the contract's `domainSeparator()` returns the same. */
export function domainSeparator(domain: Domain): Uint8Array {
  const key = domainKey(domain);
  const known = separators.get(key);
  if (known !== undefined) return known;
  const made = keccak256(concat(
    DOMAIN_TYPE, hashText(domain.name), hashText(domain.version), fromInteger(domain.chainId), addressWord(domain.verifyingContract),
  ));
  if (separators.size >= MOST_KNOWN) separators.clear();
  if (key.length <= 1_024) separators.set(key, made);
  return made;
}

/** The digest that is signed: keccak256(0x1901 || domainSeparator || hashStruct), 32 bytes. */
export function signingHash(domain: Domain, structHash: Uint8Array): Uint8Array {
  return keccak256(concat(SIGNED, domainSeparator(domain), structHash));
}

/** The address in a word of 32 bytes, as Solidity encodes it. */
export function addressWord(address: Address): Uint8Array {
  return concat(new Uint8Array(12), bytesOf(address));
}

/** The fields of a type such as `Retire(address subject)`, in hashing order. */
export function fieldsIn(type: string): readonly Field[] {
  return [...type.matchAll(/([\w[\]]+) (\w+)/g)].map(([, kind, name]) => ({ name: name as string, type: kind as string }));
}

const domainKey = (domain: Domain): string => JSON.stringify([domain.chainId, domain.verifyingContract, domain.name, domain.version]);
