// Answers questions about the vault's half of js/core, one a line: ["name", ...arguments] gives {"ok": value} or {"error": name}.
//     node vault_answers.mjs < questions
// A function of js/core stands behind each name, or the few that belong together. Bytes travel as base64, stores as {cid: base64}.
import { createHash } from "node:crypto";
import { createInterface } from "node:readline";

import { Accounts } from "../../js/core/accounts.ts";
import { beginBundle, bringUpToDate, filesOf, heldByBrand, keyOf } from "../../js/core/bundle.ts";
import { aliveIn, readBundle } from "../../js/core/bundle_reader.ts";
import { fromHex, toHex, utf8 } from "../../js/core/bytes.ts";
import { contentOf, makeCapsule, openCapsule, sealCapsule } from "../../js/core/capsule.ts";
import { carOf, parseCar } from "../../js/core/car.ts";
import { SHRED_CERTIFICATE } from "../../js/core/certificate.ts";
import * as cids from "../../js/core/cid.ts";
import { openDocument, sealDocument, sign } from "../../js/core/documents.ts";
import { asDomain } from "../../js/core/eip712.ts";
import { ConsentError } from "../../js/core/errors.ts";
import { pack, padme, unpack } from "../../js/core/frames.ts";
import { microseconds } from "../../js/core/instants.ts";
import { encode } from "../../js/core/json.ts";
import * as mail from "../../js/core/mailbox.ts";
import { extensionOf, mediaTypeOf } from "../../js/core/media_types.ts";
import { seedOf, splitWords, wordsOf } from "../../js/core/mnemonic.ts";
import { ownerFromWords, ownerOf } from "../../js/core/owner.ts";
import * as recipients from "../../js/core/recipients.ts";
import { parseVersion, writeVersion } from "../../js/core/record_lines.ts";
import { bytesOf, checksum } from "../../js/core/scalars.ts";
import * as sealing from "../../js/core/sealing.ts";
import * as seeds from "../../js/core/seeds.ts";
import { makeSegments, readSegment } from "../../js/core/segments.ts";
import { recoverAddress } from "../../js/core/signatures.ts";
import { digestOf, makeStatement } from "../../js/core/statements.ts";
import { StreamWriter } from "../../js/core/stream_writer.ts";
import { SEGMENT_LIST, STREAM_HEAD, StreamReader } from "../../js/core/streams.ts";
import { byUtf8, idBytes } from "../../js/core/texts.ts";
import { fileBlocks, readFile, streamedFileBlocks } from "../../js/core/unixfs.ts";
import { makeUpdate, openUpdate, sealUpdate } from "../../js/core/updates.ts";
import { VAULT_BOOK } from "../../js/core/vault_book.ts";
import { HOME_NAME, openName, VAULT_INDEX } from "../../js/core/vault_index.ts";
import { asView } from "../../js/core/views.ts";

const MOST = 64 << 20;
const KINDS = Object.fromEntries([STREAM_HEAD, SEGMENT_LIST, VAULT_INDEX, VAULT_BOOK, HOME_NAME, SHRED_CERTIFICATE].map((kind) => [kind.type, kind]));

const base64 = (bytes) => Buffer.from(bytes).toString("base64");
const raw = (text) => new Uint8Array(Buffer.from(text, "base64"));
const text = (bytes) => Buffer.from(bytes).toString();
const bodies = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");

function storeOf(blocks) {
  const store = new Map(Object.entries(blocks).map(([cid, data]) => [cid, raw(data)]));
  const get = (cid) => {
    if (store.has(cid)) return store.get(cid);
    throw new Error(`the store lacks ${cid}`);
  };
  const put = (made) => made.forEach(({ cid, data }) => store.set(cid, data));
  return { get, put, all: () => Object.fromEntries([...store].map(([cid, data]) => [cid, base64(data)])) };
}

async function keys({ seed, subject, controller, id, secret, accounts }) {
  const bytes = bytesOf(seed);
  return {
    owner: seeds.ownerIdentity(bytes),
    ownerRecipient: await recipients.recipientOf(seeds.ownerIdentity(bytes)),
    vaultKey: seeds.vaultKey(bytes).publicKey,
    relationshipKey: seeds.relationshipKey(bytes, subject, controller).publicKey,
    mailbox: seeds.mailboxIdentity(bytes, subject, controller),
    search: bodies(seeds.searchKey(bytes)),
    homes: seeds.homesName(bytes),
    shreddedMark: seeds.shreddedMarks(bytes)(idBytes(id)),
    idInBundle: seeds.idInBundle(fromHex(`0x${secret}`), idBytes(id)),
    accounts: accounts.map((one) => ({ ...one, number: seeds.accountNumber(bytes, one.name, one.generation) })),
  };
}

async function owner(words, subject, controller, digest) {
  const made = await ownerFromWords(words);
  const both = await made.relationship(subject, controller);
  const account = made.accounts.for(controller, 3);
  return {
    identity: made.identity,
    recipient: made.recipient,
    vaultKey: made.key.publicKey,
    homes: made.homes,
    fingerprint: made.fingerprint,
    relationshipKey: both.key.publicKey,
    mailbox: both.mailbox,
    address: account.address,
    generation: made.accounts.generationOf(controller, account.address) ?? null,
    stranger: made.accounts.generationOf(controller, subject) ?? null,
    signature: toHex(account.sign(bytesOf(digest))),
  };
}

async function document(type, sealed, identity, { signer, stream, home, grant }) {
  const bytes = raw(sealed);
  if (type === "Capsule") return encoded(await openCapsule(bytes, identity, { ...grant, revocation: grant.lock }));
  if (type === "StreamUpdate") return encoded(await openUpdate(bytes, identity, grant.digest, signer));
  if (type === "HomeName") return encoded(await openName(bytes, home, identity, signer));
  if (type !== "StreamHead" && type !== "SegmentList") return encoded(await openDocument(KINDS[type], bytes, identity, signer));
  const blocks = fileBlocks(bytes);
  const reader = new StreamReader({ stream, identity, signer }, (cid) => blocks.find((one) => one.cid === cid).data);
  const root = blocks.at(-1).cid;
  return encoded(await (type === "StreamHead" ? reader.head(root) : reader.older(root)));
}

const encoded = (made) => text(encode(made));

async function openedMail(sealed, identity, domain, grant, controller) {
  const opened = await mail.openMail(raw(sealed), identity, asDomain(domain), grant, controller);
  const signer = recoverAddress(opened.digest, bytesOf(opened.mail.signature));
  return {
    mail: encoded(opened.mail),
    digest: toHex(opened.digest),
    signer: signer === undefined ? null : checksum(signer),
    isSignedByKey: mail.isSignedByKey(opened),
    content: text(await mail.writeContent(opened.content)),
  };
}

/** A brand's message, signed by the account of a seed. */
async function sentMail(seed, name, domain, message, content, recipient) {
  const account = new Accounts(bytesOf(seed)).for(name);
  const plain = await mail.writeContent(content);
  const statement = makeStatement("MailboxMessage", asDomain(domain), { ...message, controller: account.address, content: mail.contentHash(plain) });
  const signature = toHex(account.sign(digestOf(statement)));
  return base64(await mail.sealMail({ type: "Mail", version: 1, statement, signature, content: text(plain) }, recipient));
}

async function linesOf(reader, head) {
  const lines = [];
  for (const segment of await reader.segments(await reader.head(head))) {
    lines.push((await reader.versions(segment)).map((one) => text(writeVersion(one))));
  }
  return lines;
}

async function wholeVault(seed, index, blocks) {
  const [{ get }, made] = [storeOf(blocks), await ownerOf(bytesOf(seed))];
  const stored = async (kind, cid) => openDocument(kind, await whole(cid, get), made.identity, made.key.publicKey);
  const found = await stored(VAULT_INDEX, index);
  const book = await stored(VAULT_BOOK, found.book);
  const streams = found.streams.map((one) => linesOf(new StreamReader({ ...one, signer: made.key.publicKey }, get), one.head));
  return { index: encoded(found), book: encoded(book), records: await Promise.all(streams) };
}

async function wholeCapsule({ capsule, update, identity, grant, blocks }) {
  const { get } = storeOf(blocks);
  const opened = await openCapsule(await get(capsule), identity, { ...grant, revocation: grant.lock });
  const newer = await openUpdate(await get(update), identity, grant.digest, opened.vaultKey);
  const lines = opened.streams.map((key) => linesOf(new StreamReader({ ...key, signer: opened.vaultKey }, get), key.head));
  return { capsule: encoded(opened), update: encoded(newer), records: await Promise.all(lines) };
}

async function whole(cid, get, most = MOST) {
  const parts = [];
  for await (const part of readFile(cid, get, most)) parts.push(part);
  return Buffer.concat(parts);
}

/** Byte i is byte i mod 32 of SHA-256(uint64 of floor(i / 32)), as scripts/vectors_cids.mjs makes it. */
async function* generated(size) {
  const piece = Buffer.alloc(1 << 20);
  const number = Buffer.alloc(8);
  for (let at = 0; at < size; at += piece.length) {
    for (let to = 0; to < piece.length && at + to < size; to += 32) {
      number.writeBigUInt64BE(BigInt((at + to) / 32));
      createHash("sha256").update(number).digest().copy(piece, to);
    }
    yield piece.subarray(0, Math.min(piece.length, size - at));
  }
}

async function cidOfGenerated(size) {
  let [blocks, stored, last] = [0, 0, ""];
  for await (const { cid, data } of streamedFileBlocks(generated(size))) {
    [blocks, stored, last] = [blocks + 1, stored + data.length, cid];
  }
  return { cid: last, blocks, stored };
}

async function openedByStream(sealed, identities) {
  const stream = await sealing.openStream(new Blob([raw(sealed)]).stream(), identities);
  return base64(new Uint8Array(await new Response(stream).arrayBuffer()));
}

async function sealedByStream(plain, given) {
  const stream = await sealing.sealStream(new Blob([raw(plain)]).stream(), given);
  return base64(new Uint8Array(await new Response(stream).arrayBuffer()));
}

/** The side of a relationship that writes: a seed's, for an account and a brand. */
async function sideOf({ seed, subject, controller, home }, store) {
  const made = await ownerOf(bytesOf(seed));
  return { subject, controller, home, key: (await made.relationship(subject, controller)).key, get: store.get, put: store.put };
}

const versionsOf = (lines) => lines.map((line) => parseVersion(utf8(line)));
const linesWritten = (versions) => [...versions].map((one) => text(writeVersion(one)));

async function begun(who, view, lock, lines, blocks) {
  const store = storeOf(blocks);
  const bundle = await beginBundle(await sideOf(who, store), asView(view), lock, versionsOf(lines));
  return { bundle: bundle ?? null, key: bundle ? keyOf(bundle) : null, blocks: store.all() };
}

async function broughtUpToDate(who, bundle, lines, blocks) {
  const store = storeOf(blocks);
  const side = await sideOf(who, store);
  const { bundle: made, replaced } = await bringUpToDate(side, bundle, versionsOf(lines));
  const held = await heldByBrand(side, made);
  return { bundle: made, key: keyOf(made), replaced, held: linesWritten(held.newest.values()), files: await filesOf(side, made), blocks: store.all() };
}

async function brandReads(key, vaultKey, blocks, older) {
  const { get } = storeOf(blocks);
  let fetched = 0;
  const counted = (cid) => ((fetched += 1), get(cid));
  const before = older === null ? undefined : await readBundle(older, vaultKey, get);
  const found = await readBundle(key, vaultKey, counted, undefined, before);
  return { number: found.number, alive: linesWritten(aliveIn(found)), newest: linesWritten(found.newest.values()), fetched };
}

/** Adds versions to a stream in so many steps, and tells what its newest head leads to. */
async function grown(seed, steps) {
  const [store, made] = [storeOf({}), await ownerOf(bytesOf(seed))];
  const writer = new StreamWriter(made.key, store.get, store.put);
  let stream = { stream: "0f".repeat(16), identity: recipients.identityFromSeed(new Uint8Array(32).fill(9)) };
  for (const lines of steps) {
    const { head, number } = await writer.grow(stream, await writer.store(stream, versionsOf(lines)));
    stream = { ...stream, head, number };
  }
  const files = await writer.files(stream);
  return { ...stream, signer: made.key.publicKey, files, newest: linesWritten((await writer.newest(stream)).values()), blocks: store.all() };
}

async function capsule(seed, subject, controller, lock, streams, recipient) {
  const both = await (await ownerOf(bytesOf(seed))).relationship(subject, controller);
  const sealed = await sealCapsule(makeCapsule(both, lock, streams), recipient);
  const update = await sealUpdate(makeUpdate(lock, 7, streams, both.key), recipient);
  return { capsule: base64(sealed), content: contentOf(sealed), update: base64(update), mailbox: both.mailbox };
}

/** A document of the owner's, signed and sealed to the owner. */
async function owned(seed, type, members) {
  const made = await ownerOf(bytesOf(seed));
  return base64(await sealDocument(KINDS[type], sign(KINDS[type], members, made.key), made.recipient));
}

const CALLS = {
  keys,
  owner,
  words: (seed) => wordsOf(bytesOf(seed)).join(" "),
  seed: (words) => toHex(seedOf(splitWords(words))),
  account: (seed, name, generation) => {
    const account = new Accounts(bytesOf(seed)).for(name, generation);
    return { number: seeds.accountNumber(bytesOf(seed), name, generation), address: account.address };
  },
  secret: (seed, salt) => toHex(seeds.revocationSecret(bytesOf(seed), salt)),
  padme,
  frame: async (framed, limit) => base64(await unpack(raw(framed), limit)),
  pack: async (data, limit) => base64(await pack(raw(data), limit)),
  line: (line) => text(writeVersion(parseVersion(raw(line)))),
  microseconds: (time) => String(microseconds(time)),
  mediaTypes: (names, types) => [names.map(mediaTypeOf), types.map(extensionOf)],
  sorted: (texts) => [...texts].sort(byUtf8),
  document,
  owned,
  openMail: openedMail,
  sentMail,
  wholeVault,
  wholeCapsule,
  cidOfGenerated,
  file: (data) => fileBlocks(raw(data)).map(({ cid, data: bytes }) => [cid, base64(bytes)]),
  readFile: async (cid, blocks, most) => base64(await whole(cid, storeOf(blocks).get, most)),
  digestOfCid: (cid) => bodies(cids.digestOfCid(cid)),
  car: (roots, blocks) => base64(carOf(roots, blocks.map(([cid, data]) => ({ cid, data: raw(data) })))),
  parseCar: (archive, blocks, roots) => {
    const found = parseCar(raw(archive), blocks, roots);
    return { roots: found.roots, blocks: found.blocks.map(({ cid, data }) => [cid, base64(data)]) };
  },
  recipientOf: recipients.recipientOf,
  checkRecipient: (recipient) => recipients.checkRecipient(recipient) ?? true,
  checkIdentity: (identity) => recipients.checkIdentity(identity) ?? true,
  seal: async (plain, given) => base64(await sealing.sealBytes(raw(plain), given)),
  open: async (sealed, identities) => base64(await sealing.openBytes(raw(sealed), identities)),
  sealStream: sealedByStream,
  openStream: openedByStream,
  segment: async (sealed, identity) => linesWritten(await readSegment(raw(sealed), identity)),
  segments: async (lines, recipient) => {
    const made = [];
    for await (const { sealed, records } of makeSegments(versionsOf(lines), recipient)) made.push([base64(sealed), records]);
    return made;
  },
  grown,
  capsule,
  begun,
  broughtUpToDate,
  brandReads,
};

async function answer([name, ...given]) {
  try {
    return { ok: await CALLS[name](...given) };
  } catch (error) {
    if (error instanceof ConsentError) return { error: error.name, message: error.message, advice: error.advice };
    return { crash: error.stack };
  }
}

for await (const line of createInterface({ input: process.stdin })) process.stdout.write(`${JSON.stringify(await answer(JSON.parse(line)))}\n`);
