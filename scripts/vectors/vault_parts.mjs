// Cases of a vault's sealed files: keys, frames, records, documents, and two stores that are read as a whole.
import { CONTROLLER, SUBJECT } from "./world.mjs";
import { address, canonical, sha256, utf8, word } from "./base.mjs";
import { HEADER, accountNumber, base64, cidOf, frame, frameOf, hex, hmac, identityOf, keysOf, member, named, padme, publicKey, recipientOf } from "./vault.mjs";

const SEED = word("a vault's seed");
const HOME = "00112233aabbccdd";
const ID = "0197f3a1-2b3c-7d4e-8f50-a1b2c3d4e5f6";
const CID = cidOf(named("a block"));
const LARGEST = Number.MAX_SAFE_INTEGER;
const idBytes = (id) => Buffer.from(id.replaceAll("-", ""), "hex");
const idInBundle = (secret, id) => hex(hmac(secret, idBytes(id))).slice(0, 32);

// --- keys -----------------------------------------------------------------------------------------------------------

async function keysCase(name, desc, seed, subject, controller, secret = "5e".repeat(32)) {
  const keys = keysOf(seed, subject, controller);
  const accounts = [[controller, 0], [controller, 1], [controller, 2 ** 32 - 1], [word("salt of an Intent"), 0]];
  return [`keys-${name}`, {
    desc, error: "Valid", kind: "keys", seed, subject, controller, id: ID, secret,
    owner: keys.owner,
    ownerRecipient: await recipientOf(keys.owner),
    vaultKey: publicKey(keys.vault),
    relationshipKey: publicKey(keys.relationship),
    mailbox: keys.mailbox,
    search: keys.search,
    homes: keys.homes,
    shreddedMark: hex(hmac(keys.shredded, idBytes(ID))),
    idInBundle: idInBundle(Buffer.from(secret, "hex"), ID),
    accounts: accounts.map(([whose, generation]) => ({ name: whose, generation, number: accountNumber(seed, whose, generation) })),
  }];
}

// --- frames ---------------------------------------------------------------------------------------------------------

const TEXT = utf8("a record of a life\n");

function frameCase(name, desc, error, made, { limit = 1000, plain = TEXT } = {}) {
  let end = made.length;
  while (end > 0 && made[end - 1] === 0) end -= 1;
  const zeros = { "{zeros}": ["00", made.length - end] };
  return [`frame-${name}`, {
    desc, error, kind: "frame", limit, frame: hex(made.subarray(0, end)) + "{zeros}", fill: zeros,
    ...(error === "Valid" ? { plain: base64(plain) } : {}),
  }];
}

function changed(made, place, value) {
  const other = Buffer.from(made);
  other[place] = value;
  return other;
}

function frameCases() {
  const good = frame(TEXT);
  const inside = member(TEXT);
  const header = (place, value) => frameOf(changed(inside, place, value));
  const noise = Buffer.concat(Array.from({ length: 150 }, (_, i) => named(`noise ${i}`)));
  const bad = (name, desc, made, more) => frameCase(name, desc, "DamagedSeal", made, more);
  return [
    frameCase("short", "A short text: 4,096 bytes.", "Valid", good),
    frameCase("empty", "Nothing in it.", "Valid", frame(Buffer.alloc(0)), { plain: Buffer.alloc(0) }),
    frameCase("padded", "More than 4,096 bytes: Padmé.", "Valid", frame(noise), { limit: 4800, plain: noise }),
    frameCase("limit", "Exactly as long as the reader allows.", "Valid", good, { limit: TEXT.length }),
    frameCase("system", "Another system and extra flags in the gzip header: both are free.", "Valid", frameOf(member(TEXT, Buffer.from("1f8b0800000000000203", "hex")))),
    bad("over-limit", "A byte more than the reader allows.", good, { limit: TEXT.length - 1 }),
    bad("nothing", "No bytes.", Buffer.alloc(0)),
    bad("cut", "A zero is missing.", good.subarray(0, -1)),
    bad("longer", "A zero too many.", Buffer.concat([good, Buffer.alloc(1)])),
    bad("not-padded", "No padding at all.", frameOf(inside, inside.length + 4)),
    bad("padded-too-far", "The next length that Padmé knows.", frameOf(inside, padme(4097))),
    bad("not-zero", "The padding is not zero.", changed(good, good.length - 1, 1)),
    bad("no-member", "Zeros only.", Buffer.alloc(4096)),
    bad("length-too-large", "The length reaches past the end.", changed(good, 0, 1)),
    bad("length-too-small", "The length ends inside the member.", changed(good, 3, inside.length - 1)),
    bad("other-method", "Not deflate.", header(2, 7)),
    bad("flag-text", "The flag FTEXT.", header(3, 1)),
    bad("time", "A time in the header.", header(4, 1)),
    bad("name", "A name in the header.", frameOf(Buffer.concat([changed(HEADER, 3, 8), utf8("a.csv\0"), inside.subarray(10)]))),
    bad("two-members", "A second gzip member.", frameOf(Buffer.concat([inside, member(Buffer.alloc(0))]))),
    bad("byte-after-member", "A zero between the member and its length.", frameOf(Buffer.concat([inside, Buffer.alloc(1)]))),
    bad("checksum", "Another checksum.", changed(good, 4 + inside.length - 8, inside[inside.length - 8] ^ 1)),
    bad("size", "Another size.", changed(good, 4 + inside.length - 4, inside[inside.length - 4] ^ 1)),
    bad("no-trailer", "No checksum and no size.", frameOf(inside.subarray(0, -8))),
  ];
}

// --- records --------------------------------------------------------------------------------------------------------

const BODY = { name: "basket: mushrooms, grapes", orderDate: "2026-01-31", price: "43.49", priceCurrency: "EUR", quantity: 1, seller: "Maison Aurelle" };
const RECORD = { body: BODY, category: "pd:Purchase", counter: 1, home: HOME, id: ID, schema: "purchase/1", source: "aurelle.example export", time: "2026-01-31" };
const DATA = utf8("a receipt");
const FILE = { bytes: DATA.length, data: base64(DATA), mediaType: "text/plain", name: "receipt.txt", sha256: sha256(DATA).slice(2) };

function recordCases() {
  const valid = (name, desc, record, more = {}) => [`record-${name}`, { desc, error: "Valid", kind: "record", line: typeof record === "string" ? record : canonical(record), ...more }];
  const spelled = (name, desc, line, written = canonical(RECORD)) => [`record-${name}`, { desc, error: "Valid", kind: "record", line, written }];
  const bad = (name, desc, line, more = {}) => [`record-${name}`, { desc, error: "Malformed", kind: "record", line: typeof line === "string" ? line : canonical(line), ...more }];
  const text = canonical(RECORD);
  const { body: _, ...bodiless } = RECORD;
  const { home: __, ...homeless } = RECORD;
  const withBody = (inner) => text.replace(canonical(BODY), inner);
  return [
    valid("own", "A purchase in an own stream.", RECORD),
    valid("bundle", "The same in a bundle: another id, no home, no source.", { body: BODY, category: "pd:Purchase", counter: 3, id: idInBundle(Buffer.alloc(32, 0x5e), ID), schema: "purchase/1", time: "2026-01-31" }),
    valid("key", "What an import recognises it by.", { ...RECORD, key: "00112233445566778899aabbccddeeff" }),
    valid("key-of-a-thing", "What an import recognises a thing and its state by.", { ...RECORD, key: "0123456789abcdef".repeat(4) }),
    bad("key-long", "A key of 48 bytes.", { ...RECORD, key: "0".repeat(96) }),
    valid("tombstone-with-key", "A deleted record that no import brings back.", { counter: 2, deleted: true, home: HOME, id: ID, key: "0".repeat(32) }),
    bad("key-short", "A key of 15 bytes.", { ...RECORD, key: "0".repeat(30) }),
    bad("key-in-bundle", "A key in a bundle.", { counter: 4, deleted: true, id: "0".repeat(32), key: "0".repeat(32) }),
    valid("origin", "A record that a brand sent, with the brand's own id for it.", { ...RECORD, key: "0123456789abcdef".repeat(4), origin: { controller: CONTROLLER, id: "order-17" } }),
    valid("origin-in-bundle", "The same in that brand's bundle.", { body: BODY, category: "pd:Purchase", counter: 1, id: "0".repeat(32), origin: { controller: CONTROLLER, id: "order-17" }, schema: "purchase/1", time: "2026-01-31" }),
    bad("origin-lower-case", "A brand without its checksum.", { ...RECORD, origin: { controller: CONTROLLER.toLowerCase(), id: "order-17" } }),
    bad("origin-id-space", "An id with a space.", { ...RECORD, origin: { controller: CONTROLLER, id: "order 17" } }),
    bad("origin-of-tombstone", "A deleted record that still names a brand.", { counter: 2, deleted: true, home: HOME, id: ID, origin: { controller: CONTROLLER, id: "order-17" } }),
    valid("tombstone", "A deleted record.", { counter: 2, deleted: true, home: HOME, id: ID }),
    valid("tombstone-bundle", "A deleted record in a bundle.", { counter: 4, deleted: true, id: "0".repeat(32) }),
    valid("tags", "Tags, sorted by their UTF-8 bytes.", { ...RECORD, tags: ["Z", "a", "é", "中", "\uff5e", "\u{1f98a}"] }),
    valid("time-offset", "A time with an offset and a fraction.", { ...RECORD, time: "2026-01-31T10:00:00.123456+01:00" }),
    valid("time-zulu", "A time in UTC, in the first year.", { ...RECORD, time: "0001-01-01T00:00:00Z" }),
    valid("time-last", "The last day.", { ...RECORD, time: "9999-12-31" }),
    valid("time-leap-day", "29 February of a leap year.", { ...RECORD, time: "2024-02-29" }),
    valid("file", "A file and no body.", { ...bodiless, file: FILE }),
    valid("file-and-body", "A body and a file that was sealed apart.", { ...RECORD, file: { bytes: 5_000_000, cid: CID, identity: identityOf(named("a file's identity")), mediaType: "image/jpeg", name: "photo.jpg", sha256: hex(named("a file")) } }),
    valid("numbers", "The largest integers, and numbers that are no integers.", withBody(`{"a":${LARGEST},"b":-${LARGEST},"c":0.1,"d":5e-324,"e":1.7976931348623157e+308,"f":-0.5,"g":1e21}`), { written: null }),
    valid("empty-body", "An empty body.", withBody("{}")),
    valid("unicode", "Control characters, quotation marks, and letters of many scripts.", { ...RECORD, body: { "": "\u0000\u001f\u007f\"\\/", "é中\u{1f98a}": "\u2028\ufeff" } }),
    valid("depth-32", "A body that is nested 32 deep.", withBody("{deep}1{ends}"), { fill: { "{deep}": ['{"a":', 32], "{ends}": ["}", 32] } }),
    valid("source-200", "A source of 200 characters.", { ...RECORD, source: "é".repeat(200) }),
    spelled("white-space", "White space.", JSON.stringify(RECORD, null, 1).replaceAll("\n", " ")),
    spelled("other-order", "Members in another order.", canonical(RECORD).replace(/^\{(.*),("time".*)\}$/, "{$2,$1}")),
    spelled("escapes", "A letter as an escape.", text.replace("basket", "\\u0062asket")),
    spelled("number-spelling", "The number 1 as 1.0e0.", text.replace('"quantity":1', '"quantity":1.0e0'), null),
    bad("nothing", "No bytes.", ""),
    bad("two", "Two records in one line.", text + text),
    bad("byte-order-mark", "A byte order mark.", "\ufeff" + text),
    bad("unknown-member", "A member that no record has.", { ...RECORD, more: 1 }),
    bad("repeated-member", "A member twice.", text.replace('"counter":1', '"counter":1,"counter":1')),
    bad("repeated-in-body", "A member of the body twice.", text.replace('"quantity":1', '"quantity":1,"price":"1.00"')),
    bad("repeated-deep", "A member twice, deep in the body.", withBody('{"a":[{"b":1,"b":1}]}')),
    bad("null", "null in place of an absent member.", { ...RECORD, tags: null }),
    bad("no-tags", "An empty list in place of an absent one.", { ...RECORD, tags: [] }),
    bad("not-deleted", "false in place of an absent member.", { ...RECORD, deleted: false }),
    bad("tombstone-with-body", "A tombstone that holds a body.", { ...RECORD, deleted: true }),
    bad("nothing-in-it", "Neither a body nor a file.", bodiless),
    bad("body-list", "A body that is a list.", { ...RECORD, body: [] }),
    bad("id-version-4", "A UUID of version 4.", { ...RECORD, id: "0197f3a1-2b3c-4d4e-8f50-a1b2c3d4e5f6" }),
    bad("id-upper", "An id in upper case.", { ...RECORD, id: ID.toUpperCase() }),
    bad("id-of-bundle-with-home", "A bundle's id beside a home.", { ...RECORD, id: "0".repeat(32) }),
    bad("own-id-without-home", "An own id without a home.", homeless),
    bad("counter-zero", "Counters begin at 1.", { ...RECORD, counter: 0 }),
    bad("counter-large", "A counter over 53 bits.", text.replace('"counter":1', '"counter":9007199254740992')),
    bad("category", "No term of a vocabulary.", { ...RECORD, category: "Purchase" }),
    bad("schema-zero", "Versions begin at 1.", { ...RECORD, schema: "purchase/0" }),
    bad("schema-upper", "A schema in upper case.", { ...RECORD, schema: "Purchase/1" }),
    bad("time-local", "A time without an offset.", { ...RECORD, time: "2026-01-31T10:00:00" }),
    bad("time-no-leap-day", "29 February of another year.", { ...RECORD, time: "2026-02-29" }),
    bad("time-leap-second", "A leap second.", { ...RECORD, time: "2016-12-31T23:59:60Z" }),
    bad("time-year-zero", "Before the first year.", { ...RECORD, time: "0000-01-01" }),
    bad("time-fraction", "Seven digits of a second.", { ...RECORD, time: "2026-01-31T10:00:00.1234567Z" }),
    bad("time-lower", "Lower-case letters.", { ...RECORD, time: "2026-01-31t10:00:00z" }),
    bad("tags-order", "Tags in another order: UTF-16's, and not UTF-8's.", { ...RECORD, tags: ["\u{1f98a}", "\uff5e"] }),
    bad("tags-repeat", "A tag twice.", { ...RECORD, tags: ["a", "a"] }),
    bad("tags-33", "33 tags.", { ...RECORD, tags: Array.from({ length: 33 }, (_, i) => `t${10 + i}`) }),
    bad("tag-65", "A tag of 65 characters.", { ...RECORD, tags: ["t".repeat(65)] }),
    bad("source-201", "A source of 201 characters.", { ...RECORD, source: "s".repeat(201) }),
    bad("integer-large", "An integer over 53 bits.", text.replace('"quantity":1', '"quantity":9007199254740992')),
    bad("integer-1e20", "A large double that is spelled as an integer.", text.replace('"quantity":1', `"quantity":${JSON.stringify(1e20)}`)),
    bad("number-infinite", "A number over all doubles.", text.replace('"quantity":1', '"quantity":1e999')),
    bad("surrogate", "Half a surrogate pair.", text.replace("basket", "\\ud800")),
    bad("depth-33", "A body that is nested 33 deep.", withBody("{deep}1{ends}"), { fill: { "{deep}": ['{"a":', 33], "{ends}": ["}", 33] } }),
    bad("depth-30000", "A body that is nested 30,000 deep.", withBody("{deep}1{ends}"), { fill: { "{deep}": ['{"a":', 30000], "{ends}": ["}", 30000] } }),
    bad("body-large", "A body over 1 MiB.", withBody('{"text":"{long}"}'), { fill: { "{long}": ["x", 2 ** 20 - 10] } }),
    valid("body-largest", "A body of 1 MiB.", withBody('{"text":"{long}"}'), { fill: { "{long}": ["x", 2 ** 20 - 11] } }),
    bad("file-hash", "A file that is not what its hash says.", { ...bodiless, file: { ...FILE, sha256: "0".repeat(64) } }),
    bad("file-size", "A file that is not as long as it says.", { ...bodiless, file: { ...FILE, bytes: 8 } }),
    bad("file-both", "A file that lies in two places.", { ...bodiless, file: { ...FILE, cid: CID } }),
    bad("file-folder", "A name with a folder.", { ...bodiless, file: { ...FILE, name: "../receipt.txt" } }),
    bad("file-base64", "base64 in a second spelling.", { ...bodiless, file: { ...FILE, bytes: 2, data: "YWJ=", sha256: sha256(utf8("ab")).slice(2) } }),
  ];
}

export async function primitiveCases() {
  return [
    await keysCase("usual", "A vault's seed, an account of its own, and a brand.", SEED, SUBJECT, CONTROLLER),
    await keysCase("other-seed", "Another vault.", word("another vault's seed"), SUBJECT, CONTROLLER),
    await keysCase("swapped", "Subject and controller swapped: other keys.", SEED, CONTROLLER, SUBJECT, "00".repeat(32)),
    await keysCase("zero", "A seed of zeros.", "0x" + "00".repeat(32), address("a stranger"), CONTROLLER, "ff".repeat(32)),
    ...frameCases(),
    ...recordCases(),
  ];
}
