// Cases of a vault's signed documents, and two stores that are read as a whole: a person's, and what a brand got.
import { CONTROLLER, SUBJECT } from "./world.mjs";
import { address, canonical, utf8, word } from "./base.mjs";
import { base64, cidOf, frame, hex, hmac, identityOf, keysOf, named, publicKey, recipientOf, seal, signed, signingKey } from "./vault.mjs";

const SEED = word("a vault's seed");
const KEYS = keysOf(SEED, SUBJECT, CONTROLLER);
const STRANGER = signingKey(named("a stranger's key"));
const HOME = "00112233aabbccdd";
const LARGEST = Number.MAX_SAFE_INTEGER;
const LOCK = word("a lock");
const DIGEST = word("a grant's digest");
const SECRET = "5e".repeat(32);

const cid = (label) => cidOf(named(label));
const name = (label) => hex(named(label, 16));
const identity = (label) => identityOf(named(label));
const uuid = (number) => `0197f3a1-2b3c-7d4e-8f50-${number.toString(16).padStart(12, "0")}`;
const segment = (number, records = 1 + number) => ({ cid: cid(`segment ${number}`), records });
const MAILBOX = await recipientOf(KEYS.mailbox);

// --- documents ------------------------------------------------------------------------------------------------------

const VIEW = { category: "pd:Purchase", members: ["name", "price"] };
const FULL_VIEW = { ...VIEW, continuing: true, from: "2025-01-01", schema: "purchase/1", source: true, tags: true, until: "2026-01-01T00:00:00+01:00" };
const HEAD = { number: 1, older: null, segments: [segment(2), segment(1)], stream: name("a stream"), type: "StreamHead", version: 1 };
const LIST = { older: null, segments: [segment(4)], stream: name("a stream"), type: "SegmentList", version: 1 };
const OWN = { category: "pd:Purchase", head: cid("head 1"), identity: identity("stream 1"), number: 1, stream: name("stream 1") };
const OTHER = { category: "pd:Purchase", head: cid("head 2"), identity: identity("stream 2"), number: 7, stream: name("stream 2") };
const INDEX = { book: cid("book"), counter: 3, home: HOME, streams: [OWN, OTHER], type: "VaultIndex", version: 1 };
const BUNDLE = { controller: CONTROLLER, ended: false, head: cid("head 3"), identity: identity("bundle 1"), locks: [LOCK], name: name("bundle 1"), number: 2, secret: SECRET, subject: SUBJECT, view: VIEW, writers: [{ home: HOME, number: 2 }] };
const APART = { head: cid("head 5"), number: 2, writers: [{ home: HOME, number: 1 }, { home: "ff".repeat(8), number: 2 }] };
const BOOK = {
  accounts: [{ controller: CONTROLLER, generation: 0 }, { address: SUBJECT, controller: CONTROLLER, generation: 1 }],
  bundles: [BUNDLE, { ...BUNDLE, ended: true, locks: [], head: cid("head 4"), name: name("bundle 2") }],
  restricted: [{ counter: 1, record: uuid(7), until: "2027-01-31" }, { counter: 3, reason: "a court asked", record: uuid(8), until: "2028-02-29" }, { counter: 2, record: uuid(9) }],
  schemas: [{ name: "walk/1", schema: '{"type":"object"}' }],
  shredded: [hex(hmac(KEYS.shredded, named("an id", 16)))],
  spent: [{ epsilon: "0.5", request: word("a study") }],
  type: "VaultBook", version: 1,
};
const MARKS = [1, 2].map((number) => hex(hmac(KEYS.shredded, named(`id ${number}`, 16)))).sort();
const CERTIFICATE = {
  at: "2026-11-29T15:00:00Z", takenBack: [{ controller: CONTROLLER, erased: false, records: 2 }], categories: [{ category: "pd:Purchase", records: 2 }],
  copy: { found: 0, lookedFor: 7, pages: 12, trouble: null }, files: [], kept: [{ mark: hex(hmac(KEYS.shredded, named("id 3", 16))), reason: "a court asked", until: "2028-02-29" }],
  marks: MARKS, owner: publicKey(KEYS.vault), places: [{ absent: 5, blocks: 5, place: "blocks.sqlite", there: 0, unknown: 0 }], records: 2,
  remains: ["copies that brands made"], selection: "RECORDS", type: "ShredCertificate", version: 1, versions: 3,
};
const KEY = { category: "pd:Purchase", head: cid("head 3"), identity: identity("bundle 1"), stream: name("bundle 1"), view: VIEW };
const KEY_2 = { ...KEY, head: cid("head 4"), stream: name("bundle 2"), view: FULL_VIEW };
const CAPSULE = {
  controller: CONTROLLER, lock: LOCK, mailbox: MAILBOX, streams: [KEY, KEY_2], subject: SUBJECT, type: "Capsule", vaultKey: publicKey(KEYS.relationship), version: 1,
};
const NAME = { counter: 3, home: HOME, index: cid("index"), type: "HomeName", version: 1 };
const UPDATE = { grant: DIGEST, number: 2, streams: [KEY], type: "StreamUpdate", version: 1 };

function documentCase(label, desc, error, document, key, rewrite = (text) => text) {
  const text = rewrite(canonical(signed(document, key)));
  const owner = ["VaultIndex", "VaultBook", "StreamHead", "SegmentList", "HomeName", "ShredCertificate"].includes(label.type);
  const home = label.type === "HomeName" ? { home: HOME } : {};
  return [`${label.name}`, { desc, error, kind: "document", type: label.type, signer: publicKey(owner ? KEYS.vault : KEYS.relationship), stream: name("a stream"), grant: { digest: DIGEST, subject: SUBJECT, controller: CONTROLLER, lock: LOCK }, ...home, document: text }];
}

/** Cases of one kind: a good document, and changes of it, each with its error. */
function casesOf(type, prefix, good, key, valid, bad) {
  const made = (suffix, desc, error, change, by = key, rewrite) =>
    documentCase({ name: `${prefix}-${suffix}`, type }, desc, error, typeof change === "function" ? change(structuredClone(good)) : { ...good, ...change }, by, rewrite);
  const damaged = (suffix, desc, rewrite) => made(suffix, desc, "DamagedSeal", {}, key, rewrite);
  const without = ([first]) => (document) => { delete document[first]; return document; };
  return [
    made("good", "As it is written.", "Valid", {}),
    ...valid.map(([suffix, desc, change]) => made(suffix, desc, "Valid", change)),
    ...bad.map(([suffix, desc, error, change]) => made(suffix, desc, error, change)),
    made("other-signer", "Signed by another key.", "WrongCapsule", {}, STRANGER),
    damaged("white-space", "Written with a space.", (text) => text.replace(",", ", ")),
    damaged("repeated-member", "A member twice.", (text) => text.replace('"version":1', '"version":1,"version":1')),
    damaged("escape", "A letter as an escape.", (text) => text.replace(`"type":"${type[0]}`, `"type":"\\u00${type.charCodeAt(0).toString(16)}`)),
    damaged("line-feed", "A line feed after it.", (text) => text + "\n"),
    damaged("signature-upper", "The signature in upper case.", (text) => text.replace(/"0x([0-9a-f]{128})"/, (_, digits) => `"0x${digits.toUpperCase()}"`)),
    made("unknown-member", "A member that it does not have.", "DamagedSeal", { more: 1 }),
    made("version", "Another version.", "DamagedSeal", { version: 2 }),
    made("type", "Another type.", "DamagedSeal", { type: "Document" }),
    made("member-missing", "A member is missing.", "DamagedSeal", without(Object.keys(good).sort())),
  ];
}

function documentCases() {
  const many = (count) => Array.from({ length: count }, (_, i) => segment(i));
  const [head, index, book] = [KEYS.vault, KEYS.vault, KEYS.vault];
  return [
    ...casesOf("StreamHead", "head", HEAD, head, [
      ["empty", "A stream without a record.", { segments: [] }],
      ["full", "64 segments, and older ones.", { segments: many(64), older: cid("a list"), number: LARGEST }],
      ["largest-segment", "A segment of 16,384 records.", { segments: [segment(1, 16_384)] }],
    ], [
      ["other-stream", "Of another stream.", "WrongCapsule", { stream: name("another stream") }],
      ["segments-65", "65 segments.", "DamagedSeal", { segments: many(65) }],
      ["repeated-segment", "A segment twice.", "Malformed", { segments: [segment(1), segment(2), segment(1, 9)] }],
      ["repeated-older", "A segment that is the list of the older ones too.", "Malformed", { older: segment(1).cid }],
      ["number-zero", "Numbers begin at 1.", "DamagedSeal", { number: 0 }],
      ["records-zero", "A segment without records.", "DamagedSeal", { segments: [segment(1, 0)] }],
      ["records-16385", "A segment of too many records.", "DamagedSeal", { segments: [segment(1, 16_385)] }],
      ["cid", "No content identifier.", "DamagedSeal", { segments: [{ cid: "bafkrei", records: 1 }] }],
      ["stream-0x", "A name with 0x.", "DamagedSeal", { stream: "0x" + name("a stream").slice(2) }],
    ]),
    ...casesOf("SegmentList", "list", LIST, head, [["older", "With a list before it.", { older: cid("a list") }]], [
      ["empty", "An empty list.", "DamagedSeal", { segments: [] }],
      ["repeated-segment", "A segment twice.", "Malformed", { segments: [segment(1), segment(1)] }],
    ]),
    ...casesOf("VaultIndex", "index", INDEX, index, [
      ["empty", "A new vault.", { streams: [], book: null }],
    ], [
      ["home-short", "A home of 7 bytes.", "DamagedSeal", { home: HOME.slice(2) }],
      ["repeated-stream", "A stream twice.", "Malformed", { streams: [OWN, { ...OTHER, stream: OWN.stream }] }],
      ["repeated-head", "A head twice.", "Malformed", { streams: [OWN, { ...OTHER, head: OWN.head }] }],
      ["identity", "No age identity.", "DamagedSeal", { streams: [{ ...OWN, identity: "AGE-SECRET-KEY-1" }] }],
      ["category", "No term of a vocabulary.", "DamagedSeal", { streams: [{ ...OWN, category: "Purchase" }] }],
    ]),
    ...casesOf("VaultBook", "book", BOOK, book, [
      ["empty", "Nothing in it.", { accounts: [], bundles: [], restricted: [], schemas: [], shredded: [], spent: [] }],
      ["full-view", "A view with everything that a view may have.", { bundles: [{ ...BUNDLE, view: FULL_VIEW }] }],
      ["apart", "A bundle that another home went on with apart.", { bundles: [{ ...BUNDLE, apart: [APART] }] }],
    ], [
      ["repeated-branch", "A bundle's newest head among those made apart.", "Malformed", { bundles: [{ ...BUNDLE, apart: [{ ...APART, head: BUNDLE.head }] }] }],
      ["repeated-writer", "A home twice among the writers of one head.", "Malformed", { bundles: [{ ...BUNDLE, writers: [BUNDLE.writers[0], { home: HOME, number: 1 }] }] }],
      ["apart-none", "An empty list in place of an absent member.", "DamagedSeal", { bundles: [{ ...BUNDLE, apart: [] }] }],
      ["writer-home", "A writer with a home of 7 bytes.", "DamagedSeal", { bundles: [{ ...BUNDLE, writers: [{ home: HOME.slice(2), number: 2 }] }] }],
      ["repeated-bundle", "A bundle twice.", "Malformed", { bundles: [BUNDLE, { ...BUNDLE, head: cid("head 4") }] }],
      ["repeated-account", "An account twice.", "Malformed", { accounts: [BOOK.accounts[0], BOOK.accounts[0]] }],
      ["repeated-lock", "A lock twice in one bundle.", "Malformed", { bundles: [{ ...BUNDLE, locks: [LOCK, LOCK] }] }],
      ["repeated-mark", "A shredded mark twice.", "Malformed", { shredded: [BOOK.shredded[0], BOOK.shredded[0]] }],
      ["repeated-restriction", "A record restricted twice.", "Malformed", { restricted: [BOOK.restricted[0], { ...BOOK.restricted[0], until: "2027-02-01" }] }],
      ["restriction-time", "A restriction until a time of day.", "DamagedSeal", { restricted: [{ counter: 1, record: uuid(7), until: "2027-01-31T00:00:00Z" }] }],
      ["restriction-day", "A restriction until a day that does not exist.", "DamagedSeal", { restricted: [{ counter: 1, record: uuid(7), until: "2027-02-29" }] }],
      ["restriction-id", "A restricted record that is no UUIDv7.", "DamagedSeal", { restricted: [{ counter: 1, record: uuid(7).replace("-7", "-4"), until: "2027-01-31" }] }],
      ["restriction-released", "A reason without a day.", "DamagedSeal", { restricted: [{ counter: 1, reason: "why", record: uuid(7) }] }],
      ["restriction-reason", "An empty reason.", "DamagedSeal", { restricted: [{ counter: 1, reason: "", record: uuid(7), until: "2027-01-31" }] }],
      ["secret-short", "A secret of 31 bytes.", "DamagedSeal", { bundles: [{ ...BUNDLE, secret: SECRET.slice(2) }] }],
      ["address-lower", "An address without its checksum.", "DamagedSeal", { bundles: [{ ...BUNDLE, controller: CONTROLLER.toLowerCase() }] }],
      ["address-null", "null in place of an absent member.", "DamagedSeal", { accounts: [{ address: null, controller: CONTROLLER, generation: 0 }] }],
      ["view-false", "false in place of an absent member.", "DamagedSeal", { bundles: [{ ...BUNDLE, view: { ...VIEW, tags: false } }] }],
      ["epsilon", "An epsilon with a needless zero.", "DamagedSeal", { spent: [{ epsilon: "0.50", request: word("a study") }] }],
    ]),
    ...casesOf("ShredCertificate", "certificate", CERTIFICATE, KEYS.vault, [
      ["all", "Everything, with a store that could not be asked and a copy that could not be read.", {
        selection: "ALL", copy: { found: 0, lookedFor: 0, pages: 0, trouble: "another process reads it" },
        places: [{ absent: 1, blocks: 3, place: "/ip4/127.0.0.1/tcp/5001", there: 1, unknown: 1 }], takenBack: [{ controller: CONTROLLER, erased: true, records: 2 }], kept: [],
      }],
    ], [
      ["repeated-mark", "A mark twice.", "Malformed", { marks: [MARKS[0], MARKS[0]] }],
      ["marks-order", "Marks in another order.", "DamagedSeal", { marks: [...MARKS].reverse() }],
      ["marks-missing", "Fewer marks than records.", "DamagedSeal", { marks: MARKS.slice(1) }],
      ["places-sum", "Blocks of which nothing is said.", "DamagedSeal", { places: [{ ...CERTIFICATE.places[0], absent: 4 }] }],
      ["selection", "Another selection.", "DamagedSeal", { selection: "SOME" }],
    ]),
    ...casesOf("HomeName", "name", NAME, KEYS.vault, [["counter", "The largest counter.", { counter: LARGEST }]], [
      ["other-home", "Left under another home's name.", "WrongCapsule", { home: "ffeeddccbbaa9988" }],
      ["home-upper", "A home in upper case.", "DamagedSeal", { home: HOME.toUpperCase() }],
      ["counter-zero", "Counters begin at 1.", "DamagedSeal", { counter: 0 }],
      ["index", "No content identifier.", "DamagedSeal", { index: "bafkrei" }],
    ]),
    ...casesOf("Capsule", "capsule", CAPSULE, KEYS.relationship, [
      ["no-streams", "A grant that opens a mailbox only.", { streams: [] }],
      ["members-utf-8", "Members sorted by their UTF-8 bytes, and not by UTF-16.", { streams: [{ ...KEY, view: { ...VIEW, members: ["Z", "a", "é", "\uff5e", "\u{1f98a}"] } }] }],
    ], [
      ["subject", "For another subject.", "WrongCapsule", { subject: address("a stranger") }],
      ["controller", "For another controller.", "WrongCapsule", { controller: address("a stranger") }],
      ["lock", "For another grant.", "WrongCapsule", { lock: word("another lock") }],
      ["repeated-stream", "A bundle twice.", "Malformed", { streams: [KEY, { ...KEY_2, stream: KEY.stream }] }],
      ["repeated-head", "A head twice.", "Malformed", { streams: [KEY, { ...KEY_2, head: KEY.head }] }],
      ["repeated-view", "A view twice.", "Malformed", { streams: [KEY, { ...KEY_2, view: KEY.view }] }],
      ["other-category", "A category that is not the view's.", "DamagedSeal", { streams: [{ ...KEY, category: "pd:EmailAddress" }] }],
      ["members-order", "Members in another order.", "DamagedSeal", { streams: [{ ...KEY, view: { ...VIEW, members: ["price", "name"] } }] }],
      ["period", "No date.", "DamagedSeal", { streams: [{ ...KEY, view: { ...VIEW, from: "2025" } }] }],
      ["mailbox", "A mailbox that is no recipient.", "DamagedSeal", { mailbox: "age1" }],
    ]),
    ...casesOf("StreamUpdate", "update", UPDATE, KEYS.relationship, [
      ["no-streams", "All bundles of the grant ended.", { streams: [], number: LARGEST }],
    ], [
      ["other-grant", "For another grant.", "WrongCapsule", { grant: word("another grant's digest") }],
      ["number-zero", "Numbers begin at 1.", "DamagedSeal", { number: 0 }],
      ["repeated-stream", "A bundle twice.", "Malformed", { streams: [KEY, KEY] }],
    ]),
  ];
}

// --- whole stores ---------------------------------------------------------------------------------------------------

/** Seals bytes to an identity's recipient, stores them, and returns their CID. */
async function put(blocks, plain, to, label) {
  const sealed = await seal(frame(plain), await recipientOf(to), label);
  blocks[cidOf(sealed)] = base64(sealed);
  return cidOf(sealed);
}

const record = (number, more = {}) => ({
  body: { name: `article ${number}`, price: `${number}.50`, priceCurrency: "EUR" }, category: "pd:Purchase", counter: 1, home: HOME,
  id: uuid(number), schema: "purchase/1", source: "aurelle.example export", tags: ["gift"], time: "2026-01-31", ...more,
});
const lines = (records) => utf8(records.map((one) => canonical(one) + "\n").join(""));

async function putStream(blocks, label, to, key, parts) {
  const stream = name(label);
  const refs = [];
  for (const [i, part] of parts.entries()) refs.unshift({ cid: await put(blocks, lines(part), to, `${label} segment ${i}`), records: part.length });
  const list = signed({ ...LIST, stream, segments: refs.slice(1) }, key);
  const older = refs.length > 1 ? await put(blocks, utf8(canonical(list)), to, `${label} list`) : null;
  const head = signed({ ...HEAD, stream, number: parts.length, segments: refs.slice(0, 1), older }, key);
  return { stream, head: await put(blocks, utf8(canonical(head)), to, `${label} head`) };
}

async function vaultCase() {
  const blocks = {};
  const parts = [[record(1), record(2)], [record(2, { counter: 2, time: "2026-02-01T10:00:00+01:00" })], [{ counter: 3, deleted: true, home: HOME, id: uuid(1) }, record(3)]];
  const purchases = await putStream(blocks, "purchases", identity("purchases"), KEYS.vault, parts);
  const book = signed(BOOK, KEYS.vault);
  const index = signed({
    ...INDEX, book: await put(blocks, utf8(canonical(book)), KEYS.owner, "the book"),
    streams: [{ category: "pd:Purchase", identity: identity("purchases"), number: parts.length, ...purchases }],
  }, KEYS.vault);
  return ["whole-vault", {
    desc: "A seed, the CID of an index, and a store: all records, newest segments first.", error: "Valid", kind: "vault", seed: SEED,
    index: await put(blocks, utf8(canonical(index)), KEYS.owner, "the index"), blocks, book: canonical(book),
    records: parts.reverse().map((part) => part.map(canonical)),
  }];
}

async function capsuleCase() {
  const blocks = {};
  const brand = identity("a brand");
  const bundled = (number, more = {}) => {
    const { home: _, source: __, tags: ___, ...rest } = record(number, more);
    return { ...rest, id: hex(hmac(Buffer.from(SECRET, "hex"), Buffer.from(uuid(number).replaceAll("-", ""), "hex"))).slice(0, 32), body: { name: rest.body.name } };
  };
  const parts = [[bundled(2), bundled(3)]];
  const bundle = await putStream(blocks, "a bundle of purchases", identity("a bundle"), KEYS.relationship, parts);
  const key = { category: "pd:Purchase", identity: identity("a bundle"), view: { category: "pd:Purchase", members: ["name"] }, ...bundle };
  const capsule = signed({ ...CAPSULE, streams: [key] }, KEYS.relationship);
  const update = signed({ ...UPDATE, streams: [key] }, KEYS.relationship);
  return ["whole-capsule", {
    desc: "A brand's identity, a capsule and an update, and a store: what the brand may read.", error: "Valid", kind: "capsule", identity: brand,
    grant: { digest: DIGEST, subject: SUBJECT, controller: CONTROLLER, lock: LOCK },
    capsule: await put(blocks, utf8(canonical(capsule)), brand, "the capsule"), update: await put(blocks, utf8(canonical(update)), brand, "the update"),
    blocks, records: parts.map((part) => part.map(canonical)),
  }];
}

export async function fileCases() {
  return [...documentCases(), await vaultCase(), await capsuleCase()];
}
