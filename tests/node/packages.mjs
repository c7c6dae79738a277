// The packages of scripts/node, for scripts that lie elsewhere.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(new URL("../../scripts/node/package.json", import.meta.url));
export const ethers = require("ethers");
export const { StandardMerkleTree } = require("@openzeppelin/merkle-tree");

/** The JSON document on standard input. */
export const readInput = () => JSON.parse(readFileSync(0, "utf8"));

/** ethers wants the domain apart from the types. */
export function withoutDomainType({ EIP712Domain: _, ...types }) {
  return types;
}

export const hashTyped = ({ types, domain, message }) => ethers.TypedDataEncoder.hash(domain, withoutDomainType(types), message);
