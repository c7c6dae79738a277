// The use log, written a second time: entries, the tree of RFC 9162 by its recursive text, pages, files of changed logs.
import { createHash } from "node:crypto";

import { NOW, canonical, utf8, word } from "./base.mjs";
import { makeEvidence } from "./world.mjs";

const sha256 = (...parts) => createHash("sha256").update(Buffer.concat(parts.map((part) => Buffer.from(part)))).digest();
const hex = (bytes) => "0x" + Buffer.from(bytes).toString("hex");
const MINE = word("my grant");

const leafOf = (entry) => sha256([0], utf8(entry));

function split(count) {
  let k = 1;
  while (2 * k < count) k *= 2;
  return k;
}

function rootOf(leaves) {
  if (leaves.length === 1) return leaves[0];
  const k = split(leaves.length);
  return sha256([1], rootOf(leaves.slice(0, k)), rootOf(leaves.slice(k)));
}

function inclusion(index, leaves) {
  if (leaves.length === 1) return [];
  const k = split(leaves.length);
  if (index < k) return [...inclusion(index, leaves.slice(0, k)), rootOf(leaves.slice(k))];
  return [...inclusion(index - k, leaves.slice(k)), rootOf(leaves.slice(0, k))];
}

function consistency(first, leaves, known = true) {
  if (first === leaves.length) return known ? [] : [rootOf(leaves)];
  const k = split(leaves.length);
  if (first <= k) return [...consistency(first, leaves.slice(0, k), known), rootOf(leaves.slice(k))];
  return [...consistency(first - k, leaves.slice(k), false), rootOf(leaves.slice(0, k))];
}

function entry(number, changes = {}) {
  const grant = number % 2 ? word("another grant") : MINE;
  const own = { type: "ConsentUse", version: 1, grant, at: NOW + number, purpose: "dpv:Personalisation", data: ["pd:EmailAddress", "pd:Purchase"] };
  return { ...own, count: number, system: "shop", salt: word(`salt of use ${number}`), ...changes };
}

const log = (size, label = "") => Array.from({ length: size }, (_, n) => entry(n, label && { salt: word(`${label} ${n}`) }));
const leavesOf = (uses) => uses.map((use) => leafOf(canonical(use)));

function head(uses, size, before, issuedAt = NOW - 900 + size) {
  const leaves = leavesOf(uses);
  const message = { root: hex(rootOf(leaves.slice(0, size))), size, issuedAt };
  const { evidence } = makeEvidence("UseLog", { message, label: `head ${size} ${message.root}` });
  return { evidence, before, proof: before ? consistency(before, leaves.slice(0, size)).map(hex) : [] };
}

function logged(uses, index, size) {
  if (!size) return { index, use: uses[index] };
  return { index, use: uses[index], head: size, proof: inclusion(index, leavesOf(uses).slice(0, size)).map(hex) };
}

function entryCases() {
  const one = (name, desc, error, use, text = canonical(use)) => [`entry-${name}`, { desc, error, entry: text, ...(error === "Valid" && { leaf: hex(leafOf(text)) }) }];
  const good = entry(7);
  return [
    one("valid", "A reading of seven records.", "Valid", good),
    one("unnamed-system", "Nobody says which system read.", "Valid", entry(7, { system: "" })),
    one("other-letters", "A system's name in other letters, with a quote.", "Valid", entry(7, { system: "Boutique “Été”, 東京" })),
    one("nothing-read", "A reading that found no record.", "Valid", entry(7, { count: 0 })),
    one("largest-count", "The largest number that JSON holds.", "Valid", entry(7, { count: Number.MAX_SAFE_INTEGER })),
    one("long-system", "A name of 101 characters.", "Malformed", entry(7, { system: "x".repeat(101) })),
    one("control-character", "A name that a terminal would obey.", "Malformed", entry(7, { system: "\u001b[2J" })),
    one("unsorted-data", "Kinds of data in the wrong order.", "Malformed", entry(7, { data: ["pd:Purchase", "pd:EmailAddress"] })),
    one("no-data", "No kind of data.", "Malformed", entry(7, { data: [] })),
    one("plain-purpose", "A purpose that is no term.", "Malformed", entry(7, { purpose: "advertising" })),
    one("short-salt", "A salt of 31 bytes.", "Malformed", entry(7, { salt: "0x" + "11".repeat(31) })),
    one("negative-count", "Fewer than no records.", "Malformed", entry(7, { count: -1 })),
    one("extra-member", "A member that no entry has.", "Malformed", { ...good, note: "" }),
    one("white-space", "The same entry in another encoding.", "Malformed", good, JSON.stringify(good, null, 1)),
  ];
}

function treeCases() {
  return [1, 2, 3, 7, 8, 13].map((size) => {
    const leaves = leavesOf(log(size));
    return [`tree-${size}`, {
      desc: `A log of ${size}: its roots as it grew, each entry's inclusion in the last one, and each earlier log's consistency with it.`,
      error: "Valid",
      leaves: leaves.map(hex),
      roots: leaves.map((_, n) => hex(rootOf(leaves.slice(0, n + 1)))),
      inclusion: leaves.map((_, n) => inclusion(n, leaves).map(hex)),
      consistency: leaves.map((_, n) => consistency(n + 1, leaves).map(hex)),
    }];
  });
}

function pageCases() {
  const uses = log(9);
  const mine = [0, 2, 4, 6, 8].map((index) => logged(uses, index, [3, 8].find((size) => size > index)));
  const page = { type: "ConsentUses", version: 1, grant: MINE, heads: [head(uses, 3, 0), head(uses, 8, 3)], uses: mine, more: false };
  const one = (name, desc, error, document) => [`page-${name}`, { desc, error, page: canonical(document) }];
  return [
    one("valid", "Two heads, four entries that they cover, and one that none covers yet.", "Valid", page),
    one("empty", "A grant by which nothing was read.", "Valid", { ...page, heads: [], uses: [] }),
    one("of-another-grant", "It shows an entry of another grant.", "Malformed", { ...page, uses: [logged(uses, 1, 3)] }),
    one("head-without-proof", "An entry with a head and no proof.", "Malformed", { ...page, uses: [{ ...mine[0], proof: undefined }] }),
    one("another-statement", "A grant in the place of a head.", "Malformed", { ...page, heads: [{ evidence: makeEvidence("Grant").evidence, before: 0, proof: [] }] }),
  ];
}

function changeCases() {
  const [uses, other] = [log(9), log(9, "another log")];
  const heads = { three: head(uses, 3, 0), eight: head(uses, 8, 3), otherThree: head(other, 3, 0), five: head(other, 5, 3, NOW - 100) };
  const one = (name, desc, error, names, use, shown) => {
    const file = canonical({ type: "ConsentChangedLog", version: 1, heads: names.map((each) => heads[each].evidence), use });
    return [`changed-${name}`, { desc, error, file, shown }];
  };
  return [
    one("split", "Two heads of three entries differ.", "Valid", ["three", "otherThree"], undefined, "split"),
    one("shortened", "A head of five entries is dated after one of eight.", "Valid", ["eight", "five"], undefined, "shortened"),
    one("unshown", "Two heads, of which nothing shows that they belong together.", "Valid", ["otherThree", "eight"], undefined, "unshown"),
    one("head-gone", "A head that is not shown any more.", "Valid", ["eight"], undefined, "unshown"),
    one("missing", "An entry that was under a head.", "Valid", ["three"], logged(uses, 2, 3), "missing"),
    one("unsigned", "An entry that no head covered.", "Valid", [], logged(uses, 8), "unsigned"),
    one("same-head-twice", "A head agrees with itself.", "Malformed", ["three", "three"]),
    one("nothing", "Neither a head nor an entry.", "Malformed", []),
    one("entry-of-another-log", "An entry whose proof leads to another root.", "NotIncluded", ["otherThree"], logged(uses, 2, 3)),
    one("entry-beside-two", "An entry beside two heads.", "Malformed", ["three", "eight"], logged(uses, 2, 3)),
  ];
}

export function useCases() {
  return [...entryCases(), ...treeCases(), ...pageCases(), ...changeCases()];
}
