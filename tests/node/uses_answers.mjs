// Answers questions about the use log and about transactions in js/core, one a line, as core_answers.mjs does.
//     node uses_answers.mjs < questions
import { createInterface } from "node:readline";

import { accountWith } from "../../js/core/accounts.ts";
import { fromHex, toHex } from "../../js/core/bytes.ts";
import * as calls from "../../js/core/calls.ts";
import { ConsentError } from "../../js/core/errors.ts";
import * as logs from "../../js/core/merkle_log.ts";
import { encode } from "../../js/core/json.ts";
import { signTransaction } from "../../js/core/transactions.ts";
import * as audit from "../../js/core/use_audit.ts";
import * as uses from "../../js/core/uses.ts";

const base64 = (bytes) => Buffer.from(bytes).toString("base64");
const raw = (text) => new Uint8Array(Buffer.from(text, "base64"));
const raws = (texts) => texts.map(raw);
const heads = (documents) => documents.map((each) => uses.asHead(each));
const entries = (documents) => documents.map((each) => uses.asLoggedUse(each));

/** Reads a page, and writes it again from what was read. */
function page(text) {
  const read = uses.parsePage(raw(text));
  const told = { heads: read.heads.map(({ evidence: { statement, signature, anchor }, before, proof }) => ({ evidence: { type: "ConsentEvidence", version: 1, statement, signature, anchor }, before, proof })) };
  return base64(encode({ type: "ConsentUses", version: 1, ...read, ...told }));
}

function joined(known, served) {
  return [...audit.joinedHeads(heads(known), heads(served)).values()].map((head) => uses.messageOf(head).root);
}

function checked(known, seen, served) {
  audit.checkEntries(new Map(heads(known).map((head) => [uses.messageOf(head).size, head])), entries(seen), entries(served));
  return "fits";
}

function transaction(key, { gas, maxFeePerGas, maxPriorityFeePerGas, gasPrice, ...plain }) {
  const fees = gasPrice === undefined ? { maxFeePerGas: BigInt(maxFeePerGas), maxPriorityFeePerGas: BigInt(maxPriorityFeePerGas) } : { gasPrice: BigInt(gasPrice) };
  return signTransaction({ ...plain, gas: BigInt(gas), fees }, accountWith(fromHex(key)));
}

const CALLS = {
  leaf: (text) => toHex(uses.leafOf(uses.parseUse(raw(text)))),
  hashes: (entry, left, right) => [toHex(logs.leafHash(raw(entry))), toHex(logs.innerHash(raw(left), raw(right)))],
  inclusion: (index, size, leaf, proof, root) => logs.checkInclusion(index, size, raw(leaf), raws(proof), raw(root)) ?? "fits",
  consistency: (first, second, proof, old, now) => logs.checkConsistency(first, second, raws(proof), raw(old), raw(now)) ?? "fits",
  page,
  pageFits: (text) => {
    const read = uses.parsePage(raw(text));
    audit.checkEntries(audit.joinedHeads([], read.heads), read.uses, read.uses);
    return "fits";
  },
  change: (text) => {
    const read = audit.readChange(raw(text));
    return { written: base64(audit.writeChange(read)), shown: audit.shownBy(read) };
  },
  joined,
  checked,
  beyond: (use, grant, endedAt, anchoredAt) => audit.beyond(use, grant, endedAt, anchoredAt ?? undefined),
  transaction,
  calls: (opening, lock, saltHash) => [calls.revokeCall(opening), calls.revokeOpenlyCall(lock, saltHash), calls.revokeAllCall(), calls.retireCall()],
  signedCall: (ending) => calls.signedCall(ending),
};

function answer([name, ...given]) {
  try {
    return { ok: CALLS[name](...given) };
  } catch (error) {
    if (error instanceof audit.LogChanged) return { error: error.name, message: error.message, advice: base64(error.file) };
    if (error instanceof ConsentError) return { error: error.name, message: error.message, advice: error.advice };
    return { crash: error.stack };
  }
}

for await (const line of createInterface({ input: process.stdin })) process.stdout.write(`${JSON.stringify(answer(JSON.parse(line)))}\n`);
