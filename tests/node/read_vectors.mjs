// Re-reads the shared vectors of digests, signatures, commitments, trees, locks and accounts with ethers and OpenZeppelin's tree.
//     node read_vectors.mjs FOLDER
import assert from "node:assert/strict";
import { createHash, hkdfSync } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

import { StandardMerkleTree, ethers, hashTyped, withoutDomainType } from "./packages.mjs";

const { AbiCoder, TypedDataEncoder, keccak256, getBytes } = ethers;
const HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0n;
const PAIR = ["bytes32", "bytes32"];
const hash = (types, values) => keccak256(AbiCoder.defaultAbiCoder().encode(types, values));

function readDigest({ error, typedData, ...expected }) {
  if (error !== "Valid") return;
  const types = withoutDomainType(typedData.types);
  const encoder = TypedDataEncoder.from(types);
  assert.equal(encoder.primaryType, typedData.primaryType);
  assert.equal(keccak256(ethers.toUtf8Bytes(encoder.encodeType(typedData.primaryType))), expected.typeHash);
  assert.equal(TypedDataEncoder.hashDomain(typedData.domain), expected.domainSeparator);
  assert.equal(encoder.hash(typedData.message), expected.structHash);
  assert.equal(hashTyped(typedData), expected.digest);
}

function recover(digest, signature) {
  const bytes = getBytes(signature);
  if (bytes.length !== 65 || ![27, 28].includes(bytes[64])) return null;
  if (ethers.toBigInt(bytes.slice(32, 64)) > HALF_ORDER) return null;
  try {
    return ethers.recoverAddress(digest, signature);
  } catch {
    return null;
  }
}

function readSignature({ digest, signature, address }) {
  assert.equal(recover(digest, signature), address);
}

function readCommitment({ digest, signature, ...expected }) {
  assert.equal(keccak256(signature), expected.signatureHash);
  assert.equal(hash(PAIR, [digest, keccak256(signature)]), expected.commitment);
  const [[, value]] = StandardMerkleTree.of([[digest, keccak256(signature)]], PAIR).entries();
  assert.equal(StandardMerkleTree.of([value], PAIR).root, expected.leaf);
}

function readTree({ values, root, manifestDigest, proofs }) {
  const tree = StandardMerkleTree.of(values, PAIR);
  assert.equal(tree.root, root);
  const commitments = values.map((value) => hash(PAIR, value));
  assert.equal("0x" + createHash("sha256").update(getBytes(ethers.concat(commitments.sort()))).digest("hex"), manifestDigest);
  assert.ok(proofs.length > 0);
  for (const { index, proof } of proofs) {
    assert.deepEqual(tree.getProof(index), proof);
    assert.ok(StandardMerkleTree.verify(root, PAIR, values[index], proof));
  }
}

function readLock({ seed, salt, subject, ...expected }) {
  const secret = hkdfSync("sha256", getBytes(seed), getBytes(salt), "ConsentRegistry/1/revocation", 32);
  const tag = hash(["address", "bytes32"], [subject, hash(["bytes32"], [salt])]);
  assert.equal(ethers.hexlify(new Uint8Array(secret)), expected.secret);
  assert.equal(hash(["bytes32"], [expected.secret]), expected.lock);
  assert.equal(hash(["bytes32"], [salt]), expected.saltHash);
  assert.equal(tag, expected.tag);
  assert.equal(hash(PAIR, [expected.lock, tag]), expected.handle);
}

function readAccount({ seed, controller, salt, generation, ...expected }) {
  const info = ethers.concat([ethers.toUtf8Bytes("ConsentRegistry/1/account/"), controller ?? salt, ethers.toBeHex(generation, 4)]);
  const derived = ethers.hexlify(new Uint8Array(hkdfSync("sha256", getBytes(seed), "", getBytes(info), 32)));
  assert.equal(Number(BigInt(derived) >> 225n), expected.number);
  const words = ethers.Mnemonic.fromEntropy(seed).phrase;
  assert.equal(ethers.HDNodeWallet.fromPhrase(words, "", `m/44'/60'/${expected.number}'/0/0`).address, expected.address);
}

const READERS = { digests: readDigest, signatures: readSignature, commitments: readCommitment, merkle: readTree, locks: readLock, accounts: readAccount };
const counts = {};
for (const [folder, read] of Object.entries(READERS)) {
  const names = readdirSync(join(process.argv[2], folder)).filter((name) => name.endsWith(".json"));
  for (const name of names) {
    try {
      read(JSON.parse(readFileSync(join(process.argv[2], folder, name), "utf8")));
    } catch (error) {
      error.message = `${folder}/${name}: ${error.message}`;
      throw error;
    }
  }
  counts[folder] = names.length;
}
process.stdout.write(JSON.stringify(counts));
