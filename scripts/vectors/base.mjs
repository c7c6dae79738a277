// The tools for all vectors: hashes, keys, EIP-712 by ethers, RFC 8785, OpenZeppelin's tree.
import { createHash, hkdfSync } from "node:crypto";
import { createRequire } from "node:module";

const require = createRequire(new URL("../node/package.json", import.meta.url));
export const ethers = require("ethers");
const { StandardMerkleTree } = require("@openzeppelin/merkle-tree");

export const { keccak256 } = ethers;
export const NOW = 1_790_000_000;
export const DAY = 86_400;
export const ZERO = "0x" + "00".repeat(32);
export const CHAIN_ID = 31337;
// The first contract of the first account of a fresh development chain.
export const REGISTRY = "0x5FbDB2315678afecb367f032d93F642f64180aa3";
export const DOMAIN = { name: "ConsentRegistry", version: "1", chainId: CHAIN_ID, verifyingContract: REGISTRY };

const SCHEMAS = [
  "Request(address controller,bytes32 notice,string[] purposes,string[] data,string terms,uint64 issuedAt,uint64 expiresAt,bytes32 salt)",
  "Grant(string statement,address subject,address controller,bytes32 request,string[] purposes,string[] data,string terms,bytes32 notice,bytes32 content,bytes32 supersedes,uint64 issuedAt,uint64 notBefore,uint64 expiresAt,bytes32 revocation,bytes32 salt)",
  "Refusal(string statement,address subject,address controller,bytes32 request,string[] purposes,bytes32 notice,uint64 issuedAt,bytes32 salt)",
  "Acceptance(bytes32 grant,address controller,uint64 issuedAt,bytes32 salt)",
  "Acknowledgement(bytes32 grant,address controller,uint64 issuedAt,bytes32 salt)",
  "UseLog(address controller,bytes32 root,uint64 size,uint64 issuedAt,bytes32 salt)",
  "MailboxMessage(bytes32 grant,address controller,uint64 number,bytes32 content,uint64 issuedAt)",
  "Mandate(string statement,address subject,address delegate,string[] powers,string[] purposes,string[] data,address[] controllers,bytes32 notice,bytes32 details,uint64 issuedAt,uint64 notBefore,uint64 expiresAt,bytes32 revocation,bytes32 salt)",
  "Revoke(address subject,bytes32 handle)",
  "RevokeAll(address subject,uint64 issuedUntil)",
  "Retire(address subject)",
];

/** Primary type -> [{name, type}], in hashing order. */
export const TYPES = Object.fromEntries(SCHEMAS.map((schema) => [schema.split("(")[0], fields(schema)]));
export const SCHEMA = Object.fromEntries(SCHEMAS.map((schema) => [schema.split("(")[0], schema]));

function fields(schema) {
  const inner = schema.slice(schema.indexOf("(") + 1, -1);
  return inner.split(",").map((member) => ({ name: member.split(" ")[1], type: member.split(" ")[0] }));
}

export const utf8 = (text) => new TextEncoder().encode(text);
export const sha256 = (data) => "0x" + createHash("sha256").update(data).digest("hex");
/** 32 bytes that look random and are the same at every run. */
export const word = (label) => sha256(`consent-registry vector ${label}`);
export const address = (name) => ethers.computeAddress(word(`key of ${name}`));
export const encode = (types, values) => ethers.AbiCoder.defaultAbiCoder().encode(types, values);
export const hash = (types, values) => keccak256(encode(types, values));

/** The EIP-712 signing hash. */
export function digest(domain, type, message) {
  return ethers.TypedDataEncoder.hash(domain, { [type]: TYPES[type] }, message);
}

/** 65 bytes r, s, v (27 or 28), deterministic (RFC 6979). */
export function signDigest(hashed, name) {
  return new ethers.SigningKey(word(`key of ${name}`)).sign(hashed).serialized;
}

export function treeOf(values) {
  return StandardMerkleTree.of(values, ["bytes32", "bytes32"]);
}

/** [digest, keccak256(signature)] of the statements of `count` other people. */
export function strangers(count, label = "stranger") {
  return Array.from({ length: count }, (_, i) => [word(`${label} ${i} digest`), word(`${label} ${i} signature`)]);
}

export const commitment = (digested, signature) => hash(["bytes32", "bytes32"], [digested, keccak256(signature)]);

export const secretOf = (seed, salt) =>
  "0x" + Buffer.from(hkdfSync("sha256", ethers.getBytes(seed), ethers.getBytes(salt), "ConsentRegistry/1/revocation", 32)).toString("hex");
/** The first 31 bits of the key that the seed gives for a controller or a salt: n of m/44'/60'/n'/0/0. */
export function accountNumber(seed, name, generation) {
  const info = Buffer.concat([utf8("ConsentRegistry/1/account/"), ethers.getBytes(name), ethers.getBytes(ethers.toBeHex(generation, 4))]);
  return new DataView(hkdfSync("sha256", ethers.getBytes(seed), "", info, 32)).getUint32(0) >>> 1;
}

export const lockOf = (secret) => hash(["bytes32"], [secret]);
export const saltHashOf = (salt) => hash(["bytes32"], [salt]);
export const tagOf = (subject, salt) => hash(["address", "bytes32"], [subject, saltHashOf(salt)]);
export const handleOf = (lock, tag) => hash(["bytes32", "bytes32"], [lock, tag]);

/** RFC 8785. A bigint is written in full, so cases can contain integers that are too large. */
export function canonical(value) {
  if (typeof value === "bigint") return value.toString();
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  // JavaScript sorts strings by UTF-16 code units, as RFC 8785 (section 3.2.3) requires.
  const members = Object.keys(value).filter((name) => value[name] !== undefined).sort();
  return `{${members.map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(",")}}`;
}

/** Returns the text of a vector's file. */
export function pretty(vector) {
  const plain = (_, value) => (typeof value === "bigint" ? `bigint ${value}` : value);
  return JSON.stringify(vector, plain, 1).replace(/"bigint (\d+)"/g, "$1") + "\n";
}

/** Returns a deep copy that may be changed. */
export const copy = (value) => structuredClone(value);
