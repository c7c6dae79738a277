// Reads a whole vault: from a seed, the CID of its index, and blocks to the lines of its records, newest segment first.
//
//   node read_vault.mjs   (one JSON request on stdin: {"seed", "index", "blocks": {cid: base64}}; one answer on stdout)
//
// A file of more than 256 KiB has a dag-pb root, whose links are found by their CIDs.
import assert from "node:assert/strict";
import { createHash, createPublicKey, hkdfSync, verify, createPrivateKey } from "node:crypto";
import { createRequire } from "node:module";
import { gunzipSync } from "node:zlib";

import { ethers, readInput } from "./packages.mjs";

const require = createRequire(new URL("../../scripts/node/package.json", import.meta.url));
const { base32, bech32 } = require("@scure/base");
const age = await import(new URL("../../scripts/node/node_modules/age-encryption/dist/index.js", import.meta.url));

const { seed, index, blocks } = readInput();
const derive = (info) => Buffer.from(hkdfSync("sha256", ethers.getBytes(seed), new Uint8Array(), info, 32));
const owner = bech32.encodeFromBytes("AGE-SECRET-KEY-PQ-", derive("ConsentRegistry/1/owner")).toUpperCase();
const start = Buffer.from("302e020100300506032b657004220420", "hex");
const key = createPublicKey(createPrivateKey({ key: Buffer.concat([start, derive("ConsentRegistry/1/vault")]), format: "der", type: "pkcs8" }));

const cidOf = (binary) => "b" + base32.encode(binary).replaceAll("=", "").toLowerCase();

function block(cid) {
  const data = Buffer.from(blocks[cid], "base64");
  const codec = cid.startsWith("bafkrei") ? 0x55 : 0x70;
  assert.equal(cidOf(Buffer.concat([Buffer.from([1, codec, 0x12, 0x20]), createHash("sha256").update(data).digest()])), cid);
  return data;
}

function file(cid) {
  const data = block(cid);
  if (cid.startsWith("bafkrei")) return data;
  const parts = [];
  // Each link is 0x12, its length, then 0x0a 0x24 and the 36 bytes of a CID.
  for (let at = 0; data[at] === 0x12; at += 2 + data[at + 1]) parts.push(file(cidOf(data.subarray(at + 4, at + 40))));
  return Buffer.concat(parts);
}

async function open(cid, identity) {
  const decrypter = new age.Decrypter();
  decrypter.addIdentity(identity);
  const framed = Buffer.from(await decrypter.decrypt(file(cid)));
  const end = 4 + framed.readUInt32BE();
  assert.ok(framed.subarray(end).every((byte) => byte === 0));
  return gunzipSync(framed.subarray(4, end)).toString();
}

async function document(cid, identity) {
  const members = JSON.parse(await open(cid, identity));
  const { signature, ...rest } = members;
  // Every member here has a sorted name, so the text without the signature is RFC 8785 again.
  assert.ok(verify(null, Buffer.from(JSON.stringify(rest)), key, ethers.getBytes(signature)));
  return members;
}

const read = await document(index, owner);
const records = [];
for (const { head, identity, stream } of read.streams) {
  for (let part = await document(head, identity); part; part = part.older && (await document(part.older, identity))) {
    assert.equal(part.stream, stream);
    for (const { cid } of part.segments) records.push((await open(cid, identity)).trimEnd().split("\n"));
  }
}
process.stdout.write(JSON.stringify({ index: read, records }));
