// Answers questions about js/core, one a line: ["name", ...arguments] gives {"ok": value} or {"error": name, "advice": text}.
//     node core_answers.mjs < questions
// A lone function of js/core stands behind each name, or the few that belong together. Bytes travel as base64.
import { createInterface } from "node:readline";

import * as abi from "../../js/core/abi.ts";
import { fromHex, toHex, utf8 } from "../../js/core/bytes.ts";
import { commitmentOf } from "../../js/core/commitments.ts";
import { asDomain, domainSeparator } from "../../js/core/eip712.ts";
import { endingDigest, handleOfOpening, parseEndings } from "../../js/core/endings.ts";
import { ConsentError } from "../../js/core/errors.ts";
import * as evidence from "../../js/core/evidence.ts";
import { factQueries, keyOfQuery, keyOfSignature } from "../../js/core/facts.ts";
import { judge, VerifiedGrant } from "../../js/core/judge.ts";
import { encode, parseCanonical, parseJson, restored } from "../../js/core/json.ts";
import { hashText, keccak256 } from "../../js/core/keccak.ts";
import * as locks from "../../js/core/locks.ts";
import { buildTree, manifestDigest, proofOf, rootFrom } from "../../js/core/merkle.ts";
import { TYPES } from "../../js/core/messages.ts";
import { languagesOf, noticeDigest, parseNotice } from "../../js/core/notice.ts";
import * as kinds from "../../js/core/plain_text.ts";
import { makePolicy } from "../../js/core/policy.ts";
import { allowsTraining, processingOf } from "../../js/core/processing.ts";
import * as profiles from "../../js/core/profiles.ts";
import * as promises from "../../js/core/promises.ts";
import { render } from "../../js/core/rendering.ts";
import { bytesOf, checksum } from "../../js/core/scalars.ts";
import { recoverAddress } from "../../js/core/signatures.ts";
import { asTypedData, digestOf, structHash, typedData } from "../../js/core/statements.ts";
import { caseless, nfc, nfkc } from "../../js/core/unicode.ts";

const MOST = 4 * 1024 * 1024;
const hexes = (words) => words.map(bytesOf);
const base64 = (bytes) => Buffer.from(bytes).toString("base64");
const raw = (text) => new Uint8Array(Buffer.from(text, "base64"));

/** The chain in a case's state answers what this evidence asks. */
function factsFor(asked, { contracts, acceptance, mandate, signer, ...plain }) {
  const { anchors, signatures } = factQueries(asked);
  const states = [plain, asked.mandate && mandate, asked.acceptance && acceptance, asked.mandate && (signer ?? {})].filter(Boolean);
  const answers = states.map((one) => ({ anchoredAt: one.anchoredAt ?? 0, revokedAt: one.revokedAt ?? 0, cutoff: Number(one.cutoff ?? 0) }));
  const known = signatures.map((query) => [keyOfSignature(query), Object.hasOwn(contracts, query.signer) ? contracts[query.signer] : false]);
  return {
    ...plain,
    blockHash: `0x${"42".repeat(32)}`,
    asOf: plain.asOf ?? undefined,
    anchors: new Map(anchors.map((query, place) => [keyOfQuery(query), answers[place]])),
    signatures: new Map(known.filter(([, answer]) => answer !== null)),
  };
}

function judged(text, facts, policy, now, grant) {
  const file = utf8(text);
  const beside = grant === null ? undefined : evidence.parseEvidence(utf8(grant));
  const verified = judge(file, factsFor(evidence.parseEvidence(file), facts), makePolicy(policy), now, beside);
  const { digest, acceptance, author, anchoredAt } = verified;
  const isGrant = verified instanceof VerifiedGrant;
  return { digest, author, acceptance, anchoredAt: anchoredAt ?? null, isGrant, handle: evidence.handleOfEvidence(verified.evidence) ?? null };
}

function statement(document) {
  const read = asTypedData(document);
  return {
    typedData: typedData(read),
    typeHash: toHex(hashText(TYPES[read.primaryType])),
    domainSeparator: toHex(domainSeparator(read.domain)),
    structHash: toHex(structHash(read.primaryType, read.message)),
    digest: toHex(digestOf(read)),
  };
}

function tree(commitments, asked) {
  const all = hexes(commitments);
  const made = buildTree(all);
  const proofs = asked.map((place) => proofOf(made, all[place]));
  const roots = asked.map((place, at) => toHex(rootFrom(all[place], proofs[at])));
  return { root: toHex(made.root), manifestDigest: toHex(manifestDigest(all)), proofs: proofs.map((proof) => proof.map(toHex)), roots };
}

function lock(seed, salt, subject) {
  const secret = locks.revocationSecret(bytesOf(seed), salt);
  const made = locks.lockOf(secret);
  const tag = locks.tagOf(subject, salt);
  return { secret: toHex(secret), lock: made, saltHash: locks.saltHash(salt), tag, handle: locks.handleOf(made, tag), same: locks.handleFor(subject, made, salt) };
}

function endings(text, domain) {
  const found = parseEndings(raw(text));
  if ("openings" in found) return found.openings.map(handleOfOpening);
  return found.signed.map((one) => toHex(endingDigest(asDomain(domain), one)));
}

function promiseFile(text) {
  const read = promises.parsePromiseFile(raw(text));
  return { written: base64(promises.writePromiseFile(read)), digest: toHex(promises.promiseDigest(read.promise.promised)) };
}

function promiseState(text, facts) {
  const { promise, item, anchor } = promises.parsePromiseFile(raw(text));
  const query = promises.promiseQuery(promise.promised, item, anchor);
  return promises.judgePromise(promise.promised, item, { ...facts, anchors: new Map([[keyOfQuery(query), facts.answer]]) }, anchor);
}

function standing(profile, domain, request, now, before) {
  const fetched = profile.why ?? profiles.parseProfile(raw(profile.bytes));
  return profiles.standingOf(fetched, asDomain(domain), evidence.parseEvidence(raw(request)), now, before ?? undefined);
}

const CALLS = {
  parse: (text) => base64(encode(parseJson(raw(text), MOST))),
  parseCanonical: (text) => base64(encode(parseCanonical(raw(text), MOST))),
  restored: (text) => base64(restored(raw(text), MOST)),
  statement,
  signature: (digest, signature) => {
    const signer = recoverAddress(bytesOf(digest), bytesOf(signature));
    return signer === undefined ? null : checksum(signer);
  },
  commitment: (digest, signature) => {
    const made = commitmentOf(bytesOf(digest), bytesOf(signature));
    return { signatureHash: toHex(keccak256(bytesOf(signature))), commitment: toHex(made), leaf: toHex(keccak256(made)) };
  },
  tree,
  lock,
  notice: (text) => ({ digest: noticeDigest(raw(text)), languages: languagesOf(parseNotice(raw(text))) }),
  render: (text, language, message) => render(parseNotice(raw(text)), language, message),
  processing: (text, purposes, data) => {
    const found = processingOf(parseNotice(raw(text)), purposes, data);
    return [found, allowsTraining(found)];
  },
  plainText: (text, kind) => kinds.findFault(text, kinds[kind]) === undefined,
  forms: (text) => [nfc(text), nfkc(text), caseless(text)],
  judged,
  evidence: (text) => {
    const read = evidence.parseEvidence(raw(text));
    return { written: base64(evidence.writeEvidence(read)), digest: toHex(read.digest), commitment: toHex(evidence.commitmentOfEvidence(read)) };
  },
  canonicalEvidence: (text) => base64(evidence.canonicalEvidence(raw(text))),
  endings,
  promiseFile,
  promiseState,
  profile: (text) => base64(profiles.writeProfile(profiles.parseProfile(raw(text)))),
  standing,
  factsCall: (query) => toHex(abi.encodeFacts(query)),
  factsAnswer: (answer) => abi.decodeFacts(fromHex(answer)),
  probe: ({ digest, ...query }) => toHex(abi.signatureProbe({ ...query, digest: bytesOf(digest) })),
  probeAnswer: (answer) => abi.decodeProbe(fromHex(answer)),
};

function answer([name, ...given]) {
  try {
    return { ok: CALLS[name](...given) };
  } catch (error) {
    if (error instanceof ConsentError) return { error: error.name, message: error.message, advice: error.advice };
    return { crash: error.stack };
  }
}

for await (const line of createInterface({ input: process.stdin })) process.stdout.write(`${JSON.stringify(answer(JSON.parse(line)))}\n`);
