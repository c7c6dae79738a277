// The Merkle tree over commitments: OpenZeppelin's StandardMerkleTree of (digest, keccak256(signature)).
// Leaves are hashed twice, so no inner node passes for one, and pairs in sorted order, so a proof needs no directions.

import { sha256 } from "@noble/hashes/sha2.js";
import { compare, concat, toHex } from "./bytes.ts";
import { InvalidInput } from "./errors.ts";
import { keccak256 } from "./keccak.ts";

export const MAX_BATCH = 32_768;
export const MAX_PROOF = 15;

/** Computes the root from a commitment (its keccak256 is the leaf) and its proof; all are 32-byte words. */
export function rootFrom(commitment: Uint8Array, proof: readonly Uint8Array[]): Uint8Array {
  return proof.reduce(pair, keccak256(commitment));
}

/** All nodes, root first (node i has children 2i+1 and 2i+2), and the place of each commitment's leaf by its hex. */
export interface Tree {
  readonly root: Uint8Array;
  readonly nodes: readonly Uint8Array[];
  readonly places: ReadonlyMap<string, number>;
}

/** Builds the tree over 1 to 32,768 different 32-byte commitments; their order does not matter. */
export function buildTree(commitments: readonly Uint8Array[]): Tree {
  if (commitments.length < 1 || commitments.length > MAX_BATCH) throw new InvalidInput(`a batch holds 1 to ${MAX_BATCH} commitments`);
  const leaves = commitments.map((commitment) => ({ leaf: keccak256(commitment), name: toHex(commitment) }));
  leaves.sort((one, other) => compare(other.leaf, one.leaf));
  const inner = leaves.length - 1;
  const places = new Map(leaves.map(({ name }, place) => [name, inner + place]));
  if (places.size !== leaves.length) throw new InvalidInput("the batch holds a commitment twice");
  const nodes: Uint8Array[] = [...new Array<Uint8Array>(inner), ...leaves.map(({ leaf }) => leaf)];
  for (let place = inner - 1; place >= 0; place -= 1) nodes[place] = pair(nodes[2 * place + 1] as Uint8Array, nodes[2 * place + 2] as Uint8Array);
  return { root: nodes[0] as Uint8Array, nodes, places };
}

/** The siblings from the leaf up: 15 at most, none in a batch of one; undefined where the commitment is not in the tree. */
export function proofOf(tree: Tree, commitment: Uint8Array): readonly Uint8Array[] | undefined {
  let place = tree.places.get(toHex(commitment));
  if (place === undefined) return undefined;
  const siblings: Uint8Array[] = [];
  for (; place > 0; place = Math.floor((place - 1) / 2)) siblings.push(tree.nodes[place % 2 === 1 ? place + 1 : place - 1] as Uint8Array);
  return siblings;
}

/** The commitments in ascending order, concatenated; any proof can be rebuilt from these bytes. */
export const manifestOf = (commitments: readonly Uint8Array[]): Uint8Array => concat(...[...commitments].sort(compare));

/** SHA-256 of the manifest: it is anchored beside the root, and the manifest's content identifier holds it. */
export const manifestDigest = (commitments: readonly Uint8Array[]): Uint8Array => sha256(manifestOf(commitments));

function pair(one: Uint8Array, other: Uint8Array): Uint8Array {
  return keccak256(compare(one, other) < 0 ? concat(one, other) : concat(other, one));
}
