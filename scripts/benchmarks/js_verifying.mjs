// Times js/core on the files that stdin brings: {"policy", "now", "files": [{"evidence", "anchoredAt"}]}.
// Writes the milliseconds for all files: {"recover", "whole", "judge", "parse"}, each summed from the best of every small batch.
import { readFileSync } from "node:fs";

import { secp256k1 } from "../../js/node_modules/@noble/curves/secp256k1.js";
import { parseEvidence } from "../../js/core/evidence.ts";
import { factQueries, keyOfQuery } from "../../js/core/facts.ts";
import { judge } from "../../js/core/judge.ts";
import { makePolicy } from "../../js/core/policy.ts";
import { bytesOf } from "../../js/core/scalars.ts";

const [BATCH, TURNS] = [25, 12];
const { policy: conditions, now, files } = JSON.parse(readFileSync(0, "utf8"));
const policy = makePolicy(conditions);

function caseOf({ evidence, anchoredAt }) {
  const raw = new TextEncoder().encode(evidence);
  const parsed = parseEvidence(raw);
  const answer = { anchoredAt, revokedAt: 0, cutoff: 0 };
  const anchors = new Map(factQueries(parsed).anchors.map((query) => [keyOfQuery(query), answer]));
  const facts = { chainId: conditions.chainId, blockNumber: 1, blockHash: "0x", blockTime: now, clock: now, depth: 0, anchors, signatures: new Map() };
  const signature = bytesOf(parsed.signature);
  return { raw, parsed, facts, digest: parsed.digest, recovered: Uint8Array.of(signature[64] - 27, ...signature.subarray(0, 64)) };
}

const STEPS = {
  recover: ({ recovered, digest }) => secp256k1.recoverPublicKey(recovered, digest, { prehash: false }),
  whole: ({ raw, facts }) => judge(raw, facts, policy, now),
  judge: ({ parsed, facts }) => judge(parsed, facts, policy, now),
  parse: ({ raw }) => parseEvidence(raw),
};

const cases = files.map(caseOf);
const best = Object.fromEntries(Object.keys(STEPS).map((name) => [name, []]));
for (let turn = 0; turn < TURNS; turn += 1) {
  for (let at = 0; at < cases.length; at += BATCH) {
    for (const [name, step] of Object.entries(STEPS)) {
      const began = performance.now();
      cases.slice(at, at + BATCH).forEach(step);
      best[name][at] = Math.min(best[name][at] ?? Infinity, performance.now() - began);
    }
  }
}
const sums = Object.entries(best).map(([name, times]) => [name, times.reduce((sum, time) => sum + time, 0)]);
process.stdout.write(JSON.stringify(Object.fromEntries(sums)));
